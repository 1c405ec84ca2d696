"""Statements of the specification: groups, handlers and control flow of recipes (spec running.md Y12-Y21)."""

from __future__ import annotations

import logging

import pytest

from stpipe import run_recipe
from stpipe.exceptions import (
    ContextKeyError,
    GroupNotFoundError,
    ParameterError,
    RecipeDefinitionError,
    RunError,
)


def mark(name: str) -> str:
    """Entry that notes a name in ``trace``."""
    return f"- {{step: here.trace, in: {{mark: {name}}}}}\n"


FAIL = "- here.fail\n"
GROUPS = f"steps:\n{mark('s')}a:\n{mark('a')}b:\n{mark('b')}on_success:\n{mark('ok')}on_failure:\n{mark('bad')}"
FAILING = f"steps:\n{mark('s')}{FAIL}{mark('never')}a:\n{mark('a')}on_success:\n{mark('ok')}on_failure:\n{mark('bad')}"


@pytest.fixture
def marks(here):
    """Marks of the latest run, also when it has failed."""
    found: list[str] = []
    here.trace = lambda context, mark: found.append(mark)
    return found


def test_Y12_groups_run_in_the_order_given(recipes, marks):
    recipes.run(GROUPS, groups=["b", "a"])
    assert marks == ["b", "a"]
    with pytest.raises(TypeError, match=r"groups=\['a'\]"):
        run_recipe("r", groups="a")
    with pytest.raises(ValueError, match="empty"):
        run_recipe("r", groups=[])
    with pytest.raises(TypeError, match="list of texts"):
        run_recipe("r", groups=[1])


def test_Y13_default_handlers(recipes, marks):
    recipes.run(GROUPS)
    assert marks == ["s", "ok"]
    marks.clear()
    with pytest.raises(ValueError, match="no"):
        recipes.run(FAILING)
    assert marks == ["s", "bad"]


def test_Y13_handlers_with_groups_only_if_named(recipes, marks):
    recipes.run(GROUPS, groups=["a"])
    recipes.run(GROUPS, groups=["a"], success_group="b")
    assert marks == ["a", "a", "b"]
    marks.clear()
    with pytest.raises(ValueError, match="no"):
        recipes.run(FAILING, groups=["steps"])
    with pytest.raises(ValueError, match="no"):
        recipes.run(FAILING, groups=["steps"], failure_group="a")
    assert marks == ["s", "s", "a"]


def test_Y13_handlers_named_without_groups(recipes, marks):
    recipes.run(GROUPS, success_group="a")
    assert marks == ["s", "a"]


@pytest.mark.parametrize("asked", [{"groups": ["s", "nix"]}, {"success_group": "nix"}, {"failure_group": "nix"},
                                   {"groups": ["a"], "failure_group": "nix"}, {"groups": ["stepss"]}])  # fmt: skip
def test_Y14_a_group_that_is_not_there(recipes, marks, asked):
    with pytest.raises(GroupNotFoundError, match=r"has no group '(nix|s|stepss)'"):
        recipes.run(GROUPS, **asked)
    assert marks == []


def test_Y14_the_main_group_and_groups_that_entries_name(recipes, marks):
    with pytest.raises(GroupNotFoundError, match="no group 'steps'"):
        recipes.run(f"a:\n{mark('a')}")
    for entry in ("{step: call, in: {call: nix}}", "{step: jump, in: {jump: {groups: [a], failure: nix}}}",
                  "{step: switch, in: {switch: [{case: false, call: nix}]}}"):  # fmt: skip
        with pytest.raises(GroupNotFoundError, match="no group 'nix'"):
            recipes.run(f"steps:\n{mark('s')}- {entry}\na:\n{mark('a')}")
    assert marks == []


def test_Y15_the_original_error_comes_out(recipes, here, marks):
    error = OSError("it")

    def fail(context):
        raise error

    here.fail = fail
    with pytest.raises(OSError, match="it") as caught:
        recipes.run(FAILING, groups=["steps", "a"], failure_group="on_failure")
    assert caught.value is error
    assert marks == ["s", "bad"]


def test_Y16_a_failure_group_that_fails(recipes, here, marks, caplog):
    text = FAILING + "- {step: here.fail, in: {text: second, kind: OSError}}\n" + mark("never")
    with pytest.raises(ValueError, match="no"):
        recipes.run(text)
    assert marks == ["s", "bad"]
    assert "Group on_failure failed: OSError: second" in caplog.text


