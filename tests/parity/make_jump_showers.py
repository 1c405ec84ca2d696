"""Make parity vectors of the search for showers. Run it with the interpreter of the released pipeline (jwst 3.0.0).

Inputs are not stored: `build` makes them again from their seed, for the tests too.
"""

import logging

import numpy as np

GROUP_TIME = 10.0
CASES = {
    "one integration": {"shape": (1, 13)},
    "two integrations": {"shape": (2, 8), "nframes": 4},
    "first and last group unusable": {"shape": (2, 10), "lost": (0, -1)},
    "first two groups unusable": {"shape": (1, 14), "lost": (0, 1)},
    "too few differences": {"shape": (1, 10), "image": (32, 36)},
    "too few usable groups": {"shape": (1, 12), "image": (32, 36), "lost": (0, -1)},
    "long": {"shape": (1, 13), "options": {"time_masked_after_shower": 45.0, "extend_ellipse_expand_ratio": 1.6}},
    "wide ring": {
        "shape": (1, 13),
        "options": {"extend_inner_radius": 2.0, "extend_outer_radius": 4.2, "extend_snr_threshold": 1.35},
    },
    "whole disc": {"shape": (1, 13), "options": {"extend_inner_radius": 0.0, "extend_min_area": 30}},
    "low threshold": {"shape": (1, 13), "options": {"extend_snr_threshold": 0.95, "extend_min_area": 50}},
    "small radius": {"shape": (1, 13), "options": {"max_extended_radius": 5}},
    "many saturated": {"shape": (2, 8), "saturated": 0.05, "options": {"time_masked_after_shower": 30.0}},
    "clip": {"shape": (8, 4), "image": (48, 40), "options": {"minimum_sigclip_groups": 8}},
    "clip all": {
        "shape": (3, 6),
        "image": (48, 40),
        "options": {"minimum_sigclip_groups": 9, "only_use_ints": False},
    },
    "bright": {"shape": (1, 13), "amplitude": 900.0},
    "snowballs too": {"shape": (2, 9), "amplitude": 400.0, "options": {"expand_large_events": True}},
}


def build(seed, shape, image=(64, 80), lost=(), saturated=0.003, amplitude=70.0, **_):
    """Make the arrays of a case."""
    rng = np.random.default_rng(seed)
    size = (*shape, *image)
    gain = rng.uniform(3.5, 5.5, image).astype(np.float32)
    readnoise = rng.uniform(5, 8, image).astype(np.float32)
    gain[0, :3], readnoise[1, :2] = (np.nan, -1, 0), (0, np.nan)
    data = np.cumsum(rng.poisson(10 ** rng.uniform(0, 1.5, image), size), axis=1) + rng.normal(0, 5, size)
    data += np.cumsum(np.where(rng.random(size) < 0.004, 10 ** rng.uniform(1.5, 4, size), 0), axis=1)
    row, column = np.mgrid[: image[0], : image[1]]
    for _ in range(5):
        i, g = rng.integers(shape[0]), rng.integers(1, shape[1])
        y, x, a, b, turn = rng.uniform(0, [*image, 8, 5, np.pi]) + [0, 0, 6, 4, 0]
        along = (column - x) * np.cos(turn) + (row - y) * np.sin(turn)
        across = (row - y) * np.cos(turn) - (column - x) * np.sin(turn)
        distance = (along / a) ** 2 + (across / b) ** 2
        struck = np.where(distance < 1, rng.uniform(0.6, 1) * amplitude, 0) / 4.5
        data[i, g:] += rng.poisson(struck)
    groupdq = rng.choice(np.array([0] * 300 + [1, 4, 5, 128], np.uint8), size)
    groupdq[np.maximum.accumulate(rng.random(size) < saturated, axis=1)] |= 2
    groupdq[:, list(lost)] |= 1
    pixeldq = np.where(rng.random(image) < 0.01, rng.choice([1, 2, 4, 1024], image), 0).astype(np.uint32)
    return {
        "data": data.astype(np.float32),
        "groupdq": groupdq,
        "pixeldq": pixeldq,
        "gain": gain,
        "readnoise": readnoise,
    }


def run(name, seed, nframes=1, options=None, **case):
    """Run the released step on a case."""
    from exposures import ramp, reference
    from stdatamodels.jwst import datamodels

    from jwst.jump import JumpStep

    inputs = build(seed, **case)
    model = ramp(inputs["data"], nframes=nframes)
    model.groupdq, model.pixeldq = inputs["groupdq"], inputs["pixeldq"]
    model.meta.instrument.name, model.meta.instrument.detector = "MIRI", "MIRIMAGE"
    model.meta.exposure.type = "MIR_IMAGE"
    model.meta.exposure.group_time = GROUP_TIME
    place = (1, 1), inputs["gain"].shape
    step = JumpStep(
        override_gain=reference(datamodels.GainModel(data=inputs["gain"]), *place),
        override_readnoise=reference(datamodels.ReadnoiseModel(data=inputs["readnoise"]), *place),
        **{"find_showers": True, **(options or {})},
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
