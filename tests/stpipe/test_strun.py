"""``strun``: options in any order, values, messages and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stpipe.cli.arguments import OptionKind, UsageError, find_step, parse_arguments
from stpipe.cli.strun import main, step_from_cmdline
from tests.stpipe.cli_steps import CALLS

ROOT = Path(__file__).parents[2]
SCALE = "tests.stpipe.cli_steps.Scale"
CHAIN = "tests.stpipe.cli_steps.Chain"
FAILING = "tests.stpipe.cli_steps.Failing"
DEFAULTS = {"factor": 2.0, "label": None, "names": [], "fast": False, "rounds": None}


@pytest.fixture(autouse=True)
def clean(workdir, monkeypatch):
    """Empty folder, no calls yet, and steps that can be imported."""
    CALLS.clear()
    monkeypatch.setenv("HOME", str(workdir))
    monkeypatch.syspath_prepend(str(ROOT))
    return workdir


def process(*arguments, **options):
    """Run strun in a process of its own, in the current folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "stpipe.cli.strun", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, **options)


def received():
    """Parameters and arguments of the only call."""
    (name, *values, args) = CALLS[-1]
    assert len(CALLS) == 1
    return name, dict(zip(DEFAULTS, values, strict=True)), args


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(["--factor=3", SCALE, "x", "y"], id="before the step"),
        pytest.param([SCALE, "--factor=3", "x", "y"], id="between step and input"),
        pytest.param([SCALE, "x", "--factor=3", "y"], id="between inputs"),
        pytest.param([SCALE, "x", "y", "--factor", "3"], id="value as its own word"),
        pytest.param(["--log-level", "ERROR", SCALE, "x", "y", "--fac=3"], id="abbreviated"),
    ],
)
def test_options_may_be_anywhere(order):
    assert main(order) == 0
    assert received() == ("Scale", DEFAULTS | {"factor": 3.0}, ("x", "y"))


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--names=1,2", {"names": ["1", "2"]}),
        ("--names=a,", {"names": ["a"]}),
        ("--names=,", {"names": []}),
        ("--names=[1, 2]", {"names": ["1", "2"]}),
        ("--label='a,b'", {"label": "a,b"}),
        ("--label=''", {"label": ""}),
        ("--label=text # comment", {"label": "text"}),
        ("--label=a#b", {"label": "a#b"}),
        ("--label=None", {"label": None}),
        ("--rounds=None", {"rounds": None}),
        ("--rounds= 4", {"rounds": 4}),
        ("--factor=1e3", {"factor": 1000.0}),
        ("--fast", {"fast": True}),
        ("--fast=False", {"fast": False}),
        ("--fast=yes", {"fast": True}),
    ],
)
def test_values(option, expected):
    assert main([SCALE, option]) == 0
    assert received()[1] == DEFAULTS | expected


def test_flag_takes_the_next_word_only_if_it_is_a_boolean():
    assert main([SCALE, "--fast", "x"]) == 0
    assert received()[1:] == (DEFAULTS | {"fast": True}, ("x",))
    CALLS.clear()
    assert main([SCALE, "--fast", "false", "x"]) == 0
    assert received()[1:] == (DEFAULTS, ("x",))


def test_parameters_of_sub_steps():
    assert main([CHAIN, "x", "--steps.first.factor=5", "--steps.second.fast"]) == 0
    assert [(call[0], call[1], call[4]) for call in CALLS] == [("first", 5.0, False), ("second", 2.0, True)]


def test_negative_numbers_are_values(capsys):
    assert main([SCALE, "--factor", "-1"]) == 1
    assert 'the value "-1.0" is too small' in capsys.readouterr().out


