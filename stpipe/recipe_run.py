"""`RecipeRun`: the interpreter of recipes: groups, handlers, control flow (running.md Y12-Y28)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stpipe import events
from stpipe.attempts import Attempts, attempting
from stpipe.cancel import is_stop
from stpipe.context import Context
from stpipe.control_flow import ControlFlow, Jump, StopGroup, StopRecipe, StopRun
from stpipe.engine import checkpoint, execute
from stpipe.exceptions import ContextKeyError
from stpipe.import_path import import_path
from stpipe.notify import log_error

if TYPE_CHECKING:
    from stpipe.project import ProjectParameters
    from stpipe.recipe import Recipe
    from stpipe.recipe_entries import Entry
    from stpipe.recipe_resources import GraphResources

__all__ = ["MAIN_GROUP", "RecipeRun", "RunOptions"]

log = logging.getLogger("stpipe.recipe")

MAIN_GROUP = "steps"
SUCCESS_GROUP = "on_success"
FAILURE_GROUP = "on_failure"
ERRORS = "run_errors"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a recipe is to be run.

    Attributes
    ----------
    groups : tuple of str or None
        Groups to run, in this order; None is ``steps``.
    success_group, failure_group : str or None
        Groups to run afterwards; where ``groups`` is None, ``on_success`` and ``on_failure`` if the recipe has them.
    allow_code : bool
        Let it contain Python.
    py_dir : str or None
        Folder of modules, besides that of the recipe.
    resources : callable or None
        ``f(name) -> value`` for names that an entry ``requires`` and the context does not have.
    defaults : ProjectParameters or None
        Parameters of a project for its Step entries, also of child recipes; lower than their ``in``.
    """

    groups: tuple[str, ...] | None = None
    success_group: str | None = None
    failure_group: str | None = None
    allow_code: bool = False
    py_dir: str | None = None
    resources: Callable[[str], Any] | None = None
    defaults: ProjectParameters | None = None


