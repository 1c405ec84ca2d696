"""Events and handlers of a run (spec running.md R8, R9, R13, R14, R18-R20, §2.2, E1-E3)."""

from __future__ import annotations

import json
import threading
import time

import numpy as np
import pytest
from stpipe_test_run_steps import Base, Fails, Plus, Skips, Twice, Works, best_time

from stpipe.cancel import checkpoint
from stpipe.events import EVENT_NAMES, Event
from stpipe.graph import Graph
from stpipe.policy import Policy
from stpipe.runner import run, run_async

pytestmark = pytest.mark.usefixtures("place")

ONE_STEP = [
    "run_start",
    "target_before_open",
    "target_open",
    "step_start",
    "step_target_start",
    "step_target_success",
    "step_end",
    "target_close",
    "run_stats",
]


def names(runner):
    return [event.event for event in runner.events]


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_order_for_one_target_and_one_step(executor):
    assert names(run(Plus, 1, executor=executor)) == ONE_STEP


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_order_after_a_failure(executor):
    assert names(run(Fails, 1, executor=executor)) == [
        name if name != "step_target_success" else "step_target_error" for name in ONE_STEP
    ]


def test_later_entries_do_not_start_for_a_failed_target(recipes, here):
    recipes.write("steps:\n- here.fail\n- here.note\n")
    runner = run("r")
    assert [event.step for event in runner.events if event.event == "step_start"] == ["fail"]
    assert [event.step for event in runner.events if event.event == "step_end"] == ["fail"]


def test_order_after_a_skip():
    runner = run(Skips, 1)
    assert names(runner) == [name if name != "step_target_success" else "step_target_skip" for name in ONE_STEP]
    end = next(event for event in runner.events if event.event == "step_target_skip")
    assert end.event_data["skip_reason"] == "empty"


def test_parent_uuid_of_a_sub_step_is_the_start_of_its_pipeline():
    runner = run(Twice, 1)
    events = list(runner.events)
    start = next(event for event in events if event.event == "step_target_start")
    assert start.parent_uuid is None
    inner = [event for event in events if event.step in ("first", "second")]
    assert [event.event for event in inner] == ["step_target_start", "step_target_success"] * 2
    assert {event.parent_uuid for event in inner} == {start.uuid}
    assert runner.stats["ok"] == {"input": 1}


def test_event_data_of_the_end_of_a_step():
    runner = run(Plus, 1, amount=2, policy=Policy(retries=3))
    again = run(Plus, 1, amount=3)
    end = next(event for event in runner.events if event.event == "step_target_success")
    data = end.event_data
    assert data["duration"] >= 0
    assert data["rss_max"] > 1e6
    assert (data["references"], data["outputs"], data["skip_reason"]) == ([], [], None)
    assert (data["retry_count"], data["max_retries"]) == (0, 3)
    other = next(event for event in again.events if event.event == "step_target_success").event_data
    assert data["parameters"] != other["parameters"]
    error = next(event for event in run(Fails, 1).events if event.event == "step_target_error")
    assert error.event_data["exception"] == {"type": "ValueError", "message": "no"}


def test_progress_is_an_event():
    told = [event for event in run(Works, 1).events if event.event == "step_target_progress"]
    assert [event.event_data for event in told] == [{"done": n, "total": 3, "unit": "rows"} for n in range(3)]
    assert {event.target for event in told} == {"input"}


