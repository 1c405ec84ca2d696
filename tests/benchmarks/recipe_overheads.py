"""What a recipe costs beside its steps, and beside pypyr, which runs YAML pipelines of the same kind.

``python tests/benchmarks/recipe_overheads.py [PYTHON]`` prints a table: one process each, one after the other, in the
same run. PYTHON is an interpreter that has pypyr; without it that column stays empty. Steps do nothing, so that all
time is that of the interpreter of the recipe. Budgets: spec running.md §6.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ENTRIES = 1000
BUDGETS = {
    "bare entry": (5.0, "µs"),
    "entry with in and run": (20.0, "µs"),
    "first load of 1,000 entries": (300.0, "ms"),
}

WORKER = """
import json, logging, os, sys, time
logging.disable(logging.CRITICAL)
kind = sys.argv[1]
sys.path.insert(0, os.getcwd())
import steps_here
if kind == "stpipe":
    from stpipe import caches, run_recipe
    def run(name, values): run_recipe(name, dict_in=values)
    def forget(): caches.clear_all()
else:
    from pypyr import pipelinerunner
    from pypyr.cache import admin
    def run(name, values): pipelinerunner.run(name, dict_in=values)
    def forget(): admin.clear_all()

def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start

def per_entry(name):
    run(name, {"go": True, "a": 1}); run("empty", {})
    nothing = min(seconds(lambda: run("empty", {})) for _ in range(5))
    return (min(seconds(lambda: run(name, {"go": True, "a": 1})) for _ in range(7)) - nothing) / COUNT * 1e6

COUNT = int(sys.argv[2])
run("empty", {})
first = []
for _ in range(3):
    forget()
    first.append(seconds(lambda: run("load", {"go": False, "a": 1})))
again = min(seconds(lambda: run("load", {"go": False, "a": 1})) for _ in range(3))
print(json.dumps({
    "bare entry": per_entry("bare"),
    "entry with in and run": per_entry("dressed"),
    "first load of 1,000 entries": (min(first) - again) * 1e3,
}))
"""


def write_recipes(folder: Path, kind: str) -> None:
    """Write the recipes, and the module of their step, in the form of one of the two."""
    ours = kind == "stpipe"
    step = "steps_here.run_step" if ours else "steps_here"
    (folder / "steps_here.py").write_text("def run_step(context, **_):\n    pass\n")
    dressed = [f"- {'step' if ours else 'name'}: {step}", "  in: {b: 'value of {a}', c: 2}", "  run: '{go}'"]
    for name, entry, count in (
        ("bare", [f"- {step}"], ENTRIES),
        ("dressed", dressed, ENTRIES),
        ("load", dressed, ENTRIES),
        ("empty", [f"- {step}"], 1),
    ):
        lines = ["steps:", *(f"  {line}" for _ in range(count) for line in entry)]
        (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n")


def measured(kind: str, python: str) -> dict[str, float]:
    """Times of one of the two, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        write_recipes(Path(folder), kind)
        command = [python, "-c", WORKER, kind, str(ENTRIES)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{kind} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table."""
    ours = measured("stpipe", sys.executable)
    theirs = measured("pypyr", sys.argv[1]) if len(sys.argv) > 1 else {}
    print(f"{'':30} {'ours':>10} {'budget':>10} {'pypyr':>10}")
    for name, (budget, unit) in BUDGETS.items():
        other = f"{theirs[name]:7.1f} {unit}" if theirs else "-"
        print(f"{name:30} {ours[name]:7.2f} {unit} {budget:7.0f} {unit} {other:>10}")


if __name__ == "__main__":
    main()
