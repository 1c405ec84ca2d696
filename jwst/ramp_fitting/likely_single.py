"""The likelihood fit of ramps with flags of their own, or with jumps.

Source: spec ramp_fit.md §6.2 to §6.4.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, JUMP_DET, SATURATED
from jwst.ramp_fitting.likely_clean import median_difference
from jwst.ramp_fitting.likely_differences import Exposure
from jwst.ramp_fitting.likely_planes import LikelyPlanes
from jwst.ramp_fitting.likely_search import find_jumps, may_have_jumps
from jwst.ramp_fitting.likely_solve import LikelyBlock, fit_variances, solve

__all__ = ["fit_single_ramps"]


def fit_single_ramps(
    exposure: Exposure, index: int, pixels: np.ndarray, planes: LikelyPlanes, *, samples: int, all_faint_jumps: bool
) -> None:
    """Fit some ramps of an integration, each with its own flags, and search them for jumps.

    Parameters
    ----------
    exposure : Exposure
        Its group flags are updated in place: JUMP_DET where a jump is found.
    index : int
        Which integration.
    pixels : (m,) ndarray of int
    planes : LikelyPlanes
        Filled for these pixels.
    samples : int
        Samples that are fitted together.
    all_faint_jumps : bool
        See `find_jumps`.
    """
    size = max(1, samples // len(exposure.pattern.spacing))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        suspects = [_fit_calm_ramps(exposure, index, part, planes) for part in _parts(pixels, size)]
        for part in _parts(np.concatenate([pixels[:0], *suspects]), size):
            _fit_with_search(exposure, index, part, planes, all_faint_jumps=all_faint_jumps)


def _parts(pixels: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Cut a list of pixels."""
    for first in range(0, pixels.size, size):
        yield pixels[first : first + size]


def _fit_calm_ramps(exposure: Exposure, index: int, pixels: np.ndarray, planes: LikelyPlanes) -> np.ndarray:
    """Fit those ramps that cannot have a jump, and return the other pixels."""
    block, groupdq = _block(exposure, index, pixels)
    covariance = exposure.pattern.covariance()
    first = solve(block, covariance, np.where(block.guess < 0, 0, block.guess), inverse=False)
    suspect = may_have_jumps(block, first)
    if suspect.any():
        calm = np.flatnonzero(~suspect)
        _finish(exposure, pixels[calm], block.take(calm), first.rate[calm], planes)
        planes.dq[pixels[calm]] |= _flags(groupdq[:, calm])
    else:
        _finish(exposure, pixels, block, first.rate, planes)
        planes.dq[pixels] |= _flags(groupdq)
    return pixels[suspect]


def _fit_with_search(
    exposure: Exposure, index: int, pixels: np.ndarray, planes: LikelyPlanes, *, all_faint_jumps: bool
) -> None:
    """Search ramps for jumps and fit them without."""
    block, groupdq = _block(exposure, index, pixels)
    dropped = block.used.copy()
    averaged = exposure.pattern.counts[1:-1] > 1
    rate = find_jumps(block, exposure.pattern.covariance(), averaged, all_faint_jumps=all_faint_jumps)
    dropped &= ~block.used
    groupdq[1 - exposure.extra :] |= dropped.view(np.uint8) * np.uint8(JUMP_DET)
    exposure.groupdq[index][:, pixels] = groupdq
    _finish(exposure, pixels, block, rate, planes)
    planes.dq[pixels] |= _flags(groupdq)


def _finish(exposure: Exposure, pixels: np.ndarray, block: LikelyBlock, rate: np.ndarray, planes: LikelyPlanes) -> None:
    """Fit with the photon noise of the rate found so far, and write the results."""
    covariance = exposure.pattern.covariance()
    noise_rate = np.maximum(rate, 0) + block.dark
    solution = solve(block, covariance, noise_rate, inverse=False)
    variances = fit_variances(solution, covariance, noise_rate / block.gain, block.read_variance)
    planes.slope[pixels] = solution.rate
    planes.var_poisson[pixels] = variances.poisson
    planes.var_rnoise[pixels] = variances.rnoise
    planes.err[pixels] = np.sqrt(1 / solution.total)
    if planes.chisq is not None:
        planes.chisq[pixels] = solution.chisq


def _block(exposure: Exposure, index: int, pixels: np.ndarray) -> tuple[LikelyBlock, np.ndarray]:
    """Collect what the fit of some ramps needs, in float64, and their group flags."""
    ramps = exposure.ramps
    groupdq = exposure.groupdq[index][:, pixels]
    used = exposure.used(groupdq == 0)
    differences = exposure.differences(index, pixels, np.empty(used.shape, np.float64))
    noise, gain = (plane.reshape(-1)[pixels].astype(np.float64) for plane in (ramps.readnoise, ramps.gain))
    dark = np.zeros(pixels.size) if ramps.dark is None else ramps.dark.reshape(-1)[pixels].astype(np.float64)
    guess = median_difference(differences.copy())
    guess[~(np.isfinite(differences).all(axis=0) & (gain > 0))] = np.nan
    return LikelyBlock(differences, used, guess, gain, (noise / np.sqrt(2)) ** 2, dark), groupdq


def _flags(groupdq: np.ndarray) -> np.ndarray:
    """Flags of ramps from those of their groups: (m,) ndarray of uint32."""
    flags = (np.bitwise_or.reduce(groupdq, axis=0) & np.uint8(SATURATED | JUMP_DET)).astype(np.uint32)
    flags[((groupdq & np.uint8(SATURATED | DO_NOT_USE)) != 0).all(axis=0)] |= np.uint32(DO_NOT_USE)
    return flags
