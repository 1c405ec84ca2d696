"""What the tests of recipes share; they get it by the fixtures ``recipes`` and ``here``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stpipe import caches, run_recipe, settings

__all__ = ["here", "recipes"]


class Recipes:
    """Writes recipes into the current folder and runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, text: str, name: str = "r.yaml") -> Path:
        """Write a recipe, in folders of its own where the name has some."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, text: str, **arguments: Any) -> Any:
        """Run a text as a recipe; what was cached of the last one is forgotten."""
        caches.clear_all()
        self.write(text)
        return run_recipe("r", **arguments)


@pytest.fixture
def recipes(workdir: Path) -> Iterator[Recipes]:
    """Recipes in an empty current folder; settings and caches as in a new process, before and after."""
    caches.clear_all()
    settings.reset()
    yield Recipes(workdir)
    caches.clear_all()
    settings.reset()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An importable module ``here`` whose functions recipes can call; ``here.calls`` is what they were called with."""
    module = ModuleType("here")
    module.calls = []  # type: ignore[attr-defined]

    def note(context: Any, **arguments: Any) -> None:
        module.calls.append({**arguments} if arguments else context.get("i"))

    def fail(context: Any, text: str = "no", kind: str = "ValueError", until: int = 0) -> None:
        module.calls.append(context.get("retry_counter"))
        if not until or context["retry_counter"] < until:
            raise {"ValueError": ValueError, "KeyError": KeyError, "OSError": OSError}[kind](text)

    def trace(context: Any, mark: str) -> None:
        context.setdefault("trace", []).append(mark)

    module.note, module.fail, module.trace = note, fail, trace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "here", module)
    return module
