"""Fit of an interference of known shape and of all ramps at once. Source: spec emicorr.md, joint algorithm.

In each bin of phases the ramps are summed over the pixels. A straight line, which stands for the signal of the sky, is
taken out of these sums and of the wave, so that the best amplitude at a trial phase is a ratio of two sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jwst.emicorr.clock import OUTPUTS, Readout, frac, period, row_blocks, sum_of_outputs
from jwst.emicorr.waveform import Wave, Waveform

__all__ = ["JointFit", "correct_jointly"]

TRIALS = 500
"""Trial phases in a period."""

TILE = 1 << 16
"""Samples that are worked on together."""

TABLE = 1 << 14
"""Phases of the table of a wave, which is linear between them: 512 KiB, which stays in the cache."""

FEW = 1 << 20
"""Up to this number of quads the wave is computed for each of them, without a table."""

_SMALLEST = 1e-8
_LIMIT = 2.0
_LEFT_OUT = slice(OUTPUTS, 3 * OUTPUTS)


@dataclass(frozen=True)
class JointFit:
    """What was found for a frequency.

    Attributes
    ----------
    amplitudes : (nints,) ndarray of float64
        Factors of the wave; 0 where no fit was possible.
    phases : (nints,) ndarray of float64
        Phase of the wave at the first pixel of each integration, not reduced to one period.
    """

    amplitudes: NDArray[np.float64]
    phases: NDArray[np.float64]


def correct_jointly(
    data: NDArray[np.float32],
    pixeldq: NDArray[np.uint32],
    *,
    wave: Wave,
    readout: Readout,
    separately: bool = False,
) -> JointFit:
    """Fit one frequency and subtract it, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps of three groups or more. Updated in place. One value that is not finite prevents a correction.
    pixeldq : (ny, nx) ndarray of uint32
        Flagged pixels take no part in the fit; they are corrected too.
    wave : Wave
        With samples.
    readout : Readout
    separately : bool
        Each integration has a phase and an amplitude of its own.

    Returns
    -------
    JointFit
    """
    ngroups, samples = data.shape[1], np.asarray(wave.samples)
    length = period(wave.frequency)
    waveform = Waveform(samples)
    phase = frac(readout.times(0, edge=False) / length)
    step = float(frac(np.array(readout.frame_length / length)))
    between = ngroups * step + readout.gap / length
    weights = _good_pixels(data, pixeldq)
    sums, count = _binned(data, weights, phase, nbins=len(samples))
    del weights
    grid = _Grid(*_chi_terms(sums, count, waveform, step), between)
    fit = _fit(grid, separately)
    if fit.amplitudes.any():
        _subtract(data, waveform, phase, step=step, fit=fit)
    return fit


def _good_pixels(data: NDArray[np.float32], pixeldq: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Give the pixels of each integration that take part a weight of 1, others 0; shape (nints, ny, nx)."""
    nints, ngroups, ny, nx = data.shape
    weights = np.empty((nints, ny, nx), np.float32)
    for i in range(nints):
        for rows in row_blocks(ny, nx, samples=TILE):
            _scatter(data[i, :, rows], out=weights[i, rows])
    np.less(weights, np.float32(_LIMIT) * np.median(weights), out=weights)
    weights *= pixeldq == 0
    weights[..., _LEFT_OUT] = 0
    return weights


def _scatter(block: NDArray[np.float32], *, out: NDArray[np.float32]) -> None:
    """Standard deviation over groups, in the order of operations of `numpy.std`."""
    mean, work = np.add.reduce(block, axis=0), np.empty_like(block[0])
    mean /= np.float32(len(block))
    out[...] = 0
    for plane in block:
        np.subtract(plane, mean, out=work)
        np.multiply(work, work, out=work)
        out += work
    out /= np.float32(len(block))
    np.sqrt(out, out=out)


