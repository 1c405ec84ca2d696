"""NIRSpec exposures and references for tests of world coordinates."""

from __future__ import annotations

import importlib.util
import pathlib

import pytest

PARITY = pathlib.Path(__file__).parents[2] / "parity"


@pytest.fixture(scope="session")
def scenes():
    """The module that makes exposures and references."""
    spec = importlib.util.spec_from_file_location("nirspec_scenes", PARITY / "nirspec_scenes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """References of all modes, written once."""
    return tmp_path_factory.mktemp("nirspec_references")
