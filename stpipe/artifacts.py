"""What a run leaves in a folder: command, events, logs, errors, facts, parameters, provenance (running.md §2.3).

``Artifacts`` writes while the run goes on and at its end; `stpipe.loaded_run` reads it again. The files are those of
the table in the specification; ``command`` is there from the start, ``status`` is the last one written.
"""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from stpipe.artifact_files import EventWriter, safe_name, shown, to_json, write_whole
from stpipe.events import Event, describe_exception

if TYPE_CHECKING:
    from stpipe.loaded_run import LoadedRunner
    from stpipe.run_request import RunRequest
    from stpipe.runner import Runner

__all__ = ["FORMAT", "Artifacts", "load_runner"]

FORMAT = "stpipe-run-1"
_NOT_KEYWORDS = ("what", "inputs", "loose", "project", "parent_ident")
_ENDS = ("step_target_success", "step_target_skip", "step_target_error")


class Artifacts:
    """The folder of one run.

    Parameters
    ----------
    folder : path
        Folder of all runs; made if it is not there.
    runner : Runner
        The run; its ident is the name of the new folder.
    request : RunRequest
        What was asked for.

    Attributes
    ----------
    folder : str
        Absolute path.
    contexts : mapping
        Contexts of the references by observatory, filled by the run.

    Raises
    ------
    FileExistsError
        There is a run of that ident already.
    OSError
        The folder cannot be made.
    """

    def __init__(self, folder: Any, runner: Runner, request: RunRequest) -> None:
        parent = os.path.abspath(os.path.expanduser(os.fspath(folder)))
        os.makedirs(parent, exist_ok=True)
        self.folder = os.path.join(parent, runner.ident)
        try:
            os.mkdir(self.folder)
        except FileExistsError:
            raise FileExistsError(f"there is a run {runner.ident!r} in {folder} already; leave ident out") from None
        for name in ("facts", "logs", "errors"):
            os.mkdir(os.path.join(self.folder, name))
        self.contexts: Mapping[str, str] = {}
        self._events = EventWriter(os.path.join(self.folder, "events"))
        self._written: dict[str, dict[str, None]] = {}
        self._references: dict[tuple[str, str], None] = {}
        self._rss_max = 0
        self._write("command", to_json(_command(runner, request)))

    def store(self, event: Event) -> None:
        """Write an event, which `note` has seen before; the run does not wait for the disk."""
        self._events.put(event)

    def note(self, event: Event) -> None:
        """Remember what an event tells of products, references and memory."""
        if event.event not in _ENDS:
            return
        data = event.event_data
        outputs = data.get("outputs") or ()
        self._rss_max = max(self._rss_max, data.get("rss_max") or 0)
        self._written.setdefault(event.target or "", {}).update(dict.fromkeys(map(os.path.abspath, outputs)))
        self._references.update(dict.fromkeys((str(kind), str(name)) for kind, name in data.get("references") or ()))

    def complete(self, runner: Runner) -> None:
        """Write all but status and return code; what cannot be written does not keep the rest from it.

        Raises
        ------
        OSError
            The first error.
        """
        results = runner.results
        errors: list[Exception] = []
        for part in (
            lambda: self._write_facts(runner),
            lambda: self._write_logs(results, runner),
            lambda: self._write_errors(results, runner),
            lambda: self._write("parameters.yaml", _parameters_text(runner, results)),
            lambda: self._write("provenance.json", to_json(self._provenance(runner, results))),
            self._events.close,
        ):
            try:
                part()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def conclude(self, status: str, rc: int) -> None:
        """Write return code and status, in this order."""
        self._write("rc", f"{rc}\n")
        self._write("status", f"{status}\n")

    def _write(self, name: str, text: str) -> None:
        write_whole(os.path.join(self.folder, name), text)

    def _write_facts(self, runner: Runner) -> None:
        for target in runner.fact_names:
            self._write(f"facts/{safe_name(target)}.json", to_json(runner.facts(target)))

    def _write_logs(self, results: Mapping[str, list[Any]], runner: Runner) -> None:
        """One log for each target, also where it could not be read or its turn did not come."""
        failures = runner.failures
        for target, done in results.items():
            text = "".join(_with_end(one.stdout) for one in done if one.is_complete)
            if not any(one.is_complete for one in done) and target in failures:
                text += f"{target}: {failures[target]}\n"
            self._write(f"logs/{safe_name(target)}.log", text)

    def _write_errors(self, results: Mapping[str, list[Any]], runner: Runner) -> None:
        for target, error in runner.failures.items():
            done = [one for one in results.get(target, ()) if one.is_complete and one.did_error]
            text = done[-1].traceback if done else ""
            self._write(f"errors/{safe_name(target)}.txt", _with_end(text or f"{type(error).__name__}: {error}"))

    def _provenance(self, runner: Runner, results: Mapping[str, list[Any]]) -> dict[str, Any]:
        sums = _checksum if not _was_stopped(runner) else _no_checksum
        targets = runner.targets
        return {
            "format": FORMAT,
            "run": runner.ident,
            "parent": runner.parent_ident,
            "what": runner.request.title,
            "created": _utc(runner.created),
            "started": _utc(runner.started),
            "finished": _utc(datetime.datetime.now(datetime.UTC)),
            "host": platform.node(),
            "versions": _versions(),
            "contexts": dict(self.contexts) or self._contexts_of_products(),
            "inputs": [_file(path, sums, target=name) for name, path in _input_files(targets)],
            "references": [{"type": kind, "file": name} for kind, name in sorted(self._references)],
            "outputs": [_file(path, sums, target=name) for name, paths in self._written.items() for path in paths],
            "memory": {"rss_max": self._rss_max, "unit": "byte"},
            "exception": None if runner.exception is None else describe_exception(runner.exception),
            "failed": {name: describe_exception(error) for name, error in runner.failures.items()},
            "targets": {name: [_entry(one) for one in done] for name, done in results.items()},
        }

    def _contexts_of_products(self) -> dict[str, str]:
        """Context that the header of a product names, where the references were looked up in other processes."""
        from stpipe.exposure import Exposure
        from stpipe.fact_kinds import Context

        for paths in self._written.values():
            for path in paths:
                with suppress(Exception):  # any file can be a product, also one without a header
                    found = Context().process(Exposure("product", path))
                    if found:
                        return {"": str(found)}
        return {}


