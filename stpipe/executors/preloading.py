"""What the forkserver imports before it makes workers for a work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stpipe.tasks import Work

__all__ = ["modules_of"]


def modules_of(work: Work) -> list[str]:
    """Return the modules that workers need for a work: of its class and sub-steps, and what these name.

    A Step class names what it imports while it runs in ``worker_imports``.
    """
    target = getattr(work, "cls", None) or getattr(work, "function", None)
    return list(dict.fromkeys(name for name in _modules(target) if name not in ("__main__", "__mp_main__")))


def _modules(target: Any) -> Iterator[str]:
    yield from getattr(target, "worker_imports", ())
    module = getattr(target, "__module__", None)
    if isinstance(module, str):
        yield module
    for step in (getattr(target, "step_defs", None) or {}).values():
        yield from _modules(step)
