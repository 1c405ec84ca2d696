"""Clipped means of samples in bins of phase. Source: spec emicorr.md, sequential algorithm 4."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jwst.lib.order_statistics import clipped_mean

__all__ = ["PhaseBins"]


class PhaseBins:
    """Collect samples by their phase, frame by frame.

    Parameters
    ----------
    count : int
        Bins of a period. Bin b has the phases from b / count, not included, to (b + 1) / count; phase 0 has no bin.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._edges = np.arange(count + 1) / count
        self._frames: list[tuple[NDArray[np.float32], NDArray[np.intp]]] = []

    def add(self, values: NDArray[np.float32], phase: NDArray[np.float64]) -> None:
        """Add the samples of a frame.

        Parameters
        ----------
        values : ndarray of float32
        phase : ndarray of float64, same shape
            From 0 to 1.
        """
        bins = self._bins(phase.reshape(-1))
        order = np.argsort(bins, kind="stable")
        ends = np.cumsum(np.bincount(bins, minlength=self._count + 1))
        self._frames.append((values.reshape(-1)[order], ends))

    def _bins(self, phase: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Number of the bin of each phase, counted from 1; 0 for none."""
        bins = np.ceil(phase * self._count).astype(np.uint16)
        bins -= (phase <= self._edges[np.maximum(bins, 1) - 1]) & (bins > 0)
        bins += phase > self._edges[bins]
        return bins

    def clipped_means(self) -> NDArray[np.float64]:
        """Sigma-clipped mean of each bin, NaN where there are no samples; shape (count,)."""
        return np.array([clipped_mean(self._members(b)) for b in range(self._count)])

    def _members(self, b: int) -> NDArray[np.float32]:
        return np.concatenate([values[ends[b] : ends[b + 1]] for values, ends in self._frames])
