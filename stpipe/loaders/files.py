"""Recipes in YAML files (running.md Y1)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from stpipe.exceptions import RecipeNotFoundError

if TYPE_CHECKING:
    from stpipe.recipe_yaml import Definition

__all__ = ["find_recipe_file", "get_recipe_definition"]

_SUFFIXES = ("", ".yaml", ".yml")


def get_recipe_definition(name: str, parent: str | None = None) -> Definition:
    """Find and read a recipe.

    Parameters
    ----------
    name : str
        Path with or without ``.yaml``, or ``package::name``.
    parent : str, optional
        Folder that is looked in first: that of the recipe that calls this one, or of a project.

    Returns
    -------
    Definition
        The mapping, with the lines of its entries.

    Raises
    ------
    RecipeNotFoundError
        It is nowhere; the text lists the places.
    RecipeDefinitionError
        It is no YAML file of a mapping.
    """
    from stpipe import caches
    from stpipe.recipe_yaml import read_definition

    path = find_recipe_file(name, [parent] if parent else [])
    return caches.file.get(path, lambda: read_definition(path))


def find_recipe_file(name: str, folders: Sequence[str] = ()) -> str:
    """Return the absolute path of a recipe.

    Parameters
    ----------
    name : str
        As `get_recipe_definition`.
    folders : sequence of str
        Looked in first, and in their ``recipes``.

    Raises
    ------
    RecipeNotFoundError
        It is nowhere; the text lists the places.
    """
    tried: list[str] = []
    for base in dict.fromkeys(_places(name, folders)):
        for suffix in _SUFFIXES:
            path = base + suffix
            tried.append(path)
            if os.path.isfile(path):
                return os.path.realpath(path)
    raise RecipeNotFoundError(f"no recipe {name!r}; looked for " + ", ".join(tried or ["nothing"]))


def _places(name: str, folders: Sequence[str]) -> Iterator[str]:
    """Yield the places without suffix; a name leads out of a folder only if it is a path that was given as such."""
    package, separator, inner = name.partition("::")
    if separator:
        yield from _in_package(package, inner)
        return
    given = os.path.expanduser(name)
    if os.path.isabs(given):
        yield given
        return
    inside = not os.path.normpath(given).startswith(os.pardir)
    for folder in folders if inside else ():
        yield os.path.abspath(os.path.join(folder, given))
    yield os.path.abspath(given)
    for folder in (os.curdir, *folders) if inside else ():
        yield os.path.abspath(os.path.join(folder, "recipes", given))


def _in_package(package: str, inner: str) -> Iterator[str]:
    """Yield the place of ``package::name``, which cannot lead out of the recipes of the package."""
    from importlib.util import find_spec

    try:
        spec = find_spec(package)
    except (ImportError, ValueError) as error:
        raise RecipeNotFoundError(f"no recipe '{package}::{inner}': there is no package {package!r}") from error
    if spec is None or not spec.submodule_search_locations:
        raise RecipeNotFoundError(f"no recipe '{package}::{inner}': there is no package {package!r}")
    relative = os.path.normpath(inner)
    if os.path.isabs(relative) or relative.startswith(os.pardir):
        raise RecipeNotFoundError(f"no recipe '{package}::{inner}': the name leads out of the recipes of the package")
    for folder in spec.submodule_search_locations:
        yield os.path.join(folder, "recipes", relative)
