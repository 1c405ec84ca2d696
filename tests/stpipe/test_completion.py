"""Tab completion: what is offered, and the bash script in a bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stpipe.cli.completion import SCRIPTS, answer, candidates
from stpipe.cli.main import main

ROOT = Path(__file__).parents[2]
SCALE = "tests.stpipe.cli_steps.Scale"
CHAIN = "tests.stpipe.cli_steps.Chain"


@pytest.fixture(autouse=True)
def importable(monkeypatch, workdir):
    monkeypatch.syspath_prepend(str(ROOT))


def words(*line):
    """Words offered at the end of a command line."""
    return [item.word for item in candidates(line).words]


class TestStrun:
    def test_steps(self):
        assert words("strun", "calwebb_g") == ["calwebb_guider"]
        assert "jump" in words("strun", "")
        assert candidates(("strun", "")).files
        assert words("strun", "jwst::jum") == ["jwst::jump"]
        assert "jwst.step.JumpStep" in words("strun", "jwst.step.J")

    def test_step_behind_options(self):
        assert words("strun", "--log-level", "INFO", "-v", "calwebb_g") == ["calwebb_guider"]

    def test_inputs_are_files(self):
        assert candidates(("strun", SCALE, "jw")) == ((), True)

    def test_options_without_a_step(self):
        assert "--quiet" in words("strun", "--")
        assert not any(word.startswith("--steps") for word in words("strun", "--"))
        assert words("strun", "--dry") == ["--dry-run"]
        assert words("strun", "--prog") == ["--progress="]

    def test_parameters_of_a_step(self):
        assert words("strun", SCALE, "--fa") == ["--factor=", "--fast"]
        assert words("strun", "--fa") == []

    def test_step_may_come_later_in_the_line(self):
        assert words("strun", "-v", SCALE, "x", "--fac") == ["--factor="]

    def test_sub_steps_one_level_at_a_time(self):
        assert "--steps." in words("strun", CHAIN, "--")
        assert words("strun", CHAIN, "--st") == ["--steps."]
        assert words("strun", CHAIN, "--steps.") == ["--steps.first.", "--steps.second."]
        assert words("strun", CHAIN, "--steps.f") == ["--steps.first."]
        assert words("strun", CHAIN, "--steps.first.fa") == ["--steps.first.factor=", "--steps.first.fast"]

    def test_values(self):
        assert words("strun", SCALE, "--fast=") == ["--fast=true", "--fast=false"]
        assert words("strun", "--progress=p") == ["--progress=plain"]
        assert words("strun", "--progress", "") == ["auto", "plain", "none"]
        assert words("strun", "--log-level", "W") == ["WARNING"]
        assert words("strun", "jump", "--algo") == []
        algorithm = "--steps.persistence.algorithm"
        assert words("strun", "calwebb_detector1", f"{algorithm}=t") == [f"{algorithm}=traps"]

    def test_files_as_values(self):
        assert candidates(("strun", CHAIN, "--steps.first.config_file=x")) == ((), True)
        assert candidates(("strun", CHAIN, "--output_dir=x")).files
        assert not candidates(("strun", SCALE, "--factor=x")).files

    def test_a_step_that_cannot_be_imported(self):
        assert words("strun", "no.such.Step", "--fac") == []
        assert words("strun", "no.such.Step", "--exp") == ["--explain"]

    def test_meanings(self):
        (item,) = candidates(("strun", SCALE, "--factor")).words
        assert item.meaning == "Factor to multiply by"


class TestStpipe:
    def test_commands(self):
        assert words("stpipe", "") == ["list", "describe", "provenance", "run", "completion"]
        assert words("stpipe", "describe", "calwebb_g") == ["calwebb_guider"]
        assert words("stpipe", "completion", "") == ["bash", "zsh", "fish"]
        assert candidates(("stpipe", "provenance", "x")).files
        assert words("stpipe", "list", "--s") == ["--steps-only"]
        assert words("stpipe", "provenance", "--") == ["--all"]
        assert words("stpipe", "run", "--s") == ["--success"]
        assert candidates(("stpipe", "run", "r")).files

    def test_every_command_of_the_parser_is_offered(self):
        from stpipe.cli.main import _COMMANDS

        assert set(words("stpipe", "")) == set(_COMMANDS)


class TestAnswers:
    def test_bash_splits_at_signs(self):
        assert answer(["bash", "strun", SCALE, "--fast", "=", "t"]) == "true\n"
        assert answer(["bash", "strun", SCALE, "--fast", "="]) == "true\nfalse\n"
        assert answer(["bash", "strun", "jwst", "::", "jum"]) == ":files\njump\n"
        assert answer(["bash", "strun", SCALE, "--label", "=", "x", "--fac"]) == "--factor=\n"

    def test_others_get_whole_words_and_meanings(self):
        assert answer(["zsh", "strun", SCALE, "--factor"]) == "--factor=\tFactor to multiply by\n"
        assert answer(["fish", "strun", SCALE, "--fast=t"]) == "--fast=true\n"

    def test_files_are_asked_for_first(self):
        assert answer(["bash", "strun", SCALE, "x"]) == ":files\n"

    def test_command(self, capsys):
        assert main(["complete", "bash", "strun", SCALE, "--fac"]) == 0
        assert capsys.readouterr().out == "--factor=\n"


class TestScripts:
    @pytest.mark.parametrize("shell", SCRIPTS)
    def test_printed(self, shell, capsys):
        assert main(["completion", shell]) == 0
        assert capsys.readouterr().out == SCRIPTS[shell]

    @pytest.mark.parametrize("shell", SCRIPTS)
    def test_syntax(self, shell):
        program = shutil.which(shell)
        if program is None:
            pytest.skip(f"there is no {shell} here")
        done = subprocess.run([program, "-n"], input=SCRIPTS[shell], text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (["strun", SCALE, "--fa"], ["--factor=", "--fast"]),
            (["strun", CHAIN, "--steps.fi"], ["--steps.first."]),
            (["strun", SCALE, "--fast", "=", "f"], ["false"]),
            (["strun", SCALE, "--fast", "="], ["true", "false"]),
            (["strun", SCALE, "jw"], ["jw 1.fits", "jw2.fits"]),
        ],
        ids=lambda value: " ".join(value),
    )
    def test_in_bash(self, workdir, line, expected):
        bash = shutil.which("bash")
        if bash is None:
            pytest.skip("there is no bash here")
        folder = workdir / "bin"
        folder.mkdir()
        command = folder / "stpipe"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stpipe "$@"\n')
        command.chmod(0o755)
        for name in ("jw 1.fits", "jw2.fits", "other.fits"):
            (workdir / name).touch()
        quoted = " ".join(f"'{word}'" for word in line)
        text = (
            f"{SCRIPTS['bash']}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(line) - 1}\n_stpipe_complete\n"
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [bash, "--norc", "-c", text], capture_output=True, text=True, env=environment, check=False, cwd=workdir
        )
        assert sorted(done.stdout.splitlines()) == sorted(expected), done.stderr
