"""Make outlier_detection_ifu.npz with the released pipeline: ``peer python make_outlier_detection_ifu.py`` here."""

from __future__ import annotations

import os
import pathlib
import sys
import tempfile

import numpy as np
import outlier_ifu as ifu
from astropy.io import fits

from jwst.datamodels import ModelContainer
from jwst.outlier_detection import OutlierDetectionStep

sys.tracebacklimit = 0
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"


def main():
    """Run all cases; keep flags, what is NaN, and the intermediate products."""
    store = {}
    for name, (scene, parameters) in ifu.CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            models = ModelContainer(ifu.exposures(*scene))
            result = OutlierDetectionStep.call(
                models, save_intermediate_results=True, output_dir=folder, save_results=False, **parameters
            )
            paths = sorted(path for path in pathlib.Path(folder).glob("*outlier_output.fits"))
            store[f"{name}/names"] = np.array([path.name for path in paths])
            for path in paths:
                with fits.open(path) as hdus:
                    store |= {f"{name}/{path.stem}_{hdu.name}": np.array(hdu.data)[..., ::3, ::4] for hdu in hdus[1:-1]}
        for index, model in enumerate(result):
            store[f"{name}/dq{index}"] = np.array(model.dq).astype(np.uint8)
            store[f"{name}/nan{index}"] = np.packbits(np.isnan(model.data) & np.isnan(model.err))
            print(name, type(result).__name__, np.unique(model.dq, return_counts=True), file=sys.stderr)
    np.savez_compressed(pathlib.Path(__file__).with_name("outlier_detection_ifu.npz"), **store)


if __name__ == "__main__":
    main()
