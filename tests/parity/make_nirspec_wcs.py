"""Make parity vectors of assign_wcs for NIRSpec. Run it with the interpreter of the released pipeline (jwst 3.0.0).

CRDS_PATH must name a cache with the mappings of CRDS_CONTEXT. All references are given as overrides.
"""

import pathlib
import sys
import tempfile
import time
import warnings

import nirspec_scenes as scenes
import numpy as np

TYPES = ["chromcorr", "msa", "ifupost", "ifufore", "ifuslicer"]


def limits(box, names=("x", "y")):
    """Limits of a bounding box as (2, 2) numbers."""
    return [tuple(box[name]) for name in names]


def numbers(model):
    """Ids of the slits or slices, and where their transform to the slit is."""
    if model.meta.exposure.type == "NRS_IFU":
        return list(range(30))
    return [int(number) for number in model.meta.wcs.get_transform("gwa", "slit_frame").slit_ids]


def run(name, folder):
    """Results of one case."""
    from jwst.assign_wcs import AssignWcsStep, nirspec

    model, references = scenes.case(name, folder)
    references |= {kind: "N/A" for kind in TYPES if kind not in references}
    start = time.perf_counter()
    result = AssignWcsStep.call(model, **{f"override_{kind}": path for kind, path in references.items()})
    seconds = time.perf_counter() - start
    ids = numbers(result)
    slits = {number: nirspec.nrs_wcs_set_input(result, number) for number in ids}
    boxes = np.array([limits(wcs.bounding_box) for wcs in slits.values()])
    kept = {"ids": ids, "boxes": boxes, "seconds": seconds}
    world, back = [], []
    for wcs, box in zip(slits.values(), boxes, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = np.array(wcs(*scenes.sample_pixels(box)))
            inside = wcs.transform(wcs.available_frames[-1], "detector", *values)
        world.append(values)
        back.append(np.array(inside))
    kept |= {"world": np.array(world), "back": np.array(back)}
    info = result.meta.wcsinfo
    kept["range"] = [info.waverange_start, info.waverange_end, info.spectral_order, info.dispersion_direction]
    if result.meta.exposure.type == "NRS_IFU":
        kept |= {"counts": np.bincount(result.regions.ravel()), "s_region": info.s_region}
        kept |= {"rows": result.regions[:, ::97].astype(np.uint8), "spectral_region": list(info.spectral_region)}
    else:
        records = result.meta.wcs.get_transform("gwa", "slit_frame").slits
        kept["slits"] = repr([tuple(np.asarray(value).item() for value in record) for record in records])
    return result, kept


def main(target):
    """Run all cases and keep their results."""
    kept = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in scenes.CASES:
            result, values = run(name, folder)
            print(name, values["seconds"], len(values["ids"]), file=sys.stderr)
            kept |= {f"{name}_{key}": value for key, value in values.items()}
            if len(sys.argv) > 1:
                result.save(str(pathlib.Path(sys.argv[1]) / f"{name}.fits"))
    np.savez_compressed(target, **kept)


if __name__ == "__main__":
    main(pathlib.Path(__file__).with_name("nirspec_wcs.npz"))
