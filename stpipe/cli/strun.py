"""``strun``: run a step or pipeline from the command line (spec framework.md §14)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stpipe.cli.arguments import BUILT_IN, Arguments, UsageError, find_step, parse_arguments
from stpipe.cli.inputs import check_inputs
from stpipe.cli.messages import box, hint, say_usage_error
from stpipe.cli.step_class import find_class

if TYPE_CHECKING:
    from stpipe.resolve import Resolved
    from stpipe.step import Step

__all__ = ["Request", "build_request", "find_class", "main", "step_from_cmdline", "versions"]


@dataclass
class Request:
    """A command line that has been understood.

    Attributes
    ----------
    text : str
        The step as the user named it.
    cls : type
        Class of the step.
    config_file : str or None
        Parameter file, where the step is one.
    arguments : Arguments
        Options, parameters and inputs as texts.
    """

    text: str
    cls: type[Step]
    config_file: str | None
    arguments: Arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``strun``.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        Exit code: 0 done, 1 error, 2 wrong usage, 130 interrupted, or what a `StpipeExitException` says.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        return _main(argv)
    except KeyboardInterrupt:
        hint("\nInterrupted.")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _main(argv: list[str]) -> int:
    if argv[:1] == ["batch"]:
        from stpipe.cli.batch import main as batch

        return batch(argv[1:])
    text, rest = find_step(argv)
    if "--version" in argv:
        print(versions())
        return 0
    if text is None:
        return _without_step(rest)
    verbose = any(option in argv for option in ("-v", "--verbose", "--debug"))
    try:
        request = build_request(text, rest)
        if "help" in request.arguments.built_in:
            from stpipe.cli.help import step_help

            print(step_help(text, request.cls), end="")
            return 0
        if "version" in request.arguments.built_in:
            print(versions())
            return 0
    except UsageError as error:
        say_usage_error(f"strun {text}", str(error))
        return 2
    except Exception as error:
        return _configuration_failed(text, error, "--debug" in argv, verbose)
    return _run_reported(request)


def _without_step(rest: list[str]) -> int:
    """Answer a command line that names no step."""
    from stpipe.cli.help import general_help

    try:
        built_in = parse_arguments(rest, {}).built_in
    except UsageError as error:
        say_usage_error("strun", str(error))
        return 2
    if "help" in built_in:
        print(general_help(), end="")
        return 0
    print(general_help(), end="", file=sys.stderr)
    hint("strun: error: a STEP is required")
    return 2


def versions() -> str:
    """Lines ``package: version`` for stpipe and every package that offers steps."""
    from importlib.metadata import entry_points

    from stpipe import __version__
    from stpipe.entry_points import STEPS_GROUP

    packages = {point.dist.name: point.dist.version for point in entry_points(group=STEPS_GROUP) if point.dist}
    return "\n".join([f"stpipe: {__version__}", *(f"{name}: {version}" for name, version in sorted(packages.items()))])


def build_request(text: str, rest: Sequence[str]) -> Request:
    """Find the class of the step and understand the arguments.

    Parameters
    ----------
    text : str
        Parameter file, alias or class path.
    rest : sequence of str
        The other arguments.

    Raises
    ------
    StepNotFoundError
        No such step.
    UsageError
        The arguments cannot be understood.
    ValueError
        The step has a parameter called like an option of ``strun``.
    """
    from stpipe.cli.help import parameter_kinds

    cls, config_file = find_class(text)
    kinds = parameter_kinds(cls)
    clashes = sorted(name for name in set(kinds) & set(BUILT_IN) if not BUILT_IN[name].native)
    if clashes:
        raise ValueError(f"The step {text} has a parameter called like an option of strun: {', '.join(clashes)}")
    return Request(text, cls, config_file, parse_arguments(rest, kinds))


def _configuration_failed(text: str, error: Exception, debug: bool, verbose: bool) -> int:
    from stpipe.exceptions import StepNotFoundError

    box("ERROR PARSING CONFIGURATION:", _message(error))
    if verbose or debug:
        _show_traceback(error)
    if isinstance(error, StepNotFoundError):
        hint("Try 'stpipe list' for the steps there are.")
    else:
        hint(f"Try 'strun {text} --help' for its parameters." if text else "Try 'strun --help' for the log options.")
    if debug:
        _post_mortem(error)
    return 1


def _run_reported(request: Request) -> int:
    """Build and run the step; report an error and give the exit code."""
    from stpipe.exceptions import StpipeExitException, ValidationError

    built_in = request.arguments.built_in
    debug, verbose = "debug" in built_in, "verbose" in built_in
    try:
        with ExitStack() as stack:
            try:
                _configure_logging(request, stack)
            except (ValueError, RuntimeError, OSError) as error:
                return _configuration_failed("", error, debug, verbose)
            check_inputs(request.arguments)
            try:
                step = _make_step(request, stack)
            except (ValidationError, ValueError, TypeError) as error:  # of parameters and parameter files
                return _configuration_failed(request.text, error, debug, verbose)
            return _run_or_tell(request, step)
    except UsageError as error:
        say_usage_error(f"strun {request.text}", str(error))
        return 2
    except StpipeExitException as error:
        box(f"ERROR RUNNING STEP {request.text!r}:", _message(error))
        return error.exit_status
    except Exception as error:
        _run_failed(request, error, verbose or debug)
        if debug:
            _post_mortem(error)
        return 1


def _run_or_tell(request: Request, step: Step) -> int:
    """Run the step; or, where that is asked for, tell what it would do."""
    from stpipe.cli.views import only_tells, progress_view, tell

    if only_tells(request.arguments):
        return tell(step, request.arguments)
    with progress_view(request.arguments):
        step.run(*request.arguments.positional)
    return 0


def _configure_logging(request: Request, stack: ExitStack) -> None:
    from stpipe.logs import load_configuration, loggers_of

    built_in = request.arguments.built_in
    level = "DEBUG" if "verbose" in built_in else built_in.get("log-level")
    texts = {name: built_in.get(name) for name in ("logcfg", "log-file", "log-stream")}
    values = {name: str(value) if value is not None else None for name, value in texts.items()}
    if values["logcfg"] is not None:
        hint("--logcfg is deprecated; use --log-level, --log-file and --log-stream.")
    config = load_configuration(
        config_file=values["logcfg"],
        log_level=None if level is None else str(level),
        log_file=values["log-file"],
        log_stream=values["log-stream"],
    )
    config.recording_formatter = request.cls._log_records_formatter
    from stpipe.cli.views import shape_log

    shape_log(built_in, stack.enter_context(config.context(loggers_of(request.cls))))


def _make_step(request: Request, stack: ExitStack) -> Step:
    """Step with its parameters from all layers; saves its result unless told not to on the command line."""
    from stpipe.references import reference_session

    stack.enter_context(reference_session())
    from stpipe.cli.views import only_tells

    resolved = _resolve(request)
    step = request.cls.from_resolved(resolved, config_file=request.config_file)
    if "save-parameters" in request.arguments.built_in and not only_tells(request.arguments):
        path = str(request.arguments.built_in["save-parameters"])
        step.export_config(path, include_metadata=True)
    return step


def _resolve(request: Request) -> Resolved:
    from stpipe.resolve import resolve_cmdline

    arguments = request.arguments
    return resolve_cmdline(
        request.cls,
        {"save_results": True, **arguments.parameters},
        dataset=arguments.positional[0] if arguments.positional else None,
        config_file=request.config_file,
        disable_crds="disable-crds-steppars" in arguments.built_in or None,
    )


def _run_failed(request: Request, error: Exception, verbose: bool) -> None:
    """Tell what went wrong; with a traceback where it is wanted or the error is none of the expected ones."""
    from stpipe.exceptions import StpipeException

    expected = isinstance(error, StpipeException | OSError)
    if verbose or not expected:
        _show_traceback(error)
    inner = getattr(error, "failed_step", "").partition(".")[2]
    box(f"ERROR RUNNING STEP {request.text!r}:", f"{f'In step {inner}: ' if inner else ''}{_message(error)}")
    if expected and not verbose:
        hint(f"'strun -v {request.text} …' shows where it happened.")


def _message(error: BaseException) -> str:
    """Text of an error; with the kind of error in front where the text alone may mean little."""
    from stpipe.exceptions import StpipeException

    text = str(error).strip()
    if isinstance(error, OSError) and error.strerror and error.filename:
        text = f"{error.strerror}: {error.filename!r}"
    if isinstance(error, StpipeException) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _show_traceback(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error)


def _post_mortem(error: BaseException) -> None:
    import pdb

    pdb.post_mortem(error.__traceback__)


def step_from_cmdline(argv: Sequence[str]) -> Step:
    """Build and run a step as ``strun`` would; errors are raised.

    Parameters
    ----------
    argv : sequence of str
        Arguments of ``strun``.

    Returns
    -------
    Step
        The step after its run.

    Raises
    ------
    UsageError
        The arguments cannot be understood.
    Exception
        Whatever the configuration or the run raises.
    """
    text, rest = find_step(list(argv))
    if text is None:
        raise UsageError("a STEP is required")
    request = build_request(text, rest)
    with ExitStack() as stack:
        _configure_logging(request, stack)
        check_inputs(request.arguments)
        step = _make_step(request, stack)
        _run_or_tell(request, step)
    return step


if __name__ == "__main__":
    sys.exit(main())
