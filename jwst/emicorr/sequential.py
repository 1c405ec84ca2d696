"""Interference found by sorting the samples of an exposure by phase. Source: spec emicorr.md, sequential algorithm.

Ramps are freed of their slope and level; what is left is averaged in bins of phase. This gives the wave of the data; a
reference wave, if there is one, is shifted and scaled to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jwst.emicorr.clock import OUTPUTS, Readout, frac, period, row_blocks, sum_of_outputs
from jwst.emicorr.phase_bins import PhaseBins
from jwst.emicorr.waveform import Wave
from jwst.lib.order_statistics import median

__all__ = ["Phasing", "correct_sequentially", "phasing_integrations"]

TILE = 1 << 16
"""Samples that are worked on together."""

MOST_BINS = 501
"""With more bins than this, 500 are made."""

FEWEST_QUADS = 4
_FEW_FITTED = 2
_DEFAULT_CYCLES = 3


@dataclass(frozen=True)
class Phasing:
    """How the wave of the data is found.

    Attributes
    ----------
    integrations : int or None
        Integrations that it is found in, the first ones; None leaves it to ``cycles``.
    cycles : int or None
        As many integrations as have this many periods; None for all.
    nbins : int or None
        Bins of a period; None for one bin for two clocks, at most 500.
    scale : bool
        Scale the reference wave to that of the data.
    """

    integrations: int | None = None
    cycles: int | None = _DEFAULT_CYCLES
    nbins: int | None = None
    scale: bool = True


def phasing_integrations(phasing: Phasing, frequency: float, readout: Readout, *, shape: tuple[int, int]) -> int:
    """Number of integrations in which the wave is found.

    Parameters
    ----------
    phasing : Phasing
    frequency : float, Hz
        The first frequency; the number holds for the following ones too.
    readout : Readout
    shape : (nints, ngroups)

    Returns
    -------
    int
        At most ``nints``.
    """
    nints, ngroups = shape
    if phasing.integrations is not None:
        return min(phasing.integrations, nints)
    if phasing.cycles is None:
        return nints
    return min(math.ceil(phasing.cycles * period(frequency) / (readout.frameclocks * ngroups)), nints)


def correct_sequentially(
    data: NDArray[np.float32], *, wave: Wave, readout: Readout, phasing: Phasing, integrations: int
) -> NDArray[np.float64]:
    """Find one frequency and subtract it, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps of three groups or more. Updated in place.
    wave : Wave
        Without samples the wave of the data is subtracted.
    readout : Readout
    phasing : Phasing
    integrations : int
        Integrations that the wave is found in; see `phasing_integrations`.

    Returns
    -------
    (nbins,) ndarray of float64, DN
        The wave of the data; NaN in bins without samples.
    """
    length = period(wave.frequency)
    found = _wave_of_data(data[:integrations], readout, length, nbins=_bin_count(phasing.nbins, length))
    _subtract(data, _lookup_table(found, wave, length, scale=phasing.scale), readout, length)
    return found


def _bin_count(nbins: int | None, length: float) -> int:
    count = int(length / 2) if nbins is None else nbins
    return 500 if count > MOST_BINS else count


def _wave_of_data(data: NDArray[np.float32], readout: Readout, length: float, *, nbins: int) -> NDArray[np.float64]:
    """Average what is left of ramps in bins of phase."""
    ngroups = data.shape[1]
    bins = PhaseBins(nbins)
    for i, ramps in enumerate(data):
        quads = _residuals(ramps)
        for g, plane in enumerate(quads):
            plane -= np.float32(median(plane))
            bins.add(plane, frac(readout.times(readout.start(i, g, ngroups)) / length))
    found = bins.clipped_means()
    with np.errstate(all="ignore"):
        return found - np.median(found)


def _residuals(ramps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Residuals of the ramps of an integration, averaged over the columns of a quad: (ngroups, ny, nx / 4)."""
    ngroups, ny, nx = ramps.shape
    quads = np.empty((ngroups, ny, nx // OUTPUTS), np.float32)
    for rows in row_blocks(ny, ngroups * nx, samples=TILE):
        block = ramps[:, rows] - ramps[1, rows]
        _remove_line(block)
        np.multiply(sum_of_outputs(block), np.float32(1 / OUTPUTS), out=quads[:, rows])
    outer = (quads[..., 0] + quads[..., 3]) / 2
    quads[..., 1], quads[..., 2] = outer, outer
    return quads


def _remove_line(block: NDArray[np.float32]) -> None:
    """Subtract slope and level of ramps, found without the first and the last group, in place.

    One group between these two has no slope: everything becomes NaN.
    """
    inner = block[1:-1]
    if len(inner) == 1:
        block[...] = np.nan
        return
    time = np.arange(len(inner), dtype=np.float32) - np.float32((len(inner) - 1) / 2)
    slope = np.tensordot(time / (time @ time), inner, axes=1)
    work = np.empty_like(slope)
    for g, plane in enumerate(block):
        plane -= np.multiply(slope, np.float32(g), out=work)
    block -= inner.min(axis=0) if len(inner) <= _FEW_FITTED else _middle(inner)


def _middle(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median along the first axis; NaN where one value is NaN."""
    ordered, upper = np.sort(planes, axis=0), len(planes) // 2
    middle = ordered[upper] if len(planes) % 2 else (ordered[upper - 1] + ordered[upper]) / 2
    middle[np.isnan(ordered[-1])] = np.nan
    return middle


def _rebin(values: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """Take the nearest lower sample of ``values`` at the steps of a period of ``size``, which may be fractional."""
    places = np.arange(math.ceil(size) + 1) * len(values) / size
    return values[places[places < len(values)].astype(np.intp)]


def _lookup_table(found: NDArray[np.float64], wave: Wave, length: float, *, scale: bool) -> NDArray[np.float64]:
    """What is subtracted at each clock of the period."""
    table = _rebin(found, length)
    if wave.samples is None:
        return table
    samples = np.asarray(wave.samples, dtype=np.float64)
    shifted = _rebin(np.roll(samples, _best_shift(samples, _rebin(found, len(samples)))), length)
    return _slope(shifted, table) * shifted if scale else shifted


def _best_shift(samples: NDArray[np.float64], found: NDArray[np.float64]) -> int:
    """Roll of the reference wave that correlates best with the wave of the data."""
    size = len(samples)
    centred, other = samples - samples.mean(), found - found.mean()
    rolled = centred[(np.arange(size) - np.arange(size)[:, None]) % size]
    correlation = rolled @ other
    return 0 if np.isnan(correlation).all() else int(np.argmax(correlation))


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Slope of the straight line through points."""
    centred = x - x.mean()
    return float(centred @ y / (centred @ centred))


def _subtract(data: NDArray[np.float32], table: NDArray[np.float64], readout: Readout, length: float) -> None:
    """Subtract the value of the table at the clock of each pixel, in place."""
    nints, ngroups, ny, _ = data.shape
    values = np.repeat(np.where(np.isfinite(table), table, 0).astype(np.float32), OUTPUTS).view(np.complex128)
    times = readout.times(0)
    for rows, frame in _frames(data, times):
        clock = (times[rows] + readout.start(*frame, ngroups)) / length
        frac(clock)
        clock *= length
        data[(*frame, rows)] -= values.take(clock.astype(np.intp), mode="clip").view(np.float32)


def _frames(data: NDArray[np.float32], times: NDArray[np.float64]) -> Iterator[tuple[slice, tuple[int, int]]]:
    nints, ngroups, ny, nx = data.shape
    for i in range(nints):
        for g in range(ngroups):
            for rows in row_blocks(ny, nx, samples=TILE):
                yield rows, (i, g)
