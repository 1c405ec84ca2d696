"""MIRI detectors: which exposures are theirs, and the size of their frames. Source: spec common_detector.md §6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stpipe.exceptions import Skip

__all__ = ["FULL_SHAPE", "is_miri", "require_miri", "unless_not_miri"]

FULL_SHAPE = (1024, 1032)
"""Rows and columns of the full frame; its first and last four columns are reference pixels."""


def is_miri(model: Any) -> bool:
    """Whether an exposure was taken with a MIRI detector.

    Parameters
    ----------
    model : data model
        With ``meta.instrument``. The name of the detector counts; without one, that of the instrument.

    Returns
    -------
    bool
    """
    instrument = model.meta.instrument
    return str(instrument.detector or instrument.name or "").upper().startswith("MIR")


def require_miri(model: Any, step: str) -> None:
    """Skip a step on an exposure that is not MIRI's.

    Parameters
    ----------
    model : data model
    step : str
        Name of the step, for the message.

    Raises
    ------
    Skip
        The exposure is of another instrument.
    """
    if not is_miri(model):
        raise Skip(f"{step} is only for MIRI; DETECTOR is {model.meta.instrument.detector}")


def unless_not_miri(header: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool | None:
    """Tell a plan that a step for MIRI changes no exposure of another instrument: the ``will_change`` of such steps.

    Parameters
    ----------
    header : mapping
        Metadata by dotted name.
    parameters : mapping
        Of the step; they do not matter.

    Returns
    -------
    bool or None
        False for another instrument, else None: not known.
    """
    name = header.get("meta.instrument.detector") or header.get("meta.instrument.name") or ""
    return None if str(name).upper().startswith("MIR") else False
