"""Reference files of a run: overrides, one batched look-up, answers remembered until the run ends.

Every top-level run is inside one `reference_session`; the context is bound when the first question is asked and stays
the same until the run ends. Steps are known by protocol only: `get_ref_override`, `_get_crds_parameters`,
`reference_file_types` and `_reference_files_used`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from stpipe import crds_client
from stpipe.crds_client import LookupFailure, check_reference_open
from stpipe.datamodel import AbstractDataModel

__all__ = [
    "ReferenceSession",
    "current_session",
    "get_override",
    "get_reference_file",
    "lookup_parameter_file",
    "lookup_parameter_files",
    "prefetch",
    "reference_session",
]

log = logging.getLogger(__name__)

FEW = 3
"""So many types are named one by one in a message."""

_NEVER_MATCHED = ("META.CAL_STEP.", "META.REF_FILE.", "META.CAL_LOGS", "META.FILENAME", "META.DATE", "META.CALIBRATION")
_session: ContextVar[ReferenceSession | None] = ContextVar("stpipe_reference_session", default=None)


class ReferenceSession:
    """What the reference service has said during one top-level run.

    Attributes
    ----------
    contexts : dict of str to str
        Context bound for each observatory that was asked; empty when no reference was looked up.
    """

    def __init__(self) -> None:
        self.contexts: dict[str, str] = {}
        self._answers: dict[tuple[str, frozenset[tuple[str, object]]], dict[str, str | LookupFailure]] = {}
        self._warned: set[str] = set()

    def context(self, observatory: str) -> str:
        """Context of this run (``jwst_1413.pmap``), bound now if it was not; ReferenceServiceError if unknown."""
        if observatory not in self.contexts:
            self.contexts[observatory] = crds_client.get_context_used(observatory)
        return self.contexts[observatory]

    def lookup(self, parameters: Mapping[str, object], types: Iterable[str], observatory: str) -> dict[str, str]:
        """Path or "N/A" for each type; one ReferenceServiceError for all that fail.

        Parameters
        ----------
        parameters : mapping of str to object
            Flat ``meta.…`` parameters of the exposure.
        types : iterable of str
            Reference types.
        observatory : str
            ``"jwst"``.
        """
        answers = self.answers(parameters, types, observatory)
        crds_client.raise_failures(answers)
        return {name: str(path) for name, path in answers.items()}

    def answers(
        self, parameters: Mapping[str, object], types: Iterable[str], observatory: str
    ) -> dict[str, str | LookupFailure]:
        """Like `lookup`, with the failures among the answers instead of raised."""
        wanted = list(types)
        known = self._answers.setdefault((observatory, _key(parameters)), {})
        new = [name for name in wanted if name not in known]
        if new:
            self._bind(observatory)
            context = self.contexts.get(observatory)
            known.update(crds_client.look_up(parameters, new, observatory, context=context))
        return {name: known[name] for name in wanted}

    def locate(
        self, parameters: Mapping[str, object], types: Iterable[str], observatory: str
    ) -> dict[str, str | LookupFailure]:
        """Like `answers`, without fetching anything: a path may be where the file would be. Not remembered."""
        self._bind(observatory)
        context = self.contexts.get(observatory)
        return crds_client.look_up(parameters, types, observatory, context=context, download=False)

    def warn_once(self, key: str, message: str) -> None:
        """Log a WARNING the first time that this key is used in the run, then DEBUG."""
        log.log(logging.DEBUG if key in self._warned else logging.WARNING, message)
        self._warned.add(key)

    def _bind(self, observatory: str) -> None:
        """Bind the context if it is known; otherwise the look-up itself tells why it is not."""
        if observatory not in self.contexts:
            context = crds_client.known_context(observatory)
            if context is not None:
                self.contexts[observatory] = context


def _key(parameters: Mapping[str, object]) -> frozenset[tuple[str, object]]:
    """The parameters that can decide a match, hashable."""
    simple = (
        (name.upper(), value) for name, value in parameters.items() if isinstance(value, str | bool | int | float)
    )
    return frozenset(item for item in simple if not item[0].startswith(_NEVER_MATCHED))


def current_session() -> ReferenceSession | None:
    """Session of the running top-level run, or None."""
    return _session.get()


@contextmanager
def reference_session(new: ReferenceSession | None = None) -> Iterator[ReferenceSession]:
    """Session in force; else the one given, or a new one, for the duration of the block."""
    session = _session.get()
    if session is not None:
        yield session
        return
    session = new or ReferenceSession()
    token = _session.set(session)
    try:
        yield session
    finally:
        _session.reset(token)


def get_override(step: Any, reference_file_type: str) -> Any:
    """Override of one type that is set on this step.

    Returns
    -------
    model, str or None
        A data model, an absolute path, "N/A", "" for blank text, or None when there is no override.
    """
    value = getattr(step, crds_client.get_override_name(reference_file_type), None)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text == "" or text.upper() == "N/A":
        return text.upper()
    return os.path.abspath(os.path.expanduser(text))


def get_reference_file(step: Any, model: Any, reference_file_type: str) -> Any:
    """Reference file of one type for a model, and its record in ``step._reference_files_used``.

    Parameters
    ----------
    step : Step
        Gives overrides and CRDS parameters.
    model : model, path or association
        What the reference is for.
    reference_file_type : str
        ``"dark"``.

    Returns
    -------
    str or model
        Path, "N/A", "" (override by blank text), or the overriding model itself.

    Raises
    ------
    OSError
        The override cannot be read.
    ReferenceServiceError
        CRDS has no answer.
    """
    override = step.get_ref_override(reference_file_type)
    if override is not None:
        return _use_override(step, override, reference_file_type)
    parameters, observatory = step._get_crds_parameters(model)
    path = _look_up(step, parameters, [reference_file_type], observatory)[reference_file_type]
    name = path if path == "N/A" else f"crds://{os.path.basename(path)}"
    step._reference_files_used.append((reference_file_type, name))
    return check_reference_open(path)


def _use_override(step: Any, override: Any, reference_file_type: str) -> Any:
    if isinstance(override, AbstractDataModel):
        handle = getattr(override, "override_handle", f"override://{type(override).__name__}")
        step._reference_files_used.append((reference_file_type, handle))
        return override
    if override == "":
        return ""
    if override.upper() == "N/A":
        step._reference_files_used.append((reference_file_type, "N/A"))
        return "N/A"
    path = os.path.abspath(override)
    _check_override_open(step, reference_file_type, path)
    step._reference_files_used.append((reference_file_type, path))
    return path


def prefetch(step: Any, *args: Any) -> None:
    """Look up, and check to be readable, all references that a pipeline will want, in one question.

    Parameters
    ----------
    step : Step
        Pipeline at the top of a run.
    *args
        Its arguments; the first is the dataset. One that has no CRDS parameters means no prefetch.

    Raises
    ------
    OSError
        A reference cannot be read.
    ReferenceServiceError
        CRDS has no answer for one of the types.
    """
    types = sorted(set(step.reference_file_types)) if args else []
    if not types:
        return
    try:
        parameters, observatory = step._get_crds_parameters(args[0])
    except (OSError, TypeError, ValueError) as error:
        log.info("First argument is no usable dataset, references are not prefetched: %s", error)
        return
    overrides = {name: step.get_ref_override(name) for name in types}
    wanted = [name for name in types if overrides[name] is None]
    log.info("Prefetching reference files for dataset: %r reftypes = %r", _dataset_name(args[0]), wanted)
    paths = _look_up(step, parameters, wanted, observatory) if wanted else {}
    for name in types:
        if name in paths:
            check_reference_open(paths[name])
            log.info("Prefetch for %s reference file is '%s'.", name.upper(), paths[name])
        else:
            _check_override(step, name, overrides[name])


def _look_up(step: Any, parameters: Mapping[str, object], types: Sequence[str], observatory: str) -> dict[str, str]:
    """Path or "N/A" for each type; the error for those that fail says which steps they are for."""
    with reference_session() as session:
        answers = session.answers(parameters, types, observatory)
    failed = [name for name in types if isinstance(answers[name], LookupFailure)]
    crds_client.raise_failures(answers, advice=_advice(step, failed) if len(failed) <= FEW else "")
    return {name: str(path) for name, path in answers.items()}


def _advice(step: Any, types: Sequence[str]) -> str:
    """Tell for which steps references are, and how to give them others."""
    lines = []
    for name in types:
        for path, _ in _users(step, name):
            option = ".".join([*(f"steps.{key}" for key in path), crds_client.get_override_name(name)])
            what = f"step {path[-1]}" if path else f"step {getattr(step, 'name', type(step).__name__)}"
            lines.append(f"{name} is for {what}; --{option}=FILE gives it another one.")
    return "\n".join(lines)


def _users(step: Any, name: str, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Steps that are not skipped and use a type, with their keys below the one that runs."""
    members: Mapping[str, Any] = step.sub_steps() if hasattr(step, "sub_steps") else {}
    if not members and name in (step.reference_file_types or ()):
        yield path, step
    for key, member in members.items():
        if not member.skip:
            yield from _users(member, name, (*path, key))


