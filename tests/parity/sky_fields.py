"""Small fields of overlapping images: for the script that makes parity vectors of skymatch, and for the tests."""

from __future__ import annotations

import numpy as np

NY, NX = 100, 120
PIXEL = 0.0312 / 3600  # degree
DEC = -69.5
DEFAULT_SKIES = (5.0, 5.3, 4.8)


def make_wcs(x=0.0, y=0.0, *, roll=0.0, shape=(NY, NX), curved=False):
    """A gnomonic WCS whose centre is some pixels of right ascension and declination away from a common one."""
    from astropy import coordinates, units
    from astropy.modeling import models
    from gwcs import WCS
    from gwcs import coordinate_frames as frames

    centre = [(n - 1) / 2 for n in shape[::-1]]
    angle = np.radians(roll)
    matrix = PIXEL * np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    plane = models.AffineTransformation2D(matrix)
    sphere = models.Pix2Sky_TAN() | models.RotateNative2Celestial(
        80 + x * PIXEL / np.cos(np.radians(DEC)), DEC + y * PIXEL, 180
    )
    transform = models.Shift(-centre[0]) & models.Shift(-centre[1])
    if curved:
        transform = transform | _curve()
    detector = frames.Frame2D(name="detector", axes_order=(0, 1), unit=(units.pix, units.pix))
    world = frames.CelestialFrame(reference_frame=coordinates.ICRS(), name="world")
    wcs = WCS([(detector, transform | plane | sphere), (world, None)])
    wcs.bounding_box = ((-0.5, shape[1] - 0.5), (-0.5, shape[0] - 0.5))
    return wcs


def _curve(size=3e-4):
    """Distortion of a few pixels, with an inverse that is only about right."""
    from astropy.modeling import models

    def both(sign):
        x = models.Polynomial2D(2, c1_0=1, c2_0=sign * size, c0_2=-0.5 * sign * size)
        y = models.Polynomial2D(2, c0_1=1, c1_1=sign * size)
        return models.Mapping((0, 1, 0, 1)) | x & y

    forward = both(1)
    forward.inverse = both(-1)
    return forward


def image(data, wcs, *, exposure=1, detector="NRCA1", dq=None):
    """A calibrated image of program 1234."""
    from stdatamodels.jwst import datamodels

    model = datamodels.ImageModel(data.shape, validate_on_assignment=False)
    model.data = np.array(data, np.float32)
    model.dq = np.zeros(data.shape, np.uint32) if dq is None else np.array(dq, np.uint32)
    meta = model.meta
    meta.instrument.name, meta.instrument.detector, meta.exposure.type = "NIRCAM", detector, "NRC_IMAGE"
    meta.instrument.filter, meta.instrument.pupil = "F200W", "CLEAR"
    meta.observation.date, meta.observation.time = "2023-07-01", "00:00:00"
    observation = {
        "program_number": "01234",
        "observation_number": "001",
        "visit_number": "001",
        "visit_group": "02",
        "sequence_id": "1",
        "activity_id": "01",
        "exposure_number": f"{exposure:05d}",
    }
    for name, value in observation.items():
        setattr(meta.observation, name, value)
    meta.filename = f"jw01234001001_02101_{exposure:05d}_{detector.lower()}_cal.fits"
    meta.wcs = wcs
    return model


def noise(rng, sky, *, sigma=0.05, shape=(NY, NX)):
    return (sky + rng.normal(0, sigma, shape)).astype(np.float32)


def row(skies=DEFAULT_SKIES, *, step=60, seed=7, **where):
    """Images side by side."""
    rng = np.random.default_rng(seed)
    return [
        image(noise(rng, sky), make_wcs(number * step, **where), exposure=number + 1)
        for number, sky in enumerate(skies)
    ]


def with_far(*, count=1):
    """Three images side by side, and others far away."""
    rng = np.random.default_rng(11)
    others = [
        image(noise(rng, 4.95 + number), make_wcs(5000, 50 * number), exposure=4 + number) for number in range(count)
    ]
    return [*row(), *others]


