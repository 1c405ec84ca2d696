"""Search ramps for jumps: drop the group differences without which the fit is much better.

Source: spec ramp_fit.md §6.3; Brandt 2024b (PASP 136, 045005), §3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.ramp_fitting.likely_reads import Covariance
from jwst.ramp_fitting.likely_release import stops_the_search
from jwst.ramp_fitting.likely_solve import LikelyBlock, Solution, solve

__all__ = ["GAIN_OF_ONE", "GAIN_OF_TWO", "SAFE_CHISQ", "find_jumps", "may_have_jumps"]

GAIN_OF_ONE = 20.25
"""Least gain of chi squared for which one difference is dropped: 4.5 sigma for one degree of freedom."""
GAIN_OF_TWO = 23.8
"""Least gain of chi squared for which two neighbours are dropped: as likely, for two degrees of freedom."""
SAFE_CHISQ = GAIN_OF_ONE * (1 - 1e-3)
"""Chi squared below which no ramp can have a jump: dropping differences gains no more than that."""
_FEWEST = 2
_FEW = 3


@dataclass(frozen=True)
class _Gains:
    """What chi squared and the rate become without a difference, or without it and the next one: (n, m) ndarrays."""

    gain: np.ndarray
    rate: np.ndarray


def find_jumps(
    block: LikelyBlock, covariance: Covariance, averaged: np.ndarray, *, all_faint_jumps: bool = False
) -> np.ndarray:
    """Find jumps in every ramp of a block.

    Parameters
    ----------
    block : LikelyBlock
        ``used`` is updated in place: differences with a jump are dropped.
    covariance : Covariance
    averaged : (n - 1,) ndarray of bool
        Whether the group between two differences has more than one read. A jump within such a group changes both.
    all_faint_jumps : bool
        Search also the faint ramps in which the released pipeline finds no jump; see `stops_the_search`.

    Returns
    -------
    (m,) ndarray of float64, DN/s
        Rates without the dropped differences, with the photon noise of ``block.guess``.

    Notes
    -----
    Where only one difference would be left all choices are as good by chi squared, and the release decides by its
    rounding errors. Here the smallest difference is left: cosmic rays add charge.
    """
    noise = np.where(block.guess < 0, 0, block.guess)
    rates = np.empty_like(noise)
    active = np.arange(noise.size)
    for _ in range(len(block.differences)):
        if not active.size:
            break
        part = block.take(active)
        solution = solve(part, covariance, noise[active])
        rates[active] = solution.rate
        drop, new_rates = _worst(part, solution, averaged)
        if not all_faint_jumps:
            silent = np.flatnonzero(noise[active] == 0)
            stopped = stops_the_search(part.used[:, silent], part.read_variance[silent], covariance)
            drop[:, silent[stopped]] = False
        changed = drop.any(axis=0)
        pixels = active[changed]
        block.used[:, pixels] &= ~drop[:, changed]
        rates[pixels] = new_rates[changed]
        active = pixels[block.used[:, pixels].sum(axis=0) > _FEW]
    return rates


def may_have_jumps(block: LikelyBlock, solution: Solution) -> np.ndarray:
    """Find ramps that are worth a search.

    Parameters
    ----------
    block : LikelyBlock
    solution : Solution
        With the photon noise of ``block.guess``.

    Returns
    -------
    (m,) ndarray of bool
    """
    return np.asarray((solution.chisq > SAFE_CHISQ) & (block.used.sum(axis=0) >= _FEWEST))


def _worst(block: LikelyBlock, solution: Solution, averaged: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose the differences to drop, (n, m) ndarray of bool, and the rates without them, (m,) ndarray."""
    weight = solution.ones / solution.total
    free = solution.diagonal - weight * solution.ones
    one = _without_one(solution, weight, free)
    count = block.used.sum(axis=0)
    couples = np.flatnonzero(count == _FEWEST)
    _leave_smallest(block, solution, couples, one, 1)
    best = one.gain.max(axis=0)
    if not averaged.any():
        drop = one.gain == best
        drop &= block.used & ((best > GAIN_OF_ONE) & (count >= _FEWEST))
        return drop, _of_best(one)
    two = _without_two(solution, weight, free)
    two.gain[~averaged] = 0
    two.gain[:, couples] = 0
    _leave_smallest(block, solution, np.flatnonzero(count == _FEW), two, 2)
    best_two = two.gain.max(axis=0)
    single = best - GAIN_OF_ONE > best_two - GAIN_OF_TWO
    drop = (one.gain == best) & (single & (best > GAIN_OF_ONE))
    pairs = (two.gain == best_two) & (~single & (best_two > GAIN_OF_TWO))
    drop[:-1] |= pairs
    drop[1:] |= pairs
    drop &= block.used & (count >= _FEWEST)
    return drop, np.where(single, _of_best(one), _of_best(two))


def _leave_smallest(block: LikelyBlock, solution: Solution, ramps: np.ndarray, gains: _Gains, length: int) -> None:
    """Where dropping ``length`` neighbours leaves one difference, let that be the smallest; ``gains`` is updated."""
    if not ramps.size:
        return
    used, values = block.used[:, ramps], np.where(block.used, block.differences, 0)[:, ramps]
    windows = [slice(first, first + length) for first in range(len(gains.gain))]
    possible = np.array([used[window].all(axis=0) for window in windows]) & (gains.gain[:, ramps] > 0)
    left = values.sum(axis=0) - np.array([values[window].sum(axis=0) for window in windows])
    best = np.where(possible, left, np.inf).argmin(axis=0)
    chosen = possible & (np.arange(len(windows))[:, None] == best)
    some = possible.any(axis=0)
    rest = np.where(possible, 0, gains.gain[:, ramps])
    gains.gain[:, ramps] = np.where(chosen, solution.chisq[ramps], rest)
    gains.rate[:, ramps[some]] = left[best, np.arange(ramps.size)][some]


def _of_best(gains: _Gains) -> np.ndarray:
    """Rates of the choices with the largest gain, (m,) ndarray."""
    return np.take_along_axis(gains.rate, gains.gain.argmax(axis=0)[None], axis=0)[0]


def _without_one(solution: Solution, weight: np.ndarray, free: np.ndarray) -> _Gains:
    """Leave out every difference in turn; one that is not used gains nothing."""
    change = solution.residual / free
    return _Gains(solution.residual * change, solution.rate - change * weight)


def _without_two(solution: Solution, weight: np.ndarray, free: np.ndarray) -> _Gains:
    """Leave out every difference together with the next one. Source: Brandt 2024b, §3.2."""
    cross = solution.beside - weight[:-1] * solution.ones[1:]
    here, there = solution.residual[:-1], solution.residual[1:]
    determinant = free[:-1] * free[1:] - cross**2
    first = (here * free[1:] - there * cross) / determinant
    second = (there * free[:-1] - here * cross) / determinant
    gain = here * first + there * second
    return _Gains(gain, solution.rate - first * weight[:-1] - second * weight[1:])
