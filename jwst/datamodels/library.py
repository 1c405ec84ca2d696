"""`ModelLibrary`: the exposures of an association, borrowed one at a time (spec jwst_base.md §9)."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from jwst.datamodels.plane_store import PlaneStore
from jwst.datamodels.utils import attrs_to_group_id
from stpipe.library import AbstractModelLibrary, BorrowError, NoGroupID
from stpipe.library_store import DiskStore

__all__ = ["ModelLibrary"]

log = logging.getLogger(__name__)


class ModelLibrary(AbstractModelLibrary):
    """The exposures of an association, in memory or, when they are too many, in temporary files.

    Parameters, errors and use are those of `stpipe.library.AbstractModelLibrary`. Each model that is opened gets
    ``meta.asn.exptype``, ``.table_name`` and ``.pool_name``, ``meta.group_id`` and ``meta.tweakreg_catalog`` where the
    association gives them.

    Parameters
    ----------
    init, *args, **kwargs
        As for the base class.
    allow_outside : bool, optional
        Accept members whose relative name (``../x.fits``) leads out of the folder of the association file. A full path
        is accepted always.

    Raises
    ------
    AssociationNotValidError
        The name of a member leads out of the folder of the association file; the text says what to do.
    InputError
        The file of a member cannot be read.
    """

    def __init__(self, init: Any, *args: Any, allow_outside: bool = False, **kwargs: Any) -> None:
        self._allow_outside = allow_outside
        self._metadata_read: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        super().__init__(init, *args, **kwargs)

    @property
    def crds_observatory(self) -> str:
        """CRDS name of the telescope."""
        return "jwst"

    def read_metadata(self, idx: int, flatten: bool = True) -> dict[str, Any]:
        """Read the metadata of a member that is not borrowed, without opening it as a model.

        Parameters
        ----------
        idx : int
            Position; the library need not be open.
        flatten : bool, optional
            True: dotted names (``"meta.observation.date"``) to texts and numbers. False: nested dicts and lists.

        Returns
        -------
        dict
            What a borrowed model would say, with neither arrays nor WCS nor log lines.

        Raises
        ------
        BorrowError
            The member is borrowed: ask the model.
        IndexError
            There is no such member.
        """
        from jwst.datamodels.metadata import flat_metadata

        index = self._position(idx)
        if index in self._loans:
            raise BorrowError(f"Attempt to read metadata from model {index} that is already borrowed: ask the model.")
        model = self._store.loaded(index)
        tree = self._file_metadata(index) if model is None else _model_metadata(model)
        return flat_metadata(tree) if flatten else tree

    def _file_metadata(self, index: int) -> dict[str, Any]:
        """Metadata from the file of the store, or from the member's own with what the association adds."""
        changed = self._store.path(index)
        tree = self._changed_metadata(index)
        if tree is not None:
            changed = ""
        else:
            tree = self._stored_metadata(index, changed or self._source_path(index))
        meta = tree.setdefault("meta", {})
        if changed is None:
            given = self._member_metadata(self._members[index])
            meta["asn"] = {**meta.get("asn", {}), **given.pop("asn")}
            meta.update(given)
        meta["filename"] = self._store.file_name(index, meta.get("filename"))
        tree["meta"] = {name: value for name, value in meta.items() if value is not None}
        return tree

    def _changed_metadata(self, index: int) -> dict[str, Any] | None:
        """Metadata of a changed member whose arrays alone are in files."""
        import copy

        store = self._store
        if not isinstance(store, PlaneStore) or (revision := store.revision(index)) is None:
            return None
        known = self._metadata_read.get(index)
        if known is None or known[0] != (revision,):
            from jwst.datamodels.metadata import plain_metadata

            known = self._metadata_read[index] = ((revision,), plain_metadata(store.tree(index)))
        return copy.deepcopy(known[1])

    def _stored_metadata(self, index: int, path: str) -> dict[str, Any]:
        """Metadata in a file, which is read again where it is another one than the last time."""
        import copy

        from jwst.datamodels.metadata import read_file_metadata

        state = os.stat(path)
        key = (path, state.st_ino, state.st_mtime_ns, state.st_size)
        known = self._metadata_read.get(index)
        if known is None or known[0] != key:
            known = self._metadata_read[index] = (key, read_file_metadata(path))
        return copy.deepcopy(known[1])

    def _crds_parameters_of(self, index: int) -> dict[str, Any]:
        from jwst.datamodels.metadata import flat_metadata

        if index in self._loans:
            return flat_metadata(_model_metadata(self._loans[index]))
        return self.read_metadata(index)

    def _warn_of_no_science(self) -> None:
        log.warning(
            "get_crds_parameters failed to find any science members. "
            "The first model was used to determine the parameters"
        )

    def _disk_store(self, folder: str | os.PathLike | None) -> DiskStore:
        return PlaneStore(folder)

    def _datamodels_open(self, filename: Any, **kwargs: Any) -> Any:
        from jwst.datamodels.fast_fits import open_any, open_lazily

        if self.on_disk and not kwargs:
            return open_lazily(filename)
        return open_any(filename, **kwargs)

    def _load_asn(self, asn_path: str) -> dict[str, Any]:
        from jwst.datamodels.asn_file import read_association

        association = read_association(asn_path)
        if not self._allow_outside:
            self.refuse_outside(association, asn_path)
        return association

    @staticmethod
    def refuse_outside(association: Mapping[str, Any], path: str | os.PathLike) -> None:
        """Refuse an association that names members outside of the folder of its file by a relative name.

        Parameters
        ----------
        association : mapping
            The content of the file.
        path : str or Path
            The file.

        Raises
        ------
        AssociationNotValidError
            The text names each of these members.
        """
        from jwst.associations.exceptions import AssociationNotValidError
        from jwst.associations.load_asn import outside_members

        found = list(outside_members(association, os.path.dirname(os.path.abspath(path))))
        if found:
            raise AssociationNotValidError(
                f"{os.fspath(path)} is not valid: {'; '.join(found)}, or make the library with allow_outside=True if "
                "you trust it"
            )

    def _filename_to_group_id(self, filename: str) -> str:
        """Group id that the file carries, else one made of its observation keywords."""
        from jwst.datamodels.metadata import read_group_facts

        group_id, observation = read_group_facts(filename)
        return group_id or _observation_group_id(observation)

    def _model_to_group_id(self, model: Any) -> str:
        return getattr(model.meta, "group_id", None) or _observation_group_id(model.meta.observation)

    def _model_to_filename(self, model: Any) -> str:
        return model.meta.filename or "model.fits"

    def _model_to_exptype(self, model: Any) -> str:
        return model.meta.asn.exptype or "SCIENCE"

    def _assign_member_to_model(self, model: Any, member: Mapping[str, Any]) -> None:
        from jwst.lib.assignment import unvalidated

        given = self._member_metadata(member)
        with unvalidated(model):
            for name, value in given.pop("asn").items():
                setattr(model.meta.asn, name, value)
            for name, value in given.items():
                setattr(model.meta, name, value)

    def _member_metadata(self, member: Mapping[str, Any]) -> dict[str, Any]:
        """What the association says of a member, as it is written below ``meta``."""
        given: dict[str, Any] = {"asn": {"exptype": member["exptype"], **self._table_and_pool()}}
        if "tweakreg_catalog" in member:
            given["tweakreg_catalog"] = str(member["tweakreg_catalog"] or "").strip() or None
        given["group_id"] = member["group_id"]
        return given


def _model_metadata(model: Any) -> dict[str, Any]:
    from jwst.datamodels.metadata import plain_metadata

    return plain_metadata(model.instance)


def _observation_group_id(observation: Any) -> str:
    try:
        return attrs_to_group_id(observation)
    except KeyError as error:
        raise NoGroupID(str(error)) from error
