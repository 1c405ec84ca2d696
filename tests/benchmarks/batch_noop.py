"""What the machinery of a batch itself takes: N exposures for which a step does nothing.

``python tests/benchmarks/batch_noop.py [N [JOBS | dask]]`` (100,000 and 2 by default; ``dask`` is a cluster of two
worker processes on this machine) runs them through `stpipe.batch.Batch` in worker processes, then once more with
``resume``, and prints time, memory and the size of the manifest. With several N,
separated by commas, there is a line for each, which shows whether the time grows as N does.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stpipe import Param, Step
from stpipe.batch import Batch, BatchOptions
from stpipe.executors.manifest import MANIFEST

__all__ = ["Nothing", "main"]


class Nothing(Step):
    """Returns its input."""

    class_alias = "nothing"
    output_ext = Param(".asdf", "extension")

    @classmethod
    def _read_header(cls, path: str) -> Any:
        return {}

    @classmethod
    def _datamodels_open(cls, init: Any, **_: object) -> Any:
        return init

    def process(self, init: Any) -> Any:
        return init


def measure(count: int, jobs: int, folder: Path, cluster: Any = None) -> str:
    """Run twice and return a line of the table."""
    raw = folder / f"raw_{count}"
    raw.mkdir()
    for number in range(count):
        (raw / f"exposure_{number:06d}.asdf").touch()
    times = []
    for resume in (False, True):
        options = BatchOptions(jobs=jobs, pattern="*.asdf", resume=resume, dask=cluster)
        start = time.perf_counter()
        report = Batch(Nothing, str(raw), options, output_dir=str(folder / f"out_{count}")).run()
        times.append(time.perf_counter() - start)
        assert report.rc == 0, report
        assert sum(report.counts.values()) == count, report
    size = os.path.getsize(folder / f"out_{count}" / MANIFEST)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    first, again = times
    return (
        f"| {count} | {first:.1f} s | {1e3 * first / count:.2f} ms | {again:.1f} s | {1e3 * again / count:.2f} ms "
        f"| {memory:.0f} MiB | {size / 1e6:.2f} MB |"
    )


def main() -> int:
    """Measure and print a table."""
    counts, *jobs = sys.argv[1:] or ["100000"]
    logging.disable(logging.WARNING)
    print(
        "| exposures | time | each | resumed | each | memory so far | manifest |\n|---|---|---|---|---|---|---|",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder, cluster_of(jobs == ["dask"]) as cluster:
        number = 2 if cluster is not None or not jobs else int(jobs[0])
        for count in counts.split(","):
            print(measure(int(count), number, Path(folder), cluster), flush=True)
    return 0


@contextmanager
def cluster_of(wanted: bool) -> Iterator[Any]:
    """Two worker processes of dask on this machine, or None."""
    if not wanted:
        yield None
        return
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        yield client


if __name__ == "__main__":
    sys.exit(main())
