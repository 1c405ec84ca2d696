"""Where on the detector the light of a slit falls. Source: spec assign_wcs_spectroscopy.md, Bounding boxes.

The released pipeline traces both ends of each slit at 24,000 wavelengths and more. The trace is smooth, so that here a
coarse part of the same wavelengths finds where it turns, and only the neighbourhood of that is traced at all of them:
the extremes are those of all wavelengths. The traces of all slits are evaluated together.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["Box", "box_of", "box_pixels", "on_detector", "quiet_boxes", "refined", "trace_extremes"]

_STEP = 1e-10
_COARSE = 256
_LAST = 2047.0
_PAD_X, _PAD_Y = 10.0, 2.0
_SIZE = 2048.0

Box = tuple[tuple[float, float], tuple[float, float]]


def trace_extremes(
    backward: Sequence[Any], limits: Sequence[tuple[float, float]], wavelengths: tuple[float, float], to_pixels: Any
) -> np.ndarray:
    """Extremes of the traces of the ends of slits.

    Parameters
    ----------
    backward : sequence of astropy.modeling.Model
        Of each of n slits: (x_slit, y_slit, wavelength in m) to direction cosines.
    limits : sequence of (float, float)
        Lower and upper end of each slit.
    wavelengths : (float, float), m
        Range.
    to_pixels : astropy.modeling.Model
        Direction cosines to pixels of the exposure.

    Returns
    -------
    (n, 2, 2) ndarray of float, pixel
        Minimum and maximum (last axis) of x and y; NaN for a slit without any trace.
    """
    count = int((wavelengths[1] - wavelengths[0]) / _STEP)
    fine = np.linspace(*wavelengths, count)
    stride = max(1, count // _COARSE)
    coarse = np.unique(np.append(np.arange(0, count, stride), count - 1))
    shape = (len(backward), 2, coarse.size)
    traces = _traces(backward, limits, fine[np.broadcast_to(coarse, shape)], to_pixels)
    turns = [coarse[_turn(trace, find)] for trace in traces for find in (np.nanargmin, np.nanargmax)]
    near = np.concatenate([turn[..., None] + np.arange(-stride, stride + 1) for turn in turns], axis=-1)
    values = _traces(backward, limits, fine[np.clip(near, 0, count - 1)], to_pixels)
    return np.stack([_extremes(trace) for trace in values], axis=1)


def _traces(
    backward: Sequence[Any], limits: Sequence[tuple[float, float]], wavelengths: np.ndarray, to_pixels: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the two ends of each slit at (n, 2, m) wavelengths: x and y, each of that shape."""
    outgoing = np.empty((3, *wavelengths.shape))
    for number, (model, ends) in enumerate(zip(backward, limits, strict=True)):
        at = wavelengths[number].ravel()
        along = np.repeat(np.array(ends, float), wavelengths.shape[-1])
        for part, values in zip(outgoing, model(np.zeros(at.size), along, at), strict=True):
            part[number] = values.reshape(wavelengths.shape[1:])
    x, y = to_pixels(*(part.ravel() for part in outgoing))
    return x.reshape(wavelengths.shape), y.reshape(wavelengths.shape)


def _turn(trace: np.ndarray, find: Any) -> np.ndarray:
    """Index of an extreme along the last axis; 0 where there is no number."""
    empty = np.isnan(trace).all(axis=-1, keepdims=True)
    return find(np.where(empty, 0.0, trace), axis=-1)


def _extremes(trace: np.ndarray) -> np.ndarray:
    """Minimum and maximum of (n, 2, m) values for each slit, (n, 2); NaN where there is no number."""
    flat = trace.reshape(len(trace), -1)
    return np.stack([np.fmin.reduce(flat, axis=1), np.fmax.reduce(flat, axis=1)], axis=1)


def box_of(extremes: np.ndarray) -> Box:
    """Bounding box around a trace.

    Parameters
    ----------
    extremes : (2, 2) ndarray of float, pixel
        Minimum and maximum of x and y.

    Returns
    -------
    ((float, float), (float, float)), pixel
        Limits of x and y; a trace that is not on the detector gives an empty range.
    """
    (x_low, x_high), (y_low, y_high) = extremes.tolist()
    return _padded(x_low, x_high, _PAD_X), _padded(y_low, y_high, _PAD_Y)


def _padded(low: float, high: float, pad: float) -> tuple[float, float]:
    """Limits of one axis, in the way of the released pipeline: one pixel further down than up."""
    return max(0.0, low - 1 - pad) - 0.5, min(_LAST, high - 1 + pad) + 0.5


@contextmanager
def quiet_boxes() -> Iterator[None]:
    """Let empty bounding boxes pass: those of slits beside the detector."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Invalid interval", RuntimeWarning)
        yield


def on_detector(box: Box) -> bool:
    """Whether any pixel of the detector is in a box."""
    (x_low, x_high), (y_low, y_high) = box
    inside = x_low < _SIZE and y_low < _SIZE and x_high > 0 and y_high > 0
    return inside and x_high - x_low >= 2 and y_high - y_low >= 1


def box_pixels(box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Pixels in a box.

    Parameters
    ----------
    box : Box

    Returns
    -------
    x, y : (rows, columns) ndarray of float
        As gwcs.wcstools.grid_from_bounding_box; empty where the box is.
    """
    x, y = (np.arange(np.floor(low + 0.5), np.ceil(high - 0.5) + 1) for low, high in box)
    grid_x, grid_y = np.meshgrid(x, y)
    return grid_x, grid_y


def refined(box: Box, finite: np.ndarray, y: np.ndarray) -> Box:
    """Narrow a box to the rows that have a wavelength.

    Parameters
    ----------
    box : Box
    finite : (rows, columns) ndarray of bool
        Pixels of the box with a wavelength.
    y : (rows, columns) ndarray of float
        Their rows.

    Returns
    -------
    Box
        The same range of x; the same box where no pixel has a wavelength.
    """
    rows = y[finite.any(axis=1), 0] if finite.size else np.empty(0)
    if not rows.size:
        return box
    return box[0], _padded(float(rows[0]), float(rows[-1]), _PAD_Y)
