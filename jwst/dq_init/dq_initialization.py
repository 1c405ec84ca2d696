"""Spread the static bad-pixel mask over the data-quality arrays. Source: spec dq_init.md."""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE
from stpipe.exceptions import InputError

__all__ = ["add_user_dq", "flag_bad_pixels"]

_TILE_PIXELS = 65536


def flag_bad_pixels(pixeldq: np.ndarray, groupdq: np.ndarray, mask: np.ndarray) -> None:
    """Merge the mask into the pixel flags, and its "do not use" into all groups.

    Parameters
    ----------
    pixeldq : (ny, nx) ndarray of uint32
        Updated in place; flags that are there stay.
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Updated in place. Only DO_NOT_USE is propagated.
    mask : (ny, nx) ndarray of uint32
        Standard flags of the bad-pixel mask.
    """
    np.bitwise_or(pixeldq, mask, out=pixeldq)
    ny, nx = mask.shape
    unusable = (mask & np.uint32(DO_NOT_USE)).astype(np.uint8)
    planes = groupdq.reshape(-1, ny, nx)
    rows = max(1, _TILE_PIXELS // nx)
    for start in range(0, ny, rows):
        flags = unusable[start : start + rows]
        if flags.any():
            tile = planes[:, start : start + rows]
            np.bitwise_or(tile, flags, out=tile)


def add_user_dq(mask: np.ndarray, user_dq: np.ndarray) -> None:
    """Merge the flags of a user into the mask.

    Parameters
    ----------
    mask : (ny, nx) ndarray of uint32
        Updated in place.
    user_dq : (ny, nx) ndarray of int
        Standard flags.

    Raises
    ------
    InputError
        The shapes differ.
    """
    if user_dq.shape != mask.shape:
        raise InputError(f"user_dq has shape={user_dq.shape} but expecting {mask.shape}, the shape of the exposure")
    np.bitwise_or(mask, user_dq.astype(np.uint32), out=mask)
