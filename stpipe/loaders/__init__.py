"""Where recipes come from: modules with ``get_recipe_definition(name, parent) -> mapping`` (running.md Y30).

`stpipe.loaders.files` is the default; `stpipe.loaders.crds` gives parameter files of the reference service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stpipe.exceptions import RecipeDefinitionError

__all__ = ["DEFAULT", "find_loader"]

DEFAULT = "stpipe.loaders.files"


def find_loader(name: str | None) -> Callable[..., Any]:
    """Return ``get_recipe_definition`` of a loader module, the default one where no name is given.

    Raises
    ------
    RecipeDefinitionError
        There is no such module, or it has no such function.
    """
    from stpipe import caches, settings

    wanted = name or settings.default_loader or DEFAULT
    return caches.loader.get(wanted, lambda: _import_loader(wanted))


def _import_loader(name: str) -> Callable[..., Any]:
    from importlib import import_module

    try:
        module = import_module(name)
    except ImportError as error:
        raise RecipeDefinitionError(f"no loader {name!r}: {error}. A loader is a dotted module.") from None
    function = getattr(module, "get_recipe_definition", None)
    if not callable(function):
        raise RecipeDefinitionError(f"the loader {name!r} has no function get_recipe_definition(name, parent)")
    return function
