"""Make parity vectors of group_scale. Run it with the interpreter of the released pipeline (jwst 3.0.0)."""

import numpy as np
from exposures import offline, ramp, save

from jwst.group_scale import GroupScaleStep

CASES = {"5 of 8": (5, 8), "3 of 4": (3, 4), "equal": (4, 4), "no divisor": (5, None), "no frames": (None, 8)}


def main():
    offline()
    data = np.random.default_rng(1).uniform(0, 65535, (2, 3, 6, 7)).astype(np.float32)
    data[0, 0, 0, 0] = np.nan
    vectors = {"data": data}
    for name, (nframes, divisor) in CASES.items():
        model = ramp(data)
        model.meta.exposure.nframes, model.meta.exposure.frame_divisor = nframes, divisor
        result = GroupScaleStep.call(model)
        vectors[f"{name}/frames"] = np.array([nframes or -1, divisor or -1])
        vectors[f"{name}/data"] = result.data
    save(__file__, vectors)


if __name__ == "__main__":
    main()
