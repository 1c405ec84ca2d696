"""Steps of the tests of runs as a module that can be imported by name, also by recipes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

_NAME = "stpipe_test_run_steps"

if _NAME not in sys.modules:
    _spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("run_steps.py"))
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules[_NAME] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_NAME])


@pytest.fixture
def place(workdir: Path) -> Path:
    """Empty current folder, with settings and caches as in a new process, before and after."""
    from stpipe import caches, settings

    def as_new() -> None:
        settings.reset()
        caches.clear_all()

    as_new()
    yield workdir
    as_new()


@pytest.fixture
def models(fakes):
    """Three models, ``a_rate.fits`` to ``c_rate.fits``, with the values 0 to 2."""
    return [fakes.FakeModel(f"{name}_rate.fits", number) for number, name in enumerate("abc")]
