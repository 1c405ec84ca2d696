"""Names of products and their saving (spec framework.md §9 and §10)."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stpipe.atomic import check_folder, write_atomically
from stpipe.exceptions import OutputError
from stpipe.naming import given_output_file, input_name, layer_rank
from stpipe.run_state import current_state, file_name_of

if TYPE_CHECKING:
    from stpipe.step import Step

__all__ = [
    "SaveRequest",
    "check_folder_before_run",
    "check_overwrite_before_run",
    "is_library",
    "overwrite_policy",
    "planned_path",
    "planned_paths",
    "planned_results",
    "save_model",
    "save_results",
    "saves_now",
    "wants_saving",
]

log = logging.getLogger("stpipe.step")

OVERWRITE_POLICIES = ("allow", "warn", "forbid")


@dataclass(frozen=True, slots=True)
class SaveRequest:
    """How one call of ``save_model`` names its products.

    Attributes
    ----------
    suffix : str, bool or None
        Suffix; None takes that of the step, False none at all.
    idx : int or None
        Position among several results.
    output_file : str or None
        Base name; None takes that of the step, its parents, or the input.
    components : mapping
        Further parts of the name; None values are left out.
    """

    suffix: str | bool | None = None
    idx: int | None = None
    output_file: str | None = None
    components: Mapping[str, Any] = field(default_factory=dict)

    def path(self, step: Step, base: str | None, idx: int | None) -> str:
        """Name of a product with this base and index, the index before the other components."""
        return step.make_output_path(basepath=base, suffix=self.suffix, idx=idx, **self.components)


def wants_saving(step: Step) -> bool:
    """Whether a run of ``step`` is to save its result: save_results, or an output_file or output_dir of its own.

    An ``output_dir`` counts unless it comes from a CRDS parameter file or ``save_results=False`` was given at the same
    or a higher layer; an ``output_file`` counts unless ``save_results=False`` was given on the command line.
    """
    if saves_now(step):
        return True
    sources = step.recorded_sources()
    refusal = layer_rank(sources.get("save_results"))
    return bool(step.output_dir) and layer_rank(sources.get("output_dir")) > max(refusal, layer_rank("crds:"))


def saves_now(step: Step) -> bool:
    """Whether save_results or output_file of ``step``, as they are at this moment, ask for saving."""
    refused = step.recorded_sources().get("save_results") == "command line"
    return bool(step.save_results or (step.output_file and not refused))


def save_results(step: Step, result: Any) -> list[str]:
    """Save the result of a run: each element of a list or tuple, a model, a library, or anything that has ``save``.

    Returns
    -------
    list of str
        Paths written.
    """
    if isinstance(result, list | tuple):
        places = _places(step, result, SaveRequest())
        if len(result) == 1:
            places = [_Place(places[0].base, None)]
        groups = [_save_element(step, element, place) for element, place in zip(result, places)]
        return [path for group in groups for path in group]
    return _save_element(step, result, None)


def save_model(step: Step, model: Any, request: SaveRequest) -> str | list[str] | None:
    """Save a model, each member of a sequence, or each member of a library; return the path or paths."""
    if model is None:
        return None
    if is_library(model):
        return _save_library(step, model, request)
    if isinstance(model, list | tuple):
        places = _places(step, model, request)
        return [_write(step, item, request.path(step, place.base, place.idx)) for item, place in zip(model, places)]
    if isinstance(model, Sequence):
        return _save_container(step, model, request)
    place = _single_place(step, model, request)
    return _write(step, model, request.path(step, place.base, place.idx))


def planned_path(step: Step, request: SaveRequest) -> str:
    """Path that `save_model` would give one model made from the primary input; nothing is written."""
    place = _single_place(step, _stand_in(step), request)
    return request.path(step, place.base, place.idx)


def planned_paths(step: Step, count: int) -> list[str]:
    """Paths that `save_results` would give ``count`` models made from the primary input; nothing is written."""
    request = SaveRequest()
    models = [_stand_in(step)] * count
    return [request.path(step, place.base, place.idx) for place in _places(step, models, request)]


def planned_results(step: Step) -> list[str]:
    """Paths of the results of a planned run: one for a single input, else one for each member; nothing is written."""
    state = current_state()
    names = state.outermost.planned_inputs if state is not None else None
    if state is None or names is None:
        return [planned_path(step, SaveRequest())]
    state.outermost.one_result_each = True
    request = SaveRequest()
    return [request.path(step, place.base, place.idx) for place in _places_for(step, names, request)]


def _stand_in(step: Step) -> Any:
    """Make what names look at in a model: the file name."""
    from types import SimpleNamespace

    name = input_name(step)
    return SimpleNamespace(meta=SimpleNamespace(filename=os.path.basename(name) if name else None))


def check_folder_before_run(step: Step) -> None:
    """Refuse to start a run whose ``output_dir``, its own or that of a parent, cannot be written to.

    Raises
    ------
    OutputError
        A product would fail for the same reason at the end of the run.
    """
    owner: Any = next((member for member in (step, *step.ancestors()) if member.output_dir), None)
    if owner is None:
        return
    try:
        check_folder(os.path.dirname(step.make_output_path()))
    except OutputError as error:
        source = owner.recorded_sources().get("output_dir", "default")
        raise OutputError(f"{error} It was given to step {owner.name} ({source}).") from error


def check_overwrite_before_run(step: Step, args: Sequence[Any]) -> None:
    """Refuse to start a run one of whose products exists when overwriting is forbidden.

    Raises
    ------
    FileExistsError
        The policy is ``forbid``, and a file that this run, or a step in it, is known to write is there.
    """
    if overwrite_policy() != "forbid":
        return
    from stpipe.planning import known_products

    for path in known_products(step, args):
        if os.path.exists(path):
            raise _exists(path)


def overwrite_policy() -> str:
    """Policy of the run, else of the environment variable STPIPE_OVERWRITE, else ``allow``.

    Raises
    ------
    OutputError
        The environment variable is none of allow, warn, forbid.
    """
    policy = (_policy_of_run() or os.environ.get("STPIPE_OVERWRITE", "")).strip().lower() or "allow"
    if policy not in OVERWRITE_POLICIES:
        raise OutputError(f"STPIPE_OVERWRITE is {policy!r}; it can be {', '.join(OVERWRITE_POLICIES)}.")
    return policy


def _policy_of_run() -> str | None:
    state = current_state()
    return state.scope.overwrite if state else None


def is_library(value: object) -> bool:
    """Whether a value is a model library; libraries are not imported for the question."""
    import sys

    module = sys.modules.get("stpipe.library")
    return module is not None and isinstance(value, module.AbstractModelLibrary)


@dataclass(frozen=True, slots=True)
class _Place:
    """Base of a name (None: the usual one) and index of one of several results."""

    base: str | None
    idx: int | None


class _DecidedName(str):
    """A base name that this module has chosen, with its index, for one of several results."""


def _save_element(step: Step, element: Any, place: _Place | None) -> list[str]:
    if element is None:
        return []
    if is_library(element) or _is_container(element) or _is_model(element):
        decided: dict[str, Any] = {"output_file": _DecidedName(place.base)} if place and place.base else {}
        paths = step.save_model(element, idx=place.idx if place else None, **decided)
        return paths if isinstance(paths, list) else [paths] if paths else []
    if callable(getattr(element, "save", None)):
        path = step.make_output_path(idx=place.idx if place else None)
        return [_write_with(path, lambda temporary: element.save(temporary, overwrite=True))]
    return []


def _is_model(value: object) -> bool:
    from stpipe.datamodel import AbstractDataModel

    return isinstance(value, AbstractDataModel)


def _is_container(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes) and hasattr(value, "save")


def _single_place(step: Step, model: Any, request: SaveRequest) -> _Place:
    """Place of a model saved alone: its own file name where the step says so."""
    if isinstance(request.output_file, _DecidedName):
        return _Place(request.output_file, request.idx)
    own = file_name_of(model) if _uses_own_names(step, request) else None
    return _Place(own, None) if own else _Place(request.output_file, request.idx)


def _uses_own_names(step: Step, request: SaveRequest) -> bool:
    no_output_file = not request.output_file and not step.output_file
    return bool(step.output_use_model) or (no_output_file and not step.search_output_file)


def _places(step: Step, models: Sequence[Any], request: SaveRequest) -> list[_Place]:
    return _places_for(step, [file_name_of(model) for model in models], request)


def _places_for(step: Step, names: Sequence[str | None], request: SaveRequest) -> list[_Place]:
    """Base and index of each of several results, given their file names."""
    indexed = [_Place(request.output_file, index) for index in range(len(names))]
    if _uses_own_names(step, request):
        return _own_places(step, names, request) or [_Place(n or request.output_file, i) for i, n in enumerate(names)]
    if not step.output_use_index and len(names) > 1:
        places = _own_places(step, names, request)
        if places is None:
            log.warning(
                "Step %s: output_use_index=False needs results with different names of their own (%s); "
                "an index is added.",
                step.name,
                ", ".join(str(name) for name in names),
            )
        return places or indexed
    inputs = _list_input_names(step)
    if len(inputs) == len(names) and not request.output_file and not given_output_file(step) and not input_name(step):
        return _own_places(step, _in_result_order(inputs, names), request) or indexed
    return indexed


def _own_places(step: Step, names: Sequence[str | None], request: SaveRequest) -> list[_Place] | None:
    """Places after each one's own name, without index; None where one has no name or two get the same path."""
    places = [_Place(name, None) for name in names]
    if not all(names) or len({request.path(step, place.base, None) for place in places}) < len(places):
        return None
    return places


