"""Forty exposures of mixed sizes on two cores: the batch beside plain loops and the released pipeline, and with faults.

``python tests/benchmarks/batch_table.py FOLDER [speed] [faults] [kills] [tiny]``: FOLDER is made if it is not there and
kept for the next time (about 600 MB). ``speed`` compares times and memory, ``faults`` runs it with a worker killed, and
with a corrupt, a long and a giant exposure, ``kills`` kills the whole batch ten times at random moments; all of them
by default. ``tiny`` takes six small exposures only. Run it when nothing else runs.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from batch_set import BatchSet, corrupt, make_batch_set, not_for_any_computer
from peer import _program, available

from stpipe.executors.manifest import MANIFEST, read_manifest

__all__ = ["Watched", "main"]

HERE = Path(__file__).parent
JOBS = 2
KILLS = 10
_LOOK_EVERY = 0.2


@dataclass
class Watched:
    """How a command has ended: seconds, the most memory of it and its children in bytes, exit code, output."""

    seconds: float
    memory: int
    code: int
    output: str = ""


def family(pid: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        try:
            stat = Path(f"/proc/{name}/stat").read_text() if name.isdigit() else ""
        except OSError:
            continue
        if stat:
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def shared_out(pid: int) -> int:
    """Bytes of a process, where a page that several have counts in parts (PSS)."""
    try:
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def environment(cache: Path) -> dict[str, str]:
    """That of this process without settings of ours, with an offline cache."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CRDS_", "STPIPE_"))}
    return {**kept, "CRDS_PATH": str(cache)}


def watched(command: list[str], cache: Path, *, during: Any = None) -> Watched:
    """Run a command; ``during(process, seconds)`` is called now and then."""
    start, memory = time.perf_counter(), 0
    log = Path("batch_table.log")
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment(cache))
        while process.poll() is None:
            memory = max(memory, sum(map(shared_out, family(process.pid))))
            if during is not None:
                during(process, time.perf_counter() - start)
            time.sleep(_LOOK_EVERY)
    return Watched(time.perf_counter() - start, memory, process.returncode, log.read_text())


def batch(raw: Path, out: str, *options: str) -> list[str]:
    """Command of a batch."""
    command = [sys.executable, "-m", "stpipe.cli.strun", "batch", "calwebb_detector1", str(raw)]
    return [*command, f"--output_dir={out}", f"--jobs={JOBS}", *options]


def row(title: str, found: Watched, count: int) -> None:
    """Print a line of the table of times."""
    rate = 60.0 * count / found.seconds
    print(f"| {title} | {found.seconds:.1f} s | {rate:.1f} | {found.memory / 2**20:.0f} MiB |", flush=True)
    if found.code:
        print(f"  ended with {found.code}: {found.output[-2000:]}")


def speed(made: BatchSet) -> None:
    """Compare times and memory."""
    raw = sorted(map(str, made.raw.glob("*_uncal.fits")))
    print(
        f"| {len(raw)} exposures, {JOBS} cores | time | exposures per minute | memory, all together |\n"
        "|---|---|---|---|"
    )
    loop = str(HERE / "batch_loop.py")
    ours, theirs = [sys.executable, loop], [str(_program()), "python", loop]
    cases = [
        (f"strun batch --jobs {JOBS}", batch(made.raw, "batch")),
        (f"strun batch --jobs {JOBS} --in-order", batch(made.raw, "in_order", "--in-order")),
        ("strun batch --jobs 1", batch(made.raw, "one", "--jobs=1")),
        ("loop of .call", [*ours, "1", "loop", *raw]),
        (f"multiprocessing.Pool({JOBS}), ours", [*ours, str(JOBS), "pool", *raw]),
    ]
    if available():
        cases.append((f"multiprocessing.Pool({JOBS}), released", [*theirs, str(JOBS), "peer", *raw]))
    for title, command in cases:
        out = next(one for one in ("batch", "in_order", "one", "loop", "pool", "peer") if one in " ".join(command[3:6]))
        shutil.rmtree(out, ignore_errors=True)
        os.makedirs(out)
        row(title, watched(command, made.cache), len(raw))


def faults(made: BatchSet) -> None:
    """Run it with a worker killed, and with exposures that cannot be reduced."""
    if not Path("batch", MANIFEST).exists():
        watched(batch(made.raw, "batch"), made.cache)
    slowest = max(one["seconds"] for one in read_manifest("batch")[1])
    raw = Path("raw_faults")
    shutil.rmtree(raw, ignore_errors=True)
    shutil.copytree(made.raw, raw, copy_function=os.link)
    names = {name: raw / f"jw00017001001_01101_9{number:04d}_nrcb1_uncal.fits" for number, name in enumerate(_FAULTS)}
    corrupt(next(raw.glob("*_uncal.fits")), names["corrupt"])
    os.link(made.long, names["long"])
    not_for_any_computer(made.long, names["giant"])
    shutil.rmtree("faults", ignore_errors=True)
    killed: list[int] = []

    def kill_one(process: subprocess.Popen[bytes], seconds: float) -> None:
        if killed or under_way("faults") < JOBS:
            return
        time.sleep(0.1)  # so that both workers have taken up what the manifest says they do
        workers = workers_of(process.pid)
        if under_way("faults") == JOBS and workers:
            killed.append(workers[-1])
            os.kill(workers[-1], signal.SIGKILL)

    found = watched(batch(raw, "faults", f"--timeout={1.6 * slowest + 2:.1f}"), made.cache, during=kill_one)
    records = {one["input"]: one for one in read_manifest("faults")[1]}
    row("with a worker killed, one corrupt, one too long, one too large", found, len(records))
    print(f"exit code {found.code}; worker {killed} killed; the timeout was {1.6 * slowest + 2:.1f} s")
    twice = [one["name"] for one in records.values() if one.get("attempts", 1) > 1]
    print(f"tried twice: {', '.join(twice) or 'none'}")
    for name, path in names.items():
        one = records[os.path.abspath(path)]
        print(f"{name}: {one['status']}: {one.get('error', {}).get('type')}: {one.get('error', {}).get('message')}")
    good = [one for one in records.values() if one["input"] not in {os.path.abspath(path) for path in names.values()}]
    print(f"the others: {sum(one['status'] == 'done' for one in good)} of {len(good)} done; {same_as_batch('faults')}")


