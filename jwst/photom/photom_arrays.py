"""Conversion of count rates to surface brightness: arrays in, arrays out.

Source: spec photom.md §4.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["VARIANCES", "convert"]

VARIANCES = ("var_poisson", "var_rnoise", "var_flat")


def convert(planes: Mapping[str, np.ndarray], factor: np.float32 | np.float64, *, inverse: bool = False) -> None:
    """Multiply data and errors by a factor, and variances by its square, in place.

    Parameters
    ----------
    planes : mapping of name to ndarray of float32
        Of any byte order; "data", "err" and `VARIANCES`, those that there are. Updated in place.
    factor : np.float32 or np.float64
        (MJy/sr)/(DN/s). The arithmetic is of its precision; results are rounded to float32.
    inverse : bool
        Divide instead.

    Notes
    -----
    Source: spec photom.md §4, 7.
    """
    apply = np.divide if inverse else np.multiply
    square = factor * factor
    with np.errstate(over="ignore", invalid="ignore"):
        for name, plane in planes.items():
            scale = square if name in VARIANCES else factor
            apply(plane, scale, out=plane, casting="same_kind")
