"""What may be declared about an entry: description, while, foreach, run, skip, swallow, retry (running.md Y22-Y28).

`decorate` puts them around a step in this order, outside in; those that an entry does not have cost nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from stpipe import events
from stpipe.attempts import Attempts, enclosing
from stpipe.control_flow import ControlFlow
from stpipe.engine import checkpoint
from stpipe.exceptions import RunError
from stpipe.notify import NOTIFY
from stpipe.pauses import RETRY_KEYS, Retries, pause, pauses, wanted
from stpipe.recipe_steps import BUILT_IN
from stpipe.templates import compile_value

if TYPE_CHECKING:
    from stpipe.recipe_entries import Entry
    from stpipe.recipe_run import RecipeRun

__all__ = ["WHILE_KEYS", "decorate", "decorator_problems", "is_true"]

log = logging.getLogger("stpipe.recipe")

Action = Callable[["RecipeRun"], None]
WHILE_KEYS = ("max", "stop", "sleep", "error_on_max")
_FALSE_TEXTS = frozenset({"false", "0", "no", "off", "none", ""})
_MISSING: Any = object()


def is_true(value: Any) -> bool:
    """Truth of a value; the texts ``false``, ``0``, ``no``, ``off``, ``none`` and the empty one are false."""
    return value.strip().lower() not in _FALSE_TEXTS if isinstance(value, str) else bool(value)


def decorator_problems(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with ``while``, ``foreach`` and ``retry`` of an entry."""
    from difflib import get_close_matches

    for name, keys in (("while", WHILE_KEYS), ("retry", RETRY_KEYS)):
        values = fields.get(name)
        if values is None:
            continue
        if not isinstance(values, Mapping):
            yield f"{name!r} has to be a mapping with {', '.join(keys)}, not {values!r}"
            continue
        for key in values:
            if key not in keys:
                near = get_close_matches(str(key), keys, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(keys)}"
                yield f"{name!r} has an unknown key {key!r} ({hint})"
        if name == "while" and values.get("max") is None and values.get("stop") is None:
            yield "'while' needs 'max' or 'stop', or it would never end"
    items = fields.get("foreach")
    if items is not None and (not isinstance(items, list | tuple | dict) and compile_value(items)[0]):
        yield f"'foreach' has to be a list, or a text that gives one, not {items!r}"


def decorate(entry: Entry, inner: Action, fields: Mapping[str, Any]) -> Action:
    """Put what an entry declares around its step.

    Parameters
    ----------
    entry : Entry
        For labels and lines.
    inner : callable
        Runs the step once.
    fields : mapping
        The entry as it was read.

    Returns
    -------
    callable
        Runs the entry.

    Raises
    ------
    ValueError
        A text has braces that do not match, or an expression that is not allowed.
    """
    if fields.get("retry") is not None:
        inner = _retrying(entry, inner, fields["retry"])
    action = _guarded(entry, inner, _optional(fields, "swallow"))
    run, skip = _optional(fields, "run"), _optional(fields, "skip")
    if run is not None or skip is not None:
        action = _conditional(entry, action, run, skip)
    if fields.get("foreach") is not None:
        action = _for_each(entry, action, _plan(fields["foreach"]))
    if fields.get("while") is not None:
        action = _looping(entry, action, fields["while"])
    return action if entry.description is None else _described(entry, action)


def _plan(value: Any) -> Callable[[Mapping[str, Any]], Any]:
    fixed, plan = compile_value(value)
    return (lambda context: plan) if fixed else plan


def _optional(fields: Mapping[str, Any], key: str) -> Callable[[Mapping[str, Any]], Any] | None:
    """Compile a key that may be missing; without a value it counts as missing."""
    return _plan(fields[key]) if fields.get(key) is not None else None


def _described(entry: Entry, inner: Action) -> Action:
    def describe(run: RecipeRun) -> None:
        log.log(NOTIFY, "%s", entry.description)
        inner(run)

    return describe


@contextmanager
def _restored(context: dict[str, Any], key: str) -> Iterator[None]:
    """Give a name its former value back, or take it away, when the block is left."""
    before = context.get(key, _MISSING)
    try:
        yield
    finally:
        if before is _MISSING:
            context.pop(key, None)
        else:
            context[key] = before


