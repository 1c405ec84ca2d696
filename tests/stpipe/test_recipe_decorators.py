"""Statements of the specification: what may be declared about an entry of a recipe (spec running.md Y22-Y28)."""

from __future__ import annotations

import logging
from contextlib import suppress

import pytest

from stpipe import pauses
from stpipe.events import listening
from stpipe.exceptions import RecipeDefinitionError, RunError
from stpipe.parameters import Param
from stpipe.step import Step


@pytest.fixture
def sleeps(monkeypatch):
    """Lengths of the pauses, which are not made."""
    found: list[float] = []
    monkeypatch.setattr("stpipe.recipe_decorators.pause", found.append)
    return found


@pytest.mark.parametrize(
    "text", ["false", "FALSE", "0", "no", "No", "off", "none", "''", "0.0", "null", "[]", "' OFF '"]
)
def test_Y22_what_is_false(recipes, here, text):
    expected = [] if text != "null" else [None]  # a key without value counts as missing
    recipes.run(f"steps:\n- {{step: here.note, run: {text}}}\n")
    assert here.calls == expected
    here.calls.clear()
    recipes.run("steps:\n- {step: here.note, run: '{go}'}\n", dict_in={"go": text.strip("'")})
    assert here.calls == ([] if text not in ("0.0", "null", "[]") else [None])


@pytest.mark.parametrize(("run", "skip", "runs"), [("true", "false", 1), ("true", "true", 0), ("false", "false", 0),
                                                   ("yes", "'no'", 1), ("'anything'", "''", 1)])  # fmt: skip
def test_Y22_run_then_skip(recipes, here, run, skip, runs):
    seen = []
    with listening(seen.append):
        recipes.run(f"steps:\n- {{step: here.note, name: it, run: {run}, skip: {skip}}}\n")
    assert len(here.calls) == runs
    outcome = "step_target_success" if runs else "step_target_skip"
    assert [event.event for event in seen if event.event.startswith("step_target")][-1] == outcome
    assert {event.step for event in seen} == {"it"}


def test_Y23_skip_is_not_looked_at_when_run_is_false(recipes, here):
    recipes.run("steps:\n- {step: here.note, run: false, skip: '{nix}'}\n")
    assert here.calls == []


def test_Y23_order_of_the_decorators(recipes, here, sleeps, caplog):
    caplog.set_level(25)
    text = """
steps:
- step: here.fail
  description: once
  while: {max: 2}
  foreach: [1, 2]
  run: !expr i == 2
  swallow: true
  retry: {max: 3}
"""
    context = recipes.run(text)
    assert here.calls == [1, 2, 3, 1, 2, 3]
    assert [error["swallowed"] for error in context["run_errors"]] == [True, True]
    assert caplog.text.count("once") == 1


def test_Y24_foreach(recipes, here):
    text = "steps:\n- {step: here.note, foreach: '{items}', run: !expr i != 2}\n- here.note\n"
    assert recipes.run(text, dict_in={"items": [1, 2, 3], "i": "mine"}) == {"items": [1, 2, 3], "i": "mine"}
    assert here.calls == [1, 3, "mine"]
    here.calls.clear()
    assert "i" not in recipes.run("steps:\n- {step: here.note, foreach: [a, '{b}']}\n", dict_in={"b": "B"})
    assert here.calls == ["a", "B"]


def test_Y24_nested_loops(recipes, here):
    inner = "a:\n- {step: here.note, foreach: [x, '{i}']}\n- here.note\n"
    recipes.run("steps:\n- {step: call, in: {call: a}, foreach: [1, 2]}\n" + inner)
    assert here.calls == ["x", 1, 1, "x", 2, 2]


def test_Y24_what_is_no_list(recipes):
    with pytest.raises(RunError, match="'foreach' needs a list, not 'abc'"):
        recipes.run("steps:\n- {step: stop, foreach: '{a}'}\n", dict_in={"a": "abc"})
    with pytest.raises(RecipeDefinitionError, match="'foreach' has to be a list"):
        recipes.run("steps:\n- {step: stop, foreach: abc}\n")


def test_Y25_while(recipes, here, sleeps):
    text = "steps:\n- {step: here.note, in: {n: '{while_counter}'}, while: {max: 3, sleep: 0.5}}\n"
    assert recipes.run(text) == {}
    assert here.calls == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert sleeps == [0.5, 0.5]
    here.calls.clear()
    recipes.run("steps:\n- {step: here.note, while: {stop: !expr while_counter == 2}}\n")
    assert len(here.calls) == 2


