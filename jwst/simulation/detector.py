"""The truth about a detector: everything that exposures and references are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from jwst.simulation.response import respond
from jwst.simulation.subarrays import AMPLIFIER_WIDTH, BORDER, DETECTOR_SIZE, Subarray, find_detector

__all__ = ["DetectorTruth", "amplifier_map", "make_detector"]

BLOCK = 64
DEAD_FRACTION = 4e-4
HOT_FRACTION = 1.5e-3
VERY_HOT = 5.0
AMPLIFIER_BIAS = (10870.0, 11240.0, 10630.0, 11430.0)
AMPLIFIER_GAIN = (1.87, 1.92, 1.85, 1.95)
ODD_EVEN_BIAS = (110.0, -90.0, 130.0, -70.0)
SATURATION_MARGIN = 0.98


@dataclass(frozen=True, eq=False)
class DetectorTruth:
    """Truth of a detector, or of a rectangle of it; all arrays (ny, nx) in DMS orientation, read-only.

    Parameters
    ----------
    detector : str
        Detector name.
    subarray : Subarray
        The rectangle that the arrays cover.
    bias : ndarray of float32, DN
        Level right after the reset, with amplifier and odd/even structure.
    gain : ndarray of float32, electrons per DN
    dark : ndarray of float32, electrons per second
    full_well : ndarray of float32, electrons
        Where the signal stops.
    coeffs : (4, ny, nx) ndarray of float32
        Linearity correction of the signal above the bias, in DN.
    read_noise : ndarray of float32, DN
        rms of one read.
    flat : ndarray of float32
        Relative response to light; 0 for dead and reference pixels.
    reference, dead, hot, very_hot : ndarray of bool
        Kinds of pixels. ``very_hot`` ones are hot ones that are of no use.
    """

    detector: str
    subarray: Subarray
    bias: np.ndarray
    gain: np.ndarray
    dark: np.ndarray
    full_well: np.ndarray
    coeffs: np.ndarray
    read_noise: np.ndarray
    flat: np.ndarray
    reference: np.ndarray
    dead: np.ndarray
    hot: np.ndarray
    very_hot: np.ndarray

    @property
    def saturation(self) -> np.ndarray:
        """Saturation threshold in raw DN, with the bias: (ny, nx) ndarray of float32."""
        return self.bias + np.float32(SATURATION_MARGIN) * respond(self.full_well / self.gain, self.coeffs)

    @property
    def usable(self) -> np.ndarray:
        """Pixels that see light and are not too hot: (ny, nx) ndarray of bool."""
        return ~(self.reference | self.dead | self.very_hot)


Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


def _uniform(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.random(shape, dtype=np.float32)


def _plane(draw: Draw, seed: tuple[int, int], region: Subarray) -> np.ndarray:
    """Random numbers that belong to the pixels: the same for any rectangle that contains them."""
    y0, x0 = region.ystart - 1, region.xstart - 1
    out = np.empty((region.ysize, region.xsize), np.float32)
    for start in range(y0 // BLOCK * BLOCK, y0 + region.ysize, BLOCK):
        block = draw(np.random.default_rng((*seed, start)), (BLOCK, DETECTOR_SIZE))
        low, high = max(start, y0), min(start + BLOCK, y0 + region.ysize)
        out[low - y0 : high - y0] = block[low - start : high - start, x0 : x0 + region.xsize]
    return out


def amplifier_map(detector: str, region: Subarray) -> tuple[np.ndarray, np.ndarray]:
    """Return amplifier and parity of the columns of a rectangle.

    Parameters
    ----------
    detector : str
        Detector name.
    region : Subarray
        The rectangle.

    Returns
    -------
    amplifier : (nx,) ndarray of int
        0 to 3, in the order of readout.
    odd : (nx,) ndarray of bool
        Odd columns in the order of readout.
    """
    column = np.arange(region.xstart - 1, region.xstart - 1 + region.xsize)
    if find_detector(detector).fastaxis < 0:
        column = DETECTOR_SIZE - 1 - column
    return column // AMPLIFIER_WIDTH, column % 2 == 1


def _reference_pixels(region: Subarray) -> np.ndarray:
    rows = np.arange(region.ystart - 1, region.ystart - 1 + region.ysize)
    columns = np.arange(region.xstart - 1, region.xstart - 1 + region.xsize)
    edge_rows, edge_columns = ((n < BORDER) | (n >= DETECTOR_SIZE - BORDER) for n in (rows, columns))
    return edge_rows[:, None] | edge_columns[None, :]


def _smooth_flat(region: Subarray) -> np.ndarray:
    x = (np.arange(region.xsize) + region.xstart) / DETECTOR_SIZE
    y = (np.arange(region.ysize) + region.ystart) / DETECTOR_SIZE
    return (1 + 0.02 * np.sin(5 * x) + 0.02 * np.cos(4 * y)[:, None] * (1 - x)).astype(np.float32)


def make_detector(detector: str, subarray: Subarray) -> DetectorTruth:
    """Return the truth of a rectangle of a detector; always the same for the same pixels.

    Parameters
    ----------
    detector : str
        Detector name; a FGS guider is possible too.
    subarray : Subarray
        The rectangle.

    Returns
    -------
    DetectorTruth
        The last one made is kept, because exposure and cache often need the same.
    """
    return _make_detector(find_detector(detector).name, subarray)


@lru_cache(maxsize=1)
def _make_detector(detector: str, region: Subarray) -> DetectorTruth:
    number = find_detector(detector).number

    def plane(draw: Draw, identity: int) -> np.ndarray:
        return _plane(draw, (number, identity), region)

    amplifier, odd = amplifier_map(detector, region)
    reference = _reference_pixels(region)
    gain = np.array(AMPLIFIER_GAIN, np.float32)[amplifier] * (1 + np.float32(0.01) * plane(_normal, 1))
    bias = np.array(AMPLIFIER_BIAS, np.float32)[amplifier] + np.array(ODD_EVEN_BIAS, np.float32)[amplifier] * odd
    kind = plane(_uniform, 2)
    dead = (kind < DEAD_FRACTION) & ~reference
    hot = (kind > 1 - HOT_FRACTION) & ~reference
    dark = np.float32(0.002) * np.exp(np.float32(0.3) * plane(_normal, 3))
    dark[hot] = 0.05 * np.exp(9 * (1 - (1 - kind[hot]) / HOT_FRACTION))
    dark[reference] = 0
    flat = _smooth_flat(region) * (1 + np.float32(0.01) * plane(_normal, 4))
    flat[dead | reference] = 0
    variation = 1 + np.float32(0.04) * plane(_normal, 5)
    coeffs = np.zeros((4, *gain.shape), np.float32)
    coeffs[1] = 1
    coeffs[2] = 1.0e-6 * variation
    coeffs[3] = 4.0e-12 * variation
    coeffs[2:, reference] = 0
    truth = DetectorTruth(
        detector=detector,
        subarray=region,
        bias=bias.astype(np.float32) + np.float32(120) * plane(_normal, 6),
        gain=gain,
        dark=dark,
        full_well=np.float32(95000) * (1 + np.float32(0.015) * plane(_normal, 7)),
        coeffs=coeffs,
        read_noise=np.float32(2.65) * np.exp(np.float32(0.08) * plane(_normal, 8)),
        flat=flat,
        reference=reference,
        dead=dead,
        hot=hot,
        very_hot=hot & (dark > VERY_HOT),
    )
    for value in vars(truth).values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return truth
