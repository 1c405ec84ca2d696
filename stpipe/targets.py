"""What the steps of a run are applied to: exposures of an inventory, or a stand-in for any other input."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["StandIn", "single_target"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class StandIn:
    """The single input of a run that is no exposure: a list, a library, an association, any object, or nothing.

    Parameters
    ----------
    source : object
        The input.
    name : str, optional
        ``input`` by default, or the base name of a path.

    Attributes
    ----------
    current : object
        Latest result.
    error : str or None
        Why it cannot be read.
    """

    data: Mapping[str, Any] = _NOTHING
    groups: tuple[str, ...] = ()
    header: Mapping[str, Any] = _NOTHING

    def __init__(self, source: Any, name: str | None = None) -> None:
        self.source = source
        self.path = os.fspath(source) if isinstance(source, str | os.PathLike) else None
        self.name = name or (os.path.basename(self.path) if self.path else "") or "input"
        self.current = source
        self.error: str | None = None

    @property
    def readable(self) -> bool:
        """Whether it can be read, as far as is known."""
        return self.error is None

    def open(self) -> Any:
        """Return the input itself."""
        return self.source

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<StandIn {self.name}>"


def single_target(source: Any) -> Any:
    """Return the target of one input: an Exposure for a FITS or ASDF file or a model, else a stand-in."""
    from stpipe.run_state import file_name_of

    is_path = isinstance(source, str | os.PathLike)
    name = file_name_of(source) if source is not None else None
    if name is None or (is_path and os.path.splitext(name.removesuffix(".gz"))[1].lower() not in (".fits", ".asdf")):
        return StandIn(source)
    from stpipe.inventory import Inventory

    return next(iter(Inventory([source])))
