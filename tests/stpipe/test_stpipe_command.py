"""``stpipe``: the list of steps."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stpipe import entry_points
from stpipe.cli.main import main
from stpipe.entry_points import StepInfo

STEPS = [
    StepInfo("pkg.jump.JumpStep", "jump", False, "pkg", "1.0"),
    StepInfo("pkg.pipeline.Detector1Pipeline", "calwebb_detector1", True, "pkg", "1.0"),
    StepInfo("other.DarkStep", None, False, "other", "2.0"),
]
JUMP, DETECTOR1, DARK = (
    "pkg.jump.JumpStep (jump)",
    "pkg.pipeline.Detector1Pipeline (calwebb_detector1)",
    "other.DarkStep",
)


@pytest.fixture(autouse=True)
def steps(monkeypatch):
    monkeypatch.setattr(entry_points, "get_steps", lambda: list(STEPS))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [DARK, JUMP, DETECTOR1]),
        (["--pipelines-only"], [DETECTOR1]),
        (["--steps-only"], [DARK, JUMP]),
        (["JUMP"], [JUMP]),
        (["pkg.*step"], [JUMP]),
        (["calwebb*"], [DETECTOR1]),
        (["*.d*", "--steps-only"], [DARK]),
    ],
)
def test_list(arguments, expected, capsys):
    assert main(["list", *arguments]) == 0
    assert capsys.readouterr() == ("".join(f"{line}\n" for line in expected), "")


def test_nothing_found(capsys):
    assert main(["list", "j?mp"]) == 0
    assert capsys.readouterr() == ("", "(no matching classes)\n")


@pytest.mark.parametrize("arguments", [["list", "--pipelines-only", "--steps-only"], ["lost"]])
def test_wrong_usage(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_help_and_version(capsys):
    assert main([]) == 0
    assert "usage: stpipe" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("stpipe: ")


def test_as_a_module():
    done = subprocess.run([sys.executable, "-m", "stpipe", "-v"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("stpipe: ")
