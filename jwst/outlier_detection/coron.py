"""Outliers of coronagraphic exposures. Source: spec outlier_detection_other.md, Coron."""

from __future__ import annotations

from typing import Any

import numpy as np

from jwst.outlier_detection.cubes import median_of_cube
from jwst.outlier_detection.flagging import flag_against_median
from jwst.outlier_detection.utils import Options, Products, check_cube, good_pixels, like, mark

__all__ = ["detect_outliers"]


def detect_outliers(model: Any, options: Options, *, products: Products | None = None) -> None:
    """Flag the outliers of each integration against the median of all, in place.

    Parameters
    ----------
    model : CubeModel
        ``dq`` gets OUTLIER and DO_NOT_USE, all other planes NaN where they are flagged; ``wht`` gets 1 for good pixels.
    options : Options
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
    good = good_pixels(model.dq, options.good_bits)
    median = median_of_cube(model.data, used=good if options.maskpt > 0 and good.any() else None)
    model.wht = good.astype(np.float32)
    if products is not None:
        products("median", str(model.meta.filename or ""), lambda: like(model, median))
    mark(model, flag_against_median(model.data, model.err, median, options.limits.snr[0]))
