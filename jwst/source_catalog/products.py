"""What the step writes: the catalogue as text, and the segmentation map. Source: spec source_catalog.md, Products."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["CatalogFile", "segmentation_model"]


class CatalogFile:
    """A catalogue that can be saved like a model.

    Parameters
    ----------
    table : QTable
    """

    def __init__(self, table: Any) -> None:
        self.table = table

    def save(self, path: str) -> str:
        """Write an ECSV file, and return its path."""
        self.table.write(path, format="ascii.ecsv", overwrite=True)
        return path


def segmentation_model(model: Any, segments: Any) -> Any:
    """Make the segmentation map of an image.

    Parameters
    ----------
    model : ImageModel
        The image; the map gets its metadata.
    segments : (ny, nx) ndarray of int
        Labels of sources, 0 elsewhere.

    Returns
    -------
    SegmentationMapModel
    """
    from stdatamodels.jwst.datamodels import SegmentationMapModel

    result = SegmentationMapModel(np.asarray(segments).astype(np.uint32, copy=False))
    result.update(model, only="PRIMARY")
    result.meta.wcs = model.meta.wcs
    result.meta.wcsinfo = model.meta.wcsinfo
    return result
