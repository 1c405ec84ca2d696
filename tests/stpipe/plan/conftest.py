"""Fixtures of the tests of plans."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_NAME = "stpipe_test_plan_cases"


def _cases() -> ModuleType:
    if _NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("plan_cases.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[_NAME] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[_NAME])
    return sys.modules[_NAME]


@pytest.fixture
def cases(workdir: Path) -> Iterator[ModuleType]:
    """Module of steps and files; the current folder is empty, settings are as in a new process."""
    from stpipe import caches, settings

    settings.reset()
    caches.clear_all()
    module = _cases()
    module.CALLS.clear()
    yield module
    settings.reset()


@pytest.fixture
def make_plan(cases: ModuleType) -> Callable[..., Any]:
    """Maker of a plan on ``a_uncal.fits``, ``b_uncal.fits``, …, which are written if they are not there."""
    from stpipe import Inventory, Plan

    def make(names: str = "ab", **keywords: Any) -> Any:
        paths = [f"{name}_uncal.fits" for name in names]
        for number, path in enumerate(paths, 1):
            if not Path(path).exists():
                cases.write(path, float(number))
        return Plan(Inventory(paths), **keywords)

    return make
