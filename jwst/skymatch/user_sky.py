"""Sky levels that a user lists in a file. Source: spec skymatch.md, user method."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from stpipe.exceptions import InputError, ParameterError

__all__ = ["read_sky_list", "user_levels"]


def read_sky_list(path: str | os.PathLike) -> list[tuple[str, float]]:
    """Read a list of images and sky levels.

    Parameters
    ----------
    path : str or Path
        Text file: on each line the name of an image and its level, with blanks between. Empty lines, and what follows
        a ``#``, are passed over.

    Returns
    -------
    list of (str, float)

    Raises
    ------
    InputError
        The file cannot be read, or a line is no name and number.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The list of sky levels {path} (skylist) cannot be read: {error}") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if words:
            rows.append(_row(words, f"line {number} of {path}"))
    return rows


def _row(words: list[str], where: str) -> tuple[str, float]:
    """Name and level on a line."""
    try:
        name, text = words
        level = float(text)
    except ValueError:
        raise InputError(f"The {where} is no name of an image and its sky level: {' '.join(words)!r}") from None
    if not np.isfinite(level):
        raise InputError(f"The {where} gives the sky level {level}: give a finite number")
    return name, level


def user_levels(path: str | os.PathLike | None, names: Sequence[str]) -> list[float]:
    """Levels of images from a list.

    Parameters
    ----------
    path : str or Path
        See `read_sky_list`.
    names : sequence of str
        File name of each image. Names are compared without folder, extension and suffix of a product.

    Returns
    -------
    list of float
        Rounded to single precision.

    Raises
    ------
    ParameterError
        There is no path.
    InputError
        The list cannot be read, or does not have each image once and no other.
    """
    if not path:
        raise ParameterError(
            "The method 'user' needs a list of sky levels: set skylist to a text file with the name of an image and "
            "its level on each line"
        )
    rows = read_sky_list(path)
    if len(rows) != len(names):
        raise InputError(f"The list of sky levels {path} has {len(rows)} lines for {len(names)} images: give one each")
    levels: dict[str, float] = {}
    for name, level in rows:
        if _root(name) in levels:
            raise InputError(f"The list of sky levels {path} has the image {_root(name)} more than once")
        levels[_root(name)] = float(np.float32(level))
    missing = sorted({name for name in names if _root(name) not in levels})
    if missing:
        raise InputError(f"The list of sky levels {path} does not have {', '.join(missing)}")
    return [levels[_root(name)] for name in names]


def _root(name: str) -> str:
    """Name of a product without folder, extension and suffix."""
    from jwst.lib.suffix import remove_suffix

    return remove_suffix(os.path.splitext(os.path.basename(name))[0])[0]
