"""Fit count rates to ramps by ordinary least squares. Source: spec ramp_fit.md §4, §5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.ramp_fitting.clean import fit_clean_pixels, flagged_pixels
from jwst.ramp_fitting.combine import combine_block, correct_charge_loss
from jwst.ramp_fitting.ols import Block, BlockFit, fit_block
from jwst.ramp_fitting.optional import collect_optional, join_optional
from jwst.ramp_fitting.prepare import prepare_ramps
from jwst.ramp_fitting.ramp_inputs import FitOptions, OptionalResults, Ramps, RampTimes, Rates
from jwst.ramp_fitting.usual import unusual_flags, usual_windows
from stpipe.parallel import RowWork, sliced

__all__ = ["FitPlan", "RampFit", "fit_ramps", "fit_rows"]

SAMPLES_PER_BLOCK = 1 << 18
GATHERED_PER_BLOCK = 1 << 16
_SAMPLE = 4096


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
    written = {f"integrations_{name}": plane for name, plane in vars(integrations).items()}
    written |= {f"exposure_{name}": plane for name, plane in vars(exposure).items()}
    windows = usual_windows(ramps.groupdq)
    plan = FitPlan(times, options, windows, _mostly_usual(ramps.groupdq, windows), max(1, block_samples // nints))
    work = RowWork(
        "ramp_fit", fit_rows, read={**vars(ramps), "saved": saved}, written=written, constants={"plan": plan}
    )
    found = [part.result for part in sliced(work, cores=options.cores)]
    return RampFit(exposure, integrations, join_optional(found) if options.optional_results else None)


@dataclass(frozen=True)
class FitPlan:
    """How rows are fitted: decided for the whole image, so that slices of rows are fitted alike.

    Parameters
    ----------
    times : RampTimes
    options : FitOptions
    windows : tuple of slice
        Usual groups of each integration.
    mostly_usual : bool
        Whether most pixels have the usual flags.
    block_pixels : int
        Pixels that are fitted together.
    """

    times: RampTimes
    options: FitOptions
    windows: tuple[slice, ...]
    mostly_usual: bool
    block_pixels: int


def _mostly_usual(groupdq: np.ndarray, windows: tuple[slice, ...]) -> bool:
    """Judge by a sample of the pixels whether most have the usual flags."""
    nints, ngroups = groupdq.shape[:2]
    planes = groupdq.reshape(nints, ngroups, 1, -1)
    sample = np.ascontiguousarray(planes[..., :: max(1, planes.shape[3] // _SAMPLE)])
    return bool(np.count_nonzero(unusual_flags(sample, windows)) <= sample.shape[3] // 2)


def fit_rows(*, saved: np.ndarray | None, plan: FitPlan, **arrays: np.ndarray | None) -> OptionalResults | None:
    """Fit the ramps of some rows.

    Parameters
    ----------
    saved : (nints, ngroups, nrows, nx) ndarray of uint8 or None
        Group flags before the one-group rule, where any group has CHARGELOSS.
    plan : FitPlan
    **arrays
        Those of `Ramps` by name, and the planes of `Rates` as ``exposure_<name>`` and ``integrations_<name>``, which
        are filled.

    Returns
    -------
    OptionalResults or None
    """
    ramps = _collected(Ramps, "", arrays)
    integrations, exposure = _collected(Rates, "integrations_", arrays), _collected(Rates, "exposure_", arrays)
    times, options = plan.times, plan.options
    noise = ramps.single_read_noise(times.nframes)
    fits: list[tuple[Block, BlockFit]] = []
    everything = options.optional_results or ramps.data.shape[1] == 1
    easy = None if everything or not plan.mostly_usual else _fit_easy(ramps, noise, plan, (integrations, exposure))
    for where in _blocks(ramps, easy, plan.block_pixels):
        block = Block.of(ramps, noise, where, plan.windows)
        fit = fit_block(block, times, options)
        combine_block(block, fit, integrations, exposure)
        if saved is not None:
            correct_charge_loss(block, fit, saved, times, (integrations, exposure))
        if options.optional_results:
            fits.append((block, fit))
    return collect_optional(ramps, times, fits, integrations) if fits else None


def _collected(kind: Any, prefix: str, arrays: Mapping[str, np.ndarray | None]) -> Any:
    """Ramps or rates from arrays by name."""
    return kind(**{name: arrays[prefix + name] for name in kind.__dataclass_fields__})


def _fit_easy(ramps: Ramps, noise: np.ndarray, plan: FitPlan, products: tuple[Rates, Rates]) -> np.ndarray:
    """Fit the pixels with the usual flags, and tell which they are."""
    hard = flagged_pixels(ramps, plan.windows)
    hard |= fit_clean_pixels(
        ramps, noise, plan.times, windows=plan.windows, integrations=products[0], exposure=products[1]
    )
    return ~hard


def _blocks(ramps: Ramps, easy: np.ndarray | None, step: int) -> list[slice | np.ndarray]:
    """Divide the pixels that are left into blocks."""
    nints, _, ny, nx = ramps.data.shape
    if easy is None:
        return [slice(first, min(first + step, ny * nx)) for first in range(0, ny * nx, step)]
    pixels = np.flatnonzero(~easy)
    step = min(step, max(1, GATHERED_PER_BLOCK // nints))
    return [pixels[first : first + step] for first in range(0, pixels.size, step)]
