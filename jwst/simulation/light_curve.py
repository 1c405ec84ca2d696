"""The light of a source in the course of a time series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["LightCurve"]


@dataclass(frozen=True)
class LightCurve:
    """A transit: full light, a linear fall, a flat bottom, a linear rise.

    Parameters
    ----------
    depth : float
        Part of the light that is missing at the bottom.
    middle, duration : float
        Middle and length from first to last contact, in units of the length of the exposure.
    ingress : float
        Length of the fall and of the rise, in the same unit.

    Raises
    ------
    InputError
        The depth is not between 0 and 1, or the fall and the rise do not fit into the duration.
    """

    depth: float = 0.02
    middle: float = 0.5
    duration: float = 0.4
    ingress: float = 0.08

    def __post_init__(self) -> None:
        if not 0 <= self.depth <= 1 or not 0 < self.ingress <= self.duration / 2:
            raise InputError(f"A transit has a depth of 0 to 1, and an ingress of at most half its duration: {self}")

    def factors(self, nints: int) -> np.ndarray:
        """Return the light of each integration.

        Parameters
        ----------
        nints : int
            Integrations of the exposure.

        Returns
        -------
        (nints,) ndarray of float64
            1 outside the transit.
        """
        time = (np.arange(nints) + 0.5) / nints
        inside = self.duration / 2 - np.abs(time - self.middle)
        return 1 - self.depth * np.clip(inside / self.ingress, 0, 1)
