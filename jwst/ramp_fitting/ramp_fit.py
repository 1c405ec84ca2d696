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
    for where in _hard_pixels(ramps, noise, times, options, (integrations, exposure), max(1, block_samples // nints)):
        block = Block.of(ramps, noise, where)
        fit = fit_block(block, times, options)
        combine_block(block, fit, integrations, exposure)
        if saved is not None:
            correct_charge_loss(block, fit, saved, times, (integrations, exposure))
        if options.optional_results:
            fits.append((block, fit))
    optional = collect_optional(ramps, times, fits, integrations) if fits else None
    return RampFit(exposure, integrations, optional)


def _hard_pixels(
    ramps: Ramps, noise: np.ndarray, times: RampTimes, options: FitOptions, products: tuple[Rates, Rates], step: int
) -> list[slice | np.ndarray]:
    """Fit the pixels without flags, and list the others in blocks."""
    count = noise.size
    everything: list[slice | np.ndarray] = [slice(first, min(first + step, count)) for first in range(0, count, step)]
    if options.optional_results or ramps.data.shape[1] == 1:
        return everything
    hard = flagged_pixels(ramps)
    if np.count_nonzero(hard) > count // 2:
        return everything
    hard |= fit_clean_pixels(ramps, noise, times, integrations=products[0], exposure=products[1])
    pixels = np.flatnonzero(hard)
    step = min(step, max(1, GATHERED_PER_BLOCK // ramps.data.shape[0]))
    return [pixels[first : first + step] for first in range(0, pixels.size, step)]
