"""Variances of a mosaic: arrays in, arrays out. Source: spec resample.md §4.7.

The variance of an input in an output pixel is the square of the drizzled standard deviation; those of the inputs are
added up with the squares of their weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jwst.lib.threads import in_threads, threads_allowed
from jwst.resample.drizzling import DrizzleRule, Mosaic, Placement, Window
from jwst.resample.weights import inverse_variance

__all__ = [
    "VARIANCES",
    "InputVariances",
    "VarianceSums",
    "deviation",
    "drizzle_variances",
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


class VarianceSums:
    """Variances of a mosaic, summed over its inputs.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the output.

    Notes
    -----
    Sums are made in windows of the output, as float32. The variances have one sum of weights as long as no pixel has
    some of them and lacks others.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._totals: dict[str, np.ndarray] = {}
        self._norms: dict[str, np.ndarray] = {}

    def add(self, variances: InputVariances, constant: float | None = None, *, sums: np.ndarray | None = None) -> None:
        """Add the variances of an input.

        Parameters
        ----------
        variances : InputVariances
            Of `drizzle_variances`. Changed.
        constant : float, optional
            Weight of the whole input. By default it is 1 over the variance of the read noise.
        sums : (ny, nx) ndarray of float32, optional
            Sums of the weights. With it, the planes are not variances but sums of weights times standard deviations.
        """
        window = variances.window
        self._make_room(variances.planes)
        step = max(1, _BLOCK // window.shape[1])
        blocks = [slice(start, start + step) for start in range(0, window.shape[0], step)]
        job = _Added(variances, constant, sums, self._totals, self._norms)
        done = in_threads(job.add_rows, blocks, threads_allowed())
        rest = [rows for rows, is_done in zip(blocks, done) if not is_done]
        if rest:
            self._norms = {name: norm.copy() for name, norm in self._norms.items()}
            job = _Added(variances, constant, None, self._totals, self._norms)
            for rows in rest:
                job.add_rows(rows)

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
        if name not in self._totals:
            return np.full(self._shape, np.nan, dtype=np.float32)
        total, norm = self._totals.pop(name), self._norms.pop(name)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            total /= np.float32(ratio**2)
            total /= norm
            total /= norm
        return total

    def _make_room(self, names: Iterable[str]) -> None:
        """Begin the sums of planes; those of weights are new where others have been summed already."""
        new = [name for name in names if name not in self._totals]
        if not new:
            return
        norm = np.zeros(self._shape, np.float32)
        for name in new:
            self._totals[name], self._norms[name] = np.zeros(self._shape, np.float32), norm


@dataclass(frozen=True, eq=False)
class _Added:
    """An input that is added, see `VarianceSums.add`."""

    variances: InputVariances
    constant: float | None
    sums: np.ndarray | None
    totals: Mapping[str, np.ndarray]
    norms: Mapping[str, np.ndarray]

    def add_rows(self, rows: slice) -> bool:
        """Add some rows; False if that was not possible because variances with one sum of weights differ."""
        index = self.variances.window.index
        planes = {name: plane[rows] for name, plane in self.variances.planes.items()}
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.sums is not None:
                for plane in planes.values():
                    np.divide(plane, self.sums[rows], out=plane)
                    np.multiply(plane, plane, out=plane)
            weight = self._weight(planes)
            usable = {name: (plane >= 0) & (plane < np.inf) for name, plane in planes.items()}
            if not self._is_shared(usable):
                return False
            for name, plane in planes.items():
                plane *= weight
                plane *= weight
                np.copyto(plane, 0, where=~(usable[name] & (weight > 0)))
                self.totals[name][index][rows] += plane
        for name in {id(norm): name for name, norm in self.norms.items() if name in planes}.values():
            added = np.maximum(weight, 0)
            np.copyto(added, 0, where=~usable[name])
            self.norms[name][index][rows] += added
        return True

    def _is_shared(self, usable: Mapping[str, np.ndarray]) -> bool:
        """Whether variances with one sum of weights can be used in the same pixels, and all of them are there."""
        for name, norm in self.norms.items():
            same = [usable.get(other) for other, found in self.norms.items() if found is norm and other != name]
            mine = usable.get(name)
            if any((one is None) != (mine is None) for one in same):
                return False
            if mine is not None and not all(np.array_equal(mine, one) for one in same if one is not None):
                return False
        return True

    def _weight(self, planes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Weight of the input in each pixel of some rows."""
        first = next(iter(planes.values()))
        if self.constant is not None:
            return np.full(first.shape, self.constant, dtype=np.float32)
        if "var_rnoise" not in planes:
            return np.zeros(first.shape, dtype=np.float32)
        weight = inverse_variance(planes["var_rnoise"])
        np.copyto(weight, 0, where=planes["var_rnoise"] < 0)
        return weight
