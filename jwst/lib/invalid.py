"""Keep the arrays of a product consistent about pixels that cannot be used.

Source: spec common_imaging.md §2 (the rule INVALID-SYNC).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE

__all__ = ["FLOAT_PLANES", "sync_invalid", "sync_invalid_arrays"]

log = logging.getLogger(__name__)

FLOAT_PLANES = ("data", "err", "var_rnoise", "var_poisson", "var_flat")


def sync_invalid(model: Any) -> None:
    """Make every plane of a model, or of one slit, NaN where one of them is NaN or the pixel is not to be used.

    Parameters
    ----------
    model : data model or slit with ``data``
        Updated in place. Planes that do not exist are passed over.

    Raises
    ------
    TypeError
        The object has no image.
    """
    data = getattr(model, "data", None)
    if not isinstance(data, np.ndarray):
        raise TypeError(f"{type(model).__name__} has no single image whose planes could be made consistent")
    planes = {name: getattr(model, name, None) for name in FLOAT_PLANES}
    sync_invalid_arrays(
        {name: plane for name, plane in planes.items() if plane is not None}, getattr(model, "dq", None)
    )


def sync_invalid_arrays(planes: Mapping[str, np.ndarray], dq: np.ndarray | None) -> None:
    """Make planes consistent, in place.

    Parameters
    ----------
    planes : mapping of name to float ndarray
        With "data", whose shape the others must have; a plane of another shape is ignored with a WARNING.
    dq : ndarray of uint32 or None
        Gets DO_NOT_USE at invalid pixels; no other flag is changed.

    Notes
    -----
    Infinite values are valid.
    """
    shape = planes["data"].shape
    used = [plane for name, plane in planes.items() if _fits(name, plane, shape)]
    flags = dq if dq is not None and _fits("dq", dq, shape) else None
    leading = shape[0] if len(shape) > 2 else 1
    for index in range(leading):
        part = [plane[index] if len(shape) > 2 else plane for plane in used]
        _sync(part, None if flags is None else flags[index] if len(shape) > 2 else flags)


def _fits(name: str, plane: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether a plane has the shape of the data; a plane of another shape is reported, an absent one is not."""
    if plane.shape == shape:
        return True
    if plane.size:
        log.warning("%s has shape %s, not %s as the data have; it is left as it is", name, plane.shape, shape)
    return False


def _sync(planes: list[np.ndarray], dq: np.ndarray | None) -> None:
    """Apply the rule to planes of one shape."""
    invalid = np.isnan(planes[0])
    scratch = np.empty_like(invalid)
    for plane in planes[1:]:
        np.logical_or(invalid, np.isnan(plane, out=scratch), out=invalid)
    if dq is not None:
        np.not_equal(dq & np.uint32(DO_NOT_USE), 0, out=scratch)
        np.logical_or(invalid, scratch, out=invalid)
    if not invalid.any():
        return
    for plane in planes:
        np.copyto(plane, np.nan, where=invalid)
    if dq is not None:
        np.bitwise_or(dq, np.uint32(DO_NOT_USE), out=dq, where=invalid)
