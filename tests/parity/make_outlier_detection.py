"""Make outlier_detection.npz with the released pipeline: ``peer python make_outlier_detection.py`` in this folder.

With names of cases only these are made anew.
"""

from __future__ import annotations

import os
import pathlib
import sys
import tempfile

import numpy as np
import outlier_cases as cases

from jwst.outlier_detection import OutlierDetectionStep

sys.tracebacklimit = 0
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"


def main():
    """Run all cases and keep what is compared."""
    target = pathlib.Path(__file__).with_name("outlier_detection.npz")
    chosen = sys.argv[1:] or list(cases.CASES)
    store = dict(np.load(target)) if sys.argv[1:] else {}
    for name in chosen:
        scene, parameters = cases.CASES[name]
        with tempfile.TemporaryDirectory() as folder:
            models = cases.SCENES[scene]()
            result = OutlierDetectionStep.call(
                models, save_intermediate_results=True, output_dir=folder, save_results=False, **parameters
            )
            found = cases.summary(result, pathlib.Path(folder))
        flagged = [int((found[f"dq{index}"] & 16 > 0).sum()) for index in range(len(models))]
        print(name, flagged, list(found["names"]), file=sys.stderr)
        store |= {f"{name}/{key}": value for key, value in found.items()}
    np.savez_compressed(target, **store)


if __name__ == "__main__":
    main()
