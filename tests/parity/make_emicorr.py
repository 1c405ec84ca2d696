"""Make parity vectors of emicorr. Run it with the interpreter of the released pipeline (jwst 3.0.0).

Inputs are not stored: `build` makes them again from their seed, for the tests too. Of the outputs a grid is kept.
"""

import numpy as np

SUB64 = {"shape": (1, 6, 16, 24), "subarray": "SUB64"}
SEQUENTIAL = {"algorithm": "sequential"}
CASES = {
    "joint": SUB64,
    "joint, three groups": {"shape": (1, 3, 16, 24), "subarray": "SUB64"},
    "joint, two integrations": {"shape": (2, 5, 16, 24), "subarray": "SUB256"},
    "joint, two integrations, no extra reset": {"shape": (2, 5, 16, 24), "subarray": "SUB64", "readpatt": "FAST"},
    "joint, integrations apart": {
        "shape": (3, 5, 16, 24),
        "subarray": "SUB128",
        "options": {"fit_ints_separately": True},
    },
    "joint, brightsky": {"shape": (1, 7, 24, 32), "subarray": "BRIGHTSKY"},
    "joint, mask": {"shape": (1, 5, 12, 24), "subarray": "MASK1140"},
    "joint, prism": {"shape": (2, 8, 24, 16), "subarray": "SLITLESSPRISM"},
    "joint, slow": {"shape": (1, 5, 16, 24), "subarray": "FULL", "readpatt": "SLOWR1"},
    "joint, slow, plain": {"shape": (2, 4, 16, 24), "subarray": "FULL", "readpatt": "SLOW", "detector": "MIRIFUSHORT"},
    "joint, full frame": {"shape": (1, 4, 1024, 1032), "subarray": "FULL"},
    "joint, not a number": {"shape": (1, 5, 16, 24), "subarray": "SUB64", "spoiled": True},
    "joint, all saturated": {"shape": (1, 5, 16, 24), "subarray": "SUB64", "flat": True},
    "sequential": {"shape": (1, 12, 16, 24), "subarray": "SUB64", "options": SEQUENTIAL},
    "sequential, three groups": {"shape": (1, 3, 96, 96), "subarray": "SUB64", "options": SEQUENTIAL},
    "sequential, four groups": {"shape": (1, 4, 64, 72), "subarray": "SUB64", "options": SEQUENTIAL},
    "sequential, five groups": {"shape": (2, 5, 64, 72), "subarray": "SUB64", "options": SEQUENTIAL},
    "sequential, unscaled": {
        "shape": (2, 10, 16, 24),
        "subarray": "SUB64",
        "options": SEQUENTIAL | {"scale_reference": False},
    },
    "sequential, bins": {"shape": (2, 10, 16, 24), "subarray": "SUB256", "options": SEQUENTIAL | {"nbins": 20}},
    "sequential, too many bins": {
        "shape": (2, 10, 16, 24),
        "subarray": "SUB256",
        "options": SEQUENTIAL | {"nbins": 600},
    },
    "sequential, phased by one": {
        "shape": (3, 7, 16, 24),
        "subarray": "SUB64",
        "options": SEQUENTIAL | {"nints_to_phase": 1},
    },
    "sequential, phased by too many": {
        "shape": (2, 7, 16, 24),
        "subarray": "SUB64",
        "options": SEQUENTIAL | {"nints_to_phase": 9},
    },
    "sequential, all integrations": {
        "shape": (3, 7, 16, 24),
        "subarray": "SUB64",
        "readpatt": "FAST",
        "options": SEQUENTIAL | {"use_n_cycles": None},
    },
    "sequential, many cycles": {
        "shape": (3, 7, 16, 24),
        "subarray": "SUB64",
        "options": SEQUENTIAL | {"use_n_cycles": 300},
    },
    "sequential, slow": {
        "shape": (2, 6, 16, 24),
        "subarray": "FULL",
        "readpatt": "SLOWR1",
        "options": SEQUENTIAL,
    },
    "sequential, full frame": {"shape": (1, 4, 1024, 1032), "subarray": "FULL", "options": SEQUENTIAL},
    "sequential, right edge": {
        "shape": (1, 6, 16, 24),
        "subarray": "SUB64",
        "corner": 253,
        "options": SEQUENTIAL,
    },
    "sequential, not a number": {
        "shape": (1, 6, 16, 24),
        "subarray": "SUB64",
        "spoiled": True,
        "options": SEQUENTIAL,
    },
    "sequential, all saturated": {"shape": (1, 6, 16, 24), "subarray": "SUB64", "flat": True, "options": SEQUENTIAL},
    "on the fly": {
        "shape": (2, 6, 16, 24),
        "subarray": "SUB64",
        "options": {"onthefly_corr_freq": [390.625, 218.52]},
        "reference": False,
    },
    "on the fly, slow": {
        "shape": (1, 6, 16, 24),
        "subarray": "FULL",
        "readpatt": "SLOWR1",
        "options": {"onthefly_corr_freq": [10.039, 1000.0]},
        "reference": False,
    },
}


