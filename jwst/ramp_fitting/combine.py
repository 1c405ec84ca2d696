"""From the sums over segments to rates, variances and flags. Source: spec ramp_fit.md §5.4 to §5.7."""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import CHARGELOSS, DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from jwst.ramp_fitting.columns import column_sums
from jwst.ramp_fitting.ols import Block, BlockFit, FlaggedRamps, read_variance
from jwst.ramp_fitting.ramp_inputs import RampTimes, Rates
from jwst.ramp_fitting.segments import find_segments

__all__ = ["combine_block", "correct_charge_loss"]

_LIMIT = 1e6
_VOID = np.uint32(DO_NOT_USE | SATURATED)


def combine_block(block: Block, fit: BlockFit, integrations: Rates, exposure: Rates) -> None:
    """Write the results of a block into the planes of the products.

    Parameters
    ----------
    block : Block
    fit : BlockFit
    integrations, exposure : Rates
        (nints, ny, nx) and (ny, nx); updated in place.
    """
    nints = fit.sums.slope.shape[0]
    partial, integration_dq = _integration_flags(block, fit.flagged, nints)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        _fill_integrations(block, fit, integration_dq, integrations)
        exposure_dq = _exposure_flags(block, integration_dq)
        _fill_exposure(block, fit, exposure_dq, exposure)
    part = block.where
    integrations.dq.reshape(nints, -1)[:, part] = integration_dq | partial
    exposure.dq.reshape(-1)[part] = exposure_dq | np.bitwise_or.reduce(partial, axis=0)


def _integration_flags(block: Block, flagged: FlaggedRamps, nints: int) -> tuple[np.ndarray, np.ndarray]:
    """Flags of every integration, and apart from them SATURATED for ramps that are saturated in some group."""
    ngroups = flagged.groupdq.shape[0]
    dq = np.broadcast_to(block.pixeldq, (nints, block.size)).copy()
    partial = np.zeros_like(dq)
    any_flag = np.bitwise_or.reduce(flagged.groupdq, axis=0).astype(np.uint32)
    flags = any_flag & np.uint32(JUMP_DET | PERSISTENCE)
    flags[flagged.bad_groups == ngroups] |= np.uint32(DO_NOT_USE)
    flags[flagged.saturated_groups == ngroups] |= np.uint32(SATURATED)
    flags[(flagged.groupdq[0] & np.uint8(SATURATED)) != 0] |= _VOID
    dq.reshape(-1)[flagged.samples] |= flags
    partial.reshape(-1)[flagged.samples] = any_flag & np.uint32(SATURATED)
    return partial, dq


def _exposure_flags(block: Block, integration_dq: np.ndarray) -> np.ndarray:
    """Flags of the exposure before the rule for partly saturated ramps."""
    either = np.bitwise_or.reduce(integration_dq, axis=0) & np.uint32(JUMP_DET | PERSISTENCE)
    every = np.bitwise_and.reduce(integration_dq, axis=0) & _VOID
    return block.pixeldq | either | every


def _limited_inverse(total: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Variance from a sum of inverse variances; 0 where there is none, and where it is too large to mean anything."""
    result = np.divide(1.0, total, out=out)
    result[~(result < _LIMIT) | (result < 0)] = 0
    return result


def _fill_integrations(block: Block, fit: BlockFit, dq: np.ndarray, rates: Rates) -> None:
    """Rates of the integrations of a block."""
    part = block.where
    for index in range(dq.shape[0]):
        sums = fit.sums
        void = (dq[index] & _VOID) != 0
        read = _limited_inverse(sums.read[index])
        planes = {
            "slope": sums.slope[index] * read,
            "var_poisson": _limited_inverse(sums.poisson[index]),
            "var_rnoise": read,
            "err": np.sqrt(_limited_inverse(sums.total[index])),
        }
        for name, values in planes.items():
            values[void] = np.nan if name == "slope" else 0
            getattr(rates, name)[index].reshape(-1)[part] = values


def _fill_exposure(block: Block, fit: BlockFit, dq: np.ndarray, rates: Rates) -> None:
    """Rates of the exposure for a block."""
    part = block.where
    sums, void = fit.sums, (dq & _VOID) != 0
    poisson = _limited_inverse(column_sums(sums.poisson))
    read = _limited_inverse(column_sums(sums.read))
    planes = {
        "slope": column_sums(sums.slope) * read,
        "var_poisson": poisson,
        "var_rnoise": read,
        "err": np.sqrt(poisson + read),
    }
    for name, values in planes.items():
        values[void] = np.nan if name == "slope" else 0
        getattr(rates, name).reshape(-1)[part] = values


def correct_charge_loss(
    block: Block, fit: BlockFit, saved: np.ndarray, times: RampTimes, products: tuple[Rates, Rates]
) -> None:
    """Give ramps cut short by charge migration the read variance of the whole ramp. Source: spec §5.7.

    Parameters
    ----------
    block : Block
    fit : BlockFit
    saved : (nints, ngroups, ny, nx) ndarray of uint8
        Group flags before the one-group rule.
    times : RampTimes
    products : (Rates, Rates)
        Integrations and exposure; their ``var_rnoise`` is updated in place.
    """
    integrations, exposure = products
    nints, ngroups = saved.shape[:2]
    planes = saved.reshape(nints, ngroups, -1)[:, :, block.where]
    lost = (np.bitwise_or.reduce(planes, axis=1) & np.uint8(CHARGELOSS)) != 0
    lost &= block.gain > 0
    first_time = np.full((nints, block.size), times.group_time)
    if fit.flagged.first_time is not None:
        first_time.reshape(-1)[fit.flagged.samples] = fit.flagged.first_time
    variances = integrations.var_rnoise.reshape(nints, -1)
    places = np.arange(variances.shape[1])[block.where]
    with np.errstate(divide="ignore", invalid="ignore"):
        for index in range(nints):
            pixels = np.flatnonzero(lost[index])
            variances[index, places[pixels]] = _whole_ramp_variance(
                block, planes[index][:, pixels], pixels, first_time[index, pixels], times.group_time
            )
        pixels = places[lost.any(0)]
        found = variances[:, pixels].astype(np.float64)
        total = column_sums(np.where(found > 0, 1 / found, 0))
        exposure.var_rnoise.reshape(-1)[pixels] = _limited_inverse(total)


def _whole_ramp_variance(
    block: Block, flags: np.ndarray, pixels: np.ndarray, first_time: np.ndarray, group_time: float
) -> np.ndarray:
    """Read variance of ramps as if groups with CHARGELOSS were good."""
    flags = np.where((flags & np.uint8(CHARGELOSS)) != 0, flags ^ np.uint8(CHARGELOSS | DO_NOT_USE), flags)
    total = np.zeros(pixels.size)
    for group in find_segments(flags, first_saturated_ends=False).classes:
        where = pixels[group.ramps]
        time = first_time[group.ramps] if group.length == 1 else group_time
        total[group.ramps] += 1 / read_variance(group.length, block.gain[where], block.noise[where], time)
    return _limited_inverse(total)
