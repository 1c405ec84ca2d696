"""Make grid.npz with the released pipeline: ``peer python make_grid.py <folder>`` with this folder on the path."""

from __future__ import annotations

import json
import logging
import os
import pathlib
import sys
import warnings

import asdf
import grid_scenes as scenes
import numpy as np

from jwst.assign_wcs import AssignWcsStep
from jwst.resample import ResampleStep

sys.tracebacklimit = 0
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"


def assigned(name, folder):
    """Exposures of a case with world coordinates."""
    found = []
    for model, references in scenes.exposures(name, folder):
        overrides = dict.fromkeys(AssignWcsStep.reference_file_types, "N/A") | references
        result = AssignWcsStep.call(model, **{f"override_{kind}": path for kind, path in overrides.items()})
        if "pixelarea_steradians" not in result.meta.photometry.instance:
            result.meta.photometry.pixelarea_steradians = 2.9e-13
        found.append(result)
    return found


def description(product):
    """What a product says of its grid."""
    wcs = product.meta.wcs
    info = product.meta.wcsinfo
    ny, nx = product.data.shape
    x, y = np.array([0.0, nx - 1.0, 0.3 * nx, 0.0]), np.array([0.0, 0.0, 0.7 * ny, ny - 1.0])
    box = wcs.bounding_box
    return {
        "shape": list(product.data.shape),
        "info": [getattr(info, name) for name in scenes.INFO],
        "box": None if box is None else [list(pair) for pair in box.bounding_box(order="F")],
        "pixel_shape": None if wcs.pixel_shape is None else list(wcs.pixel_shape),
        "frames": wcs.available_frames,
        "sky": np.array(wcs(x, y, with_bounding_box=False)).tolist(),
        "s_region": info.s_region,
        "ratio": product.meta.resample.pixel_scale_ratio,
        "pixelarea_arcsecsq": product.meta.photometry.pixelarea_arcsecsq,
        "missing": int(np.isnan(product.data).sum()),
    }


def run(models, options):
    """Product of the step."""
    models = [model.copy() for model in models]
    return ResampleStep.call(models, **options)


def main():
    folder = pathlib.Path(sys.argv[1])
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    found, weights, one = {}, {}, None
    for name, (_, options) in scenes.CASES.items():
        models = assigned(name, folder)
        try:
            product = run(models, options)
        except Exception as error:
            found[name] = {"error": type(error).__name__}
            continue
        found[name] = description(product)
        if name.startswith("miri"):
            weights[f"{name}_weight"] = np.array(product.wht)[::16, ::16]
        if name == "one":
            one = product
    for name in scenes.CUSTOM:
        tree, options = scenes.custom_tree(one.copy().meta.wcs, name)
        path = folder / f"{name}.asdf"
        asdf.AsdfFile(tree).write_to(path)
        try:
            found[name] = description(run(assigned("one", folder), options | {"output_wcs": str(path)}))
        except Exception as error:
            found[name] = {"error": type(error).__name__}
    for name, values in found.items():
        print(name, values)
    np.savez_compressed(pathlib.Path(__file__).with_name("grid.npz"), cases=json.dumps(found), **weights)


if __name__ == "__main__":
    main()
