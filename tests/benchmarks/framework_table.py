"""What the framework itself takes beside the released one: both in one run, each in processes of its own.

``python tests/benchmarks/framework_table.py`` prints a table. The steps do nothing: all time is that of the framework.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import peer

RUNS = 5
BIN = Path(sys.executable).parent

WORKER = '''
import json, logging, sys, time, warnings
sys.tracebacklimit = 0
warnings.simplefilter("ignore")
from stpipe import Pipeline, Step

class Idle(Step):
    """Return the input."""
    spec = """
    par = float(default=1.0)  # a number
    output_ext = string(default=".fits")
    """
    def process(self, value):
        return value
    def _datamodels_open(self, *args, **kwargs):
        return args[0]
    @classmethod
    def _get_crds_parameters(cls, dataset):
        return {}, "jwst"

class Twenty(Pipeline):
    """Twenty steps that return their input."""
    spec = """
    output_ext = string(default=".fits")
    """
    step_defs = {f"step{number}": Idle for number in range(20)}
    def process(self, value):
        for name in self.step_defs:
            value = getattr(self, name).run(value)
        return value
    @classmethod
    def _get_crds_parameters(cls, dataset):
        return {}, "jwst"

def quickest(function, runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times), times[0]

logging.disable(logging.CRITICAL)
step, first_step = quickest(lambda: Idle.call(1), RUNS)
twenty, first_twenty = quickest(lambda: Twenty.call(1), RUNS)
pipe = Twenty()
running, _ = quickest(lambda: pipe.run(1), RUNS)
print(json.dumps({"Step.call": [first_step, step], "20-step pipeline, call": [first_twenty, twenty],
                  "20-step pipeline, run of an instance": [None, running]}))
'''


def environment() -> dict[str, str]:
    """The environment without settings of CRDS and the framework; parameter references are not looked up."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CRDS_", "STPIPE_"))}
    return {**kept, "STPIPE_DISABLE_CRDS_STEPPARS": "true"}


def in_process(interpreter: list[str]) -> dict[str, list[float]]:
    """Seconds of the calls that the worker makes, as (first, quickest)."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(WORKER.replace("RUNS", str(RUNS)))
        file.flush()
        done = subprocess.run(
            [*interpreter, file.name], capture_output=True, text=True, env=environment(), cwd="/", check=False
        )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def command(arguments: list[str]) -> tuple[float, int]:
    """Seconds of the quickest run of a command and its exit code."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        done = subprocess.run(
            arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(), cwd="/", check=False
        )
        times.append(time.perf_counter() - start)
    return min(times), done.returncode


def main() -> int:
    """Measure and print."""
    if not peer.available():
        print("the released pipeline is not here", file=sys.stderr)
        return 1
    tool = str(peer._program())
    rows = []
    for text in (["strun", "--help"], ["strun", "--version"], ["stpipe", "list"]):
        ours, here = command([str(BIN / text[0]), *text[1:]])
        theirs, there = command([tool, *text] if text[0] == "strun" else [tool, "python", "-m", *text])
        rows.append((" ".join(text), f"{ours:.3f} s, rc {here}", f"{theirs:.2f} s, rc {there}", theirs / ours))
    ours_times, peer_times = in_process([sys.executable]), in_process([tool, "python"])
    for name, (first, quick) in ours_times.items():
        peer_first, peer_quick = peer_times[name]
        if first is not None:
            rows.append((f"{name}, first", f"{first * 1e3:.2f} ms", f"{peer_first * 1e3:.0f} ms", peer_first / first))
        rows.append((f"{name}, quickest", f"{quick * 1e3:.3f} ms", f"{peer_quick * 1e3:.0f} ms", peer_quick / quick))
    print("| what | ours | released | ratio |\n|---|---|---|---|")
    for name, ours_text, peer_text, ratio in rows:
        print(f"| {name} | {ours_text} | {peer_text} | {ratio:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
