"""Make the vectors of the MIRI steps with the released pipeline: ``peer python make_miri.py`` in this folder.

Writes one file for each step, such as reset.npz; those of steps that have near-infrared vectors too end in _miri.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import warnings

import miri
import numpy as np

os.environ.setdefault("STPIPE_DISABLE_CRDS_STEPPARS", "true")

USES = {
    "dq_init": ["mask"],
    "saturation": ["saturation"],
    "reset": ["reset"],
    "linearity": ["linearity"],
    "rscd": ["rscd"],
    "dark_current": ["dark"],
    "jump": ["gain", "readnoise"],
    "ramp_fit": ["gain", "readnoise"],
    "gain_scale": ["gain"],
}
NONE = {"saturation": ["superbias"], "ipc": ["ipc"], "refpix": ["refpix", "sirskernel"]}


def run_step(step, model, references, parameters):
    """Run one step of the released pipeline."""
    from jwst.dark_current import DarkCurrentStep
    from jwst.firstframe import FirstFrameStep
    from jwst.lastframe import LastFrameStep
    from jwst.refpix import RefPixStep
    from jwst.reset import ResetStep
    from jwst.rscd import RscdStep

    steps = {
        "firstframe": (FirstFrameStep, {"skip": False}),
        "lastframe": (LastFrameStep, {}),
        "reset": (ResetStep, {"override_reset": references.get("reset")}),
        "rscd": (RscdStep, {"override_rscd": references.get("rscd")}),
        "dark_current": (DarkCurrentStep, {"override_dark": references.get("dark")}),
        "refpix": (RefPixStep, {"override_refpix": "N/A", "override_sirskernel": "N/A"}),
    }
    cls, options = steps[step]
    return cls.call(model, **options, **parameters)


def run_pipeline(model, references, folder):
    """Run calwebb_detector1 of the released pipeline; the rates of the integrations come from their file."""
    from stdatamodels.jwst import datamodels

    from jwst.pipeline import Detector1Pipeline

    pipeline = Detector1Pipeline()
    for step, kinds in USES.items():
        for kind in kinds:
            path = os.path.join(folder, f"{kind}.fits")
            if not os.path.exists(path):
                references[kind].save(path)
            setattr(getattr(pipeline, step), f"override_{kind}", path)
    for step, kinds in NONE.items():
        for kind in kinds:
            setattr(getattr(pipeline, step), f"override_{kind}", "N/A")
    pipeline.output_dir, pipeline.save_results = folder, True
    rate = pipeline.run(model)
    with datamodels.open(os.path.join(folder, rate.meta.filename.replace("_rate", "_rateints"))) as rateints:
        return rate, {name: np.array(getattr(rateints, name)) for name in PLANES}


PLANES = ("data", "dq", "err", "var_poisson", "var_rnoise")


def facts(model):
    """Statuses, and the keywords that steps write."""
    exposure = model.meta.exposure
    return json.dumps(
        {
            "cal_step": dict(model.meta.cal_step.instance),
            "rscd": dict(model.meta.rscd.instance or {}),
            "rates": [exposure.primary_cosmic_rays, exposure.extended_emission_events],
        }
    )


def main():
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    for step, cases in miri.CASES.items():
        store = {}
        for name, case in cases.items():
            model, references, parameters = miri.exposure(step, name, **case)
            if step == "detector1":
                with tempfile.TemporaryDirectory() as folder:
                    result, rateints = run_pipeline(model, references, folder)
                store |= {f"{name}/rateints/{key}": value for key, value in rateints.items()}
                store |= {f"{name}/rate/{key}": np.array(getattr(result, key)) for key in PLANES}
            elif step == "refpix":
                result = run_step(step, model, references, parameters)
                store[f"{name}/data"] = miri.sample(np.array(result.data))
            else:
                result = run_step(step, model, references, parameters)
                store |= {f"{name}/{key}": np.array(getattr(result, key)) for key in ("data", "groupdq", "pixeldq")}
            store[f"{name}/facts"] = facts(result)
        ending = "_miri" if step in ("dark_current", "refpix", "detector1") else ""
        np.savez_compressed(f"{step}{ending}.npz", **store)
        print(step, len(cases), os.path.getsize(f"{step}{ending}.npz"))


if __name__ == "__main__":
    main()
