from __future__ import annotations

import json
import logging
import threading

import pytest

from stpipe.events import EVENT_NAMES, Callback, Event, EventStream, deliver_to_callback, emit, listening


def test_emit_without_a_listener_does_nothing():
    assert emit("message", event_data={"text": "x"}) is None


def test_events_are_read_only_mappings_with_attributes():
    event = EventStream("run").emit("message", step="jump", event_data={"text": "x"})
    assert event["step"] == event.step == "jump"
    assert event["counter"] == 1
    assert event["run_ident"] == "run"
    assert set(event) == {
        "uuid", "counter", "created", "event", "run_ident", "parent_uuid", "pid", "step", "target", "event_data",
        "stdout", "start_line", "end_line",
    }  # fmt: skip
    assert json.loads(json.dumps(dict(event)))["event_data"] == {"text": "x"}
    with pytest.raises(AttributeError):
        event.step = "other"
    with pytest.raises(KeyError):
        event["emit"]


def test_counter_runs_without_gaps_for_all_subscribers():
    first, second = [], []
    with listening(first.append, second.append) as stream:
        for _ in range(3):
            emit("message")
    emit("message")
    assert [event.counter for event in first] == [1, 2, 3]
    assert first == second
    assert len({event.uuid for event in first}) == 3
    assert stream.handler_errors == []


def test_unknown_event_name_is_refused():
    with pytest.raises(ValueError, match="unknown event 'steps_start'"):
        EventStream().emit("steps_start")


def test_objects_in_event_data_become_short_texts():
    event = EventStream().emit("message", event_data={"model": object(), "n": (1, {2})})
    assert event.event_data == {"model": "<object>", "n": [1, [2]]}


def test_false_keeps_an_event_from_stores_but_not_from_other_subscribers():
    stream, seen, stored = EventStream(), [], []
    stream.subscribe(stored.append, store=True)
    stream.subscribe(lambda event: event.step != "hidden")
    stream.subscribe(seen.append)
    stream.emit("message", step="hidden")
    stream.emit("message", step="shown")
    assert [event.step for event in seen] == ["hidden", "shown"]
    assert [(event.step, event.counter) for event in stored] == [("shown", 2)]


def test_a_raising_subscriber_is_reported_and_dropped_after_ten_errors(caplog):
    calls, seen = [], []

    def broken(event: Event) -> None:
        calls.append(event.event)
        raise RuntimeError("no")

    with caplog.at_level(logging.ERROR), listening(broken, seen.append) as stream:
        for _ in range(20):
            emit("message")
    assert len(stream.handler_errors) == 10
    assert calls == ["message"] * 10
    assert sum(event.event == "message" for event in seen) == 20
    errors = [event for event in seen if event.event == "handler_error"]
    assert len(errors) == 10
    assert all(event.event_data["exception"] == {"type": "RuntimeError", "message": "no"} for event in errors)
    assert "RuntimeError: no" in caplog.text


def test_streams_of_threads_do_not_mix():
    results: dict[str, list[str]] = {}

    def work(name: str) -> None:
        seen: list[Event] = []
        with listening(seen.append, stream=EventStream(name)):
            for _ in range(50):
                emit("message")
        results[name] = [event.run_ident for event in seen]

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"one": ["one"] * 50, "two": ["two"] * 50}


def test_callback_has_a_method_for_every_event():
    stream, callback = EventStream(), Callback()
    for name in EVENT_NAMES:
        deliver_to_callback(callback, stream.emit(name, step="jump", target="f"))


class Notes(Callback):
    def __init__(self) -> None:
        self.notes: list[tuple] = []

    def step_target_error(self, run, target, step, retry_count=0, max_retries=0):
        self.notes.append(("error", run, target, step, retry_count, max_retries))

    def step_target_progress(self, run, target, step, done, total):
        self.notes.append(("progress", target, step, done, total))

    def step_target_skip(self, run, target, step, reason):
        self.notes.append(("skip", step, reason))


def test_callback_arguments():
    stream, callback = EventStream(target="file"), Notes()
    stream.subscribe(lambda event: deliver_to_callback(callback, event, run="handle"))
    stream.emit("step_target_error", step="jump", event_data={"retry_count": 2, "max_retries": 3})
    stream.emit("step_target_progress", step="jump", event_data={"done": 1, "total": 4, "unit": "groups"})
    stream.emit("step_target_skip", step="jump", event_data={"skip_reason": "no reference"})
    assert callback.notes == [
        ("error", "handle", "file", "jump", 2, 3),
        ("progress", "file", "jump", 1, 4),
        ("skip", "jump", "no reference"),
    ]
