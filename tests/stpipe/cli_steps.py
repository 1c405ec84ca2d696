"""Steps for tests of the command line and of hooks; found by their dotted paths."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

from stpipe import Param, Pipeline, Step
from stpipe.exceptions import StpipeExitException

__all__ = ["CALLS", "Chain", "Clash", "Failing", "Model", "Named", "Needy", "Scale", "add_one", "note"]

CALLS: list[tuple[Any, ...]] = []


class Model:
    """Data model by protocol; its content is a number."""

    crds_observatory = "jwst"

    def __init__(self, value: float = 1.0, filename: str | None = "jw01_rate.fits") -> None:
        self.value = value
        self.meta = SimpleNamespace(filename=filename, cal_step=SimpleNamespace())

    def get_crds_parameters(self) -> dict[str, Any]:
        return {"meta.instrument.name": "NIRCAM"}

    def save(self, path: str, **_: object) -> str:
        with open(path, "w") as stream:
            stream.write(f"{self.value}\n")
        return path


class Scale(Step):
    """Multiply a model."""

    class_alias = "scale"
    output_ext = Param(".fits", "Extension")
    factor = Param(2.0, "Factor to multiply by", ge=0, unit="DN")
    label = Param(None, "A text", type=str)
    names = Param([], "Some names", type=list[str])
    fast = Param(False, "Be fast")
    rounds = Param(None, "Number of rounds", type=int)

    def process(self, *args: Any) -> Any:
        CALLS.append((self.name, self.factor, self.label, self.names, self.fast, self.rounds, args))
        if args and isinstance(args[0], Model):
            return Model(args[0].value * self.factor)
        return Model(self.factor) if args and args[0] == "make" else None


class Chain(Pipeline):
    """Multiply twice."""

    output_ext = Param(".fits", "Extension")
    step_defs: ClassVar = {"first": Scale, "second": Scale}

    def process(self, value: Any) -> Any:
        self.first.run(value)
        return self.second.run(value)


class Failing(Step):
    """Fail in the way that the input says."""

    output_ext = Param(".fits", "Extension")
    errors: ClassVar = {
        "exit": StpipeExitException(64, "no data on detector"),
        "bug": KeyError("a bug"),
        "file": OSError("the disk is full"),
        "interrupt": KeyboardInterrupt(),
    }

    def process(self, word: str) -> None:
        raise self.errors[word]


class Clash(Step):
    """Has a parameter that is called like an option of strun."""

    output_ext = Param(".fits", "Extension")
    debug = Param(False, "Not that debug")

    def process(self, *args: Any) -> None:
        """Do nothing."""


class Needy(Step):
    """Uses a reference."""

    output_ext = Param(".fits", "Extension")
    reference_file_types: ClassVar = ["gain"]

    def process(self, *args: Any) -> None:
        """Do nothing."""


class Named(Step):
    """A hook with a name and a parameter."""

    class_alias = "named"
    number = Param(1, "A number")

    def process(self, *args: Any) -> Any:
        CALLS.append((self.name, self.qualified_name, self.parent and self.parent.name, self.number, args))


def add_one(model: Model) -> Model:
    """Model with a value greater by one."""
    return Model(model.value + 1)


def note(*args: Any) -> None:
    """Remember the arguments, give nothing."""
    CALLS.append(("note", args))
