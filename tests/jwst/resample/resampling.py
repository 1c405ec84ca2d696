"""What the tests of resample share: the exposures of the parity vectors, made once."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

PARITY = Path(__file__).parents[2] / "parity"


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("resample_cases")


@functools.cache
def _pair():
    return MAKE.pair()


def noisy(count=3):
    """Copies of small exposures of random values."""
    return MAKE.noisy(count)


def pair():
    """Copies of the two exposures of the statements of spec resample.md §9."""
    return [model.copy() for model in _pair()]


def members(library):
    """The models of a library."""
    with library:
        models = list(library)
        for index, model in enumerate(models):
            library.shelve(model, index, modify=False)
    return models
