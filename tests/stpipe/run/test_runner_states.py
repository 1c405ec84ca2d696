"""A law of runs: whatever fails, stops or is raised, there is exactly one final status, in order (spec running.md §9).

Random runs of functions on several targets: steps that fail, wait, print progress; handlers and callbacks of every kind
that raise, refuse events or cancel; cancelling from outside, timeouts, ignored errors, retries, serial and run once.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from stpipe.cancel import checkpoint
from stpipe.events import EVENT_NAMES, Callback
from stpipe.policy import Policy
from stpipe.runner import Runner, run, run_async

RC = {"successful": {0}, "failed": {1, 2, 4}, "canceled": {254}, "timeout": {254}}
CODES = {"successful": 0, "failed": 2, "canceled": 254, "timeout": 254}
SEQUENCE = ("starting", "running")
ENDS = {"step_target_success", "step_target_error", "step_target_skip"}


class Trouble(Exception):
    """What steps and handlers raise here."""


@dataclass
class Case:
    """What one run does."""

    targets: list[str]
    acts: list[str]
    executor: str
    workers: int
    timeout: float | None
    cancel_at: str | None
    callback: str | None
    raising: frozenset[str]
    policy: dict[str, Any]
    artifacts: bool
    asynchronous: bool
    statuses: list[str] = field(default_factory=list)
    order: list[Any] = field(default_factory=list)
    finished: list[Any] = field(default_factory=list)


def cases():
    size = st.integers(1, 4)
    acts = st.sampled_from(["ok", "ok", "ok", "fail", "wait", "same", "nothing"])
    names = ("event_handler", "status_handler", "cancel_callback", "finished_callback", *EVENT_NAMES)
    return size.flatmap(
        lambda number: st.builds(
            Case,
            targets=st.just([f"{letter}_rate.fits" for letter in "abcd"[:number]]),
            acts=st.lists(acts, min_size=number, max_size=number),
            executor=st.sampled_from(["inline", "inline", "threads"]),
            workers=st.integers(1, 3),
            timeout=st.sampled_from([None, None, None, 0.001, 0.02, 30.0]),
            cancel_at=st.sampled_from([None, None, None, "now", "starting", "running", *EVENT_NAMES]),
            callback=st.sampled_from([None, None, "no", "late", "at once"]),
            raising=st.frozensets(st.sampled_from(names), max_size=3),
            policy=st.fixed_dictionaries(
                {},
                optional={
                    "ignore_errors": st.booleans(),
                    "retries": st.integers(0, 2),
                    "serial": st.booleans(),
                    "run_once": st.booleans(),
                    "fail_percent": st.sampled_from([0.0, 50.0]),
                    "handler_errors": st.sampled_from(["record", "record", "fatal"]),
                },
            ),
            artifacts=st.sampled_from([False, False, True]),
            asynchronous=st.booleans(),
        )
    )


class Subscriber(Callback):
    """Raises, or cancels, at the events that the case says."""

    def __init__(self, case):
        self.case = case


def _method(name):
    def method(self, run, *args):
        if self.case.cancel_at == name:
            run.cancel()
        if name in self.case.raising:
            raise Trouble(name)

    return method


for _name in EVENT_NAMES:
    setattr(Subscriber, _name, _method(_name))


def start(case, model_class, folder):
    """Run a case and return the handle and, if there is one, the thread."""
    acts = dict(zip(case.targets, case.acts, strict=True))

    def work(model):
        act = acts[model.meta.filename]
        if act == "fail":
            raise Trouble("step")
        if act == "wait":
            for _ in range(3):
                time.sleep(0.002)
                checkpoint()
        return {"same": model, "nothing": None}.get(act, model_class(model.meta.filename))

    asked = []

    def cancel_callback():
        asked.append(None)
        if "cancel_callback" in case.raising:
            raise Trouble("cancel_callback")
        return case.callback == "at once" or (case.callback == "late" and len(asked) > 2)

    def status_handler(data, runner):
        case.statuses.append(data["status"])
        case.order.append(data["status"])
        if case.cancel_at == data["status"]:
            runner.cancel()
        if "status_handler" in case.raising:
            raise Trouble("status_handler")

    def event_handler(one):
        case.order.append(one)
        if "event_handler" in case.raising:
            raise Trouble("event_handler")
        return one.event != "step_start"

    def finished_callback(runner):
        case.finished.append((str(runner.status), runner.rc, case.statuses[-1]))
        if "finished_callback" in case.raising:
            raise Trouble("finished_callback")

    keywords = {
        "executor": case.executor,
        "workers": case.workers,
        "timeout": case.timeout,
        "callbacks": [Subscriber(case)],
        "event_handler": event_handler,
        "status_handler": status_handler,
        "finished_callback": finished_callback,
        "cancel_callback": cancel_callback if case.callback else None,
        "policy": Policy(**case.policy),
        "artifacts_dir": folder if case.artifacts else None,
    }
    models = [model_class(name) for name in case.targets]
    if case.asynchronous:
        thread, runner = run_async(work, models, **keywords)
        if case.cancel_at == "now":
            runner.cancel()
        thread.join(20)
        return runner, thread
    return run(work, models, **keywords), None


@pytest.mark.usefixtures("place")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
def test_exactly_one_final_status_in_order(case, fakes, tmp_path_factory):
    before = set(threading.enumerate())
    folder = tmp_path_factory.mktemp("runs") if case.artifacts else None
    runner, thread = start(case, fakes.FakeModel, folder)
    assert isinstance(runner, Runner)
    event(str(runner.status))

    assert thread is None or not thread.is_alive()
    left = {one for one in threading.enumerate() if one not in before and one.name.startswith("stpipe-")}
    assert {one.name.partition("_")[0] for one in left} <= {"stpipe-graph"}

    status = str(runner.status)
    finals = [one for one in case.statuses if one not in SEQUENCE]
    assert finals == [status]
    assert tuple(case.statuses[:-1]) == SEQUENCE
    assert runner.rc in RC[status]
    assert runner.is_final
    check_order(case, status)
    check_events(case, runner)
    check_meaning(case, runner, status)
    if case.artifacts:
        loaded = Runner.load(runner.artifacts)
        assert (loaded.status, loaded.rc, loaded.stats) == (runner.status, runner.rc, runner.stats)
        assert [one.uuid for one in loaded.events] == [one.uuid for one in runner.events]


def check_order(case, status):
    """R18, R19: starting < running < step events < run_stats < final status < finished_callback."""
    if "event_handler" not in case.raising:
        told = [one if isinstance(one, str) else one.event for one in case.order]
        kept = [name for name in told if name != "handler_error"]
        assert kept[:3] == ["starting", "running", "run_start"]
        assert kept[-2:] == ["run_stats", status]
        counters = [one.counter for one in case.order if not isinstance(one, str)]
        assert counters == sorted(counters)
    assert case.finished == [(status, CODES[status], status)]


def check_events(case, runner):
    """Every start has an end, every step_start a step_end, every target that was opened is closed."""
    events = list(runner.events)
    assert [one.counter for one in events] == sorted({one.counter for one in events})
    for target in case.targets:
        names = [one.event for one in events if one.target == target]
        assert names.count("step_target_start") == sum(name in ENDS for name in names) - names.count("step_target_skip")
        assert names.count("target_open") == names.count("target_close") <= 1
    assert sum(one.event == "step_end" for one in events) <= 1
    assert sum(one.event == "run_stats" for one in events) == 1
    last = next(one for one in events if one.event == "run_stats")
    assert runner.stats == last.event_data
    told = [one for one in events if one.event == "handler_error"]
    assert len(told) == len(runner.handler_errors)
    assert all(isinstance(error, Trouble) for error in runner.handler_errors)


def check_meaning(case, runner, status):
    """The status says what happened."""
    may_stop = case.cancel_at is not None or case.callback in ("late", "at once")
    if status == "canceled":
        assert may_stop
    if status == "timeout":
        assert case.timeout is not None
        assert case.timeout < 1
    fatal = case.policy.get("handler_errors") == "fatal" and runner.handler_errors
    if status == "failed":
        assert runner.failed_targets or fatal
        assert runner.exception is not None
    if status == "successful":
        assert not runner.failed_targets
        assert runner.exception is None
        assert set(runner.stats["processed"]) == set(case.targets)
        counts = [runner.stats[name] for name in ("ok", "skipped", "ignored")]
        assert all(sum(one.get(target, 0) for one in counts) == 1 for target in case.targets)
    assert set(runner.failed_targets) == set(runner.stats["failed"]) | set(runner.stats["unreadable"])


@pytest.mark.usefixtures("place")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases=st.lists(cases(), min_size=2, max_size=3))
def test_runs_at_the_same_time_do_not_mix(cases, fakes):
    """R22: every run sees its own events and statuses, whatever the others do."""
    threads, runners = [], [None] * len(cases)
    for number, case in enumerate(cases):
        case.asynchronous, case.artifacts = False, False

        def work(number=number, case=case):
            runners[number], _ = start(case, fakes.FakeModel, None)

        threads.append(threading.Thread(target=work))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for case, runner in zip(cases, runners, strict=True):
        assert runner is not None
        assert case.statuses == [*SEQUENCE, str(runner.status)]
        assert {one.run_ident for one in runner.events} == {runner.ident}
        check_order(case, str(runner.status))
        check_events(case, runner)
