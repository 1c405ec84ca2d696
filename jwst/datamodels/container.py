"""A list of models with the association they come from (spec jwst_base.md §8)."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, MutableSequence
from typing import Any

from jwst.datamodels.asn_file import is_association, product_members, read_association
from jwst.datamodels.utils import attrs_to_group_id
from stpipe.library_members import member_path

__all__ = ["ModelContainer"]


class ModelContainer(MutableSequence):
    """A list-like collection of models, made from models, files or an association.

    Parameters
    ----------
    init : None, list, str, Path, dict or ModelContainer
        Models, names of files and open FITS files (``HDUList``); an association, which is copied, or the file of one;
        another container, whose models and association table are shared.
    asn_exptypes : list of str, optional
        Only members of these exposure types, compared without case.
    asn_n_members : int, optional
        Only the first members, counted after that choice.
    **kwargs
        Passed on where a file is opened.

    Attributes
    ----------
    asn_table : dict
        The association; a template where there is none.
    asn_table_name, asn_pool_name, asn_file_path : str or None
        File name of the association, its pool, and the path it was read from.

    Raises
    ------
    TypeError
        ``init`` is nothing of these.
    OSError
        The association cannot be read.
    """

    def __init__(
        self,
        init: Any = None,
        asn_exptypes: Iterable[str] | str | None = None,
        asn_n_members: int | None = None,
        **kwargs: Any,
    ) -> None:
        self._models: list[Any] = []
        self.asn_exptypes = [asn_exptypes] if isinstance(asn_exptypes, str) else asn_exptypes
        self.asn_n_members = asn_n_members
        self.asn_table: dict[str, Any] = _empty_association()
        self.asn_table_name: str | None = None
        self.asn_pool_name: str | None = None
        self.asn_file_path: str | None = None
        if init is None:
            return
        if isinstance(init, ModelContainer):
            self._share(init)
        elif isinstance(init, list):
            self._from_list(init, kwargs)
        elif is_association(init):
            self._from_association(copy.deepcopy(init), kwargs)
        elif isinstance(init, str | os.PathLike):
            self._from_file(os.path.expandvars(os.path.expanduser(init)), kwargs)
        else:
            raise TypeError(f"Input {init} is not a list of JwstDataModels or an ASN file")

    def _share(self, other: ModelContainer) -> None:
        self._models = list(other._models)
        for name in ("asn_table", "asn_table_name", "asn_pool_name", "asn_file_path", "asn_exptypes", "asn_n_members"):
            setattr(self, name, getattr(other, name))

    def _from_list(self, items: list[Any], kwargs: dict[str, Any]) -> None:
        from astropy.io.fits import HDUList

        for item in items:
            if not (_is_model(item) or isinstance(item, str | os.PathLike | HDUList)):
                raise TypeError("list must contain items that can be opened with jwst.datamodels.open()")
        self._models = _open_all(items, kwargs)
        name = getattr(self._models[0].meta, "filename", None) if self._models else None
        if name:
            stem = os.path.splitext(os.path.basename(name))[0]
            self.asn_table_name = stem.rpartition("_")[0] or stem
            self.asn_table["products"][0]["name"] = self.asn_table_name

    def _from_file(self, path: str, kwargs: dict[str, Any]) -> None:
        association = read_association(path)
        self.asn_file_path = path
        self.asn_table_name = os.path.basename(path)
        self.asn_pool_name = association.get("asn_pool") or "none"
        self._from_association(association, kwargs, folder=os.path.dirname(path))

    def _from_association(self, association: Any, kwargs: dict[str, Any], *, folder: str = "") -> None:
        self.asn_table = association
        members = product_members(association)
        if self.asn_exptypes is not None:
            wanted = {kind.lower() for kind in self.asn_exptypes}
            members = [member for member in members if str(member["exptype"]).lower() in wanted]
        members = members[: self.asn_n_members]
        paths = [member_path(member["expname"], folder) for member in members]
        self._models = _open_all(paths, kwargs)
        for model, member in zip(self._models, members):
            self._annotate(model, member, folder)

    def _annotate(self, model: Any, member: dict[str, Any], folder: str) -> None:
        """Write what the association says about a member into its metadata."""
        model.meta.asn.exptype = member["exptype"]
        if self.asn_table_name is not None:
            model.meta.asn.table_name = self.asn_table_name
            model.meta.asn.pool_name = self.asn_pool_name
        if "tweakreg_catalog" in member:
            catalog = str(member["tweakreg_catalog"] or "").strip()
            model.meta.tweakreg_catalog = os.path.join(folder, catalog) if catalog else None
        if "group_id" in member:
            model.meta.group_id = member["group_id"]

    def __len__(self) -> int:
        return len(self._models)

    def __getitem__(self, index: Any) -> Any:
        return self._models[index]

    def __setitem__(self, index: Any, model: Any) -> None:
        self._models[index] = model

    def __delitem__(self, index: Any) -> None:
        del self._models[index]

    def __repr__(self) -> str:
        return f"<ModelContainer of {len(self)} models from {self.asn_table_name or 'no association'}>"

    def insert(self, index: int, model: Any) -> None:
        """Put a model before position ``index``."""
        self._models.insert(index, model)

    def copy(self) -> ModelContainer:
        """Deep copy of the models and the association table."""
        return copy.deepcopy(self)

    __copy__ = copy

    def close(self) -> None:
        """Close all models."""
        for model in self._models:
            if _is_model(model):
                model.close()

    def __enter__(self) -> ModelContainer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def crds_observatory(self) -> str:
        """CRDS name of the telescope."""
        return "jwst"

    def get_crds_parameters(self) -> dict[str, Any]:
        """Not for containers: the framework asks the first model."""
        raise NotImplementedError("A container has no CRDS parameters: those of its first model are used")

    @property
    def models_grouped(self) -> list[list[Any]]:
        """Models by exposure group, in order of first appearance; group ids are written into the models.

        The id is ``meta.group_id``, else made from the observation metadata, else ``exposureNNNN``.
        """
        return list(self._groups().values())

    @property
    def group_names(self) -> list[str]:
        """Ids of the groups of ``models_grouped``."""
        return list(self._groups())

    def _groups(self) -> dict[str, list[Any]]:
        groups: dict[str, list[Any]] = {}
        for index, model in enumerate(self._models):
            if not getattr(model.meta, "group_id", None):
                try:
                    model.meta.group_id = attrs_to_group_id(model.meta.observation)
                except KeyError:
                    model.meta.group_id = f"exposure{index + 1:04d}"
            groups.setdefault(model.meta.group_id, []).append(model)
        return groups

    def ind_asn_type(self, asn_exptype: str) -> list[int]:
        """Indices of the models of one exposure type.

        Parameters
        ----------
        asn_exptype : str
            Lower case, e.g. ``"science"``. Models without a type become science.
        """
        found = []
        for index, model in enumerate(self._models):
            if model.meta.asn.exptype is None:
                model.meta.asn.exptype = "science"
            if model.meta.asn.exptype.lower() == asn_exptype:
                found.append(index)
        return found

    def save(self, path: str | None = None, save_model_func: Callable[..., Any] | None = None, **kwargs: Any) -> list:
        """Save every model.

        Parameters
        ----------
        path : str, optional
            Base name; several models get their position before the extension ``.fits``. By default each model keeps
            its ``meta.filename``.
        save_model_func : callable, optional
            Called instead, as ``save_model_func(model, idx=position)``.
        **kwargs
            Passed on to ``model.save``.

        Returns
        -------
        list of str
            Paths written.
        """
        if save_model_func is not None:
            return [save_model_func(model, idx=index) for index, model in enumerate(self._models)]
        if path is None:
            return [model.save(model.meta.filename, **kwargs) for model in self._models]
        stem = os.path.splitext(path)[0] if path.endswith(".fits") else path
        numbers = range(len(self)) if len(self) > 1 else ("",)
        return [model.save(f"{stem}{number}.fits", **kwargs) for model, number in zip(self._models, numbers)]


def _empty_association() -> dict[str, Any]:
    members = [{"exptype": "", "expname": ""}]
    return {"asn_id": None, "asn_pool": None, "products": [{"name": "", "members": members}]}


def _is_model(value: object) -> bool:
    from stdatamodels.jwst.datamodels import JwstDataModel

    return isinstance(value, JwstDataModel)


def _open_all(sources: list[Any], kwargs: dict[str, Any]) -> list[Any]:
    """Open what is no model yet; when one fails, those opened here are closed again."""
    from astropy.io.fits import HDUList

    from jwst.datamodels.fast_fits import open_any
    from jwst.datamodels.hdulists import model_of

    opened: list[Any] = []
    models = []
    try:
        for source in sources:
            if _is_model(source):
                models.append(source)
                continue
            opened.append((model_of if isinstance(source, HDUList) else open_any)(source, **kwargs))
            models.append(opened[-1])
    except Exception:
        for model in opened:
            model.close()
        raise
    return models
