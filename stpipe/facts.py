"""Facts of exposures: values got from headers, kept until the file changes (spec running.md §3.6)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from typing import Any

from stpipe.events import current_target
from stpipe.exceptions import ParameterError, RunError
from stpipe.exposure import Exposure
from stpipe.fact_kinds import (
    BUILT_IN_FACTS,
    AppliedSteps,
    Checksum,
    Context,
    Detector,
    ExposureType,
    Fact,
    Filter,
    Grating,
    Groups,
    Instrument,
    Integrations,
    Pupil,
    ReferenceFiles,
    Shape,
    SoftwareVersion,
    Subarray,
)

__all__ = [
    "BUILT_IN_FACTS",
    "AppliedSteps",
    "Checksum",
    "Context",
    "Detector",
    "ExposureType",
    "Fact",
    "Filter",
    "Grating",
    "Groups",
    "Instrument",
    "Integrations",
    "Pupil",
    "ReferenceFiles",
    "Shape",
    "SoftwareVersion",
    "Subarray",
    "get_facts",
    "store_fact",
    "storing",
    "target_of",
]

Store = Callable[[str, str, Any], Any]
_STORE: ContextVar[Store | None] = ContextVar("stpipe_facts", default=None)


def get_facts(source: Any, fact: Any, **arguments: Any) -> dict[Exposure, Any]:
    """Get a fact of every exposure that is readable.

    Parameters
    ----------
    source : Inventory or Plan
        The exposures.
    fact : str or class
        Name of one of `BUILT_IN_FACTS`, or a class.
    **arguments
        Of the fact.

    Returns
    -------
    dict of Exposure to value
        In the order of the inventory; the exposures for which the fact fails are marked and left out.

    Raises
    ------
    ParameterError
        There is no fact of that name; the text gives near names.
    TypeError
        The fact does not take these arguments, or the source is no inventory.
    PlanError
        No exposure remains.
    """
    inventory = getattr(source, "inventory", source)
    if not hasattr(inventory, "remaining"):
        raise TypeError(f"facts are got of an Inventory or a Plan, not of a {type(source).__name__}")
    wanted = _fact(fact, arguments)
    if not len(inventory):
        return {}
    store = _STORE.get()
    values = {}
    for exposure in inventory.remaining():
        try:
            value = _value(exposure, wanted)
        except Exception as error:
            failure = RunError(f"fact {wanted.label}: {type(error).__name__}: {error}")
            failure.__cause__ = error
            inventory.mark(exposure, failure)
            continue
        values[exposure] = value
        if store is not None:
            store(exposure.name, wanted.label, value)
    if not values:
        inventory.remaining()
    return values


def _fact(fact: Any, arguments: Mapping[str, Any]) -> Fact:
    if isinstance(fact, str):
        if fact not in BUILT_IN_FACTS:
            near = get_close_matches(fact, BUILT_IN_FACTS, n=3) or BUILT_IN_FACTS
            raise ParameterError(f"no fact {fact!r}; there is {', '.join(near)}, or give a class")
        fact = BUILT_IN_FACTS[fact]
    if isinstance(fact, type) and issubclass(fact, Fact):
        return fact(**arguments)
    raise TypeError(f"a fact is a name or a class derived from stpipe.Fact, not {fact!r}")


def _value(exposure: Exposure, fact: Fact) -> Any:
    """Value of a fact for an exposure, kept as long as the file is the same; that of an open model is not kept."""
    if exposure.path is None:
        return _plain(fact.process(exposure, **fact.arguments), fact.label)
    stamp = exposure.stamp()
    kept = exposure.facts.get(fact.identity)
    if kept is None or kept[0] != stamp:
        kept = (stamp, _plain(fact.process(exposure, **fact.arguments), fact.label))
        exposure.facts[fact.identity] = kept
    return _plain(kept[1], fact.label)  # a copy: callers may change theirs


def _plain(value: Any, label: str) -> Any:
    """Copy of a value as JSON has it: dicts with texts as keys, lists, texts, numbers, None.

    Raises
    ------
    TypeError
        JSON has no such thing.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item, label) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, label) for item in value]
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return _plain(value.item(), label)
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"the fact {label} is a {type(value).__name__}, which JSON does not know; make it a text or a list")


def target_of(step: Any) -> str:
    """Name of what a step works on: the target of the run, else the file name of its input, else ``input``."""

    return current_target() or os.path.basename(step.search_attr("_input_filename") or "") or "input"


@contextmanager
def storing(store: Store) -> Iterator[None]:
    """Have every fact inside a block, of `get_facts` and of steps, passed on.

    Parameters
    ----------
    store : callable
        ``store(target name, fact name, value)``.
    """
    token = _STORE.set(store)
    try:
        yield
    finally:
        _STORE.reset(token)


def store_fact(name: str, value: Any, *, target: str | None = None) -> None:
    """Store a fact of a target in the run around this code; without one nothing is kept.

    Parameters
    ----------
    name : str
        Name of the fact.
    value : object
        Something that JSON knows.
    target : str, optional
        Name of what the run works on; by default that of this context.

    Raises
    ------
    TypeError
        JSON does not know such a value.
    """
    value = _plain(value, name)
    store = _STORE.get()
    target = target or current_target()
    if store is not None and target is not None:
        store(target, name, value)
