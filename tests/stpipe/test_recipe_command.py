"""Statements of the specification: ``stpipe run`` (spec running.md Y32)."""

from __future__ import annotations

import json

import pytest

from stpipe import caches, run_recipe
from stpipe.cli.main import main

TEXT = """
parser: keyvaluepairs
steps:
- {step: here.keep}
a:
- {step: echo, in: {text: "a is {a}"}}
- {step: here.keep}
bad:
- {step: here.fail}
slow:
- {step: shell, in: {cmd: sleep 10}}
code:
- {step: here.keep}
"""


@pytest.fixture
def kept(recipes, here, monkeypatch):
    """Contexts that the recipe has seen."""
    monkeypatch.setenv("STPIPE_SKIP_INIT", "1")
    here.keep = lambda context: here.calls.append(dict(context))
    recipes.write(TEXT)
    return here.calls


def test_Y32_gives_the_same_as_run_recipe(kept):
    assert main(["run", "r", "a=1", "b=x y"]) == 0
    run_recipe("r", args_in=["a=1", "b=x y"])
    assert kept == [{"a": "1", "b": "x y"}] * 2
    assert main(["run", "r"]) == 0
    assert kept[2] == run_recipe("r", args_in=[]) == {}


def test_Y32_groups_and_log(recipes, kept, capsys):
    assert main(["run", "r", "a=1", "--group", "a", "steps", "--success", "a", "--log-file", "log.txt"]) == 0
    assert len(kept) == 3
    assert capsys.readouterr().err.count("a is 1") == 2
    assert (recipes.folder / "log.txt").read_text().count("a is 1") == 2
    assert main(["run", "r", "a=1", "--group", "a", "--log-level", "error"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["nix"], 1, "no recipe 'nix'"),
        (["r", "--input", "nix.fits"], 1, "no such input: nix.fits"),
        (["r", "--group", "bad"], 2, "no"),
        (["r", "--group", "bad", "--failure", "a"], 2, "no"),
        (["r", "--group", "nix"], 4, "no group 'nix'"),
        (["r", "--loader", "nix"], 4, "no loader 'nix'"),
        (["r", "--log-level", "nix"], 4, "Unknown log level"),
        (["wrong"], 4, "unknown key 'stepp'"),
        (["python"], 4, "--allow-code"),
        (["r", "--group", "slow", "--timeout", "0.1"], 254, "more than 0.1 s"),
    ],
)
def test_Y32_exit_codes(recipes, kept, capsys, arguments, code, text):
    recipes.write("steps:\n- {stepp: a}\n", "wrong.yaml")
    recipes.write("steps:\n- {step: py, in: {py: a = 1}}\n", "python.yaml")
    assert main(["run", *arguments]) == code
    assert text in capsys.readouterr().err


def test_Y32_code_inputs_and_dry_run(recipes, kept, capsys):
    recipes.write("steps:\n- {step: py, in: {py: a = 1}}\n- here.keep\n", "python.yaml")
    assert main(["run", "python", "--allow-code"]) == 0
    assert kept == [{"a": 1}]
    for name in ("one", "two"):
        recipes.write(json.dumps(name), name)
    assert main(["run", "r", "a=1", "--input", "one", "two"]) == 0
    assert kept[1:] == [{"input": "one", "a": "1"}, {"input": "two", "a": "1"}]
    capsys.readouterr()
    assert main(["run", "r", "--dry-run"]) == 0
    assert "bad:\n  line 8: fail (here.fail)\n" in capsys.readouterr().out.replace("line 9", "line 8")
    assert len(kept) == 3
    caches.clear_all()
    assert main(["run", "nix", "--dry-run"]) == 1
