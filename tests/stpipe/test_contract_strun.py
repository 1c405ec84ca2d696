"""``strun`` in a process of its own, row by row (framework.md §14; docs/statements/framework_12_15.md).

Processes are started two at a time when a table of them is first needed, each in a folder of its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = "tests.stpipe.strun_steps"
SHOW = f"{HERE}.Show"
BOTH = f"{HERE}.Both"
FAILING = f"{HERE}.Failing"
DEFAULTS = {"factor": 2.0, "label": None, "title": "none", "names": ["z"], "fast": False, "rounds": None, "count": 1}


@dataclass
class Done:
    """A process that is over."""

    rc: int
    out: str
    err: str
    folder: Path
    shown: list = field(default_factory=list)

    @property
    def changed(self):
        """Parameters of the first step that are not defaults."""
        return {name: value for name, value in self.shown[0][1].items() if value != DEFAULTS[name]}

    @property
    def args(self):
        return self.shown[0][2]


def environment(folder):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CRDS", "STPIPE"))}
    own = {"HOME": str(folder), "CRDS_PATH": f"{folder}/no_cache", "COLUMNS": "80"}
    return {**kept, **own, "PYTHONPATH": str(ROOT), "STPIPE_DISABLE_CRDS_STEPPARS": "1"}


def prepare(folder):
    """Make a folder with two inputs."""
    folder.mkdir(exist_ok=True)
    for name in ("a.fits", "b.fits"):
        (folder / name).touch()


def strun(folder, *arguments, text=None):
    """Run strun in a folder that has two inputs."""
    prepare(folder)
    command = [sys.executable, "-m", "stpipe.cli.strun", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(folder), check=False, cwd=folder, input=text
    )
    shown = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('["')]
    return Done(done.returncode, done.stdout, done.stderr, folder, shown)


def table(tmp_path_factory, lines):
    """Run a table of command lines, name to arguments."""
    folder = tmp_path_factory.mktemp("strun")
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda name: strun(folder / name, *lines[name]), lines)
        return dict(zip(lines, found, strict=True))


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The command lines of the tables below."""
    return table(tmp_path_factory, LINES)


LINES = {
    "before": ["--factor=3", SHOW, "a.fits", "b.fits"],
    "between": [SHOW, "--factor=3", "a.fits", "b.fits"],
    "after": [SHOW, "a.fits", "b.fits", "--fac", "3"],
    "values": [
        *(SHOW, "a.fits", "--names=1,2", "--label='a,b'", "--title=''", "--rounds=None"),
        *("--factor= 1e1 ", "--fast", "--count=5 # five"),
    ],
    "values2": [SHOW, "--names=a,", "--label=None", "--title=None", "--fast=no", "--disable-crds-steppars"],
    "values3": [SHOW, "--names=,", '--label="a', "--title= b ", "--fast", "false", "a.fits"],
    "values4": [SHOW, "--names=[1,2]", "--label=a#b", '--title="x y"'],
    "values5": [SHOW, "--count=None"],
    "sub": [BOTH, "a.fits", "--steps.first.factor=5", "--steps.second.fast"],
    "log": [SHOW, "--log-level=wARNING", "--log-file=x.log", "--log-stream=stdout"],
    "null": [SHOW, "--log-stream=null", "--log-file=old.log"],
    "verbose": ["-v", SHOW, "--save-parameters=p.asdf", "--factor=7"],
    "logcfg": [SHOW, "--logcfg=missing.cfg"],
    "logcfg2": [SHOW, "--logcfg=missing.cfg", "--log-level=error"],
    "level": [SHOW, "--log-level=loud"],
    "stream": [SHOW, "--log-stream=tty"],
    "file": [SHOW, "--log-file=no/such/x.log"],
    "json": [SHOW, "a.fits", "--json-log"],
    "quiet": [SHOW, "--quiet"],
    "plain": [BOTH, "a.fits", "--progress=plain", "--log-stream=null"],
    "explain": ["jwst::jump", "a.fits", "--explain", "--rejection_threshold=5"],
    "dry": ["jump", "a.fits", "--dry-run"],
    "version": [SHOW, "--version"],
    "help": ["--help"],
    "nothing": [],
    "step_help": [BOTH, "-h"],
    "unknown": ["calwebb_detector", "a.fits"],
    "wrong": [SHOW, "--factor=abc", "--rounds=x"],
    "wrong_v": [SHOW, "--factor=abc", "--verbose"],
    "usage": [SHOW, "--facter=1"],
    "ambiguous": [SHOW, "--s=1"],
    "clash": [f"{HERE}.Clash"],
    "exit": [FAILING, "exit"],
    "bug": [FAILING, "bug"],
    "crds": [f"{HERE}.Needy", "a.fits"],
    "letter": [f"{HERE}.Letter", "--v=3", "--quiet=4", "--verb"],
    "unsaved": [SHOW, "--save_results=false", "--output_dir=new"],
}


