"""Make dark_current.npz with the released pipeline: ``peer python make_dark_current.py`` in this folder."""

from __future__ import annotations

import numpy as np
from peer_ramps import make_ramp, place, random_ramp
from stdatamodels.jwst import datamodels

from jwst.dark_current import DarkCurrentStep

CASES = {  # science (nframes, groupgap, ngroups), dark (nframes, groupgap, ngroups)
    "same": ((1, 0, 5), (1, 0, 8)),
    "averaged": ((4, 1, 3), (1, 0, 20)),
    "gap": ((1, 2, 4), (1, 0, 12)),
    "extrapolated": ((1, 0, 9), (1, 0, 6)),
    "both": ((2, 1, 5), (1, 0, 8)),
    "coarse_dark": ((4, 0, 2), (2, 0, 8)),
    "coarse_short": ((4, 0, 3), (4, 0, 2)),
}


def main():
    rng = np.random.default_rng(12)
    store = {}
    for name, (science, dark) in CASES.items():
        data, flags = random_ramp(rng, (2, science[2], 6, 7))
        planes = np.cumsum(rng.normal(3, 1, (dark[2], 6, 7)), axis=0).astype(np.float32)
        planes[rng.random(planes.shape) < 0.02] = np.nan
        dq = rng.choice([0, 0, 2048, 4096], (6, 7)).astype(np.uint32)
        reference = place(datamodels.DarkModel(data=planes.copy(), dq=dq), (6, 7))
        reference.meta.exposure.nframes, reference.meta.exposure.groupgap = dark[:2]
        reference.meta.exposure.ngroups = dark[2]
        model = make_ramp(data, flags, nframes=science[0], groupgap=science[1])
        result = DarkCurrentStep.call(model, override_dark=reference)
        store |= {
            f"{name}_data": data,
            f"{name}_dark": planes,
            f"{name}_dq": dq,
            f"{name}_sampling": np.array([science, dark]),
            f"{name}_result": result.data,
            f"{name}_result_pixeldq": result.pixeldq,
        }
        print(name, result.meta.cal_step.dark_sub)
    np.savez_compressed("dark_current.npz", **store)


if __name__ == "__main__":
    main()
