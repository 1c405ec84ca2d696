"""Fit count rates to ramps by ordinary least squares. Source: spec ramp_fit.md §4, §5."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.ramp_fitting.clean import fit_clean_pixels, flagged_pixels
from jwst.ramp_fitting.combine import combine_block, correct_charge_loss
from jwst.ramp_fitting.ols import Block, BlockFit, fit_block
from jwst.ramp_fitting.optional import collect_optional
from jwst.ramp_fitting.prepare import prepare_ramps
from jwst.ramp_fitting.ramp_inputs import FitOptions, OptionalResults, Ramps, RampTimes, Rates
from jwst.ramp_fitting.usual import usual_windows

__all__ = ["RampFit", "fit_ramps"]

SAMPLES_PER_BLOCK = 1 << 18
GATHERED_PER_BLOCK = 1 << 16


@dataclass(frozen=True)
class RampFit:
    """Results of a fit.

    Parameters
    ----------
    exposure : Rates
        (ny, nx) planes.
    integrations : Rates
        (nints, ny, nx) planes.
    optional : OptionalResults or None
    """

    exposure: Rates
    integrations: Rates
    optional: OptionalResults | None


def fit_ramps(
    ramps: Ramps, times: RampTimes, options: FitOptions | None = None, *, block_samples: int = SAMPLES_PER_BLOCK
) -> RampFit | None:
    """Fit a straight line to the good groups of every ramp.

    Parameters
    ----------
    ramps : Ramps
        ``groupdq`` is updated in place (range of groups, one-group rule).
    times : RampTimes
    options : FitOptions, optional
    block_samples : int
        Ramps that are fitted together; changes memory and speed, never the result.

    Returns
    -------
    RampFit or None
        None where nothing can be fitted: every ramp is saturated in its first group, or too few groups are left.
    """
    options = options or FitOptions()
    prepared = prepare_ramps(ramps, options)
    if prepared is None:
        return None
    ramps, saved = prepared
    nints, _, ny, nx = ramps.data.shape
    integrations, exposure = Rates.empty((nints, ny, nx)), Rates.empty((ny, nx))
    noise = ramps.single_read_noise(times.nframes)
    fits: list[tuple[Block, BlockFit]] = []
    windows = usual_windows(ramps.groupdq)
    everything = options.optional_results or ramps.data.shape[1] == 1
    easy = None if everything else _fit_easy(ramps, noise, times, windows, (integrations, exposure))
    for where in _blocks(ramps, easy, max(1, block_samples // nints)):
        block = Block.of(ramps, noise, where, windows)
        fit = fit_block(block, times, options)
        combine_block(block, fit, integrations, exposure)
        if saved is not None:
            correct_charge_loss(block, fit, saved, times, (integrations, exposure))
        if options.optional_results:
            fits.append((block, fit))
    optional = collect_optional(ramps, times, fits, integrations) if fits else None
    return RampFit(exposure, integrations, optional)


def _fit_easy(
    ramps: Ramps, noise: np.ndarray, times: RampTimes, windows: tuple[slice, ...], products: tuple[Rates, Rates]
) -> np.ndarray | None:
    """Fit the pixels with the usual flags, and tell which they are; None where they are too few to begin with."""
    hard = flagged_pixels(ramps, windows)
    if np.count_nonzero(hard) > hard.size // 2:
        return None
    hard |= fit_clean_pixels(ramps, noise, times, windows=windows, integrations=products[0], exposure=products[1])
    return ~hard


def _blocks(ramps: Ramps, easy: np.ndarray | None, step: int) -> list[slice | np.ndarray]:
    """Divide the pixels that are left into blocks."""
    nints, _, ny, nx = ramps.data.shape
    if easy is None:
        return [slice(first, min(first + step, ny * nx)) for first in range(0, ny * nx, step)]
    pixels = np.flatnonzero(~easy)
    step = min(step, max(1, GATHERED_PER_BLOCK // nints))
    return [pixels[first : first + step] for first in range(0, pixels.size, step)]
