"""Make parity vectors of the likelihood fit: run the released pipeline on random flagged ramps with cosmic rays.

Run it with the interpreter of the released pipeline: ``peer python tests/parity/make_ramp_fit_likely.py``. It writes
``ramp_fit_likely.npz`` beside itself: inputs, and the rate, rateints and chi squared planes of the released RampFitStep
(jwst 3.0.0) with ``algorithm='LIKELY'``.
"""

import sys

sys.tracebacklimit = 0

import logging  # noqa: E402
import os  # noqa: E402
import pathlib  # noqa: E402
import tempfile  # noqa: E402

os.environ.setdefault("STPIPE_DISABLE_CRDS_STEPPARS", "true")

import numpy as np  # noqa: E402
from stdatamodels.jwst import datamodels  # noqa: E402

from jwst.ramp_fitting import RampFitStep  # noqa: E402

FLAGS = np.array([0, 1, 2, 4, 5, 16, 32, 36, 128, 129], np.uint8)
IRREGULAR = [[1.0], [3.0, 4.0], [6.0, 7.0, 8.0, 9.0], [12.0, 13.0, 14.0], [20.0, 22.0], [25.0], [31.0, 32.0, 33.0]]
CASES = {
    "one integration": {"nints": 1, "ngroups": 10},
    "without flags": {"nints": 2, "ngroups": 10, "good": 1.0},
    "averaged groups": {"nints": 1, "ngroups": 10, "nframes": 8, "groupgap": 2, "good": 0.97},
    "three integrations": {"nints": 3, "ngroups": 6, "nframes": 4, "groupgap": 1},
    "two integrations": {"nints": 2, "ngroups": 8, "good": 0.6, "hits": 0.0},
    "four groups": {"nints": 2, "ngroups": 4, "good": 0.95},
    "five groups": {"nints": 1, "ngroups": 5, "nframes": 3, "good": 0.95},
    "many groups": {"nints": 1, "ngroups": 41, "good": 0.97, "size": (8, 12)},
    "read times": {"nints": 2, "ngroups": 7, "good": 0.95, "read_times": IRREGULAR, "algorithm": "OLS_C"},
    "zero frames": {"nints": 2, "ngroups": 6, "nframes": 4, "groupgap": 1, "good": 0.9, "zeroframe": True},
    "zero frames of single reads": {"nints": 1, "ngroups": 6, "zeroframe": True},
    "three groups": {"nints": 2, "ngroups": 3},
    "one group": {"nints": 2, "ngroups": 1},
    "range of groups": {"nints": 1, "ngroups": 10, "firstgroup": 1, "lastgroup": 7},
    "noisy detector": {"nints": 2, "ngroups": 5, "readnoise": 3000.0, "good": 0.95},
    "no dark": {"nints": 1, "ngroups": 9, "dark": False, "good": 0.97},
}


def make_inputs(rng, shape, good, readnoise, hits):
    """Rising ramps with steps, flags of all sorts, bad references."""
    rate = rng.lognormal(3, 2, shape[2:])
    data = np.cumsum(rng.poisson(np.broadcast_to(rate, shape)), axis=1) + rng.normal(0, readnoise / 1.4, shape)
    steps = np.where(rng.random(shape) < hits, rng.lognormal(5, 1.5, shape), 0)
    data = np.minimum(data + np.cumsum(steps, axis=1), 60000).astype(np.float32)
    groupdq = np.where(rng.random(shape) < good, 0, rng.choice(FLAGS, shape)).astype(np.uint8)
    tail = rng.random(shape[2:]) < 0.15 * (good < 1)
    start = rng.integers(0, shape[1], shape[2:])
    groupdq |= (2 * (tail & (np.arange(shape[1])[:, None, None] >= start))).astype(np.uint8)
    groupdq[:, :, 0, 0] = 0
    groupdq[:, :, 0, 1] = 2
    groupdq[0, :, 0, 2] = 1
    groupdq[:, 0, 0, 3] = 1
    groupdq[:, -1, 0, 3] = 1
    groupdq[:, :, 0, 4] = 32
    groupdq[:, :, 0, 5] = 4
    if shape[1] > 3:
        data[0, 2, 1, :2] = np.nan
        groupdq[:, :, 1, 0] = 0
        groupdq[:, :, 1, 1] = 0
        groupdq[0, 2, 1, 1] = 1
        data[-1, :, 1, 2] = np.nan
        data[0, 0, 1, 3] = np.inf
    pixeldq = rng.choice(np.array([0, 0, 0, 0, 1, 2, 1024], np.uint32), shape[2:])
    gain = rng.normal(1.9, 0.1, shape[2:]).astype(np.float32)
    gain[3, 3:6], gain[4, 3:6], gain[5, 3:6] = np.nan, -1, 0
    noise = np.abs(rng.normal(readnoise, 1, shape[2:])).astype(np.float32)
    noise[3, 8], noise[4, 8], noise[5, 8:10] = np.nan, -5, 0
    dark = rng.normal(0.02, 0.01, shape[2:]).astype(np.float32)
    dark[6, 6], dark[6, 7] = np.nan, -0.01
    dead = (slice(None), slice(None), slice(3, 6), 5)
    data[dead] = -data[dead]
    return data, groupdq, pixeldq, gain, noise, dark


