"""Make parity vectors of assign_wcs for images. Run it with the interpreter of the released pipeline (jwst 3.0.0).

CRDS_PATH must name a cache with the mappings of CRDS_CONTEXT. All references are given as overrides.
"""

import json
import pathlib
import sys
import tempfile
import time
import warnings

import imaging_scenes as scenes
import numpy as np


def run(name, folder):
    """Results of one case."""
    from jwst.assign_wcs import AssignWcsStep

    case = scenes.CASES[name]
    references = dict.fromkeys(AssignWcsStep.reference_file_types, "N/A")
    references |= scenes.extract(folder, case["references"])
    model = scenes.model_of(case)
    overrides = {f"override_{kind}": path for kind, path in references.items()}
    start = time.perf_counter()
    result = AssignWcsStep.call(model, **overrides, **case["options"])
    seconds = time.perf_counter() - start
    wcs = result.meta.wcs
    x, y = scenes.sample_pixels(case["shape"])
    world = np.array(wcs(x, y))
    inside = np.isfinite(world[0])
    field = np.array(wcs.get_transform("detector", "v2v3")(x, y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = np.array(wcs.invert(world[0][inside], world[1][inside]))
    kept = {
        "world": world,
        "field": field,
        "back": back,
        "box": [tuple(side) for side in wcs.bounding_box.bounding_box(order="F")],
    }
    kept |= {"header": json.dumps(scenes.header_of(result)), "seconds": seconds}
    return result, kept


def main(target):
    """Run all cases and keep their results."""
    kept = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in scenes.CASES:
            result, values = run(name, folder)
            print(name, values["seconds"], values["box"], values["header"], file=sys.stderr)
            kept |= {f"{name}_{key}": value for key, value in values.items()}
            if len(sys.argv) > 1:
                result.save(str(pathlib.Path(sys.argv[1]) / f"{name}.fits"))
    np.savez_compressed(target, **kept)


if __name__ == "__main__":
    main(pathlib.Path(__file__).with_name("imaging_wcs.npz"))
