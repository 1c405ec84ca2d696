"""Statements of the specification: arguments, context and formatting of recipes (spec running.md Y1-Y11)."""

from __future__ import annotations

import json
import os
import shlex
import sys
import threading
import time
from collections import OrderedDict
from types import SimpleNamespace

import pytest

from stpipe import Context, caches, load_recipe, run_recipe, settings
from stpipe.exceptions import (
    ContextKeyError,
    InputError,
    RecipeDefinitionError,
    RecipeNotFoundError,
    RunError,
    StpipeException,
)
from stpipe.templates import PythonText

PAIRS = "parser: keyvaluepairs\nsteps: []\n"


def test_Y1_a_recipe_is_found_below_the_current_folder(recipes):
    path = recipes.write("steps:\n- {step: set, in: {set: {a: 1}}}\n", "dir/reduce.yaml")
    for name in ("dir/reduce", "dir/reduce.yaml", str(path), str(path.with_suffix(""))):
        assert run_recipe(name) == {"a": 1}
    (recipes.folder / "recipes").mkdir()
    path.rename(recipes.folder / "recipes" / "other.yaml")
    assert load_recipe("other").file == os.path.realpath("recipes/other.yaml")


def test_Y1_a_recipe_of_a_package(recipes, monkeypatch):
    recipes.write("steps:\n- {step: set, in: {set: {a: 1}}}\n", "lib/recipe_pkg/recipes/quick.yaml")
    recipes.write("", "lib/recipe_pkg/__init__.py")
    recipes.write("steps: []", "lib/recipe_pkg/outside.yaml")
    monkeypatch.syspath_prepend(recipes.folder / "lib")
    assert run_recipe("recipe_pkg::quick") == {"a": 1}
    with pytest.raises(RecipeNotFoundError, match="leads out of the recipes"):
        run_recipe("recipe_pkg::../outside")
    with pytest.raises(RecipeNotFoundError, match="no package 'no_such_package'"):
        run_recipe("no_such_package::quick")


def test_Y1_a_recipe_that_is_nowhere(recipes):
    with pytest.raises(RecipeNotFoundError) as caught:
        run_recipe("dir/nix")
    for place in ("dir/nix", "dir/nix.yaml", "recipes/dir/nix.yaml"):
        assert str(recipes.folder / place) in str(caught.value)
    assert isinstance(caught.value, RunError)
    assert isinstance(caught.value, StpipeException)


def test_Y1_a_name_leads_out_of_the_folders_of_recipes_only_if_it_is_given_as_a_path(recipes, monkeypatch):
    recipes.write("steps: []", "outside.yaml")
    recipes.write("steps: []", "work/recipes/in.yaml")
    monkeypatch.chdir(recipes.folder / "work" / "recipes")
    with pytest.raises(RecipeNotFoundError) as caught:
        load_recipe("../nix")
    assert "recipes/../nix" not in str(caught.value)
    assert str(recipes.folder / "work" / "nix") in str(caught.value)
    with pytest.raises(RecipeNotFoundError):
        load_recipe("../outside")
    assert load_recipe("../../outside").groups == {"steps": ()}


def test_Y2_a_context_is_a_dict(recipes):
    context = recipes.run("steps:\n- {step: set, in: {set: {a: {b: 1}}}}\n")
    assert type(context) is Context
    assert context == {"a": {"b": 1}}
    assert json.loads(json.dumps(context)) == context


def test_Y2_formatting_and_merging_of_a_context():
    context = Context(file="{name}_rate", name="a", deep={"x": {"y": 1}, "z": [1]}, whole="{deep}")
    assert context.get_formatted("file") == "a_rate"
    assert context.get_formatted("whole") is context["deep"]
    other = {"deep": {"x": {"w": 2}, "z": [2]}, "new": [3]}
    context.merge(other)
    assert context["deep"] == {"x": {"y": 1, "w": 2}, "z": [2]}
    context["new"].append(4)
    context["deep"]["z"].append(4)
    assert other == {"deep": {"x": {"w": 2}, "z": [2]}, "new": [3]}
    with pytest.raises(ContextKeyError, match="no 'nix'"):
        context.get_formatted("nix")


def test_Y3_arguments_go_to_the_parser(recipes):
    assert recipes.run(PAIRS, args_in=["a=1", "b=x y"]) == {"a": "1", "b": "x y"}
    with pytest.raises(TypeError, match="list of texts"):
        run_recipe("r", args_in="a=1")


def test_Y3_without_a_parser_arguments_are_not_used(recipes, caplog):
    assert recipes.run("steps: []", args_in=["a=1"]) == {}
    assert "names no parser" in caplog.text


