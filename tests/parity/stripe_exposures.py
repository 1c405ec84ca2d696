"""Exposures read out in stripes, and their references: for `make_stripes.py` and for the tests."""

import numpy as np

FULL = 2048
STRIPE_KEYS = ("reads1", "skips1", "reads2", "skips2", "repeat", "interleave", "step", "number")
BASE = {"axes": (1, 2), "start": 1, "fast": 12, "fast_start": 1, "lines": 64, "length": 8, "nints": 6, "ngroups": 2}
CASES = {
    "three": {"stripes": (2, 5, 6, 0, 1, 0, 6, 3)},
    "three zeroframe": {"stripes": (2, 5, 6, 0, 1, 0, 6, 3), "zeroframe": True},
    "turned": {"stripes": (2, 5, 6, 0, 1, 0, 6, 3), "axes": (-2, -1), "start": FULL, "lines": FULL, "nints": 3},
    "backwards": {"stripes": (2, 5, 6, 0, 1, 0, 6, 3), "axes": (1, -2), "start": 2001, "lines": FULL, "nints": 3},
    "other start": {"stripes": (2, 5, 6, 0, 1, 0, 6, 2), "start": 9, "nints": 4, "axes": (-1, 2)},
    "start one": {"stripes": (2, 5, 6, 0, 1, 0, 6, 2), "axes": (-1, -2), "lines": FULL, "nints": 2},
    "repeats": {"stripes": (2, 5, 6, 0, 1, 0, 6, 3), "length": 24, "ngroups": 3, "nframes": 2, "groupgap": 1},
    "repeats four": {"stripes": (2, 5, 6, 0, 1, 0, 6, 3), "length": 16, "noutputs": 4, "nints": 3},
    "repeats one frame": {"stripes": (1, 0, 3, 0, 1, 0, 3, 4), "length": 8, "nints": 8, "fast": 6},
    "gaps": {"stripes": (2, 5, 3, 4, 0, 0, 3, 2), "length": 11, "nints": 4},
    "interleaved": {"stripes": (2, 5, 3, 4, 1, 1, 3, 2), "length": 15, "nints": 4},
    "no reference lines": {"stripes": (0, 4, 6, 0, 1, 0, 6, 3), "length": 6},
    "no reads2": {"stripes": (2, 5, 0, 0, 1, 0, 6, 3)},
    "overlap": {"stripes": (2, 5, 6, 0, 1, 0, 4, 3)},
    "holes": {"stripes": (2, 5, 6, 0, 1, 0, 8, 3)},
    "soss": {
        "stripes": (4, 4, 4, 0, 1, 0, 4, 3),
        "name": "SUB60STRIPE_SOSS",
        "axes": (-2, -1),
        "start": FULL,
        "lines": FULL,
        "fast": 8,
        "nints": 3,
    },
    "segment": {"stripes": (2, 5, 6, 0, 1, 0, 6, 3), "segment": (7, 12, 18)},
    "uneven": {"stripes": (2, 5, 6, 0, 1, 0, 6, 3), "nints": 5},
    "substripes": {"stripes": (2, 5, 3, 4, 0, 0, 0, 0), "length": 11, "nints": 2},
    "substripes interleaved": {"stripes": (2, 5, 3, 4, 1, 1, 0, 0), "length": 15, "nints": 2},
    "substripes repeated": {"stripes": (2, 5, 3, 4, 1, 0, 0, 0), "length": 15, "nints": 2},
    "substripes turned": {
        "stripes": (2, 5, 3, 4, 0, 0, 0, 0),
        "length": 11,
        "axes": (2, -1),
        "start": 1990,
        "lines": FULL,
        "nints": 2,
    },
    "substripes dhs": {
        "stripes": (2, 5, 3, 4, 0, 0, 0, 0),
        "length": 11,
        "nints": 2,
        "start": 5,
        "name": "SUB41STRIPE1_DHS",
    },
    "substripes amplifiers": {
        "stripes": (1, 1, 2, 1, 0, 0, 0, 0),
        "length": 5,
        "nints": 1,
        "fast": 40,
        "fast_start": 497,
        "lines": 16,
        "noutputs": 4,
    },
}


def values(name):
    """The settings of a case."""
    return {
        "name": "SUB64",
        "noutputs": 1,
        "nframes": 1,
        "groupgap": 0,
        "zeroframe": False,
        "segment": None,
        **BASE,
        **CASES[name],
    }


def seed(name):
    return list(CASES).index(name)


def shape(case):
    """Rows and columns of the exposure."""
    return (case["length"], case["fast"]) if abs(case["axes"][0]) == 1 else (case["fast"], case["length"])


def place(model, case):
    where = model.meta.subarray
    where.name = case["name"]
    where.fastaxis, where.slowaxis = case["axes"]
    where.ysize, where.xsize = shape(case)
    slow, fast = case["start"], case["fast_start"]
    where.xstart, where.ystart = (fast, slow) if abs(case["axes"][0]) == 1 else (slow, fast)


