"""Make charge_migration.npz with the released pipeline: ``peer python make_charge_migration.py`` in this folder."""

from __future__ import annotations

import numpy as np
from peer_ramps import make_ramp, random_ramp

from jwst.charge_migration import ChargeMigrationStep


def main():
    rng = np.random.default_rng(13)
    data, flags = random_ramp(rng, (3, 6, 17, 19), top=27000.0)
    store = {"data": data, "groupdq": flags}
    for threshold in (25000.0, 12000.5):
        result = ChargeMigrationStep.call(make_ramp(data, flags), signal_threshold=threshold)
        store[f"result_{threshold}"] = result.groupdq
    np.savez_compressed("charge_migration.npz", **store)


if __name__ == "__main__":
    main()
