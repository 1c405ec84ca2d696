"""Laws: random recipes do what a second interpreter, written apart from the first, says they do (running.md Y12-Y28).

The second one, `Reference`, works on the plain mappings and passes outcomes as values, without exceptions.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from stpipe import caches, run_recipe, settings

MAIN = ["steps", "a", "b", "c", "on_success", "on_failure"]
FALSE = {"false", "0", "no", "off", "none", ""}


class Failed(Exception):
    """What failing entries raise; ``name`` tells them apart."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


truths = st.sampled_from([True, False, 0, 1, "", "yes", "No", "OFF", "none", "{yes}", "{no}"])


def decorations() -> st.SearchStrategy[dict[str, Any]]:
    """Decorators of an entry, mostly none."""
    some = st.fixed_dictionaries(
        {},
        optional={
            "run": truths,
            "skip": truths,
            "swallow": truths,
            "foreach": st.lists(st.integers(0, 2), max_size=2),
            "while": st.fixed_dictionaries(
                {"max": st.integers(0, 2)}, optional={"error_on_max": st.booleans(), "stop": truths}
            ),
            "retry": st.fixed_dictionaries(
                {"max": st.integers(1, 3)},
                optional={
                    "retry_on": st.sampled_from(["Failed", "OSError"]),
                    "stop_on": st.sampled_from([["Failed"], ["OSError"]]),
                },
            ),
        },
    )
    return st.one_of(st.just({}), some)


@st.composite
def entries(draw: st.DrawFn, label: str, later: list[str], child: bool) -> dict[str, Any]:
    """One entry; it calls and jumps to later groups only, so that every recipe ends."""
    kinds = ["mark", "mark", "fail", "stop_group", "stop_recipe", "stop"]
    kinds += ["call", "jump", "switch"] if later else []
    kind = draw(st.sampled_from(kinds + (["recipe"] if child else [])))
    entry: dict[str, Any] = {"step": kind, "name": label, **draw(decorations())}
    if kind in ("mark", "fail"):
        entry["step"] = f"laws_here.{kind}"
        until = draw(st.integers(0, 3)) if kind == "fail" else None
        entry["in"] = {"name": label} if until is None else {"name": label, "until": until}
    elif kind in ("call", "jump"):
        entry["in"] = {kind: draw(targets(later))}
    elif kind == "switch":
        cases = draw(st.lists(st.tuples(truths, targets(later)), max_size=2))
        entry["in"] = {"switch": [{"case": case, "call": target} for case, target in cases]}
        if draw(st.booleans()):
            entry["in"]["default"] = draw(targets(later))
    elif kind == "recipe":
        entry["in"] = {"name": "child"}
    return entry


def targets(later: list[str]) -> st.SearchStrategy[Any]:
    """Groups to call: a name, or a mapping with handlers."""
    names = st.sampled_from(later)
    handlers = {"success": names, "failure": names}
    mapping = st.fixed_dictionaries({"groups": st.lists(names, min_size=1, max_size=2)}, optional=handlers)
    return st.one_of(names, mapping)


@st.composite
def recipe_mappings(draw: st.DrawFn, name: str, child: bool) -> dict[str, Any]:
    """A recipe of some groups."""
    there = ["steps", "a", "b", "c", *draw(st.lists(st.sampled_from(MAIN[4:]), unique=True))]
    made = {}
    for group in there:
        later = [other for other in "abc" if group not in "abc" or other > group]
        count = draw(st.integers(0, 3))
        made[group] = [draw(entries(f"{name}.{group}.{n}", later, child)) for n in range(count)]
    return made


def truth(value: Any) -> bool:
    """Truth of a value after formatting."""
    value = {"{yes}": "yes", "{no}": "no"}.get(value, value) if isinstance(value, str) else value
    return value.lower() not in FALSE if isinstance(value, str) else bool(value)


