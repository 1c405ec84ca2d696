"""Make photom.npz with the released pipeline: ``peer python make_photom.py`` in this folder."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
from photom_cases import CASES, PLANES, make_case, metadata

from jwst.photom import PhotomStep

sys.tracebacklimit = 0
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"


def main():
    store = {}
    for name in CASES:
        exposure, arguments = make_case(name)
        result = PhotomStep.call(exposure, **arguments)
        found = metadata(result)
        print(name, found)
        store[f"{name}_meta"] = json.dumps(found, default=float)
        store |= {
            f"{name}_{plane}": np.array(getattr(result, plane))
            for plane in PLANES
            if getattr(result, plane, None) is not None
        }
    np.savez_compressed("photom.npz", **store)


if __name__ == "__main__":
    main()