def test_Y4_a_dict_gives_the_same_as_arguments(recipes):
    text = PAIRS.replace("[]", "\n- {step: set, in: {set: {c: '{a}{b}'}}}")
    values = {"a": "1", "b": "2"}
    assert recipes.run(text, dict_in=values) == recipes.run(text, args_in=["a=1", "b=2"])
    assert run_recipe("r", dict_in={"a": 1, "b": 2}) != run_recipe("r", args_in=["a=1", "b=2"])


def test_Y5_arguments_win_over_the_dict(recipes):
    values = {"a": "0", "c": "3"}
    assert recipes.run(PAIRS, args_in=["a=1"], dict_in=values) == {"a": "1", "c": "3"}


def test_Y6_when_the_parser_runs(recipes):
    text = "parser: list\nsteps: []\n"
    assert recipes.run(text) == {"arg_list": []}
    assert run_recipe("r", args_in=["a"]) == {"arg_list": ["a"]}
    assert run_recipe("r", dict_in={"b": 1}) == {"b": 1}
    assert run_recipe("r", args_in=["a"], dict_in={"b": 1}) == {"arg_list": ["a"], "b": 1}
    assert run_recipe("r", dict_in={"b": 1}, parse_args=True) == {"arg_list": [], "b": 1}
    assert run_recipe("r", args_in=["a"], parse_args=False) == {}
    assert run_recipe("r", args_in=["a"], dict_in={"b": 1}, parse_args=False) == {"b": 1}


@pytest.mark.parametrize(
    ("parser", "args", "expected"),
    [
        ("keyvaluepairs", ["a=b=c", "d"], {"a": "b=c", "d": ""}),
        ("keys", ["a", "b"], {"a": True, "b": True}),
        ("list", ["a", "b"], {"arg_list": ["a", "b"]}),
        ("string", ["a", "b c"], {"arg_string": "a b c"}),
        ("json", ['{"a":', "[1, null]}"], {"a": [1, None]}),
        ("jsonfile", ["in.json"], {"a": 1}),
        ("yamlfile", ["in.json"], {"a": 1}),
        ("keyvaluepairs", shlex.split("a='b c' d"), {"a": "b c", "d": ""}),
    ],
)
def test_Y7_parsers(recipes, parser, args, expected):
    recipes.write('{"a": 1}', "in.json")
    assert recipes.run(f"parser: {parser}\nsteps: []\n", args_in=args) == expected


def test_Y7_a_parser_of_a_module(recipes):
    recipes.write("def get_parsed_context(args):\n    return {'n': len(args)} if args else None\n", "my_parser_y7.py")
    assert recipes.run("parser: my_parser_y7\nsteps: []\n", args_in=["a", "b"]) == {"n": 2}
    assert run_recipe("r", args_in=[]) == {}


@pytest.mark.parametrize(
    ("parser", "args", "error", "text"),
    [
        ("json", ["[1]"], InputError, "a mapping"),
        ("json", ["{"], InputError, "no JSON object"),
        ("jsonfile", ["nix.json"], InputError, "nix.json cannot be read"),
        ("yamlfile", ["bad.yaml"], InputError, "bad.yaml is no YAML"),
        ("keyvaluepair", ["a=1"], RecipeDefinitionError, "did you mean 'keyvaluepairs'"),
        ("json", ["1"], InputError, "a mapping"),
        ("shlex", [], RecipeDefinitionError, "no function get_parsed_context"),
    ],
)
def test_Y7_bad_arguments(recipes, parser, args, error, text):
    recipes.write("a: [", "bad.yaml")
    with pytest.raises(error, match=text):
        recipes.run(f"parser: {parser}\nsteps: []\n", args_in=args)


def test_Y8_every_run_has_a_context_of_its_own(recipes):
    text = "steps:\n- {step: set, in: {set: {a: [1], b: {c: 1}}}}\n"
    first = recipes.run(text)
    first["a"].append(2)
    first["b"]["c"] = 2
    second = run_recipe("r")
    assert second == {"a": [1], "b": {"c": 1}}
    assert second is not first


def test_Y8_runs_at_once(recipes, here):
    here.wait = lambda context: time.sleep(0.2)
    recipes.write("steps:\n- here.wait\n- {step: set, in: {set: {b: '{a}'}}}\n")
    load_recipe("r")
    found = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: run_recipe("r", dict_in={"a": n})})) for n in range(4)
    ]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.perf_counter() - start < 0.3
    assert found == {n: {"a": n, "b": n} for n in range(4)}


