"""Make outlier_detection_cubes.npz with the released pipeline: ``peer python make_outlier_detection_cubes.py`` here."""

from __future__ import annotations

import os
import pathlib
import sys
import tempfile

import numpy as np
import outlier_cubes as cubes
from astropy.io import fits

from jwst.outlier_detection import OutlierDetectionStep

sys.tracebacklimit = 0
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"


def main():
    """Run all cases; keep flags, what is NaN, and the median."""
    store = {}
    for name, (exp_type, parameters) in cubes.CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            model = cubes.cube(exp_type)
            result = OutlierDetectionStep.call(
                model, save_intermediate_results=True, output_dir=folder, save_results=False, **parameters
            )
            (path,) = pathlib.Path(folder).glob("*_median.fits")
            store[f"{name}/median_name"] = path.name
            with fits.open(path) as hdus:
                store[f"{name}/median"] = np.array(hdus["SCI"].data, dtype=np.float32)
                store[f"{name}/median_class"] = hdus[0].header["DATAMODL"]
        store[f"{name}/dq"] = np.array(result.dq).astype(np.uint8)
        store[f"{name}/nan"] = np.packbits(np.isnan(result.data))
        store[f"{name}/weight"] = np.array(result.wht if getattr(result, "wht", None) is not None else 0, np.float32)
        print(name, np.unique(result.dq, return_counts=True), path.name, store[f"{name}/weight"].shape, file=sys.stderr)
    np.savez_compressed(pathlib.Path(__file__).with_name("outlier_detection_cubes.npz"), **store)


if __name__ == "__main__":
    main()
