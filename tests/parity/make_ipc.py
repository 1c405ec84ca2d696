"""Make parity vectors of ipc. Run it with the interpreter of the released pipeline (jwst 3.0.0)."""

import numpy as np
from exposures import offline, ramp, reference, save
from stdatamodels.jwst import datamodels

from jwst.ipc import IPCStep

CASES = {
    "3x3": {"size": (3, 3)},
    "5x3": {"size": (5, 3)},
    "3x5 corner": {"size": (3, 5), "corner": (1, 1)},
    "2x2": {"size": (2, 2)},
    "far corner": {"size": (3, 3), "corner": (2029, 2033)},
}


def run(name, seed, size, corner=(101, 201)):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(0, 0.01, size).astype(np.float32)
    kernel[size[0] // 2, size[1] // 2] += 1
    data = np.round(rng.normal(1000, 300, (2, 2, 16, 20)))
    data[1, 1, 8, 9] = np.nan
    model = ramp(data, corner=corner)
    out = {"data": model.data.copy(), "kernel": kernel.copy(), "corner": np.array(corner)}
    result = IPCStep.call(model, override_ipc=reference(datamodels.IPCModel(data=kernel), (1, 1), (2048, 2048)))
    return {f"{name}/{key}": value for key, value in (out | {"out": result.data}).items()}


def main():
    offline()
    vectors = {}
    for seed, (name, case) in enumerate(CASES.items()):
        vectors |= run(name, seed, **case)
    save(__file__, vectors)


if __name__ == "__main__":
    main()
