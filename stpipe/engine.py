"""The only code that runs a step: the phases of spec framework.md §8, the same for every way in.

`execute` knows a step by protocol only (`Runnable`); it never imports `stpipe.step`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Protocol

from stpipe import events
from stpipe.attempts import enclosing_start, end_facts, take_attempts
from stpipe.cancel import CancelToken, cancellable, checkpoint
from stpipe.exceptions import Skip
from stpipe.outputs import check_folder_before_run, check_overwrite_before_run, is_library, save_results, wants_saving
from stpipe.run_state import RunState, enter_state, parameters_restored

__all__ = ["CancelToken", "Runnable", "cancellable", "checkpoint", "execute", "mark_skipped", "rehearsed"]

log = logging.getLogger("stpipe.step")


class Runnable(Protocol):
    """What `execute` needs of a step; `stpipe.step.Step` is the one implementation."""

    name: str
    parent: Any
    skip: bool
    suffix: Any
    save_results: bool
    pre_hooks: list
    post_hooks: list
    _reference_files_used: list
    _log_records: list

    def process(self, *args: Any) -> Any:
        """Do the work."""

    def prefetch(self, *args: Any) -> None:
        """Look up the references that will be needed."""

    def finalize_result(self, result: Any, reference_files_used: list) -> None:
        """Write what the run knows into a result."""

    def _skipped_result(self, args: Sequence[Any], reason: str) -> Any:
        """Give the result of a run that had nothing to do."""

    def _mark_skipped(self, result: Any) -> None:
        """Record SKIPPED in a result."""

    def _on_run_end(self, result: Any) -> None:
        """Do what is left when a run has ended well."""


def execute(step: Any, args: Sequence[Any]) -> Any:
    """Run a step on its arguments and return the result.

    Parameters
    ----------
    step : Runnable
        The step. Its parameters are afterwards what they were before.
    args : sequence
        Arguments of ``process``.

    Returns
    -------
    object
        What ``process`` returned, after the post-hooks; the first argument where the step was skipped.

    Raises
    ------
    Exception
        Whatever ``process``, a hook or the saving raises, unchanged.
    """
    checkpoint()
    with ExitStack() as stack:
        state = stack.enter_context(enter_state(step, args))
        if state.outer is None:
            _enter_top_level(stack)
        state.parameters = stack.enter_context(parameters_restored(step))
        stack.enter_context(_input_kept(step))
        stack.enter_context(step.running())
        lines = _start_recording(step, stack)
        first = len(lines) if step.parent is not None else 0
        failed = True
        try:
            result = _reported(step, args, state) if events.active_stream() else _run_phases(step, args, state)
            step._on_run_end(result)
            failed = False
            return result
        except Exception as error:
            _note_step(error, step)
            raise
        finally:
            step._log_records = lines[first:]
            if state.outer is not None:
                state.note_end(failed=failed)


def _note_step(error: Exception, step: Any) -> None:
    """Remember with an error, as ``failed_step``, the innermost step it went through; ``strun`` tells it."""
    if not hasattr(error, "failed_step"):
        with suppress(AttributeError, TypeError):
            error.failed_step = step.qualified_name.removeprefix("stpipe.")  # type: ignore[attr-defined]


@contextmanager
def _input_kept(step: Any) -> Iterator[None]:
    """Start without the input of the run before; leave that of this run readable."""
    for member in (step, *step.ancestors()):
        if not member.__dict__["_run_depth"]:
            member.forget_last_input()
    before = (step._input_filename, step._input_dir)
    try:
        yield
    finally:
        step.keep_last_input(before)


def _enter_top_level(stack: ExitStack) -> None:
    from stpipe.references import reference_session

    stack.enter_context(reference_session())


def _start_recording(step: Any, stack: ExitStack) -> list[str]:
    """Start keeping log lines where the class wants them; sub-steps see the list of the run around them."""
    if step._log_records_formatter is None:
        lines: list[str] = []
    elif step.parent is not None and step.parent._log_records_formatter is not None:
        lines = step.parent._log_records
    else:
        from stpipe.logs import loggers_of, recording

        lines = stack.enter_context(recording(loggers_of(type(step)), step._log_records_formatter))
    step._log_records = lines
    return lines


def _run_phases(step: Any, args: Sequence[Any], state: RunState) -> Any:
    log.info("Step %s running with args %s.", step.name, args)
    _prepare(step, args)
    if step.skip and step.parent is not None:
        return _skip_by_parameter(step, args, state)
    if step.save_results:
        check_folder_before_run(step)
    if step.save_results or step.parent is None:
        check_overwrite_before_run(step, args)
    result = _process(step, args, state)
    checkpoint()  # nothing of a step that has been stopped is saved
    _finalize(step, result)
    if step.save_results:
        save_results(step, result)
    log.info("Step %s done", step.name)
    return result


def _prepare(step: Any, args: Sequence[Any]) -> None:
    """Settle what the run works with: parameters shown, input remembered, saving and suffix decided."""
    top_level = step.parent is None
    if top_level and log.isEnabledFor(logging.INFO):
        from stpipe.parameter_text import parameter_text

        log.info("Step %s parameters are:%s", step.name, parameter_text(step.get_pars()))
    step._reference_files_used = []
    _settle(step, args)


def _settle(step: Any, args: Sequence[Any]) -> None:
    if args:
        step.set_primary_input(args[0])
    step.save_results = wants_saving(step)
    if step.suffix is None:
        step.suffix = step.default_suffix()


def _run_anyway(step: Any) -> None:
    """Take back ``skip`` of a step that is not part of a pipeline."""
    if step.parent is None and step.skip:
        log.info("Step run as standalone, so skip set to False")
        step.skip = False


@contextmanager
def rehearsed(step: Any, args: Sequence[Any]) -> Iterator[None]:
    """Have a step, inside the block, as it is in a run when ``process`` begins; nothing is run.

    Parameters
    ----------
    step : Runnable
        The step; afterwards it is what it was.
    args : sequence
        Arguments of the run.
    """
    kept = (step._input_filename, step._input_dir, step._last_input)
    with ExitStack() as stack:
        stack.enter_context(enter_state(step, args))
        stack.enter_context(parameters_restored(step))
        step.forget_last_input()
        stack.enter_context(step.running())
        try:
            _settle(step, args)
            step.skip = step.skip and step.parent is not None
            yield
        finally:
            step._input_filename, step._input_dir, step._last_input = kept


def _skip_by_parameter(step: Any, args: Sequence[Any], state: RunState) -> Any:
    log.info("Step skipped.")
    state.skip_reason = "skip=True"
    result = args[0] if args else None
    step._mark_skipped(result)
    _finalize(step, result)
    return result


def _process(step: Any, args: Sequence[Any], state: RunState) -> Any:
    """Pre-hooks, references (a plain step has none to prefetch), the work, post-hooks; a `Skip` ends it early."""
    if step.pre_hooks:
        from stpipe.hooks import run_pre_hooks

        args = run_pre_hooks(step, args)
    _run_anyway(step)
    step.prefetch(*args)
    try:
        result = step.process(*args)
    except Skip as skip:
        state.skip_reason = skip.reason
        log.warning("Step %s skipped: %s", step.name, skip.reason or "nothing to do")
        result = step._skipped_result(args, skip.reason)
        step._mark_skipped(result)
        return result
    if step.post_hooks:
        from stpipe.hooks import run_post_hooks

        result = run_post_hooks(step, result)
    return result


def _finalize(step: Any, result: Any) -> None:
    """Call ``finalize_result`` for the result, for each element of a sequence, or have a library do it per member."""
    used = step._reference_files_used
    if is_library(result):
        result.finalize_result(step, used)
    elif _is_sequence(result):
        for element in result:
            step.finalize_result(element, used)
    else:
        step.finalize_result(result, used)


def mark_skipped(result: Any, key: str) -> None:
    """Write ``meta.cal_step.<key> = "SKIPPED"`` into a model, each element of a sequence, or each member of a library.

    A model that cannot take it is named in an INFO line.
    """
    if is_library(result):
        with result:
            for index in range(len(result)):
                model = result.borrow(index)
                _mark_model(model, key)
                result.shelve(model, index)
    elif _is_sequence(result):
        for element in result:
            _mark_model(element, key)
    elif hasattr(result, "meta"):
        _mark_model(result, key)


def _mark_model(model: Any, key: str) -> None:
    try:
        setattr(model.meta.cal_step, key, "SKIPPED")
    except (AttributeError, TypeError) as error:
        log.info("%s cannot record that step %s was skipped: %s", type(model).__name__, key, error)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _reported(step: Any, args: Sequence[Any], state: RunState) -> Any:
    """Run the phases and tell the stream how they start and end."""
    parent = state.outer.event_uuid if state.outer else enclosing_start()
    unnamed = step.name == type(step).__name__
    own = step.__dict__.get("event_label")  # of an entry of a recipe
    label = {"step": own or (step.class_alias if unnamed else None) or step.name, "parent_uuid": parent}
    attempts = take_attempts()
    attempts.begin(label, lambda: _steps_to_come(step, args))
    state.event_uuid = attempts.start
    fingerprint = _fingerprint(step)
    try:
        result = _run_phases(step, args, state)
        attempts.check(result)
    except BaseException as error:
        attempts.failed(label, _facts_of(step, state, fingerprint, changed=False), error)
        raise
    changed = state.skip_reason is None and (not args or result is not args[0] or bool(state.outputs))
    attempts.succeeded(label, _facts_of(step, state, fingerprint, changed=changed))
    return result


def _steps_to_come(step: Any, args: Sequence[Any]) -> dict[str, Any]:
    """Keys of the sub-steps of a pipeline in order, as data of its event."""
    from stpipe.planning import planned_keys

    keys = planned_keys(step, args[0] if args else None)
    return {"steps": keys} if keys else {}


def _fingerprint(step: Any) -> str:
    """Hash of the parameters: equal for equal parameters."""
    import hashlib
    import json

    text = json.dumps(events.plain_data(step.current_parameters()), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _facts_of(step: Any, state: RunState, fingerprint: str, *, changed: bool) -> dict[str, Any]:
    """Details that every ``step_target_*`` event at the end of a run carries."""
    return end_facts(
        state.started,
        parameters=fingerprint,
        references=list(step._reference_files_used),
        outputs=list(state.outputs),
        skip_reason=state.skip_reason,
        changed=changed,
    )


def __getattr__(name: str) -> object:
    """Give the names that users look for here and that live above: `Engine`, `Node`, `Policy`."""
    homes = {"Engine": "stpipe.run_engine", "Node": "stpipe.run_engine", "Policy": "stpipe.policy"}
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(homes[name]), name)
