"""Check what a resource graph adds to the work of its steps; prints a table, exits with 1 if a budget is exceeded.

Steps do nothing, so all the time is overhead: planning, starting, storing. Each figure is the smallest of several runs
on a graph whose computed values are dropped before each.
"""

from __future__ import annotations

import asyncio
import sys
import time

from stpipe.graph import Graph

RUNS = 7
PER_STEP = 5e-6
INDEPENDENT = 20e-3


def _function(arguments: str, *, coroutine: bool) -> object:
    """Make ``f(arguments)`` that returns 1."""
    space: dict[str, object] = {}
    exec(f"{'async ' if coroutine else ''}def f({arguments}): return 1", space)  # functions differ in signature only
    return space["f"]


def chain(length: int, *, coroutine: bool = True) -> Graph:
    """``r<i>`` needs ``r<i-1>``; ``r0`` is given."""
    graph = Graph()
    graph.add_resources(r0=0)
    for place in range(1, length + 1):
        graph.step(_function(f"r{place - 1}", coroutine=coroutine), provides=f"r{place}")
    return graph


def independent(count: int, *, coroutine: bool = True) -> Graph:
    """``total`` needs ``count`` resources that need nothing."""
    graph = Graph()
    for place in range(count):
        graph.step(_function("", coroutine=coroutine), provides=f"r{place}")
    graph.step(_function(", ".join(f"r{place}" for place in range(count)), coroutine=True), provides="total")
    return graph


async def _seconds(graph: Graph, name: str) -> float:
    """Smallest time of a call, with everything to be computed."""
    times = []
    for _ in range(RUNS):
        graph.clear()
        start = time.perf_counter()
        await graph.resource(name)
        times.append(time.perf_counter() - start)
    return min(times)


async def _present(graph: Graph, name: str, calls: int = 10_000) -> float:
    """Time of a call for what is there."""
    await graph.resource(name)
    start = time.perf_counter()
    for _ in range(calls):
        await graph.resource(name)
    return (time.perf_counter() - start) / calls


def measure(graph: Graph, name: str) -> float:
    """Seconds that a call takes."""
    return asyncio.run(_seconds(graph, name))


def main() -> int:
    """Measure everything; 0 if all budgets hold."""
    rows = [
        ("chained coroutine step, chain of 100", measure(chain(100), "r100") / 100, PER_STEP),
        ("chained coroutine step, chain of 1,000", measure(chain(1000), "r1000") / 1000, PER_STEP),
        ("chained coroutine step, chain of 5,000", measure(chain(5000), "r5000") / 5000, PER_STEP),
        ("chained ordinary function, chain of 1,000", measure(chain(1000, coroutine=False), "r1000") / 1000, None),
        ("1,000 independent coroutine resources", measure(independent(1000), "total"), INDEPENDENT),
        ("1,000 independent ordinary functions", measure(independent(1000, coroutine=False), "total"), INDEPENDENT),
        ("one resource with nothing before it", measure(chain(1), "r1"), None),
        ("one that is present", asyncio.run(_present(chain(1), "r1")), None),
    ]
    failed = 0
    for label, took, budget in rows:
        over = budget is not None and took > budget
        failed += over
        limit = "" if budget is None else f"  (budget {budget * 1e6:.0f} us)"
        print(f"{label:44s} {took * 1e6:10.2f} us{limit}{'  EXCEEDED' if over else ''}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
