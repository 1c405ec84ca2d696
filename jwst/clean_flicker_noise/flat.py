"""The flat field as it is used to find noise: without gaps. Source: spec clean_flicker_noise.md §3.1."""

from __future__ import annotations

import numpy as np

from jwst.clean_flicker_noise.image_background import background_image

__all__ = ["fill_flat"]


def fill_flat(flat: np.ndarray) -> np.ndarray:
    """Replace what is 0 or not finite by a smooth model of the rest, in place.

    Parameters
    ----------
    flat : (ny, nx) ndarray of float32

    Returns
    -------
    (ny, nx) ndarray of float32
        The same; 1 everywhere where nothing is known.
    """
    known = np.isfinite(flat) & (flat != 0)
    if known.all():
        return flat
    flat[~known] = 1
    if known.any():
        model = background_image(flat, known.copy())
        np.copyto(flat, np.float32(1) if model is None else model, where=~known)
    return flat