def test_Y9_containers_are_copied_and_models_are_not(recipes, here):
    def change(context):
        for key in ("list", "dict"):
            context[key].clear()
        context["tuple"][0].append(2)
        context["set"].add(2)
        context["model"].value = 2
        context["new"] = 1

    here.change = change
    model, other = SimpleNamespace(value=1), OrderedDict(a=1)
    values = {"list": [1], "dict": {"a": [1]}, "tuple": ([1],), "set": {1}, "model": model, "other": other}
    loop = values["list"]
    loop.append(loop)
    context = recipes.run("steps: [here.change]\n", dict_in=values)
    assert values["list"][0] == 1
    assert values["list"][1] is values["list"]
    assert {key: values[key] for key in ("dict", "tuple", "set")} == {"dict": {"a": [1]}, "tuple": ([1],), "set": {1}}
    assert "new" not in values
    assert context["model"] is model
    assert context["other"] is other
    assert model.value == 2


VALUES = {
    "n": 12,
    "s": "x",
    "d": {"k": {"m": 3}, "l": [5, 6]},
    "o": SimpleNamespace(p=SimpleNamespace(q=7)),
    "f": False,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{n}", 12),
        ("{f}", False),
        ("{d[k]}", {"m": 3}),
        ("{d[k][m]}", 3),
        ("{d[l][1]}", 6),
        ("{o.p.q}", 7),
        ("a {n} b {s}", "a 12 b x"),
        ("{n:04d}", "0012"),
        ("{s!r}", "'x'"),
        ("{n:0{d[k][m]}d}", "012"),
        ("{{n}}", "{n}"),
        ("{{{n}}}", "{12}"),
        ("", ""),
        (123, 123),
        (False, False),
        (None, None),
        (["{n}", {"a": "{s}", "{s}": 1}], [12, {"a": "x", "x": 1}]),
        ("{o}", VALUES["o"]),
    ],
)
def test_Y10_formatting(text, expected):
    found = Context(VALUES).formatted(text)
    assert found == expected
    assert type(found) is type(expected)


def test_Y10_data_is_not_formatted_again(recipes):
    context = recipes.run("steps:\n- {step: set, in: {set: {b: '{a}', c: 'x{a}'}}}\n", dict_in={"a": "{secret}"})
    assert (context["b"], context["c"]) == ("{secret}", "x{secret}")


@pytest.mark.parametrize("key", ["in: {set: {b: '{nix}'}}", "in: {set: {b: 'a {nix.b} c'}}", "run: '{nix}'",
                                 "foreach: '{nix}'", "input: '{nix}'", "retry: {max: '{nix}'}"])  # fmt: skip
def test_Y10_a_missing_key(recipes, here, key):
    step = "set" if "set" in key else "stpipe.step.Step" if "input" in key else "here.note"
    with pytest.raises(ContextKeyError) as caught:
        recipes.run(f"steps:\n- here.note\n- step: {step}\n  name: the second\n  {key}\n")
    assert "no 'nix'" in str(caught.value)
    assert "line 3" in str(caught.value)
    assert "entry 'the second'" in str(caught.value)
    assert "r.yaml" in str(caught.value)
    assert isinstance(caught.value, KeyError)


@pytest.mark.parametrize(("text", "what"), [("{d[nix]}", "a dict has no 'nix'"), ("{d[l][9]}", "no 9"),
                                            ("{o.nix}", "no 'nix'"), ("{n[0]}", "an? int has no 0")])  # fmt: skip
def test_Y10_a_missing_item(text, what):
    with pytest.raises(ContextKeyError, match=what):
        Context(VALUES).formatted(text)


@pytest.mark.parametrize("text", ["{o.__class__}", "{_x}", "{o.p._q}", "{o.p.__init__.__globals__}", "{n.gi_frame}",
                                  "{n:{o.__class__}}", "{", "}", "{}", "{0.x}", "{a!x}"])  # fmt: skip
def test_Y10_what_braces_cannot_hold_is_found_before_anything_runs(recipes, here, text):
    with pytest.raises(RecipeDefinitionError, match="line 3"):
        recipes.run(f"steps:\n- here.note\n- {{step: set, in: {{set: {{b: '{text}'}}}}}}\n")
    assert here.calls == []


def test_Y10_constants_are_not_shared_between_runs(recipes, here):
    here.change = lambda context, a: a.append(1)
    recipes.run("steps:\n- {step: here.change, in: {a: []}}\n- {step: here.note, in: {a: []}}\n")
    run_recipe("r")
    assert here.calls == [{"a": []}, {"a": []}]


