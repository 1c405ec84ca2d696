"""Exceptions of the step framework, each with the exit code that ``strun`` gives it.

::

    Exception
    └── StpipeException                     1   base of everything raised here
        ├── StpipeExitException             its own exit_status (64: no data on detector)
        ├── ValidationError                 1   a configuration that cannot be used
        │   └── ParameterError (ValueError) 1   a parameter: wrong name, type or value
        ├── InputError (ValueError)         1   an input that is no usable exposure
        │   ├── SameProductsError           4   several exposures would be saved under one name
        │   └── MissingMetadataError (TypeError) 1   an input without a value that a step cannot do without
        ├── NotBuiltError                   1   a step or option that this release does not have yet
        ├── OutputError (OSError)           1   a product that cannot be written
        ├── LookupFailure                   1   why one reference could not be found
        │   └── ReferenceServiceError       1   CRDS cannot be asked (also a crds CrdsError)
        ├── RunError                        1   a run that cannot start, or cannot go on
        │   ├── StepNotFoundError           1   no step of that name, alias or path
        │   ├── RecipeNotFoundError         1   no recipe of that name in any of the places looked in
        │   ├── RecipeDefinitionError       4   a recipe that cannot be used; each problem with file, line, column
        │   ├── GroupNotFoundError          4   a recipe or an inventory has no such group
        │   ├── ExposureNotFoundError       1   an inventory has no exposure of that name
        │   ├── PlanError                   2   a plan that has no exposure left, or is not used as it must be
        │   ├── ContextKeyError (KeyError)  2   a name in braces that the context does not have
        │   ├── MissingResourceError        4   a resource that no step of a graph provides
        │   ├── CycleError                  4   steps of a graph that wait for each other
        │   ├── ProvidesError               2   a step that returned more or fewer values than it provides
        │   ├── CanceledError             254   a run that was told to stop
        │   ├── RunTimeoutError           254   a run or a step that is out of time
        │   ├── NotFound                    1   what is to be run, or its input, is not there
        │   ├── DoesNotFitError             2   a task that needs more memory than there is
        │   ├── ManifestInUse               4   another batch is at work in the folder
        │   ├── RemoteError                 2   stands for an error of a worker process that could not be sent
        │   ├── StoredError                 1   stands for an error of a run that is read from its artifacts
        │   └── WorkerCrashed               2   a worker process that died in the middle of a task
        ├── LibraryError                    1   a library that cannot be made or is not used as it must be
        │   ├── BorrowError                 1   a model borrowed twice, not given back, or not borrowed at all
        │   ├── ClosedLibraryError          1   a library used outside of a with block
        │   └── NoGroupID                   1   a file or model that does not say which group it belongs to
        └── Skip                            not an error: nothing to do for this input

``LookupFailure`` and ``ReferenceServiceError`` live in `stpipe.crds_client`, the latter because it derives from the
error of ``crds``, which is imported only when it is needed. ``LibraryError`` and its kinds live in `stpipe.library`,
``NotFound`` in `stpipe.run_what`, ``RemoteError`` in `stpipe.executors.errors`, ``StoredError`` in `stpipe.loaded_run`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "CanceledError",
    "ContextKeyError",
    "CycleError",
    "ExposureNotFoundError",
    "GroupNotFoundError",
    "InputError",
    "MissingMetadataError",
    "MissingResourceError",
    "NotBuiltError",
    "OutputError",
    "ParameterError",
    "PlanError",
    "Problem",
    "ProvidesError",
    "RecipeDefinitionError",
    "RecipeNotFoundError",
    "RunError",
    "RunTimeoutError",
    "Skip",
    "StepNotFoundError",
    "StpipeException",
    "StpipeExitException",
    "ValidationError",
    "WorkerCrashed",
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


class RunError(StpipeException):
    """A run cannot start, or cannot go on."""


class StepNotFoundError(RunError):
    """No step has that alias, class path or parameter file."""


class InputError(StpipeException, ValueError):
    """The input is no exposure that the step can use."""


class MissingMetadataError(InputError, TypeError):
    """The input lacks metadata that a step cannot do without; a TypeError too, as in the released pipeline."""


class NotBuiltError(StpipeException):
    """A step or an option that is known but not part of this release."""


class OutputError(StpipeException, OSError):
    """A product cannot be written."""


class RecipeNotFoundError(RunError):
    """No recipe has that name; the text lists the places looked in."""


class Problem(NamedTuple):
    """One thing that is wrong in a recipe.

    Attributes
    ----------
    message : str
        What is wrong.
    file : str or None
        Where it is.
    line, col : int or None
        From 1; None where it is not known.
    """

    message: str
    file: str | None = None
    line: int | None = None
    col: int | None = None

    def __str__(self) -> str:
        place = ", ".join(
            text for text, there in ((f"line {self.line}", self.line), (f"column {self.col}", self.col)) if there
        )
        where = " ".join(text for text in (self.file and f"{self.file}:", place and f"{place}:") if text)
        return f"{where} {self.message}" if where else self.message


class RecipeDefinitionError(RunError):
    """A recipe cannot be used.

    Parameters
    ----------
    message : str
        What is wrong, all of it.
    problems : sequence of Problem
        The same one by one.
    """

    exit_status = 4

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message, tuple(problems))
        self.problems = tuple(problems) or (Problem(message),)

    def __str__(self) -> str:
        return str(self.args[0])

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> RecipeDefinitionError:
        """Make the error of these problems."""
        return cls("\n".join(map(str, problems)), problems)


class GroupNotFoundError(RunError):
    """A recipe or an inventory has no group of that name."""

    exit_status = 4


class ExposureNotFoundError(RunError, LookupError):
    """An inventory has no exposure of that name; the text gives near names."""


class PlanError(RunError):
    """A plan has no exposure left to work on, or is not used as it must be."""

    exit_status = 2


class ContextKeyError(RunError, KeyError):
    """A name in braces is not in the context.

    Attributes
    ----------
    where : str
        Which entry wanted it; empty where that is not known.
    """

    exit_status = 2
    where = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.args[0]}" if self.where else str(self.args[0])


class MissingResourceError(RunError):
    """No step of the graph provides a resource, and it was not given either."""

    exit_status = 4


class CycleError(RunError):
    """Steps of a graph want each other's results; the text shows the way round, e.g. ``a -> b -> a``."""

    exit_status = 4


class ProvidesError(RunError):
    """A step of a graph returned more or fewer values than it provides."""

    exit_status = 2


class CanceledError(RunError):
    """A run was told to stop."""

    exit_status = 254


class RunTimeoutError(RunError):
    """A run or a step is out of time.

    Attributes
    ----------
    of_run : bool
        Whether it is the run, not one attempt at a step.
    """

    of_run = True

    exit_status = 254


class WorkerCrashed(RunError):
    """A worker process died in the middle of a task; the text says how, as far as is known."""

    exit_status = 2


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
