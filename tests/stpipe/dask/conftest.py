"""A dask cluster of two worker processes, one for each module of tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

try:
    import distributed
except ImportError:  # its tests skip themselves
    distributed = None

sys.path.insert(0, str(Path(__file__).parents[1] / "run"))  # so that workers can import the steps, too


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two processes with one thread each, and their scheduler."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=False
    ) as made:
        yield made


@pytest.fixture(scope="module")
def client(cluster: Any) -> Iterator[Any]:
    """Client of the cluster; its workers have processes already when anything is timed."""
    import steps_for_runs as steps

    import stpipe

    with distributed.Client(cluster, set_as_default=False) as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
        stpipe.run(steps.Odd, [steps.Model("a"), steps.Model("b"), steps.Model("c")], executor=made)
        yield made


@pytest.fixture
def inputs(workdir: Path) -> list[str]:
    """Five files of values 1 to 5."""
    for value in range(1, 6):
        Path(f"v{value}.json").write_text(json.dumps({"value": value}))
    return [f"v{value}.json" for value in range(1, 6)]
