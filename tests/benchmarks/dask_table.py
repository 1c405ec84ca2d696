"""The forty exposures of `batch_table.py` on a dask cluster of two processes, one of which is killed in the middle.

``python tests/benchmarks/dask_table.py FOLDER [tiny]``: FOLDER is made if it is not there, and may be that of
`batch_table.py`. They are reduced in one process, then on the cluster, then on the cluster with a dask worker killed;
a table of time and memory, the failures, and a comparison of the products are printed. ``tiny`` takes six small
exposures only. Run it when nothing else runs.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from batch_set import make_batch_set
from batch_table import _same, row, watched

__all__ = ["main"]

WORKERS = 2
CASES = {
    "inline": "one process, stpipe.run inline",
    "dask": f"dask, {WORKERS} worker processes",
    "dask_killed": f"dask, {WORKERS} worker processes, one killed",
}


def reduce_all(case: str, paths: list[str]) -> int:
    """Reduce the exposures in one of the ways, and tell how it went."""
    if case == "inline":
        return tell(execute("inline", case, paths))
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        done: list[str] = []
        over = threading.Event()
        if case == "dask_killed":
            threading.Thread(target=kill_one, args=(client, done, len(paths), over), daemon=True).start()
        runner = execute(client, case, paths, done)
        over.set()
        return tell(runner)


def execute(executor: Any, out: str, paths: list[str], done: list[str] | None = None) -> Any:
    """Run calwebb_detector1 on all of them."""
    import stpipe

    def note(event: Any) -> None:
        if done is not None and event.event == "step_target_success" and event.parent_uuid is None:
            done.append(event.target)

    policy = stpipe.Policy(retries=1, retry_on="WorkerCrashed")
    return stpipe.run(
        "calwebb_detector1", paths, executor=executor, save_results=True, output_dir=out, policy=policy,
        event_handler=note,
    )  # fmt: skip


def kill_one(client: Any, done: list[str], count: int, over: threading.Event) -> None:
    """Kill a dask worker that is busy, when a third of the exposures are done."""
    while 3 * len(done) < count and not over.wait(0.05):
        pass
    while not over.wait(0.1):
        busy = [address for address, keys in client.processing().items() if keys]
        pids = client.run(os.getpid)
        if busy and busy[0] in pids:
            os.kill(pids[busy[0]], signal.SIGKILL)
            print(f"killed the dask worker {busy[0]} (process {pids[busy[0]]}) after {len(done)} exposures", flush=True)
            return


def tell(runner: Any) -> int:
    """Print how a run has ended; return its exit code."""
    succeeded = sum(results[0].did_succeed for results in runner.results.values())
    again = [name for name, results in runner.results.items() if results[0].retry_attempts]
    print(f"{runner.status}: {succeeded} of {len(runner.results)} done, {len(runner.failures)} failed")
    print(f"tried again: {', '.join(again) or 'none'}")
    for name, error in runner.failures.items():
        print(f"{name}: {type(error).__name__}: {error}")
    return runner.rc


def compare(out: str) -> str:
    """Compare the products with those of one process."""
    names = sorted(path.name for path in Path("inline").glob("*.fits"))
    different = [
        name for name in names if not Path(out, name).exists() or not _same(Path("inline", name), Path(out, name))
    ]
    other = {path.name for path in Path(out).glob("*.fits")} - set(names)
    left = [path.name for path in Path(out).glob(".stpipe-*") if path.is_dir()]
    return (
        f"{len(names)} products, {len(different)} differ or are missing, {len(other)} are too many; left behind:"
        f" {', '.join(left) or 'nothing'}"
    )


def main() -> int:
    """Make the exposures, reduce them in each way in a process of its own, compare."""
    folder, *more = sys.argv[1:]
    if more[:1] and more[0] in CASES:
        return reduce_all(more[0], more[1:])
    place = Path(folder).absolute() / ("tiny" if "tiny" in more else "forty")
    place.mkdir(parents=True, exist_ok=True)
    made = make_batch_set(place, {"small": 6} if "tiny" in more else None)
    os.chdir(place)
    raw = sorted(map(str, made.raw.glob("*_uncal.fits")))
    print(f"| {len(raw)} exposures | time | exposures per minute | memory, all together |\n|---|---|---|---|")
    notes = []
    for case, title in CASES.items():
        shutil.rmtree(case, ignore_errors=True)
        found = watched([sys.executable, __file__, folder, case, *raw], made.cache)
        row(title, found, len(raw))
        said = [line for line in found.output.splitlines() if line.startswith(("tried again", "killed the", "jw"))]
        said += [line for line in found.output.splitlines() if " done, " in line]
        notes += [f"{case}: {line}" for line in said]
        if case != "inline":
            notes.append(f"{case}: {compare(case)}")
    print("", *notes, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
