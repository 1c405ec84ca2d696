"""Make assign_mtwcs.json with the released pipeline: ``peer python make_assign_mtwcs.py`` in this folder."""

from __future__ import annotations

import json
import os
import sys

sys.tracebacklimit = 0
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"

import numpy as np  # noqa: E402
from mtwcs_cases import exposure, slits  # noqa: E402

from jwst.assign_mtwcs import AssignMTWcsStep  # noqa: E402
from jwst.datamodels import ModelLibrary  # noqa: E402

X, Y = (np.ravel(axis).astype(float) for axis in np.meshgrid([0, 59.5, 119], [0, 49.5, 99]))


def facts(model):
    """What the step may have changed."""
    found = []
    for part in getattr(model, "slits", None) or [model]:
        info, wcs = part.meta.wcsinfo, part.meta.wcs
        box = wcs.bounding_box
        found.append(
            {
                "frames": list(wcs.available_frames),
                "world": [np.array(axis).tolist() for axis in wcs(X, Y)],
                "box": None if box is None else [list(one) for one in box.bounding_box(order="F")],
                "average": [info.mt_avra, info.mt_avdec],
                "s_region": info.s_region,
                "crval1": info.crval1,
            }
        )
    return {"status": model.meta.cal_step.assign_mtwcs, "parts": found}


CASES = {
    "images": lambda: [exposure(0), exposure(1)],
    "one without target": lambda: [exposure(0), exposure(1, target=False)],
    "other type": lambda: [exposure(0, exp_type="NRC_TSGRISM"), exposure(1, exp_type="NRC_TSGRISM")],
    "slits": lambda: [slits(0), slits(1)],
    "a slit without target": lambda: [slits(0), slits(1, target=False)],
}


def main():
    store = {"x": X.tolist(), "y": Y.tolist()}
    for name, make in CASES.items():
        result = AssignMTWcsStep.call(ModelLibrary(make()))
        store[name] = list(result.map_function(lambda model, _: facts(model), modify=False))
        print(
            name, store[name][0]["status"], store[name][0]["parts"][0]["frames"], store[name][0]["parts"][0]["average"]
        )
    single = AssignMTWcsStep.call(exposure(0))
    store["single"] = [facts(single)]
    print(type(single), store["single"][0]["status"])
    with open("assign_mtwcs.json", "w") as file:
        json.dump(store, file)


if __name__ == "__main__":
    main()
