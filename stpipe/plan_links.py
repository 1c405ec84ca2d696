"""What is known before execution of the entries of one target, and which have anything to do (running.md L3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stpipe.product_state import StateReader
from stpipe.step_result import StepResult

__all__ = ["Link", "settle"]

_NOT_NEEDED = "no later entry needs it: what was made from it is up to date"
_UP_TO_DATE = "up to date"


@dataclass(slots=True, eq=False)
class Link:
    """One entry for one target.

    Attributes
    ----------
    result : StepResult
        Where it is told what will happen.
    key : str
        Of step, parameters and input.
    since : int or None
        For the first entry, the time of the input in ns; None where nobody could tell later that it was this input.
    name : object
        What the names of later products are derived from: path of the product, or something with ``meta.filename``.
    products : tuple of str
        Paths that would be written, the result last.
    saves : bool
        Whether the result is saved.
    passes : str
        Why it will hand on its input unchanged; empty where it will not.
    origin : str
        Identity of the exposure when it was prepared.
    always : bool
        Nothing is known of what it makes.
    ignored : bool
        Whether later entries run although it fails.
    """

    result: StepResult
    key: str = ""
    since: int | None = None
    name: Any = None
    products: tuple[str, ...] = ()
    saves: bool = False
    passes: str = ""
    origin: str = ""
    always: bool = False
    ignored: bool = False

    def hand_on(self, name: Any, key: str, reason: str) -> None:
        """Have it hand on its input."""
        self.name, self.key, self.passes = name, key, reason

    @property
    def fails(self) -> bool:
        """Whether it is known to fail."""
        return self.result.planned_error is not None

    @property
    def ends(self) -> bool:
        """Whether no later entry will run."""
        return self.fails and not self.ignored


def settle(links: Sequence[Link], states: StateReader) -> None:
    """Decide which entries of a target will change something, and which are done already.

    Parameters
    ----------
    links : sequence of Link
        In the order of execution; their results are changed.
    states : StateReader
        Tells which products are there.
    """
    complete = _complete(links, states)
    needed: bool | None = None
    done = False
    for link, is_complete in zip(reversed(links), reversed(complete)):
        result = link.result
        if link.fails or link.passes:
            result.will_change, result.is_done = False, result.planned_product is not None
            result.reason = str(result.planned_error).partition("\n")[0] if link.fails else link.passes
            done = done and not link.fails
            result.planned_skip = link.passes if done and not result.is_done else ""
            continue
        if link.saves:
            changes, done, reason = not is_complete, is_complete, _UP_TO_DATE
        else:
            changes = link.always or needed is None or needed or not is_complete
            done = done and not changes
            reason = _NOT_NEEDED
        result.will_change, result.is_done = changes, done
        result.reason = "" if changes else reason
        needed = changes
    _end(links)


def _end(links: Sequence[Link]) -> None:
    """Have the entries after one that is known to fail do nothing."""
    last = next((number for number, link in enumerate(links) if link.ends), len(links))
    for link in links[last + 1 :]:
        result = link.result
        result.will_change, result.is_done, result.planned_skip = False, False, ""
        result.reason = f"{links[last].result.label} fails before"


def _complete(links: Sequence[Link], states: StateReader) -> list[bool]:
    """Tell of each entry whether all that it would write is there and newer than what it is made from."""
    since = links[0].since if links else None
    found = []
    for link in links:
        link.result.planned_product = None
        products = None
        if link.products and since is not None and link.result.key and not (link.always or link.fails):
            products = states.find(link.result.key, link.products, since)
        if link.saves and products is not None and products.result is not None:
            since, link.result.planned_product = products.mtime_ns, products.result
        elif not (link.passes or link.fails) and (link.saves or link.always):
            since = None
        there = link.result.planned_product if link.saves else products
        found.append(there is not None or not (link.products or link.saves))
    return found
