"""Make parity vectors of ramp_fit: run the released pipeline on random flagged ramps.

Run it with the interpreter of the released pipeline: ``peer python tests/parity/make_ramp_fit.py``. It writes
``ramp_fit.npz`` beside itself: inputs and the rate and rateints planes of the released RampFitStep (jwst 3.0.0).
"""

import logging
import pathlib

import numpy as np
from stdatamodels.jwst import datamodels

from jwst.ramp_fitting import RampFitStep

FLAGS = np.array([0, 1, 2, 4, 5, 16, 32, 36, 128, 129], np.uint8)
CASES = {
    "one integration": {"nints": 1, "ngroups": 10},
    "three integrations": {"nints": 3, "ngroups": 6},
    "two groups": {"nints": 2, "ngroups": 2},
    "one group": {"nints": 2, "ngroups": 1},
    "no suppression": {"nints": 2, "ngroups": 5, "suppress_one_group": False, "zeroframe": True},
    "many groups": {"nints": 1, "ngroups": 23},
    "heavily flagged": {"nints": 2, "ngroups": 8, "good": 0.4},
    "noisy detector": {"nints": 2, "ngroups": 4, "readnoise": 3000.0},
}


def run(name, seed, nints, ngroups, good=0.85, readnoise=8.0, suppress_one_group=True, zeroframe=False):
    rng = np.random.default_rng(seed)
    shape = (nints, ngroups, 16, 24)
    rate = rng.lognormal(3, 2, shape[2:])
    data = np.cumsum(rng.poisson(np.broadcast_to(rate, shape)), axis=1) + rng.normal(0, readnoise, shape)
    data = np.minimum(data, 60000).astype(np.float32)
    groupdq = np.where(rng.random(shape) < good, 0, rng.choice(FLAGS, shape)).astype(np.uint8)
    tail = rng.random(shape[2:]) < 0.2
    start = rng.integers(0, ngroups, shape[2:])
    groupdq |= (2 * (tail & (np.arange(ngroups)[:, None, None] >= start))).astype(np.uint8)
    groupdq[:, :, 0, 0] = 0
    pixeldq = rng.choice(np.array([0, 0, 0, 0, 1, 2, 1024], np.uint32), shape[2:])
    gain = rng.normal(1.9, 0.1, shape[2:]).astype(np.float32)
    gain[3, 3], gain[4, 4], gain[5, 5] = np.nan, -1, 0
    groupdq[..., gain <= 0] &= 127  # CHARGELOSS together with a negative gain: what the release gives makes no sense
    groupdq[..., np.isnan(gain)] &= 127
    noise = np.abs(rng.normal(readnoise, 1, shape[2:])).astype(np.float32)
    dark = rng.normal(0.02, 0.01, shape[2:]).astype(np.float32)
    frames = np.where(rng.random((nints, *shape[2:])) < 0.5, 0, data[:, 0] / 2).astype(np.float32)
    times = {"nframes": 4, "groupgap": 1, "frame_time": 10.73677, "group_time": 53.68385, "ngroups": ngroups}

    model = datamodels.RampModel(data=data, groupdq=groupdq, pixeldq=pixeldq)
    model.meta.instrument.name, model.meta.instrument.detector = "NIRCAM", "NRCA1"
    model.meta.exposure.type, model.meta.exposure.nints = "NRC_IMAGE", nints
    for key, value in times.items():
        setattr(model.meta.exposure, key, value)
    model.average_dark_current = dark
    if zeroframe:
        model.zeroframe = frames
    references = {"gain": datamodels.GainModel(data=gain), "readnoise": datamodels.ReadnoiseModel(data=noise)}
    for subarray in (model, *references.values()):
        subarray.meta.subarray.xstart = subarray.meta.subarray.ystart = 1
        subarray.meta.subarray.xsize, subarray.meta.subarray.ysize = shape[3], shape[2]
    rate, rateints = RampFitStep.call(
        model,
        override_gain=references["gain"],
        override_readnoise=references["readnoise"].copy(),
        suppress_one_group=suppress_one_group,
    )
    out = {"data": data, "groupdq": groupdq, "pixeldq": pixeldq, "gain": gain, "readnoise": noise, "dark": dark}
    out["options"] = np.array(
        [times[k] for k in ("group_time", "frame_time", "nframes", "groupgap")] + [suppress_one_group]
    )
    if zeroframe:
        out["zeroframe"] = frames
    for product, planes in (("rate", rate), ("rateints", rateints)):
        for plane in ("data", "dq", "var_poisson", "var_rnoise", "err"):
            out[f"{product}.{plane}"] = np.asarray(getattr(planes, plane))
    return {f"{name}/{key}": value for key, value in out.items()}


def main():
    logging.disable(logging.INFO)
    vectors = {}
    for seed, (name, case) in enumerate(CASES.items()):
        vectors |= run(name, seed, **case)
    np.savez_compressed(pathlib.Path(__file__).with_name("ramp_fit.npz"), **vectors)


if __name__ == "__main__":
    main()
