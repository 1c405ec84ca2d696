"""Generalized least squares of ramps whose group differences have a tridiagonal covariance, ramp by ramp.

Every ramp of a block has its own covariance and its own choice of differences; the recursions run over groups, each
step of them over all ramps of the block. Source: spec ramp_fit.md §6.2; Brandt 2024a, §4 (there by determinants; here
by elimination, which needs no guard against overflow).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.ramp_fitting.likely_reads import Covariance

__all__ = ["LikelyBlock", "Solution", "Variances", "fit_variances", "solve"]


@dataclass(frozen=True)
class LikelyBlock:
    """Ramps that are fitted together: n differences of m ramps.

    Parameters
    ----------
    differences : (n, m) ndarray of float64, DN/s
        Differences of groups over the time between them.
    used : (n, m) ndarray of bool
        Differences that take part in the fit. Updated in place by the search for jumps.
    guess : (m,) ndarray of float64, DN/s
        Median of all differences.
    gain : (m,) ndarray of float64, e-/DN
    read_variance : (m,) ndarray of float64, DN^2
        Variance of a single read.
    dark : (m,) ndarray of float64, DN/s
    """

    differences: np.ndarray
    used: np.ndarray
    guess: np.ndarray
    gain: np.ndarray
    read_variance: np.ndarray
    dark: np.ndarray

    def take(self, where: np.ndarray) -> LikelyBlock:
        """Copy some of the ramps.

        Returns
        -------
        LikelyBlock
        """
        return LikelyBlock(*(getattr(self, name)[..., where] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Solution:
    """Fit of a block. V is the covariance of the used differences d, 1 a vector of ones.

    Parameters
    ----------
    rate : (m,) ndarray of float64, DN/s
    total : (m,) ndarray of float64
        ``1' V^-1 1``, the inverse of the variance of the rate.
    chisq : (m,) ndarray of float64
    ones : (n, m) ndarray of float64
        ``V^-1 1``, 0 for differences that are not used.
    residual : (n, m) ndarray of float64
        ``V^-1 (d - rate)``, 0 for differences that are not used.
    diagonal : (n, m) ndarray of float64
        Of ``V^-1``.
    beside : (n - 1, m) ndarray of float64
        What stands beside the diagonal of ``V^-1``.
    """

    rate: np.ndarray
    total: np.ndarray
    chisq: np.ndarray
    ones: np.ndarray
    residual: np.ndarray
    diagonal: np.ndarray
    beside: np.ndarray


@dataclass(frozen=True)
class Variances:
    """Variances of the rates of a block.

    Parameters
    ----------
    poisson, rnoise : (m,) ndarray of float64, (DN/s)^2
    """

    poisson: np.ndarray
    rnoise: np.ndarray


def solve(block: LikelyBlock, covariance: Covariance, rate: np.ndarray, *, inverse: bool = True) -> Solution:
    """Fit a rate to every ramp of a block.

    Parameters
    ----------
    block : LikelyBlock
    covariance : Covariance
    rate : (m,) ndarray of float64, DN/s
        The rate from which the photon noise is taken.
    inverse : bool
        Also give the elements of the inverse covariance; without, these two are empty.

    Returns
    -------
    Solution
        NaN where the covariance is not that of any noise: bad gain, NaN, or no differences.
    """
    electrons = rate / block.gain
    diagonal = np.multiply.outer(covariance.photon, electrons)
    diagonal += np.multiply.outer(covariance.read, block.read_variance)
    beside = np.multiply.outer(covariance.photon_beside, electrons)
    beside += np.multiply.outer(covariance.read_beside, block.read_variance)
    beside *= block.used[1:] & block.used[:-1]
    pivots, factors = _eliminate(diagonal, beside)
    values = (block.differences - block.guess) * block.used
    ones = _solve(pivots, factors, block.used.astype(np.float64))
    data = _solve(pivots, factors, values.copy())
    total = np.where((pivots > 0).all(axis=0), ones.sum(axis=0), np.nan)
    total[total == 0] = np.nan
    offset = np.einsum("ij,ij->j", ones, values) / total
    data -= offset * ones
    chisq = np.einsum("ij,ij->j", data, values)
    if inverse:
        diagonal, beside = _inverse(pivots, factors)
    return Solution(block.guess + offset, total, chisq, ones, data, diagonal, beside)


def _eliminate(diagonal: np.ndarray, beside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pivots and factors of the elimination from the first difference on; both inputs are overwritten with them."""
    scratch = np.empty(diagonal.shape[1])
    for index, edge in enumerate(beside):
        np.divide(edge, diagonal[index], out=scratch)
        np.multiply(edge, scratch, out=edge)
        diagonal[index + 1] -= edge
        edge[...] = scratch
    return diagonal, beside


def _solve(pivots: np.ndarray, factors: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve a tridiagonal system after elimination; ``right`` is overwritten with the solution."""
    scratch = np.empty(right.shape[1])
    for index, factor in enumerate(factors):
        np.multiply(factor, right[index], out=scratch)
        right[index + 1] -= scratch
    right /= pivots
    for index in range(len(factors) - 1, -1, -1):
        np.multiply(factors[index], right[index + 1], out=scratch)
        right[index] -= scratch
    return right


def _inverse(pivots: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Diagonal of the inverse after elimination, and what stands beside it; both inputs are overwritten with them."""
    scratch = np.empty(pivots.shape[1])
    diagonal = np.divide(1, pivots, out=pivots)
    for index in range(len(factors) - 1, -1, -1):
        factor = factors[index]
        np.multiply(factor, diagonal[index + 1], out=scratch)
        factor *= scratch
        diagonal[index] += factor
        np.negative(scratch, out=factor)
    return diagonal, factors


def fit_variances(
    solution: Solution, covariance: Covariance, electrons: np.ndarray, read_variance: np.ndarray
) -> Variances:
    """Split the variance of fitted rates into that of photons and that of reads.

    Parameters
    ----------
    solution : Solution
    covariance : Covariance
    electrons : (m,) ndarray of float64
        Rate over gain, from which the photon noise was taken.
    read_variance : (m,) ndarray of float64, DN^2

    Returns
    -------
    Variances
    """
    square = solution.ones**2
    product = 2 * solution.ones[1:] * solution.ones[:-1]
    scale = solution.total**-2.0
    photon = covariance.photon @ square + covariance.photon_beside @ product
    read = covariance.read @ square + covariance.read_beside @ product
    return Variances(photon * electrons * scale, read * read_variance * scale)
