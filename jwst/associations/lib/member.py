"""One member of a product of an association."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Member"]


class Member(dict):
    """A member: ``expname``, ``exptype`` and other keys, and where it comes from.

    Parameters
    ----------
    initialdata : mapping, optional
        The keys and values.
    item : object, optional
        What it was made from: a name, a model, a row of a pool. Not written to files.
    """

    def __init__(self, initialdata: Mapping[str, Any] | None = None, item: Any = None) -> None:
        super().__init__(initialdata or {})
        self.item = getattr(initialdata, "item", None) if item is None else item