def _check_override(step: Any, name: str, override: Any) -> None:
    if isinstance(override, str):
        _check_override_open(step, name, override)
    log.info("Override for %s reference file is '%s'.", name.upper(), override)


def _check_override_open(step: Any, name: str, path: str) -> None:
    """Open the file of an override; the error says which parameter of which step named it, and where it was set."""
    try:
        check_reference_open(path)
    except OSError as error:
        option = crds_client.get_override_name(name)
        owner = next((user for _, user in _users(step, name) if get_override(user, name) == path), step)
        source = owner.recorded_sources().get(option) if hasattr(owner, "recorded_sources") else None
        origin = f"{option} of step {getattr(owner, 'name', '?')}{f' ({source})' if source else ''}"
        reason = f"{error.strerror} ({origin} can be a readable file, a data model, or 'N/A')"
        raise type(error)(error.errno, reason, path) from error


def _dataset_name(dataset: Any) -> str:
    """File name of a dataset without folder: of a model, of the first of several, of an association."""
    if isinstance(dataset, str | os.PathLike):
        return os.path.basename(os.fspath(dataset))
    if isinstance(dataset, Sequence) and dataset:
        return _dataset_name(dataset[0])
    association = getattr(dataset, "asn", None)
    table = association.get("table_name") if isinstance(association, Mapping) else None
    name = table or getattr(getattr(dataset, "meta", None), "filename", None)
    return os.path.basename(str(name)) if name else type(dataset).__name__


