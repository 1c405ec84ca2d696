"""Make parity vectors of refpix for IRS2 and SIRS. Run it with the interpreter of the released pipeline (jwst 3.0.0).

The arrays are too large to store: `build` and its like make them again from a seed, for the tests too. Of the outputs a
coarse grid is kept, and the sums over bands of rows. Of "whole numbers", where nothing but a drift is subtracted, each
sample of the grid is equal to the last bit, and those of the reference output that count as missing are listed.
"""

import zlib

import numpy as np

FULL, LINES, SERIES = 2048, 3200, 712 * 2048
ROWS, COLUMNS = slice(0, None, 17), slice(0, None, 131)
NRS1, NRS2 = ("NRS1", 2, 1), ("NRS2", -2, -1)
IRS2_CASES = {
    "nrs1": {"sca": NRS1, "shape": (1, 3), "bad": True, "masks": {(1, 1): 1 << 3, (2, 2): 5 << 20, (4, 1): 1 << 31}},
    "integrations": {
        "sca": NRS2,
        "shape": (2, 2),
        "bad": True,
        "masks": {(1, 1): 1 << 3, (2, 1): 5 << 20, (3, 2): 1},
        "options": {"ovr_corr_mitigation_ftr": 2.0},
    },
    "one group": {"sca": NRS1, "shape": (1, 1), "bad": True},
    "mean": {"sca": NRS2, "shape": (1, 2), "dead": True, "options": {"irs2_mean_subtraction": True, "siglimit": 2.0}},
    "preserved": {"sca": NRS2, "shape": (1, 2), "bad": True, "options": {"preserve_irs2_refpix": True}},
    "zeros": {"sca": NRS1, "shape": (1, 2), "zeros": True},
}
STILL_CASES = {
    f"whole numbers {ngroups}": {"sca": NRS1, "shape": (1, ngroups), "options": {"preserve_irs2_refpix": True}}
    for ngroups in (2, 3)
}


def build_irs2(name, shape=(1, 2), bad=False, dead=False, zeros=False, **_):
    """Make the data and pixeldq of a case."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    data = rng.standard_normal((*shape, LINES, FULL), dtype=np.float32)
    np.multiply(data, 6, out=data)
    y, x = np.indices((LINES, FULL), sparse=True)
    for group in range(shape[1]):
        wave = 30 * np.sin(x / (20 + group)) + 10 * np.cos(x / 3.7 + group) + 0.01 * group * x
        data[:, group] += (wave + 100 * (y // 640) + 3 * (y % 2) + 20 * group).astype(np.float32)
    data[rng.random(data.shape, dtype=np.float32) < 1e-4] += 5000
    pixeldq = np.zeros((LINES, FULL), np.uint32)
    pixeldq[:, :4] = pixeldq[:, -4:] = 2**31
    pixeldq[rng.random(pixeldq.shape, dtype=np.float32) < 0.002] = 1
    if bad:
        for row in (9, 708, 728, 748, 1290, 1309, 1911, 1931, 2571, 3188, 3191):
            data[..., row, :] += 300
        pixeldq[[648, 668, 1300, 2000, 2028], 100] |= np.uint32(131072)
    if dead:
        pixeldq[1280:1920:2, :4] |= np.uint32(1)
        pixeldq[1280:1920:2, -4:] |= np.uint32(1)
    if zeros:
        data[:, :, 100:140, 50:60] = 7
        data[:, :, 800:830, :4] = 7
        data[:, :, 400:402] = -3
    return data, pixeldq


def build_whole(name, shape=(1, 2), **_):
    """Make the data and pixeldq of a case of whole numbers: many samples of the reference output equal its drift."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    level = 1000 + 60 * np.arange(shape[1], dtype=np.float32)[:, None, None]
    data = level + 2 * rng.integers(-1, 2, (*shape, LINES, FULL)).astype(np.float32)
    data[:, 0, 640:, 1100:] = data[:, -1, 640:, 1100:]
    data[:, -1, 640:, 2045:] = data[:, 0, 640:, 2045:] - 3
    for first in (0, 2, -4, -2):
        data[..., :640, first + 1] = 2 * level[..., 0] - data[..., :640, first]
    return data, np.zeros((LINES, FULL), np.uint32)


