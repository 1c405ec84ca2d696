"""Small MIRI exposures and references, made from a seed: for `make_miri.py` and for the tests.

The vectors hold results only: after a change here that alters an input, run `make_miri.py` again.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

FULL = (1024, 1032)
SKIPS = [
    ("FULL", "SLOWR1", 2, 3),
    ("FULL", "FASTR1", 2, 4),
    ("SUB64", "FASTR1", 2, 4),
    ("SLITLESSPRISM", "FASTR1", 1, 3),
]


def ramp(data, groupdq=None, *, subarray="SUB64", corner=(1, 1), readpatt="FASTR1", detector="MIRIMAGE"):
    """A ramp model with the keywords that the detector steps ask for."""
    from stdatamodels.jwst import datamodels

    model = datamodels.RampModel(data=np.array(data, np.float32))
    if groupdq is not None:
        model.groupdq = np.array(groupdq, np.uint8)
    model.meta.instrument.name, model.meta.instrument.detector = "MIRI", detector
    model.meta.filename = "jw00001001001_02101_00001_mirimage_uncal.fits"
    model.meta.observation.date, model.meta.observation.time = "2023-07-01", "00:00:00"
    exposure = model.meta.exposure
    exposure.type = "MIR_IMAGE" if detector == "MIRIMAGE" else "MIR_MRS"
    exposure.readpatt, exposure.nints, exposure.ngroups = readpatt, *data.shape[:2]
    exposure.nframes, exposure.groupgap, exposure.noutputs, exposure.zero_frame = 1, 0, 4, False
    exposure.nsamples = 9 if readpatt.startswith("SLOW") else 1
    exposure.frame_time = 23.88964 if readpatt.startswith("SLOW") else 2.77504
    exposure.group_time = exposure.frame_time
    exposure.integration_time = exposure.frame_time * data.shape[1]
    place(model, data.shape, corner=corner)
    model.meta.subarray.name, model.meta.subarray.fastaxis, model.meta.subarray.slowaxis = subarray, 1, 2
    return model


def place(model, shape, *, corner=(1, 1)):
    """Fill the place of a model on the detector."""
    model.meta.instrument.name = "MIRI"
    meta = model.meta.subarray
    meta.xstart, meta.ystart, meta.xsize, meta.ysize = *corner, shape[-1], shape[-2]
    return model


def counts(rng, shape, *, bright=0.05, hits=0.02):
    """Raw ramps in whole DN: a pedestal, a reset transient, sources of which some saturate, cosmic rays, noise."""
    nints, ngroups, ny, nx = shape
    slope = 10 ** rng.uniform(0.5, 2.5, (ny, nx)) * np.where(rng.random((ny, nx)) < bright, 150, 1)
    if nx == FULL[1]:
        slope[:, :4] = slope[:, -4:] = 0
    group = np.arange(1, ngroups + 1)[:, None, None]
    data = 6000 + slope * group * (1 - 2e-6 * slope * group) - 80 * np.exp(-group / 1.5)
    data = data + rng.normal(0, 30, (nints, 1, ny, nx)) + rng.normal(0, 8, shape)
    step = (rng.random(shape) < hits / ngroups) * 10 ** rng.uniform(2, 4, shape)
    data += np.cumsum(step, axis=1)
    return np.clip(np.round(data), 0, 65535).astype(np.float32)


def flags(rng, shape):
    """Group flags: SATURATED, mostly to the end of a ramp, and a few others."""
    nints, ngroups, ny, nx = shape
    result = rng.choice(np.array([0] * 40 + [1, 4, 5, 32, 64], np.uint8), shape)
    first = rng.integers(0, 3 * ngroups, (nints, 1, ny, nx))
    result[np.arange(ngroups)[:, None, None] >= first] |= 2
    result[rng.random(shape) < 0.03] ^= 2
    return result


def references(rng, shape, *, corner=(1, 1), dark_ints=2, dark_groups=None, reset_groups=5, reset_ints=2):
    """Reference models for overrides, by their type; those with planes fit the exposure."""
    from stdatamodels.jwst import datamodels as models

    nints, ngroups, ny, nx = shape
    plane = (ny, nx)
    found = {
        "mask": models.MaskModel(dq=_mask(rng, plane, corner)),
        "saturation": models.SaturationModel(
            data=np.full(plane, 55000, np.float32) + np.float32(rng.normal(0, 500, plane))
        ),
        "linearity": models.LinearityModel(coeffs=_coefficients(rng, plane)),
        "reset": models.ResetModel(
            data=_spoiled(rng, -80 * np.exp(-np.arange(1, reset_groups + 1) / 1.5), (reset_ints, reset_groups, *plane))
        ),
        "dark": models.DarkMIRIModel(
            data=_spoiled(
                rng, 0.4 * np.arange(1, (dark_groups or ngroups) + 1), (dark_ints, dark_groups or ngroups, *plane)
            )
        ),
        "gain": models.GainModel(data=np.float32(rng.normal(3.1, 0.1, plane))),
        "readnoise": models.ReadnoiseModel(data=np.float32(rng.normal(12, 1, plane))),
    }
    found["saturation"].dq = rng.choice(np.array([0] * 50 + [2097152], np.uint32), plane)
    found["linearity"].dq = rng.choice(np.array([0] * 50 + [1048576], np.uint32), plane)
    found["reset"].dq = rng.choice(np.array([0] * 50 + [8388608], np.uint32), plane)
    found["dark"].dq = rng.choice(np.array([0] * 50 + [8388608, 2048], np.uint32), (dark_ints, 1, *plane))
    found["dark"].meta.exposure.nframes, found["dark"].meta.exposure.groupgap = 1, 0
    for model in (found["dark"], found["reset"]):
        model.meta.exposure.nints, model.meta.exposure.ngroups = model.data.shape[:2]
    for model in found.values():
        place(model, plane, corner=corner)
    found["rscd"] = rscd(SKIPS)
    return found


def rscd(rows):
    """An rscd reference of some rows (subarray, readpatt, group_skip1, group_skip)."""
    from stdatamodels.jwst import datamodels as models

    model = models.RSCDModel()
    types = [("subarray", "S17"), ("readpatt", "S12"), ("group_skip1", "i4"), ("group_skip", "i4")]
    model.rscd_group_skip_table = np.array(rows, types)
    model.meta.instrument.name = "MIRI"
    return model


def _mask(rng, shape, corner):
    """Bad pixels, and the reference columns at the edges of the detector."""
    dq = rng.choice(np.array([0] * 120 + [1, 1025, 2048], np.uint32), shape)
    column = corner[0] - 1 + np.arange(shape[1])
    dq[:, (column < 4) | (column >= FULL[1] - 4)] |= np.uint32(2**31)
    return dq


def _coefficients(rng, shape):
    """Linearity polynomials near the identity, with a few that cannot be used."""
    coefficients = np.zeros((4, *shape), np.float32)
    coefficients[1], coefficients[2], coefficients[3] = 1, 2e-7, 1e-12
    coefficients[1:] *= np.float32(rng.normal(1, 0.02, (3, *shape)))
    coefficients[1][rng.random(shape) < 0.01] = 0
    coefficients[2][rng.random(shape) < 0.01] = np.nan
    return coefficients


def _spoiled(rng, ramp_values, shape):
    """Ramps of a common shape with noise and some NaN."""
    values = ramp_values[:, None, None] * rng.normal(1, 0.1, (shape[0], 1, *shape[2:])) + rng.normal(0, 2, shape)
    values[rng.random(shape) < 0.01] = np.nan
    return values.astype(np.float32)


CASES = {
    "firstframe": {
        "bright": {"parameters": {"bright_use_group1": True}},
        "all": {"parameters": {"bright_use_group1": False}},
    },
    "lastframe": {"plain": {}, "three": {"shape": (2, 3, 8, 9)}},
    "reset": {
        "more integrations": {"shape": (3, 8, 8, 9)},
        "short": {"shape": (3, 4, 8, 9)},
        "segment": {"shape": (3, 8, 8, 9), "segment": (2, 4, 10)},
        "first segment": {"shape": (1, 6, 8, 9), "segment": (1, 1, 4), "references": {"reset_groups": 8}},
        "last segment": {"shape": (2, 6, 8, 9), "segment": (3, 4, 4), "references": {"reset_groups": 3}},
    },
    "rscd": {
        "plain": {"shape": (3, 12, 8, 9), "skips": (2, 4)},
        "first segment": {"shape": (3, 12, 8, 9), "skips": (4, 6), "segment": (1, 3, 9)},
        "segment": {"shape": (2, 12, 8, 9), "skips": (9, 9), "segment": (3, 4, 6)},
        "seven groups": {"shape": (2, 7, 8, 9), "skips": (2, 4)},
        "one integration": {"shape": (1, 10, 8, 9), "skips": (3, 4)},
        "five groups": {"shape": (2, 5, 8, 9), "skips": (3, 4)},
        "nothing": {"shape": (2, 10, 8, 9), "skips": (0, 0)},
        "old": {"shape": (2, 10, 8, 9), "skips": (-1, 4)},
    },
    "dark_current": {
        "more integrations": {"shape": (4, 6, 8, 9)},
        "segment": {"shape": (3, 6, 8, 9), "segment": (4, 6, 9)},
        "short": {"shape": (2, 9, 8, 9), "references": {"dark_groups": 5, "dark_ints": 3}},
        "averaged": {"shape": (3, 4, 8, 9), "nframes": 4, "references": {"dark_groups": 18}},
        "averaged segment": {"shape": (1, 4, 8, 9), "nframes": 4, "segment": (3, 3, 5)},
    },
    "refpix": {
        "plain": {},
        "one parity": {"parameters": {"odd_even_rows": False, "siglimit": 2.0}},
        "nan": {"nan": True},
        "dead": {"dead": True},
    },
    "detector1": {
        "subarray": {"shape": (2, 8, 24, 32)},
        "reference pixels": {"shape": (1, 12, 24, 32), "corner": (1, 1), "bright": 0.3},
        "segment": {"shape": (3, 8, 24, 32), "segment": (3, 5, 6), "bright": 0.0},
        "few groups": {"shape": (2, 5, 24, 32)},
    },
}


def exposure(step, name, *, shape=(2, 6, 8, 9), corner=(301, 401), segment=None, nframes=1, skips=None, **case):
    """Input model, references by type and parameters of a case."""
    rng = np.random.default_rng(sum(map(ord, step + name)))
    if step == "refpix":
        return _full_frame(rng, **case), {}, case.get("parameters", {})
    known = flags(rng, shape) if step in ("firstframe", "lastframe", "rscd") else None
    model = ramp(counts(rng, shape, bright=case.get("bright", 0.05)), known, corner=corner)
    model.meta.exposure.nframes = nframes
    if segment:
        meta = model.meta.exposure
        meta.integration_start, meta.integration_end, meta.nints = segment
    found = references(rng, shape, corner=corner, **case.get("references", {}))
    if skips:
        found["rscd"] = rscd([("SUB64", "FASTR1", *skips)])
    return model, found, case.get("parameters", {})


def _full_frame(rng, nan=False, dead=False, **_):
    """A full frame whose reference pixels have outliers and bad ones among them."""
    shape = (2, 3, *FULL)
    data = rng.normal(3000, 20, shape).astype(np.float32)
    data[:, 1:] += rng.normal(0, 10, (2, 2, 1, 1)).astype(np.float32)
    data[rng.random(shape) < 0.002] += 3000
    if nan:
        data[0, 0, 500, 500] = data[0, 1, 10, 0] = data[1, 0, 11, 1030] = np.nan
    model = ramp(data, subarray="FULL")
    model.pixeldq[rng.random(FULL) < 0.05] |= np.uint32(1)
    model.pixeldq[:, :4] |= np.uint32(2**31)
    model.pixeldq[:, -4:] |= np.uint32(2**31)
    if dead:
        model.pixeldq[0::2, 0] |= np.uint32(1)
    return model


def sample(array):
    """What is kept of a full frame: a coarse grid, and the columns at the edges."""
    grid = np.unique(np.r_[0:5, 0 : FULL[1] : 71, FULL[1] - 5 : FULL[1]])
    return array[..., ::61, :][..., grid]


@cache
def vectors(file):
    """Results of the released pipeline, from a file beside this one."""
    with np.load(Path(__file__).with_name(f"{file}.npz")) as found:
        return dict(found)


def check(result, file, name):
    """Compare the arrays of a ramp, its statuses and its keywords with those of the released pipeline, exactly."""
    expected = vectors(file)
    for key in ("data", "groupdq", "pixeldq"):
        if f"{name}/{key}" in expected:
            found = getattr(result, key)
            found = sample(found) if found.shape[-2:] == FULL else found
            np.testing.assert_array_equal(found, expected[f"{name}/{key}"])
            assert found.dtype == expected[f"{name}/{key}"].dtype
    check_facts(result, json.loads(str(expected[f"{name}/facts"])))


def check_facts(result, expected):
    """Compare statuses and keywords."""
    exposure = result.meta.exposure
    assert dict(result.meta.cal_step.instance) == expected["cal_step"]
    assert dict(result.meta.rscd.instance or {}) == expected["rscd"]
    for value, wanted in zip((exposure.primary_cosmic_rays, exposure.extended_emission_events), expected["rates"]):
        assert value is wanted is None or abs(value - wanted) <= 1e-12 * abs(wanted)
