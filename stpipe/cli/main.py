"""``stpipe``: what steps there are, what they do, what made a product (spec framework.md §15)."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence

__all__ = ["handle_args", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``stpipe``.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        Exit code: 0 done, 1 error; wrong usage leaves the process with 2.
    """
    from stpipe.exceptions import StpipeException

    try:
        return handle_args(list(sys.argv[1:] if argv is None else argv))
    except (StpipeException, OSError) as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        else:
            print(f"stpipe: error: {error}", file=sys.stderr)
        return 1


def handle_args(argv: Sequence[str]) -> int:
    """Do what the arguments say and return the exit code."""
    if argv[:1] == ["complete"]:
        from stpipe.cli.completion import answer

        print(answer(argv[1:]), end="")
        return 0
    parser = _parser()
    options = parser.parse_args(argv)
    if options.version:
        from stpipe.cli.strun import versions

        print(versions())
    elif options.command in _COMMANDS:
        return _COMMANDS[options.command](options) or 0
    else:
        parser.print_help()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stpipe",
        description="Tell about calibration steps and pipelines, and about what made a product. 'strun' runs them.",
    )
    parser.add_argument("-v", "--version", action="store_true", help="show the versions and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    from stpipe.cli.recipes import add_run_parser

    add_run_parser(commands)
    listing = commands.add_parser("list", help="list the steps and pipelines of the installed packages")
    listing.add_argument("pattern", nargs="?", metavar="PATTERN", help="class or alias, any case, * for anything")
    kinds = listing.add_mutually_exclusive_group()
    kinds.add_argument("--pipelines-only", action="store_true", help="only pipelines")
    kinds.add_argument("--steps-only", action="store_true", help="only steps that are no pipelines")
    description = commands.add_parser("describe", help="show a step: what it does, its parameters and references")
    description.add_argument("step", metavar="STEP", help="alias, class path or parameter file")
    history = commands.add_parser(
        "provenance", help="show what made a product: steps, parameters, references, versions"
    )
    history.add_argument("file", metavar="FILE", help="FITS or ASDF file")
    history.add_argument("--all", action="store_true", help="show the parameters that are defaults, too")
    completion = commands.add_parser("completion", help="print a script for the Tab completion of strun and stpipe")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell it is for")
    return parser


def _list(options: argparse.Namespace) -> None:
    from stpipe.entry_points import get_steps

    steps = get_steps()
    if options.pipelines_only:
        steps = [info for info in steps if info.is_pipeline]
    if options.steps_only:
        steps = [info for info in steps if not info.is_pipeline]
    if options.pattern is not None:
        wanted = re.compile(".*".join(map(re.escape, options.pattern.split("*"))), re.IGNORECASE)
        steps = [info for info in steps if any(name and wanted.fullmatch(name) for name in info[:2])]
    if not steps:
        print("(no matching classes)", file=sys.stderr)
    for info in sorted(steps):
        print(info.class_name + (f" ({info.class_alias})" if info.class_alias else ""))


def _describe(options: argparse.Namespace) -> None:
    from stpipe.cli.describe import description
    from stpipe.cli.strun import find_class

    cls, _ = find_class(options.step)
    print(description(cls))


def _provenance(options: argparse.Namespace) -> None:
    from stpipe.provenance import read

    print(read(options.file).text(complete=options.all))


def _completion(options: argparse.Namespace) -> None:
    from stpipe.cli.completion import script

    print(script(options.shell), end="")


def _run(options: argparse.Namespace) -> int:
    from stpipe.cli.recipes import run

    return run(options)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "run": _run,
    "list": _list,
    "describe": _describe,
    "provenance": _provenance,
    "completion": _completion,
}


if __name__ == "__main__":
    sys.exit(main())
