"""Exceptions of the step framework, each with the exit code that ``strun`` gives it.

::

    Exception
    └── StpipeException                     1   base of everything raised here
        ├── StpipeExitException             its own exit_status (64: no data on detector)
        ├── ValidationError                 1   a configuration that cannot be used
        │   └── ParameterError (ValueError) 1   a parameter: wrong name, type or value
        ├── StepNotFoundError               1   no step of that name, alias or path
        ├── InputError (ValueError)         1   an input that is no usable exposure
        │   └── MissingMetadataError (TypeError) 1   an input without a value that a step cannot do without
        ├── NotBuiltError                   1   a step or option that this release does not have yet
        ├── OutputError (OSError)           1   a product that cannot be written
        ├── LookupFailure                   1   why one reference could not be found
        │   └── ReferenceServiceError       1   CRDS cannot be asked (also a crds CrdsError)
        ├── LibraryError                    1   a library that cannot be made or is not used as it must be
        │   ├── BorrowError                 1   a model borrowed twice, not given back, or not borrowed at all
        │   ├── ClosedLibraryError          1   a library used outside of a with block
        │   └── NoGroupID                   1   a file or model that does not say which group it belongs to
        └── Skip                            not an error: nothing to do for this input

``LookupFailure`` and ``ReferenceServiceError`` live in `stpipe.crds_client`, the latter because it derives from the
error of ``crds``, which is imported only when it is needed. ``LibraryError`` and its kinds live in `stpipe.library`.
"""

from __future__ import annotations

__all__ = [
    "InputError",
    "MissingMetadataError",
    "NotBuiltError",
    "OutputError",
    "ParameterError",
    "Skip",
    "StepNotFoundError",
    "StpipeException",
    "StpipeExitException",
    "ValidationError",
]


class StpipeException(Exception):
    """Base of all errors of the framework.

    Attributes
    ----------
    exit_status : int
        What ``strun`` leaves the process with when this error ends a run.
    """

    exit_status = 1


class StpipeExitException(StpipeException):
    """Ends a run with a given exit status.

    Parameters
    ----------
    exit_status : int
        Exit status of the process, e.g. 64 for "no data on detector".
    *args
        The message.
    """

    def __init__(self, exit_status: int, *args: object) -> None:
        super().__init__(exit_status, *args)  # all of them, or the error could not be sent between processes
        self.exit_status = exit_status

    def __str__(self) -> str:
        return " ".join(str(arg) for arg in self.args[1:])


class ValidationError(StpipeException):
    """A configuration that cannot be used."""


class ParameterError(ValidationError, ValueError):
    """A parameter has an unknown name, a wrong type or a value that is not allowed."""


class StepNotFoundError(StpipeException):
    """No step has that alias, class path or parameter file."""


class InputError(StpipeException, ValueError):
    """The input is no exposure that the step can use."""


class MissingMetadataError(InputError, TypeError):
    """The input lacks metadata that a step cannot do without; a TypeError too, as in the released pipeline."""


class NotBuiltError(StpipeException):
    """A step or an option that is known but not part of this release."""


class OutputError(StpipeException, OSError):
    """A product cannot be written."""


class Skip(StpipeException):
    """Raised by ``process`` when there is nothing to do: the step counts as SKIPPED and the input goes on unchanged.

    Parameters
    ----------
    reason : str
        Why, in one sentence; logged as a WARNING.
    """

    exit_status = 0

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
