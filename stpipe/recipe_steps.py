"""The steps that recipes have built in (running.md §4.1)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stpipe.context import Context, copied
from stpipe.control_flow import Jump, StopGroup, StopRecipe, StopRun
from stpipe.exceptions import ContextKeyError, ParameterError
from stpipe.notify import NOTIFY

if TYPE_CHECKING:
    from stpipe.recipe_entries import Entry
    from stpipe.recipe_run import RecipeRun

__all__ = ["BUILT_IN", "BuiltIn", "argument_problems", "groups_named"]

log = logging.getLogger("stpipe.recipe")

Values = Mapping[str, Any]
_CALL_KEYS = ("groups", "success", "failure")


@dataclass(frozen=True)
class BuiltIn:
    """A built-in step.

    Attributes
    ----------
    function : callable
        ``f(run, entry, values)``.
    required, optional : tuple of str
        Keys of its ``in``.
    """

    function: Callable[[RecipeRun, Entry, Values], None]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def argument_problems(name: str, arguments: Any) -> Iterator[str]:
    """Yield what is wrong with the ``in`` of a built-in, as far as it can be seen before the run."""
    from difflib import get_close_matches

    step = BUILT_IN[name]
    if arguments is not None and not isinstance(arguments, Mapping):
        if name == "py":
            yield "'in' of 'py' has to be {py: text}"
        return
    keys = (*step.required, *step.optional)
    for key in arguments or ():
        if key not in keys:
            near = get_close_matches(str(key), keys, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(keys) or 'none'}"
            yield f"the step {name!r} takes no {key!r} ({hint})"
    for key in step.required:
        if key not in (arguments or {}):
            yield f"the step {name!r} needs {key!r} in 'in'"
    text = (arguments or {}).get("py")
    if name == "py" and not isinstance(getattr(text, "text", text), str | None):
        yield "'in' of 'py' has to be {py: text}"


def groups_named(name: str, arguments: Any) -> tuple[str, ...]:
    """Return the groups that ``call``, ``jump`` and ``switch`` name literally, so that they can be checked at once."""
    if name not in ("call", "jump", "switch") or not isinstance(arguments, Mapping):
        return ()
    wanted: list[Any] = [arguments.get(name)] if name != "switch" else [arguments.get("default")]
    if name == "switch" and isinstance(arguments.get("switch"), list):
        wanted += [case.get("call") for case in arguments["switch"] if isinstance(case, Mapping)]
    found: list[Any] = []
    for one in wanted:
        for value in [one.get(key) for key in _CALL_KEYS] if isinstance(one, Mapping) else [one]:
            found += value if isinstance(value, list) else [value]
    return tuple(group for group in found if isinstance(group, str) and "{" not in group)


def _echo(run: RecipeRun, entry: Entry, values: Values) -> None:
    log.log(NOTIFY, "%s", values["text"])


def _set(run: RecipeRun, entry: Entry, values: Values) -> None:
    new = values["set"]
    if not isinstance(new, Mapping):
        raise ParameterError(f"{entry.where}: 'set' has to be a mapping of names to values, not {new!r}")
    run.context.update(new)


def _unset(run: RecipeRun, entry: Entry, values: Values) -> None:
    names = values["unset"]
    for name in [names] if isinstance(names, str) else names:
        run.context.pop(name, None)


def _assert(run: RecipeRun, entry: Entry, values: Values) -> None:
    from stpipe.recipe_decorators import is_true

    this = values["this"]
    holds = _equal(this, values["equals"]) if "equals" in values else is_true(this)
    if not holds:
        expected = f" is not {values['equals']!r}" if "equals" in values else " is not true"
        raise AssertionError(values.get("message") or f"{entry.where}: {this!r}{expected}")


def _equal(this: Any, other: Any) -> bool:
    same = this == other
    return bool(same.all()) if hasattr(same, "all") else bool(same)


def _shell(run: RecipeRun, entry: Entry, values: Values) -> None:
    from stpipe.shell import run_command

    outcome = run_command(values["cmd"], cwd=values.get("cwd"), env=values.get("env"))
    if values.get("save"):
        run.context[values["save"]] = outcome.as_dict()
    outcome.check()


def _py(run: RecipeRun, entry: Entry, values: Values) -> None:
    values["py"](run.context)


def _fetch_facts(run: RecipeRun, entry: Entry, values: Values) -> None:
    """Facts of the current result or input: of one exposure by name, of several by name and exposure."""
    from stpipe.facts import get_facts
    from stpipe.inventory import Inventory

    source = next((run.context[name] for name in ("result", "input") if run.context.get(name) is not None), None)
    if source is None:
        raise ContextKeyError("fetch_facts needs 'result' or 'input' in the context")
    inventory = Inventory(source if isinstance(source, list | Inventory) else [source])
    found = {name: get_facts(inventory, name) for name in _as_list(values["facts"])}
    run.context[values["save"]] = {
        name: {str(one): value for one, value in facts.items()} if len(inventory) > 1 else next(iter(facts.values()))
        for name, facts in found.items()
    }


def _target(value: Any, entry: Entry) -> tuple[tuple[str, ...], str | None, str | None]:
    """Groups and handlers of ``call`` and its kind: a name, a list of names, or a mapping."""
    target = value if isinstance(value, Mapping) else {"groups": value}
    groups = target.get("groups")
    names = [groups] if isinstance(groups, str) else groups
    if not isinstance(names, list | tuple) or not names or set(target) - set(_CALL_KEYS):
        raise ParameterError(f"{entry.where}: {value!r} is neither a group nor {{groups: …, success: …, failure: …}}")
    return tuple(map(str, names)), target.get("success"), target.get("failure")


def _call(run: RecipeRun, entry: Entry, values: Values) -> None:
    run.run_groups(*_target(values["call"], entry))


def _jump(run: RecipeRun, entry: Entry, values: Values) -> None:
    raise Jump(*_target(values["jump"], entry))


def _switch(run: RecipeRun, entry: Entry, values: Values) -> None:
    from stpipe.recipe_decorators import is_true

    cases = values["switch"]
    if not isinstance(cases, list) or not all(isinstance(case, Mapping) and "call" in case for case in cases):
        raise ParameterError(f"{entry.where}: 'switch' has to be a list of {{case: …, call: group}}")
    chosen = next((case["call"] for case in cases if is_true(case.get("case", False))), values.get("default"))
    if chosen is not None:
        run.run_groups(*_target(chosen, entry))


def _recipe(run: RecipeRun, entry: Entry, values: Values) -> None:
    """Run another recipe, in this context or in one of its own."""
    from stpipe.import_path import import_path
    from stpipe.recipe_request import RecipeRequest, check_groups_argument, first_context
    from stpipe.recipe_run import RecipeRun, RunOptions

    groups = values.get("groups")
    groups = [groups] if isinstance(groups, str) else groups
    check_groups_argument(groups)
    request = RecipeRequest(
        str(values["name"]),
        values.get("args_in"),
        _parsing(values),
        values.get("args"),
        groups,
        values.get("success"),
        values.get("failure"),
        values.get("loader"),
        run.options.py_dir,
        parent=run.recipe.folder,
    ).resolved()
    recipe = request.load()
    options = RunOptions(
        None if request.groups is None else tuple(request.groups),
        request.success_group,
        request.failure_group,
        allow_code=run.options.allow_code,
        py_dir=request.py_dir,
    )
    own = request.args_in is not None or request.dict_in is not None
    context = Context() if own else run.context
    child = RecipeRun(recipe, context, options, parent=run)
    child.check()
    if own:
        parse = request.parse_args
        with import_path(recipe.folder):
            context.update(first_context(recipe, request.args_in, parse_args=parse, dict_in=request.dict_in))
    elif request.parse_args:
        context.merge(first_context(recipe, None, parse_args=True, dict_in=None))
    child.execute()
    _hand_over(values.get("out"), context, run.context)


def _parsing(values: Values) -> bool | None:
    return None if values.get("skip_parse") is None else not values["skip_parse"]


def _hand_over(out: Any, child: Mapping[str, Any], parent: Context) -> None:
    """Copy values of a child's context to the parent: one name, a list, or parent key to child key."""
    if out is None:
        return
    names: Mapping[str, Any] = out if isinstance(out, Mapping) else {name: name for name in _as_list(out)}
    for key, source in names.items():
        if source not in child:
            raise ContextKeyError(f"out: the child recipe has no {source!r}")
        parent[key] = copied(child[source])


