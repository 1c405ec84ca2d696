"""Make parity vectors of jump. Run it with the interpreter of the released pipeline (jwst 3.0.0).

Inputs are not stored: `build` makes them again from their seed, for the tests too.
"""

import logging

import numpy as np

GROUP_TIME = 10.0
CASES = {
    "iterative": {"shape": (1, 8)},
    "iterative, two integrations": {"shape": (2, 6), "nframes": 4},
    "iterative, three groups": {"shape": (1, 3), "nframes": 8},
    "iterative, four groups": {"shape": (3, 4), "nframes": 2},
    "iterative, whole numbers": {"shape": (1, 9), "whole": True},
    "iterative, first and last group unusable": {"shape": (2, 8), "lost": (0, -1)},
    "too few usable groups": {"shape": (2, 4), "lost": (0, -1)},
    "single pass": {"shape": (1, 14)},
    "single pass, two integrations": {"shape": (2, 13), "nframes": 5, "lost": (0,)},
    "clip integrations": {"shape": (12, 5), "options": {"minimum_sigclip_groups": 10, "rejection_threshold": 2.2}},
    "clip all": {
        "shape": (4, 6),
        "options": {"minimum_sigclip_groups": 10, "only_use_ints": False, "rejection_threshold": 2.5},
    },
    "after jump": {
        "shape": (2, 9),
        "options": {
            "after_jump_flag_dn1": 0.0,
            "after_jump_flag_time1": 15.0,
            "after_jump_flag_dn2": 300.0,
            "after_jump_flag_time2": 45.0,
        },
    },
    "no neighbours": {"shape": (1, 10), "options": {"flag_4_neighbors": False, "rejection_threshold": 3.0}},
    "snowballs": {"shape": (2, 5), "image": (80, 100), "options": {"expand_large_events": True}},
    "snowballs without cores": {
        "shape": (2, 5),
        "image": (80, 100),
        "options": {"expand_large_events": True, "sat_required_snowball": False, "expand_factor": 1.6},
    },
    "snowballs, one group in the next integration": {
        "shape": (3, 6),
        "image": (100, 80),
        "options": {"expand_large_events": True, "snowball_time_masked_next_int": 25, "edge_size": 10},
    },
}


def build(seed, shape, image=(20, 24), whole=False, lost=(), **_):
    """Make the arrays of a case."""
    rng = np.random.default_rng(seed)
    size = (*shape, *image)
    snow = image[0] > 40
    gain = rng.uniform(0.8, 2.2, image).astype(np.float32)
    readnoise = rng.uniform(6, 14, image).astype(np.float32)
    if not snow:
        gain[0, :3], readnoise[1, :2] = (np.nan, -1, 0), (0, np.nan)
    rate = np.full(image, 10.0) if snow else 10 ** rng.uniform(-1, 4, image)
    data = np.cumsum(rng.poisson(rate, size), axis=1) + rng.normal(0, 6, size)
    struck = rng.random(size) < (0.0005 if snow else 0.01)
    data += np.cumsum(np.where(struck, 10 ** rng.uniform(1.5, 4.5, size) * rng.choice([1, 1, -1], size), 0), axis=1)
    groupdq = np.zeros(size, np.uint8)
    if snow:
        _snowballs(rng, data, groupdq)
    else:
        data[rng.random(size) < 0.002] = np.nan
        groupdq |= rng.choice(np.array([0] * 60 + [1, 4, 5, 128], np.uint8), size)
        groupdq[np.maximum.accumulate(rng.random(size) < 0.01, axis=1)] |= 2
    groupdq[:, list(lost)] |= 1
    data = np.round(data) if whole else data
    return {"data": data.astype(np.float32), "groupdq": groupdq, "gain": gain, "readnoise": readnoise}


def _snowballs(rng, data, groupdq):
    """Add large events, most of them with a saturated core that grows."""
    nints, ngroups, ny, nx = data.shape
    row, column = np.mgrid[:ny, :nx]
    for _ in range(6):
        i, g = rng.integers(nints), rng.integers(1, ngroups)
        y, x, a, b, turn = rng.uniform(0, [ny, nx, 9, 9, np.pi]) + [0, 0, 2, 2, 0]
        along = (column - x) * np.cos(turn) + (row - y) * np.sin(turn)
        across = (row - y) * np.cos(turn) - (column - x) * np.sin(turn)
        distance = (along / a) ** 2 + (across / b) ** 2
        data[i, g:, distance < 1] += 400
        core = distance < rng.uniform(0.05, 0.6)
        if rng.random() < 0.75:
            groupdq[i, g + rng.integers(0, 2) :, core] |= 2


def run(name, seed, nframes=1, options=None, **case):
    """Run the released step on a case."""
    from exposures import ramp, reference
    from stdatamodels.jwst import datamodels

    from jwst.jump import JumpStep

    inputs = build(seed, **case)
    model = ramp(inputs["data"], nframes=nframes)
    model.groupdq = inputs["groupdq"]
    model.meta.exposure.group_time = GROUP_TIME
    place = (1, 1), inputs["gain"].shape
    step = JumpStep(
        override_gain=reference(datamodels.GainModel(data=inputs["gain"]), *place),
        override_readnoise=reference(datamodels.ReadnoiseModel(data=inputs["readnoise"]), *place),
        **(options or {}),
    )
    result = step.process(model)
    exposure = result.meta.exposure
    rates = np.array([exposure.primary_cosmic_rays, exposure.extended_emission_events], np.float64)
    return {f"{name}/groupdq": result.groupdq, f"{name}/pixeldq": result.pixeldq, f"{name}/rates": rates}


def main():
    from exposures import save

    logging.disable(logging.WARNING)
    vectors = {}
    for seed, (name, case) in enumerate(CASES.items()):
        vectors |= run(name, seed, **case)
    save(__file__, vectors)


if __name__ == "__main__":
    main()
