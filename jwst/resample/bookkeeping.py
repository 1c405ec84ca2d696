"""Times of a mosaic: each exposure counts once, however many detectors it has. Source: spec resample.md §5."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

__all__ = ["TimeBook"]

log = logging.getLogger(__name__)

_SUMMED = ("exposure_time", "measurement_time", "duration")


@dataclass
class TimeBook:
    """Adds up the times of exposures.

    Attributes
    ----------
    exposures : int
        Number of exposures: groups of models with one group id.
    """

    exposures: int = 0
    _seen: set[Any] = field(default_factory=set)
    _sums: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(_SUMMED, 0.0))
    _start: float | None = None
    _end: float | None = None

    def add(self, model: Any, group: Any) -> None:
        """Add a model, if it is the first one of its group.

        Parameters
        ----------
        model : data model
            With ``meta.exposure``.
        group : hashable
            Group id.
        """
        if group in self._seen:
            return
        self._seen.add(group)
        self.exposures += 1
        exposure = model.meta.exposure
        for name in _SUMMED:
            value, total = getattr(exposure, name), self._sums[name]
            if value is None and name == "exposure_time":
                log.warning("%s has no exposure time (EFFEXPTM); neither has the product", model.meta.filename)
            self._sums[name] = None if value is None or total is None else total + value
        self._start = _chosen(min, self._start, exposure.start_time)
        self._end = _chosen(max, self._end, exposure.end_time)

    def write(self, model: Any) -> None:
        """Write the times into a product.

        Parameters
        ----------
        model : data model
            ``meta.exposure`` and ``meta.resample.pointings`` are changed.
        """
        exposure = model.meta.exposure
        exposure.exposure_time = exposure.effective_exposure_time = self._sums["exposure_time"]
        exposure.measurement_time = self._sums["measurement_time"]
        exposure.duration = exposure.elapsed_exposure_time = self._sums["duration"]
        exposure.start_time, exposure.end_time = self._start, self._end
        model.meta.resample.pointings = self.exposures


def _chosen(choose: Any, first: float | None, second: float | None) -> float | None:
    """The lesser or greater of two times, of which there may be none."""
    times = [time for time in (first, second) if time is not None]
    return choose(times) if times else None
