"""Whatever a step of stage 3 may be given, as one library of exposures (spec common_imaging.md §4)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jwst.datamodels.asn_file import is_association, product_members, read_association
from jwst.datamodels.library import ModelLibrary
from jwst.stpipe.inputs import is_model
from stpipe.exceptions import InputError
from stpipe.library_members import expanded, is_uri, lies_outside, member_path, wanted_members
from stpipe.outputs import is_library
from stpipe.run_state import current_state

if TYPE_CHECKING:
    from jwst.stpipe import Step

__all__ = ["WrongKindError", "open_library", "refuse_mixed"]

log = logging.getLogger(__name__)

_ASSOCIATIONS = (".json", ".yaml", ".yml")
_EXPOSURES = (".fits", ".fits.gz", ".asdf")


class WrongKindError(InputError, TypeError):
    """The input is of a kind that is not processed here; a TypeError too, as in the released pipeline."""


def open_library(
    step: Step,
    step_input: Any,
    *,
    on_disk: bool = False,
    exptypes: Sequence[str] | None = None,
    allow_outside: bool = False,
) -> ModelLibrary:
    """Make a library of the input of a step.

    Parameters
    ----------
    step : Step
        Who asks. Models are copied where it runs alone, and taken as they are inside a pipeline; bare names are looked
        for in its ``input_dir``.
    step_input : str, Path, association, list, ModelContainer, ModelLibrary or data model
        Path of an association or of an exposure; an association; a list of paths and models; one model. A library comes
        back as it is.
    on_disk : bool, optional
        Keep changed models in temporary files. Models that are open already stay in memory.
    exptypes : sequence of str, optional
        Only members of these exposure types, compared without case; not used for a library.
    allow_outside : bool, optional
        Accept members whose relative name (``../x.fits``) leads out of the folder of the association.

    Returns
    -------
    ModelLibrary
        Files are opened when they are borrowed. A list becomes one product without a name.

    Raises
    ------
    FileNotFoundError
        The input, or a member, does not exist; the text names all of them.
    AssociationNotValidError
        A member lies outside (also an InputError).
    OSError
        The association cannot be read.
    InputError
        There is no exposure, or the name of a file is neither one of an exposure nor of an association (also a
        ValueError).
    WrongKindError
        Nothing of all this (also a TypeError).
    """
    if is_library(step_input):
        return step_input
    request = _Request(step, on_disk, exptypes, allow_outside)
    if isinstance(step_input, str | os.PathLike):
        return request.of_path(step.make_input_path(expanded(os.fspath(step_input))))
    if is_association(step_input):
        return request.of_association(step_input, os.getcwd(), "The association")
    if is_model(step_input):
        return request.of_list([step_input])
    if isinstance(step_input, Iterable) and not isinstance(step_input, Mapping | bytes):
        return request.of_list(list(step_input))
    raise WrongKindError(
        f"A {type(step_input).__name__} is no input of {step.name}: give an association or the path of one, exposures "
        "or their paths, a ModelContainer or a ModelLibrary"
    )


def refuse_mixed(library: ModelLibrary) -> None:
    """Refuse exposures of more than one instrument; only headers are read.

    Parameters
    ----------
    library : ModelLibrary
        No member is borrowed.

    Raises
    ------
    InputError
        The text names the exposures of each instrument.
    """
    found: dict[str, list[str]] = {}
    for index in range(len(library)):
        metadata = library.read_metadata(index)
        name = str(metadata.get("meta.filename", f"exposure {index + 1}"))
        found.setdefault(str(metadata.get("meta.instrument.name", "no instrument")), []).append(name)
    if len(found) > 1:
        texts = "; ".join(f"{instrument}: {', '.join(names)}" for instrument, names in found.items())
        raise InputError(f"The exposures are of different instruments, and cannot be combined: {texts}")


@dataclass(frozen=True)
class _Request:
    """What kind of library is wanted, and by whom; see `open_library`."""

    step: Step
    on_disk: bool
    exptypes: Sequence[str] | None
    allow_outside: bool

    def of_path(self, path: str) -> ModelLibrary:
        """Library of an association or exposure in a file."""
        name = path.lower()
        if not name.endswith(_ASSOCIATIONS + _EXPOSURES):
            raise InputError(
                f"The input file {path} is neither an exposure nor an association by its name, which ends with none of "
                f"{', '.join(_EXPOSURES + _ASSOCIATIONS)}"
            )
        if not is_uri(path) and not os.path.exists(path):
            raise FileNotFoundError(f"The input file {path} does not exist")
        if name.endswith(_EXPOSURES):
            return self.of_list([path])
        _note_input(path)
        folder = os.path.dirname(os.path.abspath(path))
        return self.of_association(read_association(path), folder, f"The association {path}", path=path)

    def of_association(self, tree: Any, folder: str, what: str, *, path: str | None = None) -> ModelLibrary:
        """Library of the first product of an association, which has a path if it is from a file."""
        members = wanted_members(product_members(tree), self.exptypes, None)
        if not members:
            kinds = f" of type {', '.join(self.exptypes)}" if self.exptypes else ""
            raise InputError(f"{what} has no exposure{kinds} in its first product")
        if path is not None and not self.allow_outside:
            ModelLibrary.refuse_outside(tree, path)
        names = [str(member["expname"]) for member in members]
        _refuse_missing([member_path(name, folder) for name in names], what)
        elsewhere = [name for name in names if path is not None and lies_outside(name, folder)]
        if elsewhere:
            log.warning("%s has members in other folders than its own: %s", what, ", ".join(elsewhere))
        return self._library(tree if path is None else path)

    def of_list(self, items: list[Any]) -> ModelLibrary:
        """Library of models and paths: one product without a name."""
        if not items:
            raise InputError(f"The input of {self.step.name} is an empty list: give at least one exposure")
        for item in items:
            if not (is_model(item) or isinstance(item, str | os.PathLike)):
                raise WrongKindError(
                    f"The input of {self.step.name} has a {type(item).__name__}; give models and paths"
                )
        items = [item if is_model(item) else self.step.make_input_path(expanded(os.fspath(item))) for item in items]
        _refuse_missing([item for item in items if isinstance(item, str)], "The input")
        if not any(map(is_model, items)):
            members = [{"expname": os.path.abspath(path), "exptype": _exptype(path)} for path in items]
            return self._library({"products": [{"members": members}]})
        if self.on_disk:
            log.info("The exposures are not kept on disk, because models were given, which are in memory")
        if self.step.parent is None:
            items = [item.copy() if is_model(item) else item for item in items]
        return ModelLibrary(items, asn_exptypes=self.exptypes)

    def _library(self, init: Any) -> ModelLibrary:
        """Library of an association or its path."""
        library = ModelLibrary(init, asn_exptypes=self.exptypes, on_disk=self.on_disk, allow_outside=self.allow_outside)
        for path in _paths(library):
            _note_input(path)
        return library


def _paths(library: ModelLibrary) -> Iterator[str]:
    """Paths of the files of all members."""
    for member in library.asn["products"][0]["members"]:
        yield member_path(str(member["expname"]), library.asn_dir)


def _note_input(path: str) -> None:
    """Have the run know that it reads a file, so that it warns before it writes to it."""
    state = current_state()
    if state is not None:
        state.scope.add_input(path)


def _refuse_missing(paths: Iterable[str], what: str) -> None:
    missing = [path for path in paths if not is_uri(path) and not os.path.exists(path)]
    if missing:
        verb = "does" if len(missing) == 1 else "do"
        raise FileNotFoundError(f"{what} names what {verb} not exist: {', '.join(missing)}")


def _exptype(path: str) -> str:
    """Exposure type that a file carries from an association that it was in, else SCIENCE."""
    from jwst.datamodels.metadata import read_exptype

    return read_exptype(path) or "SCIENCE"
