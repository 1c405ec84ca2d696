"""Make guider_cds.npz with the released pipeline: ``peer python make_guider_cds.py`` in this folder."""

from __future__ import annotations

import numpy as np
from peer_ramps import place
from stdatamodels.jwst import datamodels

from jwst.guider_cds import GuiderCdsStep

GROUPS = {"FGS_FINEGUIDE": 8, "FGS_ACQ1": 2, "FGS_ACQ2": 2, "FGS_TRACK": 2, "FGS_ID-IMAGE": 2, "FGS_ID-STACK": 2}


def main():
    rng = np.random.default_rng(16)
    gain, readnoise = (rng.uniform(1, 3, (6, 7)).astype(np.float32) for _ in range(2))
    gain[0, 0] = 0
    store = {"gain": gain, "readnoise": readnoise, "group_time": 1.3}
    for exp_type, ngroups in GROUPS.items():
        data = rng.uniform(0, 50, (3, ngroups, 6, 7)).astype(np.float32)
        data[0, 0, 1, 1] = np.nan
        model = datamodels.GuiderRawModel(data=data)
        place(model, (6, 7), instrument="FGS", detector="GUIDER1")
        model.meta.exposure.type, model.meta.exposure.group_time = exp_type, 1.3
        result = GuiderCdsStep.call(
            model,
            override_gain=place(datamodels.GainModel(data=gain.copy()), (6, 7), instrument="FGS"),
            override_readnoise=place(datamodels.ReadnoiseModel(data=readnoise.copy()), (6, 7), instrument="FGS"),
        )
        store |= {f"{exp_type}_in": data, f"{exp_type}_data": result.data, f"{exp_type}_err": result.err}
    np.savez_compressed("guider_cds.npz", **store)


if __name__ == "__main__":
    main()