def _as_list(value: Any) -> Sequence[Any]:
    return [value] if isinstance(value, str) else value


def _stop(run: RecipeRun, entry: Entry, values: Values) -> None:
    raise StopRun


def _stop_recipe(run: RecipeRun, entry: Entry, values: Values) -> None:
    raise StopRecipe


def _stop_group(run: RecipeRun, entry: Entry, values: Values) -> None:
    raise StopGroup


BUILT_IN: Mapping[str, BuiltIn] = {
    "echo": BuiltIn(_echo, ("text",)),
    "set": BuiltIn(_set, ("set",)),
    "unset": BuiltIn(_unset, ("unset",)),
    "py": BuiltIn(_py, ("py",)),
    "assert": BuiltIn(_assert, ("this",), ("equals", "message")),
    "shell": BuiltIn(_shell, ("cmd",), ("cwd", "env", "save")),
    "call": BuiltIn(_call, ("call",)),
    "jump": BuiltIn(_jump, ("jump",)),
    "switch": BuiltIn(_switch, ("switch",), ("default",)),
    "stop": BuiltIn(_stop),
    "stop_recipe": BuiltIn(_stop_recipe),
    "stop_group": BuiltIn(_stop_group),
    "recipe": BuiltIn(
        _recipe, ("name",), ("args", "args_in", "out", "groups", "success", "failure", "loader", "skip_parse")
    ),
    "fetch_facts": BuiltIn(_fetch_facts, ("facts", "save")),
}
