"""Make parity vectors of saturation. Run it with the interpreter of the released pipeline (jwst 3.0.0).

Inputs are not stored: `build` makes them again from their seed, for the tests too.
"""

import numpy as np

CASES = {
    "one frame": {"nframes": 1},
    "four frames": {"nframes": 4},
    "eight frames": {"nframes": 8, "grow": 2},
    "no growth": {"nframes": 4, "grow": 0},
    "no pattern": {"nframes": 4, "use_readpatt": False},
    "no superbias": {"nframes": 4, "bias": False},
    "flagged before": {"nframes": 4, "flagged": 0.01},
    "one group": {"nframes": 4, "ngroups": 1},
    "two groups": {"nframes": 4, "ngroups": 2},
    "wide growth": {"nframes": 2, "grow": 5, "flagged": 0.005},
}


def build(seed, ngroups=6, flagged=0.0, **_):
    """Make the arrays of a case."""
    rng = np.random.default_rng(seed)
    shape = (2, ngroups, 20, 24)
    offset = np.round(rng.normal(3000, 300, shape[2:]))
    rate = np.where(rng.random(shape[2:]) < 0.05, rng.uniform(2000, 40000, shape[2:]), 200)
    data = offset + rate * np.arange(1, ngroups + 1)[:, None, None] + rng.normal(0, 20, shape)
    data += np.cumsum(np.where(rng.random(shape) < 0.02, rng.uniform(2000, 50000, shape), 0), axis=1)
    data = np.round(np.clip(data, 0, 65000))
    data[rng.random(shape) < 0.005] = 0
    data[rng.random(shape) < 0.003] = np.nan
    data[rng.random(shape) < 0.003] = 100
    level = np.round(rng.normal(60000, 500, shape[2:])).astype(np.float32)
    level[3, 4] = np.nan
    dq = rng.choice(np.array([0] * 30 + [2097152, 1, 2048], np.uint32), shape[2:])
    offset[5, 6] = np.nan
    groupdq = rng.choice(np.array([0] * 40 + [1, 4, 5], np.uint8), shape)
    groupdq |= np.where(rng.random(shape) < flagged, 2, 0).astype(np.uint8)
    zeroframe = np.round(rng.uniform(-2, 400, (2, *shape[2:]))) * 155
    arrays = {"data": data, "zeroframe": zeroframe, "level": level, "bias": offset}
    arrays = {key: value.astype(np.float32) for key, value in arrays.items()}
    return arrays | {"groupdq": groupdq, "dq": dq}


def run(name, seed, nframes, grow=1, use_readpatt=True, bias=True, **case):
    """Run the released step on a case."""
    from exposures import ramp, reference
    from stdatamodels.jwst import datamodels

    from jwst.saturation import SaturationStep

    inputs = build(seed, **case)
    model = ramp(inputs["data"], nframes=nframes, zeroframe=inputs["zeroframe"], corner=(101, 201))
    model.groupdq = inputs["groupdq"]
    place = (101, 201), inputs["dq"].shape
    limits = reference(datamodels.SaturationModel(data=inputs["level"], dq=inputs["dq"]), *place)
    superbias = reference(datamodels.SuperBiasModel(data=inputs["bias"]), *place)
    result = SaturationStep.call(
        model,
        override_saturation=limits,
        override_superbias=superbias if bias else "N/A",
        n_pix_grow_sat=grow,
        use_readpatt=use_readpatt,
    )
    return {f"{name}/{key}": getattr(result, key) for key in ("groupdq", "pixeldq", "zeroframe")}


def main():
    from exposures import offline, save

    offline()
    vectors = {}
    for seed, (name, case) in enumerate(CASES.items()):
        vectors |= run(name, seed, **case)
    save(__file__, vectors)


if __name__ == "__main__":
    main()
