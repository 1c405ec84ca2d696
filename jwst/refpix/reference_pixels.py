"""Remove offsets and drifts of near-infrared detectors with reference pixels. Source: spec refpix.md §A, §C1.

All corrections of a group are the sum of one vector along its rows and one along its columns. The vectors come from the
few reference pixels, for many groups at once; a single pass then subtracts them. Nothing is rotated: arrays are viewed
in readout order where reference pixels are picked, and the vectors are turned instead of the data. Infinite reference
pixels count as NaN: what would be corrected with them becomes NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import DTypeLike

from jwst.lib.dqflags import DO_NOT_USE, REFERENCE_PIXEL
from jwst.lib.orientation import FULL_SIZE, Placement
from jwst.refpix.clipped_mean import clipped_means
from jwst.refpix.side_signal import side_signal

__all__ = ["RefPixSettings", "amplifier_offsets", "correct_four_outputs", "correct_one_output", "correct_zeroframe"]

_BORDER = 4
_AMPLIFIERS = 4
_TILE_PIXELS = 32768
_BATCH_VALUES = 1 << 19

_EVERYWHERE = slice(0, FULL_SIZE)
_FIRST = slice(0, _BORDER)
_LAST = slice(FULL_SIZE - _BORDER, FULL_SIZE)


@dataclass(frozen=True)
class RefPixSettings:
    """How reference pixels are used.

    Parameters
    ----------
    odd_even_columns : bool
        Separate values for even and odd detector columns.
    use_side : bool
        Four outputs: subtract the signal of the side columns row by row.
    smoothing_length : int
        Height of the window of the running median, in rows; 1 switches the side correction off.
    side_gain : float
        Factor of the side signal.
    sigma_limit : float
        Clipping limit of the means, in standard deviations.
    """

    odd_even_columns: bool = True
    use_side: bool = True
    smoothing_length: int = 11
    side_gain: float = 1.0
    sigma_limit: float = 3.0

    @property
    def sides(self) -> bool:
        """Whether there is a side correction."""
        return self.use_side and self.smoothing_length > 1


@dataclass(frozen=True)
class _Strip:
    """A strip along one edge of the detector, in readout order: values of all planes, and which pixels are bad."""

    values: np.ndarray
    bad: np.ndarray


@np.errstate(invalid="ignore")
def correct_four_outputs(
    planes: np.ndarray,
    pixeldq: np.ndarray,
    *,
    placement: Placement,
    settings: RefPixSettings,
    follows: bool = False,
) -> None:
    """Correct groups that were read through four amplifiers.

    Parameters
    ----------
    planes : (nplanes, ny, nx) ndarray of float32, DN
        Groups of all integrations, or zero frames. Updated in place.
    pixeldq : (ny, nx) ndarray of uint32
        Reference pixels with DO_NOT_USE are not used.
    placement : Placement
        Where the array lies on the detector.
    settings : RefPixSettings
    follows : bool
        Other planes of the exposure were corrected before these: zero frames follow the groups.

    Notes
    -----
    Reference pixels outside a subarray count as bad. An amplifier without good reference pixels, in either parity, is
    left alone. With the side signal the released pipeline corrects the first plane of an exposure in single and all
    others, zero frames among them, in double precision; so does this, to the last bit.
    """
    unusable = (pixeldq & np.uint32(DO_NOT_USE)) != 0
    weight = 2 * _BORDER * FULL_SIZE
    if settings.sides:
        rows = placement.rows
        weight += 4 * _BORDER * settings.smoothing_length * (rows.stop - rows.start)
        if not follows:
            _correct_block(planes[:1], unusable, placement, settings, np.float32)
            planes = planes[1:]
    dtype = np.float64 if settings.sides else np.float32
    for batch in _batches(len(planes), weight):
        _correct_block(planes[batch], unusable, placement, settings, dtype)


def amplifier_offsets(
    planes: np.ndarray, pixeldq: np.ndarray, *, placement: Placement, settings: RefPixSettings
) -> np.ndarray:
    """Find the offsets of the amplifiers in double precision, without subtracting them.

    Parameters
    ----------
    planes : (nplanes, ny, nx) ndarray of float32, DN
    pixeldq : (ny, nx) ndarray of uint32
        Reference pixels with DO_NOT_USE are not used.
    placement : Placement
    settings : RefPixSettings

    Returns
    -------
    (nplanes, 2048) ndarray of float64, DN
        Of every detector column.
    """
    unusable = (pixeldq & np.uint32(DO_NOT_USE)) != 0
    edges = [_strip(planes, unusable, placement, edge, _EVERYWHERE, dtype=np.float64) for edge in (_LAST, _FIRST)]
    return _amplifier_offsets(edges, settings)


def _correct_block(
    block: np.ndarray, unusable: np.ndarray, placement: Placement, settings: RefPixSettings, dtype: DTypeLike
) -> None:
    """Correct some planes, with reference values of the given precision."""
    strip = partial(_strip, block, unusable, placement, dtype=dtype)
    offsets = _amplifier_offsets([strip(edge, _EVERYWHERE) for edge in (_LAST, _FIRST)], settings)
    side = None
    if settings.sides:
        flanks = [strip(_EVERYWHERE, flank) for flank in (_FIRST, _LAST)]
        side = _side_vector(flanks, offsets, settings, placement.rows)
    _subtract(block, placement, offsets[:, placement.columns], side)


@np.errstate(invalid="ignore")
def correct_one_output(
    planes: np.ndarray, pixeldq: np.ndarray, *, placement: Placement, settings: RefPixSettings
) -> None:
    """Correct groups of a subarray that was read through one amplifier.

    Parameters
    ----------
    planes : (nplanes, ny, nx) ndarray of float32, DN
        Groups of all integrations, or zero frames. Updated in place.
    pixeldq : (ny, nx) ndarray of uint32
        REFERENCE_PIXEL without DO_NOT_USE marks what is used.
    placement : Placement
        Where the subarray lies on the detector: even and odd columns are counted from the edge of the detector.
    settings : RefPixSettings

    Notes
    -----
    Without good reference pixels nothing changes; a parity that has none is left alone.
    """
    reference = (pixeldq & np.uint32(REFERENCE_PIXEL | DO_NOT_USE)) == REFERENCE_PIXEL
    columns = np.arange(placement.columns.start, placement.columns.stop)
    parity = columns % 2 if settings.odd_even_columns else np.zeros_like(columns)
    turned = placement.orientation.to_detector(reference)
    chosen = [_pixel_indices(turned & (parity == value), placement) for value in range(2)]
    number = sum(index.size for index in chosen)
    if number == 0:
        return
    for batch in _batches(len(planes), number):
        block = planes[batch]
        flat = block.reshape(len(block), -1)
        offsets = np.zeros((len(block), columns.size), np.float32)
        for value, index in enumerate(chosen):
            if index.size:
                sample = np.take(flat, index, axis=1)
                means = clipped_means(sample, np.ones((1, index.size), bool), settings.sigma_limit)
                offsets[:, parity == value] = means[:, None]
        _subtract(block, placement, offsets, None)


def correct_zeroframe(zeroframe: np.ndarray, correct: Callable[[np.ndarray], None]) -> None:
    """Correct the zero frames like groups.

    Parameters
    ----------
    zeroframe : (nints, ny, nx) ndarray of float32, DN
        Updated in place. 0 means "unusable" and stays 0.
    correct : callable
        Corrects planes in place, e.g. a partial `correct_four_outputs`.
    """
    unusable = zeroframe == 0
    correct(zeroframe)
    zeroframe[unusable] = 0


def _batches(number: int, weight: int) -> Iterator[slice]:
    """Divide planes into batches, so that `weight` values per plane stay in the cache."""
    size = max(1, _BATCH_VALUES // weight)
    for start in range(0, number, size):
        yield slice(start, min(start + size, number))


def _pixel_indices(turned: np.ndarray, placement: Placement) -> np.ndarray:
    """Flat science indices of the pixels of a mask in readout order, in the order of readout.

    The released pipeline adds the pixels in this order, and another order gives another last bit.
    """
    index = np.arange(turned.size, dtype=np.int32).reshape(placement.shape)
    return placement.orientation.to_detector(index)[turned]


def _strip(
    planes: np.ndarray, unusable: np.ndarray, placement: Placement, rows: slice, columns: slice, *, dtype: DTypeLike
) -> _Strip:
    """Copy a rectangle of the detector out of planes that cover a part of it; what they do not cover is 0 and bad."""
    shape = rows.stop - rows.start, columns.stop - columns.start
    result = _Strip(np.zeros((len(planes), *shape), dtype), np.ones(shape, bool))
    to_rows, from_rows = _overlap(rows, placement.rows)
    to_columns, from_columns = _overlap(columns, placement.columns)
    turn = placement.orientation.to_detector
    result.values[:, to_rows, to_columns] = turn(planes)[:, from_rows, from_columns]
    result.bad[to_rows, to_columns] = turn(unusable)[from_rows, from_columns]
    return result


def _overlap(wanted: slice, covered: slice) -> tuple[slice, slice]:
    """The common part of two ranges, counted from the start of the one and of the other."""
    start = max(wanted.start, covered.start)
    stop = max(start, min(wanted.stop, covered.stop))
    return (
        slice(start - wanted.start, stop - wanted.start),
        slice(start - covered.start, stop - covered.start),
    )


def _amplifier_offsets(edges: list[_Strip], settings: RefPixSettings) -> np.ndarray:
    """Offset of every detector column, (nplanes, 2048) of the type of the edges: the mean of what the two say."""
    parities = 2 if settings.odd_even_columns else 1
    number = len(edges[0].values)
    shape = _BORDER, _AMPLIFIERS, FULL_SIZE // _AMPLIFIERS // parities, parities
    sets = _AMPLIFIERS * parities
    total, known = np.zeros((number, sets)), np.zeros(sets, np.intp)
    for edge in edges:
        good = ~edge.bad.reshape(shape).transpose(1, 3, 0, 2).reshape(sets, -1)
        defined = good.any(axis=1)
        if not defined.any():
            continue
        values = edge.values.reshape(number, *shape).transpose(0, 2, 4, 1, 3).reshape(number, sets, -1)[:, defined]
        usable = np.broadcast_to(good[defined], values.shape).reshape(-1, good.shape[1])
        means = clipped_means(values.reshape(usable.shape), usable, settings.sigma_limit)
        total[:, defined] += means.reshape(number, -1)
        known += defined
    complete = (known > 0).reshape(_AMPLIFIERS, parities).all(axis=1, keepdims=True)
    offsets = (total / np.maximum(known, 1)).astype(edges[0].values.dtype).reshape(number, _AMPLIFIERS, parities)
    offsets = np.where(complete, offsets, offsets.dtype.type(0))
    return np.broadcast_to(offsets[:, :, None, :], (number, *shape[1:])).reshape(number, FULL_SIZE)


def _side_vector(flanks: list[_Strip], offsets: np.ndarray, settings: RefPixSettings, rows: slice) -> np.ndarray | None:
    """Side signal of the rows of the array, (nplanes, nrows) float64; None without a good pixel."""
    if all(flank.bad.all() for flank in flanks):
        return None
    left = flanks[0].values - offsets[:, None, _FIRST]
    right = flanks[1].values - offsets[:, None, _LAST]
    bad = flanks[0].bad, flanks[1].bad
    signal = side_signal(left, right, bad, rows=rows, height=settings.smoothing_length)
    return settings.side_gain * signal


def _subtract(planes: np.ndarray, placement: Placement, offsets: np.ndarray, side: np.ndarray | None) -> None:
    """Subtract a value per detector column and then one per detector row from planes in science orientation.

    Offsets in double precision leave no rounding between the two.
    """
    orientation = placement.orientation
    vectors = [_science_vector(offsets, orientation.fast)]
    if side is not None:
        vectors.append(_science_vector(side, orientation.slow))
    number, ny, nx = planes.shape
    rows = min(ny, max(1, _TILE_PIXELS // nx))
    stack = max(1, _TILE_PIXELS // (rows * nx))
    exact = offsets.dtype == np.float64
    scratch = np.empty((min(stack, number), rows, nx)) if exact else None
    for first in range(0, number, stack):
        for start in range(0, ny, rows):
            tile = planes[first : first + stack, start : start + rows]
            parts = [vector[first : first + stack] for vector in vectors]
            parts = [part[:, start : start + rows] if part.shape[1] > 1 else part for part in parts]
            work = tile if scratch is None else scratch[: tile.shape[0], : tile.shape[1]]
            np.subtract(tile, parts[0], out=work)
            for part in parts[1:]:
                np.subtract(work, part, out=work, casting="same_kind")
            if scratch is not None:
                np.copyto(tile, work, casting="same_kind")


def _science_vector(values: np.ndarray, axis: int) -> np.ndarray:
    """Turn values along a detector axis into an array that broadcasts against planes in science orientation."""
    values = np.ascontiguousarray(values[:, :: -1 if axis < 0 else 1])
    return values[:, None, :] if abs(axis) == 1 else values[:, :, None]
