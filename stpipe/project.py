"""`Project`: a folder with recipes, inventory, parameters and settings for runs; it is only read (running.md §2.4).

::

    project/
        recipes/              looked in first for the recipe
        inventory             exposures, if no inputs are given; .yaml, .json or .txt may be added
        env/parameters.yaml   parameters, and ``steps``; lower than files and arguments of the call
        env/settings.yaml     timeout, workers, executor, artifacts_dir, no_cache
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import InputError, ParameterError

if TYPE_CHECKING:
    from stpipe.inventory import Inventory
    from stpipe.layers import Layer
    from stpipe.recipe import Recipe
    from stpipe.recipe_entries import Entry

__all__ = ["SETTINGS", "Project", "ProjectParameters"]

log = logging.getLogger("stpipe.run")

SETTINGS = ("timeout", "workers", "executor", "artifacts_dir", "no_cache")
_INVENTORIES = ("inventory", "inventory.yaml", "inventory.yml", "inventory.json", "inventory.txt")


@dataclass(frozen=True)
class ProjectParameters:
    """The parameters of a project.

    Attributes
    ----------
    path : str
        File they are from.
    values : mapping
        Parameters by name, those of sub-steps under ``steps``.
    """

    path: str
    values: Mapping[str, Any]

    def layer(self) -> Layer:
        """Return all of it, for the one step of a run; names that the step does not have are errors."""
        return self._layer(self.values)

    def layer_for(self, entry: Entry, cls: Any) -> Layer:
        """Return what a Step entry of a recipe gets.

        That is every parameter that the step declares, ``steps`` of a pipeline as far as it has such steps, and over
        these the section of ``steps`` that has the alias or the label of the entry.
        """
        declared, known = cls.declared_parameters(), getattr(cls, "step_defs", None) or {}
        sections = self._sections
        found: dict[str, Any] = {name: value for name, value in self.values.items() if name in declared}
        for name in dict.fromkeys((cls.class_alias, entry.label)):
            found |= sections.get(name) or {}
        inner = {name: values for name, values in sections.items() if name in known}
        if inner:
            own = found.get("steps")
            found["steps"] = {**inner, **(own if isinstance(own, Mapping) else {})}
        return self._layer(found)

    def check(self, recipe: Recipe) -> None:
        """Refuse names that no entry of a recipe can use.

        Nothing is said where an entry is only known in the run, or is a recipe itself.

        Raises
        ------
        ParameterError
            With each of them, near names and the file.
        """
        from stpipe.parameters import near_hint, raise_problems
        from stpipe.step_lookup import find_step

        entries = [entry for group in recipe.groups.values() for entry in group]
        if any("{" in entry.step or entry.step == "recipe" for entry in entries):
            return
        steps = [(entry.label, find_step(entry.step).target) for entry in entries if entry.is_step]
        names = {name for _, cls in steps for name in cls.declared_parameters()}
        sections = {
            name for label, cls in steps for name in (label, cls.class_alias, *(getattr(cls, "step_defs", None) or ()))
        }
        wrong = [(name, names) for name in self.values if name not in names | {"steps"}]
        wrong += [
            (f"steps/{name}", {f"steps/{one}" for one in sections}) for name in sorted(self._sections.keys() - sections)
        ]
        raise_problems([
            f"Extra value '{name}': no step of recipe '{recipe.name}' has it{near_hint(name, sorted(known))} "
            f"(file:{self.path})"
            for name, known in wrong
        ])  # fmt: skip

    @property
    def _sections(self) -> Any:
        found = self.values.get("steps") or {}
        if not isinstance(found, Mapping) or not all(isinstance(one, Mapping | None) for one in found.values()):
            raise ParameterError(f"{self.path}: 'steps' has to be a mapping of steps to mappings, not {found!r}")
        return found

    def _layer(self, values: Mapping[str, Any]) -> Layer:
        from stpipe.layers import Layer

        return Layer(f"file:{self.path}", values, root_dir=os.path.dirname(self.path))


class Project:
    """A project folder.

    Parameters
    ----------
    path : str or Path
        The folder.

    Attributes
    ----------
    path : str
        Its absolute path.

    Raises
    ------
    ValueError
        There is no such folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"project_dir has to be the path of a folder, not {path!r}")
        self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        if not os.path.isdir(self.path):
            raise ValueError(f"project_dir: there is no folder {os.fspath(path)}")

    @property
    def recipes(self) -> str | None:
        """Folder of its recipes, if it has one."""
        folder = os.path.join(self.path, "recipes")
        return folder if os.path.isdir(folder) else None

    def has_recipe(self, name: str) -> bool:
        """Whether there is a recipe of that name in it."""
        if self.recipes is None or os.path.isabs(name) or os.path.normpath(name).startswith(os.pardir):
            return False
        return any(os.path.isfile(os.path.join(self.recipes, name + end)) for end in ("", ".yaml", ".yml"))

    def inventory(self) -> Inventory | None:
        """Return its exposures; None where it has no inventory.

        Raises
        ------
        InputError
            The file cannot be used, or there are several.
        """
        from stpipe.inventory import Inventory

        there = [path for path in (os.path.join(self.path, name) for name in _INVENTORIES) if os.path.isfile(path)]
        if len(there) > 1:
            raise InputError(f"the project has several inventories, {' and '.join(there)}: leave one")
        return Inventory.load(there[0]) if there else None

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """Its settings, checked; others than `SETTINGS` are named in one WARNING each and left out.

        Raises
        ------
        ParameterError
            The file cannot be used, or a value is not of the kind that the setting takes; the text names the file.
        """
        from stpipe.settings import converted

        path = self._file("settings.yaml")
        found: dict[str, Any] = {}
        for name, value in _read_mapping(path):
            if name not in SETTINGS:
                log.warning("%s: unknown setting %r; a project can have %s", path, name, ", ".join(SETTINGS))
                continue
            try:
                found[name] = converted(name, value)
            except (TypeError, ValueError) as error:
                raise ParameterError(f"{path}: setting {name!r}: {error}") from None
        return found

    @cached_property
    def parameters(self) -> ProjectParameters | None:
        """Its parameters; None where it has none.

        Raises
        ------
        ParameterError
            The file is no YAML, or no mapping.
        """
        path = self._file("parameters.yaml")
        values = dict(_read_mapping(path))
        return ProjectParameters(path, values) if values else None

    def _file(self, name: str) -> str:
        return os.path.join(self.path, "env", name)


def _read_mapping(path: str) -> Iterator[tuple[str, Any]]:
    """Yield what a YAML file holds; nothing where there is no such file or nothing in it."""
    import yaml

    from stpipe.safe_yaml import load_yaml

    try:
        with open(path, "rb") as file:
            values = load_yaml(file.read())
    except FileNotFoundError:
        return
    except (OSError, yaml.YAMLError) as error:
        raise ParameterError(f"{path} cannot be read: {error}") from None
    if values is not None and not isinstance(values, Mapping):
        raise ParameterError(f"{path} holds no mapping of names to values")
    yield from ((str(name), value) for name, value in (values or {}).items())
