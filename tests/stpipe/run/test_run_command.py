"""``stpipe run``: the command line of recipes, through the one engine (spec running.md Y32, R4)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stpipe import run_recipe, settings
from stpipe.artifacts import load_runner
from stpipe.cli.main import main

pytestmark = pytest.mark.usefixtures("place")

RECIPE = """
parser: keyvaluepairs
steps:
- {step: set, in: {set: {seen: "{input}"}}}
- {step: here.keep}
picky:
- {step: here.refuse}
slow:
- {step: shell, in: {cmd: "sleep 10; touch late"}}
"""


@pytest.fixture
def kept(recipes, here, monkeypatch):
    """Contexts that the recipe has seen."""
    monkeypatch.setenv("STPIPE_SKIP_INIT", "1")

    def keep(context):
        here.calls.append({key: value for key, value in context.items() if key != "result"})

    def refuse(context):
        if Path(context["input"]).name.startswith("b"):
            raise ValueError("not this one")

    here.keep, here.refuse = keep, refuse
    recipes.write(RECIPE)
    for name in "abc":
        recipes.write(name, f"{name}.txt")
    return here.calls


def only_run(folder="runs"):
    (name,) = os.listdir(folder)
    return load_runner(Path(folder, name))


@pytest.mark.parametrize("arguments", [["x=1"], [], ["x=1", "y=2 3"]])
def test_y32_the_same_context_as_run_recipe(kept, arguments):
    assert main(["run", "r", "input=i", *arguments]) == 0
    run_recipe("r", args_in=["input=i", *arguments])
    assert kept[0] == kept[1]


@pytest.mark.parametrize("jobs", [[], ["-j", "2", "--executor", "threads"], ["--jobs", "3", "--executor", "threads"]])
def test_y32_several_inputs_are_targets_of_one_run(kept, jobs):
    assert main(["run", "r", "x=1", "--input", "a.txt", "b.txt", "c.txt", *jobs, "--artifacts", "runs"]) == 0
    assert sorted(context["seen"] for context in kept) == ["a.txt", "b.txt", "c.txt"]
    assert {context["x"] for context in kept} == {"1"}
    loaded = only_run()
    assert list(loaded.results) == ["a.txt", "b.txt", "c.txt"]
    assert loaded.command["what"]["args_in"] == ["x=1"]
    assert loaded.command["what"]["inputs"] == ["a.txt", "b.txt", "c.txt"]


def test_y32_several_jobs_are_processes_by_default(kept, monkeypatch):
    from stpipe.cli import recipes

    def chosen(*arguments):
        import argparse

        parser = argparse.ArgumentParser()
        recipes.add_run_parser(parser.add_subparsers())
        return recipes._executor(parser.parse_args(["run", "r", *arguments]))

    assert chosen() is None
    assert chosen("-j", "1") is None
    assert chosen("-j", "2") == "processes"
    assert chosen("-j", "2", "--executor", "threads") == "threads"
    settings.executor = "threads"
    assert chosen("-j", "2") is None


def test_y32_one_bad_input_does_not_stop_the_others(kept, capsys):
    assert main(["run", "r", "--group", "picky", "steps", "--input", "a.txt", "b.txt", "c.txt"]) == 2
    assert [context["seen"] for context in kept] == ["a.txt", "c.txt"]
    error = capsys.readouterr().err
    assert "stpipe run: error: b.txt: not this one" in error


def test_y32_each_bad_input_is_named(kept, capsys):
    Path("b2.txt").write_text("")
    assert main(["run", "r", "--group", "picky", "--input", "b.txt", "b2.txt"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stpipe run:")]
    assert lines == ["stpipe run: error: b.txt: not this one", "stpipe run: error: b2.txt: not this one"]


def test_y32_missing_inputs_are_named_before_anything_runs(kept, capsys):
    assert main(["run", "r", "--input", "a.txt", "nix.fits", "nix.asdf"]) == 1
    assert "no such input: nix.fits, nix.asdf" in capsys.readouterr().err
    assert kept == []


def test_y32_exposures_keep_their_headers(kept, make_exposure):
    make_exposure("a_uncal.fits")
    assert main(["run", "r", "--input", "a_uncal.fits", "a.txt"]) == 0
    assert [Path(context["seen"]).name for context in kept] == ["a_uncal.fits", "a.txt"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-j", "0"], "workers has to be at least 1"),
        (["--executor", "rockets"], "executor can be inline"),
        (["--timeout", "-1"], "timeout has to be above 0"),
        (["--project", "nix"], "no folder nix"),
        (["--artifacts", "a.txt"], "a.txt"),
    ],
)
def test_y32_options_that_cannot_be_used(kept, capsys, arguments, text):
    assert main(["run", "r", "input=i", *arguments]) == 4
    error = capsys.readouterr().err
    assert text in error
    assert len(error.splitlines()) == 1
    assert kept == []


def test_y32_artifacts(kept):
    assert main(["run", "r", "input=i", "--artifacts", "runs"]) == 0
    loaded = only_run()
    assert (loaded.status, loaded.rc, loaded.title) == ("successful", 0, "r")
    assert json.loads(Path(loaded.artifacts, "command").read_text())["what"]["name"] == "r"


def test_y32_project(kept, recipes, make_exposure, capsys):
    make_exposure("p/a_uncal.fits")
    recipes.write("a_uncal.fits\n", "p/inventory")
    recipes.write("executor: threads\nworkers: 2\nartifacts_dir: runs\n", "p/env/settings.yaml")
    recipes.write("steps:\n- here.keep\n", "p/recipes/inner.yaml")
    assert main(["run", "inner", "--project", "p"]) == 0
    assert [Path(context["input"]).name for context in kept] == ["a_uncal.fits"]
    assert only_run().rc == 0
    assert main(["run", "inner", "--project", "p", "--dry-run"]) == 0
    assert "keep" in capsys.readouterr().out
    assert main(["run", "inner"]) == 1


def test_y32_timeout_stops_a_command(kept, capsys):
    began = time.monotonic()
    assert main(["run", "r", "--group", "slow", "--timeout", "0.1"]) == 254
    assert time.monotonic() - began < 5
    assert "more than 0.1 s" in capsys.readouterr().err
    assert not Path("late").exists()


def test_y32_ctrl_c_ends_with_canceled_and_one_line(recipes):
    recipes.write("slow:\n- {step: shell, in: {cmd: 'sleep 10; touch late'}}\n")
    code = "import sys; from stpipe.cli.main import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run", "r", "--group", "slow", "--artifacts", "runs"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "STPIPE_SKIP_INIT": "1"},
    )
    limit = time.monotonic() + 20
    while time.monotonic() < limit and process.poll() is None and not list(Path().glob("runs/*/events/*5-*.json")):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 254
    assert error == "stpipe run: error: canceled\n"
    loaded = only_run()
    assert (loaded.status, loaded.rc) == ("canceled", 254)
    time.sleep(0.1)
    assert not Path("late").exists()


def test_y32_jobs_in_processes(recipes, monkeypatch):
    monkeypatch.setenv("STPIPE_SKIP_INIT", "1")
    recipes.write("steps:\n- {step: shell, in: {cmd: [cp, '{input}', '{input}.out']}}\n")
    for name in ("a.txt", "bad/b.txt"):
        recipes.write(name, name)
    Path("bad/b.txt.out").mkdir()
    Path("bad/b.txt.out/b.txt").mkdir()
    assert main(["run", "r", "--input", "a.txt", "bad/b.txt", "-j", "2", "--artifacts", "runs"]) == 2
    assert Path("a.txt.out").read_text() == "a.txt"
    loaded = only_run()
    assert (loaded.status, loaded.failed_targets) == ("failed", ["b.txt"])
    assert "cp" in Path(loaded.artifacts, "errors", "b.txt.txt").read_text()
    assert {event.pid for event in loaded.events if event.event == "step_target_start"}.isdisjoint({os.getpid()})
