"""Variances of a mosaic: arrays in, arrays out. Source: spec resample.md §4.7.

The variance of an input in an output pixel is the square of the drizzled standard deviation; those of the inputs are
added up with the squares of their weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jwst.resample.drizzling import DrizzleRule, Mosaic, Placement, Window
from jwst.resample.weights import inverse_variance

__all__ = [
    "VARIANCES",
    "InputVariances",
    "VarianceSums",
    "deviation",
    "drizzle_variances",
    "variances_of_sums",
]

VARIANCES = ("var_rnoise", "var_flat", "var_poisson")

_BLOCK = 1 << 16
"""Pixels that are added at one time."""


@dataclass(frozen=True)
class InputVariances:
    """Variances of one input in a window of the output.

    Attributes
    ----------
    window : Window
        Where they lie.
    planes : mapping of str to (ny, nx) ndarray of float32
        NaN where the input has no weight.
    """

    window: Window
    planes: Mapping[str, np.ndarray]


def drizzle_variances(
    planes: Mapping[str, np.ndarray], weight: np.ndarray, placement: Placement, rule: DrizzleRule, window: Window
) -> InputVariances:
    """Drizzle the variances of one input, each as standard deviation.

    Parameters
    ----------
    planes : mapping of str to (ny, nx) ndarray of float32
        Variances.
    weight : (ny, nx) ndarray of float32
        Weights of the pixels.
    placement : Placement
        Where the pixels lie in the window.
    rule : DrizzleRule
        How they are dropped.
    window : Window
        Part of the output that they reach.

    Returns
    -------
    InputVariances

    Notes
    -----
    A call of the library gives two sums over pixels, those of the weights and of weights times values. Two variances
    are done in one call where the first has no zero and no NaN: its standard deviation is part of the weights, the
    ratio of both is the value. A plane that is 0 wherever there is a weight needs no call.
    """
    job = _Job(weight, weight != 0, placement, rule, window)
    deviations = {name: deviation(plane) for name, plane in planes.items()}
    busy = [name for name in VARIANCES if name in deviations and np.any(deviations[name], where=job.used)]
    found, total = job.means(busy, deviations)
    if len(busy) < len(planes):
        total = job.mean(np.zeros_like(weight))[0] if total is None else total
        zero = np.where(total != 0, np.float32(0), np.float32(np.nan))
        found |= {name: zero.copy() for name in planes if name not in found}
    for plane in found.values():
        np.multiply(plane, plane, out=plane)
    return InputVariances(window, found)


def variances_of_sums(sums: Mapping[str, np.ndarray], weight: np.ndarray, window: Window) -> InputVariances:
    """Variances of one input from sums over overlaps.

    Parameters
    ----------
    sums : mapping of str to (ny, nx) ndarray of float32
        Of weights times standard deviations; given up.
    weight : (ny, nx) ndarray of float32
        Of the weights.
    window : Window
        Where they lie.

    Returns
    -------
    InputVariances
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        for plane in sums.values():
            np.divide(plane, weight, out=plane)
            np.multiply(plane, plane, out=plane)
    return InputVariances(window, sums)