_FAULTS = ("corrupt", "long", "giant")


def under_way(folder: str) -> int:
    """Exposures that are being worked on, as the manifest says."""
    if not Path(folder, MANIFEST).exists():
        return 0
    return sum(one["status"] == "running" for one in read_manifest(folder)[1])


def workers_of(pid: int) -> list[int]:
    """Processes that a child of a process has started: those of its forkserver."""
    children = [one for one in family(pid) if parent_of(one) == pid]
    return [one for one in family(pid) if parent_of(one) in children]


def parent_of(pid: int) -> int:
    """Parent of a process; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def kills(made: BatchSet) -> None:
    """Kill the whole batch at random moments and resume it."""
    if not Path("batch", MANIFEST).exists():
        watched(batch(made.raw, "batch"), made.cache)
    whole = sum(one["seconds"] for one in read_manifest("batch")[1]) / JOBS
    chance = random.Random(2026)
    shutil.rmtree("kills", ignore_errors=True)
    done: dict[str, Any] = {}
    lost = begun = 0
    for number in range(KILLS):
        early = number % 4 == 3  # now and then before anything has begun
        kill = Killer(chance.uniform(0.1, 3.0 if early else 1.6 * whole / KILLS), early=early)
        watched(batch(made.raw, "kills", "--resume"), made.cache, during=kill)
        records = {one["input"]: one for one in read_manifest("kills")[1]} if Path("kills", MANIFEST).exists() else {}
        now = {path: one["outputs"] for path, one in records.items() if one["status"] == "done"}
        changed = [path for path in done if now.get(path) != done[path]]
        lost += len(changed)
        print(
            f"kill {number + 1}, {kill.seconds:.1f} s after the {'start' if early else 'first exposure'}: "
            f"{len(now)} done, {len(changed)} of the earlier ones lost or redone"
        )
        done = now
    begun = Path("kills", MANIFEST).read_text().count('"status":"running"')
    start = time.perf_counter()
    last = watched(batch(made.raw, "kills", "--resume"), made.cache)
    records = read_manifest("kills")[1]
    finished = sum(one["status"] == "done" for one in records)
    print(
        f"then, resumed: exit code {last.code} after {time.perf_counter() - start:.1f} s; "
        f"{finished} of {len(records)} done; begun {begun} times before; lost {lost}; "
        f"{same_as_batch('kills')}; left behind: "
        f"{[path.name for path in Path('kills').glob('.stpipe-*') if path.is_dir()] or 'nothing'}"
    )


@dataclass
class Killer:
    """Kills a batch so many seconds after its start, or after it has begun with an exposure."""

    seconds: float
    early: bool
    size: int = -1
    since: float | None = None

    def __call__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        """Look at the manifest, and kill if it is time."""
        manifest = Path("kills", MANIFEST)
        size = manifest.stat().st_size if manifest.exists() else 0
        if self.size < 0:
            self.size = size
        if self.since is None and (self.early or size > self.size + 2000):  # beyond the header
            self.since = 0.0 if self.early else seconds
        if self.since is not None and seconds - self.since > self.seconds:
            process.kill()


def same_as_batch(folder: str) -> str:
    """Compare the products of a folder with those of the undisturbed batch."""
    different, count = [], 0
    for path in sorted(Path("batch").glob("*.fits")):
        count += 1
        other = Path(folder, path.name)
        if not other.exists() or not _same(path, other):
            different.append(path.name)
    return f"{count} products, {len(different)} differ or are missing"


def _same(one: Path, other: Path) -> bool:
    with fits.open(one) as left, fits.open(other) as right:
        names = [hdu.name for hdu in left if hdu.name in ("SCI", "ERR", "DQ")]
        return all(np.array_equal(left[name].data, right[name].data, equal_nan=True) for name in names)


def main() -> int:
    """Make the exposures and run what is asked for."""
    folder, *parts = sys.argv[1:]
    tiny = "tiny" in parts
    parts = [part for part in parts if part != "tiny"] or ["speed", "faults", "kills"]
    place = Path(folder).absolute() / ("tiny" if tiny else "forty")
    place.mkdir(parents=True, exist_ok=True)
    made = make_batch_set(place, {"small": 6} if tiny else None)
    os.chdir(place)
    for part in parts:
        print(f"\n## {part}", flush=True)
        {"speed": speed, "faults": faults, "kills": kills}[part](made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
