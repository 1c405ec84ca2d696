"""What made a product: steps, parameters and their sources, references, context, versions and times.

A mission layer stores the record of `record_run` in its models (``Step.add_provenance``), in JWST products under
``provenance`` in the ASDF tree. `read` gives it back, ``stpipe provenance FILE`` prints it. The record holds no
folders, so that a product can be passed on.

``provenance`` is a mapping: ``format``, and ``runs``, a list with the latest run last, each with ``run``, ``step``,
``class``, ``started``, ``recorded``, ``inputs``, ``context``, ``versions``, ``references`` and ``details``. That is
JSON: ``parameters``, ``sources`` (those that are not defaults) and ``steps`` with the same for each step; one text,
because a tree of hundreds of values takes tens of milliseconds to write and to read.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from stpipe.run_state import RunState, Snapshot, StepRun, current_state

__all__ = [
    "FORMAT",
    "Provenance",
    "RunRecord",
    "StepRecord",
    "append_run",
    "keep_earlier_runs",
    "read",
    "record_run",
    "versions_of",
]

FORMAT = "stpipe-provenance-1"


@dataclass(frozen=True)
class StepRecord:
    """One step of a run.

    Attributes
    ----------
    name, class_name : str
        Name of the step; dotted path of its class.
    status : str
        ``done``, ``skipped`` or ``failed``.
    reason : str or None
        Why it was skipped.
    seconds : float
        How long it took.
    references : dict of str to str
        Type to name.
    parameters : dict of str to (value, source)
        Empty for a step that did nothing.
    """

    name: str
    class_name: str
    status: str = "done"
    reason: str | None = None
    seconds: float = 0.0
    references: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, tuple[Any, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRecord:
    """One run that made a product.

    Attributes
    ----------
    run : str
        Identity, shared by all products of the run.
    step : StepRecord
        The pipeline or step that was run.
    steps : tuple of StepRecord
        What ran inside it, in order.
    started, recorded : str
        When the run began and when the record was made, ISO 8601, UTC.
    inputs : tuple of str
        Names of the inputs.
    context : str or None
        Context of the references.
    versions : dict of str to str
        Software.
    references : dict of str to str
        Of all steps.
    """

    run: str
    step: StepRecord
    steps: tuple[StepRecord, ...]
    started: str
    recorded: str
    inputs: tuple[str, ...]
    context: str | None
    versions: Mapping[str, str]
    references: Mapping[str, str]

    def flat(self) -> dict[str, tuple[Any, str]]:
        """Value and source of every parameter by dotted name, e.g. ``steps.jump.rejection_threshold``."""
        facts = dict(self.step.parameters)
        for step in self.steps:
            facts.update({f"steps.{step.name}.{name}": fact for name, fact in step.parameters.items()})
        return facts


@dataclass(frozen=True, repr=False)
class Provenance:
    """What made a product; `str` gives a report, a notebook shows HTML.

    Attributes
    ----------
    runs : tuple of RunRecord
        The latest last; earlier ones are those that made its input.
    """

    runs: tuple[RunRecord, ...]

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def text(self, *, complete: bool = False) -> str:
        """Return a report; ``complete`` lists the parameters that are defaults, too."""
        from stpipe.provenance_text import report_lines

        return "\n".join(report_lines(self, complete=complete))

    def _repr_html_(self) -> str:
        from stpipe.html_view import provenance_html

        return provenance_html(self)


def read(source: Any) -> Provenance:
    """Read what made a product.

    Parameters
    ----------
    source : str, Path, model or mapping
        A product: FITS file with an ASDF extension, ASDF file, open model, or the ``provenance`` mapping itself.

    Returns
    -------
    Provenance

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        There is no provenance in it, or none that this version can read.
    """
    from stpipe.exceptions import InputError

    what = os.fspath(source) if isinstance(source, str | os.PathLike) else type(source).__name__
    tree = _stored(source)
    if not isinstance(tree, Mapping) or "runs" not in tree:
        raise InputError(f"{what} holds no provenance: it was not made by this software, or by a release without it.")
    if tree.get("format") != FORMAT:
        raise InputError(
            f"{what} holds provenance in the format {tree.get('format')!r}; this version reads {FORMAT!r}."
        )
    return Provenance(tuple(_run_record(run) for run in tree["runs"]))


def _stored(source: Any) -> Any:
    """The ``provenance`` node of a file, a model or a tree."""
    if isinstance(source, str | os.PathLike):
        from stpipe.asdf_tree import read_node

        return read_node(os.fspath(source), "provenance")
    if isinstance(source, Mapping):
        return source.get("provenance", source)
    tree = getattr(source, "_instance", None)
    return tree.get("provenance") if isinstance(tree, Mapping) else getattr(source, "provenance", None)


def _run_record(run: Mapping[str, Any]) -> RunRecord:
    details = json.loads(run["details"])
    top = StepRecord(run["step"], run["class"], parameters=_with_sources(details))
    return RunRecord(
        run=run["run"],
        step=top,
        steps=tuple(_step_record(step) for step in details["steps"]),
        started=run["started"],
        recorded=run["recorded"],
        inputs=tuple(run["inputs"]),
        context=run.get("context"),
        versions=dict(run["versions"]),
        references=dict(run["references"]),
    )


def _step_record(step: Mapping[str, Any]) -> StepRecord:
    names = ("name", "status", "reason", "seconds", "references")
    return StepRecord(class_name=step["class"], parameters=_with_sources(step), **{name: step[name] for name in names})


def _with_sources(details: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    sources = details["sources"]
    return {name: (value, sources.get(name, "default")) for name, value in details["parameters"].items()}


def record_run(versions: Mapping[str, str]) -> dict[str, Any] | None:
    """Make the record of the run that is going on, as plain data.

    Parameters
    ----------
    versions : mapping
        Software to name.

    Returns
    -------
    dict or None
        None outside a run.
    """
    state = current_state()
    if state is None:
        return None
    top = state.outermost
    history = _history(top, state)
    references = dict(reference for entry in history for reference in entry.references)
    now = time.time()
    return {
        "run": _ident(top),
        "step": top.step.class_alias or top.step.name,
        "class": _class_path(top.step),
        "started": _utc(now - (time.perf_counter() - top.started)),
        "recorded": _utc(now),
        "inputs": _inputs(top),
        "context": _context(),
        "versions": dict(versions),
        "references": {kind: _without_folder(name) for kind, name in sorted(references.items())},
        "details": _details(top, history),
    }


def _history(top: RunState, state: RunState) -> list[StepRun]:
    """What has run so far: steps that are over, and the one that the record is made for."""
    if state is top and top.history:
        return [entry for entry in top.history if entry.status != "failed"]
    status = "done" if state.skip_reason is None else "skipped"
    seconds = time.perf_counter() - state.started
    now = StepRun(state.step, status, state.skip_reason, seconds, state.step._reference_files_used)
    return [*top.history, now]


def _ident(top: RunState) -> str:
    if top.ident is None:
        import uuid

        top.ident = str(uuid.uuid4())
    return top.ident


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _class_path(step: Any) -> str:
    from stpipe.explain import class_path

    return class_path(step)


def _inputs(top: RunState) -> list[str]:
    names = {os.path.basename(path) for path in top.scope.inputs - top.inputs_before}
    own = top.step._input_filename
    return sorted(names | ({os.path.basename(own)} if own else set()))


def _context() -> str | None:
    from stpipe.references import current_session

    session = current_session()
    return next(iter(session.contexts.values()), None) if session is not None else None


def _details(top: RunState, history: Sequence[StepRun]) -> str:
    before = {id(step): _as_they_were(values) for step, values in top.parameters}
    details: dict[str, Any] = _parameters(top.step, before)
    details["steps"] = [dict(_step_details(entry, before)) for entry in history if entry.step is not top.step]
    return json.dumps(details)


def _as_they_were(values: Snapshot) -> dict[str, Any]:
    """Values at the start of the run; a list may have been changed in place since."""
    return {name: value if kept is None else kept for name, value, kept in values}


def _step_details(entry: StepRun, before: Mapping[int, Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    yield "name", entry.step.name
    yield "class", _class_path(entry.step)
    yield "status", entry.status
    yield "reason", entry.reason
    yield "seconds", round(entry.seconds, 4)
    yield "references", {kind: _without_folder(name) for kind, name in entry.references}
    known = _parameters(entry.step, before)
    if entry.status == "skipped":
        known = {part: {"skip": values["skip"]} if "skip" in values else {} for part, values in known.items()}
    yield from known.items()


def _parameters(step: Any, before: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Parameters that a step started with, and the sources of those that are not defaults, without folders."""
    from stpipe.parameter_holder import slot

    values = before.get(id(step), step.__dict__)
    sources = values.get("_sources", {})
    return {
        "parameters": {name: _plain(values.get(slot(name))) for name in step.declared_parameters()},
        "sources": {name: _without_folder(source) for name, source in sources.items()},
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it, without folders."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _without_folder(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    from stpipe.explain import value_text

    return value_text(value)


def _without_folder(text: str) -> str:
    """Return the last part of an absolute path, also behind ``file:``; any other text as it is."""
    kind, colon, path = text.partition(":")
    if colon and kind == "file":
        return f"file:{os.path.basename(path)}"
    return os.path.basename(text.rstrip("/")) if text.startswith(("/", "~")) else text


def append_run(stored: Any, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``provenance`` node of a product: what its input had, and a record.

    Parameters
    ----------
    stored : mapping or None
        The node that the model has now; an entry of the same run is replaced.
    record : mapping
        From `record_run`.
    """
    state = current_state()
    earlier = list(stored["runs"]) if isinstance(stored, Mapping) and stored.get("format") == FORMAT else []
    earlier = [run for run in earlier if run["run"] != record["run"]]
    if not earlier and state is not None and state.outermost.earlier:
        earlier = state.outermost.earlier
    return {"format": FORMAT, "runs": [*earlier, record]}


def keep_earlier_runs(stored: Any) -> None:
    """Remember, for the products of the run that is going on, the provenance of its input."""
    state = current_state()
    if state is None or not isinstance(stored, Mapping) or stored.get("format") != FORMAT:
        return
    top = state.outermost
    if top.earlier is None:
        top.earlier = [dict(run) for run in stored["runs"] if run["run"] != top.ident]


@lru_cache(maxsize=8)
def _versions_of(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    from importlib.metadata import PackageNotFoundError, version

    found = [("python", ".".join(map(str, sys.version_info[:3])))]
    for name in names:
        own = getattr(sys.modules.get(name), "__version__", None)
        try:
            found.append((name, own or version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def versions_of(*names: str) -> dict[str, str]:
    """Versions of Python and of packages; those that are not there are left out."""
    return dict(_versions_of(names))
