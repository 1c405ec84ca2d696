"""Make imaging_runs.npz and .json with the released pipeline: ``peer python make_imaging_runs.py`` in this folder."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings

sys.tracebacklimit = 0
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"

import numpy as np  # noqa: E402
from imaging_runs import IMAGE2, IMAGE3, found_in, run_image2, run_image3  # noqa: E402


def main():
    warnings.simplefilter("ignore")
    here = os.getcwd()
    store, facts = {}, {}
    for pipeline, cases, run in (("image2", IMAGE2, run_image2), ("image3", IMAGE3, run_image3)):
        for case in cases:
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                run(case, folder)
                arrays, facts[f"{pipeline}:{case}"] = found_in(folder)
                os.chdir(here)
            small = {name: array for name, array in arrays.items() if _kept(pipeline, case, name)}
            store |= {f"{pipeline}:{case}:{name}": array for name, array in small.items()}
            print("CASE", pipeline, case, sorted(facts[f"{pipeline}:{case}"]), flush=True)
    np.savez_compressed("imaging_runs.npz", **store)
    with open("imaging_runs.json", "w") as file:
        json.dump(facts, file, default=float)


def _kept(pipeline, case, name):
    """Whether arrays are kept: each kind of product once."""
    if pipeline == "image2":
        return case in ("NIRCAM", "MIRI", "NIRISS", "FGS") and (":data" in name or ":err" in name or ":dq" in name)
    return case in ("association", "moving") and (name.endswith((":data", ":dq")) or "i2d" in name)


if __name__ == "__main__":
    main()
