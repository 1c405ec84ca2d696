"""One entry of a recipe, checked and compiled once into a function of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import Problem, RecipeDefinitionError
from stpipe.recipe_decorators import decorate, decorator_problems
from stpipe.recipe_steps import BUILT_IN, argument_problems, groups_named
from stpipe.recipe_yaml import ENTRY_KEYS, Definition
from stpipe.step_lookup import StepTarget, find_step
from stpipe.templates import PythonText, compile_value, contains_code

if TYPE_CHECKING:
    from stpipe.recipe_run import RecipeRun

__all__ = ["Entry", "make_entry"]

Action = Callable[["RecipeRun"], None]
_ALIASES = {"class": "step", "parameters": "in"}
_KNOWN = frozenset(ENTRY_KEYS)


@dataclass(eq=False, slots=True)
class Entry:
    """One entry.

    Attributes
    ----------
    step, label : str
        What it names, and what it is called in events and the log.
    action : callable
        Runs it, with all that is declared about it, in a run.
    file, line, col
        Where it is.
    arguments, input : callable or None
        Its ``in`` and ``input`` as functions of the context.
    provides, requires : tuple of str
        Names of its result, and of what it needs.
    is_step : bool
        A Step class, which reports its own events.
    description, on_error : object
        As in the recipe.
    code : Problem or None
        Where it has Python.
    groups : tuple of str
        Groups that it names literally.
    """

    step: str
    label: str
    action: Action
    file: str | None = None
    line: int | None = None
    col: int | None = None
    arguments: Callable[[Mapping[str, Any]], Any] | None = None
    input: Callable[[Mapping[str, Any]], Any] | None = None
    provides: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    is_step: bool = False
    description: str | None = None
    on_error: Any = None
    code: Problem | None = None
    groups: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """File, line and label, for messages."""
        parts = (self.file, f"line {self.line}" if self.line else None, f"entry {self.label!r}")
        return ", ".join(part for part in parts if part)


def make_entry(raw: Any, made: Definition, mark: tuple[str, int]) -> Entry:
    """Check and compile an entry.

    Parameters
    ----------
    raw : str or mapping
        The entry as it was read.
    made : Definition
        The recipe, for file and lines.
    mark : tuple of (str, int)
        Group and number.

    Raises
    ------
    RecipeDefinitionError
        It cannot be used; with all problems of the entry.
    StepNotFoundError
        The step is unknown.
    """
    line, col = made.marks.get(mark, (None, None))
    if isinstance(raw, str):
        raw = {"step": raw}
    if not isinstance(raw, Mapping):
        _fail([f"an entry is the name of a step or a mapping with 'step', not {raw!r}"], made.file, line, col)
    unknown = [key for key in raw if key not in _KNOWN]
    if unknown:
        raise RecipeDefinitionError.of([_unknown_key(key, made, mark) for key in unknown])
    fields = {_ALIASES.get(key, key): value for key, value in raw.items()}
    problems = _problems(raw, fields)
    if problems:
        _fail(problems, made.file, line, col)
    step = fields["step"].strip()
    try:
        return _compiled(step, fields, (made.file, line, col))
    except ValueError as error:  # braces and expressions
        _fail([str(error)], made.file, line, col)
        raise


def _fail(messages: Sequence[str], file: str | None, line: int | None, col: int | None) -> None:
    raise RecipeDefinitionError.of([Problem(message, file, line, col) for message in messages])


def _unknown_key(key: Any, made: Definition, mark: tuple[str, int]) -> Problem:
    near = get_close_matches(str(key), ENTRY_KEYS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(ENTRY_KEYS)}"
    place = made.marks.get((*mark, key)) or made.marks.get(mark)
    return Problem(f"unknown key {key!r} of an entry ({hint})", made.file, *(place or ()))


def _problems(raw: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
    """List what is wrong with the keys of an entry, apart from the names of the keys."""
    found = [f"an entry has {old!r} or {new!r}, not both" for old, new in _ALIASES.items() if old in raw and new in raw]
    step = fields.get("step")
    if not isinstance(step, str) or not step.strip():
        found.append("an entry needs 'step', the name of a step" if step is None else f"'step' is no name: {step!r}")
    arguments = fields.get("in")
    if arguments is not None and not isinstance(arguments, Mapping) and not _may_be_anything(arguments):
        found.append(f"'in' has to be a mapping of parameters, not {arguments!r}")
    for key in ("provides", "requires"):
        value = fields.get(key)
        names = [value] if isinstance(value, str) else value
        if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            found.append(f"{key!r} has to be a name or a list of names, not {value!r}")
    for key in ("name", "description"):
        if fields.get(key) is not None and not isinstance(fields[key], str):
            found.append(f"{key!r} has to be a text, not {fields[key]!r}")
    found += decorator_problems(fields)
    if not found and step is not None and step.strip() in BUILT_IN:
        found += argument_problems(step.strip(), arguments)
        if found:
            found[0] += _other_step(step.strip())
    return found


def _other_step(name: str) -> str:
    """Say how to name an installed step whose alias is that of a built-in, as ``jump`` is."""
    from stpipe.entry_points import get_steps

    packages = dict.fromkeys(info.class_name.partition(".")[0] for info in get_steps() if info.class_alias == name)
    choices = " or ".join(f"'{package}::{name}'" for package in packages)
    return f"; the calibration step of that name is written {choices}" if choices else ""


def _may_be_anything(value: Any) -> bool:
    """Tell whether a value is known in the run only."""
    return not compile_value(value)[0] and not isinstance(value, list | tuple)


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _compiled(step: str, fields: Mapping[str, Any], place: tuple[str | None, int | None, int | None]) -> Entry:
    target = None if "{" in step else find_step(step)
    entry = Entry(
        step=step,
        label=fields.get("name") or (target.label if target else step),
        action=_unfinished,
        file=place[0],
        line=place[1],
        col=place[2],
        arguments=_arguments(step, fields.get("in")),
        input=_plan(fields["input"]) if fields.get("input") is not None else None,
        provides=_names(fields.get("provides")),
        requires=_names(fields.get("requires")),
        is_step=target is not None and target.kind == "step",
        description=fields.get("description"),
        on_error=fields.get("on_error"),
        code=_code(step, fields, place),
        groups=groups_named(step, fields.get("in")),
    )
    entry.action = decorate(entry, _invocation(entry, target), fields)
    return entry


def _unfinished(run: RecipeRun) -> None:
    raise NotImplementedError


def _arguments(step: str, raw: Any) -> Callable[[Mapping[str, Any]], Any] | None:
    if raw is None:
        return None
    if step == "py":  # never formatted: data must not become code
        from stpipe.python_text import compile_statements

        text = raw["py"].text if hasattr(raw["py"], "text") else raw["py"]
        run_it = compile_statements(text)
        return lambda context: {"py": run_it}
    return _plan(dict(raw) if isinstance(raw, Mapping) else raw)


def _plan(value: Any) -> Callable[[Mapping[str, Any]], Any]:
    fixed, plan = compile_value(value)
    return (lambda context: plan) if fixed else plan


def _code(step: str, fields: Mapping[str, Any], place: tuple[str | None, int | None, int | None]) -> Problem | None:
    tagged = None if step == "py" else contains_code(dict(fields))
    if step != "py" and tagged is None:
        return None
    if isinstance(tagged, PythonText) and tagged.line:
        place = (place[0], tagged.line, tagged.col)
    what = "the step 'py'" if step == "py" else "!py"
    return Problem(
        f"{what} is Python, which runs only if that is allowed: by allow_code=True in the call, by --allow-code on the "
        "command line, or by the setting allow_code",
        *place,
    )


def _invocation(entry: Entry, target: StepTarget | None) -> Action:
    """Make what runs the step of an entry once."""
    call = _later(entry) if target is None else target.bound(entry)
    if not entry.requires:
        return call

    def with_requirements(run: RecipeRun) -> None:
        run.require(entry)
        call(run)

    return with_requirements


def _later(entry: Entry) -> Action:
    """Make what finds the step when the entry runs; a name from data cannot be that of ``py``."""
    name = _plan(entry.step)

    def call(run: RecipeRun) -> None:
        found = str(name(run.context)).strip()
        if found == "py":
            raise RecipeDefinitionError("the name of the step 'py' has to be written in the recipe itself")
        find_step(found).bound(entry)(run)

    return call
