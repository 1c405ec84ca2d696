"""Make gain_scale.npz with the released pipeline: ``peer python make_gain_scale.py`` in this folder."""

from __future__ import annotations

import numpy as np
from peer_ramps import place
from stdatamodels.jwst import datamodels

from jwst.gain_scale import GainScaleStep

NAMES = ("data", "err", "var_poisson", "var_rnoise")


def main():
    rng = np.random.default_rng(15)
    store = {"factor": 2.1}
    model = datamodels.CubeModel((2, 5, 6))
    for name in (*NAMES, "var_flat"):
        values = rng.uniform(0, 9, (2, 5, 6)).astype(np.float32)
        values[0, 1, 2] = np.nan
        setattr(model, name, values)
        store[name] = values.copy()
    place(model, (5, 6), instrument="NIRSPEC", detector="NRS1")
    model.meta.exposure.gain_factor = 2.1
    result = GainScaleStep.call(model)
    store |= {f"result_{name}": getattr(result, name) for name in NAMES}
    assert np.array_equal(result.var_flat, store["var_flat"], equal_nan=True)
    np.savez_compressed("gain_scale.npz", **store)


if __name__ == "__main__":
    main()
