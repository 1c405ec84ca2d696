"""Data models of masks and of what was removed. Source: spec clean_flicker_noise.md §8, picture_frame.md."""

from __future__ import annotations

from typing import Any

import numpy as np

from jwst.lib.assignment import unvalidated

__all__ = ["product_of"]

_CLASSES = {2: "ImageModel", 3: "CubeModel", 4: "RampModel"}


def product_of(model: Any, array: np.ndarray) -> Any:
    """Make a model of an array, of a class that follows from its axes.

    Parameters
    ----------
    model : data model
        The exposure, from which the metadata come.
    array : (ny, nx), (nints, ny, nx) or (nints, ngroups, ny, nx) ndarray of float32

    Returns
    -------
    ImageModel, CubeModel or RampModel
    """
    from stdatamodels.jwst import datamodels

    product = getattr(datamodels, _CLASSES[array.ndim])()
    with unvalidated(product):
        product.data = array
        product.update(model)
        product.meta.filename = model.meta.filename
    return product
