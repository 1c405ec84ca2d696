"""The truth that is saved beside a simulated exposure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["Truth", "read_archive", "truth_path"]

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Truth:
    """What a simulated exposure really contains.

    Parameters
    ----------
    rate : (ny, nx) ndarray of float32, DN per second
        Light as the pixels see it (flat field applied, no dark current): what the rate product should be.
    electron_rate : (ny, nx) ndarray of float32, electrons per second
        The same in electrons.
    dark : (ny, nx) ndarray of float32, electrons per second
        Dark current.
    gain : (ny, nx) ndarray of float32, electrons per DN
        Gain.
    flat : (ny, nx) ndarray of float32
        Flat field.
    usable : (ny, nx) ndarray of bool
        Neither reference, dead nor very hot pixel.
    hits : (n,) structured ndarray
        Cosmic rays, see `jwst.simulation.cosmic_rays.HITS`.
    nframes, groupgap : int
        Readout pattern.
    group_time : float
        Seconds from group to group.
    showers : (m,) structured ndarray
        Showers, see `jwst.simulation.cosmic_rays.SHOWERS`.
    light_curve : (nints,) ndarray of float64
        Light of each integration in units of that out of transit; ``rate`` is the mean over the integrations.
    noise : (nints, ngroups, ny, nx) ndarray of float32, DN
        1/f noise of every group, if the settings asked to keep it; else empty.
    """

    rate: np.ndarray
    electron_rate: np.ndarray
    dark: np.ndarray
    gain: np.ndarray
    flat: np.ndarray
    usable: np.ndarray
    hits: np.ndarray
    nframes: int
    groupgap: int
    group_time: float
    showers: np.ndarray = field(default_factory=lambda: np.zeros(0))
    light_curve: np.ndarray = field(default_factory=lambda: np.ones(0))
    noise: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0, 0), np.float32))

    def save(self, path: str | Path) -> None:
        """Write a numpy archive."""
        with open(path, "wb") as file:
            np.savez(file, **vars(self))

    @classmethod
    def load(cls, path: str | Path) -> Truth:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path
            The archive, or the exposure beside which it lies.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        InputError
            The file holds something else.
        """
        path = Path(path)
        if path.suffix != ".npz":
            path = truth_path(path)
        scalars = {"nframes": int, "groupgap": int, "group_time": float}
        return read_archive(path, cls, what="the truth of a simulated exposure", scalars=scalars)


def read_archive(
    path: Path, cls: Callable[..., Made], *, what: str, scalars: Mapping[str, Callable[[Any], Any]]
) -> Made:
    """Make an object of what a numpy archive holds.

    Parameters
    ----------
    path : Path
        The archive; nothing in it is pickled.
    cls : callable
        Takes its arrays as keywords.
    what : str
        What it is to hold, for the message.
    scalars : mapping of str to type
        Names that are single values, and what they become.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        The file holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            values = {name: archive[name] for name in archive.files}
        values.update({name: kind(values[name]) for name, kind in scalars.items()})
        return cls(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not {what}: {error}") from error


def truth_path(exposure: str | Path) -> Path:
    """Return where the truth of an exposure, or of a product of it, lies: ``<root>_truth.npz``."""
    exposure = Path(exposure)
    return exposure.with_name(exposure.stem.rpartition("_")[0] + "_truth.npz")
