"""What a caller asks of a recipe: shortcut, arguments and first context made into a `RecipeRun` (running.md Y3-Y9)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stpipe import settings
from stpipe.context import Context, copied, merged_into
from stpipe.exceptions import RecipeDefinitionError
from stpipe.import_path import import_path
from stpipe.parsers import parse_arguments
from stpipe.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    from stpipe.project import ProjectParameters
    from stpipe.recipe_run import RecipeRun

__all__ = ["RecipeRequest", "first_context"]

log = logging.getLogger("stpipe.recipe")

_SHORTCUT_KEYS = (
    "recipe", "parser_args", "args", "skip_parse", "groups", "success", "failure", "loader", "py_dir", "description",
)  # fmt: skip


@dataclass(frozen=True)
class RecipeRequest:
    """A call of `stpipe.run_recipe`; the fields are its arguments, ``parent`` is a folder to look in first,
    ``defaults`` are parameters of a project for its Step entries."""

    name: str | Recipe
    args_in: Sequence[str] | None = None
    parse_args: bool | None = None
    dict_in: Mapping[str, Any] | None = None
    groups: Sequence[str] | None = None
    success_group: str | None = None
    failure_group: str | None = None
    loader: str | None = None
    py_dir: str | None = None
    allow_code: bool = False
    parent: str | None = None
    defaults: ProjectParameters | None = None

    def load(self) -> Recipe:
        """Return the recipe; a shortcut has to be resolved before. Errors as `load_recipe`."""
        if isinstance(self.name, Recipe):
            return self.name
        return load_recipe(self.name, loader=self.loader, parent=self.parent, py_dir=self.py_dir)

    def resolved(self) -> RecipeRequest:
        """Return the request with the shortcut of the settings of that name, if there is one, put in.

        Raises
        ------
        RecipeDefinitionError
            The shortcut names no recipe, or has keys that it cannot have.
        """
        shortcut = settings.shortcuts.get(self.name) if isinstance(self.name, str) else None
        return self if shortcut is None else self._from_shortcut(shortcut)

    def _from_shortcut(self, shortcut: Mapping[str, Any]) -> RecipeRequest:
        unknown = [key for key in shortcut if key not in _SHORTCUT_KEYS]
        if not shortcut.get("recipe"):
            raise RecipeDefinitionError(f"the shortcut {self.name!r} names no recipe; give it 'recipe: path'")
        if unknown:
            raise RecipeDefinitionError(
                f"the shortcut {self.name!r} has unknown keys {', '.join(map(repr, unknown))}; "
                f"there are {', '.join(_SHORTCUT_KEYS)}"
            )
        args = [*_words(shortcut.get("parser_args")), *(self.args_in or ())]
        values = {**copied(dict(shortcut.get("args") or {}))}
        merged_into(values, self.dict_in or {})
        skip = shortcut.get("skip_parse")
        parse = not skip if skip is not None else bool(args) or not values
        return replace(
            self,
            name=str(shortcut["recipe"]),
            args_in=args or None,
            dict_in=values or None,
            parse_args=parse,
            groups=shortcut.get("groups") or self.groups,
            success_group=shortcut.get("success") or self.success_group,
            failure_group=shortcut.get("failure") or self.failure_group,
            loader=shortcut.get("loader") or self.loader,
            py_dir=shortcut.get("py_dir") or self.py_dir,
        )

    def prepare(self) -> RecipeRun:
        """Load the recipe, check what can be checked before anything runs, and make the first context.

        Returns
        -------
        RecipeRun
            Ready for ``execute()``.
        """
        from stpipe.recipe_run import RecipeRun, RunOptions

        request = self.resolved()
        check_groups_argument(request.groups)
        options = RunOptions(
            None if request.groups is None else tuple(request.groups),
            request.success_group,
            request.failure_group,
            allow_code=request.allow_code or settings.allow_code,
            py_dir=request.py_dir,
            defaults=request.defaults,
        )
        recipe = request.load()
        run = RecipeRun(recipe, Context(), options)
        run.check()
        if request.defaults is not None:
            request.defaults.check(recipe)
        with import_path(recipe.folder, request.py_dir):
            run.context.update(
                first_context(recipe, request.args_in, parse_args=request.parse_args, dict_in=request.dict_in)
            )
        return run

    def run(self) -> Context:
        """Prepare and execute."""
        return self.prepare().execute()


def check_groups_argument(groups: object) -> None:
    """Refuse groups that are no list of names.

    Raises
    ------
    TypeError
        A text, or something else that is no list of texts.
    ValueError
        An empty list.
    """
    if groups is None:
        return
    if isinstance(groups, str) or not isinstance(groups, list | tuple):
        raise TypeError(f"groups has to be a list of group names, not {groups!r}; write groups=[{groups!r}]")
    if not groups:
        raise ValueError("groups is an empty list; leave it out to run 'steps'")
    if not all(isinstance(name, str) for name in groups):
        raise TypeError(f"groups has to be a list of texts, not {groups!r}")


def _words(value: Any) -> list[str]:
    """Arguments of a shortcut: a list, or a text that is split like a shell does."""
    import shlex

    return shlex.split(value) if isinstance(value, str) else [str(item) for item in value or ()]


def first_context(
    recipe: Recipe,
    args_in: Sequence[str] | None,
    *,
    parse_args: bool | None,
    dict_in: Mapping[str, Any] | None,
) -> Context:
    """Make the context with which a recipe starts.

    Parameters
    ----------
    recipe : Recipe
        Names the parser.
    args_in : sequence of str or None
        Arguments; they win over ``dict_in``.
    parse_args : bool or None
        Run the parser; None decides by what is given.
    dict_in : mapping or None
        Copied.
    """
    context = Context(copied(dict(dict_in))) if dict_in is not None else Context()
    parse = (args_in is not None or dict_in is None) if parse_args is None else parse_args
    if not parse:
        return context
    if recipe.parser:
        context.merge(parse_arguments(recipe.parser, args_in or []))
    elif args_in:
        log.warning("Recipe %s names no parser: the arguments %s are not used.", recipe.name, list(args_in))
    return context
