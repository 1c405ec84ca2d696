"""Errors of associations.

They are errors of the framework too, so that a run that meets one ends with one line and exit status 1.
"""

from __future__ import annotations

from stpipe.exceptions import InputError, StpipeException

__all__ = ["AssociationError", "AssociationNotAConstraintError", "AssociationNotValidError"]


class AssociationError(StpipeException):
    """Base of the errors of associations."""


class AssociationNotAConstraintError(AssociationError):
    """Something else was given where a constraint belongs."""


class AssociationNotValidError(AssociationError, InputError):
    """An association that cannot be read, used or written; the text names the file and the place in it."""