class Reference:
    """Runs a recipe; outcomes are ``None`` for done, ``(kind,)`` of a stop, ``("jump", …)`` or ``("error", name)``."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self.trace: list[Any] = []
        self.errors: list[Any] = []
        self.names: dict[str, Any] = {"i": None, "w": None, "r": None}

    def recipe(self, name: str, groups: list[str], success: str | None, failure: str | None) -> Any:
        """Run a recipe; a stop of the recipe ends here."""
        outcome = self.groups(self.definitions[name], groups, success, failure)
        return None if outcome == ("stop_recipe",) else outcome

    def groups(self, recipe: Any, groups: list[str], success: str | None, failure: str | None) -> Any:
        """Run groups and their handlers."""
        outcome = None
        for group in [*groups, *([success] if success else [])]:
            outcome = self.group(recipe, group)
            if outcome == ("stop_group",):
                outcome = None
            if outcome is not None:
                break
        if outcome is None or outcome[0] != "error" or failure is None:
            return outcome
        after = self.group(recipe, failure)
        if after is None or after[0] == "error":
            return outcome
        return None if after == ("stop_group",) else after

    def group(self, recipe: Any, name: str) -> Any:
        """Run one group; a jump becomes the outcome of where it leads."""
        for entry in recipe[name]:
            outcome = self.entry(recipe, entry)
            if outcome is None:
                continue
            if outcome[0] == "jump":
                return self.jumped(recipe, *outcome[1:])
            return outcome
        return None

    def jumped(self, recipe: Any, groups: list[str], success: str | None, failure: str | None) -> Any:
        """Run what was jumped to: with handlers as a call; without, the last group stands for the one left."""
        if success or failure:
            return self.groups(recipe, groups, success, failure)
        for group in groups[:-1]:
            outcome = self.group(recipe, group)
            if outcome not in (None, ("stop_group",)):
                return outcome
        return self.group(recipe, groups[-1])

    def entry(self, recipe: Any, entry: Any) -> Any:
        """Run an entry with its while loop."""
        rule = entry.get("while")
        if rule is None:
            return self.foreach(recipe, entry)
        outer = self.names["w"]
        outcome, stopped = None, False
        for count in range(1, rule["max"] + 1):
            self.names["w"] = count
            outcome = self.foreach(recipe, entry)
            stopped = outcome is None and truth(rule.get("stop", False))
            if outcome is not None or stopped:
                break
        self.names["w"] = outer
        if outcome is None and not stopped and rule.get("error_on_max"):
            self.errors.append((entry["name"], False))
            return ("error", "RunError")
        return outcome

    def foreach(self, recipe: Any, entry: Any) -> Any:
        """Run the passes over the items."""
        if "foreach" not in entry:
            return self.once(recipe, entry)
        outer, outcome = self.names["i"], None
        for item in entry["foreach"]:
            self.names["i"] = item
            outcome = self.once(recipe, entry)
            if outcome is not None:
                break
        self.names["i"] = outer
        return outcome

    def once(self, recipe: Any, entry: Any) -> Any:
        """Decide whether to run, run with retries, swallow."""
        if not truth(entry.get("run", True)) or truth(entry.get("skip", False)):
            return None
        rule = entry.get("retry")
        if rule is None:
            outcome = self.step(recipe, entry)
        else:
            outer = self.names["r"]
            for count in range(1, rule["max"] + 1):
                self.names["r"] = count
                outcome = self.step(recipe, entry)
                if outcome is None or outcome[0] != "error" or not self.again(rule, outcome[1]):
                    break
            self.names["r"] = outer
        if outcome is not None and outcome[0] == "error":
            swallowed = truth(entry.get("swallow", False))
            self.errors.append((entry["name"], swallowed))
            return None if swallowed else outcome
        return outcome

    @staticmethod
    def again(rule: Any, name: str) -> bool:
        """Tell whether an error is one to try again after."""
        kind = "RunError" if name == "RunError" else "Failed"
        return kind not in rule.get("stop_on", []) and rule.get("retry_on", kind) == kind

    def step(self, recipe: Any, entry: Any) -> Any:
        """Do what the step is for."""
        kind, values = entry["step"].rpartition(".")[2], entry.get("in", {})
        if kind in ("mark", "fail"):
            self.trace.append((values["name"], *self.names.values()))
            fails = kind == "fail" and (not values["until"] or (self.names["r"] or 1) < values["until"])
            return ("error", values["name"]) if fails else None
        if kind == "call":
            return self.groups(recipe, *self.target(values["call"]))
        if kind == "jump":
            return ("jump", *self.target(values["jump"]))
        if kind == "switch":
            chosen = [case["call"] for case in values["switch"] if truth(case["case"])] or [values.get("default")]
            return None if chosen[0] is None else self.groups(recipe, *self.target(chosen[0]))
        if kind == "recipe":
            return self.recipe("child", *self.defaults("child"))
        return (kind,)

    @staticmethod
    def target(value: Any) -> tuple[list[str], str | None, str | None]:
        """Groups and handlers of a target."""
        if isinstance(value, str):
            return [value], None, None
        return value["groups"], value.get("success"), value.get("failure")

    def defaults(self, name: str) -> tuple[list[str], str | None, str | None]:
        """Groups and handlers of a recipe that is run without naming any."""
        handlers = [key if key in self.definitions[name] else None for key in MAIN[4:]]
        return ["steps"], handlers[0], handlers[1]


def run_ours(definitions: dict[str, Any], arguments: dict[str, Any]) -> tuple[list[Any], list[Any], str | None]:
    """Trace, errors and final error of the interpreter under test."""
    trace: list[Any] = []
    here: Any = ModuleType("laws_here")
    contexts: list[Any] = []

    def mark(context: Any, name: str) -> None:
        contexts.append(context)
        trace.append((name, *(context.get(key) for key in ("i", "while_counter", "retry_counter"))))

    def fail(context: Any, name: str, until: int) -> None:
        mark(context, name)
        if not until or context.get("retry_counter", 1) < until:
            raise Failed(name)

    here.mark, here.fail = mark, fail
    here.get_recipe_definition = lambda name, parent: definitions[name]
    sys.modules["laws_here"] = here
    caches.clear_all()
    settings.default_loader = "laws_here"
    try:
        context = run_recipe("main", dict_in={"yes": "yes", "no": "no"}, **arguments)
        error = None
        assert not {"i", "while_counter", "retry_counter"} & set(context)
    except Exception as failure:
        error = getattr(failure, "name", type(failure).__name__)
        context = contexts[-1] if contexts else {}
    finally:
        settings.reset()
        caches.clear_all()
        del sys.modules["laws_here"]
    return trace, context.get("run_errors", []), error


@given(
    recipe_mappings("m", child=True),
    recipe_mappings("k", child=False),
    st.one_of(
        st.just({}),
        st.fixed_dictionaries(
            {"groups": st.lists(st.sampled_from("abc"), min_size=1, max_size=3)},
            optional={"success_group": st.sampled_from("abc"), "failure_group": st.sampled_from("abc")},
        ),
    ),
)
def test_random_recipes_agree_with_the_reference_interpreter(main, child, arguments):
    definitions = {"main": main, "child": child}
    reference = Reference(definitions)
    if arguments:
        handlers = (arguments.get("success_group"), arguments.get("failure_group"))
        outcome = reference.recipe("main", arguments["groups"], *handlers)
    else:
        outcome = reference.recipe("main", *reference.defaults("main"))
    trace, errors, error = run_ours(definitions, arguments)
    note(f"ours: {trace} {error}; reference: {reference.trace} {outcome}")
    assert trace == reference.trace
    assert error == (outcome[1] if outcome is not None and outcome[0] == "error" else None)
    if trace or error is None:  # otherwise no entry has shown us the context
        assert [one["swallowed"] for one in errors] == [swallowed for _, swallowed in reference.errors]
