"""The likelihood fit of ramps with the usual flags, which all use the same differences.

A jump can improve the fit by no more than chi squared. So only ramps with a large chi squared need the search for
jumps; they are handed over to it. Source: spec ramp_fit.md §6.2, §6.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.lib.selection import middle_ranks, select_ranks
from jwst.ramp_fitting.likely_differences import Exposure
from jwst.ramp_fitting.likely_modes import NoiseModes
from jwst.ramp_fitting.likely_planes import LikelyPlanes
from jwst.ramp_fitting.likely_search import SAFE_CHISQ

__all__ = ["fit_clean_ramps", "median_difference"]

_MOSTLY = 0.5


def fit_clean_ramps(
    exposure: Exposure, index: int, window: slice, planes: LikelyPlanes, hard: np.ndarray, *, samples: int
) -> None:
    """Fit the ramps of an integration that have the usual flags.

    Parameters
    ----------
    exposure : Exposure
    index : int
        Which integration.
    window : slice
        Good groups of these ramps.
    planes : LikelyPlanes
        Filled for these ramps.
    hard : (npixels,) ndarray of bool
        Ramps with other flags. Updated in place: ramps that may have a jump, or are not fitted well, are added.
    samples : int
        Samples that are fitted together.
    """
    covariance = exposure.pattern.covariance()
    good = np.zeros(exposure.groupdq.shape[1], bool)
    good[window] = True
    modes = NoiseModes.of(covariance, exposure.used(good))
    size = max(1, samples // len(covariance.photon))
    scratch = _Scratch.of(len(covariance.photon), len(modes.spread), min(size, hard.size))
    for first in range(0, hard.size, size):
        where = slice(first, min(first + size, hard.size))
        if np.count_nonzero(hard[where]) > _MOSTLY * (where.stop - where.start):
            hard[where] = True
            continue
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            _fit_tile(exposure, index, where, modes, (planes, hard, scratch.cut(where.stop - where.start)))


@dataclass(frozen=True)
class _Scratch:
    """Arrays for a tile, made once: (rows, m) of float32 for the differences and of float64 for the rest."""

    steps: np.ndarray
    centred: np.ndarray
    modes: np.ndarray
    inverse: np.ndarray
    product: np.ndarray

    @classmethod
    def of(cls, ndifferences: int, nmodes: int, size: int) -> _Scratch:
        """Make them."""
        rows = (ndifferences, ndifferences, nmodes, nmodes, nmodes)
        steps = np.empty((ndifferences, size), np.float32)
        return cls(steps, *(np.empty((count, size), np.float64) for count in rows[1:]))

    def cut(self, size: int) -> _Scratch:
        """The first pixels of them; contiguous for all tiles but the last."""
        if size == self.steps.shape[1]:
            return self
        return _Scratch.of(len(self.steps), len(self.modes), size)


def median_difference(differences: np.ndarray) -> np.ndarray:
    """Median of the differences of every ramp; undefined where one of them is NaN.

    Parameters
    ----------
    differences : (n, m) ndarray of float32 or float64
        Overwritten.

    Returns
    -------
    (m,) ndarray of the same type
    """
    low, high = middle_ranks(len(differences))
    ranks = select_ranks(differences, (low,) if low == high else (low, high))
    median = ranks[0].copy()
    if low != high:
        median += ranks[1]
        median *= differences.dtype.type(0.5)
    return median


def _fit_tile(
    exposure: Exposure,
    index: int,
    where: slice,
    modes: NoiseModes,
    results: tuple[LikelyPlanes, np.ndarray, _Scratch],
) -> None:
    """Fit a tile of pixels: once with the median rate for the photon noise, then with the rate found."""
    planes, hard, scratch = results
    ramps = exposure.ramps
    gain = ramps.gain.reshape(-1)[where].astype(np.float64)
    noise = np.square(ramps.readnoise.reshape(-1)[where], dtype=np.float64)
    noise *= 0.5
    centred = exposure.differences(index, where, scratch.centred)
    np.copyto(scratch.steps, centred)
    guess = median_difference(scratch.steps).astype(np.float64)
    centred -= guess
    np.matmul(modes.basis, centred, out=scratch.modes)
    inverse = _inverse(modes.spread, np.maximum(guess, 0) / gain, noise, scratch.inverse)
    chisq, offset = _chisq(scratch.modes, inverse, modes.ones, scratch.product)
    unsure = ~(chisq <= SAFE_CHISQ) | ~(gain > 0) | ~(noise > 0)
    rate = np.maximum(guess + offset, 0)
    if ramps.dark is not None:
        rate += ramps.dark.reshape(-1)[where]
    rate /= gain
    unsure |= ~(rate * modes.spread.max() + noise > 0)
    hard[where] |= unsure
    if planes.chisq is not None:
        inverse = _inverse(modes.spread, rate, noise, scratch.inverse)
        planes.chisq[where] = _chisq(scratch.modes, inverse, modes.ones, scratch.product)[0]
    _final(modes, scratch, (guess, rate, noise), where, planes)


def _inverse(spread: np.ndarray, electrons: np.ndarray, noise: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Inverse variances of the modes."""
    np.multiply(spread[:, None], electrons, out=out)
    out += noise
    return np.reciprocal(out, out=out)


def _chisq(
    values: np.ndarray, inverse: np.ndarray, ones: np.ndarray, product: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Chi squared of the best rate, and by how much that rate differs from the guess."""
    np.multiply(values, inverse, out=product)
    weighted = ones @ product
    offset = weighted / (ones * ones @ inverse)
    product *= values
    chisq = np.add.reduce(product, axis=0)
    weighted *= offset
    chisq -= weighted
    return chisq, offset


def _final(
    modes: NoiseModes,
    scratch: _Scratch,
    inputs: tuple[np.ndarray, np.ndarray, np.ndarray],
    where: slice,
    planes: LikelyPlanes,
) -> None:
    """Rate and variances, of the modes that see a rate at all."""
    guess, rate, noise = inputs
    loud = slice(0, modes.nloud)
    ones = modes.ones[loud]
    squares = ones * ones
    inverse = _inverse(modes.spread[loud], rate, noise, scratch.inverse[loud])
    product = np.multiply(scratch.modes[loud], inverse, out=scratch.product[loud])
    scale = 1 / (squares @ inverse)
    offset = ones @ product
    offset *= scale
    np.add(offset, guess, out=planes.slope[where])
    np.sqrt(scale, out=planes.err[where])
    inverse *= inverse
    scale *= scale
    noise *= scale
    np.multiply(squares @ inverse, noise, out=planes.var_rnoise[where])
    scale *= rate
    np.multiply((squares * modes.spread[loud]) @ inverse, scale, out=planes.var_poisson[where])
