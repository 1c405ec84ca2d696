"""The file that carries windows of persistence from one exposure to the next.

Source: spec persistence.md, "File format".
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["WindowEnds", "read_window_ends", "state_path", "write_window_ends"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WindowEnds:
    """When the windows of the pixels of a detector end.

    Parameters
    ----------
    filename : str
        Exposure that they come from.
    ends : (ny, nx) ndarray of float64
        Unix times in seconds; 0 where there is no window.
    seconds : float
        Length of the windows.
    """

    filename: str
    ends: np.ndarray
    seconds: float


def state_path(path: str | Path) -> Path:
    """The path with the suffix ``.asdf``, whatever the user gave."""
    return Path(path).with_suffix(".asdf")


def read_window_ends(path: str | Path, detector: str, *, shape: tuple[int, int], seconds: float) -> np.ndarray | None:
    """Read the windows that earlier exposures left on a detector.

    Parameters
    ----------
    path : str or Path
        ASDF file.
    detector : str
        Its top-level key.
    shape : (ny, nx)
        Of the exposure.
    seconds : float
        Length of the windows now; a file with another length does not count.

    Returns
    -------
    (ny, nx) ndarray of float64 or None
        None where there is nothing to take over.

    Raises
    ------
    InputError
        A pixel of the file is outside the exposure.
    """
    import asdf

    if not os.path.exists(path):
        log.info("There is no persistence file %s: no earlier exposure is considered", path)
        return None
    with asdf.open(path) as file:
        entry = file.tree.get(detector)
        if entry is None:
            log.info("The persistence file %s has nothing for %s", path, detector)
            return None
        if float(entry["pers_time"]) != float(seconds):
            log.info("The windows in %s are of %s s, not %s s", path, entry["pers_time"], seconds)
            return None
        return _dense(entry, shape, path)


def _dense(entry: Mapping[str, Any], shape: tuple[int, int], path: str | Path) -> np.ndarray:
    """The list of pixels of a file as an image."""
    rows, cols = (np.asarray(entry[key]).astype(np.int64) for key in ("rows", "cols"))
    outside = rows.size and (rows.max() >= shape[0] or cols.max() >= shape[1])
    if outside:
        raise InputError(
            f"The persistence file {path} was made for a larger array than {shape[0]} x {shape[1]}; "
            "use one of exposures with the same subarray"
        )
    ends = np.zeros(shape)
    ends[rows, cols] = np.asarray(entry["vals"])
    return ends


def write_window_ends(path: str | Path, detector: str, state: WindowEnds) -> Path:
    """Write the windows of a detector; those of other detectors in the file stay.

    Parameters
    ----------
    path : str or Path
        Its suffix is replaced by ``.asdf``.
    detector : str
        Top-level key.
    state : WindowEnds

    Returns
    -------
    Path
        The file, written under a temporary name and then renamed.
    """
    import asdf

    target = state_path(path)
    tree: dict[str, Any] = {}
    if target.exists():
        with asdf.open(target, lazy_load=False, memmap=False) as file:
            tree = {key: value for key, value in file.tree.items() if key not in ("asdf_library", "history")}
    rows, cols = np.nonzero(state.ends)
    tree[detector] = {
        "filename": state.filename,
        "rows": rows,
        "cols": cols,
        "vals": state.ends[rows, cols],
        "pers_time": state.seconds,
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.asdf")
    try:
        asdf.AsdfFile(tree).write_to(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target
