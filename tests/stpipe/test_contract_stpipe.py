"""``stpipe`` in a process of its own (framework.md §15; docs/statements/framework_12_15.md)."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from stpipe.cli.describe import description
from stpipe.cli.main import handle_args
from tests.stpipe.cli_steps import Chain, Scale

LINES = {
    "nothing": [],
    "-v": ["-v"],
    "--version": ["--version"],
    "list": ["list"],
    "pipelines": ["list", "--pipelines-only"],
    "steps": ["list", "--steps-only"],
    "class": ["list", "*.JUMPstep"],
    "alias": ["list", "Calwebb_g*"],
    "no glob": ["list", "j?mp"],
    "no pattern of any character": ["list", "jum."],
    "part": ["list", "jum"],
    "both": ["list", "--pipelines-only", "--steps-only"],
    "unknown": ["lost"],
    "describe": ["describe", "jump"],
    "completion": ["completion", "bash"],
    "no shell": ["completion", "tcsh"],
}


@pytest.fixture(scope="module")
def one():
    """Each command line, run by ``python -m stpipe``."""

    def run(arguments):
        command = [sys.executable, "-m", "stpipe", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "80"})

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(LINES, pool.map(run, LINES.values()), strict=True))


def test_alone_it_shows_help(one):
    assert (one["nothing"].returncode, one["nothing"].stderr) == (0, "")
    assert one["nothing"].stdout.startswith("usage: stpipe ")
    for command in ("list", "describe", "completion"):
        assert f"    {command} " in one["nothing"].stdout


def test_versions(one):
    assert one["-v"].stdout == one["--version"].stdout
    lines = one["-v"].stdout.splitlines()
    assert lines[0].startswith("stpipe: ")
    assert len(lines) > 1
    assert one["-v"].returncode == 0


def test_list_is_class_and_alias_sorted_by_class(one):
    lines = one["list"].stdout.splitlines()
    assert "jwst.step.JumpStep (jump)" in lines
    assert "jwst.pipeline.Detector1Pipeline (calwebb_detector1)" in lines
    classes = [line.split(" (")[0] for line in lines]
    assert classes == sorted(classes)
    assert all(line.endswith(")") for line in lines)


def test_pipelines_and_steps_are_all(one):
    pipelines, steps = (one[name].stdout.splitlines() for name in ("pipelines", "steps"))
    assert all(line.startswith("jwst.pipeline.") for line in pipelines)
    assert all(line.startswith("jwst.step.") for line in steps)
    assert sorted(pipelines + steps) == one["list"].stdout.splitlines()


def test_pattern_is_a_glob_of_any_case_on_class_or_alias(one):
    assert one["class"].stdout == "jwst.step.JumpStep (jump)\n"
    assert one["alias"].stdout == "jwst.pipeline.GuiderPipeline (calwebb_guider)\n"


@pytest.mark.parametrize("name", ["no glob", "no pattern of any character", "part"])
def test_nothing_found(one, name):
    assert (one[name].returncode, one[name].stdout, one[name].stderr) == (0, "", "(no matching classes)\n")


@pytest.mark.parametrize("name", ["both", "unknown", "no shell"])
def test_wrong_usage(one, name):
    assert (one[name].returncode, one[name].stdout) == (2, "")
    assert "error" in one[name].stderr


def test_describe(one):
    lines = one["describe"].stdout.splitlines()
    assert lines[:2] == ["JumpStep (jump)", "jwst.jump.jump_step.JumpStep"]
    assert "takes       input_model: RampModel or str" in lines
    assert "gives       RampModel" in lines
    assert "references  gain, readnoise" in lines
    assert "  rejection_threshold : float >= 0 [sigma] = 4.0" in lines


def test_describe_has_every_parameter_once():
    for cls in (Scale, Chain):
        names = [line.split()[0] for line in description(cls).splitlines() if line[:2] == "  " and " : " in line]
        assert sorted(names) == sorted(cls.declared_parameters())


def test_completion(one):
    assert "complete -F _stpipe_complete strun stpipe" in one["completion"].stdout


def test_facades():
    from stpipe._cli import handle_args as facade
    from stpipe._cli import main, strun
    from stpipe.cli.strun import main as strun_main

    assert facade is handle_args
    assert main.main([]) == 0
    assert strun.main is strun_main
