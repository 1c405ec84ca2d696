"""``strun batch``: a step or pipeline on each of many exposures, several at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stpipe.cli.arguments import Arguments, UsageError, find_step
from stpipe.cli.batch_options import REFUSED, batch_options, help_text, split_options
from stpipe.cli.messages import hint, say_usage_error
from stpipe.cli.signals import stoppable
from stpipe.run_status import CANCELED, NOT_FOUND, WRONG

if TYPE_CHECKING:
    from stpipe.batch import Batch
    from stpipe.batch_view import BatchView

__all__ = ["main"]


@dataclass
class _Line:
    """A command line that has been understood."""

    step: str
    own: dict[str, str | bool]
    arguments: Arguments
    cls: Any
    config_file: str | None


def main(argv: Sequence[str]) -> int:
    """Run ``strun batch``.

    Parameters
    ----------
    argv : sequence of str
        Arguments after ``batch``.

    Returns
    -------
    int
        Exit code of spec running.md R4; 2 also for a command line that cannot be understood.
    """
    from stpipe.exceptions import StepNotFoundError

    try:
        own, rest = split_options(argv)
        step, rest = find_step(rest)
        if step is None or any(option in rest for option in ("--help", "-h")):
            return _without_step(step, rest)
        line = _understood(step, own, rest)
    except UsageError as error:
        say_usage_error("strun batch", str(error))
        return 2
    except StepNotFoundError as error:
        return _say(error, NOT_FOUND)
    except Exception as error:
        return _say(error, WRONG)
    return _run(line)


def _without_step(step: str | None, rest: Sequence[str]) -> int:
    if step is None and not any(option in rest for option in ("--help", "-h")):
        print(help_text(), end="", file=sys.stderr)
        hint("strun batch: error: a STEP is required")
        return 2
    print(help_text(), end="")
    return 0


def _understood(step: str, own: dict[str, str | bool], rest: Sequence[str]) -> _Line:
    from stpipe.cli.strun import build_request

    request = build_request(step, rest)
    refused = [f"--{name}" for name in REFUSED if name in request.arguments.built_in]
    if refused:
        raise UsageError(f"{', '.join(refused)}: not for a batch; use strun {step} with one exposure")
    return _Line(step, own, request.arguments, request.cls, request.config_file)


def _run(line: _Line) -> int:
    from stpipe.exceptions import InputError, StpipeException

    try:
        with ExitStack() as stack:
            batch = _batch(line, stack)
            if "dry-run" in line.arguments.built_in:
                return _tell(batch)
            stop = stack.enter_context(stoppable("Stopping what is under way; what is done is kept."))
            view = stack.enter_context(_view(line.arguments.built_in))
            report = batch.run(view, stop=stop)
    except UsageError as error:
        say_usage_error("strun batch", str(error))
        return 2
    except KeyboardInterrupt:
        hint("Stopped.")
        return CANCELED
    except InputError as error:
        return _say(error, error.exit_status)  # 1, or 4 where two would have one product
    except Exception as error:
        if "verbose" in line.arguments.built_in or not isinstance(error, StpipeException | OSError | ValueError):
            import traceback

            traceback.print_exception(error)
        return _say(error, WRONG)
    if "quiet" not in line.arguments.built_in or report.rc:
        print(report, flush=True)
    return report.rc if report.error is None else _say(report.error, report.rc)


def _batch(line: _Line, stack: ExitStack) -> Batch:
    """Make the batch; its log and parameters as the command line says."""
    from stpipe.batch import Batch
    from stpipe.resolve import _nested

    _show_log(line, stack)
    if "disable-crds-steppars" in line.arguments.built_in:
        os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"
    parameters = _nested(line.cls, line.arguments.parameters)
    if line.config_file is not None:
        parameters["config_file"] = line.config_file
    return Batch(line.cls, line.arguments.positional or None, batch_options(line.own), **parameters)


def _show_log(line: _Line, stack: ExitStack) -> None:
    """Show warnings of the batch itself; the log of all exposures only where that is asked for."""
    import logging

    from stpipe.logs import load_configuration, loggers_of

    built_in = line.arguments.built_in
    wanted = "DEBUG" if "verbose" in built_in else built_in.get("log-level")
    names = ("log-file", "log-stream")
    file, stream = (str(built_in[name]) if name in built_in else None for name in names)
    if wanted is None and stream is None:
        stream = "null"
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        own = logging.getLogger("stpipe.batch")
        own.addHandler(handler)
        stack.callback(own.removeHandler, handler)
    level = None if wanted is None else str(wanted)
    config = load_configuration(log_level=level, log_file=file, log_stream=stream)
    stack.enter_context(config.context(loggers_of(line.cls)))


def _tell(batch: Batch) -> int:
    """Print what would be done."""
    planned = batch.preview()
    for one in planned:
        text = ", ".join(one.outputs) if one.action == "run" else one.reason.strip().partition("\n")[0]
        print(f"{one.action:<10}  {one.name}  {'-> ' if one.action == 'run' and text else ''}{text}".rstrip())
    counts = {action: sum(one.action == action for one in planned) for action in ("run", "up to date", "fail")}
    print(f"{len(planned)} exposures: {', '.join(f'{count} {name}' for name, count in counts.items() if count)}")
    return 0


@contextmanager
def _view(built_in: Mapping[str, str | bool]) -> Iterator[BatchView | None]:
    from stpipe.batch_view import BatchBars, BatchView
    from stpipe.progress import can_draw

    mode = str(built_in.get("progress", "none" if "quiet" in built_in else "auto"))
    if mode == "none":
        yield None
    elif mode == "auto" and can_draw() and "verbose" not in built_in and "log-level" not in built_in:
        with _bars() as progress:
            yield BatchBars(progress)
    else:
        yield BatchView()


@contextmanager
def _bars() -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, console=Console(file=sys.stderr), refresh_per_second=5) as progress:
        yield progress


def _say(error: BaseException, code: int) -> int:
    print(f"strun batch: error: {error if str(error) else type(error).__name__}", file=sys.stderr, flush=True)
    return code
