"""Make parity vectors of msa_flagging, and of science regions. Run it with the interpreter of the released pipeline.

A temporary cache gets the references of nirspec_scenes.py, and constants for gain and read noise. Masks are kept as
bits, of large arrays some pixels.
"""

import importlib.util
import json
import os
import pathlib
import shutil
import sys
import tempfile

import make_picture_frame as frames
import nirspec_scenes as scenes
import numpy as np

SHUTTERS = [
    {"Q": 3, "x": 200, "y": 86, "state": "closed", "TA state": "open", "Internal state": "closed"},
    {"Q": 3, "x": 100, "y": 30, "state": "closed", "TA state": "closed", "Internal state": "closed"},
    {"Q": 1, "x": 300, "y": 62, "state": "open", "TA state": "normal", "Internal state": "normal"},
    {"Q": 2, "x": 10, "y": 170, "state": "normal", "TA state": "normal", "Internal state": "open"},
    {"Q": 4, "x": 360, "y": 1, "state": "open", "TA state": "open", "Internal state": "open"},
]
FLAGS = ("mos", "mos_nrs2", "mos_prism", "ifu")
MASKS = {
    "slits": {},
    "slits_nrs2": {},
    "bright": {},
    "mos": {},
    "mos shutters": {"rows": scenes.SHUTTERS[:-2]},
    "ifu": {},
}
CLEANED = ("mos",)
FRAMES = ("mos", "slits")
FLAG = 536870912
MAPPINGS = "jwst/simulation/mappings.py"
TYPES = (
    "distortion filteroffset specwcs regions wavelengthrange camera chromcorr collimator disperser fore fpa msa ote "
)
TYPES = (TYPES + "ifupost ifufore ifuslicer").split()


def write_shutters(path):
    """Write an operability reference."""
    pathlib.Path(path).write_text(json.dumps({"msaoper": SHUTTERS}))
    return str(path)


def exposure(name, folder, *, seed=None):
    """The exposure of a case and its references: a rate of ones with some NaN, or of noise in rows."""
    rows = MASKS.get(name, {}).get("rows")
    model, references = scenes.case(name.partition(" ")[0], folder)
    if rows is not None:
        scenes.msa_file(pathlib.Path(folder) / "made_msa.fits", rows)
    references["msa"] = scenes.references(folder)["msa"]
    shape = model.data.shape
    data = np.ones(shape, np.float32)
    if seed is not None:
        rng = np.random.default_rng(seed)
        data += rng.standard_normal(shape, np.float32)
        data += rng.standard_normal((*shape[:-1], 1), np.float32)
    data[..., 3::50, 7::30] = np.nan
    model.data, model.dq, model.err = data, np.zeros(shape, np.uint32), np.zeros(shape, np.float32)
    model.meta.subarray.fastaxis, model.meta.subarray.slowaxis = 2, 1
    return model, references


def ramp(name, folder):
    """Ramps of a full frame, with the keywords of a case."""
    rate, references = exposure(name, folder)
    model = frames.model_of(5, {"shape": (1, 3, frames.SIZE, frames.SIZE)})
    place = {key: getattr(model.meta.subarray, key) for key in ("fastaxis", "slowaxis")}
    times = {key: getattr(model.meta.exposure, key) for key in ("group_time", "frame_time", "nframes", "groupgap")}
    counts = {"nints": 1, "ngroups": 3, "readpatt": "NRSRAPID"}
    model.update(rate)
    for key, value in place.items():
        setattr(model.meta.subarray, key, value)
    for key, value in (times | counts).items():
        setattr(model.meta.exposure, key, value)
    model.meta.filename = "exposure.fits"
    return model, references


def bits(array):
    """A mask as bytes."""
    return np.packbits(np.asarray(array, bool))


def mappings():
    """The module of this project that writes mappings, without importing the project."""
    spec = importlib.util.spec_from_file_location("mappings", pathlib.Path(__file__).parents[2] / MAPPINGS)
    module = importlib.util.module_from_spec(spec)
    sys.modules["mappings"] = module
    spec.loader.exec_module(module)
    return module


def constant(path, cls, value):
    """Write a reference of one value."""
    from stdatamodels.jwst import datamodels

    frames.place(getattr(datamodels, cls)(data=np.full((frames.SIZE, frames.SIZE), value, np.float32))).save(path)


