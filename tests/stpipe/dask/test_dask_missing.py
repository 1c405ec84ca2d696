"""Without dask: what the user is told, and that nothing of it is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stpipe.executors import find_executor, is_dask


def test_without_the_extra_the_message_says_what_to_install(monkeypatch):
    import importlib.util

    from stpipe.executors import dask

    monkeypatch.setattr(
        dask, "find_spec", lambda name: None if name == "distributed" else importlib.util.find_spec(name)
    )
    with pytest.raises(ImportError, match=r"pip install 'jwst-stpipe\[dask\]'"):
        find_executor("tcp://head:8786", 1)


def test_clients_are_known_without_importing_dask():
    asks = "import sys, stpipe.executors as e; e.is_dask('tcp://a:1'); e.is_dask(object())"
    code = f"{asks}; assert 'distributed' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_what_is_an_address_and_what_is_not():
    assert is_dask("tcp://head:8786")
    assert is_dask("tls://head:8786")
    assert not is_dask("processes")
    assert not is_dask(None)
    with pytest.raises(
        ValueError, match="executor can be inline, threads, processes or a dask client, not 'head:8786'"
    ):
        find_executor("head:8786", 1)
