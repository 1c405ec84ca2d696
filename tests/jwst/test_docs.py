"""The pages of the documentation that can be checked against the code."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

from jwst.pipeline import Detector1Pipeline, GuiderPipeline
from jwst.stpipe.integration import PIPELINES, STEPS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
_IN_STEPS = re.compile(r"\{\"(\w+)\": \{\"(\w+)\"")
_OPTION = re.compile(r"--steps\.(\w+)\.(\w+)")


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_steps_table", DOCS / "make_steps_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_steps_is_up_to_date(maker):
    written = (DOCS / "steps.md").read_text(encoding="utf-8")
    assert written == maker.steps_page(), "run: python docs/make_steps_table.py"


def test_the_page_of_steps_has_every_class_and_parameter(maker):
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", maker.steps_page(), re.MULTILINE | re.DOTALL))
    assert {entry.alias for entry in (*PIPELINES, *STEPS)} <= set(sections)
    assert "`rejection_threshold` | float ≥ 0, sigma | `4.0`" in sections["jump"]
    assert "`skip` | boolean | `True`" in sections["persistence"]
    assert "override_" not in sections["jump"]


def test_every_page_is_in_the_table_of_contents():
    listed = re.search(r"```\{toctree\}\n(.*?)```", (DOCS / "index.md").read_text(), re.DOTALL)[1].split()
    assert sorted(listed) == sorted(path.stem for path in DOCS.glob("*.md") if path.stem != "index")


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda path: path.stem)
def test_parameters_in_examples_exist(page):
    known = {**GuiderPipeline.step_defs, **Detector1Pipeline.step_defs}
    text = page.read_text(encoding="utf-8")
    named = [*_IN_STEPS.findall(text), *_OPTION.findall(text)]
    unknown = [f"{step}.{name}" for step, name in named if step in known and not _has(known[step], name)]
    assert not unknown


def _has(step_class, name):
    return name in step_class.declared_parameters() or name == "config_file"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_were_run_to_the_end_without_an_error(notebook):
    cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    assert kinds
    assert "error" not in kinds
