"""Rules of entries: when, how often, and what a failure means (running.md O1-O9)."""

from __future__ import annotations

import time

import pytest

from stpipe import Policy, run
from stpipe.exceptions import RunTimeoutError

A, B, C, D = (f"{name}_uncal.fits" for name in "abcd")
NAMES = ("step_target_start", "step_target_retry", "step_target_success", "step_target_error", "step_target_skip")


def told(runner, target=A):
    """Events of a target, without ``step_target_``, with counts of retries."""
    short = []
    for event in runner.target_events(target):
        if event.event in NAMES:
            data = event.event_data
            short.append((event.event[12:], data.get("retry_count"), data.get("max_retries")))
    return short


def test_o1_when_is_asked_at_execution_just_before_the_step(cases, make_plan):
    asked = []

    def when(exposure):
        asked.append((exposure.name, exposure.current))
        return exposure.name == A and len(asked) != 1  # not at prepare

    plan = make_plan()
    plan.add(cases.Add, save_results=True)
    second = plan.add(cases.Multiply, policy=Policy(when=when))
    assert not second[A].will_change
    asked.clear()
    asked.append("prepared")
    runner = plan.execute()
    assert asked[1:] == [(A, "a_add.fits"), (B, "b_add.fits")]
    assert (second[A].did_change, second[B].did_change, second[B].did_succeed) == (True, False, True)
    assert told(runner, B)[-1][0] == "skip"
    assert second[B].skip_reason == "when is false"
    assert runner.stats["skipped"] == {B: 1}


def test_o1_the_input_goes_on_where_when_is_false(cases, make_plan):
    plan = make_plan("a")
    plan.add(cases.Add)
    plan.add(cases.Multiply, policy=Policy(when=lambda exposure: False))
    last = plan.add(cases.Add, name="last")
    plan.execute()
    assert last[A].result.value == 3.0


@pytest.mark.parametrize("ignored", [False, True])
def test_o1_when_that_raises_is_an_error_of_the_target(cases, make_plan, ignored):
    plan = make_plan("a")
    entry = plan.add(cases.Add, policy=Policy(when=lambda exposure: exposure.nothing, ignore_errors=ignored))
    runner = plan.execute()
    assert runner.status == ("successful" if ignored else "failed")
    assert isinstance(entry[A].exception, AttributeError)
    assert [name for name, *_ in told(runner)] == ["start", "error"]
    assert runner.stats["ignored" if ignored else "failed"] == {A: 1}


def test_o2_ignore_errors_goes_on_with_the_result_before(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Add)
    failing = plan.add(cases.Fails, policy=Policy(ignore_errors=True))
    last = plan.add(cases.Multiply)
    runner = plan.execute()
    assert (failing[A].did_error, failing[A].did_succeed, failing[A].did_change) == (True, False, False)
    assert (runner.status, runner.rc, runner.stats["ignored"], runner.stats["failed"]) == ("successful", 0, {A: 1}, {})
    assert last[A].result.value == 4.0
    names = [event.event for event in runner.events if event.step == "fails"]
    assert names[-1] == "step_end"
    assert "step_target_error" in names


def test_o2_at_the_first_entry_the_input_goes_on(cases, make_plan):
    plan = make_plan("a")
    plan.add(cases.Fails, policy=Policy(ignore_errors=True))
    last = plan.add(cases.Add)
    plan.execute()
    assert last[A].result.value == 2.0


def test_o3_success_on_the_third_try(cases, make_plan):
    plan = make_plan("a")
    names = plan.add_callback(cases.Names())
    entry = plan.add(cases.Flaky, fails=2, policy=Policy(retries=3))
    runner = plan.execute()
    assert told(runner) == [("start", None, None), ("retry", 1, 3), ("retry", 2, 3), ("success", 2, 3)]
    assert (entry[A].retry_attempts, entry[A].was_retried, entry[A].did_succeed) == (2, True, True)
    assert names.of("step_target_retry", "step_target_success") == [
        ("step_target_retry", A, "flaky", "1", "3"),
        ("step_target_retry", A, "flaky", "2", "3"),
        ("step_target_success", A, "flaky", "2"),
    ]


