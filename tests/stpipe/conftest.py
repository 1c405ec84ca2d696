"""Fixtures of the framework tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load(file_name: str) -> ModuleType:
    name = f"stpipe_test_{file_name.removesuffix('.py')}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(file_name))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def fakes() -> ModuleType:
    """Module of fake models and steps (it cannot be imported by name under importmode=importlib)."""
    return _load("fakes.py")


@pytest.fixture(scope="session")
def library_fakes() -> ModuleType:
    """Module of a model library of small models, and of steps that work on it."""
    return _load("library_fakes.py")


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty current folder, without parameters from a reference service and without an overwrite policy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.delenv("STPIPE_OVERWRITE", raising=False)
    return tmp_path


@pytest.fixture
def library_class(library_fakes: ModuleType) -> Any:
    """Class of fake libraries, none of which has opened anything yet."""
    library_fakes.FakeLibrary.opened.clear()
    return library_fakes.FakeLibrary


@pytest.fixture
def asn_path(library_fakes: ModuleType, workdir: Path) -> Path:
    """An association of three models, in a folder of its own."""
    members = ["background", "SCIENCE", {"exptype": "science", "group_id": "g7", "tweakreg_catalog": "c.ecsv"}]
    return library_fakes.write_association(workdir / "in", members, asn_id="a1", asn_pool="pool.csv")


@pytest.fixture(params=[False, True], ids=["in memory", "on disk"])
def library(library_class: Any, asn_path: Path, request: pytest.FixtureRequest) -> Any:
    """A library of that association."""
    return library_class(asn_path, on_disk=request.param)


recipes, here = _load("recipe_fixtures.py").recipes, _load("recipe_fixtures.py").here
make_exposure = _load("exposure_files.py").make_exposure
