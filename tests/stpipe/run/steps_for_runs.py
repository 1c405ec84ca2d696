"""Small steps and functions that worker processes can import, for tests of runs."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from stpipe import Param, Pipeline, Skip, Step
from stpipe.facts import store_fact

log = logging.getLogger("stpipe.test")


class Model:
    """Data model by protocol: a name and a number, saved as JSON."""

    crds_observatory = "test"

    def __init__(self, filename: str | None = None, value: float = 0.0, note: str = "") -> None:
        self.meta = SimpleNamespace(filename=filename, cal_step=SimpleNamespace())
        self.value = value
        self.note = note

    def get_crds_parameters(self) -> dict[str, Any]:
        return {}

    def save(self, path: str, dir_path: str | None = None, **_: object) -> str:
        path = os.path.join(dir_path or "", path)
        self.meta.filename = os.path.basename(path)
        content = {"value": self.value, "note": self.note, "cal_step": vars(self.meta.cal_step)}
        Path(path).write_text(json.dumps(content))
        return path


def open_model(init: Any) -> Any:
    """Open a path; a model stays itself."""
    if isinstance(init, Model):
        return init
    content = json.loads(Path(init).read_text())
    model = Model(os.path.basename(init), content["value"], content.get("note", ""))
    vars(model.meta.cal_step).update(content.get("cal_step", {}))
    return model


class Base(Step):
    """Opens its input, and adds."""

    class_alias = "add"
    output_ext = Param(".json", "extension")
    amount = Param(1, "what to add")
    maximum_cores = Param("1", "cores")

    @classmethod
    def _datamodels_open(cls, init: Any, **_: object) -> Any:
        return open_model(init)

    @classmethod
    def _read_header(cls, path: str) -> Any:
        return {}

    def process(self, init: Any) -> Any:
        model = self.open_model(init)
        log.info("adding %s", self.amount)
        self.act(model)
        return Model(model.meta.filename, model.value + self.amount, model.note)

    def act(self, model: Model) -> None:
        """Do what subclasses are for."""


class Add(Base):
    """Adds, prints, warns, stores a fact, tells of progress; skips a value of 3, fails on 4."""

    def act(self, model: Model) -> None:
        if model.note == "slow":
            time.sleep(0.2)
        print(f"value {model.value:g}")
        print("trouble", file=sys.stderr)
        warnings.warn("watch out", RuntimeWarning, stacklevel=1)
        store_fact("Value", model.value, target=str(model.meta.filename))
        self.progress(1, 2)
        if model.value == 3:
            raise Skip("three")
        if model.value == 4:
            raise ValueError("four")


class Extra(Base):
    """Adds the value of a reference."""

    class_alias = "extra"
    reference_file_types = ["extra"]

    def process(self, init: Any) -> Any:
        model = super().process(init)
        model.value += self.get_ref_override("extra").value
        return model


class Two(Pipeline):
    """Adds twice."""

    class_alias = "two"
    output_ext = Param(".json", "extension")
    step_defs = {"first": Add, "second": Add}

    _datamodels_open = Base._datamodels_open
    _read_header = Base._read_header

    def process(self, init: Any) -> Any:
        return self.second.run(self.first.run(init))


class Odd(Base):
    """Does something odd with the value 2 only."""

    class_alias = "odd"
    how = Param("", "what")
    seconds = Param(30.0, "for how long")

    def act(self, model: Model) -> None:
        if model.value == 2 or self.how.endswith("always"):
            getattr(self, self.how.removesuffix("_always"))()

    def kill(self) -> None:
        print("last words")
        log.info("dying")
        os.kill(os.getpid(), signal.SIGKILL)

    def leave(self) -> None:
        os._exit(3)

    def exits(self) -> None:
        sys.exit("enough")

    def memory(self) -> None:
        np.ones(1 << 48, np.uint8)

    def takes(self) -> None:
        np.ones(80_000_000, np.uint8)

    def sleep(self) -> None:
        time.sleep(self.seconds)

    def note(self) -> None:
        """Write the number of the process into a file, then sleep."""
        with open("pids", "a") as file:
            file.write(f"{os.getpid()}\n")
        self.sleep()

    def checks(self) -> None:
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            self.checkpoint()
            time.sleep(0.01)

    def stubborn(self) -> None:
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            try:
                time.sleep(0.05)
            except BaseException:  # noqa: S112
                continue

    def once(self) -> None:
        """Sleep in the first attempt; a file tells that there was one."""
        if not os.path.exists("been"):
            Path("been").touch()
            self.sleep()

    def crash_once(self) -> None:
        if not os.path.exists("been"):
            Path("been").touch()
            self.kill()

    def strange(self) -> None:
        raise Strange(1, "two")

    def local(self) -> None:
        class Local(Exception):
            pass

        raise Local("only here")

    def chatter(self) -> None:
        print("x" * 5_000_000)

    def flood(self) -> None:
        for number in range(2000):
            self.progress(number, 2000)

    def cores(self) -> None:
        from stpipe.executors.worker import cores_allowed

        print("cores", cores_allowed(self.maximum_cores))

    def write(self) -> None:
        """Be killed while a product is being written."""
        from stpipe.atomic import write_atomically

        def write(path: str) -> None:
            Path(path).write_text("half")
            Path("writing").touch()
            time.sleep(self.seconds)

        write_atomically(os.path.join("out", "product.json"), write)


class OddPipeline(Two):
    """Adds, then does something odd."""

    class_alias = "odd_pipeline"
    step_defs = {"first": Add, "second": Odd}


class Strange(Exception):
    """An error whose constructor takes what it does not keep."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(f"{number} {text}")
        self.number = number


