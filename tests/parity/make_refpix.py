"""Make parity vectors of refpix. Run it with the interpreter of the released pipeline (jwst 3.0.0).

Full-frame inputs are too large to store: `build` makes them again from their seed, for the tests too. Of the outputs of
large arrays a coarse grid is kept, with the first and last five rows and columns.
"""

import numpy as np

FULL = 2048
FULL_CASES = {
    "full": {"axes": (1, 2)},
    "full backwards": {"axes": (-1, 2)},
    "full transposed": {"axes": (-2, -1)},
    "full flagged": {"axes": (2, 1), "bad": 0.2, "options": {"side_smoothing_length": 8, "side_gain": 0.7}},
    "full no parity": {"axes": (1, -2), "options": {"odd_even_columns": False, "siglimit": 2.0}},
    "full no side": {"axes": (1, -2), "options": {"use_side_ref_pixels": False}, "zeroframe": True},
    "full dead": {"axes": (1, 2), "bad": 0.05, "dead": True, "zeroframe": True},
}
SUBARRAY_CASES = {
    "stripe": {"shape": (16, FULL), "corner": (1, 1), "axes": (1, 2), "noutputs": 4},
    "stripe middle": {"shape": (16, FULL), "corner": (1, 1001), "axes": (-1, 2), "noutputs": 4},
    "stripe top": {"shape": (16, FULL), "corner": (1, 2033), "axes": (1, -2), "noutputs": 4},
    "stripe upright": {"shape": (FULL, 16), "corner": (1, 1), "axes": (-2, -1), "noutputs": 4},
    "corner": {"shape": (12, 16), "corner": (1, 1), "axes": (-1, 2)},
    "corner turned": {"shape": (12, 16), "corner": (2033, 1), "axes": (-2, -1)},
    "odd corner": {"shape": (12, 15), "corner": (100, 1), "axes": (1, -2)},
    "no parity": {"shape": (12, 16), "corner": (1, 1), "axes": (1, 2), "options": {"odd_even_columns": False}},
    "no reference": {"shape": (12, 16), "corner": (101, 101), "axes": (1, 2)},
    "side flagged": {"shape": (12, 16), "corner": (101, 101), "axes": (2, 1), "subarray": "SUB32"},
}


def build(seed, shape=(FULL, FULL), bad=0.01, dead=False, zeroframe=False, corner=(1, 1), **_):
    """Make the input of a case: data, pixeldq and zeroframe (or None)."""
    rng = np.random.default_rng(seed)
    nints, ngroups = (1, 1) if min(shape) == FULL else (2, 2)
    data = rng.integers(-40, 40, (nints, ngroups, *shape)).astype(np.float32)
    y, x = np.indices(shape, sparse=True)
    data += (7 * (x % 2) + 11 * (y % 2) + 5 * (x // 512) + 3 * (y // 512)).astype(np.float32)
    data += np.round(200 * np.sin(y / 30) + 100 * np.sin(x / 17)).astype(np.float32) / 4
    data[rng.random(data.shape) < 0.001] += 3000
    column, row = corner[0] - 1 + x, corner[1] - 1 + y
    border = (column < 4) | (column >= FULL - 4) | (row < 4) | (row >= FULL - 4)
    pixeldq = np.where(border, np.uint32(2**31), np.uint32(0))
    pixeldq |= (rng.random(shape) < bad).astype(np.uint32)
    pixeldq[rng.random(shape) < 0.05] |= np.uint32(131072)
    if dead:
        pixeldq[:4, :512:2] |= np.uint32(1)
        pixeldq[-4:, :512:2] |= np.uint32(1)
        pixeldq[:, :4] |= np.uint32(1)
        pixeldq[700:730, -4:] |= np.uint32(1)
        data[..., 2046, 1024] = np.nan
        data[..., 900, 2045] = np.nan
    frames = np.where(rng.random((nints, *shape)) < 0.1, 0, data[:, 0] - 7).astype(np.float32) if zeroframe else None
    return data, pixeldq, frames


def sample(array):
    """What is kept of a large output."""
    picks = [np.unique(np.r_[0:5, 0:size:step, size - 5 : size]) for size, step in zip(array.shape[-2:], (61, 167))]
    return array[..., picks[0][:, None], picks[1]] if max(array.shape) == FULL else array


def main():
    from exposures import offline, ramp, save

    from jwst.refpix import RefPixStep

    offline()
    vectors = {}
    for seed, (name, case) in enumerate((FULL_CASES | SUBARRAY_CASES).items()):
        data, pixeldq, zeroframe = build(seed, **case)
        model = ramp(
            data,
            corner=case.get("corner", (1, 1)),
            subarray=case.get("subarray", "FULL" if name in FULL_CASES else "SUB64"),
            axes=case["axes"],
            noutputs=case.get("noutputs", 4 if name in FULL_CASES else 1),
            zeroframe=zeroframe,
        )
        model.pixeldq = pixeldq
        result = RefPixStep.call(model, override_refpix="N/A", override_sirskernel="N/A", **case.get("options", {}))
        vectors[f"{name}/data"] = sample(result.data)
        if zeroframe is not None:
            vectors[f"{name}/zeroframe"] = sample(result.zeroframe)
    save(__file__, vectors)


if __name__ == "__main__":
    main()
