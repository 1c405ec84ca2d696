"""Step packages that are installed: entry-point group ``stpipe.steps``."""

from __future__ import annotations

import warnings
from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple

__all__ = ["STEPS_GROUP", "StepInfo", "get_steps"]

STEPS_GROUP = "stpipe.steps"


class StepInfo(NamedTuple):
    """One step or pipeline that an installed package offers.

    Attributes
    ----------
    class_name : str
        Dotted path of the class.
    class_alias : str or None
        Short name.
    is_pipeline : bool
        Whether the class is a pipeline.
    package_name, package_version : str
        Distribution that offers it.
    """

    class_name: str
    class_alias: str | None
    is_pipeline: bool
    package_name: str
    package_version: str


def get_steps() -> list[StepInfo]:
    """All steps of the installed packages.

    A package that fails to list its steps gives a warning; the others are still listed.
    """
    steps: list[StepInfo] = []
    for entry_point in entry_points(group=STEPS_GROUP):
        name, version = _origin(entry_point)
        try:
            rows = entry_point.load()()
            steps += [StepInfo(path, alias, is_pipeline, name, version) for path, alias, is_pipeline in rows]
        except Exception as error:
            warnings.warn(
                f"{STEPS_GROUP} plugin from package {name}=={version} failed to load:\n\n"
                f"{type(error).__name__}: {error}",
                stacklevel=2,
            )
    return steps


def _origin(entry_point: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution of an entry point."""
    distribution = entry_point.dist
    if distribution is None:
        return entry_point.module, "unknown"
    return distribution.name, distribution.version