def test_r8_events_come_as_they_happen():
    gate = threading.Event()

    def works(value):
        gate.wait(10)
        return value

    thread, runner = run_async(works, 1)
    seen = []
    reader = threading.Thread(target=lambda: seen.extend((event, time.time()) for event in runner.events))
    reader.start()
    limit = time.monotonic() + 5
    while len(seen) < 5 and time.monotonic() < limit:
        time.sleep(0.002)
    assert [event.event for event, _ in seen] == ONE_STEP[:5]
    gate.set()
    thread.join(10)
    reader.join(10)
    assert [event.event for event, _ in seen] == ONE_STEP
    from datetime import datetime

    delays = [moment - datetime.fromisoformat(event.created).timestamp() for event, moment in seen]
    assert sorted(delays)[len(delays) // 2] < 0.1


def test_r8_iterations_are_independent_and_complete_afterwards():
    runner = run(Plus, 1)
    first, second = runner.events, runner.events
    assert next(first) is next(second)
    assert len(list(first)) == len(list(second)) == len(ONE_STEP) - 1
    assert [event.counter for event in runner.events] == list(range(1, len(ONE_STEP) + 1))


def test_r8_iterating_in_a_handler_gives_what_there_is():
    seen = []
    run(
        Plus,
        1,
        event_handler=lambda event: None,
        status_handler=lambda data, runner: seen.append(len(list(runner.events))),
    )
    assert seen == [0, 0, len(ONE_STEP)]


def test_r9_an_event_is_a_read_only_mapping():
    event = next(run(Plus, 1).events)
    keys = {
        *("uuid", "counter", "created", "event", "run_ident", "parent_uuid", "pid", "step", "target"),
        *("event_data", "stdout", "start_line", "end_line"),
    }
    assert set(event) == keys
    assert all(event[key] == getattr(event, key) for key in keys)
    with pytest.raises(TypeError):
        event["step"] = "x"
    with pytest.raises(AttributeError):
        event.step = "x"
    with pytest.raises(KeyError):
        event["nix"]
    assert event.created.endswith("+00:00")


def test_r9_events_are_json_with_short_texts_for_models_and_arrays(fakes):
    def tell(value):
        from stpipe.events import emit

        emit("message", event_data={"array": np.zeros(3), "model": fakes.FakeModel(), "path": [1.5, None, {2: "x"}]})
        return value

    runner = run(tell, 1)
    for event in runner.events:
        assert Event(**json.loads(json.dumps(dict(event)))) == event
    data = next(event for event in runner.events if event.event == "message").event_data
    assert data == {"array": "<ndarray>", "model": "<FakeModel>", "path": [1.5, None, {"2": "x"}]}
    assert len({event.uuid for event in runner.events}) == len(names(runner))


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_r13_handler_sees_every_event_in_order_on_one_thread(executor, fakes):
    models = [fakes.FakeModel(f"{name}_rate.fits") for name in "abcdefgh"]
    seen, threads = [], set()

    def handle(event):
        seen.append(event)
        threads.add(threading.get_ident())

    runner = run(lambda model: model, models, executor=executor, workers=4, event_handler=handle)
    assert [event.counter for event in seen] == list(range(1, len(seen) + 1))
    assert threads == {threading.get_ident()}
    assert seen == list(runner.events)


def test_r13_false_keeps_an_event_out_of_storage_only():
    seen = []
    runner = run(
        Plus,
        1,
        event_handler=lambda event: event.event != "step_start",
        callbacks=[_listener(seen)],
        artifacts_dir="runs",
    )
    assert "step_start" not in names(runner)
    assert "step_start" in seen
    assert [event.counter for event in runner.events] == [1, 2, 3, 5, 6, 7, 8, 9]
    from pathlib import Path

    assert len(list(Path(runner.artifacts, "events").iterdir())) == len(ONE_STEP) - 1


@pytest.mark.parametrize("answer", [None, 0, "", True])
def test_r13_other_answers_keep_it_in(answer):
    assert names(run(Plus, 1, event_handler=lambda event: answer)) == ONE_STEP


def _listener(seen):
    from stpipe.events import Callback

    class Listener(Callback):
        def step_start(self, run, step):
            seen.append("step_start")

    return Listener()


def test_r14_status_handler_gets_data_and_runner():
    seen = []
    runner = run(Plus, 1, status_handler=lambda data, runner: seen.append((data, runner, str(runner.status))))
    assert [data for data, _, _ in seen] == [
        {"status": status, "run_ident": runner.ident} for status in ("starting", "running", "successful")
    ]
    assert all(one is runner for _, one, _ in seen)
    assert [status for _, _, status in seen] == ["starting", "running", "successful"]


@pytest.mark.parametrize("what", [Plus, Fails, "nix"])
def test_r18_r19_order_of_status_and_events(what):
    order = []
    runner = run(
        what,
        1,
        artifacts_dir="runs",
        event_handler=lambda event: order.append(event.event),
        status_handler=lambda data, runner: order.append(data["status"]),
        finished_callback=lambda runner: order.append(("finished", runner.status, _files(runner))),
    )
    status = str(runner.status)
    assert order[0] == "starting"
    assert order[-1] == ("finished", status, ["rc", "status"])
    assert order[-2] == status
    assert order[-3] == "run_stats"
    if what != "nix":
        assert order[1:3] == ["running", "run_start"]
    assert order.count("run_stats") == 1


def _files(runner):
    from pathlib import Path

    return sorted(path.name for path in Path(runner.artifacts).iterdir() if path.name in ("rc", "status"))


@pytest.mark.parametrize(
    "name", ["event_handler", "status_handler", "cancel_callback", "finished_callback", "callbacks"]
)
def test_r20_a_callback_that_raises_never_stops_the_run(name, caplog):
    from stpipe.events import Callback

    class Raises(Callback):
        def step_start(self, run, step):
            raise OSError("broken")

    def broken(*args):
        raise OSError("broken")

    def slow(value):
        time.sleep(0.02)
        checkpoint()
        return value

    runner = run(slow, 1, **{name: [Raises()] if name == "callbacks" else broken})
    assert (runner.status, runner.rc, runner.result) == ("successful", 0, 1)
    told = [event for event in runner.events if event.event == "handler_error"]
    assert len(told) == len(runner.handler_errors)
    assert 1 <= len(told) <= 10
    assert {str(error) for error in runner.handler_errors} == {"broken"}
    assert told[0].event_data["exception"] == {"type": "OSError", "message": "broken"}
    assert any(record.levelname == "ERROR" and "broken" in record.getMessage() for record in caplog.records)


def test_r20_a_handler_is_dropped_after_ten_errors():
    calls = []

    def broken(event):
        calls.append(event)
        raise OSError("broken")

    runner = run(Works, 1, total=30, event_handler=broken)
    assert len(calls) == 10
    assert names(runner).count("handler_error") == 10
    assert names(runner).count("step_target_progress") == 30


def test_r20_fatal_handler_errors_fail_the_run():
    def broken(event):
        raise OSError("broken")

    runner = run(Plus, 1, event_handler=broken, policy=Policy(handler_errors="fatal"))
    assert (runner.status, runner.rc) == ("failed", 2)
    assert "broken" in str(runner.exception)


def test_e1_every_way_in_tells_of_its_steps(recipes):
    """Step.call in a function, sub-steps, hooks, recipes and graphs."""

    def calls(value):
        return Plus.call(value)

    recipes.write("steps:\n- {step: stpipe_test_run_steps.Plus, input: 1}\n")
    graph = Graph()
    graph.add_step(Plus, requires=("value",), provides="more")
    ways = {
        "call": lambda: run(calls, 1),
        "sub-steps": lambda: run(Twice, 1),
        "hook": lambda: run(Plus, 1, post_hooks=[Plus]),
        "recipe": lambda: run("r"),
        "graph": lambda: run(graph, "more", context={"value": 1}),
    }
    found = {}
    for name, start in ways.items():
        runner = start()
        assert runner.status == "successful", (name, runner.exception)
        found[name] = [event.step for event in runner.events if event.event == "step_target_success"]
    assert found["call"] == ["Plus", "calls"]
    assert found["sub-steps"] == ["first", "second", "Twice"]
    assert found["hook"][-1] == "Plus"
    assert len(found["hook"]) == 2
    assert found["recipe"] == ["Plus"]
    assert found["graph"] == ["Plus"]


def test_e1_a_step_called_in_a_function_belongs_to_its_entry():
    def calls(value):
        return Plus.call(Twice.call(value))

    runner = run(calls, 1)
    events = list(runner.events)
    start = next(event for event in events if event.step == "calls" and event.event == "step_target_start")
    top = [event for event in events if event.step in ("Plus", "Twice")]
    assert {event.parent_uuid for event in top} == {start.uuid}
    assert {event.target for event in top} == {"input"}
    assert runner.stats["ok"] == {"input": 1}


def test_e1_also_in_a_function_of_a_recipe(recipes, here):
    here.calls_a_step = lambda context: Plus.call(1)
    recipes.write("steps:\n- {step: here.calls_a_step, name: calls}\n")
    runner = run("r")
    start = next(event for event in runner.events if event.step == "calls" and event.event == "step_target_start")
    assert {event.parent_uuid for event in runner.events if event.step == "Plus"} == {start.uuid}
    assert runner.stats["ok"] == {"input": 1}


def test_e2_without_a_run_nothing_is_told():
    from stpipe.events import active_stream, emit

    assert active_stream() is None
    assert emit("message", event_data={"text": "nobody hears this"}) is None
    assert Plus.call(1) == 2
    assert best_time(lambda: emit("message", event_data={})) < 5e-6


def test_e3_references_are_looked_up_once_for_the_run(monkeypatch):
    from stpipe.references import current_session

    sessions = []

    class Asks(Base):
        def process(self, value):
            sessions.append(current_session())
            return value

    run(Asks, [[1, 2]])
    run(lambda value: Asks.call(Asks.call(value)), 1)
    assert sessions[0] is not sessions[1]
    assert sessions[1] is sessions[2] is not None


def test_delivery_of_an_event_is_quick():
    """At most 50 µs for each event, stored and handed to a handler and a callback."""

    from stpipe.events import Callback

    class Tells(Base):
        def process(self, value):
            return best_time(lambda: self.progress(1, 2), 50)

    runner = run(Tells, 1, event_handler=lambda event: None, callbacks=[Callback()])
    assert runner.result < 50e-6


def test_every_event_name_is_known_and_has_a_method():
    from stpipe.events import Callback

    assert len(EVENT_NAMES) == 16
    assert all(callable(getattr(Callback(), name)) for name in EVENT_NAMES)
