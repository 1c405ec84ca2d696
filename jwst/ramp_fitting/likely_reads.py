"""When the reads of each group are taken, and the covariance of group differences that follows from it.

Source: spec ramp_fit.md §6.1; Brandt 2024a (PASP 136, 045004), eq. 4, 5, 11, 28 and 29.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jwst.ramp_fitting.ramp_inputs import RampTimes
from stpipe.exceptions import InputError

__all__ = ["Covariance", "ReadPattern"]


@dataclass(frozen=True)
class Covariance:
    """Parts of the covariance matrix of the scaled group differences, which is tridiagonal.

    For a rate of ``a`` DN/s, a gain of ``g`` e-/DN and a noise of ``R`` DN of the difference of two single reads the
    diagonal is ``a / g * photon + R**2 / 2 * read``, and beside it stands ``a / g * photon_beside + R**2 / 2 *
    read_beside``.

    Parameters
    ----------
    photon, read : (n,) ndarray of float64, 1/s and 1/s^2
    photon_beside, read_beside : (n - 1,) ndarray of float64, 1/s and 1/s^2
    """

    photon: np.ndarray
    read: np.ndarray
    photon_beside: np.ndarray
    read_beside: np.ndarray

    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """Write out both parts.

        Returns
        -------
        (photon, read) : (n, n) ndarrays of float64
        """
        photon = np.diag(self.photon) + np.diag(self.photon_beside, 1) + np.diag(self.photon_beside, -1)
        read = np.diag(self.read) + np.diag(self.read_beside, 1) + np.diag(self.read_beside, -1)
        return photon, read


@dataclass(frozen=True)
class ReadPattern:
    """Times of the reads that are averaged into each group.

    Parameters
    ----------
    read_times : tuple of tuple of float
        Seconds, for each group.

    Raises
    ------
    InputError
        A group has no reads, or groups do not follow each other in time.
    """

    read_times: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if not all(self.read_times):
            raise InputError("A group has no read times (meta.exposure.read_times), which the likelihood fit needs")
        if not np.isfinite(self.mean_times).all() or not (self.spacing > 0).all():
            raise InputError(
                "The mean read times of the groups do not increase (meta.exposure.read_times, or frame_time); "
                "correct them, or use ramp_fit.algorithm='OLS_C' without read times"
            )

    @classmethod
    def regular(cls, times: RampTimes, ngroups: int) -> ReadPattern:
        """Make the pattern of an exposure that averages as many frames into each group.

        Returns
        -------
        ReadPattern
        """
        step = times.nframes + times.groupgap
        frames = range(1, times.nframes + 1)
        return cls(
            tuple(
                tuple((frame + group * step) * times.exact_frame_time for frame in frames) for group in range(ngroups)
            )
        )

    @classmethod
    def of_exposure(cls, read_times: Sequence[object], ngroups: int) -> ReadPattern:
        """Make the pattern of an exposure that lists its read times.

        Parameters
        ----------
        read_times : sequence of numbers or of sequences of numbers
            Seconds.
        ngroups : int

        Returns
        -------
        ReadPattern

        Raises
        ------
        InputError
            They are not numbers, or not of as many groups.
        """
        try:
            groups = tuple(
                tuple(float(read) for read in np.atleast_1d(np.asarray(group, np.float64))) for group in read_times
            )
        except (TypeError, ValueError) as error:
            raise InputError(
                "The read times of the exposure (meta.exposure.read_times) are not lists of numbers, one for each group"
            ) from error
        if len(groups) != ngroups:
            raise InputError(
                f"The exposure has {ngroups} groups, but read times (meta.exposure.read_times) for {len(groups)}"
            )
        return cls(groups)

    def with_first_read(self) -> ReadPattern:
        """Make the pattern in which the first read of the first group is a group of its own.

        Returns
        -------
        ReadPattern
        """
        return self._with_first_read

    @cached_property
    def _with_first_read(self) -> ReadPattern:
        first = self.read_times[0]
        return ReadPattern((first[:1], first[1:], *self.read_times[1:]))

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of reads of each group: (ngroups,) ndarray of int."""
        return np.array([len(group) for group in self.read_times])

    @cached_property
    def mean_times(self) -> np.ndarray:
        """Mean time of the reads of each group, in seconds: (ngroups,) ndarray of float64."""
        return np.array([np.mean(group) for group in self.read_times])

    @cached_property
    def spacing(self) -> np.ndarray:
        """Seconds between the mean times of groups: (ngroups - 1,) ndarray of float64."""
        return np.diff(self.mean_times)

    def covariance(self) -> Covariance:
        """Find the covariance of the scaled differences for unit rate and unit noise of a single read.

        Returns
        -------
        Covariance
        """
        return self._covariance

    @cached_property
    def _covariance(self) -> Covariance:
        mean, step, share = self.mean_times, self.spacing, 1 / self.counts
        weighted = np.array([_weighted_time(np.array(group)) for group in self.read_times])
        beside = step[:-1] * step[1:]
        return Covariance(
            photon=(weighted[:-1] + weighted[1:] - 2 * mean[:-1]) / step**2,
            read=(share[:-1] + share[1:]) / step**2,
            photon_beside=(mean[1:-1] - weighted[1:-1]) / beside,
            read_beside=-share[1:-1] / beside,
        )


def _weighted_time(reads: np.ndarray) -> float:
    """The variance of the counts of a group for unit rate. Source: Brandt 2024a, eq. 11."""
    count = reads.size
    return float(((2 * count - 1 - 2 * np.arange(count)) * reads).sum() / count**2)