def test_result_is_saved_unless_told_not_to(workdir):
    assert main([SCALE, "make"]) == 0
    assert [path.name for path in workdir.glob("*.fits")] == ["make_scale.fits"]
    (workdir / "make_scale.fits").unlink()
    assert main([SCALE, "make", "--save_results=false"]) == 0
    assert list(workdir.glob("*.fits")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([SCALE, "--facter=1"], "arguments: --facter (did you mean --factor or", id="misspelt"),
        pytest.param([SCALE, "--s=1"], "ambiguous option: --s could match --save_results, --skip", id="ambiguous"),
        pytest.param([SCALE, "--factor"], "argument --factor: expected one argument", id="no value"),
        pytest.param([SCALE, "--debug=1"], "argument --debug: takes no value", id="value of a flag"),
        pytest.param([SCALE, "-x"], "unrecognized arguments: -x", id="unknown letter"),
        pytest.param([CHAIN, "--steps.frst.factor=1"], "did you mean --steps.first.factor", id="misspelt step"),
        pytest.param([CHAIN, "--factor=1"], "did you mean --steps.first.factor or", id="parameter of a sub-step"),
        pytest.param(["--log-file=x"], "a STEP is required", id="no step"),
        pytest.param([], "a STEP is required", id="nothing"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, message, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["jumo"], "'jumo' is not a path to a config file or a Python Step class", id="unknown step"),
        pytest.param(["tests.stpipe.cli_steps.Scall"], "is not a path to a config file", id="unknown class"),
        pytest.param(["tests.stpipe.cli_steps.Model"], "is not a path to a config file", id="no step class"),
        pytest.param([SCALE, "--factor=abc"], "'factor': the value \"abc\" is of the wrong type.", id="wrong type"),
        pytest.param([CHAIN, "x", "--steps.first.fast=maybe"], "'steps/first/fast': the value", id="in a sub-step"),
        pytest.param(["tests.stpipe.cli_steps.Clash"], "called like an option of strun: debug", id="name clash"),
    ],
)
def test_wrong_configuration_is_one_message(arguments, message, capsys):
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert "ERROR PARSING CONFIGURATION:" in out
    assert message in out
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("Try '")
    assert CALLS == []


def test_several_wrong_values_are_told_together(capsys):
    assert main([SCALE, "--factor=abc", "--rounds=x"]) == 1
    out = capsys.readouterr().out
    assert "'factor'" in out
    assert "'rounds'" in out


