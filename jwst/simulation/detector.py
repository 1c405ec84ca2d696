"""The truth about a detector: everything that exposures and references are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from jwst.simulation.detectors import BORDER, DETECTOR_SIZE, Detector, find_detector
from jwst.simulation.physics import PHYSICS
from jwst.simulation.response import respond
from jwst.simulation.subarrays import Subarray

__all__ = ["DetectorTruth", "amplifier_map", "lines_of", "make_detector", "to_science"]

BLOCK = 64
DEAD_FRACTION = 4e-4
HOT_FRACTION = 1.5e-3
VERY_HOT = 5.0
SATURATION_MARGIN = 0.98
AMPLIFIER_WIDTH = DETECTOR_SIZE // 4
SUBARRAY_GAIN_FACTOR = 2.0


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
    pedestal : float, DN
        Linear signal right after the reset, which the linearity correction sees (MIRI).
    gain_factor : float
        What the rates of this rectangle are multiplied with to be those of the full frame (NIRSpec).
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
    pedestal: float = 0.0
    gain_factor: float = 1.0

    @property
    def saturation(self) -> np.ndarray:
        """Saturation threshold in raw DN, with the bias: (ny, nx) ndarray of float32."""
        return self.bias + np.float32(SATURATION_MARGIN) * respond(
            self.full_well / self.gain + np.float32(self.pedestal), self.coeffs
        )

    @property
    def usable(self) -> np.ndarray:
        """Pixels that see light and are not too hot: (ny, nx) ndarray of bool."""
        return ~(self.reference | self.dead | self.very_hot)


Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


def _uniform(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.random(shape, dtype=np.float32)


def _plane(draw: Draw, seed: tuple[int, int], region: Subarray, width: int) -> np.ndarray:
    """Random numbers that belong to the pixels: the same for any rectangle that contains them."""
    y0, x0 = region.ystart - 1, region.xstart - 1
    out = np.empty(region.shape, np.float32)
    for start in range(y0 // BLOCK * BLOCK, y0 + region.ysize, BLOCK):
        block = draw(np.random.default_rng((*seed, start)), (BLOCK, width))
        low, high = max(start, y0), min(start + BLOCK, y0 + region.ysize)
        out[low - y0 : high - y0] = block[low - start : high - start, x0 : x0 + region.xsize]
    return out


def to_science(plane: np.ndarray, detector: Detector) -> np.ndarray:
    """Turn a plane from the order of readout into DMS orientation (spec common_detector.md §6).

    Parameters
    ----------
    plane : (..., lines, pixels of a line) ndarray
        Lines in the order in which they are read.
    detector : Detector
        Detector with its readout directions.

    Returns
    -------
    (..., ny, nx) ndarray
        A view.
    """
    fast, slow = int(np.sign(detector.fastaxis)), int(np.sign(detector.slowaxis))
    if detector.transposed:
        return np.swapaxes(plane, -1, -2)[..., ::fast, ::slow]
    return plane[..., ::slow, ::fast]


def amplifier_map(detector: str, region: Subarray) -> tuple[np.ndarray, np.ndarray]:
    """Return amplifier and parity of the pixels of a rectangle.

    Parameters
    ----------
    detector : str
        Detector name.
    region : Subarray
        The rectangle.

    Returns
    -------
    amplifier : ndarray of int
        0 to 3, in the order of readout.
    odd : ndarray of bool
        Near infrared: odd pixels of a line, in the order of readout. MIRI: odd rows. Shapes are (1, nx) or (ny, 1), so
        that they broadcast to the rectangle.
    """
    sca = find_detector(detector)
    rows = np.arange(region.ystart - 1, region.ystart - 1 + region.ysize)[:, None]
    columns = np.arange(region.xstart - 1, region.xstart - 1 + region.xsize)[None, :]
    if sca.instrument == "MIRI":
        return columns % 4, rows % 2 == 1
    place = rows if sca.transposed else columns
    if sca.fastaxis < 0:
        place = DETECTOR_SIZE - 1 - place
    return place // AMPLIFIER_WIDTH, place % 2 == 1


def _reference_pixels(detector: Detector, region: Subarray) -> np.ndarray:
    rows = np.arange(region.ystart - 1, region.ystart - 1 + region.ysize)
    columns = np.arange(region.xstart - 1, region.xstart - 1 + region.xsize)
    ny, nx = detector.shape
    edge_columns = (columns < BORDER) | (columns >= nx - BORDER)
    edge_rows = np.zeros(rows.shape, bool) if detector.instrument == "MIRI" else (rows < BORDER) | (rows >= ny - BORDER)
    return edge_rows[:, None] | edge_columns[None, :]


def _smooth_flat(region: Subarray) -> np.ndarray:
    x = (np.arange(region.xsize) + region.xstart) / DETECTOR_SIZE
    y = (np.arange(region.ysize) + region.ystart) / DETECTOR_SIZE
    return (1 + 0.02 * np.sin(5 * x) + 0.02 * np.cos(4 * y)[:, None] * (1 - x)).astype(np.float32)


def lines_of(plane: np.ndarray, region: Subarray, detector: Detector, *, stripe: int = 0) -> np.ndarray:
    """Pick the lines of a stripe from planes of the rectangle that they are part of.

    Parameters
    ----------
    plane : (..., ny, nx) ndarray
        Planes of ``region.parent(detector)``.
    region : Subarray
        Subarray, with stripes or without.
    detector : Detector
        The detector.
    stripe : int
        Number of the stripe.

    Returns
    -------
    (..., ny, nx) ndarray
        Planes of the frame; the same array if there are no stripes.
    """
    if region.stripes is None:
        return plane
    axis = -1 if detector.transposed else -2
    places = region.stripes.places(region.shape[axis], detector, stripe=stripe)
    return np.take(plane, places, axis=axis)


def make_detector(detector: str, subarray: Subarray, *, stripe: int = 0) -> DetectorTruth:
    """Return the truth of a rectangle of a detector; always the same for the same pixels.

    Parameters
    ----------
    detector : str
        Detector name.
    subarray : Subarray
        The rectangle, or stripes.
    stripe : int
        Number of the stripe.

    Returns
    -------
    DetectorTruth
        The last one made is kept, because exposure and cache often need the same.
    """
    sca = find_detector(detector)
    truth = _make_detector(sca.name, subarray.parent(sca))
    if subarray.stripes is None:
        return truth
    planes = {name: value for name, value in vars(truth).items() if isinstance(value, np.ndarray)}
    cut: dict[str, Any] = {name: lines_of(plane, subarray, sca, stripe=stripe) for name, plane in planes.items()}
    return replace(truth, subarray=subarray, **cut)


def _gain_factor(detector: Detector, region: Subarray) -> float:
    """NIRSpec reads all subarrays but ALLSLITS with half as many DN per electron."""
    if detector.instrument == "NIRSPEC" and region.name not in ("FULL", "ALLSLITS"):
        return SUBARRAY_GAIN_FACTOR
    return 1.0


@lru_cache(maxsize=1)
def _make_detector(detector: str, region: Subarray) -> DetectorTruth:
    sca = find_detector(detector)
    physics = PHYSICS[sca.instrument]

    def plane(draw: Draw, identity: int) -> np.ndarray:
        return _plane(draw, (sca.number, identity), region, sca.shape[1])

    amplifier, odd = amplifier_map(detector, region)
    reference = _reference_pixels(sca, region)
    factor = _gain_factor(sca, region)
    gain = np.array(physics.gain, np.float32)[amplifier] * (1 + np.float32(0.01) * plane(_normal, 1))
    bias = np.array(physics.bias, np.float32)[amplifier] + np.array(physics.odd_even_bias, np.float32)[amplifier] * odd
    kind = plane(_uniform, 2)
    dead = (kind < DEAD_FRACTION) & ~reference
    hot = (kind > 1 - HOT_FRACTION) & ~reference
    dark = np.float32(physics.dark) * np.exp(np.float32(0.3) * plane(_normal, 3))
    dark[hot] = physics.hottest * np.exp(9 * (1 - (1 - kind[hot]) / HOT_FRACTION))
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
        bias=bias.astype(np.float32) + np.float32(physics.bias_scatter) * plane(_normal, 6),
        gain=gain * np.float32(factor),
        dark=dark,
        full_well=np.float32(physics.full_well) * (1 + np.float32(0.015) * plane(_normal, 7)),
        coeffs=coeffs,
        read_noise=np.float32(physics.read_noise) * np.exp(np.float32(0.08) * plane(_normal, 8)),
        flat=flat,
        reference=reference,
        dead=dead,
        hot=hot,
        very_hot=hot & (dark > VERY_HOT),
        pedestal=physics.pedestal,
        gain_factor=factor,
    )
    for value in vars(truth).values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return truth