def test_Y25_error_on_max(recipes, here):
    text = "steps:\n- {step: here.note, while: {max: 2, stop: STOP, error_on_max: true}}\n"
    with pytest.raises(RunError, match="max of 2 passes"):
        recipes.run(text.replace("STOP", "false"))
    recipes.run(text.replace("STOP", "!expr while_counter == 2"))
    assert len(here.calls) == 4
    with pytest.raises(RecipeDefinitionError, match="'max' or 'stop'"):
        recipes.run("steps:\n- {step: here.note, while: {sleep: 1}}\n")
    with pytest.raises(RunError, match="while: max has to be a whole number"):
        recipes.run("steps:\n- {step: here.note, while: {max: many}}\n")


def test_Y25_nested_counters(recipes, here):
    text = "steps:\n- {step: call, in: {call: a}, while: {max: 2}}\n"
    text += "a:\n- {step: here.note, in: {n: 0}, while: {max: 2}}\n- {step: here.note, in: {n: '{while_counter}'}}\n"
    assert recipes.run(text) == {}
    assert [call["n"] for call in here.calls] == [0, 0, 1, 0, 0, 2]


def test_Y26_retry(recipes, here, sleeps):
    assert recipes.run("steps:\n- {step: here.fail, in: {until: 3}, retry: {max: 5, sleep: [1, 2]}}\n") == {}
    assert here.calls == [1, 2, 3]
    assert sleeps == [1, 2]
    here.calls.clear()
    with pytest.raises(ValueError, match="no 3"):
        recipes.run("steps:\n- {step: here.fail, in: {text: 'no {retry_counter}'}, retry: {max: 3, sleep: 1}}\n")
    assert here.calls == [1, 2, 3]
    assert sleeps == [1, 2, 1, 1]


@pytest.mark.parametrize(
    ("rule", "attempts"),
    [
        ("retry_on: [OSError]", 1),
        ("retry_on: KeyError", 3),
        ("retry_on: [builtins.LookupError]", 3),
        ("stop_on: [KeyError]", 1),
        ("stop_on: [OSError]", 3),
        ("retry_on: [KeyError], stop_on: [Exception]", 1),
    ],
)
def test_Y26_which_errors_are_tried_again(recipes, here, rule, attempts):
    with pytest.raises(KeyError):
        recipes.run(f"steps:\n- {{step: here.fail, in: {{kind: KeyError}}, retry: {{max: 3, {rule}}}}}\n")
    assert here.calls == list(range(1, attempts + 1))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"sleep": 2}, [2, 2, 2]),
        ({"sleep": "2", "backoff": "linear"}, [2, 4, 6]),
        ({"sleep": 2, "backoff": "exponential"}, [2, 4, 8]),
        ({"sleep": 2, "backoff": "exponential", "backoff_args": {"base": 3}, "sleep_max": 10}, [2, 6, 10]),
        ({"sleep": [1, 2], "backoff": "linear"}, [1, 4, 6]),
        ({"sleep": 2, "backoff": "jitter", "backoff_args": {"jrc": 1}}, [2, 2, 2]),
        ({"sleep": 2, "backoff": "linearjitter", "jitter": 1}, [2, 4, 6]),
        ({"sleep": 2, "backoff": "exponential", "jitter": 1}, [2, 4, 8]),
        ({"sleep": 2, "backoff": "operator.add"}, [2, 3, 4]),
        ({}, [0, 0, 0]),
    ],
)
def test_Y26_pauses(values, expected):
    rule = pauses.pauses(values)
    assert [rule.seconds(n) for n in range(3)] == expected


def test_Y26_jitter_is_a_fraction_of_the_pause():
    rule = pauses.pauses({"sleep": 4, "backoff": "exponentialjitter", "jitter": 0.5})
    found = [rule.seconds(1) for _ in range(200)]
    assert min(found) >= 4
    assert max(found) <= 8
    assert max(found) - min(found) > 1


@pytest.mark.parametrize("rule", ["max: x", "max: -1", "max: 1.5", "sleep: x", "backoff: nix"])
def test_Y26_bad_rules(recipes, here, rule):
    with pytest.raises(RunError, match="retry: "):
        recipes.run(f"steps:\n- {{step: here.note, retry: {{{rule}}}}}\n")
    with pytest.raises(RecipeDefinitionError, match="did you mean 'retry_on'"):
        recipes.run("steps:\n- {step: here.note, retry: {retry_om: ValueError}}\n")


def test_Y26_tells_of_every_further_attempt(recipes, here):
    seen = []
    with listening(seen.append):
        recipes.run("steps:\n- {step: here.fail, in: {until: 3}, retry: {max: 4}}\n")
    assert [(event.event, event.event_data.get("retry_count")) for event in seen] == [
        ("step_start", None), ("step_target_start", None), ("step_target_retry", 1), ("step_target_retry", 2),
        ("step_target_success", 2), ("step_end", None),
    ]  # fmt: skip
    assert seen[2].event_data["max_retries"] == 3


