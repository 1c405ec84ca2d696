"""Make flat_field.npz with the released pipeline: ``peer python make_flat_field.py`` in this folder."""

from __future__ import annotations

import numpy as np
from peer_ramps import place
from stdatamodels.jwst import datamodels

from jwst.flatfield import FlatFieldStep

PLANES = ("data", "err", "var_poisson", "var_rnoise", "var_flat", "dq")
NONE = {f"override_{name}": "N/A" for name in ("fflat", "sflat", "dflat")}


def make_flat(rng, shape):
    """A flat with every kind of bad pixel."""
    data = rng.normal(1, 0.1, shape).astype(np.float32)
    err = rng.uniform(0, 0.02, shape).astype(np.float32)
    dq = np.zeros(shape, np.uint32)
    data[0, 0], data[0, 1], data[0, 2] = np.nan, 0, -1.5
    dq[1, :4] = 262144, 1, 33554432, 262145
    err[2, 0] = np.nan
    return place(datamodels.FlatModel(data=data.copy(), err=err.copy(), dq=dq.copy()), shape), data, err, dq


def make_science(rng, kind, shape):
    """Science with NaN and flagged pixels."""
    cls = {"image": datamodels.ImageModel, "cube": datamodels.CubeModel, "guider": datamodels.GuiderCalModel}[kind]
    model = cls(shape)
    names = ("data", "err") if kind == "guider" else ("data", "err", "var_poisson", "var_rnoise")
    for name in names:
        setattr(model, name, rng.uniform(0.5, 9, shape).astype(np.float32))
    model.data[..., 3, 3] = np.nan
    model.dq = np.zeros(shape[-2:] if kind == "guider" else shape, np.uint32)
    model.dq[..., 3, 4] = 1
    model.dq[..., 3, 5] = 4
    guide = kind == "guider"
    place(model, shape, instrument="FGS" if guide else "NIRCAM", detector="GUIDER1" if guide else "NRCALONG")
    model.meta.exposure.type = "FGS_TRACK" if guide else "NRC_IMAGE"
    return model


def main():
    rng = np.random.default_rng(17)
    store = {}
    for kind, shape in {"image": (6, 7), "cube": (2, 6, 7), "guider": (2, 6, 7)}.items():
        for inverse in (False, True):
            key = f"{kind}_{'inverse' if inverse else 'forward'}"
            flat, values, err, dq = make_flat(rng, shape[-2:])
            model = make_science(rng, kind, shape)
            before = {name: np.array(getattr(model, name)) for name in PLANES if getattr(model, name, None) is not None}
            result = FlatFieldStep.call(model, override_flat=flat, inverse=inverse, **NONE)
            store |= {f"{key}_flat": values, f"{key}_flat_err": err, f"{key}_flat_dq": dq}
            store |= {f"{key}_in_{name}": value for name, value in before.items()}
            store |= {
                f"{key}_{name}": getattr(result, name) for name in PLANES if getattr(result, name, None) is not None
            }
            print(key, result.meta.cal_step.flat_field)
    np.savez_compressed("flat_field.npz", **store)


if __name__ == "__main__":
    main()
