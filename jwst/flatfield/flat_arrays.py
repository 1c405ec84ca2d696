"""Division by a flat field: arrays in, arrays out.

Source: spec flat_field.md, "Algorithm".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, NO_FLAT_FIELD

__all__ = ["FlatPlanes", "SciencePlanes", "apply_flat", "clean_flat"]

TILE = 32768


@dataclass(frozen=True)
class FlatPlanes:
    """A flat field.

    Parameters
    ----------
    data, err : (ny, nx) ndarray of float32
        Flat, dimensionless, and its error.
    dq : (ny, nx) ndarray of uint32
        Standard flags.
    """

    data: np.ndarray
    err: np.ndarray
    dq: np.ndarray


@dataclass(frozen=True)
class SciencePlanes:
    """What is flat-fielded: arrays of one shape, (ny, nx) or (nints, ny, nx).

    Parameters
    ----------
    data, err : ndarray of float32
    var_poisson, var_rnoise : ndarray of float32, optional
        Absent for guider data, whose error then only grows by that of the flat.
    var_flat : ndarray of float32
        Receives the variance of the flat.
    """

    data: np.ndarray
    err: np.ndarray
    var_flat: np.ndarray
    var_poisson: np.ndarray | None = None
    var_rnoise: np.ndarray | None = None


def clean_flat(flat: FlatPlanes) -> FlatPlanes:
    """Make a flat usable everywhere, in place.

    Parameters
    ----------
    flat : FlatPlanes
        NaN and 0 are flagged NO_FLAT_FIELD and DO_NOT_USE; all pixels flagged DO_NOT_USE become 1. Updated in place.

    Returns
    -------
    FlatPlanes
        The same.

    Notes
    -----
    Source: spec flat_field.md, "Algorithm" 2-4.
    """
    data, dq = flat.data, flat.dq
    dq[np.isnan(data) | (data == 0)] |= np.uint32(DO_NOT_USE | NO_FLAT_FIELD)
    dq[(dq & np.uint32(NO_FLAT_FIELD)) != 0] |= np.uint32(DO_NOT_USE)
    data[(dq & np.uint32(DO_NOT_USE)) != 0] = 1
    return flat


def apply_flat(science: SciencePlanes, flat: FlatPlanes, *, inverse: bool = False) -> None:
    """Divide data by a flat and carry the errors along, in place.

    Parameters
    ----------
    science : SciencePlanes
        Updated in place.
    flat : FlatPlanes
        From `clean_flat`; not changed.
    inverse : bool
        Multiply instead, to undo an earlier division.

    Notes
    -----
    Works in bands of rows that fit the cache. Source: spec flat_field.md, "Algorithm" 5-7.
    """
    ny, nx = flat.data.shape
    rows = max(1, TILE // max(nx, 1))
    correct = _multiply if inverse else _divide
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for start in range(0, ny, rows):
            band = slice(start, start + rows)
            factor = flat.data[band]
            square = factor * factor
            for index in range(len(science.data) if science.data.ndim == 3 else 1):
                part = (index, band) if science.data.ndim == 3 else (band,)
                correct(science, part, (factor, square, flat.err[band]))


def _divide(science: SciencePlanes, part: tuple, flat: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Forward correction of one band; the order of operations is that of the specification."""
    factor, square, error = flat
    data, err, var_flat = science.data[part], science.err[part], science.var_flat[part]
    np.divide(data, factor, out=data)
    np.multiply(data, data, out=var_flat)
    np.divide(var_flat, square, out=var_flat)
    np.multiply(var_flat, error * error, out=var_flat)
    if science.var_poisson is None or science.var_rnoise is None:
        np.multiply(err, err, out=err)
    else:
        poisson, rnoise = science.var_poisson[part], science.var_rnoise[part]
        np.divide(poisson, square, out=poisson)
        np.divide(rnoise, square, out=rnoise)
        np.add(poisson, rnoise, out=err)
    np.add(err, var_flat, out=err)
    np.sqrt(err, out=err)


def _multiply(science: SciencePlanes, part: tuple, flat: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Inverse correction of one band."""
    factor, square, _ = flat
    data, err = science.data[part], science.err[part]
    np.multiply(data, factor, out=data)
    science.var_flat[part] = 0
    if science.var_poisson is None or science.var_rnoise is None:
        return
    poisson, rnoise = science.var_poisson[part], science.var_rnoise[part]
    np.multiply(poisson, square, out=poisson)
    np.multiply(rnoise, square, out=rnoise)
    np.add(poisson, rnoise, out=err)
    np.sqrt(err, out=err)
