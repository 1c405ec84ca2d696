"""Fill data models without validating every assignment: that costs milliseconds for each array."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["unvalidated"]


@contextmanager
def unvalidated(model: Any) -> Iterator[Any]:
    """Let assignments to a model pass without validation inside a block.

    For arrays made by the caller with the types of the schema, and for metadata of a model that was validated when it
    was read. Everything is validated again when the model is saved.

    Parameters
    ----------
    model : stdatamodels DataModel

    Yields
    ------
    DataModel
        The same model.
    """
    before = model._validate_on_assignment
    model._validate_on_assignment = False
    try:
        yield model
    finally:
        model._validate_on_assignment = before
