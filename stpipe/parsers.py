"""Parsers: what makes the first context of a recipe out of its arguments (running.md Y7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stpipe.exceptions import InputError, RecipeDefinitionError

__all__ = ["PARSERS", "find_parser", "parse_arguments"]

Parser = Callable[[Sequence[str]], Mapping[str, Any] | None]


def keyvaluepairs(args: Sequence[str]) -> dict[str, Any]:
    """``k=v`` to ``{k: v}``, split at the first ``=``; ``k`` alone gives an empty text."""
    return {key: value for key, _, value in (text.partition("=") for text in args)}


def keys(args: Sequence[str]) -> dict[str, Any]:
    """Each text to True."""
    return dict.fromkeys(args, True)


def as_list(args: Sequence[str]) -> dict[str, Any]:
    """Return all texts as ``arg_list``."""
    return {"arg_list": list(args)}


def as_string(args: Sequence[str]) -> dict[str, Any]:
    """Return all texts, joined by blanks, as ``arg_string``."""
    return {"arg_string": " ".join(args)}


def from_json(args: Sequence[str]) -> dict[str, Any]:
    """Read the texts, joined by blanks, as a JSON object."""
    import json

    text = " ".join(args).strip()
    try:
        return _mapping(json.loads(text) if text else {}, "the arguments")
    except ValueError as error:
        raise InputError(f"The arguments are no JSON object: {error}") from None


def from_json_file(args: Sequence[str]) -> dict[str, Any]:
    """Read the JSON file that the texts, joined by blanks, name."""
    import json

    path = " ".join(args)
    try:
        return _mapping(json.loads(_text_of(path)), path) if path else {}
    except ValueError as error:
        raise InputError(f"{path} is no JSON file of a mapping: {error}") from None


def from_yaml_file(args: Sequence[str]) -> dict[str, Any]:
    """Read the YAML file that the texts, joined by blanks, name."""
    path = " ".join(args)
    if not path:
        return {}
    import yaml

    from stpipe.safe_yaml import load_yaml

    try:
        return _mapping(load_yaml(_text_of(path)), path)
    except yaml.YAMLError as error:
        raise InputError(f"{path} is no YAML file: {error}") from None


def _text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except OSError as error:
        raise InputError(f"The file of arguments {path} cannot be read: {error.strerror}") from None


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: a mapping of names to values is needed, not {type(value).__name__}")
    return value


PARSERS: Mapping[str, Parser] = {
    "keyvaluepairs": keyvaluepairs,
    "keys": keys,
    "list": as_list,
    "string": as_string,
    "json": from_json,
    "jsonfile": from_json_file,
    "yamlfile": from_yaml_file,
}


def find_parser(name: str) -> Parser:
    """Return the parser of a name: one of `PARSERS`, or ``get_parsed_context`` of a dotted module.

    Raises
    ------
    RecipeDefinitionError
        There is none.
    """
    from stpipe import caches

    return PARSERS[name] if name in PARSERS else caches.parser.get(name, lambda: _import_parser(name))


def _import_parser(name: str) -> Parser:
    from difflib import get_close_matches
    from importlib import import_module

    try:
        module = import_module(name)
    except ImportError as error:
        near = get_close_matches(name, PARSERS, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else f"; there are {', '.join(PARSERS)}, or a dotted module"
        raise RecipeDefinitionError(f"no parser {name!r}{hint}: {error}") from None
    function = getattr(module, "get_parsed_context", None)
    if not callable(function):
        raise RecipeDefinitionError(f"the parser module {name!r} has no function get_parsed_context(args)")
    return function


def parse_arguments(name: str, args: Sequence[str]) -> dict[str, Any]:
    """Have a parser read arguments; None counts as nothing.

    Raises
    ------
    TypeError
        The arguments are one text, not a list of texts.
    InputError
        The arguments cannot be read, or the parser gives no mapping.
    """
    if isinstance(args, str):
        raise TypeError(f"args_in has to be a list of texts, not the text {args!r}")
    found = find_parser(name)(list(args))
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise InputError(f"the parser {name!r} gave a {type(found).__name__}, not a mapping")
    return dict(found)