def missing_samples(data, result):
    """Flat indices of pixels of the reference output that are not what was there, less a straight line."""
    lines = np.arange(640) % 20
    normal = np.flatnonzero((lines < 8) | (lines >= 12))
    change = (result - data)[:, :, normal].astype(np.float64)
    return np.flatnonzero(np.abs(change - np.median(change, axis=(2, 3), keepdims=True)) > 0.05)


def irs2_table():
    """Make the coefficients of all cases: complex, smooth, different for the four outputs, not symmetric."""
    frequency = np.fft.fftfreq(SERIES).astype(np.float32)
    names = [f"{kind}_{output}" for kind in ("alpha", "beta") for output in range(4)]
    table = np.zeros(2 * SERIES, dtype=[(name, "<f4") for name in names])
    for number, name in enumerate(names):
        table[name][::2] = (0.3 + 0.1 * number) / (1 + (40 * frequency) ** 2) + 0.05 * frequency
        table[name][1::2] = 0.1 * np.sin(9 * frequency) + 0.02
    return table


def dq_table(masks):
    """Make the table of reference pixels not to use."""
    rows = [(output, parity, masks.get((output, parity), 0)) for output in range(1, 5) for parity in (1, 2)]
    return np.array(rows, dtype=[("OUTPUT", "<u2"), ("ODD_EVEN", "<u2"), ("MASK", "<u4")])


def irs2_sums(data):
    """Sums over bands of 64 rows, (nints, ngroups, bands) float64."""
    return data.reshape(*data.shape[:2], -1, 64 * FULL).sum(axis=-1, dtype=np.float64)


def nirspec(data, pixeldq, sca):
    """Make a ramp model of NIRSpec."""
    from exposures import ramp

    name, *axes = sca
    model = ramp(data, subarray="FULL", axes=axes, noutputs=5)
    model.meta.instrument.name, model.meta.instrument.detector = "NIRSPEC", name
    model.meta.exposure.type, model.meta.subarray.ysize = "NRS_IFU", FULL
    model.meta.exposure.readpatt = "NRSIRS2RAPID"
    model.meta.exposure.nrs_normal, model.meta.exposure.nrs_reference = 16, 4
    model.pixeldq = pixeldq
    return model


def irs2_reference(table, masks):
    """Make the reference model."""
    from stdatamodels.jwst import datamodels

    model = datamodels.IRS2Model(irs2_table=table, dq_table=dq_table(masks))
    model.meta.instrument.name = "NIRSPEC"
    return model


def irs2_vectors(vectors, names):
    """Run the IRS2 cases."""
    from jwst.refpix import RefPixStep

    table = irs2_table()
    for name in names:
        case = IRS2_CASES[name]
        model = nirspec(*build_irs2(name, **case), case["sca"])
        reference = irs2_reference(table, case.get("masks", {}))
        result = RefPixStep.call(model, override_refpix=reference, **case.get("options", {}))
        assert result.meta.cal_step.refpix == "COMPLETE", name
        vectors[f"{name}/data"] = result.data[..., ROWS, COLUMNS]
        vectors[f"{name}/sums"] = irs2_sums(result.data)
        vectors[f"{name}/bad"] = np.flatnonzero((result.pixeldq & 131073) == 131073)[::97].astype(np.int32)
        vectors[f"{name}/flags"] = np.array([result.pixeldq.sum(dtype=np.int64), *result.groupdq.shape[-2:]])
        print(name, result.data.shape, flush=True)


