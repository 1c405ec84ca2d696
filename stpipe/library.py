"""A collection of models that are borrowed one at a time, kept in memory or on disk (spec framework.md §17)."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from stpipe.atomic import write_atomically
from stpipe.library_loans import BorrowError, ClosedLibraryError, LendingLibrary, LibraryError, NoGroupID
from stpipe.library_members import (
    expanded,
    first_product,
    free_name,
    member_path,
    plain_copy,
    portable,
    read_only,
    wanted_members,
)
from stpipe.library_store import DiskStore, MemoryStore, name_kept

__all__ = ["AbstractModelLibrary", "BorrowError", "ClosedLibraryError", "LibraryError", "NoGroupID"]


class AbstractModelLibrary(LendingLibrary):
    """Models of an association, to be borrowed and shelved one by one.

    Parameters
    ----------
    init : str, Path, mapping or iterable
        Path of an association (``~`` and ``$VAR`` are expanded); an association, which is copied; models and names of
        files. Members are relative to the folder of the association file, or to the current folder. Only the first
        product is used.
    asn_exptypes : list of str or str, optional
        Only members of these exposure types, compared without case.
    asn_n_members : int, optional
        Only the first members, counted after that choice.
    on_disk : bool, optional
        Keep models that were changed in temporary files instead of in memory.
    temp_directory : str or Path, optional
        Where the folder of the temporary files is made; the current folder by default.
    **datamodels_open_kwargs
        Passed on where a file is opened.

    Raises
    ------
    ValueError
        ``init`` is a library or nothing of these; a list is to be kept on disk; the association has no product, or a
        member without ``expname`` or ``exptype``.

    Notes
    -----
    A library is opened by ``with``; inside the block every model that was borrowed must be shelved again::

        with library:
            model = library.borrow(0)
            ...
            library.shelve(model)

    Blocks may be nested; models are due at the end of the outermost. When it is left, whichever way, all loans end.

    A mission layer provides `crds_observatory`, `_datamodels_open`, `_load_asn`, `_filename_to_group_id` and
    `_model_to_group_id`.
    """

    def __init__(
        self,
        init: Any,
        asn_exptypes: Iterable[str] | str | None = None,
        asn_n_members: int | None = None,
        on_disk: bool = False,
        temp_directory: str | os.PathLike | None = None,
        **datamodels_open_kwargs: Any,
    ) -> None:
        super().__init__(self._disk_store(temp_directory) if on_disk else MemoryStore())
        self._on_disk = bool(on_disk)
        self._open_options = datamodels_open_kwargs
        self._asn_dir = os.getcwd()
        choose = partial(wanted_members, exptypes=asn_exptypes, count=asn_n_members)
        if isinstance(init, str | os.PathLike):
            self._asn = self._file_association(expanded(os.fspath(init)))
            self._members = self._chosen_members(choose)
        elif isinstance(init, Mapping):
            self._asn = plain_copy(init)
            self._members = self._chosen_members(choose)
        elif _is_collection(init):
            if on_disk:
                raise ValueError("on_disk cannot be used for a list of models: they are in memory; give an association")
            self._asn = {"products": [{"members": []}]}
            self._members = self._asn["products"][0]["members"]
            self._take_models(init, choose)
        else:
            raise ValueError(f"Invalid init {init!r}: not an association, the path of one, or a list of models")

    def _file_association(self, path: str) -> dict[str, Any]:
        path = os.path.abspath(path)
        self._asn_dir = os.path.dirname(path)
        return {**plain_copy(self._load_asn(path)), "table_name": os.path.basename(path)}

    def _chosen_members(self, choose: Callable[[list], list]) -> list[dict[str, Any]]:
        """Members of the first product that are wanted, each with a group id; the others leave the association."""
        product = first_product(self._asn)
        product["members"] = choose(product["members"])
        for number, member in enumerate(product["members"], start=1):
            if member.get("group_id") in (None, ""):
                path = member_path(str(member["expname"]), self._asn_dir)
                member["group_id"] = _group_id(self._filename_to_group_id, path, number)
        return product["members"]

    def _take_models(self, items: Iterable[Any], choose: Callable[[list], list]) -> None:
        """Open what is a name, keep the models that are wanted, and describe them as members."""
        opened: list[Any] = []
        try:
            models = [self._opened(item, opened) for item in items]
            described = [self._describe(model, position) for position, model in enumerate(models)]
            self._members.extend(choose(described))
            kept = [models[member.pop("position")] for member in self._members]
            for number, (model, member) in enumerate(zip(kept, self._members), start=1):
                member["group_id"] = _group_id(self._model_to_group_id, model, number)
            for model, member in zip(kept, self._members):
                self._assign_member_to_model(model, dict(member))
        except BaseException:
            _close_all(opened)
            raise
        _close_all(model for model in opened if not any(model is one for one in kept))
        self._store = MemoryStore(kept)

    def _opened(self, item: Any, opened: list[Any]) -> Any:
        if hasattr(item, "meta"):
            return item
        opened.append(self._datamodels_open(item, **self._open_options))
        return opened[-1]

    def _describe(self, model: Any, position: int) -> dict[str, Any]:
        name, kind = self._model_to_filename(model), self._model_to_exptype(model)
        return {"expname": name, "exptype": kind, "position": position}

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        source = self._asn.get("table_name") or "no association file"
        return f"<{type(self).__name__} of {len(self)} models from {source}{', on disk' if self._on_disk else ''}>"

    def finalize_result(self, step: Any, reference_files_used: list[tuple[str, str]]) -> None:
        """Have a step finalize each member as a result of its own."""
        for _ in self.map_function(lambda model, _: step.finalize_result(model, reference_files_used)):
            pass

    @property
    def asn(self) -> Mapping[str, Any]:
        """The association: read-only mappings and tuples, ``table_name`` being the name of its file."""
        return read_only(self._asn)

    @property
    def asn_dir(self) -> str:
        """Folder of the association file, or the one that was the current folder."""
        return self._asn_dir

    @property
    def on_disk(self) -> bool:
        """Whether changed models are kept in temporary files."""
        return self._on_disk

    @property
    def exptypes(self) -> list[str]:
        """Exposure type of each member, as it is written in the association."""
        return [member["exptype"] for member in self._members]

    @property
    def group_names(self) -> set[Any]:
        """Ids of the groups."""
        return set(self.group_indices)

    @property
    def group_indices(self) -> dict[Any, list[int]]:
        """Positions of the members of each group, in order of first appearance."""
        groups: dict[Any, list[int]] = {}
        for index, member in enumerate(self._members):
            groups.setdefault(member["group_id"], []).append(index)
        return groups

    def indices_for_exptype(self, exptype: str) -> list[int]:
        """Positions of the members of one exposure type, compared without case."""
        return [index for index, kind in enumerate(self.exptypes) if str(kind).lower() == exptype.lower()]

    def get_crds_parameters(self) -> Mapping[str, Any]:
        """Parameters of the first science member that references are chosen by; else of the first, with a warning.

        Raises
        ------
        ValueError
            The library is empty.
        """
        return self._crds_parameters_of(self._representative())

    def _crds_parameters_of(self, index: int) -> Mapping[str, Any]:
        model = self._loans[index] if index in self._loans else self._store.loaded(index)
        if model is not None:
            return model.get_crds_parameters()
        model = self._store.take(index, partial(self._load, index))
        parameters = model.get_crds_parameters()
        if self._on_disk:
            _close_all([model])
        return parameters

    def _representative(self) -> int:
        """Position of the member that stands for all: the first science one, else the first."""
        if not self._members:
            raise ValueError(f"{self!r} is empty: it has no CRDS parameters")
        science = self.indices_for_exptype("science")
        if not science:
            self._warn_of_no_science()
        return science[0] if science else 0

    def _warn_of_no_science(self) -> None:
        import warnings

        warnings.warn(_NO_SCIENCE, UserWarning, stacklevel=4)

    def _save(self, path: str | os.PathLike) -> Path:
        """Write all models and ``asn.json``, an association of them, to a folder; return the path of the association.

        Where two models have the same name, the later one gets a number. The models keep their ``meta.filename``.
        """
        import json

        folder = Path(expanded(os.fspath(path)))
        names: list[str] = []
        for _ in self.map_function(partial(self._save_member, folder, names), modify=False):
            pass
        asn = json.dumps(portable(self._asn, names, self._asn_dir), indent=4)
        write_atomically(str(folder / "asn.json"), lambda temporary: Path(temporary).write_text(asn, encoding="utf-8"))
        return folder / "asn.json"

    def _save_member(self, folder: Path, names: list[str], model: Any, _: int) -> None:
        names.append(free_name(self._model_to_filename(model), names))
        with name_kept(model):
            write_atomically(str(folder / names[-1]), model.save)

    def _load(self, index: int, path: str | None) -> Any:
        """Open the file of a member, which takes what the association says, or a file that was written of it."""
        if path is not None:
            return self._datamodels_open(path, **self._open_options)
        model = self._datamodels_open(self._source_path(index), **self._open_options)
        self._assign_member_to_model(model, dict(self._members[index]))
        return model

    def _source_path(self, index: int) -> str:
        """Path of the file that the association names for a member."""
        return member_path(str(self._members[index]["expname"]), self._asn_dir)

    @property
    @abstractmethod
    def crds_observatory(self) -> str:
        """Name of the observatory at the reference service."""

    @abstractmethod
    def _datamodels_open(self, filename: Any, **kwargs: Any) -> Any:
        """Open a model."""

    @abstractmethod
    def _load_asn(self, asn_path: str) -> Mapping[str, Any]:
        """Read an association file."""

    @abstractmethod
    def _filename_to_group_id(self, filename: str) -> Any:
        """Group id of a file, at best without opening it as a model; raises `NoGroupID` where it has none."""

    @abstractmethod
    def _model_to_group_id(self, model: Any) -> Any:
        """Group id of a model; raises `NoGroupID` where it has none."""

    def _disk_store(self, folder: str | os.PathLike | None) -> DiskStore:
        """What keeps changed models in temporary files; a mission may have a cheaper one."""
        return DiskStore(folder)

    def _model_to_filename(self, model: Any) -> str:
        """Name of the file of a model."""
        return getattr(model.meta, "filename", None) or "model.asdf"

    def _model_to_exptype(self, model: Any) -> str:
        """Exposure type of a model that comes from no association."""
        return getattr(model.meta, "exptype", None) or "SCIENCE"

    def _assign_member_to_model(self, model: Any, member: Mapping[str, Any]) -> None:
        """Write what the association says about a member into its metadata."""
        for name in ("group_id", "tweakreg_catalog", "exptype"):
            if name in member:
                setattr(model.meta, name, member[name])
        if not hasattr(model.meta, "asn"):
            model.meta.asn = {}
        model.meta.asn.update(self._table_and_pool())

    def _table_and_pool(self) -> dict[str, Any]:
        """What ``meta.asn`` of every member says of the association itself."""
        names = {"table_name": "table_name", "pool_name": "asn_pool"}
        return {name: self._asn[key] for name, key in names.items() if key in self._asn}


_NO_SCIENCE = (
    "get_crds_parameters failed to find any science members. The first model was used to determine the parameters"
)


def _is_collection(init: object) -> bool:
    """Whether an init is a list of models: no library, and no single model either."""
    if isinstance(init, AbstractModelLibrary | bytes) or hasattr(init, "meta"):
        return False
    return isinstance(init, Iterable)


def _group_id(find: Callable[[Any], Any], source: Any, number: int) -> Any:
    """Group id of a file or model, or one made of its number among the members."""
    try:
        return find(source)
    except NoGroupID:
        return f"exposure{number:04d}"


def _close_all(models: Iterable[Any]) -> None:
    for model in models:
        close = getattr(model, "close", None)
        if close is not None:
            close()
