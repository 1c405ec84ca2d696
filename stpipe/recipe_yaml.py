"""Recipes as YAML: a safe loader with the tags of recipes, and the line and column of every entry."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stpipe.exceptions import Problem, RecipeDefinitionError
from stpipe.expressions import compile_expression
from stpipe.python_text import compile_python
from stpipe.safe_yaml import check_depth, loader_base
from stpipe.templates import Expression, Literal, PythonText

__all__ = ["ENTRY_KEYS", "Definition", "folder_of", "read_definition", "read_text"]

ENTRY_KEYS = (
    "step", "class", "in", "parameters", "input", "provides", "requires", "name", "description", "comment", "run",
    "skip", "foreach", "while", "retry", "swallow", "on_error",
)  # fmt: skip

Place = tuple[int, int]


class Definition(dict[str, Any]):
    """A recipe as it was read.

    Attributes
    ----------
    file : str or None
        Where it is from.
    marks : dict
        Line and column, from 1, of the top-level keys by ``(key,)``, of entries by ``(group, number)``, and of keys
        that no entry has by ``(group, number, key)``.
    """

    def __init__(self, values: Mapping[str, Any], file: str | None = None) -> None:
        super().__init__(values)
        self.file = file
        self.marks: dict[tuple[Any, ...], Place] = {}


def read_definition(path: str) -> Definition:
    """Read a recipe file; errors as `read_text`, and if the file cannot be read."""
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise RecipeDefinitionError.of([Problem(f"cannot be read: {error.strerror}", path)]) from None
    return read_text(content, path)


def read_text(content: bytes | str, file: str | None = None) -> Definition:
    """Read the text of a recipe.

    Parameters
    ----------
    content : bytes or str
        YAML.
    file : str, optional
        Where it is from, for messages.

    Raises
    ------
    RecipeDefinitionError
        It is no YAML, or no mapping.
    """
    import yaml

    try:
        check_depth(content)
    except yaml.YAMLError as error:
        raise RecipeDefinitionError.of([Problem(f"is no YAML: {error}", file)]) from None
    loader = _loader_class()(content)
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise RecipeDefinitionError.of([Problem(_no_mapping(root), file)])
        return _definition(loader, root, file)
    except yaml.MarkedYAMLError as error:
        raise RecipeDefinitionError.of([_problem(error, file)]) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        message = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise RecipeDefinitionError.of([Problem(f"is no YAML: {message}", file)]) from None
    finally:
        loader.dispose()


def _no_mapping(root: Any) -> str:
    import yaml

    if root is None:
        return "the recipe is empty; give 'steps:' and a list of entries below it"
    if isinstance(root, yaml.SequenceNode):
        return "the recipe is a list; put 'steps:' before it and indent it, as a recipe is a mapping of groups"
    return "the recipe is no mapping; give 'steps:' and a list of entries below it"


def _problem(error: Any, file: str | None) -> Problem:
    mark = error.problem_mark or error.context_mark
    text = " ".join(part for part in (error.context, error.problem) if part)
    return Problem(text, file, mark.line + 1 if mark else None, mark.column + 1 if mark else None)


def _definition(loader: Any, root: Any, file: str | None) -> Definition:
    import yaml

    made = Definition({}, file)
    for key_node, value_node in root.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise RecipeDefinitionError.of([Problem(f"the key {key!r} is no text", file, *_place(key_node))])
        if key in made:
            raise RecipeDefinitionError.of([Problem(f"the key {key!r} is there twice", file, *_place(key_node))])
        made.marks[(key,)] = _place(key_node)
        if isinstance(value_node, yaml.SequenceNode):
            made[key] = [_entry(loader, node, made, (key, n)) for n, node in enumerate(value_node.value)]
        else:
            made[key] = loader.construct_object(value_node, deep=True)
    return made


def _entry(loader: Any, node: Any, made: Definition, mark: tuple[str, int]) -> Any:
    """Construct one entry and note where it is."""
    made.marks[mark] = _place(node)
    if node.id == "mapping":
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key_node.id == "scalar" and key in seen:
                raise RecipeDefinitionError.of(
                    [Problem(f"the key {key!r} is there twice", made.file, *_place(key_node))]
                )
            if key_node.id == "scalar":
                seen.add(key)
                if key not in _KNOWN:
                    made.marks[(*mark, key)] = _place(key_node)
    return loader.construct_object(node, deep=True)


_KNOWN = frozenset(ENTRY_KEYS)


def _place(node: Any) -> Place:
    mark = node.start_mark
    return mark.line + 1, mark.column + 1


@lru_cache(maxsize=1)
def _loader_class() -> Any:
    """Make a safe loader, in C where that is there, that knows the tags of recipes and leaves dates as texts."""
    base: Any = loader_base()

    class Loader(base):  # type: ignore[misc]
        """Safe loader of recipes."""

    Loader.yaml_implicit_resolvers = {
        key: [item for item in items if not item[0].endswith(":timestamp")]
        for key, items in base.yaml_implicit_resolvers.items()
    }
    for tag, kind, check in (
        ("!expr", Expression, compile_expression),
        ("!lit", Literal, None),
        ("!py", PythonText, compile_python),
    ):
        Loader.add_constructor(tag, _constructor(kind, check))
    return Loader


def _constructor(kind: Any, check: Any) -> Any:
    """Make the constructor of a tag; a text that cannot be compiled is an error at its place."""
    import yaml

    def construct(loader: Any, node: Any) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, f"{node.tag} is for texts only", node.start_mark)
        text = loader.construct_scalar(node)
        if check is not None:
            try:
                check(text)
            except ValueError as error:
                raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None
        return kind(text, *_place(node))

    return construct


def folder_of(definition: Mapping[str, Any]) -> str | None:
    """Return the folder of the file of a definition, if it has one."""
    file = getattr(definition, "file", None)
    return os.path.dirname(file) if file else None