def run(
    name, seed, nints, ngroups, good=0.85, readnoise=8.0, hits=0.03, nframes=1, groupgap=0, size=(9, 16),
    zeroframe=False, read_times=None, dark=True, algorithm="LIKELY", **options,
):  # fmt: skip
    rng = np.random.default_rng(seed)
    shape = (nints, ngroups, *size)
    data, groupdq, pixeldq, gain, noise, current = make_inputs(rng, shape, good, readnoise, hits)
    frames = np.where(rng.random((nints, *size)) < 0.2, 0, data[:, 0] / 2).astype(np.float32)
    times = {"nframes": nframes, "groupgap": groupgap, "frame_time": 10.73677}
    times["group_time"] = times["frame_time"] * (nframes + groupgap)

    model = datamodels.RampModel(data=data.copy(), groupdq=groupdq.copy(), pixeldq=pixeldq.copy())
    model.meta.instrument.name, model.meta.instrument.detector = "NIRCAM", "NRCA1"
    model.meta.exposure.type, model.meta.exposure.nints = "NRC_IMAGE", nints
    model.meta.exposure.ngroups = ngroups
    model.meta.filename = "parity_uncal.fits"
    for key, value in times.items():
        setattr(model.meta.exposure, key, value)
    if read_times:
        model.meta.exposure.read_times = read_times
    if dark:
        model.average_dark_current = current
    if zeroframe:
        model.zeroframe = frames
    references = {"gain": datamodels.GainModel(data=gain), "readnoise": datamodels.ReadnoiseModel(data=noise)}
    for subarray in (model, *references.values()):
        subarray.meta.subarray.xstart = subarray.meta.subarray.ystart = 1
        subarray.meta.subarray.xsize, subarray.meta.subarray.ysize = shape[3], shape[2]
    with tempfile.TemporaryDirectory() as folder:
        rate, rateints = RampFitStep.call(
            model,
            override_gain=references["gain"],
            override_readnoise=references["readnoise"].copy(),
            algorithm=algorithm,
            save_opt=True,
            output_dir=folder,
            **options,
        )
        chisq = None
        for path in pathlib.Path(folder).iterdir():
            print(name, path.name)
            if "likely" in path.name:
                with datamodels.open(path) as product:
                    chisq = np.array(product.data)
    out = {"data": data, "groupdq": groupdq, "pixeldq": pixeldq, "gain": gain, "readnoise": noise}
    out["times"] = np.array([times[k] for k in ("group_time", "frame_time", "nframes", "groupgap")])
    out["range"] = np.array([options.get("firstgroup", -1), options.get("lastgroup", -1)])
    if dark:
        out["dark"] = current
    if zeroframe:
        out["zeroframe"] = frames
    if read_times:
        out["reads"] = np.array([len(group) for group in read_times])
        out["read_times"] = np.concatenate(read_times)
    if chisq is not None:
        out["chisq"] = chisq
    for product, planes in (("rate", rate), ("rateints", rateints)):
        for plane in ("data", "dq", "var_poisson", "var_rnoise", "err"):
            out[f"{product}.{plane}"] = np.asarray(getattr(planes, plane))
    return {f"{name}/{key}": value for key, value in out.items()}


def main():
    logging.disable(logging.WARNING)
    vectors = {}
    for seed, (name, case) in enumerate(CASES.items()):
        vectors |= run(name, seed, **case)
    path = pathlib.Path(__file__).with_name("ramp_fit_likely.npz")
    np.savez_compressed(path, **vectors)
    print(path.stat().st_size)


if __name__ == "__main__":
    main()
