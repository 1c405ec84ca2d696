"""The table with a row for each exposure of a product: extension HDRTAB (spec model_blender.md §4)."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jwst.lib.assignment import unvalidated

__all__ = ["attach_table", "header_table"]

log = logging.getLogger(__name__)


def header_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> np.ndarray | None:
    """Make the table.

    Parameters
    ----------
    rows : sequence of mapping
        Metadata of each exposure: attribute to value.
    columns : mapping
        Attribute to the name of its column.

    Returns
    -------
    structured ndarray or None
        A row for each exposure, and a column for each attribute that any of them has. A missing value is NaN, or the
        text ``nan``. None where there is no column.
    """
    arrays = {
        column: _column_array(column, [row.get(attribute) for row in rows])
        for attribute, column in columns.items()
        if any(row.get(attribute) is not None for row in rows)
    }
    if not arrays:
        return None
    table = np.empty(len(rows), dtype=[(name, array.dtype) for name, array in arrays.items()])
    for name, array in arrays.items():
        table[name] = array
    return table


def _column_array(column: str, values: Sequence[Any]) -> np.ndarray:
    """Array of a column: texts as ASCII, bool as int8, else what numpy makes of the values."""
    present = [value for value in values if value is not None]
    texts = [isinstance(value, str) for value in present]
    if any(texts):
        if not all(texts):
            log.warning("The column %s of the table of headers has texts and numbers: all become texts", column)
        # numpy gives texts beside a NaN 32 characters: so long are these columns in the released pipeline
        words = np.array([math.nan if value is None else str(value) for value in values])
        return np.array([word.encode("ascii", "replace") for word in words.tolist()], f"S{words.itemsize // 4}")
    array = np.array([math.nan if value is None else value for value in values])
    return array.astype(np.int8) if array.dtype == bool else array


def attach_table(model: Any, table: np.ndarray) -> None:
    """Make a table the attribute ``hdrtab`` of a model, which is written and read as extension HDRTAB.

    Parameters
    ----------
    model : data model
        Its schema gets the table too.
    table : structured ndarray
        See `header_table`.
    """
    datatype = [{"name": name, "datatype": _schema_type(table.dtype[name])} for name in table.dtype.names or ()]
    entry = {"title": "Combined header table", "fits_hdu": "HDRTAB", "datatype": datatype}
    if isinstance(model.schema.get("properties"), dict):
        # as add_schema_entry does, but without merging all of the schema anew and validating the whole model
        model._schema = {**model.schema, "properties": {**model.schema["properties"], "hdrtab": entry}}
    else:
        model.add_schema_entry("hdrtab", entry)
    with unvalidated(model):
        model.hdrtab = table


def _schema_type(dtype: np.dtype) -> Any:
    return ["ascii", dtype.itemsize] if dtype.kind == "S" else dtype.name
