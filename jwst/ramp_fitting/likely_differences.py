"""Group differences of ramps for the likelihood fit, with or without a zero frame before the first group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.ramp_fitting.likely_reads import ReadPattern
from jwst.ramp_fitting.ramp_inputs import Ramps

__all__ = ["Exposure"]

Where = slice | np.ndarray


@dataclass(frozen=True)
class Exposure:
    """Flat views of an exposure: pixels along one axis.

    Parameters
    ----------
    ramps : Ramps
    pattern : ReadPattern
        Of the groups to fit: with a zero frame one more than in the data.
    data, groupdq : (nints, ngroups, npixels) ndarray
    first : (nints, npixels) ndarray of float32, optional
        Zero frames, DN, that are a group of their own.
    """

    ramps: Ramps
    pattern: ReadPattern
    data: np.ndarray
    groupdq: np.ndarray
    first: np.ndarray | None

    @classmethod
    def of(cls, ramps: Ramps, pattern: ReadPattern, *, first_reads: bool) -> Exposure:
        """Look at an exposure.

        Parameters
        ----------
        ramps : Ramps
        pattern : ReadPattern
        first_reads : bool
            Take the zero frames as a group of their own.

        Returns
        -------
        Exposure
        """
        nints, ngroups = ramps.data.shape[:2]
        first = ramps.zeroframe.reshape(nints, -1) if first_reads and ramps.zeroframe is not None else None
        return cls(
            ramps,
            pattern if first is None else pattern.with_first_read(),
            ramps.data.reshape(nints, ngroups, -1),
            ramps.groupdq.reshape(nints, ngroups, -1),
            first,
        )

    @property
    def extra(self) -> int:
        """Groups before the first one of the data: 0 or 1."""
        return int(self.first is not None)

    def used(self, good: np.ndarray) -> np.ndarray:
        """Find the differences between good groups.

        Parameters
        ----------
        good : (ngroups, ...) ndarray of bool

        Returns
        -------
        (n, ...) ndarray of bool
        """
        both = good[1:] & good[:-1]
        return both if self.first is None else np.concatenate([good[:1], both])

    def differences(self, integration: int, where: Where, out: np.ndarray) -> np.ndarray:
        """Find the differences of groups over the time between them, subtracted in float32 as the release does.

        Parameters
        ----------
        integration : int
        where : slice or ndarray of int
            Pixels.
        out : (n, m) ndarray of float32 or float64, DN/s
            Filled.

        Returns
        -------
        ndarray
            ``out``.
        """
        data = self.data[integration][:, where]
        if self.first is not None:
            nreads = len(self.pattern.read_times[1]) + 1
            first = self.first[integration, where]
            rest = (data[0] * np.float32(nreads) - first) / np.float32(nreads - 1)
            np.subtract(rest, first, out=out[0])
            np.subtract(data[1], rest, out=out[1])
            np.subtract(data[2:], data[1:-1], out=out[2:])
        else:
            np.subtract(data[1:], data[:-1], out=out)
        out *= (1 / self.pattern.spacing)[:, None].astype(out.dtype)
        return out
