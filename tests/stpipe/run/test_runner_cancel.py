"""Stopping a run: how, and how soon (spec running.md R15-R17)."""

from __future__ import annotations

import threading
import time

import pytest
from stpipe_test_run_steps import Works, add, loop, sleep

from stpipe.cancel import checkpoint
from stpipe.exceptions import CanceledError, RunTimeoutError
from stpipe.graph import Graph
from stpipe.policy import Policy
from stpipe.runner import run, run_async

pytestmark = pytest.mark.usefixtures("place")

SHELL = "steps:\n- {step: shell, in: {cmd: 'sleep 10; touch late'}}\n"


def started(what, *args, **keywords):
    """Start something and wait until its first step has begun."""
    thread, runner = run_async(what, *args, **keywords)
    for event in runner.events:
        if event.event == "step_target_start":
            break
    return thread, runner


def stopped_within(limit, what, *args, **keywords):
    """Start something, cancel it, and return the handle; of three tries one has to end within so many seconds."""
    took = []
    for _ in range(3):
        thread, runner = started(what, *args, **keywords)
        runner.cancel()
        took.append(seconds_to_end(thread))
        assert (runner.status, runner.rc) == ("canceled", 254)
        if took[-1] < limit:
            return runner
    raise AssertionError(f"took {took} s")


def seconds_to_end(thread):
    """Wait for the end of a run; return how long it took."""
    began = time.monotonic()
    thread.join(10)
    assert not thread.is_alive()
    return time.monotonic() - began


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_r15_cancel_stops_at_the_next_checkpoint(executor):
    runner = stopped_within(0.1, loop, 1, executor=executor)
    assert isinstance(runner.exception, CanceledError)
    assert [event.event for event in runner.events][-3:] in (
        ["target_close", "message", "run_stats"],
        ["step_end", "target_close", "run_stats"],
    )


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_r15_cancel_callback_is_asked_often(executor):
    asked, stop = [], threading.Event()

    def ask():
        asked.append(time.monotonic())
        return stop.is_set()

    def busy(value):
        limit = time.monotonic() + 0.3
        while time.monotonic() < limit:
            time.sleep(0.01)
        stop.set()
        limit = time.monotonic() + 5
        while time.monotonic() < limit:
            time.sleep(0.01)
            checkpoint()

    runner = run(busy, 1, cancel_callback=ask, executor=executor)
    assert runner.status == "canceled"
    gaps = [later - before for before, later in zip(asked, asked[1:], strict=False)]
    assert sum(gap <= 0.1 for gap in gaps) >= 0.8 * len(gaps)


def test_r15_cancel_before_the_start_runs_nothing():
    calls = []
    runner = run(lambda value: calls.append(value), 1, cancel_callback=lambda: True)
    assert (runner.status, calls) == ("canceled", [])


def test_r15_cancel_between_targets(fakes):
    done = []

    def work(model):
        done.append(model.meta.filename)
        if len(done) == 2:
            stop.append(True)
        return model

    stop = []
    models = [fakes.FakeModel(f"{name}_rate.fits") for name in "abcde"]
    runner = run(work, models, cancel_callback=lambda: bool(stop))
    assert (runner.status, len(done)) == ("canceled", 2)
    assert [one[0].is_complete if one else False for one in runner.results.values()] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_r15_cancel_of_a_run_that_is_over_changes_nothing():
    runner = run(add, 1)
    runner.cancel()
    assert (runner.status, runner.rc, runner.result) == ("successful", 0, 2)


def test_r15_cancel_wakes_a_pause_between_attempts():
    def broken(value):
        raise ValueError("no")

    thread, runner = run_async(broken, 1, policy=Policy(retries=3, retry_delay=20.0))
    for event in runner.events:
        if event.event == "step_target_retry":
            break
    runner.cancel()
    assert seconds_to_end(thread) < 5
    assert runner.status == "canceled"


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_r16_timeout(executor):
    took = []
    for _ in range(3):
        began = time.monotonic()
        runner = run(loop, 1, timeout=0.1, executor=executor)
        took.append(time.monotonic() - began)
    assert min(took) < 0.1 + 0.1
    assert (runner.status, runner.rc) == ("timeout", 254)
    assert isinstance(runner.exception, RunTimeoutError)
    assert "0.1 s" in str(runner.exception)


