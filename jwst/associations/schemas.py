"""What an association has to look like, as JSON schemas, and a check that names every place (spec associations.md §2).

The check knows the few words of JSON schema that these schemas are made of: ``type``, ``required``, ``properties``,
``items`` and ``minLength``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["LEVEL2_SCHEMA", "LEVEL3_SCHEMA", "problems"]

_STRING = {"type": "string"}
_STRING_OR_NULL = {"type": ["string", "null"]}
_MEMBER = {
    "type": "object",
    "required": ["expname", "exptype"],
    "properties": {
        "expname": {"type": "string", "minLength": 1},
        "exptype": _STRING,
        "exposerr": _STRING_OR_NULL,
        "asn_candidate": _STRING,
        "tweakreg_catalog": _STRING_OR_NULL,
        "group_id": {"type": ["string", "integer", "null"]},
    },
}
_PRODUCT = {
    "type": "object",
    "required": ["members"],
    "properties": {"name": _STRING, "members": {"type": "array", "items": _MEMBER}},
}
_KEYS = ("asn_type", "asn_rule", "code_version", "degraded_status", "program", "constraints", "asn_id", "target")


def _schema(level: int) -> dict[str, Any]:
    texts = dict.fromkeys((*_KEYS, "asn_pool"), _STRING)
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": f"association of level {level}",
        "type": "object",
        "required": ["products"],
        "properties": {
            **texts,
            "version_id": _STRING_OR_NULL,
            "products": {"type": "array", "items": _PRODUCT},
        },
    }


LEVEL2_SCHEMA = _schema(2)
LEVEL3_SCHEMA = _schema(3)

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (Mapping,),
    "array": (list, tuple),
    "string": (str,),
    "integer": (int,),
    "null": (type(None),),
}


def problems(value: Any, schema: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Find everything that does not agree with a schema.

    Parameters
    ----------
    value : object
        An association, or a part of one.
    schema : mapping
        JSON schema of it.
    place : str, optional
        Where the value is, e.g. ``"products[0].members[2]"``.

    Yields
    ------
    str
        The place, and what is wrong there.
    """
    kinds = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
    if kinds and not any(_is_a(value, kind) for kind in kinds):
        yield f"{place or 'the document'} has to be {' or '.join(kinds)}, not {_shown(value)}"
        return
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        yield f"{place} is empty"
    if isinstance(value, Mapping):
        inside = f"{place}." if place else ""
        for key in schema.get("required", ()):
            if key not in value:
                yield f"{place or 'the document'} has no {key!r}"
        for key, part in schema.get("properties", {}).items():
            if key in value:
                yield from problems(value[key], part, f"{inside}{key}")
    elif isinstance(value, list | tuple) and "items" in schema:
        for index, item in enumerate(value):
            yield from problems(item, schema["items"], f"{place}[{index}]")


def _is_a(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and not (kind == "integer" and isinstance(value, bool))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
