"""What the framework expects of a data model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

__all__ = ["AbstractDataModel"]

_METHODS = ("crds_observatory", "get_crds_parameters", "save")


class AbstractDataModel(ABC):
    """Base of data models; any class with `crds_observatory`, `get_crds_parameters` and `save` counts as one.

    Instances need ``meta.filename`` for products to be named after them.
    """

    @classmethod
    def __subclasshook__(cls, other: type) -> Any:
        """Whether a class has the three members, inherited or not."""
        if cls is not AbstractDataModel:
            return NotImplemented
        if all(any(name in base.__dict__ for base in other.__mro__) for name in _METHODS):
            return True
        return NotImplemented

    @property
    @abstractmethod
    def crds_observatory(self) -> str:
        """Name of the observatory at the reference service (``jwst``)."""

    @abstractmethod
    def get_crds_parameters(self) -> Mapping[str, Any]:
        """Flat mapping ``meta.…`` → simple value for the matching of references."""

    @abstractmethod
    def save(self, path: str, *args: Any, **kwargs: Any) -> str:
        """Write the model to a file; returns the path."""