def dithered(count=5, *, curved=False, seed=3, spread=30.0):
    """Rolled and dithered images with stars, missing pixels and flags."""
    rng = np.random.default_rng(seed)
    models = []
    for number in range(count):
        data = noise(rng, 2 + 0.3 * number)
        data[rng.random(data.shape) < 0.02] += rng.exponential(20)
        data[rng.random(data.shape) < 0.01] = np.nan
        dq = rng.choice(np.array([0, 0, 0, 0, 1, 2, 4, 513], np.uint32), data.shape)
        data[(dq & 1) > 0] = 77
        place = {"x": rng.normal(0, spread), "y": rng.normal(0, spread), "roll": rng.normal(0, 4)}
        models.append(image(data, make_wcs(**place, curved=curved), exposure=number + 1, dq=dq))
    return models


def grouped(skies=((5.0, 5.2), (4.5,)), *, seed=5):
    """Exposures of one or two detectors, each exposure somewhat farther to the right."""
    rng = np.random.default_rng(seed)
    return [
        image(
            noise(rng, sky),
            make_wcs(130 * number + 47.3 * exposure, 11.7 * exposure),
            exposure=exposure + 1,
            detector=f"NRCA{number + 1}",
        )
        for exposure, pair in enumerate(skies)
        for number, sky in enumerate(pair)
    ]


def masked(part=None):
    """Side by side; in the first image half of the pixels, or all of them, are not to be used."""
    models = row()
    models[0].data[:part] = 100
    models[0].dq[:part] = 1
    return models


def odd():
    """Constant, infinite, and one good pixel."""
    models = row((1.0, 2.0, 3.0, 4.0), step=30)
    models[0].data[:] = 1.5
    models[1].data[::7] = np.inf
    models[2].dq[:] = 1
    models[2].dq[3, 40] = 0
    return models


def subtracted(levels=(0.25, 0.0, 0.5), flag=True):
    """Side by side, with skies that have been measured."""
    models = row()
    for model, level in zip(models, levels, strict=True):
        model.meta.background.level, model.meta.background.subtracted = level, flag
    return models


def tiny():
    """Few pixels."""
    rng = np.random.default_rng(2)
    return [
        image(noise(rng, sky, shape=(6, 8)), make_wcs(3.3 * number, shape=(6, 8)), exposure=number + 1)
        for number, sky in enumerate((1.0, 1.5))
    ]


def same_place(count=3):
    """The same pointing again and again."""
    rng = np.random.default_rng(13)
    return [image(noise(rng, 3 + number / 7), make_wcs(roll=12), exposure=number + 1) for number in range(count)]


