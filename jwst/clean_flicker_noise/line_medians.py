"""Medians of the background in each row or column. Source: spec clean_flicker_noise.md §4.1.

Every line is cut into pieces of at most 512 pixels, which numpy sorts seven times faster than a whole line. Clipping is
then a range of ranks in each piece, and needs no mask. The median of a line is found by merging the few values of its
pieces that are near it; where these turn out not to contain it, the whole line is sorted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.clean_flicker_noise.background_level import Bounds

__all__ = ["CHANNELS", "Range", "TRANSPOSE_BAND", "SortedLines", "lines_size", "sort_lines"]

CHANNELS = 4
PIECE = 512
ZERO, INFINITY = np.float32(0), np.float32(np.inf)
HALF_WINDOW = 16

TRANSPOSE_BAND = 16
"""Rows to write into columns at a time: their pixels share cache lines."""

_BAND = 1 << 16


@dataclass(frozen=True)
class Range:
    """Values that are within some bounds once a constant has been subtracted.

    Parameters
    ----------
    bounds : Bounds
    shift : np.float32
    """

    bounds: Bounds
    shift: np.float32 = ZERO


@dataclass(frozen=True)
class SortedLines:
    """Lines of an image, in pieces of which each is sorted.

    Parameters
    ----------
    values : (nlines, npieces, length) ndarray of float32
        Infinity for pixels that are not background, and after the end of a line.
    """

    values: np.ndarray

    def medians(self, ranges: tuple[Range, ...] = (), shift: np.float32 = ZERO) -> np.ndarray:
        """Median of each line, less a constant, of the values within all of some ranges; 0 where there are none.

        Returns
        -------
        (nlines,) ndarray of float32
        """
        first, last = self._ranks(ranges)
        count = (last - first).sum(axis=1)
        low, high = first.sum(axis=1) + (count - 1) // 2, first.sum(axis=1) + count // 2
        if self.values.shape[1] == 1:
            pair = self._take(np.arange(len(count)), low[:, None]), self._take(np.arange(len(count)), high[:, None])
            pair = pair[0][:, 0], pair[1][:, 0]
        else:
            pair = self._merged(first, last, (low, high))
        median = ((pair[0] - shift) + (pair[1] - shift)) / np.float32(2)
        return np.where(count > 0, median, np.float32(0))

    def _ranks(self, ranges: tuple[Range, ...]) -> tuple[np.ndarray, np.ndarray]:
        """First rank within all of some ranges, and the first one above, for each piece."""
        first = np.zeros(self.values.shape[:2], np.intp)
        bounded = any(wanted.bounds.high < np.inf for wanted in ranges)
        last = np.full_like(first, self.values.shape[2]) if bounded else self._count(INFINITY, inclusive=False)
        for wanted in ranges:
            if wanted.bounds.empty:
                return first, np.zeros_like(first)
            low, high = wanted.bounds.limits
            if low > -np.inf:
                np.maximum(first, self._count(low, wanted.shift, inclusive=False), out=first)
            if high < np.inf:
                np.minimum(last, self._count(high, wanted.shift, inclusive=True), out=last)
        return first, np.maximum(first, last)

    def _count(self, limit: np.ndarray | np.float32, shift: np.float32 = ZERO, *, inclusive: bool) -> np.ndarray:
        """Number of values of each piece that, less a constant, are below a limit, or not above it."""
        shape, length = self.values.shape[:2], self.values.shape[2]
        flat = self.values.reshape(-1)
        begin = (np.arange(shape[0] * shape[1]) * length).reshape(shape)
        count = np.zeros(shape, np.intp)
        for bit in reversed(range(int(length).bit_length())):
            probe = count + (1 << bit)
            value = flat[begin + np.minimum(probe, length) - 1]
            value -= shift
            good = value <= limit if inclusive else value < limit
            good &= probe <= length
            count += good * np.intp(1 << bit)
        return count

    def _take(self, lines: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        """Values of one rank for each piece of some lines; a rank outside is moved to the end."""
        pieces = np.arange(ranks.shape[1])
        return self.values[lines[:, None], pieces, np.clip(ranks, 0, self.values.shape[2] - 1)]

    def _merged(
        self, first: np.ndarray, last: np.ndarray, wanted: tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Values of two ranks of each line, counted over all its pieces together."""
        lines = np.arange(len(first))
        middles = self._take(lines, (first + last) // 2)
        counts = last - first
        total = np.maximum(counts.sum(axis=1), 1)
        usable = counts > 0
        guess = np.where(usable, middles, 0).sum(axis=1) / np.maximum(usable.sum(axis=1), 1)
        centre = self._count(guess.astype(np.float32)[:, None], inclusive=False)
        missing = wanted[0] - centre.sum(axis=1)
        centre += (missing[:, None] * counts) // total[:, None]
        begin = np.clip(centre - HALF_WINDOW, first, last)
        end = np.clip(centre + HALF_WINDOW, first, last)
        return self._pick(begin, end, wanted, bounds=(first, last))

    def _pick(
        self,
        begin: np.ndarray,
        end: np.ndarray,
        wanted: tuple[np.ndarray, np.ndarray],
        bounds: tuple[np.ndarray, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Values of two ranks of each line from windows of its pieces, or from all of it."""
        lines, span = np.arange(len(begin)), np.arange(2 * HALF_WINDOW)
        ranks = begin[:, :, None] + span
        window = self.values[lines[:, None, None], np.arange(begin.shape[1])[:, None], np.minimum(ranks, PIECE - 1)]
        window[ranks >= end[:, :, None]] = np.inf
        window = np.sort(window.reshape(len(begin), -1), axis=1)
        below, inside = begin.sum(axis=1), (end - begin).sum(axis=1)
        picked = [window[lines, np.clip(rank - below, 0, window.shape[1] - 1)] for rank in wanted]
        under = np.where(begin > bounds[0], self._take(lines, begin - 1), -np.inf).max(axis=1)
        over = np.where(end < bounds[1], self._take(lines, end), np.inf).min(axis=1)
        good = (wanted[0] >= below) & (wanted[1] < below + inside) & (picked[0] >= under) & (picked[1] <= over)
        self._sort_whole(np.flatnonzero(~good & (bounds[1] > bounds[0]).any(axis=1)), wanted, picked)
        return picked[0], picked[1]

    def _sort_whole(self, lines: np.ndarray, wanted: tuple[np.ndarray, np.ndarray], picked: list[np.ndarray]) -> None:
        """Put the values of two ranks of some lines into ``picked``, by sorting these lines."""
        if not lines.size:
            return
        whole = np.sort(self.values[lines].reshape(len(lines), -1), axis=1)
        for values, rank in zip(picked, wanted):
            values[lines] = whole[np.arange(len(lines)), np.clip(rank[lines], 0, whole.shape[1] - 1)]


def lines_size(shape: tuple[int, int], axis: int) -> int:
    """Number of values that `sort_lines` needs room for."""
    ny, nx = shape
    length, lines = (nx, ny) if axis == 1 else (ny, nx)
    return lines * -(-length // PIECE) * min(length, PIECE)


def sort_lines(
    image: np.ndarray,
    mask: np.ndarray,
    axis: int,
    *,
    out: np.ndarray,
    by_channel: bool = False,
    about: np.ndarray | None = None,
) -> SortedLines:
    """Sort the background pixels along an axis.

    Parameters
    ----------
    image : (ny, nx) ndarray of float32
        Finite where the mask is True.
    mask : (ny, nx) ndarray of bool
        True for background.
    axis : int
        1 for rows, 0 for columns.
    out : (lines_size(image.shape, axis),) ndarray of float32
        Receives the sorted pieces.
    by_channel : bool
        Make a line of every 512 pixels, which are those of an amplifier.
    about : (ny, nx) or (ny, 1) ndarray of float32, optional
        Sort distances from this.

    Returns
    -------
    SortedLines
        In order of line and channel.
    """
    ny, nx = image.shape
    length, lines = (nx, ny) if axis == 1 else (ny, nx)
    piece = min(length, PIECE)
    values = out.reshape(lines, -1)
    values[:, length:] = np.inf
    band = max(1, _BAND // nx) if axis == 1 else TRANSPOSE_BAND
    for first in range(0, ny, band):
        part = slice(first, min(first + band, ny))
        pixels = np.full(image[part].shape, np.inf, np.float32)
        np.copyto(pixels, image[part], where=mask[part])
        if about is not None:
            np.abs(np.subtract(pixels, about[part], out=pixels), out=pixels)
        target = values[part, :length] if axis == 1 else values[:, part].T
        np.copyto(target, pixels)
    pieces = values.reshape(lines, -1, piece)
    pieces.sort(axis=2)
    return SortedLines(pieces.reshape(-1, 1, piece) if by_channel else pieces)
