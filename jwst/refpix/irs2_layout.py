"""When the lines of an IRS2 sector are read. Source: spec refpix.md §E7.

An output is read in lines of 712 clock ticks (slots); 640 of them deliver samples. Reference pixels of a block stand in
for what the output would have shown next to them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from jwst.lib.irs2 import NORMAL, REFERENCE, reference_lines
from jwst.refpix.irs2_transform import SERIES, SLOTS, cyclic_places

__all__ = [
    "line_places",
    "line_slots",
    "low_pass",
    "normal_lines",
    "normal_places",
    "repeated",
    "sampled_lines",
    "sampled_places",
]

_JUMP = 2
_PERIOD = NORMAL + REFERENCE + _JUMP
_SAMPLED_SLOTS = ((9, 7), (11, 8), (10, 11), (12, 12))
_TAPER = 110000 // _PERIOD


def line_slots() -> np.ndarray:
    """Slots of the 640 lines of a sector in the order of time, (640,) ndarray of int.

    A block is eight normal pixels, a tick to jump, four reference pixels, a tick to jump, eight normal pixels.
    """
    place, block = np.arange(640) % (NORMAL + REFERENCE), np.arange(640) // (NORMAL + REFERENCE)
    return place + (place >= NORMAL // 2) + (place >= NORMAL // 2 + REFERENCE) + _PERIOD * block


def normal_lines() -> np.ndarray:
    """Lines of a sector that hold pixels, (512,) ndarray of int."""
    return np.flatnonzero(~reference_lines())


@lru_cache(maxsize=1)
def line_places() -> np.ndarray:
    """Places of all samples of a sector in the arrangement of the transform, (640, 2048) ndarray of int."""
    return cyclic_places(line_slots())


@lru_cache(maxsize=1)
def normal_places() -> np.ndarray:
    """Places of the pixels of a sector in the arrangement of the transform, (512, 2048) ndarray of int."""
    return cyclic_places(line_slots()[normal_lines()])


def sampled_lines() -> np.ndarray:
    """Reference lines in the order of `sampled_places`, (128,) ndarray of int."""
    wanted = [_PERIOD * block + source for block in range(32) for source, _ in _SAMPLED_SLOTS]
    return np.searchsorted(line_slots(), wanted)


@lru_cache(maxsize=1)
def sampled_places() -> np.ndarray:
    """Places of the first of the two slots that each reference pixel fills, (128, 2048) ndarray of int.

    The second one is two slots later; `repeated` makes it of the first.
    """
    wanted = [_PERIOD * block + target for block in range(32) for _, target in _SAMPLED_SLOTS]
    return cyclic_places(np.array(wanted))


def repeated(factors: np.ndarray) -> np.ndarray:
    """Multiply a transfer function by that of adding a copy of the series, two slots later.

    Parameters
    ----------
    factors : (T,) ndarray of complex64

    Returns
    -------
    (T,) ndarray of complex64
    """
    half = np.arange(SERIES // 2 + 1)
    delay = np.exp(-2j * np.pi * 2 / SERIES * half).astype(np.complex64)
    delay = np.concatenate([delay, np.conj(delay[SERIES // 2 - 1 : 0 : -1])])
    delay += np.float32(1)
    delay *= factors
    return delay


def low_pass() -> np.ndarray:
    """Transfer function of the filter that fills gaps of the reference output, (T,) ndarray of float32.

    It lets slow drifts pass, and those of alternating sign near the Nyquist frequency.
    """
    first = (SLOTS // _PERIOD) * 2048 // 2 - _TAPER // 2
    edge = (np.cos(np.pi * np.arange(_TAPER) / _TAPER) + 1) / 2
    half = np.zeros(SERIES // 2 + 1)
    half[:first] = 1
    half[first : first + _TAPER] = edge
    top = SERIES // 2
    half[top - first : top] = 1
    half[top - first - _TAPER : top - first] = edge[::-1]
    half[top] = 1
    return np.concatenate([half, half[top - 1 : 0 : -1]]).astype(np.float32)
