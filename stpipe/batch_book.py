"""What a batch notes of each exposure: a line in the manifest, a log, and a traceback where it failed."""

from __future__ import annotations

import datetime
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from stpipe.events import describe_exception

if TYPE_CHECKING:
    from stpipe.batch_files import ExposureFiles
    from stpipe.batch_inputs import BatchTarget
    from stpipe.executors.manifest import Manifest
    from stpipe.product_state import Product
    from stpipe.step_result import StepResult

__all__ = ["DONE", "BatchBook", "checksum", "recorded_products"]

DONE = ("done", "skipped")
_NAMES = {"ok": "done", "ignored": "failed"}
_MOST_FAILURES = 1000


@dataclass
class BatchBook:
    """Writes down how exposures begin and end.

    Attributes
    ----------
    manifest : Manifest
        The file.
    files : ExposureFiles
        Logs and tracebacks.
    step : str
        Alias or class path of the step.
    counts : Counter
        Exposures by how they ended: ``done``, ``up to date``, ``skipped``, ``failed``, ``canceled``.
    failures : list of tuple
        Name, text of the error and path of the traceback of the first thousand that failed.
    running : dict of str to None
        Names of those under way.
    rss_max : int
        Most memory, in bytes, of one exposure.
    """

    manifest: Manifest
    files: ExposureFiles
    step: str
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str, str | None]] = field(default_factory=list)
    running: dict[str, None] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    rss_max: int = 0

    def wrote(self, name: str | None, text: str) -> None:
        """Add to the log of an exposure under way what it writes."""
        if name in self.running:
            self.files.append(str(name), text)

    def begun(self, target: BatchTarget) -> None:
        """Note that an exposure is under way."""
        if target.name not in self.running:
            self.running[target.name] = None
            self.manifest.add({**self._who(target, "running"), "begun": _now()})

    def up_to_date(self, target: BatchTarget, result: StepResult, identity: str) -> str:
        """Note an exposure whose product is there; return ``up to date``."""
        self.counts["up to date"] += 1
        if self.manifest.status(self.step, target.path) not in DONE:
            outputs = [result.planned_product] if isinstance(result.planned_product, str) else result.planned_product
            found = _described([one for one in outputs or () if one], result.planned_product)
            record = self._who(target, "done") | {"key": result.key, "identity": identity, "outputs": found}
            self.manifest.add({**record, "finished": _now()})
        return "up to date"

    def ended(self, target: BatchTarget, result: StepResult, identity: str | None) -> str:
        """Note how an exposure has ended.

        Returns
        -------
        str
            Its status in the manifest.
        """
        outcome = result._outcome
        assert outcome is not None
        status = _NAMES.get(outcome.status, outcome.status)
        self.running.pop(target.name, None)
        self.rss_max = max(self.rss_max, outcome.rss_max)
        log, traceback = self.files.write(
            target.name, outcome.stdout, _traceback(outcome) if status == "failed" else ""
        )
        product = result._product if result._product is not None else result._saved
        record = self._who(target, status) | {
            "seconds": round(outcome.duration, 3),
            "rss_max": outcome.rss_max,
            "attempts": outcome.retries + 1,
            "outputs": _described(outcome.outputs, product) if status in DONE else [],
            "log": log,
        }
        if status == "failed":
            record |= {"error": describe_exception(outcome.exception), "traceback": traceback}  # type: ignore[arg-type]
        elif status in DONE:
            record |= self._made_from(target, result, identity)
        if outcome.skip_reason:
            record["skip_reason"] = outcome.skip_reason
        self._enter(target, record, outcome.exception, traceback)
        return status

    def _made_from(self, target: BatchTarget, result: StepResult, identity: str | None) -> dict[str, Any]:
        """What tells later whether it has to be done again."""
        if result.key is None or identity is None:
            return {}
        return {"key": result.key, "identity": identity, "sha256": checksum(target.path, identity)}

    def unreadable(self, target: BatchTarget, error: str) -> None:
        """Note an exposure that is not there or cannot be read."""
        _, traceback = self.files.write(target.name, "", f"InputError: {error}")
        record = self._who(target, "failed") | {"error": {"type": "InputError", "message": error}, "attempts": 0}
        self._enter(target, {**record, "outputs": [], "traceback": traceback}, Exception(error), traceback)

    def _enter(self, target: BatchTarget, record: Mapping[str, Any], error: Any, traceback: str | None) -> None:
        status = record["status"]
        self.counts[status] += 1
        if status == "failed" and len(self.failures) < _MOST_FAILURES:
            self.failures.append((target.name, f"{record['error']['type']}: {error}", traceback))
        elif status == "canceled":
            self.stopped.append(target.name)
        self.manifest.add({**record, "finished": _now()})

    def _who(self, target: BatchTarget, status: str) -> dict[str, Any]:
        return {"name": target.name, "step": self.step, "input": target.path, "status": status}


def _traceback(outcome: Any) -> str:
    """Traceback of an error; of one in this process, before the step could begin, too."""
    error = outcome.exception
    if error is None or error.__traceback__ is None or outcome.traceback.startswith("Traceback"):
        return str(outcome.traceback)
    return "".join(format_exception(error))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def _described(paths: Sequence[str], product: Any) -> list[dict[str, Any]]:
    """Path, size, time and place in the result of each product, as it is now."""
    from stpipe.product_state import BESIDE, WHOLE

    members = [product] if isinstance(product, str) else list(product or ())
    found = []
    for path in dict.fromkeys(paths):
        try:
            status = os.stat(path)
        except OSError:
            continue
        place: Any = WHOLE if path == product else members.index(path) if path in members else BESIDE
        found.append(
            {"path": os.path.abspath(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns, "place": place}
        )
    return found


def recorded_products(record: Mapping[str, Any], folder: str) -> dict[str, Product]:
    """Products of a record that are in a folder, by base name; empty where the record is of no use."""
    from stpipe.product_state import Product

    try:
        return {
            os.path.basename(one["path"]): Product(record["key"], one["place"], one["size"], one["mtime_ns"])
            for one in record.get("outputs") or ()
            if os.path.dirname(one["path"]) == folder
        }
    except (KeyError, TypeError):
        return {}


def checksum(path: str, identity: str) -> str | None:
    """SHA-256 of a file; None if it is not the one of an identity any more, or cannot be read."""
    import hashlib

    from stpipe.entry_keys import file_identity

    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            return found if file_identity(path, os.fstat(file.fileno()))[0] == identity else None
    except OSError:
        return None
