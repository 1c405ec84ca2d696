"""Laws of model libraries as a state machine: spec framework.md §20 T6."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from stpipe.library import BorrowError, ClosedLibraryError


class LibraryLaws(RuleBasedStateMachine):
    """Drive a library in memory, one on disk, and a plain account of what they should hold, by the same calls."""

    SIZE = 3

    def __init__(self, fakes):
        super().__init__()
        self.fakes = fakes
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        path = fakes.write_association(root / "in", ["science"] * self.SIZE)
        memory = fakes.FakeLibrary(path)
        disk = fakes.FakeLibrary(path, on_disk=True, temp_directory=root)
        self.libraries = (memory, disk)
        self.values = list(range(self.SIZE))
        self.names = ["a.json", "b.json", "c.json"]
        self.depth = 0
        self.lent: dict[int, list] = {}

    def teardown(self):
        self.folder.cleanup()

    indices = st.integers(-SIZE - 1, SIZE)

    @initialize()
    def begin_open(self):
        self.enter()

    def expected_error(self, index, *, borrowed):
        """Error that a call has to raise for an index whose model has to be borrowed, or not."""
        if not self.depth:
            return ClosedLibraryError
        if not -self.SIZE <= index < self.SIZE:
            return IndexError
        return None if (index % self.SIZE in self.lent) is borrowed else BorrowError

    def call(self, error, function):
        """Call a function for both libraries; either both raise the error, or both succeed."""
        if error is None:
            return [function(number, library) for number, library in enumerate(self.libraries)]
        for number, library in enumerate(self.libraries):
            with pytest.raises(error):
                function(number, library)
        return None

    @precondition(lambda self: self.depth < 2)
    @rule()
    def enter(self):
        self.call(None, lambda _, library: library.__enter__())
        self.depth += 1

    @precondition(lambda self: self.depth)
    @rule(failing=st.booleans())
    def leave(self, failing):
        self.depth -= 1
        unreturned = not self.depth and self.lent and not failing
        kind = RuntimeError if failing else None
        self.call(BorrowError if unreturned else None, lambda _, library: library.__exit__(kind, None, None))
        if not self.depth:
            self.lent = {}

    @rule(index=indices)
    def borrow(self, index):
        models = self.call(self.expected_error(index, borrowed=False), lambda _, library: library.borrow(index))
        if models:
            index %= self.SIZE
            assert models[0].content() == models[1].content()
            assert (models[0].value, models[0].meta.filename) == (self.values[index], self.names[index])
            self.lent[index] = models

    @precondition(lambda self: self.lent)
    @rule(data=st.data(), value=st.integers(), name=st.sampled_from([None, "a.json", "new.json", "../up.json"]))
    def shelve_changed(self, data, value, name):
        index = data.draw(st.sampled_from(sorted(self.lent)))
        models = self.lent.pop(index)
        for model in models:
            model.value, model.meta.filename = value, name
        self.values[index], self.names[index] = value, name
        self.call(None, lambda number, library: library.shelve(models[number]))

    @precondition(lambda self: self.lent)
    @rule(data=st.data())
    def shelve_unchanged(self, data):
        index = data.draw(st.sampled_from(sorted(self.lent)))
        models = self.lent.pop(index)
        self.call(None, lambda number, library: library.shelve(models[number], modify=False))

    @rule(index=indices, value=st.integers(), modify=st.booleans())
    def shelve_another(self, index, value, modify):
        error = self.expected_error(index, borrowed=True)
        self.call(
            error,
            lambda _, library: library.shelve(self.fakes.LibraryModel("other.json", value), index, modify),
        )
        if error is None:
            index %= self.SIZE
            self.lent.pop(index)
            if modify:
                self.values[index], self.names[index] = value, "other.json"

    @rule()
    def shelve_unknown(self):
        error = BorrowError if self.depth else ClosedLibraryError
        self.call(error, lambda _, library: library.shelve(self.fakes.LibraryModel()))

    @rule()
    def map_over_all(self):
        if self.lent:
            self.call(BorrowError, lambda _, library: library.contents())
        else:
            memory, disk = self.call(None, lambda _, library: library.contents())
            assert memory == disk
            assert [content["value"] for content in memory] == self.values

    @rule()
    def known_without_borrowing(self):
        memory, disk = self.call(None, lambda _, library: (library.asn, library.group_indices, library.exptypes))
        assert memory == disk


def test_laws(library_fakes):
    run_state_machine_as_test(
        lambda: LibraryLaws(library_fakes), settings=settings(max_examples=100, stateful_step_count=40, deadline=None)
    )
