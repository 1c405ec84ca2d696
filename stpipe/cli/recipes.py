"""``stpipe run``: run a recipe from the command line (spec running.md Y32)."""

from __future__ import annotations

import argparse
import os
import threading
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stpipe.run_status import CANCELED, FAILED, NOT_FOUND, WRONG

if TYPE_CHECKING:
    from stpipe.recipe_request import RecipeRequest
    from stpipe.run_loop import RunEntry
    from stpipe.run_request import RunRequest
    from stpipe.runner import Runner

__all__ = ["CANCELED", "FAILED", "NOT_FOUND", "WRONG", "CommandRecipe", "add_run_parser", "run"]


def add_run_parser(commands: Any) -> None:
    """Add the command ``run`` to the sub-commands of a parser."""
    parser = commands.add_parser(
        "run",
        help="run a recipe",
        description="Run a recipe. Exit code: 0 done, 1 not found, 2 a step failed, 4 bad recipe, 254 canceled or out "
        "of time.",
    )
    parser.add_argument("recipe", metavar="NAME", help="recipe: path with or without .yaml, package::name, or shortcut")
    parser.add_argument("args", nargs="*", metavar="ARG", help="arguments for the parser of the recipe, e.g. k=v")
    parser.add_argument("--group", nargs="+", action="extend", metavar="G", help="groups to run, instead of 'steps'")
    parser.add_argument("--success", metavar="G", help="group to run after them")
    parser.add_argument("--failure", metavar="G", help="group to run when they fail")
    parser.add_argument("--loader", metavar="M", help="dotted module that loads recipes")
    parser.add_argument("--dir", metavar="D", help="folder of modules with steps of the recipe")
    parser.add_argument("--input", nargs="+", action="extend", metavar="FILE", help="run it on each of these files")
    parser.add_argument("-j", "--jobs", type=int, metavar="N", help="work on so many files at once")
    parser.add_argument("--executor", metavar="E", help="inline, threads or processes (with -j above 1: processes)")
    parser.add_argument("--dask", metavar="ADDRESS", help="work on a dask cluster, such as tcp://head:8786")
    parser.add_argument(
        "--dask-folder", metavar="DIR", help="folder that all dask workers see, for models on their way"
    )
    parser.add_argument("--timeout", type=float, metavar="S", help="seconds after which the run is stopped")
    parser.add_argument("--artifacts", metavar="DIR", help="keep events, logs, errors and provenance in DIR/<ident>")
    parser.add_argument("--project", metavar="DIR", help="folder with recipes, inventory, parameters and settings")
    parser.add_argument("--allow-code", action="store_true", help="let the recipe contain Python")
    parser.add_argument("--dry-run", action="store_true", help="check the recipe and show its entries; run nothing")
    parser.add_argument("--log-level", metavar="LEVEL", help="show log records from this level on (default: NOTIFY)")
    parser.add_argument("--log-file", metavar="FILE", help="append the log to this file, too")


@dataclass(frozen=True)
class CommandRecipe:
    """A recipe with the arguments of a command line, as `stpipe.run` takes it.

    Attributes
    ----------
    asked : RecipeRequest
        Recipe, arguments, groups.
    inputs : tuple of str
        Files to run it on.
    """

    asked: RecipeRequest
    inputs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return str(self.asked.name)

    def for_json(self) -> dict[str, Any]:
        """Return what the command line said, for the record of the run."""
        names = ("name", "args_in", "groups", "success_group", "failure_group", "loader", "py_dir", "allow_code")
        return {name: getattr(self.asked, name) for name in names} | {"inputs": self.inputs}

    def run_entries(self, request: RunRequest) -> tuple[list[RunEntry], list[Any]]:
        """Return its one entry and the targets.

        Raises
        ------
        FileNotFoundError
            A file is not there.
        StpipeException
            The recipe cannot be used.
        """
        from stpipe.run_what import targets_of
        from stpipe.run_works import recipe_entry, recipe_request

        missing = [path for path in self.inputs if not os.path.exists(path)]
        if missing:
            raise FileNotFoundError(f"no such input: {', '.join(missing)}")
        targets = _file_targets(self.inputs) if self.inputs else targets_of(request)
        found = recipe_request(request)
        asked = replace(self.asked, parent=found.parent, defaults=found.defaults)
        return [recipe_entry(request, targets, asked)], targets


