"""The thermal pattern around the edge of the NIRSpec detectors (spec picture_frame.md)."""

from __future__ import annotations

import numpy as np

from jwst.simulation.detectors import DETECTOR_SIZE
from jwst.simulation.settings import ExposureSettings
from jwst.simulation.subarrays import Subarray

__all__ = ["PictureFrameEffects", "picture_frame_pattern"]

EDGE_WIDTH = 40.0
RISE = 2.0


def picture_frame_pattern(region: Subarray) -> np.ndarray:
    """Return the pattern: 1 in the middle of the detector, rising to 3 at its edges.

    Parameters
    ----------
    region : Subarray
        The rectangle.

    Returns
    -------
    (ny, nx) ndarray of float32
    """
    distances = []
    for start, size in ((region.ystart, region.ysize), (region.xstart, region.xsize)):
        place = np.arange(start - 1, start - 1 + size)
        distances.append(np.minimum(place, DETECTOR_SIZE - 1 - place))
    nearest = np.minimum(distances[0][:, None], distances[1][None, :])
    return (1 + RISE * np.exp(-nearest / EDGE_WIDTH)).astype(np.float32)


class PictureFrameEffects:
    """The pattern with another strength in every group.

    Parameters
    ----------
    settings : ExposureSettings
        The exposure.
    """

    def __init__(self, settings: ExposureSettings) -> None:
        self.pattern = picture_frame_pattern(settings.region)
        rng = np.random.default_rng((settings.seed, 105))
        self.strength = settings.noise.picture_frame * rng.standard_normal(settings.shape[:2])

    def linear(self, integration: int, group: int) -> float:
        """Return 0."""
        return 0.0

    def raw(self, integration: int, group: int) -> np.ndarray:
        """Return the pattern as it is in a group: (ny, nx) ndarray of float32, DN."""
        return self.pattern * np.float32(self.strength[integration, group])
