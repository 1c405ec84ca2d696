"""Subscribers with a method for each event (spec running.md C1-C4)."""

from __future__ import annotations

import inspect
import threading
import time

import pytest
from stpipe_test_run_steps import Plus, Skips, Twice, Works, add, fail

from stpipe.events import EVENT_NAMES, Callback
from stpipe.policy import Policy
from stpipe.runner import run

pytestmark = pytest.mark.usefixtures("place")

ARGUMENTS = {
    "run_start": ["run"],
    "target_before_open": ["run", "target"],
    "target_open": ["run", "target"],
    "target_open_error": ["run", "target", "error"],
    "target_close": ["run", "target"],
    "step_start": ["run", "step"],
    "step_end": ["run", "step"],
    "step_target_start": ["run", "target", "step"],
    "step_target_success": ["run", "target", "step", "retry_count=0"],
    "step_target_error": ["run", "target", "step", "retry_count=0", "max_retries=0"],
    "step_target_retry": ["run", "target", "step", "retry_count", "max_retries"],
    "step_target_skip": ["run", "target", "step", "reason"],
    "step_target_progress": ["run", "target", "step", "done", "total"],
    "run_stats": ["run", "stats"],
}


class Timing(Callback):
    """Times each step, as in the specification."""

    def __init__(self):
        self.t = {}

    def step_target_start(self, run, target, step):
        self.t[step, target] = time.monotonic()

    def step_target_success(self, run, target, step, retry_count=0):
        self.t[step, target] = time.monotonic() - self.t[step, target]


class Records(Callback):
    """Keeps every call."""

    def __init__(self):
        self.calls = []
        self.threads = set()


def _keep(name):
    def keep(self, *args):
        self.calls.append((name, *args))
        self.threads.add(threading.get_ident())

    return keep


for _name in EVENT_NAMES:
    setattr(Records, _name, _keep(_name))


@pytest.mark.parametrize("name", ARGUMENTS)
def test_c1_arguments(name):
    parameters = list(inspect.signature(getattr(Callback, name)).parameters.values())[1:]
    shown = [one.name if one.default is one.empty else f"{one.name}={one.default}" for one in parameters]
    assert shown == ARGUMENTS[name]


def test_c1_overriding_some_is_enough():
    timing = Timing()
    runner = run(Twice, 1, callbacks=[timing, Callback()])
    assert runner.status == "successful"
    assert {step for step, _ in timing.t} == {"first", "second", "Twice"}
    assert all(0 <= seconds < 5 for seconds in timing.t.values())
    assert [str(target) for _, target in timing.t] == ["input"] * 3


def test_c2_run_is_the_runner_and_target_the_exposure(fakes):
    records = Records()
    models = [fakes.FakeModel("a_rate.fits"), fakes.FakeModel("b_rate.fits")]
    runner = run(fakes.FakeStep, models, callbacks=[records])
    assert {call[1] for call in records.calls} == {runner}
    targets = [call[2] for call in records.calls if call[0] == "step_target_start"]
    assert targets == runner.targets
    assert [type(target).__name__ for target in targets] == ["Exposure"] * 2
    assert [call[3] for call in records.calls if call[0] == "step_target_start"] == ["fake_step"] * 2
    stand_in = Records()
    runner = run(add, 3, callbacks=[stand_in])
    target = next(call[2] for call in stand_in.calls if call[0] == "target_open")
    assert (type(target).__name__, str(target), target.source) == ("StandIn", "input", 3)


def test_c2_the_step_is_the_label_of_the_entry(recipes):
    recipes.write("steps:\n- {step: stpipe_test_run_steps.Plus, name: add it up, input: 1}\n")
    records = Records()
    run("r", callbacks=[records])
    assert {call[-1] for call in records.calls if call[0] in ("step_start", "step_end")} == {"add it up"}
    assert [call[3] for call in records.calls if call[0] == "step_target_success"] == ["add it up"]


def test_c1_values_of_the_arguments(fakes):
    class Flaky:
        tries = 0

        def __call__(self, value):
            self.tries += 1
            if self.tries < 3:
                raise ValueError("no")
            return value

    def calls(what, *names, **keywords):
        records = Records()
        run(what, 1, callbacks=[records], **keywords)
        return [(name, *args[2:]) for name, *args in records.calls if name in names]

    flaky = Flaky()
    flaky.__name__ = "flaky"
    assert calls(flaky, "step_target_retry", "step_target_success", policy=Policy(retries=3)) == [
        ("step_target_retry", "flaky", 1, 3),
        ("step_target_retry", "flaky", 2, 3),
        ("step_target_success", "flaky", 2),
    ]
    assert calls(fail, "step_target_error", policy=Policy(retries=1)) == [("step_target_error", "fail", 1, 1)]
    assert calls(Skips, "step_target_skip") == [("step_target_skip", "Skips", "empty")]
    assert calls(Works, "step_target_progress", total=2) == [
        ("step_target_progress", "Works", 0, 2),
        ("step_target_progress", "Works", 1, 2),
    ]
    stats = Records()
    runner = run(add, 1, callbacks=[stats])
    assert stats.calls[-1] == ("run_stats", runner, runner.stats)


def test_c1_an_input_that_cannot_be_opened(place):
    records = Records()
    runner = run(add, ["a_uncal.fits", "b_uncal.fits"], callbacks=[records])
    assert runner.status == "failed"
    errors = [call for call in records.calls if call[0] == "target_open_error"]
    assert [str(call[2]) for call in errors] == ["a_uncal.fits", "b_uncal.fits"]
    assert "a_uncal.fits" in str(errors[0][3])


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_c3_the_same_events_in_the_same_order_on_one_thread(executor, fakes):
    records = Records()
    models = [fakes.FakeModel(f"{name}_rate.fits") for name in "abcdef"]
    runner = run(Works, models, executor=executor, workers=3, callbacks=[records])
    assert [call[0] for call in records.calls] == [event.event for event in runner.events]
    assert records.threads == {threading.get_ident()}


def test_c3_errors_are_recorded():
    class Broken(Callback):
        def step_end(self, run, step):
            raise OSError("broken")

    records = Records()
    runner = run(Plus, 1, callbacks=[Broken(), records])
    assert runner.status == "successful"
    assert [str(error) for error in runner.handler_errors] == ["broken"]
    assert "handler_error" in [call[0] for call in records.calls]


def test_c4_one_object_serves_several_runs():
    records = Records()
    runners = [run(Plus, 1, callbacks=[records]) for _ in range(2)]
    assert [call[1] for call in records.calls if call[0] == "run_start"] == runners


def test_c4_plans_and_engines_take_callbacks_too(fakes):
    from stpipe.inventory import Inventory
    from stpipe.plan import Plan

    timing = Timing()
    plan = Plan(Inventory([fakes.FakeModel("a_rate.fits")]))
    plan.add(fakes.FakeStep)
    plan.add_callback(timing)
    assert plan.execute().status == "successful"
    assert [(step, str(target)) for step, target in timing.t] == [("fake_step", "a_rate.fits")]
