"""Make parity vectors of stripe readouts. Run it with the interpreter of the released pipeline (jwst 3.0.0)."""

import json

import numpy as np
from exposures import offline, save
from stripe_exposures import CASES, FULL, exposure, references, values

STEPS = ("group_scale", "dq_init", "saturation", "ipc", "superbias", "refpix", "linearity")
WHOLE = ("three", "turned", "substripes turned", "repeats")
LAST = ("refpix",)


def metadata(model):
    """What the steps change in the metadata, and the class of the model."""
    found = {"class": type(model).__name__}
    for branch in ("subarray", "exposure"):
        found |= {f"{branch}.{key}": value for key, value in getattr(model.meta, branch).instance.items()}
    return json.dumps(found, sort_keys=True, default=float)


def main():
    from jwst.dq_init import DQInitStep
    from jwst.group_scale import GroupScaleStep
    from jwst.ipc import IPCStep
    from jwst.linearity import LinearityStep
    from jwst.refpix import RefPixStep
    from jwst.saturation import SaturationStep
    from jwst.superbias import SuperBiasStep

    classes = dict(
        zip(STEPS, (GroupScaleStep, DQInitStep, SaturationStep, IPCStep, SuperBiasStep, RefPixStep, LinearityStep))
    )
    offline()
    vectors = {}
    for name in CASES:
        model = exposure(name)
        overrides = references(name)
        for key in STEPS:
            if key == "ipc" and values(name)["start"] == FULL:
                continue
            try:
                model = classes[key].call(model, **overrides.get(key, {}))
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
                print(name, key, text[:300])
                vectors[f"{name}/{key}/error"] = text[:300]
                break
            if name not in WHOLE and key not in LAST:
                continue
            for part in ("data", "pixeldq", "groupdq", "zeroframe"):
                array = getattr(model, part, None)
                if array is not None and (part != "zeroframe" or model.meta.exposure.zero_frame):
                    vectors[f"{name}/{key}/{part}"] = np.array(array)
            for part in ("int_times", "int_times_stripe"):
                if key == "refpix" and getattr(model, part, None) is not None and len(getattr(model, part)):
                    vectors[f"{name}/{key}/{part}"] = np.array(getattr(model, part))
            vectors[f"{name}/{key}/meta"] = metadata(model)
            vectors[f"{name}/{key}/status"] = str(getattr(model.meta.cal_step, key))
    save(__file__, vectors)


if __name__ == "__main__":
    main()
