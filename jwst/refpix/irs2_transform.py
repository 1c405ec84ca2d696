"""Linear filters of the time series of IRS2 outputs: fast Fourier transforms of 712 x 2048 real samples.

The length is 89 x 16384. These are coprime, so that the transform is one in two dimensions without twiddle factors
(Good 1958, J. R. Stat. Soc. B 20, 361): sample t lies at (t mod 89, t mod 16384) and frequency (16384 u + 89 v) mod T
at (u, v). The long axis is left to `scipy.fft`; the short one, where the prime is slow, is a
product with a real matrix of cosines and sines. Only spectra at v <= 8192 are kept.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["SERIES", "SLOTS", "Spectrum", "Transformer", "cyclic_places", "new_series", "transfer"]

SLOTS = 712
SERIES = SLOTS * 2048
SHORT, LONG = 89, 16384
_HALF = SHORT // 2 + 1
_FREQUENCIES = LONG // 2 + 1
_BLOCK_ROWS = 8
_BLOCK_COLUMNS = 128

Spectrum = np.ndarray
"""(2, 45, 8193) complex64: frequencies u = 0..44 and -u."""


def cyclic_places(slots: np.ndarray) -> np.ndarray:
    """Find where samples lie in the two-dimensional arrangement.

    Parameters
    ----------
    slots : (n,) ndarray of int
        Clock ticks within a line of 712.

    Returns
    -------
    (n, 2048) ndarray of int
        Flat indices into (89, 16384), for each slot of each of the 2048 lines.
    """
    time = slots[:, None] + SLOTS * np.arange(SERIES // SLOTS)
    return time % SHORT * LONG + time % LONG


def new_series() -> np.ndarray:
    """A series of zeros, (89, 16384) float32."""
    return np.zeros((SHORT, LONG), np.float32)


@lru_cache(maxsize=1)
def _matrices() -> tuple[np.ndarray, np.ndarray]:
    """Cosines (45, 45) and sines (44, 44) of the short transform, both symmetric."""
    index = np.arange(_HALF)
    angle = 2 * np.pi / SHORT * (index[:, None] * index % SHORT)
    return np.cos(angle).astype(np.float32), np.sin(angle[1:, 1:]).astype(np.float32)


def _multiply(matrix: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """Multiply real by complex matrices, in blocks so small that the linear algebra library starts no threads."""
    values, result = rows.view(np.float32), out.view(np.float32)
    whole = values.shape[1] // _BLOCK_COLUMNS * _BLOCK_COLUMNS
    blocks = [array[:, :whole].reshape(len(array), -1, _BLOCK_COLUMNS).swapaxes(0, 1) for array in (values, result)]
    np.matmul(matrix, blocks[0], out=blocks[1])
    np.matmul(matrix, values[:, whole:], out=result[:, whole:])


class Transformer:
    """Transforms series, in memory of its own; not for two threads at once.

    Even and odd combinations of row j and row 89 - j are transformed, of which the short axis needs the cosines and the
    sines only.
    """

    def __init__(self) -> None:
        self._rows = np.empty((SHORT, _FREQUENCIES), np.complex64)
        self._parts = np.empty_like(self._rows)
        self._pair = np.empty((2, 2, _FREQUENCIES), np.complex64)

    def spectrum(self, series: np.ndarray, out: Spectrum | None = None) -> Spectrum:
        """Transform a series.

        Parameters
        ----------
        series : (89, 16384) ndarray of float32
            In the arrangement of `cyclic_places`.
        out : (2, 45, 8193) ndarray of complex64, optional
            Where the result goes.

        Returns
        -------
        (2, 45, 8193) ndarray of complex64
        """
        from scipy.fft import rfft

        result = np.empty((2, _HALF, _FREQUENCIES), np.complex64) if out is None else out
        rows, parts = self._rows, self._parts
        rows[0] = rfft(series[0])
        for block, mirrored, odd in _row_blocks():
            rows[block] = rfft(series[block] + series[mirrored], axis=1)
            rows[odd] = rfft(series[block] - series[mirrored], axis=1)
        self._along_short(rows, parts)
        result[:, 0] = parts[0]
        for row in range(1, _HALF):
            turned = parts[_HALF + row - 1]
            turned *= np.complex64(1j)
            np.subtract(parts[row], turned, out=result[0, row])
            np.add(parts[row], turned, out=result[1, row])
        return result

    def filtered(self, terms: list[tuple[Spectrum, Spectrum]], out: np.ndarray) -> None:
        """Add series that passed through filters.

        Parameters
        ----------
        terms : list of (spectrum, transfer function)
            From `spectrum` and `transfer`.
        out : (89, 16384) ndarray of float32
            The sum of the filtered series.
        """
        from scipy.fft import irfft

        rows = self._rows
        self._multiply_terms(terms)
        self._along_short(self._parts, rows)
        out[0] = irfft(rows[0], n=LONG)
        for block, mirrored, odd in _row_blocks():
            symmetric, other = irfft(rows[block], n=LONG, axis=1), irfft(rows[odd], n=LONG, axis=1)
            np.add(symmetric, other, out=out[block])
            np.subtract(symmetric, other, out=out[mirrored])

    def _multiply_terms(self, terms: list[tuple[Spectrum, Spectrum]]) -> None:
        """Add products of spectra and transfer functions, and turn them into factors of cosines and sines."""
        parts, (pair, scratch) = self._parts, self._pair
        for row in range(_HALF):
            for number, (values, factors) in enumerate(terms):
                np.multiply(values[:, row], factors[:, row], out=scratch if number else pair)
                if number:
                    np.add(pair, scratch, out=pair)
            if row == 0:
                parts[0] = pair[0]
                continue
            np.add(pair[0], pair[1], out=parts[row])
            np.subtract(pair[0], pair[1], out=scratch[0])
            np.multiply(scratch[0], np.complex64(1j), out=parts[_HALF + row - 1])

    @staticmethod
    def _along_short(rows: np.ndarray, out: np.ndarray) -> None:
        """Multiply the 45 even rows by cosines and the 44 odd ones by sines."""
        cosines, sines = _matrices()
        _multiply(cosines, rows[:_HALF], out[:_HALF])
        _multiply(sines, rows[_HALF:], out[_HALF:])


def _row_blocks() -> list[tuple[slice, slice, slice]]:
    """Rows 1 to 44 in blocks, the rows 89 - j that belong to them, and where the odd combinations lie."""
    starts = range(1, _HALF, _BLOCK_ROWS)
    ends = [min(start + _BLOCK_ROWS, _HALF) for start in starts]
    return [
        (slice(start, end), slice(SHORT - start, SHORT - end, -1), slice(_HALF + start - 1, _HALF + end - 1))
        for start, end in zip(starts, ends)
    ]


def transfer(factors: np.ndarray) -> Spectrum:
    """Arrange a transfer function, whose filter gives the real part of the inverse transform.

    Parameters
    ----------
    factors : (T,) ndarray of complex64 or float32
        At all frequencies in the order of `numpy.fft.fft`. Need not be Hermitian: the real part of what the filter
        makes of a real series depends on the Hermitian part alone.

    Returns
    -------
    (2, 45, 8193) ndarray of the type of ``factors``
        With the scale of the inverse transform.
    """
    result = np.empty((2, _HALF, _FREQUENCIES), factors.dtype)
    long = SHORT * np.arange(_FREQUENCIES)
    scale = factors.real.dtype.type(0.5 / SHORT)
    for side, sign in enumerate((1, -1)):
        for row in range(_HALF):
            frequency = (sign * LONG * row + long) % SERIES
            mirrored = factors[(SERIES - frequency) % SERIES]
            np.add(factors[frequency], np.conj(mirrored), out=result[side, row])
    result *= scale
    return result