class RecipeRun:
    """One run of a recipe.

    Parameters
    ----------
    recipe : Recipe
        What to run.
    context : Context
        Values to start with; changed in place.
    options : RunOptions, optional
        How.
    parent : RecipeRun, optional
        The run of which this is part.

    Attributes
    ----------
    attempts : Attempts or None
        What the engine is told of the attempts at the Step of the entry under way, where anybody listens.
    retries : tuple of int
        Further attempts that the latest pass has used, and how many it might have.
    counts : Counter
        How many passes of entries were ``ok``, ``skipped``, ``ignored`` (swallowed), ``failed``, ``retried``; how many
        groups of entries were ``rescued``. Shared by the runs of child recipes.
    around : Attempts or None
        Attempts at the whole recipe, kept by the outermost one: they may ignore its errors.
    parameters : dict
        Label of each Step entry that has run to its parameters with their sources, kept by the outermost recipe where
        somebody listens.

    Notes
    -----
    `execute` runs in the calling thread, emits `stpipe.events` where a stream is active, and looks at the cancel token
    of `stpipe.engine` before every entry, pass and attempt.
    """

    def __init__(
        self,
        recipe: Recipe,
        context: Context,
        options: RunOptions | None = None,
        *,
        parent: RecipeRun | None = None,
    ) -> None:
        self.recipe = recipe
        self.context = context
        self.options = options or RunOptions()
        self.parent = parent
        self.root: RecipeRun = parent.root if parent else self
        self.counts: Counter[str] = parent.counts if parent else Counter()
        self._noted: tuple[BaseException, Entry] | None = None
        self._stack: ExitStack | None = None
        self.retries = (0, 0)
        self.attempts: Attempts | None = None
        self.around: Attempts | None = None
        self.parameters: dict[str, Any] = {}
        self._owners: dict[str, Entry] = {}
        self._graph: GraphResources | None = None
        self._step_skipped = False

    def check(self) -> None:
        """Check what can be checked before anything runs.

        Raises
        ------
        GroupNotFoundError
            A group that is to be run, or that an entry names, is not there.
        RecipeDefinitionError
            The recipe has Python, and that is not allowed.
        """
        if not self.options.allow_code:
            self.recipe.check_code()
        handlers = (self.options.success_group, self.options.failure_group)
        self.recipe.check_groups([*(self.options.groups or (MAIN_GROUP,)), *(name for name in handlers if name)])
        named = (name for entries in self.recipe.groups.values() for entry in entries for name in entry.groups)
        self.recipe.check_groups(list(dict.fromkeys(named)))

    def execute(self) -> Context:
        """Run the recipe.

        Returns
        -------
        Context
            The context, with what the entries have put there.

        Raises
        ------
        Exception
            The original error of the entry that failed; as `check`, before anything runs.
        """
        self.check()
        success, failure = self._handlers()
        folders = (self.recipe.folder, self.options.py_dir)
        before = self.context.python_names
        with ExitStack() as stack, import_path(*folders):
            self._stack = stack
            if self.recipe.code:
                from stpipe.python_text import names_of_imports

                self.context.python_names = names_of_imports(self.recipe.imports)
            try:
                self.run_groups(self.options.groups or (MAIN_GROUP,), success, failure)
            except StopRecipe:
                pass
            except StopRun:
                if self.parent is not None:
                    raise
            finally:
                self.context.python_names = before
                self._stack = None
        return self.context

    def _handlers(self) -> tuple[str | None, str | None]:
        """Names of the groups for success and failure, if any."""
        options, groups = self.options, self.recipe.groups
        if options.groups is not None:
            return options.success_group, options.failure_group
        success = options.success_group or (SUCCESS_GROUP if SUCCESS_GROUP in groups else None)
        failure = options.failure_group or (FAILURE_GROUP if FAILURE_GROUP in groups else None)
        return success, failure

    def run_groups(self, groups: Sequence[str], success: str | None = None, failure: str | None = None) -> None:
        """Run groups one after the other, then that for success, or at an error that for failure.

        Raises
        ------
        Exception
            The error of the entry that failed, unless the group for failure ends with a stop.
        GroupNotFoundError
            One of them is not there; nothing has run.
        """
        self.recipe.check_groups([*groups, *(name for name in (success, failure) if name)])
        try:
            for name in groups:
                self.run_group(name)
            if success is not None:
                self.run_group(success)
        except ControlFlow:
            raise
        except Exception as error:
            checkpoint()
            if failure is None or not self._rescued(failure, error):
                raise

    def _rescued(self, failure: str, error: Exception) -> bool:
        """Run the group for failure; whether it has ended the error by a stop."""
        try:
            rescued = self.run_group(failure)
        except (StopRun, StopRecipe):
            self._note_rescue(failure, error)
            raise
        except Exception as second:
            log_error(log, "Group %s failed: %s: %s", failure, type(second).__name__, second, error=second)
            return False
        if rescued:
            self._note_rescue(failure, error)
        return rescued

    def _note_rescue(self, failure: str, error: Exception) -> None:
        self.counts["rescued"] += 1
        if events.active_stream() is not None:
            data = {"rescued": True, "group": failure, "exception": events.describe_exception(error)}
            events.emit("message", event_data=data)

    def run_group(self, name: str) -> bool:
        """Run the entries of one group, and what they jump to.

        Returns
        -------
        bool
            Whether it was ended by ``stop_group``.
        """
        while True:
            try:
                self._run_entries(name)
                return False
            except StopGroup:
                return True
            except Jump as jump:
                if jump.success is not None or jump.failure is not None:
                    self.run_groups(jump.groups, jump.success, jump.failure)
                    return False
                self.recipe.check_groups(jump.groups)
                *first, name = jump.groups
            for other in first:
                self.run_group(other)

    def _run_entries(self, name: str) -> None:
        for entry in self.recipe.groups[name]:
            checkpoint()
            if events.active_stream() is None:
                self._run_entry(entry)
            else:
                events.emit("step_start", step=entry.label)
                try:
                    self._run_entry(entry)
                finally:
                    events.emit("step_end", step=entry.label)

    def _run_entry(self, entry: Entry) -> None:
        try:
            entry.action(self)
        except ControlFlow:
            raise
        except Exception as error:  # of a decorator, if it has not been noted as one of the step
            if self._noted is None or self._noted[0] is not error or self._noted[1] is not entry:
                told = not entry.is_step and events.active_stream() is not None
                self.note_error(entry, error, swallowed=False, told=told)
            raise

    def note_success(self, entry: Entry, told: bool) -> None:
        """Count a pass that went well, and tell of it; a step that was skipped by its parameter has been counted."""
        if self._step_skipped:
            self._step_skipped = False
        else:
            self.counts["ok"] += 1
        retry_count, self.retries = self.retries[0], (0, 0)
        if told:
            events.emit("step_target_success", step=entry.label, event_data={"retry_count": retry_count})

    def note_skip(self, entry: Entry, reason: str) -> None:
        """Count a pass in which the step was not run, and tell of it."""
        self.counts["skipped"] += 1
        log.info("%s not run: %s", entry.label, reason)
        if events.active_stream() is not None:
            events.emit("step_target_skip", step=entry.label, event_data={"skip_reason": reason})

    def note_retry(self, entry: Entry, error: BaseException, count: int, attempts: int | None) -> None:
        """Log an attempt that failed and is followed by another, and tell of it."""
        self.counts["retried"] += 1
        of = f" of {attempts}" if attempts is not None else ""
        log_error(log, "%s: attempt %d%s failed: %s", entry.label, count, of, error, error=error)
        if events.active_stream() is not None:
            data = {"retry_count": count, "max_retries": None if attempts is None else attempts - 1}
            events.emit("step_target_retry", step=entry.label, event_data=data)

    def note_error(self, entry: Entry, error: Exception, *, swallowed: bool, told: bool) -> None:
        """Log an error of an entry once, append it to ``run_errors``, count it and tell of it."""
        if isinstance(error, ContextKeyError) and not error.where:
            error.where = entry.where
        if (self.root._noted is None or self.root._noted[0] is not error) and not is_stop(error):
            where = entry.label if isinstance(error, ContextKeyError) else entry.where  # such an error tells it itself
            log_error(log, "%s failed: %s: %s", where, type(error).__name__, error, error=error)
        if swallowed:
            log.error("%s: the error is ignored, as 'swallow' says", entry.where)
        self._noted = self.root._noted = (error, entry)
        self.counts["ignored" if swallowed else "failed"] += 1
        errors = self.context.setdefault(ERRORS, [])
        if isinstance(errors, list):
            errors.append(self._error_record(entry, error, swallowed))
        (retry_count, max_retries), self.retries = self.retries, (0, 0)
        if told:
            data: dict[str, Any] = {
                "exception": events.describe_exception(error),
                "ignored": swallowed or self.is_ignored(error),
            }
            data |= {"retry_count": retry_count, "max_retries": max_retries}
            if is_stop(error):
                data["stopped"] = True
            events.emit("step_target_error", step=entry.label, event_data=data)

    def _error_record(self, entry: Entry, error: Exception, swallowed: bool) -> dict[str, Any]:
        custom = entry.on_error
        if custom is not None:
            try:
                custom = self.context.formatted(custom)
            except Exception as second:
                log.error("%s: 'on_error' cannot be formatted: %s", entry.where, second)
        return {
            "name": type(error).__name__,
            "description": str(error),
            "custom_error": custom,
            "line": entry.line,
            "col": entry.col,
            "step": entry.step,
            "exception": error,
            "swallowed": swallowed,
        }

    def require(self, entry: Entry) -> None:
        """Get what an entry requires and the context does not have from ``options.resources``, else from the graph.

        Raises
        ------
        ContextKeyError
            It cannot be had.
        """
        for name in entry.requires:
            if name not in self.context:
                self.context[name] = self._resource(name)

    def _resource(self, name: str) -> Any:
        """Ask the resources of the run, else the current graph."""
        root = self.root
        if root.options.resources is not None:
            return root.options.resources(name)
        from stpipe.recipe_resources import GraphResources, NoGraph

        root._graph = root._graph or GraphResources()
        try:
            return root._graph.get(name, self.context)
        except NoGraph:
            raise ContextKeyError(
                f"the context has no {name!r}, which the entry requires; have an entry before it, or a step of the "
                "graph, provide it"
            ) from None

    def take_value(self, entry: Entry, value: Any) -> None:
        """Put what a function returned into the context: a dict is merged, anything else is the result."""
        if isinstance(value, dict):
            self.context.merge(value)
        else:
            self.take_result(entry, value)

    def take_result(self, entry: Entry, result: Any) -> None:
        """Store a result as ``result`` and under the names that the entry provides."""
        self.context["result"] = result
        names = entry.provides
        if len(names) > 1 and isinstance(result, tuple) and len(result) == len(names):
            self.context.update(zip(names, result))
        else:
            self.context.update(dict.fromkeys(names, result))

    def run_step(self, entry: Entry, cls: Any, keywords: Mapping[str, Any]) -> None:
        """Run a Step as ``call`` would, without touching the logging; ``skip=True`` is obeyed.

        The input is ``input`` of the entry, else ``result``, else ``input`` of the context; without any the step is
        run without arguments.
        """
        args = self._inputs(entry)
        self._share_references()
        defaults = self.root.options.defaults
        base = None if defaults is None else defaults.layer_for(entry, cls)
        step = cls._configured(args, dict(keywords), None, base)
        step.__dict__["event_label"] = entry.label
        if events.active_stream() is not None:
            self._note_parameters(entry, step)
        if step.skip:
            self.take_result(entry, self._skipped(entry, step, args))
        else:
            with attempting(self.attempts) if self.attempts is not None else nullcontext():
                result = execute(step, args)
            self.take_result(entry, result)

    def _note_parameters(self, entry: Entry, step: Any) -> None:
        is_first = self.root._owners.setdefault(entry.label, entry) is entry
        self.root.parameters[entry.label if is_first else f"{entry.label}, line {entry.line}"] = (
            step.parameter_sources()
        )

    def is_ignored(self, error: BaseException) -> bool:
        """Whether the error would end the recipe, and whoever runs that ignores it."""
        around = self.root.around
        if around is None or around.ignored is None:
            return False
        return (around.ends is None or around.ends(error)) and around.ignored(error)

    def _inputs(self, entry: Entry) -> tuple[Any, ...]:
        if entry.input is not None:
            return (entry.input(self.context),)
        return next(((self.context[name],) for name in ("result", "input") if name in self.context), ())

    def _skipped(self, entry: Entry, step: Any, args: tuple[Any, ...]) -> Any:
        log.info("Step %s skipped.", step.name)
        result = args[0] if args else None
        step._mark_skipped(result)
        if self.attempts is not None:
            self.attempts.ended = True
        self.note_skip(entry, "skip=True")
        self._step_skipped = True
        return result

    def _share_references(self) -> None:
        """Have all steps of the run use one memo of reference lookups."""
        from stpipe.references import current_session, reference_session

        if current_session() is None and self.root._stack is not None:
            self.root._stack.enter_context(reference_session())
