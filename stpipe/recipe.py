"""`Recipe`: a run description, checked once (running.md §4); `load_recipe` and `run_recipe`."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import GroupNotFoundError, Problem, RecipeDefinitionError, StepNotFoundError
from stpipe.import_path import import_path
from stpipe.recipe_yaml import Definition, folder_of

if TYPE_CHECKING:
    from stpipe.context import Context
    from stpipe.recipe_entries import Entry

__all__ = ["Recipe", "load_recipe", "recipe_from", "run_recipe"]

MAIN_GROUP = "steps"
_TEXT_KEYS = ("description", "parser")


@dataclass(frozen=True, eq=False)
class Recipe:
    """A checked recipe; the same object serves any number of runs.

    Attributes
    ----------
    name : str
        As it was asked for.
    groups : mapping of str to tuple of Entry
        Entries by group.
    file, folder : str or None
        Where it is from.
    description, parser : str or None
        As in the recipe.
    imports : tuple of str
        Modules for its Python texts.
    code : tuple of Problem
        Places that need ``allow_code``.
    definition : Definition or None
        What it was made from.
    py_dir : str or None
        Folder of modules that it was loaded with.
    ident : str
        Identity, also in other processes.
    """

    name: str
    groups: Mapping[str, tuple[Entry, ...]]
    file: str | None = None
    folder: str | None = None
    description: str | None = None
    parser: str | None = None
    imports: tuple[str, ...] = ()
    code: tuple[Problem, ...] = ()
    definition: Definition | None = None
    py_dir: str | None = None
    ident: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __reduce__(self) -> tuple[Any, ...]:
        """Send the definition to another process, which checks and compiles it again, once."""
        return _received, (self.definition, self.name, self.py_dir, self.ident)

    def check_groups(self, names: Sequence[str]) -> None:
        """Raise GroupNotFoundError if one of the groups is not there."""
        from difflib import get_close_matches

        for name in names:
            if name not in self.groups:
                near = get_close_matches(str(name), self.groups, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.groups) or 'none'}"
                raise GroupNotFoundError(f"recipe {self.name!r} has no group {name!r} ({hint})")

    def check_code(self) -> None:
        """Raise RecipeDefinitionError for the places where it has Python; for runs that do not allow code."""
        if self.code:
            raise RecipeDefinitionError.of(self.code)

    def __repr__(self) -> str:
        return f"<Recipe {self.name}: {', '.join(f'{name} ({len(group)})' for name, group in self.groups.items())}>"


def load_recipe(
    name: str, *, loader: str | None = None, parent: str | None = None, py_dir: str | None = None
) -> Recipe:
    """Find, read and check a recipe.

    Parameters
    ----------
    name : str
        Path with or without ``.yaml``, ``package::name``, or what the loader understands.
    loader : str, optional
        Dotted module with ``get_recipe_definition(name, parent)``.
    parent : str, optional
        Folder to look in first.
    py_dir : str, optional
        Folder of modules with steps of the recipe, besides its own folder.

    Raises
    ------
    RecipeNotFoundError
        It is nowhere; the text lists the places.
    RecipeDefinitionError
        It cannot be used; each problem comes with file, line and column.
    StepNotFoundError
        A step is unknown; the text gives near names.
    """
    from stpipe import caches, settings

    key = (loader or settings.default_loader, name, parent, py_dir, os.getcwd())
    return caches.recipe.get(key, lambda: _load(name, loader, parent, py_dir))


def _load(name: str, loader: str | None, parent: str | None, py_dir: str | None) -> Recipe:
    from stpipe.loaders import find_loader

    with import_path(py_dir):
        definition = find_loader(loader)(name, parent)
        if not isinstance(definition, Mapping):
            raise RecipeDefinitionError(
                f"the loader gave a {type(definition).__name__} for the recipe {name!r}, not a mapping of groups"
            )
        with import_path(folder_of(definition)):
            return replace(recipe_from(definition, name), py_dir=py_dir)


def _received(definition: Definition, name: str, py_dir: str | None, ident: str) -> Recipe:
    """Return the recipe that another process has sent."""
    from stpipe import caches

    def make() -> Recipe:
        with import_path(py_dir, folder_of(definition)):
            return replace(recipe_from(definition, name), py_dir=py_dir, ident=ident)

    return caches.recipe.get(("received", ident), make)


def recipe_from(definition: Mapping[str, Any], name: str) -> Recipe:
    """Check a mapping of groups and make the recipe.

    Parameters
    ----------
    definition : mapping
        A `Definition` with marks, or any mapping.
    name : str
        Name of the recipe.

    Raises
    ------
    RecipeDefinitionError, StepNotFoundError
        As `load_recipe`.
    """
    given = definition if isinstance(definition, Definition) else Definition(definition)
    made = _from_parameter_file(given)
    problems = list(_shape_problems(made))
    groups: dict[str, tuple[Entry, ...]] = {}
    missing: list[tuple[Problem, str]] = []
    for key, value in made.items():
        if isinstance(value, list) and key != "imports":
            groups[key] = _group(made, key, problems, missing)
    if not problems and not groups:
        problems.append(Problem("the recipe has no entries; give 'steps:' and a list of entries below it", made.file))
    if problems:
        raise RecipeDefinitionError.of(problems)
    if missing:
        raise _unknown_steps(missing)
    code = tuple(entry.code for group in groups.values() for entry in group if entry.code)
    imports = made.get("imports") or []
    return Recipe(
        name, groups, made.file, folder_of(made), made.get("description"), made.get("parser"),
        (imports,) if isinstance(imports, str) else tuple(imports), code, given,
    )  # fmt: skip


def _group(
    made: Definition, key: str, problems: list[Problem], missing: list[tuple[Problem, str]]
) -> tuple[Entry, ...]:
    from stpipe.recipe_entries import make_entry

    entries = []
    for number, raw in enumerate(made[key]):
        try:
            entries.append(make_entry(raw, made, (key, number)))
        except RecipeDefinitionError as error:
            problems += error.problems
        except StepNotFoundError as error:
            place = made.marks.get((key, number), (None, None))
            missing.append((Problem(str(error), made.file, *place), str(error)))
    return tuple(entries)


def _unknown_steps(missing: Sequence[tuple[Problem, str]]) -> StepNotFoundError:
    error = StepNotFoundError("\n".join(str(problem) for problem, _ in missing))
    error.problems = tuple(problem for problem, _ in missing)  # type: ignore[attr-defined]
    return error


def _shape_problems(made: Definition) -> Iterator[Problem]:
    """Yield what is wrong with the top-level keys."""
    from difflib import get_close_matches

    for key, value in made.items():
        place = made.marks.get((key,), (None, None))
        if key in _TEXT_KEYS:
            if value is not None and not isinstance(value, str):
                yield Problem(f"{key!r} has to be a text, not {type(value).__name__}", made.file, *place)
        elif key == "imports":
            if not isinstance(value, str | list) or not all(isinstance(item, str) for item in value):
                yield Problem("'imports' has to be a list of module names", made.file, *place)
        elif not isinstance(value, list):
            near = get_close_matches(str(key), (*_TEXT_KEYS, "imports"), n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            yield Problem(f"the group {key!r} is no list of entries{hint}", made.file, *place)


def _from_parameter_file(made: Definition) -> Definition:
    """Turn a parameter file (``class`` and ``parameters``) into a recipe with one entry; else give it back."""
    if "class" not in made or "parameters" not in made:
        return made
    from stpipe.config_file import StepConfig

    config = StepConfig.from_entry(made, where=made.file or "the recipe")
    entry = {"step": config.class_name, "in": config.as_mapping()}
    if config.name:
        entry["name"] = config.name
    recipe = Definition({MAIN_GROUP: [entry]}, made.file)
    recipe.marks[(MAIN_GROUP, 0)] = made.marks.get(("class",), (1, 1))
    return recipe


def run_recipe(
    name: str | Recipe,
    args_in: Sequence[str] | None = None,
    parse_args: bool | None = None,
    dict_in: Mapping[str, Any] | None = None,
    groups: Sequence[str] | None = None,
    success_group: str | None = None,
    failure_group: str | None = None,
    loader: str | None = None,
    py_dir: str | None = None,
    *,
    allow_code: bool = False,
) -> Context:
    """Run a recipe and return its context.

    Parameters
    ----------
    name : str or Recipe
        A shortcut of the settings, a recipe as in `load_recipe`, or one that is loaded.
    args_in : list of str, optional
        Arguments for the parser that the recipe names.
    parse_args : bool, optional
        Run the parser; by default if ``args_in`` is given, or ``dict_in`` is not.
    dict_in : mapping, optional
        First values of the context; containers are copied, models and arrays are passed as they are.
    groups : list of str, optional
        Groups to run in this order; ``steps`` by default.
    success_group, failure_group : str, optional
        Groups to run after them; ``on_success`` and ``on_failure``, where there are such, if no groups are given.
    loader : str, optional
        Dotted module that loads recipes.
    py_dir : str, optional
        Folder of modules with steps; on the import path during this run, as is the folder of the recipe.
    allow_code : bool, optional
        Let the recipe contain Python (``!py`` and ``py``).

    Returns
    -------
    Context
        The values at the end.

    Raises
    ------
    Exception
        The original error of the entry that failed; those of `load_recipe`; GroupNotFoundError before anything runs.
    """
    from stpipe.recipe_request import RecipeRequest

    request = RecipeRequest(
        name, args_in, parse_args, dict_in, groups, success_group, failure_group, loader, py_dir, allow_code
    )
    return request.run()
