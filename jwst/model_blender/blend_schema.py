"""What a schema says of the blending of metadata (spec model_blender.md §2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["BlendSchema"]

_ALWAYS_IGNORED = ("meta.wcs",)
"""Of ``meta.wcsinfo`` too, as in the released pipeline: the coordinates of a product are its own."""


@dataclass(frozen=True)
class BlendSchema:
    """Rules and columns of a class of models.

    Attributes
    ----------
    rules : mapping
        Attribute, e.g. ``meta.exposure.exposure_time``, to the name of its rule; ``first`` is left out.
    columns : mapping
        Attribute to its column in the table, in the order of the schema.
    ignored : tuple of str
        Attributes whose values are not blended: all that start with one of these texts.
    """

    rules: Mapping[str, str]
    columns: Mapping[str, str]
    ignored: tuple[str, ...]

    @classmethod
    def of(cls, schema: Mapping[str, Any], ignored: tuple[str, ...] = ()) -> BlendSchema:
        """Read a schema.

        Parameters
        ----------
        schema : mapping
            Schema of a model, its parts merged (``model.schema``).
        ignored : tuple of str, optional
            Attributes to leave out.

        Raises
        ------
        ValueError
            Two attributes have the same column.
        """
        ignored = (*ignored, *_ALWAYS_IGNORED)
        rules: dict[str, str] = {}
        columns: dict[str, str] = {}

        def note(attribute: str, entry: Mapping[str, Any]) -> None:
            if entry.get("blend_rule", "first") != "first" and not attribute.startswith(ignored):
                rules[attribute] = entry["blend_rule"]
            if entry.get("blend_table"):
                columns[attribute] = entry.get("fits_keyword", attribute)

        _walk(schema, note)
        _refuse_twins(columns)
        return cls(rules, columns, ignored)


def _walk(schema: Mapping[str, Any], note: Callable[[str, Mapping[str, Any]], Any]) -> None:
    """Tell every attribute below ``meta``; what is inside of lists is none."""
    from stdatamodels.schema import walk_schema

    def visit(entry: Mapping[str, Any], path: list[str], combiner: Any, context: Any, recurse: Any) -> bool:
        if path and path[0] not in ("meta", "anyOf", "oneOf"):
            return True
        names = [name for name in path if name not in ("anyOf", "oneOf")]
        if len(names) > 1:
            note(".".join(names), entry)
        return entry.get("type") == "array"

    walk_schema(schema, visit)


def _refuse_twins(columns: Mapping[str, str]) -> None:
    seen: dict[str, str] = {}
    for attribute, column in columns.items():
        if column in seen:
            raise ValueError(f"{seen[column]} and {attribute} have the same column {column} in the table of headers")
        seen[column] = attribute
