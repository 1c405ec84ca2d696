"""Make persistence.npz with the released pipeline: ``peer python make_persistence.py`` in this folder."""

from __future__ import annotations

import os
import tempfile

import asdf
import numpy as np
from peer_ramps import make_ramp

from jwst.persistence import PersistenceStep

CASES = {
    "short": {"persistence_time": 25},
    "long": {"persistence_time": 100, "persistence_dnu": True},
    "counts": {"persistence_time": 15, "dn_threshold": 50.0},
    "chained": {"persistence_time": 200, "dn_threshold": 90.0},
}


def main():
    rng = np.random.default_rng(14)
    store = {}
    for name, parameters in CASES.items():
        shape = (3, 6, 8, 9)
        data = rng.uniform(0, 100, shape).astype(np.float32)
        flags = rng.choice([0, 0, 0, 0, 0, 1, 4, 2, 6], shape).astype(np.uint8)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "state.asdf")
            result = PersistenceStep.call(make_ramp(data, flags), save_persistence=path, **parameters)
            store |= {f"{name}_data": data, f"{name}_groupdq": flags, f"{name}_result": result.groupdq}
            with asdf.open(path) as file:
                entry = file["NRCALONG"]
                ends = np.zeros(shape[-2:])
                ends[np.asarray(entry["rows"]), np.asarray(entry["cols"])] = np.asarray(entry["vals"])
            later = make_ramp(data, np.zeros_like(flags))
            later.meta.exposure.start_time = 60000.0 + 190.0 / 86400
            seconds = parameters["persistence_time"]
            second = PersistenceStep.call(later, persistence_array_file=path, persistence_time=seconds)
            store |= {f"{name}_ends": ends, f"{name}_second": second.groupdq}
    np.savez_compressed("persistence.npz", **store)


if __name__ == "__main__":
    main()
