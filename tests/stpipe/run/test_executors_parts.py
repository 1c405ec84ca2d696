"""Parts of the process executor: messages, packing, errors, surroundings, the pool."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import struct
import sys
import time
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

import stpipe
from stpipe.executors.channel import Channel, Inbox
from stpipe.executors.errors import RemoteError, load_error, pack_error
from stpipe.executors.packing import Loader, Packer, pack_parameters
from stpipe.executors.processes import GUARD, ProcessExecutor
from stpipe.executors.stored import PrivateFolder, Stored, is_model, save_aside
from stpipe.executors.surroundings import Surroundings

sys.path.insert(0, str(Path(__file__).parent))  # so that workers can import the steps, too

import steps_for_runs as steps


@pytest.fixture
def ends() -> Any:
    """A channel, an inbox, and the socket under the channel."""
    mine, other = socket.socketpair()
    yield Channel(other), Inbox(mine), other
    mine.close()
    other.close()


def test_messages_arrive_in_order_and_reading_never_waits(ends):
    channel, inbox, _ = ends
    assert inbox.read() == []
    channel.send("one", 1)
    channel.send("two", {"a": b"x" * 1000})
    assert inbox.read_all() == [("one", 1), ("two", {"a": b"x" * 1000})]
    assert not inbox.ended


def test_a_message_that_breaks_off_does_not_hold_up_anybody(ends):
    channel, inbox, other = ends
    channel.send("whole")
    other.sendall(struct.pack("!Q", 100) + b"only a part")
    assert inbox.read_all() == [("whole",)]
    other.close()
    assert inbox.read_all() == []
    assert inbox.ended


def test_a_worker_gets_what_it_is_sent_or_nothing(ends):
    channel, inbox, _ = ends
    assert channel.receive(0.0) is None
    inbox.send(b"task", lambda: None)
    assert channel.receive(1.0) == b"task"
    inbox.close()
    assert channel.receive(1.0) == b""
    assert channel.receive(1.0) is None
    channel.send("nobody reads")  # no error


def test_sending_to_one_that_does_not_read_can_be_ended(ends):
    _, inbox, _ = ends
    turns = []

    def turn() -> None:
        turns.append(1)
        if len(turns) > 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        inbox.send(b"x" * (1 << 24), turn)


@pytest.mark.parametrize("error", [ValueError("text"), OSError(2, "no such file", "name"), steps.Strange(1, "two")])
def test_errors_come_back_as_themselves(error):
    error.failed_step = "jump"
    again = load_error(pack_error(error), "line 1")
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.failed_step == "jump"
    assert "line 1" in str(again.__cause__)


def test_errors_that_hold_what_cannot_be_sent_keep_name_and_message():
    class Local(Exception):
        pass

    for error in (Local("only here"), ValueError(steps.NoPickle())):
        again = load_error(pack_error(error), "")
        assert type(again).__name__ == type(error).__name__
        assert str(again) == str(error)
        assert isinstance(again, RemoteError)
        assert str(pickle.loads(pickle.dumps(again))) == str(error)


def test_models_are_packed_once_and_unpacked_as_one(tmp_path):
    model = steps.Model("m.json", 3.0)
    packer = Packer(str(tmp_path))
    data = packer.pack({"a": model, "b": [model]})
    assert len(list(tmp_path.iterdir())) == 1
    loader = Loader(steps.open_model)
    again = loader.load(data)
    assert again["a"] is again["b"][0]
    assert (again["a"].value, again["a"].meta.filename) == (3, "m.json")
    packer.remove_sent()
    assert list(tmp_path.iterdir()) == []


def test_parameters_that_cannot_be_pickled_become_texts(tmp_path):
    model = steps.Model("m.json")
    packer = Packer(str(tmp_path), known={id(model): "where"})
    values = {"hook": (lambda: 1, "keyword"), "a": (1, "default"), "steps": {"x": {"y": (steps.NoPickle(), "z")}}}
    values["model"] = (model, "keyword")
    values["other"] = (steps.Model("n.json"), "keyword")
    again = Loader(None, {"where": "itself"}).load(pack_parameters(packer, values))
    assert again["a"] == (1, "default")
    assert again["model"] == ("itself", "keyword")
    assert again["other"] == ("<Model>", "keyword")
    assert again["hook"][1] == "keyword"
    assert "NoPickle" in again["steps"]["x"]["y"][0]
    assert list(tmp_path.iterdir()) == []


def test_saving_aside_leaves_the_model_as_it_was(tmp_path):
    for name in ("m.json", None):
        model = steps.Model(name, 3.0)
        path = save_aside(model, str(tmp_path), ".json")
        assert os.path.basename(path) == (name or "model.json")
        assert model.meta.filename == name


def test_a_stored_model_opens_once_and_shows_its_name_unopened(tmp_path):
    folder = PrivateFolder()
    path = save_aside(steps.Model("m.json", 3.0), folder.path, ".json")
    stored = Stored(path, "m.json", folder, steps.open_model)
    assert stored.meta.filename == "m.json"
    assert not stored.is_open
    assert stored.value == 3
    assert stored.open() is stored.open()
    assert is_model(stored.open())
    del stored
    assert not os.path.exists(path)


def test_classes_and_numbers_are_no_models():
    assert not any(map(is_model, (steps.Model, 1, "text", None, [steps.Model()], steps.Base)))


def test_surroundings_can_be_sent_and_entered(workdir, monkeypatch):
    monkeypatch.setenv("STPIPE_TEST_VARIABLE", "before")
    logger = logging.getLogger("stpipe.test.surroundings")
    before = Surroundings.now()
    monkeypatch.setenv("STPIPE_TEST_VARIABLE", "after")
    monkeypatch.setenv("STPIPE_TEST_OTHER", "new")
    logger.setLevel(5)
    after = pickle.loads(pickle.dumps(Surroundings.now()))
    assert after.levels["stpipe.test.surroundings"] == 5
    try:
        before.enter()
        assert os.environ["STPIPE_TEST_VARIABLE"] == "before"
        assert "STPIPE_TEST_OTHER" not in os.environ
        after.enter()
        assert os.environ["STPIPE_TEST_OTHER"] == "new"
        assert logger.level == 5
        before.enter()
        assert logger.level == logging.NOTSET
    finally:
        before.enter()


def test_a_logger_of_another_class_is_left_to_its_package():
    class Own(logging.Logger):
        pass

    logger = Own("stpipe_test_own")
    logger.setLevel(7)
    logging.root.manager.loggerDict["stpipe_test_own"] = logger
    try:
        now = Surroundings.now()
    finally:
        del logging.root.manager.loggerDict["stpipe_test_own"]
    now.enter()
    assert "stpipe_test_own" not in logging.root.manager.loggerDict


def test_an_executor_in_a_script_without_a_guard_says_what_to_write(monkeypatch):
    from multiprocessing import current_process

    monkeypatch.setattr(current_process(), "_inheriting", True, raising=False)
    with pytest.raises(RuntimeError, match="__main__"):
        stpipe.run(steps.Add, steps.Model("m"), executor="processes")
    assert "under a guard" in GUARD


def test_an_executor_can_mind_more_than_the_number_of_tasks(workdir):
    most = []

    class OneAtATime(ProcessExecutor):
        def has_room(self, under_way: Any) -> bool:
            most.append(len(under_way))
            return not under_way

    for value in (1, 2, 3):
        Path(f"v{value}.json").write_text(f'{{"value": {value}}}')
    runner = stpipe.run(steps.Value, [f"v{value}.json" for value in (1, 2, 3)], executor=OneAtATime(4))
    assert list(runner.result.values()) == [1, 2, 3]
    assert max(most) == 1


def test_a_killed_forkserver_is_started_again(workdir):
    model = steps.Model("m", 1.0)
    first = stpipe.run(steps.Looks, model, executor="processes").result["pid"]
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
    time.sleep(0.05)
    second = stpipe.run(steps.Looks, model, executor="processes").result["pid"]
    assert second != first
