"""Lending of models: each is borrowed, and shelved again before the library is closed (spec framework.md §17)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from operator import index as as_integer
from types import TracebackType
from typing import Any, Self

from stpipe.exceptions import StpipeException
from stpipe.library_store import Store

__all__ = ["BorrowError", "ClosedLibraryError", "LendingLibrary", "LibraryError", "NoGroupID"]


class LibraryError(StpipeException):
    """A library that cannot be made or is not used as it must be."""


class BorrowError(LibraryError):
    """A model is borrowed twice, not given back, or given back without having been borrowed."""


class ClosedLibraryError(LibraryError):
    """A library is used outside of a ``with`` block."""


class NoGroupID(LibraryError):
    """A file or a model does not say which group of exposures it belongs to."""


class LendingLibrary(ABC):
    """Who has borrowed what from a store of models.

    Parameters
    ----------
    store : Store
        Keeps the models that are not borrowed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loans: dict[int, Any] = {}
        self._depth = 0

    @abstractmethod
    def __len__(self) -> int:
        """Count the models."""

    @abstractmethod
    def _load(self, index: int, path: str | None) -> Any:
        """Open a member, or a file that the store has written of it."""

    @abstractmethod
    def _model_to_filename(self, model: Any) -> str:
        """Name of the file of a model."""

    def __enter__(self) -> Self:
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth:
            return
        borrowed = sorted(self._loans)
        self._loans.clear()
        if borrowed and kind is None:
            raise BorrowError(
                f"{type(self).__name__} has {len(borrowed)} un-returned models: "
                f"shelve each one before the with block ends (here {', '.join(map(str, borrowed))})."
            )

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self.borrow(index)

    def borrow(self, index: int) -> Any:
        """Give a model, to be shelved again.

        Parameters
        ----------
        index : int
            Position; negative ones count from the end.

        Raises
        ------
        ClosedLibraryError
            Outside of a ``with`` block.
        BorrowError
            It is borrowed already.
        IndexError
            There is no such member.
        """
        self._require_open()
        index = self._position(index)
        if index in self._loans:
            raise BorrowError(f"Attempt to double-borrow model {index}: shelve it first.")
        model = self._store.take(index, partial(self._load, index))
        self._loans[index] = model
        return model

    def shelve(self, model: Any, index: int | None = None, modify: bool = True) -> None:
        """Take a model back.

        Parameters
        ----------
        model : model
            The one that was borrowed, or another one in its place.
        index : int, optional
            Its position; needed for another model.
        modify : bool, optional
            False promises that the model was not changed: then nothing is written, and another model is not kept.

        Raises
        ------
        ClosedLibraryError
            Outside of a ``with`` block.
        BorrowError
            The model is unknown, or that member is not borrowed.
        IndexError
            There is no such member.
        """
        self._require_open()
        index = self._loan_of(model) if index is None else self._position(index)
        if index not in self._loans:
            raise BorrowError(f"Attempt to shelve model at a non-borrowed index ({index}): borrow it first.")
        if modify or model is self._loans[index]:
            name = self._model_to_filename(model) if modify else ""
            self._store.put(index, model, name=name, modify=modify)
        del self._loans[index]

    def map_function(self, function: Callable[[Any, int], Any], modify: bool = True) -> Iterator[Any]:
        """Apply a function to one model after the other; each is shelved before its result is given.

        Parameters
        ----------
        function : callable
            Called as ``function(model, index)``.
        modify : bool, optional
            False promises that it does not change the models.

        Yields
        ------
        object
            What the function returned.

        Notes
        -----
        The library is opened as long as the generator lives, if it is not open. A model in which the function fails is
        shelved as it is, without being written.
        """
        with self:
            for index in range(len(self)):
                model = self.borrow(index)
                try:
                    result = function(model, index)
                except BaseException:
                    self.shelve(model, index, modify=False)
                    raise
                self.shelve(model, index, modify=modify)
                del model  # or two are held while the next one is opened
                yield result

    def _require_open(self) -> None:
        if not self._depth:
            raise ClosedLibraryError(f"{type(self).__name__} is not open: use it in a with block.")

    def _position(self, index: int) -> int:
        position, count = as_integer(index), len(self)
        if not -count <= position < count:
            raise IndexError(f"There is no model {position}: {type(self).__name__} has {count} models")
        return position % count

    def _loan_of(self, model: Any) -> int:
        for index, borrowed in self._loans.items():
            if borrowed is model:
                return index
        raise BorrowError("Attempt to shelve an unknown model: a model that was not borrowed needs an index.")
