"""Outliers of time series. Source: spec outlier_detection_other.md, TSO."""

from __future__ import annotations

from typing import Any

import numpy as np

from jwst.outlier_detection.cubes import median_of_cube, rolling_median
from jwst.outlier_detection.flagging import flag_against_median
from jwst.outlier_detection.utils import Options, Products, check_cube, good_pixels, like, mark

__all__ = ["detect_outliers"]


def detect_outliers(model: Any, options: Options, *, products: Products | None = None) -> None:
    """Flag the outliers of each integration against its neighbours in time, in place.

    Parameters
    ----------
    model : CubeModel
        ``dq`` gets OUTLIER and DO_NOT_USE, all other planes NaN where they are flagged.
    options : Options
        With ``window``, the integrations of the running median; where it is 1 or less, or as many as there are or
        more, there is one median of all.
    products : callable, optional
        Saves the median; see `jwst.outlier_detection.utils.Products`.

    Raises
    ------
    TypeError
        The model is no CubeModel.
    InputError
        It has no errors.
    """
    check_cube(model)
    if 1 < options.window < len(model.data):
        good = good_pixels(model.dq, options.good_bits)
        median = rolling_median(model.data, options.window, used=good if options.maskpt > 0 and good.any() else None)
    else:
        median = median_of_cube(model.data)
    if products is not None:
        products(
            "median", str(model.meta.filename or ""), lambda: like(model, np.broadcast_to(median, model.data.shape))
        )
    mark(model, flag_against_median(model.data, model.err, median, options.limits.snr[0]))
