"""Errors on their way from a worker: themselves if they can be pickled, else an error of the same name."""

from __future__ import annotations

import pickle
from typing import Any

from stpipe.exceptions import RunError

__all__ = ["RemoteError", "RemoteTraceback", "load_error", "pack_error"]

Packed = tuple[bytes | None, str, str]


class RemoteError(RunError):
    """Stands for an error of a worker that could not be sent; its class has the name of the original class."""

    exit_status = 2

    def __reduce__(self) -> Any:
        return _named, (type(self).__name__, str(self))


class RemoteTraceback(Exception):
    """Shows, as the cause of an error, where in the worker it was raised."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"in the worker:\n{self.text}"


def _named(name: str, message: str) -> RemoteError:
    """Make an error whose class has this name."""
    kind = type(name, (RemoteError,), {"__module__": __name__, "__doc__": RemoteError.__doc__})
    return kind(message)


def _rebuilt(kind: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    """Make an error whose constructor takes other arguments than it keeps."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


def pack_error(error: BaseException) -> Packed:
    """Return an error as bytes, with the name of its class and its message."""
    name, message = type(error).__name__, str(error)
    for make in (_as_it_is, _in_parts):
        try:
            data = make(error)
            again = pickle.loads(data)
            if type(again) is type(error) and str(again) == message:
                return data, name, message
        except Exception:
            continue
    return None, name, message


def _as_it_is(error: BaseException) -> bytes:
    return pickle.dumps(error)


def _in_parts(error: BaseException) -> bytes:
    return pickle.dumps(_Parts(type(error), error.args, dict(error.__dict__)))


class _Parts:
    """Pickled as an error that is made without its constructor."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts

    def __reduce__(self) -> Any:
        return _rebuilt, self._parts


def load_error(packed: Packed, traceback: str) -> BaseException:
    """Return the error, with the traceback of the worker as its cause.

    Parameters
    ----------
    packed : tuple
        As `pack_error` gives it.
    traceback : str
        In the worker, as text.
    """
    data, name, message = packed
    try:
        error = pickle.loads(data) if data is not None else _named(name, message)
    except Exception:
        error = _named(name, message)
    if traceback and error.__cause__ is None:
        error.__cause__ = RemoteTraceback(traceback)
    return error