@pytest.mark.parametrize("stop", ["stop", "stop_recipe", "stop_group"])
def test_Y17_a_failure_group_that_stops_quells_the_error(recipes, marks, stop):
    context = recipes.run(FAILING + f"- {stop}\n{mark('never')}")
    assert marks == ["s", "bad"]
    assert len(context["run_errors"]) == 1


def test_Y17_a_stop_in_a_group_called_by_the_failure_group(recipes, marks):
    recipes.run(FAILING + "- {step: jump, in: {jump: end}}\nend:\n- stop_group\n")
    assert marks == ["s", "bad"]


def test_Y17_is_counted_as_rescued(recipes, here):
    from stpipe import load_recipe
    from stpipe.context import Context
    from stpipe.recipe_run import RecipeRun

    recipes.write(f"steps:\n{mark('s')}- {{step: here.fail, swallow: true}}\n{FAIL}on_failure:\n- stop\n")
    run = RecipeRun(load_recipe("r"), Context())
    run.execute()
    assert dict(run.counts) == {"ok": 2, "ignored": 1, "failed": 1, "rescued": 1}


def test_Y18_a_success_group_that_fails(recipes, marks):
    text = f"steps:\n{mark('s')}on_success:\n{FAIL}on_failure:\n{mark('bad')}"
    with pytest.raises(ValueError, match="no"):
        recipes.run(text)
    assert marks == ["s", "bad"]


@pytest.mark.parametrize(
    ("stop", "expected"),
    [("stop", ["s"]), ("stop_recipe", ["s"]), ("stop_group", ["s", "a", "ok"])],
)
def test_Y19_stops(recipes, marks, stop, expected):
    text = f"steps:\n{mark('s')}- {stop}\n{mark('never')}a:\n{mark('a')}on_success:\n{mark('ok')}"
    recipes.run(text, groups=["steps", "a"], success_group="on_success")
    assert marks == expected


@pytest.mark.parametrize(("stop", "expected"), [("stop", ["c"]), ("stop_recipe", ["c", "p", "ok"])])
def test_Y19_stops_in_a_child(recipes, marks, stop, expected):
    recipes.write(f"steps:\n{mark('c')}- {stop}\n{mark('never')}on_success:\n{mark('never')}", "child.yaml")
    recipes.run(f"steps:\n- {{step: recipe, in: {{name: child}}}}\n{mark('p')}on_success:\n{mark('ok')}")
    assert marks == expected


def test_Y19_stops_are_neither_swallowed_nor_retried(recipes, marks):
    recipes.run(f"steps:\n- {{step: stop, swallow: true, retry: {{max: 3}}}}\n{mark('never')}")
    assert marks == []


def test_Y20_call_comes_back(recipes, marks):
    text = f"steps:\n{mark('s')}- {{step: call, in: {{call: a}}}}\n{mark('t')}a:\n{mark('a')}- stop_group\n{mark('x')}"
    recipes.run(text)
    assert marks == ["s", "a", "t"]


def test_Y20_call_with_handlers(recipes, marks):
    call = "- {step: call, in: {call: {groups: [a, b], success: ok, failure: bad}}}\n"
    tail = f"b:\n{mark('b')}ok:\n{mark('ok')}bad:\n{mark('bad')}"
    recipes.run(f"steps:\n{call}{mark('t')}a:\n{mark('a')}{tail}")
    assert marks == ["a", "b", "ok", "t"]
    marks.clear()
    with pytest.raises(ValueError, match="no"):
        recipes.run(f"steps:\n{call}{mark('t')}a:\n{FAIL}{tail}")
    assert marks == ["bad"]
    marks.clear()
    recipes.run(f"steps:\n{call}{mark('t')}a:\n{FAIL}{tail}- stop_group\n")
    assert marks == ["bad", "t"]


def test_Y20_jump_does_not_come_back(recipes, marks):
    text = f"steps:\n{mark('s')}- {{step: jump, in: {{jump: [a, b]}}}}\n{mark('never')}"
    text += f"a:\n{mark('a')}- stop_group\nb:\n- {{step: jump, in: {{jump: c}}}}\nc:\n{mark('c')}next:\n{mark('n')}"
    recipes.run(text, groups=["steps", "next"])
    assert marks == ["s", "a", "c", "n"]


def test_Y20_many_jumps_need_no_recursion(recipes):
    text = "steps:\n- {step: set, in: {set: {n: !expr n + 1}}}\n- {step: stop, run: !expr n >= 2000}\n"
    assert recipes.run(text + "- {step: jump, in: {jump: steps}}\n", dict_in={"n": 0}) == {"n": 2000}