def exposure(name):
    """Make the ramps of a case."""
    from stdatamodels.jwst import datamodels

    case = values(name)
    rng = np.random.default_rng(seed(name))
    ny, nx = shape(case)
    nints, ngroups = case["nints"], case["ngroups"]
    data = rng.integers(12000, 12400, (nints, ngroups, ny, nx)).astype(np.float32)
    data += 50 * np.arange(ngroups)[:, None, None]
    data[rng.random(data.shape) < 0.01] = 60000
    number = case["stripes"][-1]
    cls = datamodels.SuperstripeRampModel if number else datamodels.RampModel
    model = cls(data=data.astype(np.float32))
    if number:
        model.pixeldq = np.zeros((number, ny, nx), np.uint32)
    place(model, case)
    for key, value in zip(
        (
            "multistripe_reads1",
            "multistripe_skips1",
            "multistripe_reads2",
            "multistripe_skips2",
            "repeat_stripe",
            "interleave_reads1",
            "superstripe_step",
            "num_superstripe",
        ),
        case["stripes"],
        strict=True,
    ):
        setattr(model.meta.subarray, key, value)
    meta = model.meta
    meta.instrument.name, meta.instrument.detector, meta.exposure.type = "NIRISS", "NIS", "NIS_SOSS"
    exp = meta.exposure
    start, end, total = case["segment"] or (1, nints, nints)
    exp.nints, exp.integration_start, exp.integration_end, exp.ngroups = total, start, end, ngroups
    exp.nframes, exp.groupgap, exp.noutputs, exp.frame_divisor = (
        case["nframes"],
        case["groupgap"],
        case["noutputs"],
        case["nframes"],
    )
    exp.readpatt, exp.group_time, exp.frame_time = "NISRAPID", 3.0, 1.5
    exp.zero_frame = case["zeroframe"]
    meta.observation.date, meta.observation.time = "2024-07-01", "00:00:00"
    meta.filename = "jw001_nis_uncal.fits"
    if case["zeroframe"]:
        frames = data[:, 0] - 7
        frames[rng.random(frames.shape) < 0.1] = 0
        model.zeroframe = frames.astype(np.float32)
    table = np.zeros(total, model.get_dtype("int_times"))
    table["integration_number"] = np.arange(1, total + 1)
    for index, column in enumerate(table.dtype.names[1:]):
        table[column] = 60000 + np.arange(total) * 0.01 + 0.004 * (index % 3) + index // 3
    model.int_times = table
    return model


def references(name):
    """Overrides of a case by step key."""
    from stdatamodels.jwst import datamodels

    case = values(name)
    rng = np.random.default_rng(1000 + seed(name))
    turned = abs(case["axes"][0]) == 2
    fast = case["fast_start"] - 1 + case["fast"]
    size = (fast, case["lines"]) if turned else (case["lines"], fast)
    mask = rng.choice(np.array([0, 0, 0, 0, 1, 1024, 1025], np.uint32), size)
    border = np.zeros(size, bool)
    lines = border.T if turned else border
    lines[:, :2] = True
    lines[:4] = lines[-4:] = True
    first = case["start"] - 1
    lines[first : first + 2] = lines[max(0, first - 1) : first + 1] = True
    mask[border] |= np.uint32(2**31)
    bias = rng.normal(11000, 50, size).astype(np.float32)
    bias[rng.random(size) < 0.02] = np.nan
    level = rng.choice(np.array([12300, 50000, 50000, 50000, np.nan], np.float32), size, p=[0.05, 0.3, 0.3, 0.3, 0.05])
    coeffs = np.stack([rng.normal(0, 1, size), rng.normal(1, 0.01, size), rng.normal(0, 1e-6, size)]).astype(np.float32)
    flags = rng.choice(np.array([0, 0, 0, 4194304, 1], np.uint32), size)

    def put(model):
        model.meta.instrument.name, model.meta.instrument.detector = "NIRISS", "NIS"
        where = model.meta.subarray
        where.xstart = where.ystart = 1
        where.ysize, where.xsize = size
        where.fastaxis, where.slowaxis = case["axes"]
        return model

    superbias = put(datamodels.SuperBiasModel(data=bias, dq=flags))
    kernel = np.array([[0, 0.01, 0], [0.02, 0.94, 0.015], [0, 0.012, 0.003]], np.float32)
    return {
        "dq_init": {"override_mask": put(datamodels.MaskModel(dq=mask))},
        "saturation": {
            "override_saturation": put(datamodels.SaturationModel(data=level, dq=flags)),
            "override_superbias": superbias,
        },
        "ipc": {"override_ipc": datamodels.IPCModel(data=kernel)},
        "superbias": {"override_superbias": superbias},
        "refpix": {"override_refpix": "N/A", "override_sirskernel": "N/A"},
        "linearity": {"override_linearity": put(datamodels.LinearityModel(coeffs=coeffs, dq=flags & 1))},
    }
