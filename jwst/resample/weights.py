"""Weights of input pixels: arrays in, arrays out. Source: spec resample.md §2 and §4.2."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from stpipe.exceptions import InputError, MissingMetadataError, ParameterError

__all__ = ["GOOD_BITS", "WEIGHT_TYPES", "constant_weight", "good_mask", "inverse_variance", "weight_map"]

log = logging.getLogger(__name__)

GOOD_BITS = "~DO_NOT_USE+NON_SCIENCE"
"""Flags that a pixel may have: all but these two."""

WEIGHT_TYPES = ("ivm", "exptime")


def good_mask(dq: np.ndarray, bits: str | int | None) -> np.ndarray:
    """Find pixels that have none but harmless flags.

    Parameters
    ----------
    dq : (ny, nx) ndarray of uint32
        Flags.
    bits : str, int or None
        Flags that do no harm, by name or number; ``~`` before them names those that do. None: no flag does.

    Returns
    -------
    (ny, nx) ndarray of bool

    Raises
    ------
    ParameterError
        ``bits`` cannot be understood.
    """
    bad = _bad_bits(bits)
    return (dq & bad) == 0 if bad else np.ones(dq.shape, dtype=bool)


def _bad_bits(bits: str | int | None) -> np.uint32:
    """Flags that spoil a pixel, as one number."""
    from astropy.nddata.bitmask import interpret_bit_flags
    from stdatamodels.jwst.datamodels.dqflags import pixel

    try:
        good = interpret_bit_flags(bits, flag_name_map=pixel)
    except (ValueError, TypeError, KeyError) as error:
        raise ParameterError(f"The flags {bits!r} of good pixels cannot be understood: {error}") from error
    return np.uint32(0 if good is None else ~good & 0xFFFFFFFF)


def inverse_variance(variance: np.ndarray) -> np.ndarray:
    """Invert a variance plane.

    Parameters
    ----------
    variance : (ny, nx) ndarray of float32

    Returns
    -------
    (ny, nx) ndarray of float32
        1 over the variance; 0 where that is not finite.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        result = np.reciprocal(variance, dtype=np.float32)
    result[~np.isfinite(result)] = 0
    return result


def weight_map(model: Any, weight_type: str, good_bits: str | int | None = GOOD_BITS) -> np.ndarray:
    """Make the weights of the pixels of an exposure.

    Parameters
    ----------
    model : ImageModel
        With ``data`` and ``dq``; with ``var_rnoise`` for "ivm".
    weight_type : {"ivm", "exptime"}
        By the inverse variance of the read noise, or by the time of the exposure.
    good_bits : str, int or None, optional
        See `good_mask`; other pixels have the weight 0.

    Returns
    -------
    (ny, nx) ndarray of float32

    Raises
    ------
    ParameterError
        No such weights.
    MissingMetadataError
        The time is not known.
    InputError
        The flags have another shape than the data.
    """
    if weight_type not in WEIGHT_TYPES:
        raise ParameterError(f"weight_type is {weight_type!r}; it can be {' or '.join(map(repr, WEIGHT_TYPES))}")
    shape, dq = model.data.shape, model.dq
    if dq is not None and dq.shape != shape:
        raise InputError(f"{_name(model)}: the flags (DQ) have shape {dq.shape}, the data {shape}; they must be equal")
    if weight_type == "ivm":
        weights = _read_noise_weights(model)
    else:
        weights = np.full(shape, constant_weight(model), dtype=np.float32)
    if dq is not None:
        weights *= good_mask(dq, good_bits)
    return weights


def constant_weight(model: Any) -> float:
    """Time of an exposure that its pixels are weighted by: ``measurement_time``, else ``exposure_time``, s.

    Raises
    ------
    MissingMetadataError
        It has neither.
    """
    exposure = model.meta.exposure
    time = exposure.measurement_time if exposure.measurement_time is not None else exposure.exposure_time
    if time is None:
        raise MissingMetadataError(
            f"{_name(model)} has no exposure time to weight it by: set meta.exposure.measurement_time (TMEASURE) or "
            "meta.exposure.exposure_time (EFFEXPTM), or use weight_type='ivm'"
        )
    return float(time)


def _read_noise_weights(model: Any) -> np.ndarray:
    variance = getattr(model, "var_rnoise", None)
    if variance is not None and variance.shape == model.data.shape:
        return inverse_variance(variance)
    log.warning(
        "%s has no variance of the read noise (VAR_RNOISE) of the shape of its data; all its pixels have the weight 1",
        _name(model),
    )
    return np.ones(model.data.shape, dtype=np.float32)


def _name(model: Any) -> str:
    return str(model.meta.filename or "An exposure")
