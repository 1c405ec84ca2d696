"""The list of steps, lazy imports and their budgets."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import jwst.pipeline
import jwst.step
from jwst.stpipe.integration import PIPELINES, STEPS, get_steps
from jwst.stpipe.utilities import all_steps
from stpipe import Pipeline, Step


def test_every_entry_can_be_imported():
    rows = get_steps()
    assert len({path for path, _, _ in rows}) == len({alias for _, alias, _ in rows}) == len(rows) == 37
    for path, alias, is_pipeline in rows:
        module, _, name = path.rpartition(".")
        found = getattr(import_module(module), name)
        assert issubclass(found, Step)
        assert found.class_alias == alias
        assert issubclass(found, Pipeline) is is_pipeline


@pytest.mark.parametrize("entry", STEPS, ids=lambda entry: entry.alias)
def test_three_paths_to_one_class(entry):
    package, _, _ = entry.module.rpartition(".")
    found = getattr(jwst.step, entry.name)
    assert found is getattr(import_module(f"jwst.{entry.module}"), entry.name)
    assert found is getattr(import_module(f"jwst.{package}"), entry.name)


@pytest.mark.parametrize("module", [jwst.step, jwst.pipeline])
def test_modules_say_what_they_have(module):
    entries = STEPS if module is jwst.step else PIPELINES
    assert sorted(module.__all__) == dir(module) == sorted(entry.name for entry in entries)
    with pytest.raises(AttributeError, match="NoSuchStep"):
        module.NoSuchStep  # noqa: B018


def test_all_steps():
    assert set(all_steps()) == {*jwst.step.__all__, *jwst.pipeline.__all__}


@pytest.mark.parametrize("entry", [*STEPS, *PIPELINES], ids=lambda entry: entry.alias)
def test_spec_text_and_back(entry):
    """What a class declares survives the way through the spec language."""
    from stpipe.spec import parse_spec, spec_text

    params = dict(all_steps()[entry.name].declared_parameters().items())
    back = parse_spec(spec_text(params), where=entry.name)
    assert {name: param.check for name, param in back.items()} == {name: param.check for name, param in params.items()}


HEAVY = ("stdatamodels", "astropy", "asdf", "crds", "scipy", "configobj", "gwcs")


@pytest.mark.parametrize(
    ("statement", "seconds"),
    [
        ("import jwst", 0.1),
        ("from jwst.stpipe import Step", 0.5),
        ("from jwst.pipeline import Detector1Pipeline, GuiderPipeline", 1.0),
        ("import jwst.datamodels, jwst.step, jwst.stpipe.integration", 0.2),
    ],
)
def test_import_budget(statement, seconds):
    code = (
        f"import sys, time; t = time.process_time(); {statement}; t = time.process_time() - t; "
        f"print(t, [name for name in {HEAVY} if name in sys.modules])"
    )
    results = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert all(result.rstrip().endswith("[]") for result in results), results
    assert min(float(result.split()[0]) for result in results) < seconds