def _list_input_names(step: Step) -> tuple[str, ...]:
    """Names of the list that the step, or the pipeline around it, was given as input."""
    state = current_state()
    while state is not None:
        if state.input_names:
            return state.input_names
        state = state.outer if state.step.parent is not None else None
    return ()


def _in_result_order(inputs: Sequence[str], results: Sequence[str | None]) -> Sequence[str | None]:
    """Names of the inputs in the order of the results: by file name where all results carry one, else by position."""
    known = {os.path.basename(name) for name in inputs}
    if all(name and os.path.basename(name) in known for name in results):
        return results
    return inputs


def _save_container(step: Step, container: Any, request: SaveRequest) -> Any:
    """Have a container save itself, with names given by the step."""
    places = _places(step, container, request)

    def save_one(model: Any, idx: int | None = None, output_file: str | None = None, **_: object) -> str:
        if idx is not None and idx < len(places):
            place = places[idx]
        else:
            number, base = request.idx if idx is None else idx, output_file or request.output_file
            place = _single_place(step, model, replace(request, idx=number, output_file=base))
        return _write(step, model, request.path(step, place.base, place.idx))

    return container.save(path=request.output_file, save_model_func=save_one)


def _save_library(step: Step, library: Any, request: SaveRequest) -> list[str]:
    """Save the members of a library one by one."""
    paths = []
    with library:
        places = _places_for(step, list(_member_names(step, library, request)), request)
        for index, place in enumerate(places):
            model = library.borrow(index)
            try:
                paths.append(_write(step, model, request.path(step, place.base, place.idx)))
            finally:
                library.shelve(model, index, modify=False)
            del model  # or two are held while the next one is opened
    return paths