SIRS_CASES = {
    "sirs": {"axes": (1, -2)},
    "sirs mirrored": {"axes": (-1, 2), "options": {"sigreject": 2.0, "gaussmooth": 2.5, "halfwidth": 11}},
    "sirs no parity": {"axes": (-2, -1), "options": {"odd_even_columns": False, "side_gain": 0.3}},
    "sirs elsewhere": {"axes": (1, -2), "detector": "nrs2"},
}


def build_sirs(name):
    """Make the data and pixeldq of a case: two groups of a full frame."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    data = rng.standard_normal((1, 2, FULL, FULL), dtype=np.float32)
    y, x = np.indices((FULL, FULL), sparse=True)
    data += (20 * np.sin((y + x) / 90) + 7 * (x // 512) + 3 * (y % 2) + 2 * (x % 2)).astype(np.float32)
    data[rng.random(data.shape, dtype=np.float32) < 1e-3] += 2000
    data[:, 1] += 50
    pixeldq = np.zeros((FULL, FULL), np.uint32)
    pixeldq[:4] = pixeldq[-4:] = pixeldq[:, :4] = pixeldq[:, -4:] = 2**31
    pixeldq[rng.random(pixeldq.shape, dtype=np.float32) < 0.01] |= np.uint32(1)
    return data, pixeldq


def sirs_kernels():
    """Make the coefficients of four channels: gamma for the left columns, zeta for the right ones."""
    frequency = np.arange(1025) / 1024
    factors = (0.4, 0.5, 0.6, 0.7)
    gamma = [a / (1 + (30 * frequency) ** 2) + 0.1j * a * np.sin(3 * frequency) for a in factors]
    zeta = [0.3 / (1 + (60 * a * frequency) ** 2) - 0.05j * frequency for a in factors]
    return np.array(gamma, np.complex128), np.array(zeta, np.complex128)


def sirs_reference(detector):
    """Make the reference model."""
    from stdatamodels.jwst import datamodels

    model = datamodels.SIRSKernelModel()
    gamma, zeta = sirs_kernels()
    model[detector] = {"gamma": gamma, "zeta": zeta}
    return model


def sirs_vectors(vectors):
    """Run the SIRS cases."""
    from exposures import ramp

    from jwst.refpix import RefPixStep

    for name, case in SIRS_CASES.items():
        data, pixeldq = build_sirs(name)
        model = ramp(data, subarray="FULL", axes=case["axes"], noutputs=4)
        model.pixeldq = pixeldq
        options = {"refpix_algorithm": "sirs", "override_refpix": "N/A", **case.get("options", {})}
        result = RefPixStep.call(model, override_sirskernel=sirs_reference(case.get("detector", "nrca1")), **options)
        vectors[f"{name}/data"] = result.data[..., ROWS, COLUMNS]
        vectors[f"{name}/sums"] = irs2_sums(result.data)
        print(name, flush=True)


def still_vectors(vectors):
    """Run the cases in which nothing but a drift is subtracted."""
    from jwst.refpix import RefPixStep

    reference = irs2_reference(np.zeros_like(irs2_table()), {})
    for name, case in STILL_CASES.items():
        data, pixeldq = build_whole(name, **case)
        result = RefPixStep.call(
            nirspec(data.copy(), pixeldq, case["sca"]), override_refpix=reference, **case["options"]
        ).data
        missing = missing_samples(data, result)
        vectors[f"{name}/data"] = result[:, :, 640:][..., ROWS, COLUMNS]
        vectors[f"{name}/missing"] = np.array([missing.size, missing.sum()])
        vectors[f"{name}/sums"] = irs2_sums(result)[..., :10]
        print(name, missing.size, missing[:5], flush=True)


def main():
    from exposures import offline, save

    offline()
    vectors = {}
    sirs_vectors(vectors)
    irs2_vectors(vectors, IRS2_CASES)
    still_vectors(vectors)
    save(__file__, vectors)


if __name__ == "__main__":
    main()