def test_o3_attempts_used_up(cases, make_plan):
    plan = make_plan("a")
    entry = plan.add(cases.Flaky, fails=9, policy=Policy(retries=2))
    runner = plan.execute()
    assert told(runner) == [("start", None, None), ("retry", 1, 2), ("retry", 2, 2), ("error", 2, 2)]
    assert (entry[A].retry_attempts, str(entry[A].exception), len(cases.CALLS)) == (2, "try 3", 3)


def test_o3_delay_and_backoff(cases, make_plan):
    asked = []

    def backoff(number, delay):
        asked.append((number, delay))
        return 0.0

    plan = make_plan("a")
    plan.add(cases.Flaky, fails=2, policy=Policy(retries=2, retry_delay=60.0, backoff=backoff))
    assert plan.execute().rc == 0
    assert asked == [(0, 60.0), (1, 60.0)]
    plan = make_plan("a")
    cases.CALLS.clear()
    plan.add(cases.Flaky, fails=1, policy=Policy(retries=2, retry_delay=0.05))
    started = time.monotonic()
    plan.execute()
    assert time.monotonic() - started >= 0.05


def test_o4_retry_until(cases, make_plan):
    plan = make_plan("a")
    policy = Policy(retries=5, retry_until=lambda result: result.value >= 3)
    entry = plan.add(cases.Flaky, fails=0, policy=policy)
    runner = plan.execute()
    assert (entry[A].retry_attempts, entry[A].result.value) == (2, 3.0)
    assert [name for name, *_ in told(runner)] == ["start", "retry", "retry", "success"]


def test_o4_a_result_that_never_satisfies_is_a_failure(cases, make_plan):
    plan = make_plan("a")
    entry = plan.add(cases.Add, policy=Policy(retries=1, retry_until=lambda result: False))
    runner = plan.execute()
    assert (runner.failed_targets, entry[A].did_error) == ([A], True)
    assert "retry_until" in str(entry[A].exception)


@pytest.mark.parametrize(
    ("rules", "error", "tries"),
    [
        ({"retry_on": ValueError}, "ValueError", 3),
        ({"retry_on": "ValueError"}, "KeyError", 1),
        ({"retry_on": ["OSError", ValueError]}, "ValueError", 3),
        ({"stop_on": LookupError}, "KeyError", 1),
        ({"retry_on": "KeyError", "stop_on": "KeyError"}, "KeyError", 1),
        ({}, "OSError", 3),
    ],
)
def test_o5_retry_on_and_stop_on(cases, make_plan, rules, error, tries):
    plan = make_plan("a")
    plan.add(cases.Flaky, fails=9, error=error, policy=Policy(retries=2, **rules))
    plan.execute()
    assert len(cases.CALLS) == tries


def test_o6_timeout_of_an_attempt_is_an_ordinary_error(cases, make_plan):
    def slow(model):
        from stpipe.cancel import checkpoint

        tries.append(1)
        while True:
            time.sleep(0.005)
            checkpoint()

    tries = []
    plan = make_plan("ab")
    plan.add(cases.Add)
    entry = plan.add(slow, targets=A, policy=Policy(timeout=0.05, retries=1))
    last = plan.add(cases.Add, name="last")
    started = time.monotonic()
    runner = plan.execute()
    assert time.monotonic() - started < 2.0
    assert isinstance(entry[A].exception, RunTimeoutError)
    assert (runner.status, len(tries), last[B].did_succeed) == ("failed", 2, True)
    assert [name for name, *_ in told(runner)][-3:] == ["start", "retry", "error"]


def test_o7_serial_is_one_at_a_time_in_order(cases, make_plan):
    def enter(model):
        inside.append(model.meta.filename[0])
        most.append(len(inside))
        time.sleep(0.01)
        order.append(inside.pop())

    inside, most, order = [], [], []
    plan = make_plan("abcd")
    plan.add(cases.Add)
    plan.add(enter, policy=Policy(serial=True))
    assert plan.execute(executor="threads", workers=4).rc == 0
    assert (max(most), order) == (1, list("abcd"))


def test_o7_run_once(cases, make_plan):
    plan = make_plan("abc", policy=Policy(run_once=False))
    (plan.inventory.get(A)).error = "cannot be read"
    entry = plan.add(cases.Add, policy=Policy(run_once=True))
    assert [entry[name].will_change for name in (B, C)] == [True, False]
    runner = plan.execute()
    assert cases.CALLS == [("Add", B)]
    assert (entry[B].did_change, entry[C].did_change, entry[C].did_succeed) == (True, False, True)
    assert runner.failed_targets == [A]


