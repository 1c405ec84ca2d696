"""Remove correlated noise of IRS2 frames with their reference pixels and reference output. Source: spec refpix.md §E7.

Each output is a time series in which the noise of its pixels is estimated from two others: that of its own reference
pixels and that of the reference output, each passed through a linear filter (Rauscher et al. 2017, PASP 129, 105003).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from jwst.lib.irs2 import SECTOR, SECTORS
from jwst.refpix.irs2_drift import without_drift
from jwst.refpix.irs2_layout import (
    line_places,
    low_pass,
    normal_lines,
    normal_places,
    repeated,
    sampled_lines,
    sampled_places,
)
from jwst.refpix.irs2_reference_output import fill_gaps
from jwst.refpix.irs2_transform import Spectrum, Transformer, new_series, transfer
from stpipe.exceptions import InputError

__all__ = ["Irs2Filters", "correct_irs2", "irs2_filters"]

_ITERATIONS = 3
_MEAN_ROWS = 16
_TILE_LINES = 64
_THREADS = 2


@dataclass(frozen=True, eq=False)
class Irs2Filters:
    """Filters of an exposure, arranged for the transforms.

    Parameters
    ----------
    alpha, beta : tuples of 4 transfer functions
        Of the reference output and of the own reference pixels, for each output of the detector.
    gaps : transfer function
        Of the interpolation of the reference output.
    """

    alpha: tuple[Spectrum, ...]
    beta: tuple[Spectrum, ...]
    gaps: Spectrum


def irs2_filters(table: np.ndarray, *, name: str = "the reference") -> Irs2Filters:
    """Arrange the coefficients of a reference.

    Parameters
    ----------
    table : (2916352,) structured ndarray
        Columns alpha_0 to beta_3, float32; real and imaginary parts in turn.
    name : str
        Of the reference, for the error.

    Returns
    -------
    Irs2Filters

    Raises
    ------
    InputError
        Coefficients are NaN or infinite.
    """
    columns = {name.lower(): name for name in table.dtype.names or ()}

    def factors(kind: str, output: int) -> np.ndarray:
        values = np.ascontiguousarray(table[columns[f"{kind}_{output}"]], np.float32)
        if not np.isfinite(values).all():
            raise InputError(
                f"{np.count_nonzero(~np.isfinite(values))} coefficients {kind}_{output} of {name} are NaN or infinite, "
                "which would spoil the whole output: use another refpix reference, or skip the step"
            )
        return values.view(np.complex64)

    outputs = range(SECTORS - 1)
    return Irs2Filters(
        tuple(transfer(factors("alpha", output)) for output in outputs),
        tuple(transfer(repeated(factors("beta", output))) for output in outputs),
        transfer(low_pass()),
    )


def correct_irs2(
    data: np.ndarray, filters: Irs2Filters, *, backwards: bool = False, preserve: bool = False
) -> np.ndarray:
    """Correct IRS2 ramps.

    Parameters
    ----------
    data : (nints, ngroups, 3200, 2048) ndarray of float32, DN
        In science orientation; bad reference pixels are replaced already. Overwritten with ``preserve``.
    filters : Irs2Filters
    backwards : bool
        Lines are read against the rows (NRS2).
    preserve : bool
        Keep the reference pixels.

    Returns
    -------
    (nints, ngroups, 2048 or 3200, 2048) ndarray of float32, DN
        With ``preserve`` the input itself. The reference output is interpolated there as it was used, and the reference
        lines between the normal ones hold corrected differences to the mean group.

    Notes
    -----
    The mean of the groups is left out of the correction, so that an integration of one group does not change.
    Transforms are in single precision, as in the released pipeline. A sample of the reference output that lies exactly
    on the fitted drift counts as missing.
    """
    nints, ngroups, _, nx = data.shape
    result = data if preserve else np.empty((nints, ngroups, (SECTORS - 1) * normal_lines().size, nx), np.float32)
    turn = slice(None, None, -1 if backwards else 1)
    for planes, corrected in zip(data[..., turn, turn], result[..., turn, turn]):
        if ngroups == 1:
            if not preserve:
                _copy_normal(planes[0], corrected[0])
            continue
        _correct_groups(filters, planes, corrected, preserve=preserve)
    return result


def _correct_groups(filters: Irs2Filters, planes: np.ndarray, corrected: np.ndarray, *, preserve: bool) -> None:
    """Correct the groups of an integration, in two threads where there are two cores; each group is by itself."""
    mean = _mean_group(planes)
    count = min(_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, len(planes))

    @np.errstate(invalid="ignore")
    def correct_share(first: int) -> None:
        worker = _Worker(filters, mean, preserve)
        for plane, target in zip(planes[first::count], corrected[first::count], strict=True):
            worker.correct(plane, target)

    if count < 2:
        correct_share(0)
        return
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(correct_share, range(count)))


@np.errstate(invalid="ignore")
def _mean_group(planes: np.ndarray) -> np.ndarray:
    """Mean of the groups, (3200, 2048) float64."""
    mean = np.empty(planes.shape[1:])
    for start in range(0, len(mean), _MEAN_ROWS):
        rows = slice(start, start + _MEAN_ROWS)
        np.mean(planes[:, rows], axis=0, dtype=np.float64, out=mean[rows])
    return mean


def _copy_normal(plane: np.ndarray, target: np.ndarray) -> None:
    """Copy the normal lines of a plane."""
    for sector in range(1, SECTORS):
        _part(target, sector)[...] = _sector(plane, sector)[normal_lines()]


def _sector(plane: np.ndarray, number: int) -> np.ndarray:
    """Lines of a sector in the order of time, a view."""
    lines = plane[SECTOR * number : SECTOR * (number + 1)]
    return lines[::-1] if number % 2 == 0 else lines


def _part(target: np.ndarray, number: int) -> np.ndarray:
    """The normal lines of a sector in a corrected plane without reference lines, in the order of time."""
    size = normal_lines().size
    lines = target[size * (number - 1) : size * number]
    return lines[::-1] if number % 2 == 0 else lines


class _Worker:
    """Corrects groups of an integration in memory of its own."""

    def __init__(self, filters: Irs2Filters, mean: np.ndarray, preserve: bool) -> None:
        self.filters, self.mean, self.preserve = filters, mean, preserve
        self.transformer = Transformer()
        self.lines = np.empty((SECTOR, mean.shape[1]), np.float32)
        self.series, self.sampled = new_series(), new_series()
        self.shared = self.transformer.spectrum(self.series)
        self.own = np.empty_like(self.shared)

    def correct(self, plane: np.ndarray, target: np.ndarray) -> None:
        """Correct one group, in readout order."""
        transformer, filters = self.transformer, self.filters
        without_drift(_sector(plane, 0), _sector(self.mean, 0), self.lines)
        self._interpolate()
        transformer.spectrum(self.series, out=self.shared)
        if self.preserve:
            np.add(
                self.series.ravel()[line_places()], _sector(self.mean, 0), out=_sector(target, 0), casting="same_kind"
            )
        for sector in range(1, SECTORS):
            without_drift(_sector(plane, sector), _sector(self.mean, sector), self.lines)
            self.sampled.ravel()[sampled_places()] = self.lines[sampled_lines()]
            transformer.spectrum(self.sampled, out=self.own)
            terms = [(self.own, filters.beta[sector - 1]), (self.shared, filters.alpha[sector - 1])]
            transformer.filtered(terms, out=self.series)
            self._subtract(sector, target)

    def _interpolate(self) -> None:
        """Make the series of the reference output; what is not a normal pixel there is interpolated."""
        normal, lines = normal_places(), normal_lines()
        fill_gaps(self.lines, out=self.series)
        self.lines[...] = self.series.ravel()[line_places()]
        for _ in range(_ITERATIONS):
            self.transformer.spectrum(self.series, out=self.own)
            self.transformer.filtered([(self.own, self.filters.gaps)], out=self.series)
            self.series.ravel()[normal] = self.lines[lines]

    def _subtract(self, sector: int, target: np.ndarray) -> None:
        """Subtract the estimated noise from a sector, and put the mean group back."""
        noise, lines, level, normal = self.series.ravel(), self.lines, _sector(self.mean, sector), normal_lines()
        if self.preserve:
            lines -= noise[line_places()]
            lines[normal] += level[normal]
            _sector(target, sector)[...] = lines
            return
        part = _part(target, sector)
        for start in range(0, len(normal), _TILE_LINES):
            tile = slice(start, start + _TILE_LINES)
            pixels = lines[normal[tile]]
            pixels -= noise[normal_places()[tile]]
            np.add(pixels, level[normal[tile]], out=part[tile], casting="same_kind")
