"""`LoadedRunner`: a run read again from its artifacts; it shows what a `Runner` shows, and does nothing."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NoReturn, TextIO

from stpipe.artifact_files import safe_name, target_name
from stpipe.events import Event
from stpipe.exceptions import InputError, RunError
from stpipe.run_output import TextReader
from stpipe.run_stats import RunStats
from stpipe.run_status import Status
from stpipe.runner import Runner

__all__ = ["LoadedRunner", "StoredError"]

_PARTS = ("provenance.json", "parameters.yaml", "rc", "status")


class StoredError(RunError):
    """Stands for an error of a run that is read from its artifacts; its text is type and message.

    Attributes
    ----------
    type_name, message : str
        Of the error itself.
    """

    def __init__(self, type_name: str, message: str) -> None:
        super().__init__(type_name, message)
        self.type_name = type_name
        self.message = message

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message}"


class LoadedRunner(Runner):
    """Read-only handle of a run.

    Parameters
    ----------
    path : str or Path
        Folder of the run: ``artifacts_dir/ident``.

    Attributes
    ----------
    ident, parent_ident, created, started, finished
        Of the run; None where the end is missing.
    command : mapping
        What was run, on what, with which keywords.
    missing : tuple of str
        Files that a run which came to its end has and this one has not: it was killed, or is still going on.
    status : Status
        ``running`` or ``starting`` where the end is missing.
    rc : int or None
        None where the end is missing.
    exception : StoredError or None
        Stands for the error that made it fail: type and message as text.
    context : None
        Values of a recipe are not kept.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    InputError
        It holds no artifacts of a run.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._folder = os.path.abspath(os.path.expanduser(os.fspath(path)))
        if not os.path.isdir(self._folder):
            raise FileNotFoundError(f"there is no folder {os.fspath(path)} with artifacts of a run")
        try:
            self.command = json.loads(self._read("command"))
            self.ident = str(self.command["ident"])
        except FileNotFoundError:
            raise InputError(f"{self._folder} holds no run: it has no file 'command'") from None
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self._folder}: the file 'command' is none of a run: {error}") from error
        self.parent_ident: str | None = self.command.get("parent_ident")
        self.created = datetime.datetime.fromisoformat(self.command["created"])
        self.missing = tuple(name for name in _PARTS if not os.path.exists(self._path(name)))
        self.rc = None if self._lacks("rc") else int(self._read("rc"))
        self.status = self._status()
        self.started = _time(self.provenance.get("started"))
        self.finished = _time(self.provenance.get("finished"))
        self.exception = self._exception()
        self.context = None

    @property
    def artifacts(self) -> str:
        """The folder."""
        return self._folder

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _read(self, name: str) -> str:
        with open(self._path(name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def _lacks(self, name: str) -> bool:
        return name in self.missing

    def _status(self) -> Status:
        if not self._lacks("status"):
            return Status(self._read("status").strip())
        return Status.RUNNING if self._event_files() else Status.STARTING

    @property
    def title(self) -> str:
        """Name of what was run."""
        return str(self.command.get("title"))

    @cached_property
    def provenance(self) -> Mapping[str, Any]:
        """Versions, contexts, inputs, references, outputs, times, memory; empty where the end is missing."""
        return {} if self._lacks("provenance.json") else json.loads(self._read("provenance.json"))

    @property
    def failures(self) -> dict[str, BaseException]:
        """Targets that failed, with what stands for their errors."""
        if self.provenance:
            return {name: _error(told) for name, told in self.provenance["failed"].items()}
        told = (event for event in self.events if event.event in ("step_target_error", "target_open_error"))
        return {
            event.target: _error(event.event_data["exception"])
            for event in told
            if event.target is not None and event.parent_uuid is None and not _is_harmless(event)
        }

    @property
    def failed_targets(self) -> list[str]:
        """Names of the targets that failed or could not be read."""
        return list(self.failures)

    def _exception(self) -> BaseException | None:
        if self.provenance:
            told = self.provenance["exception"]
            return None if told is None else _error(told)
        return next(iter(self.failures.values()), None)

    @property
    def targets(self) -> list[Any]:
        """Names of what it worked on."""
        return list(self.provenance.get("targets", {}))

    @property
    def handler_errors(self) -> list[BaseException]:
        """What stands for the errors of handlers and callbacks."""
        return [_error(event.event_data["exception"]) for event in self.events if event.event == "handler_error"]

    @property
    def events(self) -> Iterator[Event]:
        """The stored events in order."""
        for name in self._event_files():
            yield Event(**json.loads(self._read(os.path.join("events", name))))

    def events_so_far(self) -> tuple[Event, ...]:
        """Return the stored events."""
        return tuple(self.events)

    def _event_files(self) -> list[str]:
        try:
            names = os.listdir(self._path("events"))
        except FileNotFoundError:
            return []
        wanted = [name for name in names if name.endswith(".json") and name[0].isdigit()]
        return sorted(wanted, key=lambda name: int(name.partition("-")[0]))

    def target_events(self, name: str) -> list[Event]:
        """Return the stored events of one target."""
        return [event for event in self.events if event.target == str(name)]

    @property
    def stats(self) -> dict[str, dict[str, int]]:
        """Counts per target, as of the last ``run_stats``, or counted from the events where that is missing."""
        counted, last = RunStats(), None
        for event in self.events:
            counted(event)
            last = event.event_data if event.event == "run_stats" else last
        return counted.snapshot() if last is None else {name: dict(counts) for name, counts in last.items()}

    @property
    def stdout(self) -> TextIO:
        """Text handle of its own on the output."""
        return TextReader(self._path("stdout"))

    @property
    def stderr(self) -> TextIO:
        """Text handle of its own on the error output."""
        return TextReader(self._path("stderr"))

    def facts(self, name: str) -> dict[str, Any]:
        """Return the facts stored for a target."""
        try:
            return json.loads(self._read(os.path.join("facts", f"{safe_name(str(name))}.json")))
        except FileNotFoundError:
            return {}

    @property
    def fact_names(self) -> list[str]:
        """Targets that have facts."""
        names = sorted(os.listdir(self._path("facts"))) if os.path.isdir(self._path("facts")) else []
        return [target_name(name.removesuffix(".json")) for name in names if name.endswith(".json")]

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """Parameter to ``(value, source)``, as `Runner.parameters`; empty where the end is missing."""
        if self._lacks("parameters.yaml"):
            return {}
        from stpipe.safe_yaml import load_yaml

        return _pairs(load_yaml(self._read("parameters.yaml"))["parameters"])

    @property
    def results(self) -> dict[str, list[Any]]:
        """Target to its `StepResult` of each entry; saved products are given as paths, others were not kept."""
        found = {}
        for target, entries in self.provenance.get("targets", {}).items():
            found[target] = [self._result(target, entry) for entry in entries]
        return found

    def _result(self, target: str, entry: Mapping[str, Any]) -> Any:
        from stpipe.step_result import StepResult
        from stpipe.tasks import Outcome

        result = StepResult(target, entry["entry"])
        if entry["status"] is None:
            return result
        told = entry["exception"]
        outcome = Outcome(
            status=entry["status"],
            changed=entry["changed"],
            exception=None if told is None else _error(told),
            traceback=self._traceback(target) if told is not None else "",
            retries=entry["retries"],
            duration=entry["duration"],
            outputs=list(entry["outputs"]),
            references=[tuple(pair) for pair in entry["references"]],
            skip_reason=entry["skip_reason"],
        )
        result.complete(outcome, product=entry["product"])
        return result

    def _traceback(self, target: str) -> str:
        try:
            return self._read(os.path.join("errors", f"{safe_name(target)}.txt"))
        except FileNotFoundError:
            return ""

    @property
    def result(self) -> Any:
        """Path of the last product, None where none was saved; for several targets a dict of these."""
        found = {
            name: next((one.product for one in reversed(done) if one.is_complete and one.product), None)
            for name, done in self.results.items()
        }
        return found if len(found) > 1 else next(iter(found.values()), None)

    def cancel(self) -> NoReturn:
        """Refuse: the run is not here.

        Raises
        ------
        RunError
            Always.
        """
        raise RunError(f"the run {self.ident} is only read from {self._folder}; it cannot be canceled from here")

    def rerun(self) -> NoReturn:
        """Refuse: inputs and code of the run are not here.

        Raises
        ------
        RunError
            Always; the text says what was run.
        """
        what = f"{self.command.get('what')!r} on {self.command.get('inputs')!r}"
        raise RunError(f"the run {self.ident} is only read from {self._folder}; call stpipe.run again: it was {what}")

    def store_fact(self, target: str, name: str, value: Any) -> NoReturn:
        """Refuse: what is read is not changed.

        Raises
        ------
        RunError
            Always.
        """
        raise RunError(f"the run {self.ident} is only read from {self._folder}; facts cannot be added")

    def __repr__(self) -> str:
        end = f"incomplete, without {', '.join(self.missing)}" if self.missing else f"rc {self.rc}"
        return f"<LoadedRunner {self.title} {self.status}, {end}>"


def _is_harmless(event: Event) -> bool:
    """Whether an error does not make its target fail."""
    return bool(event.event_data.get("ignored") or event.event_data.get("stopped"))


def _time(text: str | None) -> datetime.datetime | None:
    return None if text is None else datetime.datetime.fromisoformat(text)


def _error(told: Mapping[str, str]) -> StoredError:
    return StoredError(told["type"], told["message"])


def _pairs(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Turn mappings of value and source into pairs."""
    return {
        name: (item["value"], item["source"]) if set(item) == {"value", "source"} else _pairs(item)
        for name, item in tree.items()
    }