STATISTICS = ("mode", "median", "mean", "midpt")
CASES = {
    "three": (row, {}),
    "three_up": (row, {"match_down": False}),
    "global": (row, {"skymethod": "global"}),
    "global_match": (row, {"skymethod": "global+match"}),
    "global_match_up": (row, {"skymethod": "global+match", "match_down": False}),
    "subtract": (row, {"subtract": True}),
    "subtract_global_match": (row, {"subtract": True, "skymethod": "global+match"}),
    "subtract_local": (row, {"subtract": True, "skymethod": "local"}),
    "subtract_again": (subtracted, {"subtract": True}),
    "subtract_again_local": (subtracted, {"subtract": True, "skymethod": "local"}),
    "measured_again": (lambda: subtracted(flag=False), {}),
    "measured_again_local": (lambda: subtracted(flag=False), {"skymethod": "local"}),
    "measured_again_global_match": (lambda: subtracted(flag=False), {"skymethod": "global+match"}),
    "stepsize": (row, {"stepsize": 10}),
    "far": (with_far, {}),
    "far_global_match": (with_far, {"skymethod": "global+match"}),
    "islands": (lambda: with_far(count=2), {}),
    "islands_global_match": (lambda: with_far(count=2), {"skymethod": "global+match"}),
    "no_overlap": (lambda: row(step=500), {}),
    "no_overlap_global_match": (lambda: row(step=500), {"skymethod": "global+match"}),
    "group": (grouped, {}),
    "group_local": (grouped, {"skymethod": "local"}),
    "group_global_match": (grouped, {"skymethod": "global+match"}),
    "groups": (lambda: grouped(((5, 5.2), (4.5, 4.9), (4.7, 5))), {}),
    "groups_up": (lambda: grouped(((5, 5.2), (4.5, 4.9), (4.7, 5))), {"match_down": False, "skystat": "median"}),
    "one_group": (lambda: grouped(((5, 5.2),)), {}),
    "one_group_local": (lambda: grouped(((5, 5.2),)), {"skymethod": "local"}),
    "half": (lambda: masked(50), {"skymethod": "local"}),
    "half_match": (lambda: masked(50), {}),
    "all_flagged": (masked, {}),
    "all_flagged_local": (masked, {"skymethod": "local"}),
    "all_flagged_global": (masked, {"skymethod": "global"}),
    "all_flagged_global_match": (masked, {"skymethod": "global+match"}),
    "odd_local": (odd, {"skymethod": "local"}),
    "odd_match": (odd, {}),
    "tiny": (tiny, {}),
    "tiny_median": (tiny, {"skystat": "median"}),
    "same_place": (same_place, {}),
    "dithered": (dithered, {}),
    "dithered_step": (dithered, {"stepsize": 10}),
    "dithered_curved": (lambda: dithered(curved=True), {}),
    "dithered_curved_step": (lambda: dithered(curved=True), {"stepsize": 15}),
    "dithered_clip": (dithered, {"nclip": 2, "lsigma": 2.0, "usigma": 3.0, "binwidth": 0.3}),
    "dithered_wide": (lambda: dithered(8, seed=8, spread=80), {"skystat": "mean"}),
    "single": (lambda: row((5.0,)), {}),
    "single_local": (lambda: row((5.0,)), {"skymethod": "local"}),
    "single_global": (lambda: row((5.0,)), {"skymethod": "global"}),
    "single_global_match": (lambda: row((5.0,)), {"skymethod": "global+match"}),
    "bits_none": (dithered, {"skymethod": "local", "dqbits": "None"}),
    "bits_named": (dithered, {"skymethod": "local", "dqbits": "SATURATED+JUMP_DET"}),
    "bits_number": (dithered, {"skymethod": "local", "dqbits": "4"}),
    "bits_zero": (dithered, {"skymethod": "local", "dqbits": "0"}),
    "bits_dnu": (dithered, {"skymethod": "local", "dqbits": "~DO_NOT_USE"}),
    "bits_science": (dithered, {"skymethod": "local", "dqbits": "~NON_SCIENCE"}),
    "user": (row, {"skymethod": "user"}),
    "user_subtract": (row, {"skymethod": "user", "subtract": True}),
    "user_again": (subtracted, {"skymethod": "user", "subtract": True}),
}
for _name in STATISTICS:
    _clip = {"skymethod": "local", "skystat": _name}
    CASES |= {
        f"local_{_name}": (row, _clip),
        f"local_{_name}_0": (row, _clip | {"nclip": 0}),
        f"local_{_name}_range": (row, _clip | {"lower": 4.9, "upper": 5.2}),
        f"local_{_name}_range_0": (row, _clip | {"lower": 4.9, "upper": 5.2, "nclip": 0}),
        f"local_{_name}_zero": (lambda: row((0.01, -0.02)), _clip | {"lower": 0.0}),
        f"local_{_name}_wide": (row, _clip | {"binwidth": 3.0}),
        f"local_{_name}_wider": (row, _clip | {"binwidth": 9.0}),
        f"local_{_name}_dithered": (dithered, _clip),
        f"dithered_{_name}": (dithered, {"skystat": _name}),
    }
"""Images and parameters of each case."""

USER_LIST = """
# name level
jw01234001001_02101_00002_nrca1_rate.fits 1.1
jw01234001001_02101_00001_nrca1.fits 0.3
jw01234001001_02101_00003_nrca1_skymatch 2
"""


def make(name, folder="."):
    """Images and parameters of a case, with the list of a user where it has one."""
    from pathlib import Path

    build, parameters = CASES[name]
    models = build()
    if parameters.get("skymethod") == "user":
        path = Path(folder, "sky.txt")
        path.write_text(USER_LIST)
        parameters = parameters | {"skylist": str(path)}
    return models, parameters
