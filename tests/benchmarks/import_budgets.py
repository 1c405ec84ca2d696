"""Check what it costs to start: imports and command lines, each in a process of its own.

Run with the interpreter to be checked. Prints a table and exits with 1 if a budget is exceeded. Each figure is the
smallest of several runs, less the start of the bare interpreter for imports.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import time

RUNS = 7
HERE = pathlib.Path(sys.executable).parent
BUDGETS = {
    "import stpipe": 0.15,
    "import jwst": 0.1,
    "from jwst.stpipe import Step": 0.5,
    "from jwst.pipeline import Detector1Pipeline": 1.0,
    "strun --help": 0.3,
    "strun --version": 0.3,
    "stpipe list": 0.4,
}
FORBIDDEN = {"import stpipe": ("numpy", "asdf", "astropy", "crds", "configobj", "yaml", "jwst")}


def command(entry: str) -> list[str]:
    """Arguments that run an entry of the table."""
    if entry.startswith(("import", "from")):
        return [sys.executable, "-c", entry]
    name, *arguments = entry.split()
    return [str(HERE / name), *arguments]


def seconds(arguments: list[str]) -> float:
    """Smallest wall-clock time of several runs of a command."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        times.append(time.perf_counter() - start)
    return min(times)


def modules(statement: str) -> set[str]:
    """Top-level modules that a statement imports."""
    code = f"{statement}; import sys; print(*sorted(name for name in sys.modules if '.' not in name))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd="/")
    return set(done.stdout.split())


def main() -> int:
    """Measure everything; 0 if all budgets hold."""
    bare = seconds([sys.executable, "-c", "pass"])
    failed = 0
    for entry, budget in BUDGETS.items():
        took = seconds(command(entry)) - (bare if entry.startswith(("import", "from")) else 0)
        failed += took > budget
        print(f"{entry:48s} {took:6.3f} s  (budget {budget:.2f} s){'  EXCEEDED' if took > budget else ''}")
    for statement, names in FORBIDDEN.items():
        loaded = modules(statement) & set(names)
        failed += bool(loaded)
        print(f"{statement:48s} loads {', '.join(sorted(loaded)) or 'nothing it should not'}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
