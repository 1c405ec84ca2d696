"""Make parity vectors of picture_frame. Run it with the interpreter of the released pipeline (jwst 3.0.0).

CRDS_PATH must name a cache with the mappings of CRDS_CONTEXT, as for make_clean_flicker_noise.py. The step works on
full frames only; `build` makes them again from their seeds, for the tests too, and of the outputs some pixels are kept.
"""

import os
import pathlib
import tempfile

import numpy as np

SIZE = 2048
CASES = {
    "ramp": {"shape": (1, 3, SIZE, SIZE)},
    "rate": {"shape": (SIZE, SIZE), "options": {"n_sigma": 0.0}},
    "rates": {"shape": (2, SIZE, SIZE)},
}
PRODUCTS = {"mask": "pctfrm_mask", "correction": "pctfrm_correction"}


def pattern():
    """Reference: bright at the edge, with a gradient, and some NaN."""
    rng = np.random.default_rng(99)
    y, x = np.indices((SIZE, SIZE), dtype=np.float32) / SIZE - 0.5
    data = 0.02 + 0.1 * (np.maximum(np.abs(x), np.abs(y)) > 0.462) + 0.01 * x
    data[rng.integers(0, SIZE, 100), rng.integers(0, SIZE, 100)] = np.nan
    return data.astype(np.float32)


def build(seed, shape):
    """Make data, and for ramps flags: noise, the pattern, a constant, sources, NaN."""
    rng = np.random.default_rng(seed)
    frame = np.nan_to_num(pattern(), nan=0.05)
    rate = 0.6 * frame + 0.3
    for _ in range(30):
        row, column = rng.integers(20, SIZE - 20, 2)
        rate[row - 8 : row + 9, column - 8 : column + 9] += rng.uniform(1, 50)
    rate = rate.astype(np.float32)
    if len(shape) < 4:
        noise = rng.standard_normal(shape, np.float32) * np.float32(0.05)
        data = rate + noise
        data[..., rng.integers(0, SIZE, 2000), rng.integers(0, SIZE, 2000)] = np.nan
        return data, None, np.zeros(shape, np.uint32)
    data = np.empty(shape, np.float32)
    for integration in data:
        level = np.full(shape[-2:], 100, np.float32)
        for group in integration:
            level += 10 * rate + rng.standard_normal(shape[-2:], np.float32)
            group[...] = level
    groupdq = (4 * (rng.random(shape, np.float32) < 0.001)).astype(np.uint8)
    return data, groupdq, (rng.random(shape[-2:], np.float32) < 0.002).astype(np.uint32)


def place(model):
    """Fill the keywords of a NIRSpec full frame."""
    meta = model.meta
    meta.instrument.name, meta.instrument.detector = "NIRSPEC", "NRS1"
    meta.subarray.name, meta.subarray.xstart, meta.subarray.ystart = "FULL", 1, 1
    meta.subarray.xsize = meta.subarray.ysize = SIZE
    meta.subarray.fastaxis, meta.subarray.slowaxis = 2, 1
    return model


def model_of(seed, case):
    """The input of a case as a data model."""
    from stdatamodels.jwst import datamodels

    data, groupdq, dq = build(seed, case["shape"])
    model = getattr(datamodels, {2: "ImageModel", 3: "CubeModel", 4: "RampModel"}[data.ndim])(data=data)
    if data.ndim == 4:
        model.groupdq, model.pixeldq = groupdq, dq
    else:
        model.dq = dq
    place(model)
    meta = model.meta
    meta.filename, meta.exposure.type, meta.exposure.readpatt = "exposure.fits", "NRS_MSASPEC", "NRSRAPID"
    meta.instrument.filter, meta.instrument.grating = "F170LP", "G235M"
    meta.observation.date, meta.observation.time = "2023-07-01", "00:00:00"
    meta.exposure.nints = data.shape[0] if data.ndim > 2 else 1
    meta.exposure.ngroups = data.shape[1] if data.ndim > 3 else 5
    meta.exposure.nframes, meta.exposure.groupgap = 1, 0
    meta.exposure.group_time = meta.exposure.frame_time = 10.0
    return model


def reference_model():
    """`pattern` as a data model."""
    from stdatamodels.jwst import datamodels

    model = datamodels.PictureFrameModel(data=pattern())
    model.meta.instrument.name, model.meta.instrument.detector = "NIRSPEC", "NRS1"
    return model


def sample(array):
    """Pixels of the output that are kept: all over, and around the borders of the regions."""
    picks = np.unique(np.r_[0:6, 73:78, 11:SIZE:97, 1982:1987, 2041:SIZE])
    return array[..., picks[:, None], picks]


def constant_references(folder):
    """Copy the mappings of the cache into a folder, with constants for gain and read noise."""
    import shutil

    source = pathlib.Path(os.environ["CRDS_PATH"])
    for part in ("mappings", "config"):
        shutil.copytree(source / part, folder / part)
    os.environ["CRDS_PATH"] = str(folder)
    import crds
    from stdatamodels.jwst import datamodels

    parameters = model_of(0, {"shape": (1, 1, SIZE, SIZE)}).get_crds_parameters()
    for reftype, cls, value in (("gain", "GainModel", 1.8), ("readnoise", "ReadnoiseModel", 15.0)):
        name = crds.getrecommendations(parameters, [reftype], observatory="jwst")[reftype]
        path = pathlib.Path(crds.locate_file(name, "jwst"))
        path.parent.mkdir(parents=True, exist_ok=True)
        place(getattr(datamodels, cls)(data=np.full((SIZE, SIZE), value, np.float32))).save(path)


def main():
    import logging
    import sys
    import warnings

    sys.tracebacklimit = 0
    os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"
    from stdatamodels.jwst import datamodels

    from jwst.picture_frame import PictureFrameStep

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    target = pathlib.Path(__file__).with_name("picture_frame.npz")
    vectors = {}
    with tempfile.TemporaryDirectory() as folder:
        constant_references(pathlib.Path(folder) / "crds")
        os.chdir(folder)
        for seed, (name, case) in enumerate(CASES.items()):
            result = PictureFrameStep.call(
                model_of(seed, case),
                skip=False,
                mask_science_regions=False,
                save_mask=True,
                save_correction=True,
                override_pictureframe=reference_model(),
                **case.get("options", {}),
            )
            print(name, result.meta.cal_step.picture_frame)
            vectors[f"{name}/data"] = sample(result.data)
            for key, suffix in PRODUCTS.items():
                with datamodels.open(f"exposure_{suffix}.fits") as product:
                    vectors[f"{name}/{key}"] = sample(product.data).astype(bool if key == "mask" else np.float32)
                    if key == "mask":
                        vectors[f"{name}/background"] = np.count_nonzero(product.data)
    np.savez_compressed(target, **vectors)
    print(target.stat().st_size)


if __name__ == "__main__":
    main()
