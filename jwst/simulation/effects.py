"""What an instrument adds to the signal beside light, dark current and noise."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from jwst.simulation.detector import DetectorTruth
from jwst.simulation.settings import ExposureSettings

__all__ = ["Effects", "NoEffects", "effects_for"]


class Effects(Protocol):
    """Offsets of a group of an exposure."""

    def linear(self, integration: int, group: int) -> np.ndarray | float:
        """Return what comes before the response of the pixels, DN: (ny, nx) ndarray of float32 or a number."""

    def raw(self, integration: int, group: int) -> np.ndarray | float:
        """Return what comes after the response, DN: (ny, nx) ndarray of float32 or a number."""


class NoEffects:
    """Nothing is added."""

    def linear(self, integration: int, group: int) -> float:
        """Return 0."""
        return 0.0

    def raw(self, integration: int, group: int) -> float:
        """Return 0."""
        return 0.0


def effects_for(settings: ExposureSettings, detector: DetectorTruth, rate: np.ndarray) -> Effects:
    """Return the effects that an exposure shows.

    Parameters
    ----------
    settings : ExposureSettings
        The exposure.
    detector : DetectorTruth
        Truth of the rectangle that is read.
    rate : (ny, nx) ndarray of float32, electrons per second
        Light.

    Returns
    -------
    Effects
    """
    if settings.sca.instrument == "MIRI":
        from jwst.simulation.miri import MiriEffects

        return MiriEffects(settings, detector, rate)
    if settings.noise.picture_frame:
        from jwst.simulation.picture_frame import PictureFrameEffects

        return PictureFrameEffects(settings)
    return NoEffects()
