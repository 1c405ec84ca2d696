"""Command lines: ``strun`` runs a step, ``stpipe`` tells about the steps there are."""

from __future__ import annotations

__all__: list[str] = []