class NoPickle:
    """Cannot be pickled."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def value_of(model: Any) -> float:
    """Return the value of a model or file."""
    return open_model(model).value


def with_value(model: Any, *, numbers: list[int]) -> Any:
    """Return the value of a model or file, and what was given."""
    return value_of(model), numbers


def unsendable(model: Any) -> Any:
    """Return what cannot be sent."""
    return NoPickle()


def make_model() -> Any:
    """Return a model."""
    return Model("made.json", 7.0)


class Looks(Base):
    """Returns what a step sees of its process."""

    class_alias = "looks"

    def process(self, init: Any) -> Any:
        return surroundings()


class Several(Base):
    """Returns two models."""

    class_alias = "several"

    def process(self, init: Any) -> Any:
        model = open_model(init)
        return [Model(model.meta.filename, model.value), Model(model.meta.filename, model.value + 1)]


class Value(Base):
    """Returns a number."""

    class_alias = "value"

    def process(self, init: Any) -> Any:
        return open_model(init).value


def surroundings() -> dict[str, Any]:
    """Return what a step sees of its process."""
    return {
        "folder": os.getcwd(),
        "variable": os.environ.get("STPIPE_TEST_VARIABLE"),
        "crds": os.environ.get("CRDS_CONTEXT"),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "level": logging.getLogger("stpipe.test.level").getEffectiveLevel(),
        "pid": os.getpid(),
    }


def is_six(result: Any) -> bool:
    """Whether a result is 6 or more, the second time."""
    Path("asked").write_text(Path("asked").read_text() + "x" if os.path.exists("asked") else "x")
    return len(Path("asked").read_text()) > 1


TIMES = {"duration", "rss_max", "pid", "parameters"}


def story(runner: Any, target: str) -> list[Any]:
    """Events of a target without what differs from run to run; parents by the step that they belong to."""
    found, names = [], {}
    for event in runner.target_events(target):
        names[event.uuid] = event.step
        data = {key: value for key, value in event.event_data.items() if key not in TIMES}
        data["outputs"] = [os.path.basename(path) for path in data.get("outputs", ())]
        found.append((event.event, event.step, names.get(event.parent_uuid), data))
    return found