def test_traceback_of_a_wrong_configuration_on_request(capsys):
    assert main([SCALE, "--factor=abc", "-v"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_step_with_an_error_in_its_module_tells_it(workdir, monkeypatch, capsys):
    (workdir / "broken_steps.py").write_text("import no_such_module\n")
    monkeypatch.syspath_prepend(str(workdir))
    assert main(["broken_steps.Step"]) == 1
    assert "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "code", "heading", "message", "traceback"),
    [
        pytest.param("exit", 64, "ERROR RUNNING STEP", "no data on detector", False, id="its own exit status"),
        pytest.param("file", 1, "ERROR RUNNING STEP", "the disk is full", False, id="expected error"),
        pytest.param("bug", 1, "ERROR RUNNING STEP", "KeyError: 'a bug'", True, id="unexpected error"),
    ],
)
def test_exit_codes_of_failing_steps(word, code, heading, message, traceback, capsys):
    assert main([FAILING, word, "--log-stream=null"]) == code
    out, err = capsys.readouterr()
    assert heading in out
    assert message in out
    assert ("Traceback" in err) is traceback


def test_traceback_on_request(capsys):
    assert main(["-v", FAILING, "file", "--log-stream=null"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_interrupt_is_130(capsys):
    assert main([FAILING, "interrupt", "--log-stream=null"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_debugger_opens_and_the_exit_code_stays_1():
    done = process(FAILING, "bug", "--debug", input="where\nquit\n")
    assert done.returncode == 1
    assert "(Pdb)" in done.stdout


@pytest.mark.parametrize("name", ["jw01_uncal.fits", "asn.json"])
def test_missing_input_is_told_before_anything_runs(name, capsys, workdir):
    (workdir / "jw01_uncal_1.fits").touch()
    assert main([SCALE, name]) == 1
    out, err = capsys.readouterr()
    assert f"There is no input file '{name}'" in out
    assert ("did you mean jw01_uncal_1.fits?" in out) is (name == "jw01_uncal.fits")
    assert "Traceback" not in err
    assert CALLS == []


def test_input_is_looked_for_in_input_dir(workdir, capsys):
    (workdir / "in").mkdir()
    (workdir / "in" / "x.fits").touch()
    assert main([SCALE, "x.fits", "--input_dir=in"]) == 0
    assert main([SCALE, "y.fits", "--input_dir=in"]) == 1
    assert "no input file 'in/y.fits'" in capsys.readouterr().out


def test_log_options(workdir, capsys):
    assert main([SCALE, "--log-file=x.log", "--log-stream=stdout", "--log-level=warning"]) == 0
    assert capsys.readouterr() == ("", "")
    assert (workdir / "x.log").read_text() == ""
    assert main([SCALE, "--log-file=x.log", "--log-stream=null"]) == 0
    assert "Step Scale done" in (workdir / "x.log").read_text()
    assert main([SCALE]) == 0
    assert "Step Scale done" in capsys.readouterr().err


def test_missing_logging_file_is_exit_code_1(capsys):
    assert main([SCALE, "--logcfg=missing.cfg"]) == 1
    assert "missing.cfg" in capsys.readouterr().out


def test_parameter_file_as_step(workdir):
    assert main([SCALE, "--factor=7", "--save-parameters", "mine.asdf"]) == 0
    assert main(["mine.asdf", "x", "--fast"]) == 0
    assert CALLS[-1][1:] == (7.0, None, [], True, None, ("x",))


def test_damaged_parameter_file_is_named(workdir, capsys):
    (workdir / "mine.asdf").write_text("#ASDF 1.0.0\n: : :\n")
    assert main(["mine.asdf", "x"]) == 1
    assert "mine.asdf" in capsys.readouterr().out


def test_a_data_file_is_no_step(workdir, capsys):
    (workdir / "jw01_uncal.fits").touch()
    assert main(["jw01_uncal.fits", SCALE]) == 1
    assert "'jw01_uncal.fits' is a data file, not a step" in capsys.readouterr().out


def test_a_parameter_file_without_a_class_is_no_step(workdir, capsys):
    (workdir / "mine.yaml").write_text("parameters: {factor: 1}\n")
    assert main(["mine.yaml"]) == 1
    assert "'mine.yaml' does not name the class" in capsys.readouterr().out


def test_general_help(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: strun [options] STEP [input ...]")
    assert "stpipe list" in out
    assert out.count("  strun ") == 3


@pytest.mark.parametrize("arguments", [["-h", CHAIN], [CHAIN, "--help"], [CHAIN, "x", "--help"]])
def test_help_of_a_step_names_every_parameter(arguments, capsys):
    assert main(arguments) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Multiply twice." in out
    assert "--steps.second.factor=FLOAT Factor to multiply by [>= 0; unit: DN; default: 2.0]" in out
    for name in ("--output_dir=STR", "--steps.first.skip[=BOOL]", "--steps.second.names="):
        assert name in out
    assert CALLS == []


@pytest.mark.parametrize("arguments", [["--version"], [SCALE, "--version"], ["--version", "no_such_step"]])
def test_version_anywhere(arguments, capsys):
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("stpipe: ")
    assert any(line.startswith("jwst") for line in lines[1:])


def test_step_from_cmdline_builds_and_runs():
    step = step_from_cmdline([SCALE, "x", "--factor=3"])
    assert (step.factor, step.save_results) == (3.0, True)
    assert received()[2] == ("x",)
    with pytest.raises(UsageError, match="STEP is required"):
        step_from_cmdline([])


def test_find_step():
    assert find_step(["--log-level", "INFO", "jump", "x"]) == ("jump", ["--log-level", "INFO", "x"])
    assert find_step(["--log-level=INFO", "-v", "jump"]) == ("jump", ["--log-level=INFO", "-v"])
    assert find_step(["--skip", "jump", "x"]) == ("jump", ["--skip", "x"])
    assert find_step(["-v"]) == (None, ["-v"])


def test_exact_parameter_names_win_over_options_of_strun():
    kinds = {"log": OptionKind("X"), "v": OptionKind("X")}
    found = parse_arguments(["--log=1", "--v=2", "--log-l=INFO", "--", "--x"], kinds)
    assert (found.parameters, found.built_in) == ({"log": "1", "v": "2"}, {"log-level": "INFO"})
    assert found.positional == ["--x"]


def test_help_is_quick_and_imports_nothing_heavy():
    heavy = ("numpy", "crds", "asdf", "astropy", "configobj", "yaml")
    code = (
        "import sys; from stpipe.cli.strun import main; main(['--help'])\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        seconds.append(time.perf_counter() - start)
    assert done.stdout.splitlines()[-1] == "[]"
    assert min(seconds) < 0.3