class TestArguments:
    @pytest.mark.parametrize("order", ["before", "between", "after"])
    def test_options_are_accepted_anywhere(self, one, order):
        assert (one[order].rc, one[order].changed, one[order].args) == (0, {"factor": 3.0}, ["a.fits", "b.fits"])

    def test_abbreviation(self, one):
        assert one["after"].changed == {"factor": 3.0}

    def test_ambiguous_abbreviation(self, one):
        assert one["ambiguous"].rc == 2
        assert "ambiguous option: --s could match --save_results, --skip, --suffix" in one["ambiguous"].err

    def test_values(self, one):
        assert one["values"].changed == {
            "names": ["1", "2"],
            "label": "a,b",
            "title": "",
            "factor": 10.0,
            "fast": True,
            "count": 5,
        }
        assert one["values"].args == ["a.fits"]

    def test_lists_none_and_flags(self, one):
        assert one["values2"].changed == {"names": ["a"], "title": "None"}
        assert one["values3"].changed == {"names": [], "label": '"a', "title": " b "}
        assert one["values3"].args == ["a.fits"]
        assert one["values4"].changed == {"names": ["1", "2"], "label": "a#b", "title": "x y"}

    def test_none_where_the_type_does_not_allow_it(self, one):
        assert one["values5"].rc == 1
        assert "Config parameter 'count': the value \"None\" is of the wrong type." in one["values5"].out

    def test_parameters_of_sub_steps(self, one):
        (first, second) = one["sub"].shown
        assert (first[0], first[1]["factor"], first[1]["fast"]) == ("first", 5.0, False)
        assert (second[0], second[1]["factor"], second[1]["fast"]) == ("second", 2.0, True)

    def test_results_are_saved_unless_told_not_to(self, one):
        assert one["before"].shown[0][4] is True
        assert one["unsaved"].shown[0][4] is False
        assert not (one["unsaved"].folder / "new").exists()

    def test_step_by_alias_of_a_package(self, one):
        assert one["explain"].out.splitlines()[0] == "JumpStep: jwst.jump.jump_step.JumpStep"

    def test_step_that_is_not_there(self, one):
        done = one["unknown"]
        assert done.rc == 1
        message = "'calwebb_detector' is not a path to a config file or a Python Step class"
        assert f"{message} (did you mean calwebb_detector1" in done.out

    def test_parameter_called_like_an_option(self, one):
        assert one["clash"].rc == 1
        assert f"ValueError: The step {HERE}.Clash has a parameter called like an option of strun" in one["clash"].out