def _binned(
    data: NDArray[np.float32], weights: NDArray[np.float32], phase: NDArray[np.float64], *, nbins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum the good pixels of each bin of phases: their values (nints, nbins, ngroups), and number (nints, nbins)."""
    nints, ngroups, ny, nx = data.shape
    bins = (phase * nbins).astype(np.intp)
    sums, count = np.zeros((nints, nbins, ngroups)), np.zeros((nints, nbins))
    for rows in row_blocks(ny, nx, samples=TILE):
        flat = bins[rows].reshape(-1)
        work = np.empty((bins[rows].shape[0], nx), np.float32)
        for i in range(nints):
            good = weights[i, rows]
            count[i] += np.bincount(flat, sum_of_outputs(good).reshape(-1), nbins)
            for g in range(ngroups):
                np.multiply(data[i, g, rows], good, out=work)
                sums[i, :, g] += np.bincount(flat, sum_of_outputs(work).reshape(-1), nbins)
    return sums, count


def _without_line(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract the best straight line along the last axis, in place."""
    size = values.shape[-1]
    time = np.arange(size) - (size - 1) / 2
    slope = values @ (time / (time @ time))
    values -= values.mean(axis=-1)[..., None]
    values -= slope[..., None] * time
    return values


def _chi_terms(
    sums: NDArray[np.float64], count: NDArray[np.float64], waveform: Waveform, step: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Terms A and B of chi2 = A C^2 + B C for all trial phases, each of shape (nints, 500).

    Phases of bins and trials lie on one lattice, so that the wave is evaluated once at each of its points.
    """
    nints, nbins, ngroups = sums.shape
    size = math.lcm(nbins, TRIALS)
    of_bin, of_trial = size // nbins, size // TRIALS
    points = np.empty((size, ngroups))
    np.add.outer((np.arange(size) + of_bin / 2) / size, np.arange(ngroups) * step % 1, out=points)
    template = _without_line(waveform(frac(points)))
    power = np.einsum("lg,lg->l", template, template)[:, None]
    ramps = _without_line(sums)
    square, cross = np.empty((nints, TRIALS)), np.empty((nints, TRIALS))
    spread = np.zeros((size, ngroups))
    for i in range(nints):
        spread[::of_bin] = ramps[i]
        cross[i] = _correlate(spread, template)[::of_trial]
        spread[::of_bin] = count[i][:, None]
        square[i] = _correlate(spread[:, :1], power)[::of_trial]
    return square, -2 * cross


def _correlate(values: NDArray[np.float64], template: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of ``values * roll(template, -shift)`` over both axes, for all shifts along the first one."""
    product = np.fft.rfft(values, axis=0).conj()
    product *= np.fft.rfft(template, axis=0)
    return np.fft.irfft(product.sum(axis=1), len(values))


@dataclass(frozen=True)
class _Grid:
    """Terms of chi2 at trial phases; ``between`` is the change of phase from one integration to the next."""

    square: NDArray[np.float64]
    cross: NDArray[np.float64]
    between: float

    def terms(self, phase: NDArray[np.float64], integrations: range) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Amplitude and chi2 of some integrations together, at phases of the first one."""
        square, cross = np.zeros(phase.shape), np.zeros(phase.shape)
        for i in integrations:
            index = _trial_at_or_above(phase, i * self.between)
            square += self.square[i, index]
            cross += self.cross[i, index]
        with np.errstate(all="ignore"):
            usable = (np.abs(square) > _SMALLEST) & np.isfinite(square) & np.isfinite(cross)
            amplitude = np.where(usable, -cross / (2 * square), 0)
            return amplitude, np.where(usable, (square * amplitude + cross) * amplitude, np.nan)


def _trial_at_or_above(phase: NDArray[np.float64], shift: float) -> NDArray[np.intp]:
    """Index of the first trial phase at or above ``phase + shift``, cyclically, as rounding decides."""
    guess = np.ceil((phase + shift) * TRIALS)
    candidates = np.sort((guess + np.array([[-1.0], [0.0], [1.0]])) % TRIALS, axis=0)
    beyond = (candidates / TRIALS - phase - shift) % 1
    return np.take_along_axis(candidates, beyond.argmin(axis=0)[None], axis=0)[0].astype(np.intp)


def _fit(grid: _Grid, separately: bool) -> JointFit:
    """Find the phase with the smallest chi2, and its amplitude, for all integrations or for each."""
    nints = len(grid.square)
    sets = [range(i, i + 1) for i in range(nints)] if separately else [range(nints)]
    best = [_fit_together(grid, some) for some in sets]
    amplitudes, phases = (np.array(values) for values in zip(*best))
    return JointFit(np.broadcast_to(amplitudes, nints).copy(), phases + np.arange(nints) * grid.between)


def _fit_together(grid: _Grid, integrations: range) -> tuple[float, float]:
    """Amplitude and phase of some integrations together."""
    chi = grid.terms(np.arange(TRIALS) / TRIALS, integrations)[1]
    phase = 0.0 if np.isnan(chi).all() else _vertex(chi, int(np.nanargmin(chi)))
    return float(grid.terms(np.array([phase]), integrations)[0][0]), phase


def _vertex(chi: NDArray[np.float64], lowest: int) -> float:
    """Vertex of the parabola through the lowest trial and its neighbours.

    Phases are not unwrapped at the ends of the period, as in the released pipeline.
    """
    places = np.array([lowest - 1, lowest, lowest + 1]) % TRIALS
    x, y = places / TRIALS, chi[places]
    if np.isnan(y).any() or (y == y[1]).all():
        return float(x[1])
    left, right = (y[1] - y[0]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])
    curvature = (right - left) / (x[2] - x[0])
    if curvature == 0:
        return float(x[1])
    return float((x[0] + x[1]) / 2 - left / (2 * curvature))


def _subtract(
    data: NDArray[np.float32], waveform: Waveform, phase: NDArray[np.float64], *, step: float, fit: JointFit
) -> None:
    """Subtract the fitted wave from all pixels, in place."""
    nints, ngroups, ny, nx = data.shape
    make = _Direct if nints * ngroups * phase.size <= FEW else _Tabulated
    source = make(waveform, phase)
    for i in range(nints):
        shifts = frac(np.arange(ngroups) * step + fit.phases[i])
        source.scale(float(fit.amplitudes[i]))
        for g in range(ngroups):
            for rows in row_blocks(ny, nx, samples=TILE):
                data[i, g, rows] -= source.rows(rows, float(shifts[g]))


class _Direct:
    """The wave computed for each quad."""

    def __init__(self, waveform: Waveform, phase: NDArray[np.float64]) -> None:
        self._waveform, self._phase, self._scale = waveform, phase, 1.0

    def scale(self, amplitude: float) -> None:
        """Set the amplitude."""
        self._scale = amplitude

    def rows(self, rows: slice, shift: float) -> NDArray[np.float64]:
        """Give the wave of some rows, shape (rows, nx)."""
        return np.repeat(self._scale * self._waveform(frac(self._phase[rows] + shift)), OUTPUTS, axis=1)


class _Tabulated:
    """The wave looked up in a table and its slopes. An entry is the same value for the four columns of a quad."""

    def __init__(self, waveform: Waveform, phase: NDArray[np.float64]) -> None:
        steps = phase * TABLE
        self._index = steps.astype(np.intp)
        steps -= self._index
        self._beyond = np.repeat((steps - 0.5).astype(np.float32), OUTPUTS, axis=1)
        self._values = waveform((np.arange(TABLE) + 0.5) / TABLE)
        self._changes = (np.roll(self._values, -1) - np.roll(self._values, 1)) / 2
        self._scale = math.nan
        self._slopes = np.empty((2 * TABLE, OUTPUTS), np.float32)
        self._table = np.empty_like(self._slopes)
        self._shift = math.nan

    def scale(self, amplitude: float) -> None:
        """Set the amplitude."""
        if amplitude != self._scale:
            self._slopes.reshape(2, TABLE, OUTPUTS)[...] = (amplitude * self._changes)[:, None]
            self._scale, self._shift = amplitude, math.nan

    def rows(self, rows: slice, shift: float) -> NDArray[np.float32]:
        """Give the wave of some rows, shape (rows, nx)."""
        first = round(shift * TABLE)
        if shift != self._shift:
            values = self._values + (shift * TABLE - first) * self._changes
            self._table.reshape(2, TABLE, OUTPUTS)[...] = (self._scale * values)[:, None]
            self._shift = shift
        result = self._quads(self._slopes, first, rows)
        result *= self._beyond[rows]
        result += self._quads(self._table, first, rows)
        return result

    def _quads(self, table: NDArray[np.float32], first: int, rows: slice) -> NDArray[np.float32]:
        quads = table.reshape(-1).view(np.complex128)[first : first + TABLE]
        return quads.take(self._index[rows], mode="clip").view(np.float32)
