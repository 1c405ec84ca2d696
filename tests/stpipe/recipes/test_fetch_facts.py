"""The built-in step ``fetch_facts`` of recipes (spec running.md §4.1)."""

from __future__ import annotations

import pytest

from stpipe.exceptions import ContextKeyError, ParameterError, PlanError

TEXT = "steps:\n- {step: fetch_facts, in: {facts: [Filter, Groups], save: facts}}\n"


def test_facts_of_the_input(recipes, make_exposure):
    context = recipes.run(TEXT, dict_in={"input": make_exposure()})
    assert context["facts"] == {"Filter": "F090W", "Groups": 3}


def test_one_name_and_use_in_a_later_entry(recipes, make_exposure):
    text = (
        "steps:\n- {step: fetch_facts, in: {facts: Filter, save: facts}}\n"
        "- {step: set, in: {set: {found: '{facts[Filter]}'}}}\n"
    )
    assert recipes.run(text, dict_in={"input": make_exposure(FILTER="F200W")})["found"] == "F200W"


def test_the_result_goes_before_the_input(recipes, make_exposure):
    context = recipes.run(TEXT, dict_in={"input": "none.fits", "result": make_exposure(NGROUPS=7)})
    assert context["facts"]["Groups"] == 7


def test_facts_of_an_open_model(recipes):
    from stdatamodels.jwst import datamodels

    model = datamodels.RampModel((1, 2, 3, 4))
    model.meta.instrument.filter = "F444W"
    context = recipes.run(TEXT.replace("Groups", "Shape"), dict_in={"result": model})
    assert context["facts"] == {"Filter": "F444W", "Shape": [1, 2, 3, 4]}


def test_facts_of_several_exposures(recipes, make_exposure):
    paths = [make_exposure("a.fits"), make_exposure("b.fits", FILTER="F444W")]
    context = recipes.run(TEXT, dict_in={"input": paths})
    assert context["facts"]["Filter"] == {"a.fits": "F090W", "b.fits": "F444W"}


def test_nothing_to_get_facts_of(recipes, make_exposure):
    with pytest.raises(ContextKeyError, match="needs 'result' or 'input'"):
        recipes.run(TEXT)
    with pytest.raises(PlanError, match="none.fits: fact Filter: FileNotFoundError"):
        recipes.run(TEXT, dict_in={"input": "none.fits"})
    with pytest.raises(ParameterError, match="no fact 'Fliter'; there is Filter"):
        recipes.run(TEXT.replace("Filter", "Fliter"), dict_in={"input": make_exposure()})