class TestOptions:
    def test_log_level_file_and_stream(self, one):
        done = one["log"]
        assert done.err == ""
        assert "tests.stpipe.strun_steps - WARNING - watch out" in done.out
        assert "INFO" not in done.out
        assert (done.folder / "x.log").read_text() in done.out

    def test_default_log_is_info_on_standard_error(self, one):
        assert " - stpipe.step - INFO - Step Show done" in one["before"].err
        assert "detail" not in one["before"].err
        assert "INFO" not in one["before"].out

    def test_no_stream(self, one):
        assert one["null"].err == ""
        assert one["null"].out.count("\n") == 1
        assert "Step Show done" in (one["null"].folder / "old.log").read_text()

    def test_log_file_is_truncated(self, tmp_path):
        (tmp_path / "x.log").write_text("before\n")
        strun(tmp_path, SHOW, "--log-file=x.log")
        assert (tmp_path / "x.log").read_text().startswith("20")

    def test_verbose(self, one):
        assert " - tests.stpipe.strun_steps - DEBUG - detail" in one["verbose"].err

    def test_save_parameters_then_run(self, one):
        assert one["verbose"].changed == {"factor": 7.0}
        text = (one["verbose"].folder / "p.asdf").read_bytes().decode(errors="replace")
        assert "factor: 7.0" in text
        assert "<SPECIFY>" in text

    def test_step_may_be_a_parameter_file(self, one):
        done = strun(one["verbose"].folder, "p.asdf", "--fast")
        assert done.changed == {"factor": 7.0, "fast": True}

    def test_disable_crds_steppars(self, tmp_path):
        prepare(tmp_path)
        for options, asked in ([], True), (["--disable-crds-steppars"], False):
            code = (
                "import stpipe.step\n"
                "from tests.stpipe import strun_steps as contract\n"
                "from stpipe.cli.strun import main\n"
                "asked = []\n"
                "contract.Show.get_config_from_reference = classmethod(\n"
                "    lambda cls, *args, disable=None, **kw: asked.append(disable) or {})\n"
                f"main([{SHOW!r}, 'a.fits', '--log-stream=null', *{options!r}]); print(asked)"
            )
            own = {name: value for name, value in environment(tmp_path).items() if "STEPPARS" not in name}
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=own, cwd=tmp_path)
            told = done.stdout.splitlines()[-1]
            assert told in (("[None]", "[False]") if asked else ("[True]", "[]")), done.stderr

    def test_logging_file(self, one):
        assert one["logcfg"].rc == 1
        assert "ERROR PARSING CONFIGURATION:" in one["logcfg"].out
        assert "missing.cfg: No such file or directory" in one["logcfg"].out
        assert "deprecated" in one["logcfg"].err
        assert one["logcfg"].shown == []
        assert (one["logcfg2"].rc, one["logcfg2"].changed) == (0, {})

    def test_wrong_log_options(self, one):
        for name, text in ("level", "Unknown log level 'loud'"), ("stream", "'tty'"), ("file", "No such file"):
            assert (one[name].rc, one[name].shown) == (1, [])
            assert one[name].out.splitlines()[1] == "ERROR PARSING CONFIGURATION:"
            assert text in one[name].out
            assert one[name].err == "Try 'strun --help' for the log options.\n"

    def test_version_anywhere(self, one):
        lines = one["version"].out.splitlines()
        assert one["version"].rc == 0
        assert lines[0].startswith("stpipe: ")
        assert any(line.startswith("jwst") and ": " in line for line in lines[1:])
        assert one["version"].shown == []

    def test_explain_runs_nothing(self, one):
        assert "* rejection_threshold " in one["explain"].out
        assert one["explain"].out.split("* rejection_threshold ")[1].split()[:3] == ["5.0", "command", "line"]
        assert one["explain"].rc == 0
        assert sorted(path.name for path in one["explain"].folder.glob("*.fits")) == ["a.fits", "b.fits"]

    def test_dry_run_runs_nothing(self, one):
        assert "Files that would be written:" in one["dry"].out
        assert "a_jump" in one["dry"].out
        assert "gain" in one["dry"].out
        assert sorted(path.name for path in one["dry"].folder.glob("*.fits")) == ["a.fits", "b.fits"]

    def test_progress_quiet_and_json(self, one):
        assert one["plain"].err.splitlines()[0] == "Both: 2 steps: first, second"
        assert one["plain"].err.splitlines()[-1].startswith("Both: done in ")
        assert "watch out" in one["quiet"].err
        assert "INFO" not in one["quiet"].err
        lines = [json.loads(line) for line in one["json"].err.splitlines()]
        assert {"step_target_start", "step_target_success"} <= {line.get("event") for line in lines}
        assert "watch out" in {line.get("message") for line in lines}

    def test_debugger(self, tmp_path):
        done = strun(tmp_path, FAILING, "bug", "--debug", text="p 6 * 7\nquit\n")
        assert done.rc == 1
        assert "(Pdb) 42" in done.out


