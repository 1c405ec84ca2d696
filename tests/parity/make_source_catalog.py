"""Make source_catalog.npz with the released pipeline: ``peer python make_source_catalog.py`` in this folder."""

from __future__ import annotations

import os
import sys

import numpy as np
from catalog_scenes import CASES, apcorr, image, numbers, offsets

from jwst.source_catalog import SourceCatalogStep

sys.tracebacklimit = 0
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"


def main():
    store = {}
    for name, case in CASES.items():
        instrument = case["picture"].get("instrument", "NIRCAM")
        apcorr(instrument).save("apcorr_reference.fits")
        offsets(instrument).save("offset_reference.asdf")
        catalog = SourceCatalogStep.call(
            image(**case["picture"]),
            override_apcorr="apcorr_reference.fits",
            override_abvegaoffset="offset_reference.asdf",
            **{key: str(value) if key == "connectivity" else value for key, value in case["parameters"].items()},
        )
        print(name, None if catalog is None else (len(catalog), catalog.colnames))
        store |= {f"{name}.{column}": values for column, values in numbers(catalog).items()}
    np.savez_compressed("source_catalog.npz", **store)
    for path in ("apcorr_reference.fits", "offset_reference.asdf"):
        os.remove(path)


if __name__ == "__main__":
    main()
