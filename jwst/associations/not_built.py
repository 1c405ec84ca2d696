"""Names of the released pipeline's associations that this release does not have yet."""

from __future__ import annotations

from typing import Any

from stpipe.exceptions import NotBuiltError

__all__ = ["missing", "refusal"]

_INSTEAD = "make associations with jwst.associations.asn_from_list, which needs no pool"


def refusal(name: str, instead: str = _INSTEAD) -> NotBuiltError:
    """Make the error that says what is missing and what to do instead."""
    return NotBuiltError(f"{name} of jwst.associations is not part of this release; {instead}")


class _Missing(type):
    """Class of names that are missing: they can be imported, and refuse to be used."""

    instead = _INSTEAD

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise refusal(cls.__name__, cls.instead)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise refusal(cls.__name__, cls.instead)


def missing(name: str, module: str, instead: str = _INSTEAD) -> Any:
    """Make something that can be imported by a name, and that raises a NotBuiltError when it is used.

    Parameters
    ----------
    name : str
        The name.
    module : str
        Module it belongs to.
    instead : str, optional
        What to do instead.
    """
    doc = f"Not part of this release: {instead}."
    return _Missing(name, (), {"__module__": module, "__doc__": doc, "instead": instead})
