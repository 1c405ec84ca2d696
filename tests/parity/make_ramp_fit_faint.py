"""Make parity vectors of the likelihood fit of faint ramps with jumps, of which the released pipeline misses many.

Run it with the interpreter of the released pipeline: ``peer python tests/parity/make_ramp_fit_faint.py``. It writes
``ramp_fit_faint.npz`` beside itself: inputs, and flags and rates of the integrations of the released RampFitStep (jwst
3.0.0) with ``algorithm='LIKELY'``. The medians of the differences are below zero, so that reads make all the noise.
"""

import sys

sys.tracebacklimit = 0

import logging  # noqa: E402
import os  # noqa: E402
import pathlib  # noqa: E402

os.environ.setdefault("STPIPE_DISABLE_CRDS_STEPPARS", "true")

import numpy as np  # noqa: E402
from stdatamodels.jwst import datamodels  # noqa: E402

from jwst.ramp_fitting import RampFitStep  # noqa: E402

SIZE = (10, 30)
CASES = {
    "five groups": {"ngroups": 5, "frame_time": 10.73677},
    "five averaged groups": {"ngroups": 5, "nframes": 4, "groupgap": 1, "frame_time": 14.58889},
    "six groups": {"ngroups": 6, "nframes": 8, "groupgap": 2, "frame_time": 10.73677},
    "seven groups": {"ngroups": 7, "frame_time": 14.58889},
    "seven averaged groups": {"ngroups": 7, "nframes": 8, "groupgap": 2, "frame_time": 14.58889},
    "seven groups with flags": {"ngroups": 7, "frame_time": 0.05018, "flags": True},
    "nine groups with flags": {"ngroups": 9, "nframes": 4, "groupgap": 1, "frame_time": 14.58889, "flags": True},
}


def make_inputs(rng, ngroups, flags):
    """Ramps that fall, with two steps up; where there are flags, ramps that saturate and groups flagged as jumps."""
    shape = (ngroups, *SIZE)
    groups = np.arange(ngroups)[:, None, None]
    noise = rng.uniform(1, 60, SIZE).astype(np.float32)
    data = (rng.normal(0, 1, shape) - 1.5 * groups) * noise
    for height in (100, 30):
        data += np.where(groups >= rng.integers(1, ngroups, SIZE), height * noise, 0)
    groupdq = np.zeros(shape, np.uint8)
    if flags:
        groupdq[np.broadcast_to(groups >= rng.integers(5, ngroups + 1, SIZE), shape)] = 2
        groupdq[rng.random(shape) < 0.03] |= np.uint8(4)
    return data[None].astype(np.float32), groupdq[None], noise


def place(model, nframes, groupgap, frame_time):
    """Fill the metadata that the step asks for."""
    subarray, exposure = model.meta.subarray, model.meta.exposure
    subarray.xstart = subarray.ystart = 1
    subarray.ysize, subarray.xsize = SIZE
    exposure.nframes, exposure.groupgap, exposure.frame_time = nframes, groupgap, frame_time
    exposure.group_time = frame_time * (nframes + groupgap)
    model.meta.instrument.name, model.meta.instrument.detector = "NIRCAM", "NRCA1"
    exposure.type = "NRC_IMAGE"
    return model


def run(name, seed, ngroups, frame_time, nframes=1, groupgap=0, flags=False):
    data, groupdq, noise = make_inputs(np.random.default_rng(seed), ngroups, flags)
    times = (nframes, groupgap, frame_time)
    model = datamodels.RampModel(data=data.copy(), groupdq=groupdq.copy(), pixeldq=np.zeros(SIZE, np.uint32))
    model = place(model, *times)
    model.meta.exposure.nints, model.meta.exposure.ngroups = data.shape[:2]
    _, rateints = RampFitStep.call(
        model,
        override_gain=place(datamodels.GainModel(data=np.full(SIZE, 2, np.float32)), *times),
        override_readnoise=place(datamodels.ReadnoiseModel(data=noise.copy()), *times),
        algorithm="LIKELY",
    )
    out = {"data": data, "groupdq": groupdq, "readnoise": noise, "times": np.array(times)}
    out |= {"dq": np.asarray(rateints.dq), "rate": np.asarray(rateints.data)}
    print(name, np.count_nonzero((out["dq"] & 4) == 0), "of", data[0, 0].size, "without a jump")
    return {f"{name}/{key}": value for key, value in out.items()}


def main():
    logging.disable(logging.WARNING)
    vectors = {}
    for seed, (name, case) in enumerate(CASES.items()):
        vectors |= run(name, seed, **case)
    path = pathlib.Path(__file__).with_name("ramp_fit_faint.npz")
    np.savez_compressed(path, **vectors)
    print(path.stat().st_size)


if __name__ == "__main__":
    main()
