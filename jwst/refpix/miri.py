"""Remove offsets of MIRI detectors with reference pixels. Source: spec refpix.md §D.

The four amplifiers read every fourth column; each has one reference column on the left and one on the right. All
reference values of an integration are worked out first, then one pass over its groups subtracts them.
"""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE
from jwst.lib.miri import FULL_SHAPE
from jwst.refpix.clipped_mean import clipped_means

__all__ = ["correct_miri"]

_AMPLIFIERS = 4
_LEFT, _RIGHT = slice(0, _AMPLIFIERS), slice(FULL_SHAPE[1] - _AMPLIFIERS, FULL_SHAPE[1])
_TILE_PIXELS = 16384
_BATCH_GROUPS = 32


def correct_miri(
    data: np.ndarray, pixeldq: np.ndarray, *, odd_even_rows: bool = True, sigma_limit: float = 3.0
) -> bool:
    """Correct the groups of full-frame MIRI integrations, in place.

    Parameters
    ----------
    data : (nints, ngroups, 1024, 1032) ndarray of float32, DN
        Ramps, C-contiguous. The first group of an integration is what the others are compared with, and stays.
    pixeldq : (1024, 1032) ndarray of uint32
        Reference pixels with DO_NOT_USE are not used.
    odd_even_rows : bool
        Separate values for even and odd rows.
    sigma_limit : float
        Clipping limit of the means, in standard deviations.

    Returns
    -------
    bool
        False where an amplifier has no good reference pixel on one side, in a parity of rows: nothing is changed then.

    Notes
    -----
    Each step is rounded to single precision as in the released pipeline: the difference to the first group, the
    correction, and the sum with the first group.
    """
    parities = 2 if odd_even_rows else 1
    good = (_by_set(pixeldq[None], parities)[0] & np.uint32(DO_NOT_USE)) == 0
    if not good.any(axis=-1).all():
        return False
    for integration in data:
        for start in range(1, len(integration), _BATCH_GROUPS):
            groups = integration[start : start + _BATCH_GROUPS]
            _subtract(groups, integration[0], _offsets(groups, integration[0], good, sigma_limit))
    return True


def _by_set(planes: np.ndarray, parities: int) -> np.ndarray:
    """Reference pixels (nplanes, parities, 4 amplifiers, 2 sides, nrows) of some planes, in a copy."""
    number, ny, _ = planes.shape
    sides = np.stack([planes[:, :, _LEFT], planes[:, :, _RIGHT]], axis=2)
    return np.ascontiguousarray(
        sides.reshape(number, ny // parities, parities, 2, _AMPLIFIERS).transpose(0, 2, 4, 3, 1)
    )


def _offsets(groups: np.ndarray, first: np.ndarray, good: np.ndarray, limit: float) -> np.ndarray:
    """Offsets (ngroups, parities, 4 amplifiers) float32 of some groups."""
    parities = good.shape[0]
    values = _by_set(groups, parities) - _by_set(first[None], parities)
    sets = values.reshape(-1, values.shape[-1])
    usable = np.broadcast_to(good, values.shape).reshape(sets.shape)
    means = clipped_means(sets, usable, limit).reshape(values.shape[:-1])
    return np.float32(0.5) * (means[..., 0] + means[..., 1])


def _subtract(groups: np.ndarray, first: np.ndarray, offsets: np.ndarray) -> None:
    """Subtract the offsets from some groups, through the difference to the first group."""
    ngroups, ny, nx = groups.shape
    parities = offsets.shape[1]
    pattern = np.tile(offsets, (1, 1, nx // _AMPLIFIERS)).reshape(ngroups, parities * nx)
    reference = first.reshape(ny // parities, -1)
    planes = groups.reshape(ngroups, ny // parities, -1)
    rows = max(1, _TILE_PIXELS // pattern.shape[1])
    with np.errstate(invalid="ignore"):
        for start in range(0, reference.shape[0], rows):
            base = reference[start : start + rows]
            for plane, values in zip(planes, pattern):
                tile = plane[start : start + rows]
                np.subtract(tile, base, out=tile)
                np.subtract(tile, values, out=tile)
                np.add(tile, base, out=tile)