def load_runner(path: str | os.PathLike[str]) -> LoadedRunner:
    """Return a read-only handle of a run from its folder of artifacts; see `stpipe.loaded_run.LoadedRunner`.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    InputError
        It holds no artifacts of a run.
    """
    from stpipe.loaded_run import LoadedRunner

    return LoadedRunner(path)


def _command(runner: Runner, request: RunRequest) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "ident": runner.ident,
        "parent_ident": runner.parent_ident,
        "created": _utc(runner.created),
        "pid": os.getpid(),
        "host": platform.node(),
        "cwd": os.getcwd(),
        "title": request.title,
        "what": shown(request.what),
        "inputs": shown(request.inputs),
        "keywords": _keywords(request),
    }


def _keywords(request: RunRequest) -> dict[str, Any]:
    """Keywords of the call: those of `run` that are no defaults, and the parameters given beside them."""
    own = {}
    for one in fields(request):
        value = getattr(request, one.name)
        if one.name not in _NOT_KEYWORDS and (one.default is MISSING or value is not one.default) and value != ():
            own[one.name] = shown(value)
    return {**own, **{name: shown(value) for name, value in request.loose.items()}}


def _utc(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _with_end(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _was_stopped(runner: Runner) -> bool:
    """Whether the run was told to stop: then large files are not read any more."""
    from stpipe.exceptions import CanceledError, RunTimeoutError

    return isinstance(runner.exception, CanceledError | RunTimeoutError | KeyboardInterrupt)


@lru_cache(maxsize=1)
def _step_packages() -> tuple[str, ...]:
    """Return the installed packages that have steps."""
    from stpipe.entry_points import get_steps

    return tuple(dict.fromkeys(step.class_name.partition(".")[0] for step in get_steps()))


def _versions() -> dict[str, str]:
    from stpipe.provenance import versions_of

    return versions_of("stpipe", *_step_packages(), "numpy", "scipy", "astropy", "asdf", "stdatamodels", "crds")


def _input_files(targets: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield target and path of every input that is a file, also of the members of a list."""
    for target in targets:
        source = getattr(target, "source", None)
        for one in source if isinstance(source, list | tuple) else [target.path]:
            if isinstance(one, str | os.PathLike):
                yield target.name, os.path.abspath(os.fspath(one))


def _file(path: str, checksum: Callable[[str], str | None], *, target: str) -> dict[str, Any]:
    """Describe a file by name, size, time and checksum; those that are gone have none of these."""
    found: dict[str, Any] = {"target": target, "file": path, "size": None, "modified": None, "sha256": None}
    with suppress(OSError):
        status = os.stat(path)
        found["size"] = status.st_size
        found["modified"] = _utc(datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC))
        found["sha256"] = checksum(path)
    return found


def _checksum(path: str) -> str | None:
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _no_checksum(path: str) -> None:
    """Give none."""


def _entry(result: Any) -> dict[str, Any]:
    """Describe the result of one entry."""
    if not result.is_complete:
        return {"entry": result.label, "status": None}
    error = result.exception
    return {
        "entry": result.label,
        "status": result.status,
        "changed": result.did_change,
        "skip_reason": result.skip_reason,
        "duration": result.duration,
        "retries": result.retry_attempts,
        "product": result.product_path,
        "outputs": list(result.outputs),
        "references": [list(pair) for pair in result.references],
        "exception": None if error is None else describe_exception(error),
    }


def _parameters_text(runner: Runner, results: Mapping[str, list[Any]]) -> str:
    """Parameters with their sources, and those that differ for some targets."""
    import yaml

    first: dict[str, Mapping[str, Any]] = {}
    for one in (one for done in results.values() for one in done if one.parameters):
        first.setdefault(one.label, one.parameters)
    tree: dict[str, Any] = {"parameters": _tree(runner.parameters)}
    differing: dict[str, Any] = {}
    for target, done in results.items():
        for one in done:
            own = _differences(first.get(one.label, {}), one.parameters)
            if own:
                differing.setdefault(target, {})[one.label] = _tree(own)
    if differing:
        tree["targets"] = differing
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(tree, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)


def _tree(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Turn pairs of value and source into mappings; what nests stays nested."""
    return {
        name: _tree(item) if isinstance(item, Mapping) else {"value": shown(item[0]), "source": str(item[1])}
        for name, item in parameters.items()
    }


def _differences(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of ``own`` is not as in ``common``."""
    found = {}
    for name, item in own.items():
        if isinstance(item, Mapping):
            inner = _differences(common.get(name, {}), item)
            if inner:
                found[name] = inner
        elif name not in common or shown(item) != shown(common[name]):
            found[name] = item
    return found
