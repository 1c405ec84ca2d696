"""Fit count rates to ramps by maximum likelihood of their group differences, and find their jumps.

Source: spec ramp_fit.md §6; Brandt 2024a and 2024b (PASP 136, 045004 and 045005).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from jwst.ramp_fitting.likely_clean import fit_clean_ramps
from jwst.ramp_fitting.likely_combine import combine_integrations
from jwst.ramp_fitting.likely_differences import Exposure
from jwst.ramp_fitting.likely_planes import LikelyPlanes
from jwst.ramp_fitting.likely_reads import ReadPattern
from jwst.ramp_fitting.likely_single import fit_single_ramps
from jwst.ramp_fitting.prepare import limit_groups
from jwst.ramp_fitting.ramp_inputs import FitOptions, Ramps, Rates
from jwst.ramp_fitting.usual import unusual_flags, usual_windows
from stpipe.exceptions import InputError

__all__ = ["LIKELY_GROUPS", "LikelyFit", "fit_likely"]

log = logging.getLogger(__name__)

LIKELY_GROUPS = 4
"""Fewest groups for which the likelihood fit is used."""
SAMPLES_PER_BLOCK = 1 << 16


@dataclass(frozen=True)
class LikelyFit:
    """Results of the likelihood fit.

    Parameters
    ----------
    exposure : Rates
        (ny, nx) planes.
    integrations : Rates
        (nints, ny, nx) planes.
    optional : (ny, nx) ndarray of float32 or None
        Chi squared of the fit, summed over integrations; None unless optional results are asked for.
    """

    exposure: Rates
    integrations: Rates
    optional: np.ndarray | None


def fit_likely(
    ramps: Ramps, pattern: ReadPattern, options: FitOptions | None = None, *, block_samples: int = SAMPLES_PER_BLOCK
) -> LikelyFit:
    """Fit a rate to the good groups of every ramp, with the covariance of their differences.

    Parameters
    ----------
    ramps : Ramps
        ``groupdq`` is updated in place: range of groups, and JUMP_DET where the fit finds a jump.
    pattern : ReadPattern
        Read times of the groups of the data.
    options : FitOptions, optional
        Range of groups, and whether chi squared is wanted; the rest is for ordinary least squares.
    block_samples : int
        Samples that are fitted together; changes memory and speed, never the result.

    Returns
    -------
    LikelyFit

    Raises
    ------
    InputError
        Fewer than four groups, or arrays that do not belong together.
    """
    options = options or FitOptions()
    _check(ramps, pattern)
    limit_groups(ramps.groupdq, options.firstgroup, options.lastgroup)
    exposure = Exposure.of(ramps, pattern, first_reads=_takes_first_reads(ramps, pattern))
    nints, _, ny, nx = ramps.data.shape
    integrations = Rates.empty((nints, ny, nx))
    integrations.dq[...] = ramps.pixeldq
    total, chisq = np.zeros((2, ny * nx), np.float32) if options.optional_results else (None, None)
    windows = usual_windows(ramps.groupdq)
    for index, window in enumerate(windows):
        planes = LikelyPlanes.of(integrations, index, chisq)
        _fit_integration(exposure, index, (window, options.all_faint_jumps), planes, block_samples)
        if total is not None:
            total += chisq
    optional = None if total is None else total.reshape(ny, nx)
    return LikelyFit(combine_integrations(integrations), integrations, optional)


def _check(ramps: Ramps, pattern: ReadPattern) -> None:
    """Refuse arrays that do not belong together."""
    nints, ngroups, ny, nx = ramps.data.shape
    if ngroups < LIKELY_GROUPS:
        raise InputError(
            f"The likelihood fit needs {LIKELY_GROUPS} groups; this exposure has {ngroups}: use algorithm='OLS_C'"
        )
    if len(pattern.read_times) != ngroups:
        raise InputError(f"There are {ngroups} groups, but read times for {len(pattern.read_times)}")
    planes = {"gain": ramps.gain, "readnoise": ramps.readnoise, "pixeldq": ramps.pixeldq, "dark current": ramps.dark}
    for name, plane in planes.items():
        if plane is not None and plane.shape != (ny, nx):
            raise InputError(f"The {name} has shape {plane.shape}, the ramps have {(ny, nx)} pixels")
    if ramps.groupdq.shape != ramps.data.shape:
        raise InputError(f"The group flags have shape {ramps.groupdq.shape}, the ramps {ramps.data.shape}")
    if ramps.zeroframe is not None and ramps.zeroframe.shape != (nints, ny, nx):
        raise InputError(f"The zero frames have shape {ramps.zeroframe.shape}, not {(nints, ny, nx)}")


def _takes_first_reads(ramps: Ramps, pattern: ReadPattern) -> bool:
    """Whether the zero frames are a group of their own."""
    if ramps.zeroframe is None:
        return False
    if len(pattern.read_times[0]) > 1:
        return True
    log.warning("The first group is a single read, so the zero frames tell nothing new; they are not used")
    return False


def _fit_integration(
    exposure: Exposure, index: int, choices: tuple[slice, bool], planes: LikelyPlanes, block_samples: int
) -> None:
    """Fit the ramps with the usual flags, then one by one the others and those that may have jumps."""
    window, all_faint_jumps = choices
    hard = unusual_flags(exposure.ramps.groupdq[index : index + 1], (window,))
    fit_clean_ramps(exposure, index, window, planes, hard, samples=block_samples)
    pixels = np.flatnonzero(hard)
    fit_single_ramps(exposure, index, pixels, planes, samples=block_samples // 2, all_faint_jumps=all_faint_jumps)
