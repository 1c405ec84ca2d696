"""``stpipe describe``."""

from __future__ import annotations

from pathlib import Path

import pytest

from stpipe import Param, Step
from stpipe.cli.describe import description, inputs_and_result
from stpipe.cli.main import main
from tests.stpipe.cli_steps import Chain, Scale

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def importable(monkeypatch, workdir):
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setenv("COLUMNS", "80")


class Documented(Step):
    """Does much.

    In two paragraphs.
    """

    class_alias = "documented"
    cal_step = "doc_status"
    reference_file_types = ["gain", "dark"]
    output_ext = Param(".fits", "Extension")
    mode = Param("x", "how", choices={"x": "the way of x", "y": "the way of y"})
    size: int | None = Param(None, "how much", ge=1, le=9, unit="pixel")
    names = Param([], "some " * 30, type=list[str])
    needed = Param("", "must be given", required=True)

    def process(self, input_model, other=None):
        """Work.

        Parameters
        ----------
        input_model : RampModel or str
            Input.
        other : float, optional
            More.

        Returns
        -------
        RampModel
            Result.

        Raises
        ------
        ValueError
            Never.
        """


def test_step():
    lines = description(Documented).splitlines()
    assert lines[:2] == ["Documented (documented)", "tests.stpipe.test_describe.Documented"]
    assert "In two paragraphs." in lines
    assert "takes       input_model: RampModel or str; other: float, optional" in lines
    assert "gives       RampModel" in lines
    assert "references  gain, dark" in lines
    assert "status      meta.cal_step.doc_status" in lines
    assert "  mode : 'x' | 'y' = 'x'" in lines
    assert "        'y': the way of y" in lines
    assert "  size : int >= 1 <= 9 [pixel] = None" in lines
    assert "  names : list[str] = []" in lines
    assert "  needed : str, required" in lines
    assert "  override_gain : file or model = None" in lines
    assert max(map(len, lines)) <= 80


def test_every_parameter_is_there_once():
    lines = description(Documented).splitlines()
    names = [line.split()[0] for line in lines if line.startswith("  ") and " : " in line]
    assert sorted(names) == sorted(Documented.declared_parameters())
    assert names.index("override_dark") < names.index("pre_hooks")


def test_pipeline_has_steps_and_their_references():
    class Both(Chain):
        step_defs = {"one": Documented, "two": Scale}

    text = description(Both)
    assert "steps       one, two" in text
    assert "references  dark, gain" in text


def test_without_documentation():
    assert inputs_and_result(Scale) == ("", "")
    assert inputs_and_result(Step) == ("", "")


def test_command(capsys):
    assert main(["describe", "tests.stpipe.cli_steps.Scale"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Scale (scale)\ntests.stpipe.cli_steps.Scale\n\nMultiply a model.\n")
    assert "  factor : float >= 0 [DN] = 2.0\n      Factor to multiply by" in out
    assert main(["describe", "jump"]) == 0
    assert "gain, readnoise" in capsys.readouterr().out


def test_unknown_step(capsys):
    assert main(["describe", "jmp"]) == 1
    assert "did you mean jump" in capsys.readouterr().err
