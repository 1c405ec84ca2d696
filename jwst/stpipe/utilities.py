"""Status of steps in the metadata of products, and the step classes of a package (spec jwst_base.md §3)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from types import ModuleType
from typing import Any

__all__ = [
    "ALLOWED_STEP_STATUS",
    "NON_STEPS",
    "NOT_SET",
    "all_steps",
    "folder_traverse",
    "invariant_filename",
    "load_local_pkg",
    "query_step_status",
    "record_step_status",
    "summary_step_status",
]

NON_STEPS = [
    "EngDBLogStep",
    "FunctionWrapper",
    "JwstPipeline",
    "JwstStep",
    "NotBuiltStep",
    "Pipeline",
    "Step",
    "SystemCall",
]
ALLOWED_STEP_STATUS = ("COMPLETE", "SKIPPED", "FAILED")
NOT_SET = "NOT SET"


def record_step_status(datamodel: Any, cal_step: str, success: bool = True, status: str | None = None) -> None:
    """Write the status of a step into a model, each element of a sequence, or each member of a library.

    Parameters
    ----------
    datamodel : model, sequence of models, or library
        Changed in place.
    cal_step : str
        Key below ``meta.cal_step``; the schema need not know it.
    success : bool, optional
        COMPLETE or FAILED, where ``status`` is not given.
    status : str, optional
        One of `ALLOWED_STEP_STATUS`.

    Raises
    ------
    ValueError
        The status is none of these.
    """
    status = status or ("COMPLETE" if success else "FAILED")
    if status not in ALLOWED_STEP_STATUS:
        raise ValueError(f"Step status {status} not in allowed values: {ALLOWED_STEP_STATUS}")
    for model in _models(datamodel):
        setattr(model.meta.cal_step, cal_step, status)


def query_step_status(datamodel: Any, cal_step: str) -> str:
    """Status of a step in a model, in the first element of a sequence, or in the first member of a library.

    Parameters
    ----------
    datamodel : model, sequence of models, or library
        A library is not opened: the metadata of its first member are read.
    cal_step : str
        Key below ``meta.cal_step``.

    Returns
    -------
    str
        `NOT_SET` where there is none.
    """
    from stpipe.outputs import is_library

    if is_library(datamodel):
        return datamodel.read_metadata(0).get(f"meta.cal_step.{cal_step}") or NOT_SET
    model = datamodel[0] if _is_sequence(datamodel) else datamodel
    return getattr(model.meta.cal_step, cal_step, None) or NOT_SET


def summary_step_status(step_status: Iterable[str | None]) -> str:
    """Sum up several statuses: COMPLETE if any is, else FAILED if any is, else SKIPPED."""
    present = set(step_status)
    return next((status for status in ("COMPLETE", "FAILED") if status in present), "SKIPPED")


def _models(datamodel: Any) -> Iterator[Any]:
    from stpipe.outputs import is_library

    if is_library(datamodel):
        with datamodel:
            for index in range(len(datamodel)):
                model = datamodel.borrow(index)
                yield model
                datamodel.shelve(model, index)
    elif _is_sequence(datamodel):
        yield from datamodel
    else:
        yield datamodel


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def invariant_filename(save_model_func: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function that saves a model so that ``meta.filename`` of the model stays what it was."""

    @wraps(save_model_func)
    def save_model(model: Any, *args: Any, **kwargs: Any) -> Any:
        """Save, and put the file name back."""
        filename = model.meta.filename
        try:
            return save_model_func(model, *args, **kwargs)
        finally:
            model.meta.filename = filename

    return save_model


def all_steps() -> dict[str, type]:
    """All step and pipeline classes of this package, by class name."""
    from importlib import import_module

    from jwst.stpipe.integration import PIPELINES, STEPS

    entries = sorted((*PIPELINES, *STEPS), key=lambda entry: entry.name)
    return {entry.name: getattr(import_module(f"jwst.{entry.module}"), entry.name) for entry in entries}


def load_local_pkg(fpath: str) -> Iterator[ModuleType]:
    """Import the modules in a folder of a package, one after the other.

    Parameters
    ----------
    fpath : str
        Folder of a package; its parent folders with an ``__init__.py`` give the rest of the module names.
    """
    from importlib import import_module

    package_folder = os.path.abspath(fpath)
    top = package_folder
    while os.path.isfile(os.path.join(os.path.dirname(top), "__init__.py")):
        top = os.path.dirname(top)
    for path in folder_traverse(package_folder, basename_regex=r"[^_].*\.py$", path_exclude_regex="tests"):
        relative = os.path.relpath(path, os.path.dirname(top))
        yield import_module(os.path.splitext(relative)[0].replace(os.sep, "."))


def folder_traverse(folder_path: str, basename_regex: str = ".+", path_exclude_regex: str = "^$") -> Iterator[str]:
    """Walk over the files below a folder.

    Parameters
    ----------
    folder_path : str
        Where to start.
    basename_regex : str, optional
        What the beginning of a file name must match.
    path_exclude_regex : str, optional
        Files in folders in whose path this is found are left out.

    Yields
    ------
    str
        Path of a file.
    """
    wanted, excluded = re.compile(basename_regex), re.compile(path_exclude_regex)
    for root, folders, files in os.walk(folder_path):
        folders.sort()
        if excluded.search(root):
            continue
        for name in sorted(files):
            if wanted.match(name):
                yield os.path.join(root, name)
