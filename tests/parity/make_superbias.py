"""Make parity vectors of superbias. Run it with the interpreter of the released pipeline (jwst 3.0.0)."""

import numpy as np
from exposures import offline, ramp, reference, save
from stdatamodels.jwst import datamodels

from jwst.superbias import SuperBiasStep


def main():
    offline()
    rng = np.random.default_rng(3)
    bias = rng.normal(10000, 500, (20, 30)).astype(np.float32)
    bias[rng.random(bias.shape) < 0.1] = np.nan
    dq = rng.choice(np.array([0, 0, 1, 4194304], np.uint32), bias.shape)
    zeroframe = np.where(rng.random((2, 8, 12)) < 0.2, 0, rng.normal(11000, 30, (2, 8, 12)))
    model = ramp(rng.normal(12000, 100, (2, 3, 8, 12)), corner=(5, 7), zeroframe=zeroframe)
    model.data[0, 1, 2, 3] = np.nan
    vectors = {"data": model.data.copy(), "zeroframe": model.zeroframe.copy(), "bias": bias.copy(), "dq": dq}
    superbias = reference(datamodels.SuperBiasModel(data=bias, dq=dq), (1, 1), bias.shape)
    result = SuperBiasStep.call(model, override_superbias=superbias)
    for name in ("data", "zeroframe", "pixeldq"):
        vectors[f"out/{name}"] = getattr(result, name)
    save(__file__, vectors)


if __name__ == "__main__":
    main()
