"""NIRSpec exposures and references for tests of world coordinates."""

from __future__ import annotations

import importlib.util
import pathlib

import pytest

PARITY = pathlib.Path(__file__).parents[2] / "parity"


def _module(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def scenes():
    """The module that makes exposures and references."""
    return _module("nirspec_scenes")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """References of all modes, written once."""
    return tmp_path_factory.mktemp("nirspec_references")


@pytest.fixture(scope="session")
def images():
    """The module that makes images and their references."""
    return _module("imaging_scenes")


@pytest.fixture(scope="session")
def image_references(tmp_path_factory):
    """Folder of the references of images, written once."""
    return tmp_path_factory.mktemp("image_references")
