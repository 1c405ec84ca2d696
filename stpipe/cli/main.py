"""``stpipe``: what steps there are (spec framework.md §15)."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

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
    return handle_args(list(sys.argv[1:] if argv is None else argv))


def handle_args(argv: Sequence[str]) -> int:
    """Do what the arguments say and return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.version:
        from stpipe.cli.strun import versions

        print(versions())
    elif options.command == "list":
        _list(options)
    else:
        parser.print_help()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stpipe", description="Tell about calibration steps and pipelines.")
    parser.add_argument("-v", "--version", action="store_true", help="show the versions and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    listing = commands.add_parser("list", help="list the steps and pipelines of the installed packages")
    listing.add_argument("pattern", nargs="?", metavar="PATTERN", help="class or alias, any case, * for anything")
    kinds = listing.add_mutually_exclusive_group()
    kinds.add_argument("--pipelines-only", action="store_true", help="only pipelines")
    kinds.add_argument("--steps-only", action="store_true", help="only steps that are no pipelines")
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


if __name__ == "__main__":
    sys.exit(main())
