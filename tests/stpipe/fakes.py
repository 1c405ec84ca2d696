"""Small models, containers and steps for tests of the framework; tests get this module by the fixture ``fakes``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from stpipe import Param, Pipeline, Step

__all__ = ["FakeContainer", "FakeModel", "FakePipeline", "FakeStep", "Lists", "S1", "Two", "read"]

SUFFIXES = ("rate", "cal", "special2", "s1", "a", "b")


class FakeModel:
    """Data model by protocol only; ``save`` writes JSON and, like the real ones, records the name it is saved under.

    ``fail`` (an exception) is raised by ``save`` after half of the file has been written.
    """

    crds_observatory = "fake"

    def __init__(self, filename: str | None = None, value: float = 0.0) -> None:
        self.meta = SimpleNamespace(filename=filename, cal_step=SimpleNamespace())
        self.value = value
        self.fail: Exception | None = None

    def get_crds_parameters(self) -> dict[str, Any]:
        """Parameters that references are chosen by."""
        return {"META.INSTRUMENT.NAME": "FAKE"}

    def save(self, path: str, dir_path: str | None = None, **_: object) -> str:
        """Write ``{"filename": …, "value": …, "cal_step": …}``."""
        path = os.path.join(dir_path or "", path)
        self.meta.filename = os.path.basename(path)
        with open(path, "w") as file:
            file.write("{")
            if self.fail:
                raise self.fail
            content = {"filename": self.meta.filename, "value": self.value, "cal_step": vars(self.meta.cal_step)}
            file.write(json.dumps(content)[1:])
        return path

    def __enter__(self) -> FakeModel:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class FakeContainer(Sequence):
    """Sequence of models with the ``save`` of a model container."""

    crds_observatory = "fake"

    def __init__(self, models: Iterable[FakeModel]) -> None:
        self.models = list(models)

    def __getitem__(self, index: Any) -> Any:
        return self.models[index]

    def __len__(self) -> int:
        return len(self.models)

    def __iter__(self) -> Iterator[FakeModel]:
        return iter(self.models)

    def get_crds_parameters(self) -> dict[str, Any]:
        """Containers have none of their own."""
        raise NotImplementedError

    def save(self, path: str | None = None, save_model_func: Callable[..., str] | None = None) -> list[str]:
        """Save each model by ``save_model_func(model, idx=idx)``."""
        assert save_model_func is not None
        return [save_model_func(model, idx=idx) for idx, model in enumerate(self.models)]


def open_fake(init: Any) -> Any:
    """Open a path (JSON or nothing in it), a list of paths or models, or a ``*_asn.json`` with a list of names."""
    if isinstance(init, list | tuple):
        return FakeContainer(open_fake(item) for item in init)
    if isinstance(init, FakeModel | FakeContainer):
        return init
    path = os.fspath(init)
    with open(path) as file:
        text = file.read()
    if path.endswith("_asn.json"):
        return FakeContainer(FakeModel(name) for name in json.loads(text))
    return FakeModel(os.path.basename(path), json.loads(text)["value"] if text else 0.0)


def read(path: Any) -> dict[str, Any]:
    """Content of a saved model."""
    with open(path) as file:
        return json.load(file)


class MissionMixin:
    """What a mission layer adds: an opener, an extension, known suffixes."""

    @classmethod
    def _datamodels_open(cls, init: Any, **_: object) -> Any:
        return open_fake(init)

    def remove_suffix(self, name: str) -> tuple[str, str]:
        """Strip a known suffix."""
        for suffix in SUFFIXES:
            for separator in "_-":
                if name.endswith(separator + suffix):
                    return name[: -len(suffix) - 1], separator
        return name, "_"


class FakeStep(MissionMixin, Step):
    """Opens its input and adds ``par`` to the value."""

    class_alias = "fake_step"
    output_ext = Param(".fits", "extension")
    par = Param(3, "what to add", ge=0, le=100)

    def process(self, init: Any = None) -> Any:
        """Return a new model, or a container of new models."""
        opened = self.open_model(init)
        if isinstance(opened, FakeContainer):
            return FakeContainer(FakeModel(model.meta.filename, model.value + self.par) for model in opened)
        return FakeModel(opened.meta.filename, opened.value + self.par)


class S1(FakeStep):
    """The step of the table of names."""


class Two(FakeStep):
    """Returns two models."""

    def process(self, init: Any = None) -> Any:
        """Return two models with the name of the input."""
        model = self.open_model(init)
        return FakeModel(model.meta.filename, 1.0), FakeModel(model.meta.filename, 2.0)


class Lists(FakeStep):
    """Returns a plain list of models, named like its input list."""

    def process(self, init: Any = None) -> Any:
        """Return a list."""
        return list(super().process(init))


class FakePipeline(MissionMixin, Pipeline):
    """Runs ``a`` and ``b``."""

    class_alias = "fake_pipeline"
    output_ext = Param(".fits", "extension")
    step_defs = {"a": S1, "b": S1}

    def process(self, init: Any = None) -> Any:
        """Pass a model through both."""
        return self.b.run(self.a.run(init))
