"""Small helpers on the metadata of models."""

from __future__ import annotations

from typing import Any

__all__ = ["attrs_to_group_id"]

_KEYWORDS = (
    "program_number",
    "observation_number",
    "visit_number",
    "visit_group",
    "sequence_id",
    "activity_id",
    "exposure_number",
)


def attrs_to_group_id(observation: Any) -> str:
    """Name of the exposure group that an observation belongs to.

    Parameters
    ----------
    observation : mapping or node
        ``meta.observation`` of a model, or a dict of its values.

    Returns
    -------
    str
        ``jw{program}{observation}{visit}_{visit_group}{sequence_id}{activity}_{exposure}``.

    Raises
    ------
    KeyError
        A value is missing; the message names it.
    """
    get = observation.get if isinstance(observation, dict) else lambda name: getattr(observation, name, None)
    values = {name: get(name) for name in _KEYWORDS}
    for name, value in values.items():
        if value is None:
            raise KeyError(f"Missing required keyword in meta.observation for group_id: {name}")
    program, observation_number, visit, group, sequence, activity, exposure = values.values()
    return f"jw{program}{observation_number}{visit}_{group}{sequence}{activity}_{exposure}"
