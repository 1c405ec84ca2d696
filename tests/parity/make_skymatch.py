"""Make skymatch.npz with the released pipeline: ``peer python make_skymatch.py`` in this folder."""

from __future__ import annotations

import os
import sys

import numpy as np
from sky_fields import CASES, make

from jwst.skymatch import SkyMatchStep

sys.tracebacklimit = 0
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"


def main():
    store = {}
    for name in sys.argv[1:] or CASES:
        models, parameters = make(name)
        before = [float(np.nanmean(model.data, dtype=np.float64)) for model in models]
        try:
            library = SkyMatchStep.call(models, **parameters)
        except Exception as error:
            print(name, "ERROR", type(error).__name__, error)
            store[f"{name}_error"] = np.array(type(error).__name__)
            continue
        levels, statuses, shifts, facts = [], [], [], []
        with library:
            for index, first in enumerate(before):
                model = library.borrow(index)
                background = model.meta.background
                levels.append(np.nan if background.level is None else background.level)
                statuses.append(model.meta.cal_step.skymatch)
                facts.append(f"{background.subtracted} {background.method}")
                shifts.append(first - float(np.nanmean(model.data, dtype=np.float64)))
                library.shelve(model, index, modify=False)
        store |= {f"{name}_levels": np.array(levels), f"{name}_statuses": np.array(statuses)}
        store |= {f"{name}_facts": np.array(facts), f"{name}_shifts": np.array(shifts)}
        print(name, levels, statuses, facts)
    if not sys.argv[1:]:
        np.savez_compressed("skymatch.npz", **store)


if __name__ == "__main__":
    main()