def test_o8_fail_percent(cases, make_plan):
    plan = make_plan("abcd")
    first = plan.add(cases.Fails, bad="ab", policy=Policy(fail_percent=25))
    second = plan.add(cases.Add)
    runner = plan.execute()
    assert (runner.status, runner.failed_targets) == ("failed", [A, B])
    assert [first[name].is_complete for name in (A, B, C, D)] == [True, True, False, False]
    assert not any(one.is_complete for one in second.values())
    assert any(event.event == "step_end" for event in runner.events)


@pytest.mark.parametrize("percent", [50, None])
def test_o8_no_more_than_that_goes_on(cases, make_plan, percent):
    plan = make_plan("abcd")
    plan.add(cases.Fails, bad="ab", policy=Policy(fail_percent=percent))
    second = plan.add(cases.Add)
    plan.execute()
    assert [second[name].is_complete for name in (A, B, C, D)] == [False, False, True, True]


def test_o8_zero_stops_at_the_first(cases, make_plan):
    plan = make_plan("abc")
    plan.add(cases.Fails, policy=Policy(fail_percent=0))
    plan.execute()
    assert len(cases.CALLS) == 1


def test_o9_no_target_left(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Fails, bad="ab")
    second = plan.add(cases.Add)
    runner = plan.execute()
    assert (runner.status, runner.rc) == ("failed", 2)
    assert not any(one.is_complete for one in second.values())
    events = list(runner.events)
    assert [event.step for event in events if event.event == "step_end"] == ["fails"]
    assert [event.event_data["text"] for event in events if event.event == "message"] == ["no exposures remaining"]


def test_rules_of_the_plan_are_overridden_field_by_field(cases, make_plan):
    plan = make_plan("a", policy=Policy(retries=2, ignore_errors=True))
    entry = plan.add(cases.Flaky, fails=9, policy=Policy(retries=1))
    runner = plan.execute()
    assert (len(cases.CALLS), entry[A].did_error, runner.status) == (2, True, "successful")


def test_rules_of_execute_lie_below_those_of_the_plan(cases, make_plan):
    plan = make_plan("a", policy=Policy(retries=0))
    plan.add(cases.Flaky, fails=9)
    runner = plan.execute(policy=Policy(retries=3, ignore_errors=True))
    assert (len(cases.CALLS), runner.status) == (1, "successful")


def test_on_skip_stop(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Skips, targets=A, policy=Policy(on_skip="stop"))
    last = plan.add(cases.Add)
    runner = plan.execute()
    assert (runner.status, last[A].is_complete, last[B].did_change) == ("successful", False, True)


def test_on_skip_continue(cases, make_plan):
    plan = make_plan("a")
    plan.add(cases.Skips)
    last = plan.add(cases.Add)
    plan.execute()
    assert last[A].result.value == 2.0


def test_handler_errors_fatal_of_a_plan(cases, make_plan):
    from stpipe import Callback

    class Bad(Callback):
        def step_target_start(self, run, target, step):
            raise ValueError("handler")

    for rules, status in ((Policy(), "successful"), (Policy(handler_errors="fatal"), "failed")):
        plan = make_plan(policy=rules)
        plan.add_callback(Bad())
        plan.add(cases.Add)
        runner = plan.execute()
        assert runner.status == status
        assert runner.handler_errors


def test_rules_hold_for_run_too(cases):
    cases.write(A)
    runner = run(cases.Flaky, A, policy=Policy(retries=3))
    assert told(runner) == [("start", None, None), ("retry", 1, 3), ("retry", 2, 3), ("success", 2, 3)]


@pytest.mark.parametrize(
    ("rules", "error", "match"),
    [
        ({"retries": -1}, ValueError, "retries"),
        ({"retries": True}, ValueError, "retries"),
        ({"timeout": 0}, ValueError, "timeout"),
        ({"when": 3}, TypeError, "when"),
        ({"on_skip": "jump"}, ValueError, "on_skip"),
        ({"handler_errors": "shout"}, ValueError, "handler_errors"),
        ({"fail_percent": "x"}, TypeError, "fail_percent"),
        ({"fail_percent": 101}, ValueError, "fail_percent"),
        ({"backoff": "cubic"}, ValueError, "cubic"),
    ],
)
def test_rules_that_cannot_be(rules, error, match):
    with pytest.raises(error, match=match):
        Policy(**rules)