def test_r16_timeout_of_the_project(place):
    (place / "p" / "env").mkdir(parents=True)
    (place / "p" / "env" / "settings.yaml").write_text("timeout: 0.05\n")
    assert run(loop, 1, project_dir="p").status == "timeout"
    assert run(loop, 1, project_dir="p", timeout=10, parameters={"seconds": 0.1}).status == "successful"


def test_r16_a_timeout_of_one_attempt_is_an_ordinary_error():
    runner = run(loop, 1, policy=Policy(timeout=0.05))
    assert (runner.status, runner.rc) == ("failed", 2)
    assert isinstance(runner.exception, RunTimeoutError)


@pytest.mark.parametrize("how", ["cancel", "timeout"])
@pytest.mark.parametrize("kind", ["coroutine", "shell", "graph"])
def test_r17_coroutines_and_commands_are_stopped_within_half_a_second(kind, how, recipes):
    recipes.write(SHELL)
    graph = Graph()

    @graph.step(provides="late")
    async def late():
        await sleep()

    what, inputs = {"coroutine": (sleep, 1), "shell": ("r", None), "graph": (graph, "late")}[kind]
    if how == "cancel":
        stopped_within(0.5, what, inputs)
    else:
        runner = run(what, inputs, timeout=0.2)
        assert (runner.status, runner.rc) == ("timeout", 254)
        assert (runner.finished - runner.started).total_seconds() < 0.2 + 0.5
    assert not (recipes.folder / "late").exists()


def test_r17_a_command_and_its_children_are_gone(recipes):
    recipes.write("steps:\n- {step: shell, in: {cmd: '(sleep 0.6; touch late) & wait'}}\n")
    thread, runner = started("r")
    runner.cancel()
    seconds_to_end(thread)
    time.sleep(0.8)
    assert not (recipes.folder / "late").exists()


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_r17_a_plain_step_is_stopped_when_it_returns(executor):
    """One without a checkpoint of its own; what it returns is not saved."""
    entered, leave = threading.Event(), threading.Event()

    def deaf(value):
        entered.set()
        leave.wait(10)
        return value

    thread, runner = run_async(deaf, 1, executor=executor)
    entered.wait(10)
    runner.cancel()
    time.sleep(0.05)
    assert not runner.is_final
    leave.set()
    assert seconds_to_end(thread) < 5
    assert runner.status == "canceled"


def test_r17_nothing_of_a_stopped_step_is_saved(fakes, place):
    stop = threading.Event()

    class Slow(fakes.FakeStep):
        """Returns after the run was told to stop."""

        def process(self, init=None):
            result = super().process(init)
            stop.set()
            time.sleep(0.15)
            return result

    runner = run(Slow, fakes.FakeModel("a_rate.fits"), save_results=True, cancel_callback=stop.is_set)
    assert runner.status == "canceled"
    assert list(place.iterdir()) == []
    assert run(Slow, fakes.FakeModel("a_rate.fits"), save_results=True).status == "successful"
    assert [path.name for path in place.iterdir()] == ["a_slow.fits"]


def test_r17_progress_is_a_checkpoint():
    runner = stopped_within(0.1, Works, 1, total=1000, pause=0.01)
    assert [event.event for event in runner.events].count("step_target_error") == 1
    error = next(event for event in runner.events if event.event == "step_target_error")
    assert error.event_data["exception"]["type"] == "CanceledError"
    assert "step_end" in [event.event for event in runner.events]


def test_an_interrupt_ends_with_canceled_and_is_raised():
    seen = []

    def interrupted(value):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupted, 1, finished_callback=lambda runner: seen.append(runner))
    assert [(runner.status, runner.rc) for runner in seen] == [("canceled", 254)]
    assert [event.event for event in seen[0].events][-2:] == ["target_close", "run_stats"]


@pytest.mark.parametrize("when", ["starting", "running", "successful"])
def test_an_interrupt_of_a_status_handler_strands_nobody(when):
    seen = []

    def handle(data, runner):
        seen.append(runner)
        if data["status"] == when:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(add, 1, status_handler=handle)
    assert seen[0].is_final
    assert len(list(seen[0].events)) >= 1