class TestHelp:
    def test_general(self, one):
        assert one["help"].rc == 0
        assert one["help"].out.startswith("usage: strun [options] STEP [input ...]")
        assert "'stpipe list' shows the steps" in one["help"].out
        assert one["help"].out.count("\n  strun ") == 3
        assert max(map(len, one["help"].out.splitlines())) <= 80

    def test_nothing_given(self, one):
        assert (one["nothing"].rc, one["nothing"].out) == (2, "")
        assert "usage: strun" in one["nothing"].err
        assert "a STEP is required" in one["nothing"].err

    def test_of_a_step_has_every_parameter_with_help_and_default(self, one):
        lines = " ".join(one["step_help"].out.split())
        assert one["step_help"].rc == 0
        assert "Show twice." in lines
        assert "--steps.first.factor=FLOAT Factor to multiply by [>= 0; unit: DN; default: 2.0]" in lines
        assert "--output_dir=STR Directory path for output files [default: None]" in lines
        assert "--steps.second.skip[=BOOL] Skip this step [default: False]" in lines
        for name in ("pre_hooks", "output_dir", "names", "config_file", "search_output_file", "input_dir"):
            assert f"--steps.second.{name}" in lines
        assert one["step_help"].shown == []


class TestExitCodes:
    def test_wrong_configuration(self, one):
        done = one["wrong"]
        assert done.rc == 1
        assert done.out.splitlines()[1] == "ERROR PARSING CONFIGURATION:"
        assert "'factor': the value \"abc\" is of the wrong type." in done.out
        assert "'rounds': the value \"x\" is of the wrong type." in done.out
        assert "Traceback" not in done.err
        assert done.err.splitlines()[-1] == f"Try 'strun {SHOW} --help' for its parameters."
        assert "usage" not in done.out + done.err
        assert "Traceback" in one["wrong_v"].err

    def test_usage(self, one):
        assert (one["usage"].rc, one["usage"].out) == (2, "")
        assert "unrecognized arguments: --facter (did you mean --factor" in one["usage"].err

    def test_failing_step(self, one):
        done = one["bug"]
        assert done.rc == 1
        assert f"ERROR RUNNING STEP '{FAILING}':\n    KeyError: 'a bug'\n" in done.out
        assert set(done.out.splitlines()[0]) == set(done.out.splitlines()[-1]) == {"-"}
        assert "Traceback (most recent call last):" in done.err

    def test_own_exit_status(self, one):
        assert one["exit"].rc == 64
        assert f"ERROR RUNNING STEP '{FAILING}':\n    no data on detector\n" in one["exit"].out

    def test_reference_service_that_is_not_there(self, one):
        assert one["crds"].rc == 1
        assert f"ERROR RUNNING STEP '{HERE}.Needy':" in one["crds"].out
        assert "CRDS cannot be asked" in one["crds"].out
        assert "CRDS_PATH" in one["crds"].out

    def test_interrupted(self, tmp_path):
        prepare(tmp_path)
        command = [sys.executable, "-m", "stpipe.cli.strun", FAILING, "sleep", "--log-stream=null"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=environment(tmp_path), cwd=tmp_path, **pipes) as process:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
        assert process.returncode == 130
        assert (out, err.strip()) == ("", "Interrupted.")


def test_one_letter_and_built_in_clashes_prefer_an_exact_parameter(one):
    (name, values, *_) = one["letter"].shown[0]
    assert (name, values["v"], values["quiet"]) == ("Letter", 3, 4)
    assert "DEBUG - detail" in one["letter"].err
