"""Steps and functions that the tests of runs use; they are in the importable module ``stpipe_test_run_steps``."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stpipe import Param, Pipeline, Skip, Step
from stpipe.cancel import checkpoint

__all__ = [
    "Base", "Chatty", "Fails", "Mixed", "Plus", "Skips", "Twice", "Works", "add", "best_time", "fail", "folder_of",
    "loop", "sleep",
]  # fmt: skip


class Base(Step):
    """What plain steps of the tests have in common."""

    output_ext = Param(".fits", "extension")


class Plus(Base):
    """Adds to a number."""

    amount = Param(1, "what to add")

    def process(self, value: Any) -> Any:
        """Add."""
        return value + self.amount


class Mixed(Base):
    """Fails for some models."""

    spec = "bad = string(default='b_rate.fits')"

    def process(self, model: Any) -> Any:
        """Log, store a fact, and fail or return the model."""
        logging.getLogger("stpipe.test").info("at work on %s", model.meta.filename)
        self.store_fact("value", model.value)
        if model.meta.filename == self.bad:
            raise ValueError("<no>")
        return model


def folder_of(runner: Any) -> Path:
    """Return the artifacts of a run."""
    return Path(runner.artifacts)


class Twice(Pipeline):
    """Adds twice."""

    output_ext = Param(".fits", "extension")
    step_defs = {"first": Plus, "second": Plus}

    def process(self, value: Any) -> Any:
        """Add and add."""
        return self.second.run(self.first.run(value))


class Fails(Base):
    """Raises."""

    text = Param("no", "message")

    def process(self, value: Any) -> Any:
        """Raise."""
        raise ValueError(self.text)


class Skips(Base):
    """Has nothing to do."""

    def process(self, value: Any) -> Any:
        """Raise Skip."""
        raise Skip("empty")


class Chatty(Base):
    """Prints, logs and stores a fact."""

    times = Param(1, "how often", ge=0)

    def process(self, value: Any) -> Any:
        """Print and log."""
        log = logging.getLogger("stpipe.test")
        for number in range(self.times):
            print(f"printed {number} of {value}")
            log.info("logged %d of %s", number, value)
            log.error("wrong %d of %s", number, value)
        self.store_fact("times", self.times)
        return value + 1


class Works(Base):
    """Tells how far it is."""

    total = Param(3, "how often")
    pause = Param(0.0, "seconds between")

    def process(self, value: Any) -> Any:
        """Tell."""
        for done in range(self.total):
            time.sleep(self.pause)
            self.progress(done, self.total, "rows")
        return value


def add(value: Any, *, amount: int = 1) -> Any:
    """Add."""
    return value + amount


def fail(value: Any = None, *, text: str = "no") -> Any:
    """Raise."""
    raise ValueError(text)


def loop(value: Any = None, *, seconds: float = 10.0) -> Any:
    """Work for some time, with a checkpoint every 5 ms."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        time.sleep(0.005)
        checkpoint()
    return value


async def sleep(value: Any = None, *, seconds: float = 10.0) -> Any:
    """Wait as a coroutine."""
    await asyncio.sleep(seconds)
    return value


def best_time(call: Callable[[], Any], times: int = 200, rounds: int = 5) -> float:
    """Return the least seconds that one of many calls has taken on average."""
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(times):
            call()
        found.append((time.perf_counter() - started) / times)
    return min(found)
