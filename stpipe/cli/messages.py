"""What ``strun`` says when something is wrong."""

from __future__ import annotations

import sys

__all__ = ["box", "hint", "say_usage_error"]

_WIDTH = 80


def box(heading: str, message: str) -> None:
    """Print a boxed message on standard output.

    Parameters
    ----------
    heading : str
        ``ERROR RUNNING STEP 'jump':``.
    message : str
        Any number of lines.
    """
    lines = "\n".join(f"    {line}" if line else "" for line in message.rstrip().splitlines())
    print(f"{'-' * _WIDTH}\n{heading}\n{lines}\n{'-' * _WIDTH}", flush=True)


def hint(text: str) -> None:
    """Print one line on what to do next, on standard error."""
    print(text, file=sys.stderr, flush=True)


def say_usage_error(program: str, message: str) -> None:
    """Print a usage error and where to look, on standard error."""
    print(f"{program}: error: {message}\nTry '{program} --help'.", file=sys.stderr, flush=True)
