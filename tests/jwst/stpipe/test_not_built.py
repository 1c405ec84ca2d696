"""Steps that are not in a release: their parameters are known, running them is refused."""

from __future__ import annotations

import pytest
from stdatamodels.jwst import datamodels

from jwst.stpipe import Pipeline
from jwst.stpipe.not_built import NotBuiltStep
from stpipe import Param
from stpipe.exceptions import NotBuiltError, ParameterError


class MissingStep(NotBuiltStep):
    """A step to come."""

    class_alias = "missing"
    threshold = Param(2.0, "limit", gt=0.0)


class Owner(Pipeline):
    """A pipeline with a step to come."""

    step_defs = {"missing": MissingStep}

    def process(self, model):
        return self.missing.run(model)


@pytest.fixture(autouse=True)
def _offline(offline):
    pass


def test_parameters_are_known_and_checked():
    assert MissingStep(threshold="3").threshold == 3.0
    with pytest.raises(ParameterError, match="too small"):
        MissingStep(threshold=-1)
    with pytest.raises(ParameterError, match="no_such"):
        MissingStep(no_such=1)


def test_running_is_refused():
    with pytest.raises(NotBuiltError, match="The step missing is not part of this release; leave it out"):
        MissingStep().run(datamodels.ImageModel((2, 2)))
    assert "missing" in MissingStep().planned_refusal({})


def test_in_a_pipeline_the_text_says_how_to_switch_it_off():
    model = datamodels.ImageModel((2, 2))
    with pytest.raises(NotBuiltError, match=r"--steps\.missing\.skip=true"):
        Owner().run(model)
    assert Owner(steps={"missing": {"skip": True}}).run(model) is model