def _file_targets(paths: tuple[str, ...]) -> list[Any]:
    """Return exposures, or stand-ins for files of other kinds; their names are unique."""
    from stpipe.inventory import Inventory
    from stpipe.targets import StandIn, single_target

    if len(paths) == 1:
        return [single_target(paths[0])]
    exposures = list(Inventory(list(paths)))
    kinds = [isinstance(single_target(one.source), StandIn) for one in exposures]
    return [StandIn(one.source, one.name) if other else one for one, other in zip(exposures, kinds, strict=True)]


def run(options: argparse.Namespace) -> int:
    """Run what the options of ``stpipe run`` say.

    Returns
    -------
    int
        Exit code of spec running.md R4.
    """
    from stpipe import settings
    from stpipe.notify import NOTIFY, show_log

    settings.init()
    level = options.log_level or settings.log_level or NOTIFY
    try:
        undo = show_log(level.upper() if isinstance(level, str) else level, options.log_file)
    except (ValueError, OSError) as error:
        return _tell(error, WRONG)
    try:
        return _show(options) if options.dry_run else _run(options)
    finally:
        undo()


def _request(options: argparse.Namespace) -> RecipeRequest:
    from stpipe.recipe_request import RecipeRequest

    return RecipeRequest(
        options.recipe,
        options.args,
        groups=options.group,
        success_group=options.success,
        failure_group=options.failure,
        loader=options.loader,
        py_dir=options.dir,
        allow_code=options.allow_code,
    )


def _run(options: argparse.Namespace) -> int:
    """Run the recipe and give the exit code."""
    from stpipe.runner import run

    recipe = CommandRecipe(_request(options), tuple(options.input or ()))
    try:
        with _stoppable() as stop:
            runner = run(
                recipe,
                workers=options.jobs,
                executor=_executor(options),
                timeout=options.timeout,
                cancel_callback=stop,
                artifacts_dir=options.artifacts,
                project_dir=options.project,
            )
    except KeyboardInterrupt:
        return _tell(KeyboardInterrupt("canceled"), CANCELED)
    except Exception as error:  # what the options say cannot be used
        return _tell(error, WRONG)
    return _told(runner)


def _stoppable() -> Any:
    """Have signals ask the run to stop; in another thread than the first there are none to handle."""
    if threading.current_thread() is not threading.main_thread():
        return nullcontext()
    from stpipe.cli.signals import stoppable

    return stoppable()


def _executor(options: argparse.Namespace) -> Any:
    """Return the executor that was asked for; several jobs need another than ``inline``."""
    from stpipe import settings
    from stpipe.project import Project

    if options.dask is not None:
        from stpipe.executors.dask import from_command_line

        if options.executor is not None or options.jobs is not None:
            raise ValueError("--dask says where and how many: leave out --executor and --jobs")
        return from_command_line(options.dask, options.dask_folder)
    if options.dask_folder is not None:
        raise ValueError("--dask-folder is for --dask=ADDRESS")
    if options.executor is not None or (options.jobs or 1) <= 1:
        return options.executor
    chosen = Project(options.project).settings.get("executor") if options.project else None
    return "processes" if (chosen or settings.executor) == "inline" else None


def _told(runner: Runner) -> int:
    """Say what went wrong, if anything; give the exit code."""
    code = runner.rc or 0
    if runner.canceled:
        _tell(KeyboardInterrupt("canceled"), code)
    elif code and runner.failures and len(runner.targets) > 1:
        for target, error in runner.failures.items():
            _tell(error, code, f"{target}: ")
    elif code and runner.exception is not None:
        _tell(runner.exception, code)
    return code


def _show(options: argparse.Namespace) -> int:
    """Print the groups and entries that there are, those to be run first."""
    from stpipe.exceptions import RecipeNotFoundError
    from stpipe.project import Project

    try:
        parent = Project(options.project).recipes if options.project else None
        prepared = replace(_request(options), parent=parent).prepare()
    except Exception as error:
        return _tell(error, NOT_FOUND if isinstance(error, RecipeNotFoundError) else WRONG)
    for name, entries in prepared.recipe.groups.items():
        print(f"{name}:")
        for entry in entries:
            print(f"  line {entry.line}: {entry.label}" + (f" ({entry.step})" if entry.label != entry.step else ""))
    return 0


def _tell(error: BaseException, code: int, where: str = "") -> int:
    """Say on standard error what is wrong; give the exit code."""
    import sys

    print(f"stpipe run: error: {where}{error if str(error) else type(error).__name__}", file=sys.stderr)
    return code