@pytest.mark.parametrize(("n", "expected"), [(1, ["a"]), (2, ["b", "a"]), (3, ["c"])])
def test_Y20_switch(recipes, marks, n, expected):
    switch = "- step: switch\n  in:\n    switch:\n    - {case: !expr n == 1, call: a}\n"
    switch += "    - {case: !expr n == 2, call: {groups: [b, a]}}\n    - {case: 'no', call: a}\n    default: c\n"
    recipes.run(f"steps:\n{switch}a:\n{mark('a')}b:\n{mark('b')}c:\n{mark('c')}", dict_in={"n": n})
    assert marks == expected


def test_Y20_switch_without_a_case_that_holds(recipes, marks):
    recipes.run(f"steps:\n- {{step: switch, in: {{switch: [{{case: 0, call: a}}]}}}}\n{mark('s')}a:\n{mark('a')}")
    assert marks == ["s"]


@pytest.mark.parametrize("entry", ["{step: call, in: {call: {group: a}}}", "{step: call, in: {call: []}}",
                                   "{step: switch, in: {switch: {case: 1}}}"])  # fmt: skip
def test_Y20_what_is_no_target(recipes, entry):
    with pytest.raises(ParameterError, match="line 2"):
        recipes.run(f"steps:\n- {entry}\na: []\n")


def test_Y21_a_child_shares_the_context(recipes):
    recipes.write("parser: keyvaluepairs\nsteps:\n- {step: set, in: {set: {b: '{a}'}}}\n", "child.yaml")
    assert recipes.run("steps:\n- {step: recipe, in: {name: child}}\n", dict_in={"a": 1}) == {"a": 1, "b": 1}


def test_Y21_a_child_with_arguments_has_its_own(recipes):
    recipes.write("parser: keyvaluepairs\nsteps:\n- {step: set, in: {set: {b: '{x}', c: 2}}}\n", "child.yaml")
    for given, out, expected in [
        ("args: {x: '{a}'}", "{d: b}", {"d": 1}),
        ("args: {x: '{a}'}", "[b, c]", {"b": 1, "c": 2}),
        ("args_in: ['x={a}']", "b", {"b": "1"}),
        ("args: {x: 0}, args_in: [x=5]", "b", {"b": "5"}),
    ]:
        text = f"steps:\n- {{step: recipe, in: {{name: child, {given}, out: {out}}}}}\n"
        assert recipes.run(text, dict_in={"a": 1}) == {"a": 1, **expected}


def test_Y21_skip_parse(recipes):
    recipes.write("parser: list\nsteps: []\n", "child.yaml")
    for given, expected in [
        ("args: {x: 1}, out: [x]", {"x": 1}),
        ("args: {x: 1}, skip_parse: false, out: [x, arg_list]", {"x": 1, "arg_list": []}),
        ("args_in: [a], out: arg_list", {"arg_list": ["a"]}),
        ("skip_parse: false", {"arg_list": []}),
    ]:
        assert recipes.run(f"steps:\n- {{step: recipe, in: {{name: child, {given}}}}}\n") == expected
    with pytest.raises(ContextKeyError, match="child recipe has no 'arg_list'"):
        recipes.run("steps:\n- {step: recipe, in: {name: child, args_in: [a], skip_parse: true, out: arg_list}}\n")


def test_Y21_groups_and_errors_of_a_child(recipes, marks):
    recipes.write(f"a:\n{mark('a')}{FAIL}bad:\n{mark('bad')}", "child.yaml")
    text = "steps:\n- {step: recipe, in: {name: child, groups: a, failure: bad}}\n"
    with pytest.raises(ValueError, match="no"):
        recipes.run(text)
    assert marks == ["a", "bad"]
    with pytest.raises(TypeError):
        recipes.run("steps:\n- {step: recipe, in: {name: child, groups: 1}}\n")


def test_Y21_a_child_is_looked_for_beside_its_parent(recipes, marks):
    recipes.write(f"steps:\n{mark('c')}", "dir/child.yaml")
    recipes.write("steps:\n- {step: recipe, in: {name: child}}\n", "dir/parent.yaml")
    run_recipe("dir/parent")
    assert marks == ["c"]


def test_functions_give_values(recipes, here):
    here.values = lambda context, n: {"a": {"b": n}} if n else None
    here.number = lambda context: 7
    here.pair = lambda context: (1, 2)
    text = "steps:\n- {step: here.values, in: {n: 0}}\n- {step: here.values, in: {n: 1}}\n"
    text += "- {step: here.number, provides: seven}\n- {step: here.pair, provides: [x, y]}\n"
    expected = {"a": {"b": 1, "c": 2}, "seven": 7, "x": 1, "y": 2, "result": (1, 2)}
    assert recipes.run(text, dict_in={"a": {"c": 2}}) == expected


