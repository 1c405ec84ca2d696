"""Laws of plans: whatever is there already, results are those of an empty folder (running.md L3, L8, L9)."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stpipe import Inventory, Plan, Policy

PATHS = ("a_uncal.fits", "b_uncal.fits")


@dataclass(frozen=True)
class Entry:
    """What is added to a plan."""

    amount: float
    saves: bool
    skips: bool
    wanted: bool

    @property
    def works(self) -> bool:
        return self.wanted and not self.skips


entries = st.lists(
    st.builds(Entry, st.sampled_from([1.0, 2.0]), st.booleans(), st.sampled_from([False, False, True]), st.booleans()),
    min_size=1,
    max_size=4,
)
changes = st.lists(
    st.tuples(st.sampled_from(["product", "input", "state", "amount", "nothing"]), st.integers(0, 9)), max_size=3
)


def executed(cases, steps):
    """Execute a plan; give the last results, what was called, and what was foretold."""
    plan = Plan(Inventory(list(PATHS)))
    results = []
    for number, step in enumerate(steps):
        policy = Policy(when=lambda exposure, wanted=step.wanted: wanted)
        keywords = {"amount": step.amount, "save_results": step.saves, "skip": step.skips, "suffix": f"s{number}"}
        results.append(plan.add(cases.Add, name=f"entry {number}", policy=policy, output_dir="out", **keywords))
    foretold = [[one.will_change for one in entry.values()] for entry in results]
    cases.CALLS.clear()
    runner = plan.execute()
    assert runner.status == "successful", runner.exception
    happened = [[one.did_change for one in entry.values()] for entry in results]
    assert foretold == happened
    return [results[-1][path].result for path in PATHS], len(cases.CALLS)


def expected(steps):
    """Value of each exposure in the end, from the inputs as they are."""
    return [json.loads(Path(path).read_text())["value"] + sum(s.amount for s in steps if s.works) for path in PATHS]


def value_of(cases, result):
    return cases.Add._datamodels_open(result).value if isinstance(result, str) else result.value


def apply(cases, change, steps):
    """Change what is there, or what is asked for."""
    kind, number = change
    if kind == "product":
        products = sorted(path for path in Path("out").glob("*.fits")) if Path("out").is_dir() else []
        if products:
            products[number % len(products)].unlink()
    elif kind == "input":
        cases.write(PATHS[number % 2], float(number) + 0.25)
    elif kind == "state":
        with contextlib.suppress(FileNotFoundError):
            Path("out", ".stpipe_state.json").unlink()
    elif kind == "amount":
        place = number % len(steps)
        steps = [*steps[:place], replace(steps[place], amount=9.5), *steps[place + 1 :]]
    return steps


@pytest.mark.usefixtures("cases")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=entries, history=changes)
def test_results_are_those_of_an_empty_folder(cases, steps, history):
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for number, path in enumerate(PATHS):
                cases.write(path, float(number))
            _check(cases, steps)
            for change in history:
                steps = apply(cases, change, steps)
                _check(cases, steps)
                _check(cases, steps, again=True)
        finally:
            os.chdir(before)


def _check(cases, steps, again=False):
    results, called = executed(cases, steps)
    working = [step for step in steps if step.works]
    assert [value_of(cases, one) for one in results] == expected(steps)
    if again and working and working[-1].saves:
        assert called == 0
