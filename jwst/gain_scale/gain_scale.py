"""Rescaling of count rates for a non-standard detector gain.

Source: spec gain_scale.md.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

__all__ = ["scale_rates"]


def scale_rates(planes: Iterable[np.ndarray | None], variances: Iterable[np.ndarray | None], *, factor: float) -> None:
    """Multiply rates and errors by a factor, and variances by its square, in place.

    Parameters
    ----------
    planes : iterable of ndarray of float32 or None
        Data and errors, DN/s. Updated in place; None and empty arrays are passed over.
    variances : iterable of ndarray of float32 or None
        Variances of the data, (DN/s)^2. Updated in place.
    factor : float
        Gain factor.

    Notes
    -----
    Source: spec gain_scale.md, "Algorithm".
    """
    for arrays, scale in ((planes, factor), (variances, factor * factor)):
        for array in arrays:
            if array is not None and array.size:
                np.multiply(array, np.asarray(scale, array.dtype), out=array)
