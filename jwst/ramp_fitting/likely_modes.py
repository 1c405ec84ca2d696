"""Generalized least squares of many ramps that use the same differences, by modes of their noise.

The covariance of the differences is ``rate / gain * P + variance * Q`` with matrices P and Q that are the same for all
pixels. Both are diagonal in one basis W (a generalized eigenvalue problem, solved once): ``W' Q W = 1`` and ``W' P W =
diag(spread)``. In this basis a pixel needs one division for each mode and no recursion. Source: spec ramp_fit.md §6.2
for the fit; the simultaneous diagonalization is textbook (Golub & Van Loan, Matrix Computations, §8.7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.ramp_fitting.likely_reads import Covariance

__all__ = ["NoiseModes"]

_SILENT = 1e-9


@dataclass(frozen=True)
class NoiseModes:
    """Modes of the noise of the differences that a fit uses.

    Parameters
    ----------
    basis : (k, n) ndarray of float64
        Row by row the modes; 0 for differences that are not used.
    spread : (k,) ndarray of float64
        Photon noise of each mode for unit rate in electrons.
    ones : (k,) ndarray of float64
        What the modes give for a constant rate.
    nloud : int
        The first ones of the modes see a constant rate; the others say only how well it fits.
    """

    basis: np.ndarray
    spread: np.ndarray
    ones: np.ndarray
    nloud: int

    @classmethod
    def of(cls, covariance: Covariance, used: np.ndarray) -> NoiseModes:
        """Find the modes.

        Parameters
        ----------
        covariance : Covariance
        used : (n,) ndarray of bool
            The differences that are fitted, at least one.

        Returns
        -------
        NoiseModes
        """
        where = np.flatnonzero(used)
        photon, read = (matrix[np.ix_(where, where)] for matrix in covariance.matrices())
        inverse = np.linalg.inv(np.linalg.cholesky(read))
        spread, vectors = np.linalg.eigh(inverse @ photon @ inverse.T)
        basis = vectors.T @ inverse
        ones = basis.sum(axis=1)
        loud = np.abs(ones) > _SILENT * np.abs(ones).max()
        order = np.argsort(~loud, kind="stable")
        full = np.zeros((where.size, used.size))
        full[:, where] = basis
        ones = np.where(loud, ones, 0)
        return cls(full[order], spread[order], ones[order], int(loud.sum()))