def test_built_ins(recipes, caplog):
    caplog.set_level(logging.INFO)
    text = """
steps:
- {step: echo, in: {text: "hello {a}"}}
- {step: unset, in: {unset: [a, nix]}}
- {step: assert, in: {this: !expr 1 < 2}}
- {step: assert, in: {this: [1], equals: [1]}}
- {step: shell, in: {cmd: "echo $B; echo two >&2", env: {B: one}, save: out}}
- {step: shell, in: {cmd: [echo, "a; {s}"], save: safe}}
"""
    context = recipes.run(text, dict_in={"a": 1, "s": "$(false)"})
    assert context["out"] == {"returncode": 0, "stdout": "one\n", "stderr": "two\n"}
    assert context["safe"]["stdout"] == "a; $(false)\n"
    assert "a" not in context
    assert ("stpipe.recipe", 25, "hello 1") in caplog.record_tuples
    assert ("stpipe.recipe", 20, "one") in caplog.record_tuples


@pytest.mark.parametrize(
    ("entry", "error", "text"),
    [
        ("{step: assert, in: {this: 1, equals: 2}}", AssertionError, "1 is not 2"),
        ("{step: assert, in: {this: 'off', message: so}}", AssertionError, "^so$"),
        ("{step: shell, in: {cmd: 'echo bad >&2; exit 3'}}", RunError, "returned error code 3: bad"),
        ("{step: shell, in: {cmd: [no-such-command]}}", RunError, "cannot be started"),
        ("{step: shell, in: {cmd: 1}}", ParameterError, "text or a list"),
        ("{step: set, in: {set: 1}}", ParameterError, "mapping of names"),
        ("{step: here.note, in: '{n}'}", ParameterError, "mapping of parameters"),
        ("{step: here.note, requires: rate}", ContextKeyError, "no 'rate', which the entry requires"),
        ("{step: set, in: {sett: {}}}", RecipeDefinitionError, "did you mean 'set'"),
        ("{step: echo}", RecipeDefinitionError, "needs 'text'"),
        ("{step: stop, in: {a: 1}}", RecipeDefinitionError, "takes no 'a'"),
    ],
)
def test_built_ins_that_fail(recipes, here, entry, error, text):
    with pytest.raises(error, match=text):
        recipes.run(f"steps:\n- {entry}\n", dict_in={"n": 1})


def test_the_calibration_step_called_like_a_built_in(recipes):
    with pytest.raises(RecipeDefinitionError, match=r"calibration step of that name is written 'jwst::jump'"):
        recipes.run("steps:\n- {step: jump, in: {rejection_threshold: 4}}\n")
    from stpipe import load_recipe

    recipes.write("steps:\n- {step: 'jwst::jump', in: {rejection_threshold: 4}}\n", "other.yaml")
    (entry,) = load_recipe("other").groups["steps"]
    assert (entry.label, entry.is_step) == ("jump", True)


def test_required_names_come_from_the_resources_of_the_run(recipes, here):
    from stpipe import Context, load_recipe
    from stpipe.recipe_run import RecipeRun, RunOptions

    recipes.write("steps:\n- {step: here.note, requires: [rate, a]}\n")
    asked = []
    run = RecipeRun(load_recipe("r"), Context(a=1), RunOptions(resources=lambda name: asked.append(name) or 2))
    assert run.execute() == {"a": 1, "rate": 2}
    assert asked == ["rate"]


def test_a_cancelled_run_stops_at_the_next_entry(recipes, marks, here):
    from stpipe.engine import CancelToken, cancellable

    token = CancelToken()
    here.cancel = lambda context: token.cancel(TimeoutError("out of time"))
    text = f"steps:\n- {{step: here.cancel, swallow: true}}\n{mark('never')}on_failure:\n{mark('never')}"
    with cancellable(token), pytest.raises(TimeoutError, match="out of time"):
        recipes.run(text)
    assert marks == []


def test_a_cancelled_run_stops_a_command_and_a_pause(recipes, marks):
    import threading
    import time

    from stpipe.engine import CancelToken, cancellable

    for entry in ("{step: shell, in: {cmd: 'sleep 10'}}", "{step: here.fail, retry: {max: 2, sleep: 10}}"):
        token = CancelToken()
        timer = threading.Timer(0.1, token.cancel, [TimeoutError("out of time")])
        timer.start()
        start = time.monotonic()
        with cancellable(token), pytest.raises(TimeoutError, match="out of time"):
            recipes.run(f"steps:\n- {entry}\n")
        assert time.monotonic() - start < 1.0
        timer.join()
