"""``stpipe run``: run a recipe from the command line (spec running.md Y32)."""

from __future__ import annotations

import argparse
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stpipe.engine import CancelToken
    from stpipe.recipe_request import RecipeRequest

__all__ = ["CANCELED", "FAILED", "NOT_FOUND", "WRONG", "add_run_parser", "run"]

log = logging.getLogger("stpipe.recipe")

NOT_FOUND, FAILED, WRONG, CANCELED = 1, 2, 4, 254


def add_run_parser(commands: Any) -> None:
    """Add the command ``run`` to the sub-commands of a parser."""
    parser = commands.add_parser(
        "run",
        help="run a recipe",
        description="Run a recipe. Exit code: 0 done, 1 not found, 2 a step failed, 4 bad recipe, 254 out of time.",
    )
    parser.add_argument("recipe", metavar="NAME", help="recipe: path with or without .yaml, package::name, or shortcut")
    parser.add_argument("args", nargs="*", metavar="ARG", help="arguments for the parser of the recipe, e.g. k=v")
    parser.add_argument("--group", nargs="+", action="extend", metavar="G", help="groups to run, instead of 'steps'")
    parser.add_argument("--success", metavar="G", help="group to run after them")
    parser.add_argument("--failure", metavar="G", help="group to run when they fail")
    parser.add_argument("--loader", metavar="M", help="dotted module that loads recipes")
    parser.add_argument("--dir", metavar="D", help="folder of modules with steps of the recipe")
    parser.add_argument("--input", nargs="+", action="extend", metavar="FILE", help="run it on each of these files")
    parser.add_argument("--timeout", type=float, metavar="S", help="seconds after which the run is stopped")
    parser.add_argument("--allow-code", action="store_true", help="let the recipe contain Python")
    parser.add_argument("--dry-run", action="store_true", help="check the recipe and show its entries; run nothing")
    parser.add_argument("--log-level", metavar="LEVEL", help="show log records from this level on (default: NOTIFY)")
    parser.add_argument("--log-file", metavar="FILE", help="append the log to this file, too")


def run(options: argparse.Namespace) -> int:
    """Run what the options of ``stpipe run`` say.

    Returns
    -------
    int
        Exit code of spec running.md R4; with several inputs the worst one.
    """
    from stpipe import settings
    from stpipe.notify import NOTIFY, show_log

    settings.init()
    level = options.log_level or settings.log_level or NOTIFY
    try:
        undo = show_log(level.upper() if isinstance(level, str) else level, options.log_file)
    except (ValueError, OSError) as error:
        return _tell(error, WRONG)
    try:
        if options.dry_run:
            return _show(options)
        return max(_run_one(options, path) for path in options.input or [None])
    finally:
        undo()


def _request(options: argparse.Namespace, path: str | None) -> RecipeRequest:
    from stpipe.recipe_request import RecipeRequest

    return RecipeRequest(
        options.recipe,
        options.args,
        dict_in=None if path is None else {"input": path},
        groups=options.group,
        success_group=options.success,
        failure_group=options.failure,
        loader=options.loader,
        py_dir=options.dir,
        allow_code=options.allow_code,
    )


def _run_one(options: argparse.Namespace, path: str | None) -> int:
    """Run the recipe once and give the exit code."""
    import os

    from stpipe import settings
    from stpipe.exceptions import RecipeNotFoundError

    if path is not None and not os.path.exists(path):
        return _tell(FileNotFoundError(f"no such input: {path}"), NOT_FOUND)
    try:
        prepared = _request(options, path).prepare()
    except Exception as error:
        return _tell(error, NOT_FOUND if isinstance(error, RecipeNotFoundError) else WRONG)
    with _timed(options.timeout or settings.timeout) as token:
        try:
            prepared.execute()
        except Exception as error:
            return _tell(error, FAILED if token.error is None else CANCELED)
    return 0


@contextmanager
def _timed(seconds: float | None) -> Iterator[CancelToken]:
    """Stop the runs inside a block after this time."""
    from stpipe.engine import CancelToken, cancellable
    from stpipe.exceptions import RunError

    token = CancelToken()
    timer = threading.Timer(seconds or 0.0, token.cancel, [RunError(f"the run has taken more than {seconds} s")])
    timer.daemon = True
    if seconds:
        timer.start()
    try:
        with cancellable(token):
            yield token
    finally:
        timer.cancel()


def _show(options: argparse.Namespace) -> int:
    """Print the groups and entries that there are, those to be run first."""
    from stpipe.exceptions import RecipeNotFoundError

    try:
        prepared = _request(options, None).prepare()
    except Exception as error:
        return _tell(error, NOT_FOUND if isinstance(error, RecipeNotFoundError) else WRONG)
    for name, entries in prepared.recipe.groups.items():
        print(f"{name}:")
        for entry in entries:
            print(f"  line {entry.line}: {entry.label}" + (f" ({entry.step})" if entry.label != entry.step else ""))
    return 0


def _tell(error: Exception, code: int) -> int:
    """Say on standard error what is wrong; give the exit code."""
    import sys

    print(f"stpipe run: error: {error if str(error) else type(error).__name__}", file=sys.stderr)
    return code
