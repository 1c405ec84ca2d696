"""Flag saturated samples of IRS2 frames. Source: spec saturation.md, "Algorithm, NIRSpec IRS2".

Only the rows of pixels are looked at, as if the reference rows between them were not there. A sample that hid a jump in
the second group counts as saturated from that group on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.lib.dqflags import AD_FLOOR, DO_NOT_USE, SATURATED
from jwst.saturation.saturation import FramePattern, SaturationLimits, grown

__all__ = ["Irs2Rule", "flag_irs2_saturation"]

_TILE_ROWS = 16
_FLOOR = np.uint8(AD_FLOOR | DO_NOT_USE)
_SATURATED = np.uint8(SATURATED)


@dataclass(frozen=True, eq=False)
class Irs2Rule:
    """How saturation is flagged.

    Parameters
    ----------
    grow : int
        Half width of the box of neighbours that are flagged too; 0 for none.
    pattern : FramePattern or None
        Averaging of frames, for the test of the second group; None switches it off.
    bias : (2048, 2048) ndarray of float32, DN, or None
        Superbias of the pixels, for that test; None stands for 0.
    """

    grow: int = 1
    pattern: FramePattern | None = None
    bias: np.ndarray | None = None


def flag_irs2_saturation(
    data: np.ndarray, groupdq: np.ndarray, limits: SaturationLimits, *, rows: np.ndarray, rule: Irs2Rule
) -> None:
    """Flag saturation and the A/D floor in IRS2 ramps.

    Parameters
    ----------
    data : (nints, ngroups, 3200, nx) ndarray of float32, DN
        Ramps, not changed. NaN is never saturated.
    groupdq : (nints, ngroups, 3200, nx) ndarray of uint8
        Updated in place; flags that are there stay and do not grow.
    limits : SaturationLimits
        Of the pixels: (2048, nx).
    rows : (2048,) ndarray of int
        Rows of pixels, rising.
    rule : Irs2Rule
    """
    ngroups, size = data.shape[1], len(rows)
    tiles = [slice(start, start + _TILE_ROWS) for start in range(0, size, _TILE_ROWS)]
    for ramps, flags in zip(data, groupdq):
        counts = np.zeros((size, data.shape[-1]), np.uint8 if ngroups < 256 else np.uint16)
        for tile in tiles:
            counts[tile] = _count(ramps[:, rows[tile]], limits.level[tile], rule, tile)
            _flag_floor(ramps, flags, rows[tile])
        counts = grown(counts[None], rule.grow)[0]
        for tile in tiles:
            _flag_last(flags, rows[tile], counts[tile])


def _count(ramps: np.ndarray, level: np.ndarray, rule: Irs2Rule, tile: slice) -> np.ndarray:
    """Number of groups from the first saturated one to the end, (nrows, nx)."""
    saturated = ramps >= level
    hit = np.logical_or.accumulate(saturated, axis=0)
    counts = hit.sum(axis=0)
    if rule.pattern is None or len(ramps) < 3 or not saturated[2].any():
        return counts
    y, x = np.nonzero(saturated[2])
    bias = np.zeros(y.size) if rule.bias is None else rule.bias[tile][y, x].astype(np.float64)
    jumped = rule.pattern.hidden_jump(ramps[0, y, x], ramps[1, y, x], level[y, x], bias)
    y, x = y[jumped], x[jumped]
    counts[y, x] = np.maximum(counts[y, x], len(ramps) - 1)
    return counts


def _flag_floor(ramps: np.ndarray, flags: np.ndarray, rows: np.ndarray) -> None:
    """Flag samples that are not positive."""
    for plane, dq in zip(ramps, flags):
        low = plane[rows] <= 0
        if low.any():
            dq[rows] |= low.view(np.uint8) * _FLOOR


def _flag_last(flags: np.ndarray, rows: np.ndarray, counts: np.ndarray) -> None:
    """Flag SATURATED in the last `counts` groups of each pixel."""
    ngroups = len(flags)
    for group in range(ngroups - int(counts.max(initial=0)), ngroups):
        flags[group, rows] |= (counts >= ngroups - group).view(np.uint8) * _SATURATED
