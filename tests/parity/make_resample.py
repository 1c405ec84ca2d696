"""Make resample.npz with the released pipeline: ``peer python make_resample.py`` in this folder."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
from resample_cases import CASES, PLANES, facts

from jwst.resample import ResampleStep

sys.tracebacklimit = 0
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"


def plain(value):
    """Numbers of numpy as those of Python."""
    return value.item() if hasattr(value, "item") else str(value)


def main():
    store = {}
    for name, (make, parameters) in CASES.items():
        try:
            result = ResampleStep.call(make(), **parameters)
        except Exception as error:
            print("FAILED", name, type(error).__name__, error)
            continue
        results = [result]
        if parameters.get("single"):
            with result:
                results = list(result)
                for index, model in enumerate(results):
                    result.shelve(model, index, modify=False)
        for index, model in enumerate(results):
            key = f"{name}{index or ''}"
            store[f"{key}_meta"] = json.dumps(facts(model), default=plain)
            planes = {plane: getattr(model, plane, None) for plane in PLANES}
            store |= {f"{key}_{plane}": np.array(values) for plane, values in planes.items() if values is not None}
            print(key, {plane: None if values is None else values.shape for plane, values in planes.items()})
    np.savez_compressed("resample.npz", **store)
    print(os.path.getsize("resample.npz"))


if __name__ == "__main__":
    main()
