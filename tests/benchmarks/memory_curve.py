"""Memory of one process over many runs: ``python tests/benchmarks/memory_curve.py EXPOSURE CACHE [RUNS]``.

Each run is a whole ``Detector1Pipeline.call`` that saves its products, with ``explain`` and ``plan`` of it. Prints the
resident memory, the open files and the threads after 1, 2, 5, 10, 25 runs and then every 25.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

FIRST = (1, 2, 5, 10)
EVERY = 25


def resident() -> float:
    """Resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(exposure: str, cache: str, runs: int = 500) -> None:
    """Run the pipeline again and again and print the curve."""
    os.environ["CRDS_PATH"] = cache
    from jwst.pipeline import Detector1Pipeline  # noqa: PLC0415 (CRDS_PATH comes first)

    started = time.perf_counter()
    print("runs  MiB     files  threads  seconds")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, runs + 1):
            Detector1Pipeline.call(exposure, save_results=True, output_dir=folder, configure_log=False)
            Detector1Pipeline.explain(exposure)
            Detector1Pipeline.plan(exposure)
            if number in FIRST or number % EVERY == 0:
                files = len(os.listdir("/proc/self/fd"))
                threads = len(os.listdir("/proc/self/task"))
                print(f"{number:4d}  {resident():7.1f}  {files:5d}  {threads:7d}  {time.perf_counter() - started:7.1f}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:4]))
