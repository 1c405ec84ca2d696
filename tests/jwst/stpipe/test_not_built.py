"""Steps that are not in this release: their parameters are known, running them is refused."""

from __future__ import annotations

import pytest
from stdatamodels.jwst import datamodels

from jwst import step
from jwst.stpipe.not_built import NotBuiltStep
from stpipe.exceptions import NotBuiltError, ParameterError

BASE = set(NotBuiltStep.declared_parameters())
PARAMETERS = {
    "PictureFrameStep": {
        "mask_science_regions": True,
        "n_sigma": 2.0,
        "save_mask": False,
        "save_correction": False,
        "override_pictureframe": None,
    },
    "CleanFlickerNoiseStep": {
        "autoparam": False,
        "fit_method": "median",
        "fit_by_channel": False,
        "background_method": "median",
        "background_box_size": None,
        "mask_science_regions": False,
        "apply_flat_field": False,
        "n_sigma": 2.0,
        "fit_histogram": False,
        "single_mask": True,
        "user_mask": None,
        "save_mask": False,
        "save_background": False,
        "save_noise": False,
        "override_flat": None,
        "override_pastasoss": None,
    },
}
SKIPPED = {"PictureFrameStep", "CleanFlickerNoiseStep"}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name):
    cls = getattr(step, name)
    values = cls().get_pars()
    assert {key: value for key, value in values.items() if key not in BASE} == PARAMETERS[name]
    assert values["skip"] is (name in SKIPPED)


@pytest.mark.parametrize("name", PARAMETERS)
def test_running_is_refused(name):
    cls = getattr(step, name)
    assert issubclass(cls, NotBuiltStep)
    with pytest.raises(NotBuiltError, match=f"The step {cls.class_alias} is not part of this release"):
        cls().run(datamodels.ImageModel((2, 2)))


def test_values_of_parameter_files():
    flicker = step.CleanFlickerNoiseStep(
        background_box_size=["32", "16"], background_method="median_image", n_sigma="3"
    )
    assert flicker.background_box_size == [32, 16]
    assert flicker.n_sigma == 3.0
    assert step.CleanFlickerNoiseStep(background_method=None).background_method is None


@pytest.mark.parametrize("values", [{"fit_method": "mean"}, {"background_box_size": [1]}, {"no_such": 1}])
def test_bad_values(values):
    with pytest.raises(ParameterError):
        step.CleanFlickerNoiseStep(**values)
