"""The parameter files of the reference service as recipes of one entry (running.md Y30)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stpipe.exceptions import RecipeNotFoundError

__all__ = ["get_recipe_definition"]


def get_recipe_definition(name: str, parent: str | None = None) -> Mapping[str, Any]:
    """Read a parameter file of the reference service.

    Parameters
    ----------
    name : str
        ``<step>@<dataset>``, alias or class path of a step and a file, for the parameters that the service has for that
        file; or the name of a parameter file in the cache, with or without ``crds://``.
    parent : str, optional
        Not used.

    Returns
    -------
    mapping
        ``class``, ``name``, ``parameters`` and ``steps``.

    Raises
    ------
    RecipeNotFoundError
        The service has none.
    """
    from stpipe import caches

    step, separator, dataset = name.partition("@")
    if separator:
        return _for_dataset(step.strip(), dataset.strip())
    return caches.reference.get(name, lambda: _of_file(name))


def _for_dataset(step: str, dataset: str) -> Mapping[str, Any]:
    from stpipe.step import Step
    from stpipe.utilities import import_class, resolve_step_class_alias

    try:
        cls: Any = import_class(resolve_step_class_alias(step), Step)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise RecipeNotFoundError(f"no recipe '{step}@{dataset}': no step {step!r}: {error}") from None
    found = cls.get_config_from_reference(dataset)
    values = dict(found.dict() if hasattr(found, "dict") else found)
    if not values:
        raise RecipeNotFoundError(
            f"no recipe '{step}@{dataset}': the reference service has no {cls.get_config_reftype()} for {dataset}"
        )
    name, steps = values.pop("name", None), values.pop("steps", None)
    values.pop("class", None)
    path = f"{cls.__module__}.{cls.__qualname__}"
    return {"class": path, "name": name, "parameters": values, **({"steps": steps} if steps else {})}


def _of_file(name: str) -> Mapping[str, Any]:
    from stpipe.config_file import read_parameter_file
    from stpipe.crds_client import reference_uri_to_cache_path

    base = os.path.basename(name.removeprefix("crds://"))
    try:
        path = reference_uri_to_cache_path(f"crds://{base}", base.partition("_")[0])
        config = read_parameter_file(path)
    except (OSError, ValueError) as error:
        raise RecipeNotFoundError(f"no recipe {name!r}: the cache of the reference service has no {base}") from error
    return config.to_tree()