@dataclass(frozen=True)
class _Job:
    """What all planes of an input have in common."""

    weight: np.ndarray
    used: np.ndarray
    placement: Placement
    rule: DrizzleRule
    window: Window

    def means(
        self, names: Sequence[str], planes: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """Weighted means of planes, and the sum of the weights."""
        found: dict[str, np.ndarray] = {}
        total = None
        paired = len(names) == 3 and _all_positive(planes[names[0]], self.used)
        for name in names[1:2] if paired else names:
            total, found[name] = self.mean(planes[name])
        if paired and total is not None:
            first, second = names[0], names[2]
            found[first], found[second] = self.pair(planes[first], planes[second], total)
        return found, total

    def mean(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sum of the weights, and weighted mean of values."""
        mosaic = Mosaic(self.window.shape, self.rule)
        mosaic.add(values, self.weight, self.placement)
        mosaic.fill(np.nan)
        return mosaic.weight, mosaic.data

    def pair(self, first: np.ndarray, second: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted means of two planes, the first of which is positive where there is a weight."""
        weights = np.zeros_like(first)
        np.multiply(self.weight, first, out=weights, where=self.used)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = second / first
        mosaic = Mosaic(self.window.shape, self.rule)
        mosaic.add(ratio, weights, self.placement)
        with np.errstate(divide="ignore", invalid="ignore"):
            np.divide(mosaic.weight, total, out=mosaic.weight)
        np.multiply(mosaic.data, mosaic.weight, out=mosaic.data)
        return mosaic.weight, mosaic.data


def deviation(variance: np.ndarray) -> np.ndarray:
    """Standard deviations of a variance plane (float32); NaN where it is negative."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(variance, dtype=np.float32)


def _all_positive(plane: np.ndarray, used: np.ndarray) -> bool:
    """Whether the used values of a plane are finite and greater than 0."""
    with np.errstate(invalid="ignore"):
        good = plane > 0
    good &= np.isfinite(plane)
    good |= ~used
    return bool(good.all())


def _add_block(plane: np.ndarray, weight: np.ndarray, total: np.ndarray, norm: np.ndarray) -> None:
    """Add a variance times the square of a weight to one sum, and the weight to another, where both can be used."""
    with np.errstate(invalid="ignore", over="ignore"):
        usable = (plane >= 0) & (plane < np.inf) & (weight > 0)
        plane *= weight
        plane *= weight
    np.copyto(plane, 0, where=~usable)
    total += plane
    norm += np.where(usable, weight, np.float32(0))


class VarianceSums:
    """Variances of a mosaic, summed over its inputs.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the output.

    Notes
    -----
    Sums are made in windows of the output, as float32.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._sums: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def add(self, variances: InputVariances, constant: float | None = None) -> None:
        """Add the variances of an input.

        Parameters
        ----------
        variances : InputVariances
            Of `drizzle_variances`. Changed.
        constant : float, optional
            Weight of the whole input. By default it is 1 over the variance of the read noise.
        """
        window = variances.window
        sums = {name: [array[window.index] for array in self._of(name)] for name in variances.planes}
        step = max(1, _BLOCK // window.shape[1])
        for start in range(0, window.shape[0], step):
            rows = slice(start, start + step)
            planes = {name: plane[rows] for name, plane in variances.planes.items()}
            weight = self._weight(planes, (min(step, window.shape[0] - start), window.shape[1]), constant)
            for name, plane in planes.items():
                total, norm = sums[name]
                _add_block(plane, weight, total[rows], norm[rows])

    def result(self, name: str, ratio: float) -> np.ndarray:
        """Variance of the mosaic; its sums are given up.

        Parameters
        ----------
        name : str
            Of a plane.
        ratio : float
            Output to input pixel scale.

        Returns
        -------
        (ny, nx) ndarray of float32
            NaN where nothing contributes.
        """
        total, norm = self._of(name)
        del self._sums[name]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            total /= np.float32(ratio**2)
            total /= norm
            total /= norm
        return total

    def _of(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        if name not in self._sums:
            self._sums[name] = np.zeros(self._shape, np.float32), np.zeros(self._shape, np.float32)
        return self._sums[name]

    @staticmethod
    def _weight(planes: Mapping[str, np.ndarray], shape: tuple[int, int], constant: float | None) -> np.ndarray:
        """Weight of an input in each pixel of its window."""
        if constant is not None:
            return np.full(shape, constant, dtype=np.float32)
        if "var_rnoise" not in planes:
            return np.zeros(shape, dtype=np.float32)
        weight = inverse_variance(planes["var_rnoise"])
        np.copyto(weight, 0, where=planes["var_rnoise"] < 0)
        return weight