def test_Y27_swallow(recipes, here, caplog):
    context = recipes.run("steps:\n- {step: here.fail, swallow: '{yes}'}\n- here.note\n", dict_in={"yes": "yes"})
    assert len(here.calls) == 2
    assert "failed: ValueError: no" in caplog.text
    assert [error["swallowed"] for error in context["run_errors"]] == [True]
    with pytest.raises(ValueError, match="no"):
        recipes.run("steps:\n- {step: here.fail, swallow: '{yes}'}\n", dict_in={"yes": "no"})


def test_Y28_errors_are_kept(recipes, here):
    text = """
steps:
- {step: here.fail, swallow: true, on_error: {code: '{n}'}}
- step: here.fail
  in: {kind: OSError, text: second}
on_failure: [stop]
"""
    first, second = recipes.run(text, dict_in={"n": 5})["run_errors"]
    error = first.pop("exception")
    assert type(error) is ValueError
    assert first == {
        "name": "ValueError", "description": "no", "custom_error": {"code": 5}, "line": 3, "col": 3,
        "step": "here.fail", "swallowed": True,
    }  # fmt: skip
    assert (second["name"], second["line"], second["swallowed"]) == ("OSError", 4, False)


def test_Y28_every_entry_that_an_error_goes_through(recipes, here):
    text = "steps:\n- {step: call, in: {call: a}, on_error: outer, swallow: true}\na:\n- here.fail\n"
    inner, outer = recipes.run(text)["run_errors"]
    assert inner["exception"] is outer["exception"]
    assert [(one["step"], one["swallowed"], one["custom_error"]) for one in (inner, outer)] == [
        ("here.fail", False, None), ("call", True, "outer"),
    ]  # fmt: skip


def test_Y28_errors_of_decorators(recipes, here):
    context = recipes.run("steps:\n- {step: here.note, run: '{nix}', swallow: true}\non_failure: [stop]\n")
    (error,) = context["run_errors"]
    assert (error["name"], error["swallowed"], error["line"]) == ("ContextKeyError", False, 2)


def test_the_description_is_logged_as_it_is(recipes, caplog):
    caplog.set_level(logging.INFO)
    recipes.run("steps:\n- {step: stop_group, description: 'a {brace}'}\n")
    assert ("stpipe.recipe", 25, "a {brace}") in caplog.record_tuples


def test_events_of_an_error(recipes, here):
    seen = []
    with listening(seen.append), pytest.raises(ValueError, match="no"):
        recipes.run("steps:\n- {step: here.fail, swallow: true}\n- here.fail\n- here.note\n")
    told = [(event.event, event.event_data.get("ignored")) for event in seen]
    block = [("step_start", None), ("step_target_start", None), ("step_target_error", True), ("step_end", None)]
    assert told == [*block, *block[:2], ("step_target_error", False), ("step_end", None)]
    assert seen[2].event_data["exception"] == {"type": "ValueError", "message": "no"}


class FlakyStep(Step):
    """Fails until it has been run so many times."""

    output_ext = Param("fits", "extension")
    until = Param(1, "the first run that goes well")
    runs = 0

    def process(self, text):
        type(self).runs += 1
        if type(self).runs < self.until:
            raise OSError("not yet")
        return text


@pytest.fixture
def flaky(here, monkeypatch):
    monkeypatch.setattr(FlakyStep, "runs", 0)
    here.FlakyStep = FlakyStep


@pytest.mark.usefixtures("flaky")
def test_events_of_a_step_that_is_tried_again(recipes):
    """A Step has one start, a retry per further attempt and one end (running.md O3)."""
    seen = []
    entry = "{step: here.FlakyStep, input: x, in: {until: 3}, retry: {max: 4}}"
    with listening(seen.append):
        recipes.run(f"steps:\n- {entry}\n")
    assert [(event.event, event.event_data.get("retry_count")) for event in seen] == [
        ("step_start", None), ("step_target_start", None), ("step_target_retry", 1), ("step_target_retry", 2),
        ("step_target_success", 2), ("step_end", None),
    ]  # fmt: skip


@pytest.mark.usefixtures("flaky")
@pytest.mark.parametrize(("keys", "ignored"), [("", False), (", swallow: true", True)])
def test_events_of_a_step_that_fails(recipes, keys, ignored):
    """The last error only is told, with whether it is ignored; also one that comes before the step begins."""
    for broken in ("until: 9", "until: nine"):
        seen = []
        text = f"steps:\n- {{step: here.FlakyStep, input: x, in: {{{broken}}}, retry: {{max: 2}}{keys}}}\n"
        with listening(seen.append), suppress(OSError, ValueError):
            recipes.run(text)
        errors = [event for event in seen if event.event == "step_target_error"]
        assert [event.event_data["ignored"] for event in errors] == [ignored]
        assert [event.event for event in seen].count("step_target_start") == 1
