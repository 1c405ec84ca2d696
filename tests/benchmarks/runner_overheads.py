"""What the runner and the plan cost beside their steps, and beside ansible-runner and pyinfra.

``python tests/benchmarks/runner_overheads.py [PYTHON]`` prints a table: one process each, one after the other, in the
same run. PYTHON is an interpreter that has ansible-runner and pyinfra; without it that column stays empty. Steps do
nothing. A prepared no-op is one step on one of 300 targets: of a Plan here, one of 300 operations on the local host
there. Budgets: spec running.md §6.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

OTHERS = Path(__file__).with_name("other_runners.py")
BUDGETS = {"prepare": (0.8, "prepared no-op: prepare"), "execute": (0.3, "prepared no-op: execute"),
           "run_async": (20.0, "run_async returns")}  # fmt: skip
MORE = {"run": "run of a no-op step", "function": "run of a no-op function", "event": "one event, with a callback"}

WORKER = """
import json, logging, statistics, time
logging.disable(logging.CRITICAL)
import stpipe
from stpipe import Callback, Inventory, Param, Plan, Step
from stpipe.run_stream import RunStream

class NoopStep(Step):
    class_alias = "noop"
    output_ext = Param("fits", "extension")

    def process(self, value):
        return value

class Value:
    class meta:
        filename = None
    def __init__(self, name): self.meta = type("meta", (), {"filename": name})
    def save(self, path): pass
    def get_crds_parameters(self): return {}

def seconds(function, count=1):
    start = time.perf_counter()
    for _ in range(count):
        function()
    return (time.perf_counter() - start) / count

def nothing():
    pass

def plan():
    made = Plan(Inventory([Value(f"e{number}.fits") for number in range(300)]))
    made.open_all()
    return made

def planned():
    made = plan()
    prepare = seconds(lambda: made.add(NoopStep)) / 300
    return prepare, seconds(made.execute) / 300

planned()
found = [planned() for _ in range(5)]
threads = []
def start():
    threads.append(stpipe.run_async(nothing)[0])
stpipe.run(NoopStep, 1), start()
threads[0].join()
times = []
for _ in range(30):
    times.append(seconds(start))
    threads[-1].join()
stream = RunStream("x")
class Count(Callback):
    def step_target_progress(self, *_): pass
from stpipe.events import deliver_to_callback
count = Count()
stream.subscribe(lambda event: deliver_to_callback(count, event))
print(json.dumps({
    "prepare": min(one[0] for one in found),
    "execute": min(one[1] for one in found),
    "run_async": statistics.median(times),
    "run": min(seconds(lambda: stpipe.run(NoopStep, 1)) for _ in range(30)),
    "function": min(seconds(lambda: stpipe.run(nothing)) for _ in range(30)),
    "event": min(seconds(lambda: stream.emit("step_target_progress", event_data={"done": 1, "total": 2}), 200)
                 for _ in range(10)),
}))
"""


def measured(command: list[str]) -> dict[str, float]:
    """Seconds by name, measured in a process of its own."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table."""
    ours = measured([sys.executable, "-c", WORKER])
    theirs = measured([sys.argv[1], str(OTHERS)]) if len(sys.argv) > 1 else {}
    print(f"{'':30} {'ours':>12} {'budget':>10} {'pyinfra, ansible-runner':>25}")
    for name, (budget, title) in BUDGETS.items():
        other = f"{1e3 * theirs[name]:.3f} ms" if name in theirs else "-"
        print(f"{title:30} {1e3 * ours[name]:9.3f} ms {budget:7.1f} ms {other:>25}")
    for name, title in MORE.items():
        print(f"{title:30} {1e3 * ours[name]:9.3f} ms")


if __name__ == "__main__":
    main()
