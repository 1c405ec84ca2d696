"""What the machinery of a batch itself takes: N exposures for which a step does nothing.

``python tests/benchmarks/batch_noop.py [N [JOBS]]`` (100,000 and 2 by default) runs them through `stpipe.batch.Batch`
in worker processes, then once more with ``resume``, and prints time, memory and the size of the manifest. With several
N, separated by commas, there is a line for each, which shows whether the time grows as N does.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import tempfile
import time
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


def measure(count: int, jobs: int, folder: Path) -> str:
    """Run twice and return a line of the table."""
    raw = folder / f"raw_{count}"
    raw.mkdir()
    for number in range(count):
        (raw / f"exposure_{number:06d}.asdf").touch()
    times = []
    for resume in (False, True):
        options = BatchOptions(jobs=jobs, pattern="*.asdf", resume=resume)
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
    with tempfile.TemporaryDirectory() as folder:
        for count in counts.split(","):
            print(measure(int(count), int(jobs[0]) if jobs else 2, Path(folder)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
