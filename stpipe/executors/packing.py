"""Tasks and values as bytes; models in them go by way of a private folder (running.md R33)."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stpipe.executors.stored import PrivateFolder, Stored, is_model, open_stored, save_aside

__all__ = ["Loader", "Packer", "Tokens", "pack_parameters", "refers_to_main"]

Token = tuple[str, str, str | None]
Tokens = dict[int, tuple[Any, Token]]
"""Identity of a model to itself, which keeps the identity from being used again, and what stands for it."""


class Packer:
    """Turns values into bytes.

    Parameters
    ----------
    folder : str
        Private folder for models.
    extension : str
        Of a model without a name.
    known : mapping, optional
        Identity of a model that came from the other side to the path by which that side knows it.

    Attributes
    ----------
    sent : dict of str to object
        The models saved so far, by path.
    """

    def __init__(self, folder: str, extension: str = ".fits", known: Mapping[int, str] | None = None) -> None:
        self._shared: Tokens | None = None
        self._own: frozenset[int] = frozenset()
        self._folder = folder
        self._extension = extension
        self._known = known or {}
        self.sent: dict[str, Any] = {}
        self._tokens: Tokens = {}

    def share(self, tokens: Tokens, *, but: Iterable[Any]) -> None:
        """Save models once for several packers, such as overrides of references; but not these."""
        self._shared = tokens
        self._own = frozenset(map(id, but))

    def pack(self, value: Any) -> bytes:
        """Return a value as bytes; models in it are saved.

        Raises
        ------
        Exception
            Something in it cannot be pickled, or a model cannot be saved.
        """
        return _dumps(value, self._token)

    def token(self, model: Any) -> Token:
        """Save a model, once, and return what stands for it."""
        if isinstance(model, Stored):
            if not model.is_open:
                self.sent[model.path] = model
                return "stored", model.path, model.name
            model = model.open()
        tokens = self._tokens if self._shared is None or id(model) in self._own else self._shared
        if id(model) not in tokens:
            path = save_aside(model, self._folder, self._extension)
            tokens[id(model)] = model, ("stored", path, getattr(model.meta, "filename", None))
        token = tokens[id(model)][1]
        self.sent[token[1]] = model
        return token

    def _token(self, value: Any) -> Token | None:
        return self.token(value) if isinstance(value, Stored) or is_model(value) else None

    def pack_facts(self, value: Any) -> bytes:
        """Return a value as bytes; models in it that came from the other side are named, others become a text."""
        return _dumps(value, self._name)

    def _name(self, value: Any) -> Token | None:
        if not is_model(value):
            return None
        path = self._known.get(id(value))
        return ("known", path, None) if path else ("text", f"<{type(value).__name__}>", None)

    def remove_sent(self) -> None:
        """Remove the files of what was saved here, but not of what had been saved before, or is shared."""
        import shutil

        for _, (_, path, _) in self._tokens.values():
            shutil.rmtree(os.path.dirname(path), ignore_errors=True)


def _dumps(value: Any, token: Callable[[Any], Token | None]) -> bytes:
    buffer = io.BytesIO()
    pickler = _Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.token = token
    pickler.dump(value)
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    token: Callable[[Any], Token | None]

    def persistent_id(self, obj: Any) -> Token | None:
        return self.token(obj)


class Loader:
    """Turns bytes into values.

    Parameters
    ----------
    opener : callable or None
        Opens a model by its path.
    known : mapping, optional
        Path to the model that was sent under it.

    Attributes
    ----------
    opened : dict of int to str
        Identity of each model opened here, to its path.
    """

    def __init__(self, opener: Callable[[str], Any] | None, known: Mapping[str, Any] | None = None) -> None:
        self._opener = opener
        self._known = known or {}
        self._models: dict[str, Any] = {}
        self.opened: dict[int, str] = {}

    def load(self, data: bytes) -> Any:
        """Return the value.

        Raises
        ------
        Exception
            A class of it cannot be imported here, or a model cannot be opened.
        """
        unpickler = _Unpickler(io.BytesIO(data))
        unpickler.found = self._found
        return unpickler.load()

    def _found(self, token: Token) -> Any:
        kind, path, name = token
        if kind == "text":
            return path
        if kind == "known":
            return self._known.get(path)
        if path not in self._models:
            self._models[path] = open_stored(path, name, self._opener)
            self.opened[id(self._models[path])] = path
        return self._models[path]

    def close(self) -> None:
        """Close the models opened here that can be closed."""
        for model in self._models.values():
            if callable(getattr(model, "close", None)):
                model.close()

    @staticmethod
    def later(token: Token, folder: PrivateFolder, opener: Callable[[str], Any] | None) -> Stored:
        """Return a model that is opened when it is asked for."""
        return Stored(token[1], token[2], folder, opener)


class _Unpickler(pickle.Unpickler):
    found: Callable[[Token], Any]

    def persistent_load(self, pid: Any) -> Any:
        return self.found(pid)


def pack_parameters(packer: Packer, parameters: Mapping[str, Any]) -> bytes:
    """Return parameters with their sources as bytes; what cannot be pickled becomes a short text."""
    try:
        return packer.pack_facts(parameters)
    except Exception:
        return packer.pack_facts(_texts(packer, parameters))


def _texts(packer: Packer, values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        try:
            packer.pack_facts(value)
            found[name] = value
        except Exception:
            if isinstance(value, Mapping):
                found[name] = _texts(packer, value)
            elif isinstance(value, tuple) and len(value) == 2:
                found[name] = (repr(value[0]), value[1])
            else:
                found[name] = repr(value)
    return found


def refers_to_main(data: bytes) -> bool:
    """Whether pickled bytes need the main script, and there is no file that a worker could import it from."""
    import sys

    main = sys.modules["__main__"]
    has_source = getattr(main, "__file__", None) or getattr(main, "__spec__", None)
    return b"__main__" in data and not has_source