def waves():
    """The reference: waves by name of frequency, and which of them disturb which subarray."""
    frequencies = {}
    for name, frequency, size, harmonic in (
        ("Hz390", 390.625, 500, 0.3),
        ("Hz218a", 218.520470, 500, 0.5),
        ("Hz164", 164.9305, 250, 0.0),
        ("Hz10", 10.039216, 64, 0.2),
    ):
        phase = 2 * np.pi * (np.arange(size) + 0.5) / size
        wave = np.sin(phase) + harmonic * np.cos(2 * phase + 1) + 0.05 * np.sin(7 * phase)
        frequencies[name] = {"frequency": frequency, "phase_amplitudes": wave.astype(np.float32)}
    fast = {
        "SUB64": (28, 8512, ["Hz390", "Hz218a"]),
        "SUB128": (44, 11904, ["Hz218a", "Hz390"]),
        "SUB256": (96, 29952, ["Hz390"]),
        "BRIGHTSKY": (162, 86528, ["Hz164", "Hz10"]),
        "MASK1140": (82, 23968, ["Hz390", "Hz10"]),
        "MASKLYOT": (90, 32400, ["Hz390"]),
        "SLITLESSPRISM": (28, 15904, ["Hz390", "Hz164"]),
        "FULL_FAST": (271, 277504, ["Hz218a", "Hz390", "Hz10"]),
    }
    cases = {
        name: {"rowclocks": row, "frameclocks": frame, "freqs": {"FAST": names}}
        for name, (row, frame, names) in fast.items()
    }
    slow = {"MIRIMAGE": ["Hz390", "Hz10"], "MIRIFUSHORT": ["Hz10"]}
    cases["FULL_SLOW"] = {"rowclocks": 2333, "frameclocks": 2388992, "freqs": {"SLOW": slow}}
    return {"frequencies": frequencies, "subarray_cases": cases}


def case_name(subarray, readpatt="FASTR1", **_):
    """Name of the case in the reference."""
    return f"{subarray}_{readpatt[:4]}" if subarray == "FULL" else subarray


def build(seed, shape, subarray, readpatt="FASTR1", spoiled=False, flat=False, **_):
    """Make the data, flags of groups and flags of pixels of a case."""
    rng = np.random.default_rng(seed)
    nints, ngroups, ny, nx = shape
    group = np.arange(ngroups)[:, None, None]
    if ny > 500:
        data = 9000 + 40.0 * group + rng.integers(0, 40, shape)
    else:
        data = 12000 + rng.uniform(0, 200, (nints, 1, ny, nx)) * group + rng.normal(0, 3, shape)
    case = waves()["subarray_cases"][case_name(subarray, readpatt)]
    row, quad = np.arange(ny)[:, None], np.arange(nx) // 4
    frame = ny * case["rowclocks"] + (1024 - ny) * 7
    for i in range(nints):
        start = i * (ngroups * frame + case["frameclocks"] * readpatt.endswith("R1"))
        clock = start + frame * group + case["rowclocks"] * row + (9 if readpatt[:4] == "SLOW" else 1) * quad
        for frequency, amplitude in ((390.625, 6.0), (218.52047, 4.0), (10.039216, 3.0)):
            phase = 2 * np.pi * (clock * frequency * 1e-5 + 0.21)
            data[i] += amplitude * np.sin(phase) + amplitude / 3 * np.cos(2 * phase)
    groupdq = np.zeros(shape, np.uint8)
    hit = rng.random(shape) < 0.002
    data += np.cumsum(np.where(hit, 900, 0), axis=1)
    groupdq[hit] |= 4
    full = np.maximum.accumulate(rng.random(shape) < 0.002, axis=1) | flat
    data[full] = 60000
    groupdq[full] |= 2
    pixeldq = np.where(rng.random((ny, nx)) < 0.03, 1, 0).astype(np.uint32)
    if spoiled:
        data[0, 2, 3, 14] = np.nan
    return data.astype(np.float32), groupdq, pixeldq


def sample(array):
    """What is kept of an output."""
    step = 61 if array.shape[-1] > 500 else 11 if array.shape[-1] > 50 else 2
    return array[..., ::step, :: step + 1]


def exposure(data, groupdq, pixeldq, *, subarray, readpatt="FASTR1", detector="MIRIMAGE", corner=1, **_):
    """Make the MIRI ramp model of a case."""
    from stdatamodels.jwst import datamodels

    model = datamodels.RampModel(data=data)
    model.groupdq, model.pixeldq = groupdq, pixeldq
    meta = model.meta
    meta.instrument.name, meta.instrument.detector, meta.exposure.type = "MIRI", detector, "MIR_IMAGE"
    meta.exposure.readpatt, meta.exposure.nsamples = readpatt, 9 if readpatt.startswith("SLOW") else 1
    meta.exposure.nints, meta.exposure.ngroups = data.shape[:2]
    meta.subarray.name = subarray
    meta.subarray.xstart, meta.subarray.ystart = corner, 1
    meta.subarray.xsize, meta.subarray.ysize = data.shape[-1], data.shape[-2]
    meta.observation.date, meta.observation.time = "2023-07-01", "00:00:00"
    return model


def reference_model():
    """Make the reference model."""
    from stdatamodels.jwst import datamodels

    content = waves()
    model = datamodels.EmiModel()
    model.frequencies, model.subarray_cases = content["frequencies"], content["subarray_cases"]
    return model


def main():
    import warnings

    from exposures import offline, save

    from jwst.emicorr import EmiCorrStep

    offline()
    warnings.simplefilter("ignore")
    vectors = {}
    for seed, (name, case) in enumerate(CASES.items()):
        model = exposure(*build(seed, **case), **case)
        override = reference_model() if case.get("reference", True) else "N/A"
        result = EmiCorrStep.call(model, skip=False, override_emicorr=override, **case.get("options", {}))
        vectors[f"{name}/data"] = sample(result.data)
        vectors[f"{name}/flags"] = np.array(
            [(result.groupdq == model.groupdq).all(), (result.pixeldq == model.pixeldq).all()]
        )
        vectors[f"{name}/status"] = np.array(result.meta.cal_step.emicorr)
    save(__file__, vectors)


if __name__ == "__main__":
    main()
