"""Subtraction of a dark ramp, group by group, with one plane of the dark in memory at a time.

Source: spec dark_current.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from jwst.lib.tiles import pixel_tiles

__all__ = ["DarkRamp", "Readout", "average_dark", "dark_groups", "subtract_dark", "subtract_group"]

log = logging.getLogger(__name__)

TILE = 32768


@dataclass(frozen=True)
class Readout:
    """How frames were combined into groups.

    Parameters
    ----------
    nframes : int
        Frames averaged in a group.
    groupgap : int
        Frames dropped between groups.
    ngroups : int
        Groups of an integration.
    """

    nframes: int
    groupgap: int
    ngroups: int

    @property
    def frames(self) -> int:
        """Frames from the first to the last of an integration."""
        return self.ngroups * self.nframes + (self.ngroups - 1) * self.groupgap

    def fits(self, dark: Readout) -> bool:
        """Whether a dark with this sampling can be used for an exposure with ours."""
        return dark.nframes <= self.nframes and dark.groupgap <= self.groupgap

    def same_sampling(self, dark: Readout) -> bool:
        """Whether the groups of both are alike."""
        return (self.nframes, self.groupgap) == (dark.nframes, dark.groupgap)


class DarkRamp:
    """The groups of a dark integration, read when they are needed, continued in a straight line where it is too short.

    Parameters
    ----------
    read : callable
        ``read(k)`` gives group ``k`` as a new (ny, nx) array of float32.
    readout : Readout
        Sampling of the dark; ``ngroups`` is the length of its array.
    frames : int
        Frames that the exposure needs.

    Raises
    ------
    IndexError
        The dark is too short and has a single group, so that it cannot be continued.

    Notes
    -----
    Source: spec dark_current.md, "Subtraction" 1 and 3.
    """

    def __init__(self, read: Callable[[int], np.ndarray], readout: Readout, frames: int) -> None:
        self.shape: tuple[int, ...] = ()
        self._read = read
        self._stored = readout.ngroups
        missing = frames - readout.frames
        extra = 0
        if missing > 0:
            if readout.ngroups < 2:
                raise IndexError(
                    "The dark has one group and is shorter than the exposure; "
                    "use a dark with at least two groups (override_dark)"
                )
            extra = -(-(missing + readout.groupgap) // (readout.nframes + readout.groupgap))
            log.warning("The dark is shorter than the exposure: %d groups are extrapolated", extra)
        self.ngroups = readout.ngroups + extra
        self._ends: tuple[np.ndarray, np.ndarray] | None = None

    def group(self, index: int) -> np.ndarray:
        """One group, a new (ny, nx) array without NaN: of float32, but of float64 after the end of the reference."""
        if index < self._stored:
            plane = self._read(index)
        else:
            if self._ends is None:
                last = self._read(self._stored - 1)
                self._ends = last, last - self._read(self._stored - 2)
            last, step = self._ends
            plane = last + step.astype(np.float64) * (index - self._stored + 1)
        self.shape = plane.shape
        return _without_nan(plane)


def dark_groups(dark: DarkRamp, readout: Readout, science: Readout) -> Iterator[np.ndarray]:
    """Dark groups with the sampling of an exposure.

    Parameters
    ----------
    dark : DarkRamp
    readout : Readout
        Sampling of the dark.
    science : Readout
        Sampling of the exposure.

    Yields
    ------
    (ny, nx) ndarray of float32 or float64, DN
        What is to be subtracted from group 0, 1, ...; private to the caller.

    Notes
    -----
    A dark with other sampling is averaged over as many of its groups as the exposure has frames; its own numbers of
    frames do not matter. A science group for which the dark has no group at all gets NaN, with a WARNING.
    Source: spec dark_current.md, "Subtraction" 4.
    """
    if science.same_sampling(readout):
        for index in range(science.ngroups):
            yield dark.group(index)
        return
    for index in range(science.ngroups):
        start = index * (science.nframes + science.groupgap)
        stop = min(start + science.nframes, dark.ngroups)
        if start >= stop:
            log.warning("The dark has no group for group %d of the exposure, which becomes NaN", index)
            yield np.full(dark.shape, np.nan, np.float32)
            continue
        total = dark.group(start)
        for other in range(start + 1, stop):
            np.add(total, dark.group(other), out=total)
        if stop - start > 1:
            np.divide(total, np.float32(stop - start), out=total)
        yield total


def subtract_dark(data: np.ndarray, dark: np.ndarray) -> None:
    """Subtract a dark ramp from every integration, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps, C-contiguous. Updated in place.
    dark : (ngroups, ny, nx) ndarray of float32, DN
        NaN means "no correction" and is treated as 0.

    Notes
    -----
    Source: spec dark_current.md, "Subtraction" 6.
    """
    for group in range(data.shape[1]):
        subtract_group(data[:, group], _without_nan(dark[group], copy=True))


def subtract_group(group: np.ndarray, dark: np.ndarray) -> None:
    """Subtract one dark plane from one group of every integration, in place.

    Parameters
    ----------
    group : (nints, ny, nx) ndarray of float32, DN
        ``data[:, g]`` of a ramp; each plane contiguous. Updated in place.
    dark : (ny, nx) ndarray of float32 or float64, DN
        Where it is NaN the data become NaN. Not changed.

    Raises
    ------
    ValueError
        The shapes differ: darks are never cut to a subarray.
    """
    if group.shape[-2:] != dark.shape:
        raise ValueError(
            f"The dark has planes of {dark.shape} but the exposure has {group.shape[-2:]}; "
            "use a dark of the same subarray"
        )
    flat = dark.reshape(-1)
    planes = [plane.reshape(-1) for plane in group]
    for tile in pixel_tiles(flat.size, TILE):
        for plane in planes:
            np.subtract(plane[tile], flat[tile], out=plane[tile])


def _without_nan(plane: np.ndarray, *, copy: bool = False) -> np.ndarray:
    """Replace NaN by 0, in place or in a copy; a plane without NaN is returned as it is."""
    if plane.size and not np.isnan(plane.min()):
        return plane
    result = plane.copy() if copy else plane
    result[np.isnan(result)] = 0
    return result


def average_dark(plane: np.ndarray | None, scalar: float | None, shape: tuple[int, int]) -> np.ndarray | None:
    """The average dark current that a reference carries, where it is a constant.

    Parameters
    ----------
    plane : (ny, nx) ndarray or None
        Image of the average dark current in the reference, e-/s.
    scalar : float or None
        Its scalar value in the metadata, e-/s.
    shape : (ny, nx)
        Of the exposure.

    Returns
    -------
    (ny, nx) ndarray of float32 or None
        A constant plane where the reference has no image, or one whose sum is 0. None where its image counts.

    Notes
    -----
    Source: spec dark_current.md, "average_dark_current".
    """
    if plane is not None and plane.size and float(np.sum(plane)) != 0:
        return None
    return np.full(shape, scalar or 0.0, np.float32)
