"""Steps that process one exposure say so when they get more."""

from __future__ import annotations

import json

import pytest
from stdatamodels.jwst.datamodels import ImageModel, RampModel

from jwst.datamodels import ModelContainer, ModelLibrary
from jwst.flatfield import FlatFieldStep
from jwst.gain_scale import GainScaleStep
from jwst.guider_cds import GuiderCdsStep
from jwst.jump import JumpStep
from jwst.pipeline import Detector1Pipeline, GuiderPipeline
from jwst.saturation import SaturationStep
from stpipe.exceptions import InputError

CLASSES = (
    Detector1Pipeline,
    FlatFieldStep,
    GainScaleStep,
    GuiderCdsStep,
    GuiderPipeline,
    JumpStep,
    SaturationStep,
)


@pytest.fixture(autouse=True)
def without_reference_service(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")


def several(kind, folder):
    models = [RampModel((1, 3, 4, 4)), RampModel((1, 3, 4, 4))]
    if kind == "association":
        path = folder / "two_asn.json"
        members = [{"expname": "a.fits", "exptype": "science"}]
        path.write_text(json.dumps({"asn_id": "a1", "asn_pool": "p", "products": [{"name": "x", "members": members}]}))
        return str(path)
    return {"list": list, "container": ModelContainer, "library": ModelLibrary}[kind](models)


@pytest.mark.parametrize("kind", ["list", "container", "library", "association"])
@pytest.mark.parametrize("cls", CLASSES)
def test_refused_with_what_to_do(cls, kind, tmp_path):
    with pytest.raises(InputError, match=rf"one exposure at a time.*{cls.__name__}\.call\(one\)"):
        cls().process(several(kind, tmp_path))


def test_one_exposure_is_not_refused():
    model = ImageModel((4, 4))
    model.meta.exposure.gain_factor = 1.0
    assert GainScaleStep().process(model) is not None
