"""Blending of the metadata of models that come one after the other (spec model_blender.md §2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from jwst.datamodels.metadata import flat_metadata, plain_metadata
from jwst.lib.assignment import unvalidated
from jwst.model_blender.blend_schema import BlendSchema
from jwst.model_blender.header_table import attach_table, header_table
from jwst.model_blender.rules import AttributeBlender, make_blender

__all__ = ["ModelBlender"]


class ModelBlender:
    """Collects the metadata of the inputs of a product, and gives them to it blended.

    Parameters
    ----------
    blend_ignore_attrs : sequence of str, optional
        Metadata that are left as they are in the product: all whose names start with one of these texts, e.g.
        ``["meta.filename", "meta.instrument"]``. The table has them all the same.

    Notes
    -----
    No model is kept, only its simple metadata. The rules are those of the schema of the first model.
    """

    def __init__(self, blend_ignore_attrs: Sequence[str] | None = None) -> None:
        self._ignored = tuple(blend_ignore_attrs or ())
        self._kind: str | None = None
        self._blends: BlendSchema | None = None
        self._blenders: dict[str, AttributeBlender] = {}
        self._rows: list[Mapping[str, Any]] = []

    def accumulate(self, model: Any) -> None:
        """Add a model.

        Parameters
        ----------
        model : data model
            It is neither changed nor kept.

        Raises
        ------
        ValueError
            It is of another class than the first one, or its schema has a rule that is not known.
        """
        tree = plain_metadata({"meta": model.instance.get("meta", {})})
        self._add(flat_metadata(tree), model.schema, type(model).__name__)

    def accumulate_metadata(self, flat_dict: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Add an exposure of which only the metadata have been read.

        Parameters
        ----------
        flat_dict : mapping
            ``meta.…`` by dotted name to texts and numbers, as ``ModelLibrary.read_metadata`` gives them.
        schema : mapping
            Schema of its class, which ``meta.model_type`` names; only that of the first exposure is looked at.

        Raises
        ------
        ValueError
            See `accumulate`.
        """
        self._add(flat_dict, schema, str(flat_dict.get("meta.model_type")))

    def finalize_model(self, model: Any) -> None:
        """Give a product the blended metadata, and the table of all exposures as ``hdrtab``.

        Parameters
        ----------
        model : data model
            Changed in place. Values below a node that it does not have are left out.

        Raises
        ------
        ValueError
            Nothing was accumulated.
        TypeError
            Texts where numbers are to be averaged or added; the text names the attribute.
        """
        if self._blends is None:
            raise ValueError("There are no metadata to blend: accumulate at least one exposure first")
        self._set_values(model)
        table = header_table(self._rows, self._blends.columns)
        if table is not None:
            attach_table(model, table)

    def _add(self, flat: Mapping[str, Any], schema: Mapping[str, Any], kind: str) -> None:
        if self._blends is None:
            self._blends, self._kind = BlendSchema.of(schema, self._ignored), kind
            self._blenders = {name: make_blender(rule, name) for name, rule in self._blends.rules.items()}
        if kind != self._kind:
            raise ValueError(f"Exposures of different classes cannot be blended: {self._kind} and {kind}")
        for name, blender in self._blenders.items():
            if flat.get(name) is not None:
                blender.accumulate(flat[name])
        self._rows.append({name: value for name, value in flat.items() if name.startswith("meta.")})

    def _set_values(self, model: Any) -> None:
        values = self._blended()
        values.pop("meta.model_type", None)  # the product's class is its own
        with unvalidated(model):
            for name, value in values.items():
                with suppress(KeyError, AttributeError, TypeError, IndexError):
                    model[name] = value

    def _blended(self) -> dict[str, Any]:
        """Values of the first exposure, those with a rule blended."""
        assert self._blends is not None
        ignored = self._blends.ignored
        values = {name: value for name, value in self._rows[0].items() if not name.startswith(ignored)}
        for name, blender in self._blenders.items():
            try:
                values[name] = blender.finalize()
            except TypeError as error:
                raise TypeError(f"{name} cannot be blended: {error}") from error
        return values
