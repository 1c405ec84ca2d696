"""Steps that note in files what they do, for tests of batches; workers can import them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from steps_for_runs import Base, Model, open_model

from stpipe import Param


def write_line(path: str, text: str) -> None:
    """Append a line in one piece."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{text}\n".encode())
    os.close(handle)


class Counted(Base):
    """Notes each run in the file ``runs``, and takes its time."""

    class_alias = "counted"
    seconds = Param(0.0, "for how long", type=float)

    def act(self, model: Model) -> None:
        write_line("runs", str(model.meta.filename))
        time.sleep(self.seconds)


class Sized(Counted):
    """Has an array as large as the value says, and notes how many are at work at once."""

    class_alias = "sized"

    @classmethod
    def _read_header(cls, path: str) -> Any:
        from stpipe.headers import Header

        return Header({}, (int(open_model(path).value), 1000, 1000))

    def act(self, model: Model) -> None:
        write_line("runs", f"+{model.meta.filename}")
        time.sleep(self.seconds)
        write_line("runs", f"-{model.meta.filename}")


class Large(Base):
    """Writes products slowly, in parts, so that a kill finds some half written."""

    class_alias = "large"
    seconds = Param(0.1, "for how long it writes", type=float)

    def process(self, init: Any) -> Any:
        model = open_model(init)
        write_line("runs", str(model.meta.filename))
        return SlowModel(model.meta.filename, model.value + self.amount, seconds=self.seconds)


class SlowModel(Model):
    """Is saved in two parts."""

    def __init__(self, filename: str | None = None, value: float = 0.0, note: str = "", seconds: float = 0.0) -> None:
        super().__init__(filename, value, note)
        self.seconds = seconds

    def save(self, path: str, dir_path: str | None = None, **_: object) -> str:
        place = super().save(path, dir_path)
        whole = Path(place).read_text()
        Path(place).write_text(whole[: len(whole) // 2])
        time.sleep(self.seconds)
        Path(place).write_text(whole)
        return place
