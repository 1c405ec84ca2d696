"""Numbers of the trap model that are the same for all pixels: one table for each trap family.

Everything here is scalar and in float64, because the terms of the capture cancel strongly where the exposure is much
shorter than the capture time. Source: spec persistence_traps.md §3 and §5.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

__all__ = ["CaptureTable", "Timing", "TrapFamily", "capture_table", "families_of"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrapFamily:
    """One kind of charge traps.

    Parameters
    ----------
    capture0 : float
        Amplitude of the slow capture, a0.
    capture1 : float
        Minus one over its e-folding time, 1/s; only the absolute value counts.
    capture2 : float
        Amplitude of the instantaneous capture, a2.
    decay : float
        Minus one over the e-folding time of the release, 1/s; only the absolute value counts.
    """

    capture0: float
    capture1: float
    capture2: float
    decay: float

    def kept(self, seconds: float) -> float:
        """Fraction of the filled traps that are still filled after a time."""
        return float(np.exp(-abs(self.decay) * seconds))


@dataclass(frozen=True)
class Timing:
    """Times of an exposure.

    Parameters
    ----------
    group_time, frame_time : float
        Seconds.
    resets_at_start, resets_between : int
        Reset frames before the first integration, and before each later one.
    """

    group_time: float
    frame_time: float
    resets_at_start: int
    resets_between: int

    def reset_seconds(self, integration: int) -> float:
        """Time of the resets before an integration."""
        resets = self.resets_between if integration else self.resets_at_start
        return resets * self.frame_time

    def idle_seconds(self, integration: int) -> float:
        """Time before an integration in which traps release their charge unseen; none before the first."""
        return max(self.resets_between, 0) * self.frame_time if integration else 0.0


@dataclass(frozen=True)
class CaptureTable:
    """Capture of one family in one integration.

    Parameters
    ----------
    ramp : (ngroups + 1,) ndarray of float64
        Factor of 2 D s^2 in the traps filled by a smooth ramp, for n saturated groups.
    saturated : (ngroups + 1,) ndarray of float64
        Fraction of the empty traps that n saturated groups fill.
    jump : (ngroups - 1,) ndarray of float64
        Traps filled by a jump of one count before group 1, 2, ...: the factor of 2 D J.
    """

    ramp: np.ndarray
    saturated: np.ndarray
    jump: np.ndarray


def families_of(table: np.ndarray | None) -> tuple[TrapFamily, ...]:
    """Read the families from the table of a trap-parameters reference.

    Parameters
    ----------
    table : structured ndarray
        With columns capture0, capture1, capture2, decay_param.

    Returns
    -------
    tuple of TrapFamily

    Raises
    ------
    IndexError
        The table is empty.
    """
    if table is None or len(table) == 0:
        raise IndexError("The table of the trappars reference is empty; choose another one with override_trappars")
    names = {str(name).lower(): name for name in table.dtype.names or ()}
    columns = [names[key] for key in ("capture0", "capture1", "capture2", "decay_param")]
    families = tuple(TrapFamily(*(float(row[name]) for name in columns)) for row in table)
    for number, family in enumerate(families, 1):
        if family.capture1 == 0:
            log.error("capture1 of trap family %d is zero: it has no slow capture", number)
    return families


def capture_table(family: TrapFamily, timing: Timing, *, ngroups: int, integration: int) -> CaptureTable:
    """Work out the capture of a family for an integration.

    Parameters
    ----------
    family : TrapFamily
    timing : Timing
    ngroups : int
        Groups of the integration.
    integration : int
        Its index, because the resets before the first one differ.

    Returns
    -------
    CaptureTable

    Notes
    -----
    Source: spec persistence_traps.md §5, step 8.
    """
    saturated = np.arange(ngroups + 1) * timing.group_time
    after_jump = (ngroups - np.arange(1, ngroups) - 0.5) * timing.group_time
    a0, a2, rate = family.capture0, family.capture2, abs(family.capture1)
    if rate == 0:
        none = np.zeros(ngroups + 1)
        return CaptureTable(none, none, np.full(ngroups - 1, a2))
    time = ngroups * timing.group_time + timing.reset_seconds(integration) - saturated
    folding = 1.0 / rate
    ramp = 0.5 * time**2 * (a0 + a2) + a0 * (time * folding + folding**2) * np.exp(-time * rate) - a0 * folding**2
    return CaptureTable(ramp, -np.expm1(-saturated * rate), a0 * -np.expm1(-after_jump * rate) + a2)
