"""The optional product: the fit of every segment. Source: spec ramp_fit.md §8."""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import JUMP_DET, SATURATED
from jwst.ramp_fitting.columns import column_products, column_sums
from jwst.ramp_fitting.ols import Block, BlockFit, SegmentFit
from jwst.ramp_fitting.ramp_inputs import OptionalResults, Ramps, RampTimes, Rates
from jwst.ramp_fitting.weights import exponent_index, line_fit

__all__ = ["collect_optional", "join_optional"]

_SEGMENT_PLANES = ("slope", "sigslope", "var_poisson", "var_rnoise", "yint", "sigyint", "weights")


def collect_optional(
    ramps: Ramps, times: RampTimes, fits: list[tuple[Block, BlockFit]], integrations: Rates
) -> OptionalResults:
    """Lay out the fits of all blocks as planes.

    Parameters
    ----------
    ramps : Ramps
    times : RampTimes
    fits : list of (Block, BlockFit)
        Made with ``optional_results``, so that every ramp was cut into segments.
    integrations : Rates
        For the pedestal.

    Returns
    -------
    OptionalResults
    """
    nints, _, ny, nx = ramps.data.shape
    count = max(fit.segments.counted for _, fit in fits)
    planes = {name: np.zeros((nints, count, ny, nx), np.float32) for name in _SEGMENT_PLANES}
    for block, fit in fits:
        for detail in fit.details:
            samples = fit.flagged.samples[detail.group.ramps]
            places = np.arange(ny * nx)[block.where][samples % block.size]
            where = (samples // block.size, detail.group.slots, places)
            for name, values in _segment_values(block, fit, detail).items():
                planes[name].reshape(nints, count, ny * nx)[where] = values
    return OptionalResults(**planes, pedestal=_pedestal(ramps, times, integrations), crmag=_cosmic_rays(ramps))


def join_optional(parts: list[OptionalResults]) -> OptionalResults:
    """Put the results of slices of rows together; unused slots are 0.

    Parameters
    ----------
    parts : list of OptionalResults
        In the order of the rows.

    Returns
    -------
    OptionalResults
    """
    if len(parts) == 1:
        return parts[0]
    return OptionalResults(**{name: _joined([vars(part)[name] for part in parts]) for name in vars(parts[0])})


def _joined(planes: list[np.ndarray]) -> np.ndarray:
    """Planes of all rows, with as many slots as the slice that has most; a pedestal has no slots."""
    first = planes[0]
    slots = (max(plane.shape[1] for plane in planes),) if first.ndim == 4 else ()
    result = np.zeros((first.shape[0], *slots, sum(plane.shape[-2] for plane in planes), first.shape[-1]), first.dtype)
    row = 0
    for plane in planes:
        where = (slice(plane.shape[1]),) if slots else ()
        result[(slice(None), *where, slice(row, row + plane.shape[-2]))] = plane
        row += plane.shape[-2]
    return result


def _segment_values(block: Block, fit: BlockFit, detail: SegmentFit) -> dict[str, np.ndarray]:
    """All quantities of the segments of one class."""
    group, length = detail.group, detail.group.length
    pixels = fit.flagged.pixels[group.ramps]
    noise, gain = block.noise[pixels], block.gain[pixels]
    data = fit.flagged.data[group.start : group.start + length, group.ramps]
    zero = np.zeros(pixels.size)
    values = {"slope": detail.slope, "var_poisson": detail.var_poisson, "var_rnoise": detail.var_rnoise}
    with np.errstate(divide="ignore", invalid="ignore"):
        values["weights"] = 1 / detail.var_rnoise
        sigslope = yint = sigyint = zero
        if length == 2:
            sigslope = sigyint = np.sqrt(2) * noise
            second = group.start + 1
            yint = data[1] * (1 - second) + data[0] * second
        elif length > 2:
            sigslope, yint, sigyint = _line(data, exponent_index(data[-1] - data[0], gain, noise), noise, group.start)
    return values | {"sigslope": sigslope, "yint": yint, "sigyint": sigyint}


def _line(
    data: np.ndarray, power: np.ndarray, noise: np.ndarray, start: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors of slope and intercept, and the intercept at group 0, of weighted fits."""
    fit, length = line_fit(data.shape[0]), data.shape[0]
    x = np.arange(start, start + length, dtype=np.float64)
    weight = fit.weight[power].T / noise**2
    data = np.nan_to_num(data, nan=0.0)
    sum_w, sum_wx, sum_wxx = column_sums(weight), column_products(x, weight), column_products(x * x, weight)
    sum_wy, sum_wxy = column_sums(weight * data), column_products(x, weight * data)
    determinant = sum_w * sum_wxx - sum_wx**2
    return (
        np.sqrt(sum_w / determinant),
        (sum_wxx * sum_wy - sum_wx * sum_wxy) / determinant,
        np.sqrt(sum_wxx / determinant),
    )


def _pedestal(ramps: Ramps, times: RampTimes, integrations: Rates) -> np.ndarray:
    """Signal at the start of each integration, (nints, ny, nx) float32 DN."""
    factor = ((times.nframes + 1) / 2 + times.drop_frames1) / (times.nframes + times.groupgap)
    pedestal = ramps.data[:, 0] - integrations.slope.astype(np.float64) * factor
    saturated = (ramps.groupdq & np.uint8(SATURATED)).all(axis=1)
    pedestal[np.isnan(pedestal) | saturated] = 0
    return pedestal.astype(np.float32)


def _cosmic_rays(ramps: Ramps) -> np.ndarray:
    """Steps of the groups flagged JUMP_DET, in time order, (nints, ncosmics, ny, nx) float32 DN."""
    jump = (ramps.groupdq[:, 1:] & np.uint8(JUMP_DET)) != 0
    order = np.cumsum(jump, axis=1) - 1
    nints, _, ny, nx = ramps.data.shape
    result = np.zeros((nints, int(jump.sum(1).max(initial=0)), ny, nx), np.float32)
    i, k, y, x = np.nonzero(jump)
    result[i, order[i, k, y, x], y, x] = ramps.data[i, k + 1, y, x] - ramps.data[i, k, y, x]
    return result
