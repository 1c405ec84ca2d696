"""Seats of a dask crew without a cluster: what is told is never overlooked."""

from __future__ import annotations

import pickle
from multiprocessing.connection import wait
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("distributed", reason="the extra 'dask' is not installed")

from stpipe.executors.dask_crew import DaskCrew


class Client:
    """Stands for a client of a cluster with two threads; its futures never end."""

    status = "running"
    scheduler = SimpleNamespace(address="tcp://nowhere")

    def subscribe_topic(self, topic: str, handler: Any) -> None:
        self.handler = handler

    def nthreads(self) -> dict[str, int]:
        return {"a": 1, "b": 1}

    def submit(self, function: Any, parcel: Any, **_: Any) -> Any:
        self.parcel = parcel
        return SimpleNamespace(status="pending", release=lambda: None)


def has_rung(seat: Any) -> bool:
    """Whether the run would look at a seat."""
    return bool(wait(seat.waitables, 0))


def test_a_message_that_comes_while_another_seat_is_read_is_not_overlooked():
    client = Client()
    crew = DaskCrew(client, None)
    one, other = crew.acquire(None), crew.acquire(None)
    keys = []
    for seat in (one, other):
        seat.send(b"", lambda: None)
        keys.append(client.parcel.key)
    assert one.read() == []
    client.handler((0.0, {"key": keys[0], "last": True, "messages": [pickle.dumps(("answer", 42))]}))
    assert has_rung(one)
    assert other.read() == []  # which clears the bell
    assert not one.is_dead
    assert has_rung(one)
    assert one.read() == [("answer", 42)]
    assert not one.is_dead
    assert not has_rung(one)
    crew.close()


def test_messages_of_a_task_that_was_given_up_are_dropped():
    client = Client()
    crew = DaskCrew(client, None)
    seat = crew.acquire(None)
    seat.send(b"", lambda: None)
    client.cancel = lambda futures, force: None
    seat.close()
    client.handler((0.0, {"key": client.parcel.key, "last": True, "messages": [pickle.dumps(("answer", 42))]}))
    assert seat.read() == []
    assert seat.is_dead
    crew.close()