def cache(folder):
    """A cache with the references of the scenes."""
    made = mappings()
    root = folder / "crds"
    place = root / "references" / "jwst" / "nirspec"
    place.mkdir(parents=True)
    found = {}
    for name in dict.fromkeys([*FLAGS, *MASKS, *FRAMES]):
        model, references = exposure(name, folder)
        references |= scenes.references(folder, ifu=True) | references
        references["msaoper"] = write_shutters(folder / "made_msaoper.json")
        values = {"GRATING": model.meta.instrument.grating, "FILTER": model.meta.instrument.filter}
        for reftype, path in references.items():
            file = f"jwst_nirspec_{reftype}_{pathlib.Path(path).name.rpartition('_')[2]}"
            shutil.copy(path, place / file)
            keys = [key.rpartition(".")[2] for key in made.parkeys("NIRSPEC", reftype)]
            match = tuple(values.get(key, "ANY") if reftype in ("disperser", "fore") else "ANY" for key in keys)
            found.setdefault(reftype, {})[match] = file
    for reftype in ("ifupost", "ifufore", "ifuslicer"):
        found[reftype] = {("NRS_IFU", "ANY"): next(iter(found[reftype].values())), ("N/A", "N/A"): "N/A"}
    for reftype, cls, value in (("gain", "GainModel", 1.8), ("readnoise", "ReadnoiseModel", 15.0)):
        file = f"jwst_nirspec_{reftype}_0001.fits"
        constant(place / file, cls, value)
        found[reftype] = {("ANY",) * len(made.parkeys("NIRSPEC", reftype)): file}
    rmaps = [made.Rmap("NIRSPEC", reftype, files) for reftype, files in found.items()]
    made.write_context(root, made.Context(tuple(rmaps)))
    os.environ["CRDS_PATH"] = str(root)
    for name in ("CRDS_CONTEXT", "CRDS_SERVER_URL"):
        os.environ.pop(name, None)


def flags(folder):
    """What msa_flagging flags."""
    from jwst.msaflagopen import MSAFlagOpenStep

    kept = {}
    for name in FLAGS:
        model, references = exposure(name, folder)
        for reftype in TYPES:
            getattr(model.meta.ref_file, reftype).name = references.get(reftype, "N/A")
        model.dq = np.zeros(model.data.shape, np.uint32)
        result = MSAFlagOpenStep.call(model, override_msaoper=str(folder / "made_msaoper.json"))
        kept[f"flags/{name}"] = bits(result.dq & FLAG)
        print("flags", name, result.meta.cal_step.msa_flagging, np.count_nonzero(result.dq))
    return kept


def masks(folder):
    """Masks and cleaned rates of clean_flicker_noise."""
    from stdatamodels.jwst import datamodels

    from jwst.clean_flicker_noise import CleanFlickerNoiseStep

    kept = {}
    for name in MASKS:
        model, _ = exposure(name, folder)
        model.meta.filename = "exposure.fits"
        result = CleanFlickerNoiseStep.call(model, skip=False, mask_science_regions=True, save_mask=True, n_sigma=0.0)
        with datamodels.open("exposure_mask.fits") as mask:
            kept[f"mask/{name}"] = bits(mask.data)
            print("mask", name, result.meta.cal_step.clean_flicker_noise, np.count_nonzero(mask.data), mask.data.shape)
    for name in CLEANED:
        model, _ = exposure(name, folder, seed=3)
        result = CleanFlickerNoiseStep.call(model, skip=False, mask_science_regions=True)
        kept[f"cleaned/{name}"] = frames.sample(result.data)
    return kept


def pictures(folder):
    """Masks and results of picture_frame with its defaults."""
    from stdatamodels.jwst import datamodels

    from jwst.picture_frame import PictureFrameStep

    kept = {}
    for name in FRAMES:
        model, _ = ramp(name, folder)
        result = PictureFrameStep.call(
            model, skip=False, save_mask=True, override_pictureframe=frames.reference_model()
        )
        with datamodels.open("exposure_pctfrm_mask.fits") as mask:
            kept[f"frame/{name}/mask"] = frames.sample(mask.data).astype(bool)
            kept[f"frame/{name}/background"] = np.count_nonzero(mask.data)
            print("frame", name, result.meta.cal_step.picture_frame, np.count_nonzero(mask.data))
        kept[f"frame/{name}/data"] = frames.sample(result.data)
    return kept


def main():
    import logging
    import warnings

    sys.tracebacklimit = 0
    os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    target = pathlib.Path(__file__).with_name("nirspec_regions.npz")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        cache(folder)
        os.chdir(folder)
        vectors = flags(folder) | masks(folder) | pictures(folder)
    np.savez_compressed(target, **vectors)
    print(target.stat().st_size)


if __name__ == "__main__":
    main()