def lookup_parameter_file(parameters: Mapping[str, object], reference_file_type: str, observatory: str) -> str | None:
    """Path of one ``pars-*`` reference, or None; see `lookup_parameter_files`."""
    return lookup_parameter_files(parameters, [reference_file_type], observatory).get(reference_file_type)


def lookup_parameter_files(parameters: Mapping[str, object], types: Sequence[str], observatory: str) -> dict[str, str]:
    """Paths of those ``pars-*`` references that there are.

    No such reference gives a DEBUG line. A look-up that fails gives a WARNING with the types and the reason, once per
    reason and session: the defaults are then used, and the user must know.
    """
    found: dict[str, str] = {}
    failed: dict[str, list[str]] = {}
    with reference_session() as session:
        for name, answer in session.answers(parameters, types, observatory).items():
            if answer == "N/A":
                log.debug("No %s reference: not applicable", name.upper())
            elif isinstance(answer, str):
                found[name] = answer
            elif answer.not_found:
                log.debug("No %s reference: %s", name.upper(), answer.reason)
            else:
                failed.setdefault(answer.reason, []).append(name.upper())
        for reason, names in failed.items():
            more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
            session.warn_once(
                reason,
                f"{', '.join(names[:FEW])}{more} parameters could not be looked up, defaults are used: {reason} "
                "Check CRDS_PATH, CRDS_SERVER_URL and CRDS_CONTEXT, or --disable-crds-steppars.",
            )
    return found