def _member_names(step: Step, library: Any, request: SaveRequest) -> Iterator[str | None]:
    """File names of the members, read only where the names of the products depend on them."""
    for index in range(len(library)):
        if not _uses_own_names(step, request) and step.output_use_index and not _list_input_names(step):
            yield None
        elif hasattr(library, "read_metadata"):
            yield library.read_metadata(index).get("meta.filename")
        else:
            model = library.borrow(index)
            name = file_name_of(model)
            library.shelve(model, index, modify=False)
            yield name


def _write(step: Step, model: Any, path: str) -> str:
    step.add_provenance(model)
    return _write_with(path, lambda temporary: step._save(model, temporary))


def _write_with(path: str, write: Callable[[str], object]) -> str:
    """Write one file under the overwrite policy and remember it."""
    _check_overwrite(path)
    written = write_atomically(path, write)
    state = current_state()
    if state is not None:
        state.scope.outputs.add(os.path.realpath(written))
        state.outputs.append(written)
    log.info("Saved model in %s", written)
    return written


def _check_overwrite(path: str) -> None:
    if not os.path.exists(path):
        return
    policy = overwrite_policy()
    if policy == "forbid":
        raise _exists(path)
    state = current_state()
    real = os.path.realpath(path)
    if state is not None and real in state.scope.outputs:
        log.warning("Overwriting %s, which this run has already written: two results have the same name.", path)
    elif state is not None and real in state.scope.inputs:
        log.warning("Overwriting %s, which is an input of this run.", path)
    elif policy == "warn":
        log.warning("Overwriting %s.", path)


def _exists(path: str) -> FileExistsError:
    return FileExistsError(f"'{path}' exists and STPIPE_OVERWRITE is 'forbid'. Remove it or set another output_dir.")
