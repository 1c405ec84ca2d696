"""Statements of the specification: settings, shortcuts, caches and log of recipes (spec running.md §4.3-4.5)."""

from __future__ import annotations

import logging
import sys
import threading
import time

import pytest

from stpipe import caches, run_recipe, settings, show_log
from stpipe.exceptions import RecipeDefinitionError, ValidationError
from stpipe.notify import NOTIFY


@pytest.fixture
def home(recipes, monkeypatch):
    """No settings but those of the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(recipes.folder / "config"))
    for key in (*settings.DEFAULTS, "config", "skip_init"):
        monkeypatch.delenv(f"STPIPE_{key.upper()}", raising=False)
    return recipes


def test_S1_settings_are_read_by_init_only(home, monkeypatch, caplog):
    home.write(
        "workers: 2\nexecutor: threads\ntimeout: 5\nlog_format: a\nartifacts_dir: low\n", "config/stpipe/config.yaml"
    )
    home.write("workers: 3\nexecutor: processes\ntimeout: 6\nlog_format: b\nnix: 1\n", "stpipe.yaml")
    home.write("[tool.stpipe]\nworkers = 4\nexecutor = 'inline'\ntimeout = 7\n[tool.other]\na = 1\n", "pyproject.toml")
    home.write("workers: 5\nexecutor: threads\n", "mine.yaml")
    monkeypatch.setenv("STPIPE_CONFIG", "mine.yaml")
    monkeypatch.setenv("STPIPE_WORKERS", "6")
    monkeypatch.setenv("STPIPE_NO_CACHE", "true")
    run_recipe(str(home.write("steps: []\n")))
    assert (settings.workers, settings.executor, settings.no_cache) == (1, "inline", False)
    settings.init()
    assert (settings.workers, settings.executor, settings.timeout) == (6, "threads", 7.0)
    assert (settings.log_format, settings.artifacts_dir, settings.no_cache) == ("b", "low", True)
    assert [record.message.count("unknown setting 'nix'") for record in caplog.records] == [1]
    for name in ("STPIPE_WORKERS", "STPIPE_CONFIG", "STPIPE_NO_CACHE"):
        monkeypatch.delenv(name)
    settings.init()
    assert (settings.workers, settings.executor, settings.no_cache) == (4, "inline", False)
    monkeypatch.setenv("STPIPE_SKIP_INIT", "1")
    home.write("[tool.stpipe]\nworkers = 9\n", "pyproject.toml")
    settings.init()
    assert settings.workers == 4


@pytest.mark.parametrize(
    "text", ["workers: 0", "workers: many", "timeout: -1", "no_cache: maybe", "shortcuts: [a]", "a: [", "[1]"]
)
def test_S1_bad_settings(home, text):
    home.write(text, "stpipe.yaml")
    with pytest.raises(ValidationError, match="stpipe.yaml"):
        settings.init()


def test_S1_a_file_that_is_missing_or_broken(home, monkeypatch):
    home.write("[tool", "pyproject.toml")
    with pytest.raises(ValidationError, match="pyproject.toml"):
        settings.init()
    home.write("[tool]\nstpipe = 1\n", "pyproject.toml")
    with pytest.raises(ValidationError, match="no table"):
        settings.init()
    home.write("", "pyproject.toml")
    home.write("", "stpipe.yaml")
    monkeypatch.setenv("STPIPE_CONFIG", "nix.yaml")
    with pytest.raises(ValidationError, match=r"nix\.yaml"):
        settings.init()


def test_S2_the_keys():
    assert set(settings.DEFAULTS) == {
        "shortcuts", "allow_code", "no_cache", "workers", "executor", "timeout", "artifacts_dir", "overwrite", "state",
        "default_loader", "log_level", "log_format",
    }  # fmt: skip
    settings.reset()
    assert {key: getattr(settings, key) for key in settings.DEFAULTS} == settings.DEFAULTS


SHORTCUT = (
    "parser: keyvaluepairs\nsteps: []\ng:\n- {step: set, in: {set: {g: 1}}}\nok:\n- {step: set, in: {set: {ok: 1}}}\n"
)


def test_S3_shortcuts_come_first(home):
    home.write("shortcuts: {quick: {recipe: dir/slow, args: {a: 1}}, r: {recipe: dir/slow}}\n", "stpipe.yaml")
    home.write("steps:\n- {step: set, in: {set: {slow: 1}}}\n", "dir/slow.yaml")
    home.write("steps:\n- {step: recipe, in: {name: quick, out: [a, slow]}}\n", "parent.yaml")
    home.write("steps:\n- {step: set, in: {set: {plain: 1}}}\n")
    assert run_recipe("r") == {"plain": 1}
    settings.init()
    assert run_recipe("r") == {"slow": 1}
    assert run_recipe("quick") == {"a": 1, "slow": 1}
    assert run_recipe("r.yaml") == {"plain": 1}
    assert run_recipe("parent") == {"a": 1, "slow": 1}


def test_S4_values_are_merged_into_the_shortcut(recipes):
    recipes.write(SHORTCUT)
    stored = {"recipe": "r", "args": {"a": {"b": 1, "c": 2}}, "parser_args": ["x=1", "y=1"]}
    settings.shortcuts["q"] = stored
    context = run_recipe("q", dict_in={"a": {"b": 9}, "d": 4}, args_in=["y=2"])
    assert context == {"a": {"b": 9, "c": 2}, "d": 4, "x": "1", "y": "2"}
    context["a"]["c"] = 0
    assert stored == {"recipe": "r", "args": {"a": {"b": 1, "c": 2}}, "parser_args": ["x=1", "y=1"]}
    settings.shortcuts["q"] = {"recipe": "r", "parser_args": "x='1 2' y=3"}
    assert run_recipe("q") == {"x": "1 2", "y": "3"}


@pytest.mark.parametrize(
    ("shortcut", "given", "parses"),
    [
        ({}, {}, True),
        ({"args": {"a": 1}}, {}, False),
        ({}, {"dict_in": {"a": 1}}, False),
        ({"args": {"a": 1}, "parser_args": ["x"]}, {}, True),
        ({"args": {"a": 1}}, {"args_in": ["x"]}, True),
        ({}, {"parse_args": False}, True),
        ({"args": {"a": 1}}, {"parse_args": True}, False),
        ({"args": {"a": 1}, "skip_parse": False}, {}, True),
        ({"parser_args": ["x"], "skip_parse": True}, {}, False),
    ],
)
def test_S5_when_a_shortcut_parses(recipes, shortcut, given, parses):
    recipes.write("parser: list\nsteps: []\n")
    settings.shortcuts["q"] = {"recipe": "r", **shortcut}
    assert ("arg_list" in run_recipe("q", **given)) is parses


def test_S6_the_shortcut_wins(recipes, monkeypatch):
    recipes.write(SHORTCUT)
    settings.shortcuts["q"] = {"recipe": "r", "groups": ["g"], "success": "ok"}
    assert run_recipe("q", groups=["steps"], success_group="steps") == {"g": 1, "ok": 1}
    settings.shortcuts["q"] = {"recipe": "r"}
    assert run_recipe("q", groups=["g"], success_group="ok") == {"g": 1, "ok": 1}
    recipes.write("def get_recipe_definition(name, parent):\n    return {'steps': ['step_s6.f']}\n", "loader_s6.py")
    recipes.write("def f(context):\n    context['s6'] = 1\n", "py/step_s6.py")
    monkeypatch.syspath_prepend(recipes.folder)
    settings.shortcuts["q"] = {"recipe": "r", "loader": "loader_s6", "py_dir": "py"}
    assert run_recipe("q", loader="shlex", py_dir="nix") == {"s6": 1}


def test_S7_bad_shortcuts(recipes):
    settings.shortcuts.update(q={"args": {}}, w={"recipe": "r", "group": ["g"]})
    with pytest.raises(RecipeDefinitionError, match="'q' names no recipe"):
        run_recipe("q")
    with pytest.raises(RecipeDefinitionError, match="'w' has unknown keys 'group'"):
        run_recipe("w")


def number(n: int) -> str:
    """Recipe that sets ``n``."""
    return f"steps:\n- {{step: set, in: {{set: {{n: {n}}}}}}}\n"


def test_K1_the_second_run_comes_from_the_cache(recipes):
    assert recipes.run(number(1)) == {"n": 1}
    recipes.write(number(2))
    assert run_recipe("r") == {"n": 1}


def test_K2_what_reloads_a_recipe(recipes):
    recipes.run(number(1))
    recipes.write(number(2))
    caches.file.clear()
    assert run_recipe("r") == {"n": 1}
    caches.loader.clear_recipes()
    assert run_recipe("r") == {"n": 2}
    recipes.write(number(3))
    caches.loader.clear_recipes()
    assert run_recipe("r") == {"n": 2}
    caches.clear_all()
    assert run_recipe("r") == {"n": 3}


def test_K2_other_folders_are_other_keys(recipes, monkeypatch):
    recipes.run(number(1))
    recipes.write(number(2), "dir/r.yaml")
    monkeypatch.chdir("dir")
    assert run_recipe("r") == {"n": 2}


def test_K3_no_cache(recipes):
    recipes.run(number(1))
    settings.no_cache = True
    recipes.write(number(2))
    assert run_recipe("r") == {"n": 2}
    recipes.write(number(3))
    assert run_recipe("r") == {"n": 3}
    settings.no_cache = False
    assert run_recipe("r") == {"n": 1}
    caches.clear_all()
    settings.no_cache = True
    run_recipe("r")
    assert len(caches.recipe) == len(caches.file) == len(caches.loader) == 0
    settings.no_cache = False
    recipes.write(number(4))
    assert run_recipe("r") == {"n": 4}
    recipes.write(number(5))
    assert run_recipe("r") == {"n": 4}


def test_K4_one_load_per_key(recipes, monkeypatch):
    loads = []
    module = type(sys)("loader_k4")

    def get_recipe_definition(name, parent):
        loads.append(name)
        time.sleep(0.05)
        return {"steps": []}

    module.get_recipe_definition = get_recipe_definition
    monkeypatch.setitem(sys.modules, "loader_k4", module)
    threads = [
        threading.Thread(target=run_recipe, args=(f"r{n % 2}",), kwargs={"loader": "loader_k4"}) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(loads) == ["r0", "r1"]


def test_K4_a_failed_load_leaves_nothing_behind(recipes):
    with pytest.raises(RecipeDefinitionError):
        recipes.run("")
    recipes.write(number(1))
    assert run_recipe("r") == {"n": 1}


def test_K5_clearing_leaves_the_settings_alone(recipes):
    settings.shortcuts["q"] = {"recipe": "r"}
    settings.workers = 3
    caches.clear_all()
    assert (settings.shortcuts, settings.workers) == ({"q": {"recipe": "r"}}, 3)
    names = ("recipe", "file", "loader", "parser", "step", "backoff", "namespace", "reference")
    for name in names:
        cache = getattr(caches, name)
        cache.get("key", lambda: 1)
        assert "key" in cache
    caches.clear_all()
    assert not any(len(getattr(caches, name)) for name in names)


def test_N1_runs_change_no_logging(recipes, caplog):
    root = logging.getLogger()
    before = (list(root.handlers), root.level, logging.getLogger("stpipe").level, dict(vars(logging)).keys())
    with caplog.at_level(logging.INFO):
        during = list(root.handlers)
        recipes.run("steps:\n- {step: echo, in: {text: hello}, description: it}\n")
        assert list(root.handlers) == during
    assert before == (list(root.handlers), root.level, logging.getLogger("stpipe").level, dict(vars(logging)).keys())
    shown = [(record.levelno, record.levelname, record.message) for record in caplog.records if record.levelno == 25]
    assert shown == [(25, "NOTIFY", "it"), (25, "NOTIFY", "hello")]
    assert not hasattr(logging, "notify")
    assert not hasattr(logging.Logger, "notify")
    assert not hasattr(logging, "NOTIFY")


def test_N2_show_log(recipes, capsys):
    recipes.write("earlier\n", "log.txt")
    handlers = list(logging.getLogger().handlers)
    text = "steps:\n- {step: echo, in: {text: hello}}\n- {step: shell, in: {cmd: echo quiet}}\n"
    undo = show_log(path="log.txt")
    try:
        recipes.run(text)
    finally:
        undo()
    recipes.run(text.replace("hello", "not shown"))
    shown = capsys.readouterr().err
    assert "hello" in shown
    assert "quiet" not in shown
    assert "not shown" not in shown
    lines = (recipes.folder / "log.txt").read_text().splitlines()
    assert lines[0] == "earlier"
    assert len(lines) == 2
    assert "NOTIFY" in lines[1]
    assert logging.getLogger().handlers == handlers
    with pytest.raises(ValueError, match="Unknown log level"):
        show_log("nix")


@pytest.mark.parametrize(("level", "traceback"), [(9, True), (10, False), (NOTIFY, False)])
def test_N3_tracebacks_at_levels_below_10(recipes, here, capsys, level, traceback):
    undo = show_log(level)
    try:
        recipes.run("steps:\n- {step: here.fail, swallow: true}\n")
    finally:
        undo()
    shown = capsys.readouterr().err
    assert "failed: ValueError: no" in shown
    assert ("Traceback (most recent call last)" in shown) is traceback
