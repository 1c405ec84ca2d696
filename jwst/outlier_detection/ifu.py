"""Outliers of integral-field exposures: pixels that stand out from their neighbours in every exposure of a detector.

Source: spec outlier_detection_other.md, IFU.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jwst.lib.dqflags import DO_NOT_USE
from jwst.outlier_detection.neighbours import FilterOptions, Found, outliers
from jwst.outlier_detection.utils import Products, check_planes, label, mark
from stpipe.exceptions import InputError

__all__ = ["detect_outliers"]

log = logging.getLogger(__name__)

_AXES = {"MIRI": 1, "NIRSPEC": 0}
"""Axis along which neighbours are compared: across the dispersion."""


def detect_outliers(models: Sequence[Any], options: FilterOptions, *, products: Products | None = None) -> None:
    """Flag the outliers of integral-field exposures, in place.

    Parameters
    ----------
    models : sequence of IFUImageModel
        Two exposures or more; otherwise the status becomes FAILED.
    options : FilterOptions
    products : callable, optional
        Saves what the outliers of each detector are found by; see `jwst.outlier_detection.utils.Products`.

    Raises
    ------
    InputError
        Exposures are of another instrument, or those of a detector have different shapes, or one lacks a plane.
    """
    if len(models) < 2:
        log.warning(
            "Outlier detection needs two exposures or more and got %d; nothing is flagged, and the status is FAILED",
            len(models),
        )
        for model in models:
            model.meta.cal_step.outlier_detection = "FAILED"
        return
    for detector, exposures in _by_detector(models).items():
        found = outliers([_good(model) for model in exposures], _axis(exposures[0]), options)
        if products is not None:
            make = partial(_product, exposures[0], found, options)
            products(f"{detector}_outlier_output", str(models[0].meta.filename or ""), make)
        for model in exposures:
            mark(model, found.flagged)


def _by_detector(models: Sequence[Any]) -> Mapping[str, list[Any]]:
    """Exposures of each detector, by name."""
    groups: dict[str, list[Any]] = {}
    for model in models:
        check_planes(model)
        groups.setdefault(str(model.meta.instrument.detector).lower(), []).append(model)
    for exposures in groups.values():
        for model in exposures:
            if model.data.shape != exposures[0].data.shape:
                raise InputError(
                    f"{label(model)} has the shape {model.data.shape} and {label(exposures[0])}, of the same detector, "
                    f"{exposures[0].data.shape}: they cannot be compared. Leave one out"
                )
    return dict(sorted(groups.items()))


def _axis(model: Any) -> int:
    instrument = model.meta.instrument.name
    if instrument not in _AXES:
        raise InputError(f"{label(model)} is of {instrument}; integral-field exposures are of {' and '.join(_AXES)}")
    return _AXES[instrument]


def _good(model: Any) -> NDArray[np.float32]:
    """Data with NaN for what is not to be used."""
    data = np.array(model.data, dtype=np.float32)
    if model.dq is not None:
        data[(model.dq & np.uint32(DO_NOT_USE)) != 0] = np.nan
    return data


def _product(model: Any, found: Found, options: FilterOptions) -> Any:
    """Make a model of what the outliers of a detector are found by."""
    from stdatamodels.jwst import datamodels

    product = datamodels.OutlierIFUOutputModel(
        diffarr=found.differences,
        minarr=found.least,
        normarr=found.norm.astype(np.float32),
        minnorm=found.ratio.astype(np.float32),
    )
    product.update(model)
    product.meta.kernel_ysize, product.meta.kernel_xsize = options.kernel
    product.meta.threshold_percent = options.threshold_percent
    return product
