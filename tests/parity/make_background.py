"""Make background.npz with the released pipeline: ``peer python make_background.py`` in this folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from background_cases import CASES, COMBINED, PLANES
from stdatamodels.jwst import datamodels

from jwst.background import BackgroundStep

sys.tracebacklimit = 0
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"


def main():
    store = {}
    for name, make in CASES.items():
        science, backgrounds, parameters = make()
        result = BackgroundStep.call(science, backgrounds, save_combined_background=True, **parameters)
        store |= {f"{name}_{plane}": np.array(getattr(result, plane)) for plane in PLANES}
        product = next(Path().glob("*combinedbackground.fits"))
        with datamodels.open(product) as combined:
            store |= {f"{name}_combined_{plane}": np.array(getattr(combined, plane)) for plane in COMBINED}
        product.unlink()
        print(name, result.meta.cal_step.bkg_subtract, product, result.data.ravel()[:5])
    np.savez_compressed("background.npz", **store)


if __name__ == "__main__":
    main()
