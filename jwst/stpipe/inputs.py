"""How a step takes ownership of its input (spec jwst_base.md §2.1 and §2.3)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stpipe.exceptions import InputError, StpipeException

__all__ = [
    "GUIDE_TYPES",
    "Request",
    "converted",
    "crds_parameters",
    "is_model",
    "native_arrays",
    "ramp_class",
    "refuse_empty",
    "refuse_several",
    "take",
]

GUIDE_TYPES = frozenset(
    {"FGS_ID-STACK", "FGS_ID-IMAGE", "FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK", "FGS_FINEGUIDE"},
)
_RAMP_CLASSES = ("RampModel", "SuperstripeRampModel", "GuiderRawModel")
_EXTENSIONS = frozenset({"fits", "asdf", "json"})
_RAMP_ARRAYS = ("data", "pixeldq", "groupdq", "dq", "err", "zeroframe", "refout")


@dataclass(frozen=True, slots=True)
class Request:
    """What a step wants its input to be.

    Attributes
    ----------
    copy : bool or None
        Copy a model always, never, or (None) when ``standalone``.
    standalone : bool
        Whether the step runs outside of a pipeline.
    open_models : bool
        Open files; False leaves names as they are.
    open_as : callable or None
        Model class, or function that opens.
    as_ramp : bool
        Open and convert to the ramp class of the exposure; ``open_as`` wins.
    options : mapping
        Passed on where a file is opened.
    """

    copy: bool | None = None
    standalone: bool = True
    open_models: bool = True
    open_as: Callable[..., Any] | None = None
    as_ramp: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def copies(self, default: bool) -> bool:
        """Whether to copy something that is copied by default in a standalone run, or not at all."""
        return (default and self.standalone) if self.copy is None else self.copy


def is_model(value: object) -> bool:
    """Whether a value is a data model; `stdatamodels` is not imported for the question."""
    module = sys.modules.get("stdatamodels.jwst.datamodels")
    return module is not None and isinstance(value, module.JwstDataModel)


def refuse_several(init: Any, name: str) -> None:
    """Refuse a list, an association, a container or a library where one exposure is processed.

    Parameters
    ----------
    init : object
        Input of a step.
    name : str
        Name of the step, for the message.

    Raises
    ------
    InputError
        It is more than one exposure; the text says how to process each.
    """
    path = str(init) if isinstance(init, str | os.PathLike) else ""
    if is_model(init) or (path and not path.endswith(".json")):
        return
    if (
        path
        or isinstance(init, list | tuple | Mapping)
        or hasattr(init, "map_function")
        or hasattr(init, "group_names")
    ):
        what = f"the association {path}" if path else f"{len(init)} inputs ({type(init).__name__})"
        raise InputError(
            f"{name} processes one exposure at a time and got {what}; call it for each of them, "
            f"for example: results = [{name}.call(one) for one in exposures]"
        )


def take(init: Any, request: Request, open_model: Callable[..., Any]) -> Any:
    """Make the input of a step the step's own.

    Parameters
    ----------
    init : str, Path, list, association, model, container or library
        The input.
    request : Request
        What it is to become.
    open_model : callable
        Opens everything that is no single file of a wanted class.

    Returns
    -------
    model, container, library, str or Path

    Raises
    ------
    TypeError
        Nothing of these, or a copy of a name or a library is asked for.
    """
    from stpipe.outputs import is_library

    if isinstance(init, str | os.PathLike) or (isinstance(init, list) and not any(map(is_model, init))):
        if not request.open_models:
            return _kept(init, request)
        return _opened(init, request, open_model) if not isinstance(init, list) else open_model(init, **request.options)
    if is_library(init):
        return _kept(init, request)
    if is_model(init):
        return _owned_model(init, request)
    return _owned_container(init, request, open_model)


def _kept(init: Any, request: Request) -> Any:
    if request.copy and isinstance(init, list):
        return list(init)
    if request.copy:
        raise TypeError(f"Copy is not possible for input type {type(init)}")
    return init


def _owned_model(model: Any, request: Request) -> Any:
    result = model
    if request.open_as is not None:
        if not (isinstance(request.open_as, type) and isinstance(model, request.open_as)):
            result = request.open_as(model, **request.options)
    elif request.as_ramp:
        result = converted(model, ramp_class(model.meta.exposure.type, model.meta.subarray.num_superstripe))
    return result.copy() if request.copies(default=True) else result


def _owned_container(init: Any, request: Request, open_model: Callable[..., Any]) -> Any:
    from jwst.datamodels.asn_file import is_association
    from jwst.datamodels.container import ModelContainer

    if isinstance(init, ModelContainer):
        return init.copy() if request.copies(default=True) else init
    if isinstance(init, list):
        container = ModelContainer(init, **request.options)
        return container.copy() if request.copies(default=True) else container
    if is_association(init):
        return ModelContainer(init, **request.options)
    return open_model(init, **request.options)


def _opened(path: Any, request: Request, open_model: Callable[..., Any]) -> Any:
    """Open one file."""
    _check_kind(os.fspath(path))
    if request.open_as is not None:
        return _opened_as(path, request.open_as, request.options)
    if request.as_ramp and not str(path).endswith(".json"):
        found = _readable_parameters(path)
        cls = ramp_class(found.get("meta.exposure.type"), found.get("meta.subarray.num_superstripe"))
        return _opened_as(path, cls, request.options)
    return open_model(path, **request.options)


def _opened_as(path: Any, cls: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """Open a file with a class or function; ramps in FITS files by the fast way."""
    if str(path).endswith(".fits") and getattr(cls, "__name__", "") in _RAMP_CLASSES and not options:
        from jwst.datamodels.fast_fits import open_ramp

        return open_ramp(os.fspath(path), cls)  # type: ignore[arg-type]
    try:
        return cls(path, **options)
    except (OSError, StpipeException):
        raise
    except Exception as error:
        raise InputError(f"The input file {path} cannot be read as {_name_of(cls)}: {error}") from error


def _name_of(opener: Callable[..., Any]) -> str:
    return str(getattr(opener, "__name__", opener))


def _check_kind(path: str) -> None:
    """Refuse a name that cannot be one of an exposure or association, in words that say what can.

    Raises
    ------
    InputError
        A folder, or a name without an extension that is known.
    """
    if os.path.isdir(path):
        raise InputError(f"The input file {path} is a directory; give the name of a file in it")
    if not _EXTENSIONS.intersection(os.path.basename(path).lower().split(".")[-2:]):
        raise InputError(
            f"The input file {path} is no exposure by its name, which ends neither with .fits or .asdf, nor with .json "
            "for an association"
        )


def _readable_parameters(path: Any) -> dict[str, Any]:
    """Metadata from the header; empty where that cannot be read, which opening the file will then explain."""
    from jwst.stpipe.header_parameters import file_parameters

    try:
        return file_parameters(path)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError):
        return {}


def ramp_class(exposure_type: str | None, num_superstripe: int | None) -> type:
    """Class of ramps for an exposure: ``GuiderRawModel``, ``SuperstripeRampModel`` or ``RampModel``.

    Parameters
    ----------
    exposure_type, num_superstripe : str and int, or None
        ``meta.exposure.type`` and ``meta.subarray.num_superstripe``.
    """
    from stdatamodels.jwst import datamodels

    if exposure_type in GUIDE_TYPES:
        return datamodels.GuiderRawModel
    return datamodels.SuperstripeRampModel if (num_superstripe or 0) > 0 else datamodels.RampModel


def converted(model: Any, cls: type) -> Any:
    """Convert a model to a class of ramps, sharing its arrays; a model of that class comes back as it is.

    Raises
    ------
    TypeError
        An array has a type that this class cannot hold.
    ValueError
        An array has a wrong number of axes.
    """
    import logging

    import numpy as np

    if isinstance(model, cls):
        return model
    target = cls()
    for name in _RAMP_ARRAYS:
        array, schema = getattr(model, name, None), target.schema["properties"].get(name)
        if array is None or not schema:
            continue
        if array.ndim != schema.get("ndim", array.ndim):
            raise InputError(f"{name} has {array.ndim} axes; a {cls.__name__} needs {schema['ndim']}: this is no ramp")
        if not np.can_cast(array.dtype, target.get_dtype(name), "equiv"):
            message = (
                "Input data model is not compatible. "
                f"The file should be opened as a {cls.__name__} before calling the step."
            )
            logging.getLogger("jwst.stpipe.core").error("%s (%s is %s)", message, name, array.dtype)
            raise TypeError(f"{message} ({name} is {array.dtype})")
    return cls(model)


def native_arrays(model: Any) -> None:
    """Replace arrays that cannot be worked on in place: other byte order, not contiguous, or read-only."""
    import numpy as np

    for name in _RAMP_ARRAYS:
        array = getattr(model, name, None)
        if array is None:
            continue
        if not (array.flags.c_contiguous and array.flags.writeable and array.dtype.isnative):
            setattr(model, name, np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))


def refuse_empty(model: Any) -> None:
    """Refuse an exposure without samples, which no step could use.

    Parameters
    ----------
    model : data model

    Raises
    ------
    InputError
        An axis of ``data`` has length 0.
    """
    data = model.data
    if data is not None and data.size == 0:
        name = model.meta.filename or "the exposure"
        raise InputError(
            f"The SCI array of {name} has no samples: its shape is {tuple(data.shape)} (integrations, groups, rows, "
            "columns). Get the exposure again, or leave it out"
        )


def crds_parameters(dataset: Any) -> dict[str, Any]:
    """Metadata that references for an input are chosen by; no model is opened for it.

    Parameters
    ----------
    dataset : str, Path, model, library, list, tuple or container
        Of a list the first element, of an association file the first science member.

    Returns
    -------
    dict
        Flat: ``meta.…`` to a simple value.

    Raises
    ------
    ValueError
        The list is empty, or the association has no science member.
    TypeError
        Anything else.
    """
    from stpipe.outputs import is_library

    if isinstance(dataset, str | os.PathLike):
        return _file_crds_parameters(dataset)
    if isinstance(dataset, Sequence):
        if not len(dataset):
            raise ValueError(f"Input dataset {dataset} is empty")
        return crds_parameters(dataset[0])
    if is_model(dataset):
        return _model_crds_parameters(dataset)
    if is_library(dataset):
        return dataset.get_crds_parameters()
    raise TypeError(f"Cannot get CRDS parameters for {dataset} of type {type(dataset)}")


def _model_crds_parameters(model: Any) -> dict[str, Any]:
    """The simple metadata of a model by dotted name: what CRDS chooses by.

    ``get_crds_parameters`` of the data models walks every value through its schema, which takes milliseconds for each
    reference of a run. A class with rules of its own is asked.
    """
    from stdatamodels.jwst.datamodels import JwstDataModel

    if type(model).get_crds_parameters is not JwstDataModel.get_crds_parameters:
        return model.get_crds_parameters()
    return _simple_values(model._instance.get("meta", {}), "meta.")


def _simple_values(node: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Texts and numbers below a node of metadata."""
    values: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, dict):
            values |= _simple_values(value, f"{prefix}{key}.")
        elif isinstance(value, str | int | float | complex):
            values[prefix + key] = value
    return values


def _file_crds_parameters(path: str | os.PathLike) -> dict[str, Any]:
    from jwst.stpipe.header_parameters import file_parameters

    if os.fspath(path).endswith(".json"):
        from jwst.datamodels.asn_file import first_science_path

        return file_parameters(first_science_path(path))
    return file_parameters(path)
