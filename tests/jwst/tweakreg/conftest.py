"""Exposures for tests of tweakreg."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PARITY = Path(__file__).parents[2] / "parity"


@pytest.fixture(scope="session")
def scenes():
    """The module that makes exposures of a field."""
    spec = importlib.util.spec_from_file_location("tweakreg_scenes", PARITY / "tweakreg_scenes.py")
    module = importlib.util.module_from_spec(spec)
    __import__("sys").modules["tweakreg_scenes"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def kept():
    """Exposures that are made already."""
    return {}


@pytest.fixture
def shared(offline, scenes, kept):
    """Models of exposures, computed once, that are not to be changed: a step that is called alone copies them."""

    def make(shots=None, sources=None, **changes):
        models = []
        for shot in scenes.THREE if shots is None else shots:
            key = (shot, None if sources is None else sources.tobytes(), tuple(changes.items()))
            if key not in kept:
                kept[key] = scenes.model(shot, sources, **changes)
            models.append(kept[key])
        return models

    return make


@pytest.fixture
def exposures(shared):
    """Make models of exposures; each is computed once and copied."""
    return lambda *given, **changes: [model.copy() for model in shared(*given, **changes)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def taken():
    """Models of a library."""

    def take(library):
        with library:
            models = list(library)
            for model in models:
                library.shelve(model, modify=False)
        return models

    return take
