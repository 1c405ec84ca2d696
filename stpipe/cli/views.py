"""What ``strun`` shows: explanations and plans instead of a run, progress and the shape of the log during one."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from stpipe.cli.arguments import Arguments, UsageError
from stpipe.cli.messages import hint

if TYPE_CHECKING:
    from stpipe.logs import LogConfig
    from stpipe.step import Step

__all__ = ["only_tells", "progress_view", "shape_log", "tell"]

_TELLING = ("explain", "dry-run")


def only_tells(arguments: Arguments) -> bool:
    """Whether nothing is to be run."""
    return any(option in arguments.built_in for option in _TELLING)


def tell(step: Step, arguments: Arguments) -> int:
    """Print the explanation and the plan that are asked for.

    Returns
    -------
    int
        Exit code: 1 if the plan shows that the run would fail.
    """
    init = arguments.positional[0] if arguments.positional else None
    if "save-parameters" in arguments.built_in:
        hint("--save-parameters is ignored: --explain and --dry-run write nothing.")
    if "explain" in arguments.built_in:
        from stpipe.explain import explain_step

        print(explain_step(step, init))
        if "save_results" not in arguments.parameters:
            print("strun sets save_results; --save_results=false switches it off.")
    if "dry-run" not in arguments.built_in:
        return 0
    from stpipe.planning import plan_run

    plan = plan_run(step, init)
    print(f"\n{plan}" if "explain" in arguments.built_in else plan)
    return 1 if plan.problems else 0


def shape_log(built_in: Mapping[str, str | bool], config: LogConfig) -> None:
    """Apply ``--json-log`` and ``--quiet`` to the log in force; what products keep of it stays the same.

    Raises
    ------
    UsageError
        The options contradict each other.
    """
    if "quiet" in built_in and "verbose" in built_in:
        raise UsageError("--quiet and --verbose contradict each other")
    if "json-log" in built_in:
        from stpipe.json_log import JsonFormatter

        if built_in.get("progress") == "plain" and built_in.get("log-stream", "stderr") == "stderr":
            raise UsageError("--progress=plain would mix lines into the JSON on stderr; add --log-stream=stdout")
        config.set_formatter(JsonFormatter())
    chosen = "verbose" in built_in or "log-level" in built_in
    telling = any(option in built_in for option in _TELLING)
    if "quiet" in built_in or (telling and not chosen):
        for handler in config.console_handlers():
            handler.setLevel(max(handler.level, logging.WARNING))


@contextmanager
def progress_view(arguments: Arguments) -> Iterator[None]:
    """Show progress, or write the events into a JSON log, for the duration of a run."""
    from stpipe.events import EventStream, listening
    from stpipe.logs import LogConfig
    from stpipe.progress import PlainProgress, show_progress

    built_in, config = arguments.built_in, LogConfig.applied
    silent = "quiet" in built_in or "json-log" in built_in
    mode = str(built_in.get("progress", "none" if silent else "auto"))
    stream = EventStream(target=os.path.basename(arguments.positional[0]) if arguments.positional else None)
    with ExitStack() as stack:
        if "json-log" in built_in and config is not None:
            from stpipe.json_log import event_sink

            lines = [PlainProgress()] if mode == "plain" else []
            stack.enter_context(listening(event_sink(config), *lines, stream=stream))
        elif mode != "none":
            stack.enter_context(show_progress(mode, stream=stream, config=config))
        yield