def _looping(entry: Entry, inner: Action, values: Mapping[str, Any]) -> Action:
    plans = {key: _plan(value) for key, value in values.items() if value is not None}
    stop = plans.pop("stop", None)

    def loop(run: RecipeRun) -> None:
        context = run.context
        now = {key: plan(context) for key, plan in plans.items()}
        limit, sleep = wanted(int, now.get("max"), "while: max"), wanted(float, now.get("sleep"), "while: sleep")
        count = 0
        with _restored(context, "while_counter"):
            while limit is None or count < limit:
                if count:
                    pause(sleep or 0.0)
                count += 1
                context["while_counter"] = count
                inner(run)
                if stop is not None and is_true(stop(context)):
                    return
                checkpoint()
        if is_true(now.get("error_on_max", False)):
            raise RunError(f"{entry.where}: 'while' has reached its max of {limit} passes")

    return loop


def _for_each(entry: Entry, inner: Action, items: Callable[[Mapping[str, Any]], Any]) -> Action:
    def loop(run: RecipeRun) -> None:
        context = run.context
        found = items(context)
        if isinstance(found, str | bytes) or not hasattr(found, "__iter__"):
            raise RunError(f"{entry.where}: 'foreach' needs a list, not {found!r}")
        with _restored(context, "i"):
            for item in list(found) if isinstance(found, dict | list | set) else found:
                context["i"] = item
                checkpoint()
                inner(run)

    return loop


def _conditional(entry: Entry, inner: Action, run: Any, skip: Any) -> Action:
    """Run the step only if ``run`` is true and ``skip`` is not; ``skip`` is not looked at when ``run`` is false."""

    def decide(this: RecipeRun) -> None:
        reason = None
        if run is not None and not is_true(run(this.context)):
            reason = "run is false"
        elif skip is not None and is_true(skip(this.context)):
            reason = "skip is true"
        if reason is None:
            inner(this)
        else:
            this.note_skip(entry, reason)

    return decide


def _guarded(entry: Entry, inner: Action, swallow: Any) -> Action:
    """Report the step, note its error, and keep the error in if it is to be swallowed."""

    is_function = not entry.is_step and entry.step not in BUILT_IN and "{" not in entry.step

    def attempt(run: RecipeRun) -> None:
        listened = events.active_stream() is not None
        told = listened and not entry.is_step
        start = events.emit("step_target_start", step=entry.label) if told else None
        before, run.attempts = run.attempts, _attempts(run, swallow) if listened and entry.is_step else None
        try:
            with enclosing(start.uuid) if start is not None and is_function else nullcontext():
                inner(run)
        except ControlFlow:
            run.note_success(entry, told)
            raise
        except Exception as error:
            swallowed = swallow is not None and is_true(swallow(run.context))
            if run.attempts is not None:
                run.attempts.never_ran({"step": entry.label}, error)
            run.note_error(entry, error, swallowed=swallowed, told=told)
            checkpoint()  # a cancelled run ends here, whatever the entry says
            if not swallowed:
                raise
        else:
            run.note_success(entry, told)
        finally:
            run.attempts = before

    return attempt


def _attempts(run: RecipeRun, swallow: Any) -> Attempts:
    """Return what the engine is to know of an entry that is a Step."""
    return Attempts(
        ignored=lambda error: (swallow is not None and is_true(swallow(run.context))) or run.is_ignored(error)
    )


def _retrying(entry: Entry, inner: Action, values: Mapping[str, Any]) -> Action:
    plan = _plan(dict(values))

    def attempts(run: RecipeRun) -> None:
        context = run.context
        rule = pauses(plan(context))
        with _restored(context, "retry_counter"):
            count = 0
            while True:
                count += 1
                context["retry_counter"] = count
                used = (count - 1, (rule.attempts or count) - 1)
                if run.attempts is not None:
                    _tell_attempt(run.attempts, rule, used)
                try:
                    inner(run)
                    run.retries = used
                    return
                except ControlFlow:
                    raise
                except Exception as error:
                    checkpoint()
                    run.retries = used
                    if not rule.tries_again(error, count):
                        raise
                    run.note_retry(entry, error, count, rule.attempts)
                pause(rule.seconds(count - 1))

    return attempts


def _tell_attempt(attempts: Attempts, rule: Retries, used: tuple[int, int]) -> None:
    """Have the engine know which attempt comes, and which errors end the attempts."""
    attempts.retry_count, attempts.max_retries = used
    attempts.ends = lambda error: not rule.tries_again(error, used[0] + 1)
