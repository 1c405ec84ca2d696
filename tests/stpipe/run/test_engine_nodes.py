"""`stpipe.Engine`: nodes as they are submitted (running.md §6)."""

from __future__ import annotations

import threading
import time

import pytest

from stpipe import Callback, Engine, Param, Policy, Step
from stpipe.exceptions import CanceledError, StepNotFoundError
from stpipe.run_engine import Node


class AddStep(Step):
    """Adds a number."""

    class_alias = "add"
    output_ext = Param("fits", "extension")
    number = Param(1, "what to add")

    def process(self, value):
        self.checkpoint()
        return value + self.number


class Seen(Callback):
    def __init__(self):
        self.calls = []
        self.threads = set()

    def step_target_start(self, run, target, step):
        self.threads.add(threading.current_thread().name)
        self.calls.append(("start", target, step))

    def step_target_success(self, run, target, step, retry_count=0):
        self.calls.append(("success", target, retry_count))


@pytest.mark.parametrize(("executor", "workers"), [("inline", 1), ("threads", 1), ("threads", 3)])
def test_nodes_are_run_and_told(executor, workers):
    seen = Seen()
    nodes = [Node(AddStep, {"number": number}, 10, f"t{number}") for number in range(5)]
    with Engine(executor, workers, callbacks=[seen]) as engine:
        outcomes = engine.run(nodes)
        assert [outcome.result for outcome in outcomes] == [10, 11, 12, 13, 14]
        assert engine.submit(Node(lambda value, by: value * by, {"by": 3}, 4)).result().result == 12
    assert sorted(call for call in seen.calls if call[0] == "start" and call[1] != "input") == [
        ("start", f"t{number}", "add") for number in range(5)
    ]
    assert seen.threads == {"stpipe-engine"}
    assert outcomes[3].parameters["number"] == (3, "keyword")


def test_nodes_run_at_the_same_time():
    both = threading.Barrier(2, timeout=5)
    with Engine("threads", 2) as engine:
        futures = [engine.submit(Node(both.wait)) for _ in range(2)]
        assert sorted(future.result().result for future in futures) == [0, 1]


def test_policies_of_node_and_engine():
    calls = []

    def flaky(value):
        calls.append(value)
        if len(calls) < 3:
            raise OSError("not yet")
        return value

    with Engine(policy=Policy(retries=5, stop_on=ValueError)) as engine:
        outcome = engine.submit(Node(flaky, input=1)).result()
        assert (outcome.status, outcome.retries) == ("ok", 2)
        calls.clear()
        outcome = engine.submit(Node(flaky, input=1, policy=Policy(retries=1))).result()
        assert (outcome.status, str(outcome.exception), outcome.retries) == ("failed", "not yet", 1)


def test_what_is_not_there_and_what_is_over():
    engine = Engine()
    with pytest.raises(StepNotFoundError, match="no step 'nix'"):
        engine.submit(Node("nix"))
    engine.shutdown()
    engine.shutdown()
    with pytest.raises(RuntimeError, match="shut down"):
        engine.submit(Node(AddStep, input=1))


def test_cancelling():
    def endless(value):
        from stpipe.cancel import checkpoint

        while True:
            time.sleep(0.005)
            checkpoint()

    engine = Engine("threads", 1)
    first, second = (engine.submit(Node(endless, input=1)) for _ in range(2))
    while not first.running() and not engine._futures:
        time.sleep(0.005)
    engine.shutdown(cancel=True)
    for future in (first, second):
        outcome = future.result(timeout=5)
        assert (outcome.status, type(outcome.exception)) == ("canceled", CanceledError)
