"""Inputs of ``strun`` that are not there."""

from __future__ import annotations

import os

from stpipe.cli.arguments import Arguments

__all__ = ["check_inputs"]

_DATA_EXTENSIONS = (".fits", ".fits.gz", ".asdf", ".json", ".ecsv")


def check_inputs(arguments: Arguments) -> None:
    """Refuse an input that looks like a data file and is not there.

    From the second one on an input may be a list of files with commas.

    Raises
    ------
    InputError
        The text names it, and near names.
    """
    from stpipe.exceptions import InputError

    folder = arguments.parameters.get("input_dir")
    first, others = arguments.positional[:1], arguments.positional[1:]
    for name in [*first, *(name.strip() for several in others for name in several.split(","))]:
        path = os.path.expanduser(name)
        if isinstance(folder, str) and os.path.dirname(path) == "":
            path = os.path.join(os.path.expanduser(folder), path)
        if name.lower().endswith(_DATA_EXTENSIONS) and not os.path.exists(path):
            raise InputError(f"There is no input file {path!r}{_near_files(path)}.")


def _near_files(path: str) -> str:
    import difflib

    try:
        names = os.listdir(os.path.dirname(path) or ".")
    except OSError:
        return f", nor a folder {os.path.dirname(path)!r}"
    near = difflib.get_close_matches(os.path.basename(path), names, n=3, cutoff=0.7)
    return f" (did you mean {' or '.join(near)}?)" if near else ""
