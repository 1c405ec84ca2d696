"""Fixtures of all tests of steps and pipelines."""

from __future__ import annotations

import pytest


@pytest.fixture
def offline(monkeypatch):
    """No parameters from CRDS, and no server."""
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
