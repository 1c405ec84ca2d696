"""A model library of small models in JSON files; tests get this module by the fixture ``library_fakes``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stpipe import Param, Pipeline, Step
from stpipe.library import AbstractModelLibrary, NoGroupID

__all__ = ["FakeLibrary", "LibraryModel", "LibraryPipeline", "LibraryStep", "write_association"]


class LibraryModel:
    """Data model by protocol: a value and metadata, all of which ``save`` writes."""

    crds_observatory = "fake"

    def __init__(self, filename: str | None = None, value: int = 0, **meta: Any) -> None:
        self.meta = SimpleNamespace(filename=filename, cal_step=SimpleNamespace(), **meta)
        self.value = value
        self.closed = False
        self.fail: Exception | None = None

    def content(self) -> dict[str, Any]:
        """Everything the model knows."""
        return {"value": self.value, "meta": {**vars(self.meta), "cal_step": dict(vars(self.meta.cal_step))}}

    def get_crds_parameters(self) -> dict[str, Any]:
        """Parameters that references are chosen by."""
        return {"meta.filename": self.meta.filename, "value": self.value}

    def save(self, path: str) -> str:
        """Write JSON; like the real ones, record the name."""
        self.meta.filename = os.path.basename(path)
        if self.fail:
            Path(path).write_text("half")
            raise self.fail
        Path(path).write_text(json.dumps(self.content()))
        return path

    def close(self) -> None:
        """Note that the model is closed."""
        self.closed = True


class FakeLibrary(AbstractModelLibrary):
    """Library of `LibraryModel`; ``opened`` lists what was opened, by all libraries together."""

    opened: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012

    def contents(self) -> list[dict[str, Any]]:
        """Everything that every model knows."""
        return list(self.map_function(lambda model, _: model.content(), modify=False))

    @property
    def crds_observatory(self) -> str:
        """Name of an observatory."""
        return "fake"

    def _datamodels_open(self, filename: Any, **kwargs: Any) -> LibraryModel:
        self.opened.append((os.fspath(filename), kwargs))
        if "://" in os.fspath(filename):
            return LibraryModel("remote.json")
        content = json.loads(Path(filename).read_text())
        meta = content["meta"]
        cal_step = meta.pop("cal_step")
        model = LibraryModel(value=content["value"])
        vars(model.meta).update(meta)
        vars(model.meta.cal_step).update(cal_step)
        return model

    def _load_asn(self, asn_path: str) -> dict[str, Any]:
        return json.loads(Path(asn_path).read_text())

    def _filename_to_group_id(self, filename: str) -> str:
        if "://" in filename:
            raise NoGroupID(filename)
        return self._group_id_of(json.loads(Path(filename).read_text())["meta"])

    def _model_to_group_id(self, model: LibraryModel) -> str:
        return self._group_id_of(vars(model.meta))

    @staticmethod
    def _group_id_of(meta: dict[str, Any]) -> str:
        if not meta.get("group_id"):
            raise NoGroupID("nothing there")
        return meta["group_id"]


def write_association(folder: Path, members: Iterable[Any], name: str = "x_asn.json", **keys: Any) -> Path:
    """Write models ``a.json``, ``b.json`` … and an association of them; a member is its exptype or a dict."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for number, member in enumerate(members):
        file_name = f"{'abcdefgh'[number]}.json"
        LibraryModel(value=number).save(str(folder / file_name))
        details = {"exptype": member} if isinstance(member, str) else member
        listed.append({"expname": file_name, "exptype": "science", **details})
    path = folder / name
    path.write_text(json.dumps({**keys, "products": [{"name": "prod", "members": listed}]}))
    return path


class LibraryStep(Step):
    """Adds one to the value of each member of a library that is made of the input, unless it is one."""

    class_alias = "library_step"
    output_ext = Param(".json", "extension")
    on_disk = Param(False, "keep the models on disk")
    asn_id = Param(None, "part of the names", type=str)

    def remove_suffix(self, name: str) -> tuple[str, str]:
        """Strip ``_rate``."""
        return name.removesuffix("_rate"), "_"

    @classmethod
    def _get_crds_parameters(cls, dataset: Any) -> tuple[dict[str, Any], str]:
        return {}, "fake"

    def process(self, init: Any) -> Any:
        """Return the library."""
        library = init if isinstance(init, FakeLibrary) else FakeLibrary(init, on_disk=self.on_disk)
        if self.asn_id:
            self.set_output_component("asn_id", self.asn_id)
        with library:
            for model in library:
                model.value += 1
                library.shelve(model)
        return library

    def finalize_result(self, result: Any, reference_files_used: list) -> None:
        """Note the name of the step and the references in a model."""
        result.meta.finalized = [self.name, *map(list, reference_files_used)]


class LibraryPipeline(Pipeline):
    """Passes a library through two steps."""

    class_alias = "library_pipeline"
    output_ext = Param(".json", "extension")
    on_disk = Param(False, "keep the models on disk")
    step_defs = {"a": LibraryStep, "b": LibraryStep}

    def process(self, init: Any) -> Any:
        """Return the library."""
        library = FakeLibrary(init, on_disk=self.on_disk)
        return self.b.run(self.a.run(library))
