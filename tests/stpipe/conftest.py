"""Fixtures of the framework tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load_fakes() -> ModuleType:
    name = "stpipe_test_fakes"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("fakes.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def fakes() -> ModuleType:
    """Module of fake models and steps (it cannot be imported by name under importmode=importlib)."""
    return _load_fakes()


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty current folder, without parameters from a reference service and without an overwrite policy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.delenv("STPIPE_OVERWRITE", raising=False)
    return tmp_path