def test_Y11_expressions(recipes):
    values = "a: !expr '1 + n * 2', b: !expr 'd[\"k\"] in [1, 3] and not f', c: !lit '{n}'"
    text = f"steps:\n- step: set\n  in: {{set: {{{values}}}}}\n"
    values = {"n": 2, "d": {"k": 3}, "f": False}
    context = recipes.run(text, dict_in=values)
    assert (context["a"], context["b"], context["c"]) == (5, True, "{n}")
    assert recipes.run("steps:\n- {step: set, run: !expr n > 2, in: {set: {a: 1}}}\n", dict_in={"n": 2}) == {"n": 2}


@pytest.mark.parametrize("text", ["open('x')", "a.__class__", "_a", "a._b", "(lambda: 1)", "[i for i in a]", "a := 1",
                                  "f'{a}'", "a if", "().__class__.__bases__", "a.gi_frame", "x @ y", "~a",
                                  "{**a}", "(" * 300 + "1" + ")" * 300])  # fmt: skip
def test_Y11_what_an_expression_cannot_hold(recipes, here, text):
    recipes.write("steps:\n- here.note\n- step: set\n  in:\n    set:\n      a: !expr " + json.dumps(text) + "\n")
    with pytest.raises(RecipeDefinitionError) as caught:
        run_recipe("r")
    problem = caught.value.problems[0]
    assert (problem.line, problem.col) == (6, 10)
    assert here.calls == []


PYTHON = [
    "steps:\n- here.note\n- step: set\n  in: {set: {a: !py '1 + 1'}}\n",
    "steps:\n- here.note\n- step: here.note\n  run: !py 'True'\n",
    "steps:\n- here.note\n- step: py\n  in: {py: 'a = 2'}\n",
    "steps:\n- here.note\n- step: here.note\n  foreach: [[!py '1']]\n",
    "steps:\n- here.note\n- step: set\n  in: {set: {? !py '\"a\"' : 1}}\n",
    "steps:\n- here.note\n- step: here.note\n  on_error: !py '1'\n",
    "steps:\n- here.note\n- step: here.note\n  foreach: !!set {? !py '1'}\n",
    "steps:\n- here.note\n- step: here.note\n  foreach: !!pairs [a: !py '1']\n",
]


@pytest.mark.parametrize("text", PYTHON)
def test_Y11_python_runs_only_where_it_is_allowed(recipes, here, text):
    with pytest.raises(RecipeDefinitionError) as caught:
        recipes.run(text)
    for way in ("allow_code=True", "--allow-code", "the setting allow_code"):
        assert way in str(caught.value)
    assert caught.value.problems[0].line in (3, 4)
    assert here.calls == []
    run_recipe("r", allow_code=True)
    settings.allow_code = True
    run_recipe("r")
    settings.allow_code = False
    with pytest.raises(RecipeDefinitionError):
        run_recipe("r")


def test_Y11_python_has_the_context_as_its_namespace(recipes, capsys):
    code = "print('hello'); c = math.floor(a) + len(os.path.sep)"
    text = f'imports: [math, os.path]\nsteps:\n- step: py\n  in: {{py: "{code}"}}\n'
    text += "- {step: set, in: {set: {d: !py '[c + n for n in range(2)]'}}}\n"
    assert recipes.run(text, dict_in={"a": 1.5}, allow_code=True) == {"a": 1.5, "c": 2, "d": [2, 3]}
    assert capsys.readouterr().out == "hello\n"


def test_Y11_data_does_not_become_python(recipes):
    text = "steps:\n- {step: py, in: {py: 'b = \"{a}\"'}}\n- {step: set, in: {set: {c: '{a}'}}}\n"
    data = '"; import os; os.system("false"); "'
    assert recipes.run(text, dict_in={"a": data}, allow_code=True) == {"a": data, "b": "{a}", "c": data}
    with pytest.raises(RecipeDefinitionError, match="written in the recipe itself"):
        recipes.run("steps:\n- {step: '{s}', in: {py: '1'}}\n", dict_in={"s": "py"}, allow_code=True)


def test_Y11_python_outside_of_a_run_that_allows_it():
    with pytest.raises(RecipeDefinitionError, match="allows code"):
        Context(a=1).formatted(PythonText("a"))


def test_Y11_child_recipes_need_leave_too(recipes, here):
    recipes.write("steps:\n- {step: py, in: {py: 'a = 2'}}\n", "child.yaml")
    text = "steps:\n- {step: recipe, in: {name: child}}\n"
    with pytest.raises(RecipeDefinitionError, match="allow_code"):
        recipes.run(text)
    assert recipes.run(text, allow_code=True) == {"a": 2}


def test_nothing_of_this_is_imported_with_stpipe():
    import subprocess

    code = "import sys, stpipe; print([n for n in sys.modules if n.startswith('stpipe.') or n == 'yaml'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert caches.__name__ == "stpipe.caches"
