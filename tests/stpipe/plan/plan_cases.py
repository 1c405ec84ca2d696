"""Steps, functions and files of the tests of plans; tests get this module by the fixture ``cases``."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stpipe import Callback, Param, Skip, Step

__all__ = [
    "CALLS",
    "Add",
    "Beside",
    "Both",
    "Fails",
    "Flaky",
    "Model",
    "Multiply",
    "Names",
    "Needy",
    "Never",
    "Skips",
    "write",
]

CALLS: list[tuple[str, str]] = []


class Model:
    """Data model by protocol; a file holds its value as JSON."""

    crds_observatory = "fake"

    def __init__(self, filename: str | None, value: float) -> None:
        self.meta = SimpleNamespace(filename=filename, cal_step=SimpleNamespace())
        self.value = value

    def get_crds_parameters(self) -> dict[str, Any]:
        """Parameters that references are chosen by."""
        return {"meta.instrument.name": "FAKE", "meta.value": self.value}

    def save(self, path: str, **_: object) -> str:
        """Write the value, and take on the name."""
        self.meta.filename = os.path.basename(path)
        Path(path).write_text(json.dumps({"value": self.value}))
        return path

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def write(path: str, value: float = 1.0) -> str:
    """Write an exposure; return its path."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps({"value": value}))
    return path


class Base(Step):
    """What the steps have in common."""

    output_ext = Param(".fits", "extension")

    @classmethod
    def _datamodels_open(cls, init: Any, **_: object) -> Any:
        if isinstance(init, Model):
            return init
        return Model(os.path.basename(init), json.loads(Path(init).read_text())["value"])

    def remove_suffix(self, name: str) -> tuple[str, str]:
        """Strip a suffix that one of the steps has put there."""
        stem, separator, suffix = name.rpartition("_")
        return (stem, "_") if separator and suffix in ("uncal", "add", "multiply", "both") else (name, "_")

    def opened(self, init: Any) -> Any:
        """Open an input, and note that the step was called."""
        model = self.open_model(init)
        CALLS.append((type(self).__name__, model.meta.filename))
        return model


class Add(Base):
    """Adds to the value."""

    class_alias = "add"
    amount = Param(1.0, "what to add")

    def process(self, init: Any) -> Any:
        """Return a new model."""
        model = self.opened(init)
        return Model(model.meta.filename, model.value + self.amount)


class Multiply(Base):
    """Multiplies the value."""

    class_alias = "multiply"
    factor = Param(2.0, "by what to multiply")

    def process(self, init: Any) -> Any:
        """Return a new model."""
        model = self.opened(init)
        return Model(model.meta.filename, model.value * self.factor)


class Both(Base):
    """Returns two models, and writes a third one if it saves."""

    class_alias = "both"

    def process(self, init: Any) -> Any:
        """Return a list."""
        model = self.opened(init)
        self.save_model(Model(model.meta.filename, 0.0), suffix="beside")
        return [Model(model.meta.filename, model.value + number) for number in (1, 2)]

    def planned_products(self, parameters: Any) -> list[str]:
        """Return the path beside, then those of the result."""
        from stpipe.outputs import planned_paths

        return [self.planned_path(suffix="beside"), *planned_paths(self, 2)] if self.save_results else []


class Beside(Base):
    """Hands on the model, and always writes another one."""

    class_alias = "beside"

    def process(self, init: Any) -> Any:
        """Save a model."""
        model = self.opened(init)
        self.save_model(Model(model.meta.filename, -1.0), suffix="beside", force=True)
        return model

    def planned_products(self, parameters: Any) -> list[str]:
        """Return the path beside, and that of the result."""
        return [self.planned_path(suffix="beside"), *super().planned_products(parameters)]


class Needy(Base):
    """Wants a reference."""

    class_alias = "needy"
    reference_file_types = ["dark"]

    def process(self, init: Any) -> Any:
        """Add what the reference holds."""
        model = self.opened(init)
        return Model(model.meta.filename, model.value + len(Path(self.get_reference_file(model, "dark")).read_text()))


class Skips(Base):
    """Has nothing to do."""

    class_alias = "skips"

    def process(self, init: Any) -> Any:
        """Say so."""
        self.opened(init)
        raise Skip("not for this exposure")


class Never(Base):
    """Knows beforehand that it has nothing to do for values below a limit."""

    class_alias = "never"
    limit = Param(100.0, "values below it stay")

    @classmethod
    def will_change(cls, header: Any, parameters: Any) -> bool | None:
        """Tell from the header."""
        return None if header["meta.value"] >= parameters["limit"] else False

    def process(self, init: Any) -> Any:
        """Say so again."""
        self.opened(init)
        raise Skip("not for this exposure")


class Fails(Base):
    """Fails for exposures whose name starts with one of ``bad``."""

    class_alias = "fails"
    bad = Param("a", "first letters")
    pause = Param(0.0, "seconds")

    def process(self, init: Any) -> Any:
        """Fail, or hand on the model."""
        model = self.opened(init)
        time.sleep(self.pause)
        if model.meta.filename[0] in self.bad:
            raise RuntimeError(f"cannot do {model.meta.filename}")
        return model


class Flaky(Base):
    """Fails the first ``fails`` times."""

    class_alias = "flaky"
    fails = Param(2, "how often")
    error = Param("ValueError", "which error")

    def process(self, init: Any) -> Any:
        """Fail, or count."""
        model = self.opened(init)
        tries = sum(name == model.meta.filename for _, name in CALLS)
        if tries <= self.fails:
            raise {"ValueError": ValueError, "KeyError": KeyError, "OSError": OSError}[self.error](f"try {tries}")
        return Model(model.meta.filename, float(tries))


class Names(Callback):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name in ("told", "of"):
            return object.__getattribute__(self, name)
        return lambda run, *rest: self.told.append((name, *map(str, rest)))

    def of(self, *names: str) -> list[tuple[Any, ...]]:
        """Return what it was told of these events."""
        return [one for one in self.told if one[0] in names]
