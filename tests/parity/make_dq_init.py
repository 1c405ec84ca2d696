"""Make parity vectors of dq_init. Run it with the interpreter of the released pipeline (jwst 3.0.0)."""

import numpy as np
from exposures import offline, ramp, reference, save
from stdatamodels.jwst import datamodels

from jwst.dq_init import DQInitStep


def main():
    offline()
    rng = np.random.default_rng(2)
    mask = rng.choice(np.array([0, 0, 1, 3, 1024, 1025, 2**31], np.uint32), (20, 30))
    model = ramp(np.ones((2, 3, 8, 12)), corner=(5, 7))
    model.groupdq = rng.choice(np.array([0, 0, 4, 8], np.uint8), model.data.shape)
    model.pixeldq = rng.choice(np.array([0, 0, 2, 16], np.uint32), model.data.shape[2:])
    vectors = {"mask": mask, "groupdq": model.groupdq.copy(), "pixeldq": model.pixeldq.copy()}
    result = DQInitStep.call(model, override_mask=reference(datamodels.MaskModel(dq=mask), (1, 1), mask.shape))
    save(__file__, vectors | {"out/groupdq": result.groupdq, "out/pixeldq": result.pixeldq})


if __name__ == "__main__":
    main()
