"""Rules that make one value of the values of several exposures (spec model_blender.md §3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

__all__ = ["RULE_FUNCTIONS", "AttributeBlender", "make_blender"]

MULTIPLE = "MULTIPLE"
WITHIN = "within commanded tolerance"
OUTSIDE = "outside calibration tolerance"

Rule = Callable[[Sequence[Any]], Any]


def multi(values: Sequence[Any]) -> Any:
    """Value that all have; ``"MULTIPLE"`` where they differ, None of none."""
    if not values:
        return None
    return values[0] if all(value == values[0] for value in values[1:]) else MULTIPLE


def wheeltol(values: Sequence[Any]) -> str | None:
    """Whether any wheel was outside of its tolerance; None of none."""
    if not values:
        return None
    return OUTSIDE if OUTSIDE in values else WITHIN


def _smallest(values: Sequence[Any]) -> Any:
    """First in time, which ISO texts sort by; None of none."""
    return min(values, default=None)


def _largest(values: Sequence[Any]) -> Any:
    """Last in time, which ISO texts sort by; None of none."""
    return max(values, default=None)


def _number(function: Callable[[Sequence[Any]], Any]) -> Rule:
    """Rule that applies a numpy function to numbers, and leaves out None."""

    def rule(values: Sequence[Any]) -> Any:
        numbers = [value for value in values if value is not None]
        texts = [value for value in numbers if isinstance(value, str)]
        if texts:
            raise TypeError(f"a number is needed, and not the text {texts[0]!r}")
        return function(numbers).item() if numbers else None

    rule.__doc__ = f"``numpy.{function.__name__}`` of the numbers; None of none."
    return rule


RULE_FUNCTIONS = MappingProxyType(
    {
        "multi": multi,
        "mean": _number(np.mean),
        "sum": _number(np.sum),
        "max": _number(np.max),
        "min": _number(np.min),
        "mindate": _smallest,
        "mintime": _smallest,
        "mindatetime": _smallest,
        "maxdate": _largest,
        "maxtime": _largest,
        "maxdatetime": _largest,
        "wheeltol": wheeltol,
    }
)
"""Function of each rule; ``first`` needs none, because it is what happens without a rule."""


class AttributeBlender:
    """Collects the values of one attribute.

    Parameters
    ----------
    function : callable
        Makes one value of the list of them.
    """

    def __init__(self, function: Rule) -> None:
        self.function = function
        self.values: list[Any] = []

    def accumulate(self, value: Any) -> None:
        """Add the value of another exposure."""
        self.values.append(value)

    def finalize(self) -> Any:
        """Give the blended value; None of no value."""
        return self.function(self.values) if self.values else None


def make_blender(rule_name: str, attribute: str | None = None) -> AttributeBlender:
    """Make what blends an attribute.

    Parameters
    ----------
    rule_name : str
        A key of `RULE_FUNCTIONS`.
    attribute : str, optional
        Name of the attribute, for the message.

    Raises
    ------
    ValueError
        There is no such rule.
    """
    if rule_name not in RULE_FUNCTIONS:
        where = f" for {attribute}" if attribute else ""
        raise ValueError(f"unknown blend rule {rule_name!r}{where}; there are {', '.join(RULE_FUNCTIONS)}")
    return AttributeBlender(RULE_FUNCTIONS[rule_name])
