"""What a batch gives to `stpipe.run`: one step for each exposure, prepared just before its turn, forgotten after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stpipe.batch_book import DONE, BatchBook, checksum, recorded_products
from stpipe.batch_inputs import BatchTarget
from stpipe.exceptions import InputError
from stpipe.policy import Policy
from stpipe.product_state import Found, StateReader
from stpipe.run_loop import RunEntry
from stpipe.step_result import StepResult
from stpipe.tasks import StepWork

if TYPE_CHECKING:
    from stpipe.executors.manifest import Manifest
    from stpipe.plan_links import Link
    from stpipe.run_request import RunRequest

__all__ = ["BatchStates", "BatchWork"]

Told = Callable[[BatchTarget, str, StepResult], None]
_DONE_BEFORE = "done before"


class BatchStates(StateReader):
    """Knows products from the state of their folder, and from the manifest.

    Attributes
    ----------
    record : mapping or None
        What the manifest has of the exposure in question.
    """

    record: Mapping[str, Any] | None = None

    def find(self, key: str, planned: Sequence[str], since: int) -> Found | None:
        """Return the products with a key; see `StateReader.find`."""
        found = super().find(key, planned, since)
        if found is not None or self.record is None or self.record.get("key") != key:
            return found
        folder = os.path.dirname(os.path.abspath(planned[-1]))
        members = recorded_products(self.record, folder)
        if not members or folder not in self._folders:
            return None
        self._folders[folder][key] = members
        return super().find(key, planned, since)


class BatchWork:
    """A step on many exposures.

    Parameters
    ----------
    cls : type
        Step class.
    targets : sequence of BatchTarget
        In the order in which they are to be done.
    keywords : mapping
        As `Step.call` takes them.
    manifest : Manifest or None
        What was done before; None: everything is to be done.

    Attributes
    ----------
    book : BatchBook or None
        Takes the results.
    told : callable or None
        ``told(target, status, result)`` when one has ended.
    """

    def __init__(
        self,
        cls: Any,
        targets: Sequence[BatchTarget],
        keywords: Mapping[str, Any],
        manifest: Manifest | None = None,
    ) -> None:
        self.cls = cls
        self.targets = list(targets)
        self.keywords = dict(keywords)
        self.label: str = cls.class_alias or cls.__name__
        self.book: BatchBook | None = None
        self.told: Told | None = None
        self._manifest = manifest
        self._states = BatchStates()
        self._identities: dict[str, str] = {}

    @property
    def name(self) -> str:
        """Name of the step."""
        return self.label

    def for_json(self) -> dict[str, Any]:
        """Return what stands for it in records."""
        return {"batch": self.label, "exposures": len(self.targets)}

    def run_entries(self, request: RunRequest) -> tuple[list[RunEntry], list[Any]]:
        """Return the one entry, and the exposures."""
        policy = request.policy or Policy()
        return [RunEntry(self.label, self.work_for, policy, prepare=self.prepare, ended=self._ended)], self.targets

    def work_for(self, target: BatchTarget) -> StepWork:
        """Return the work of an exposure, its parameters not yet resolved."""
        from stpipe.run_what import parameters_of_data

        data = parameters_of_data(self.cls, target.data) if target.data else {}
        return StepWork(self.cls, self.label, self.keywords, data)

    def first_step(self) -> Any:
        """Return the step for the first exposure that can be read, which shows wrong parameters.

        Raises
        ------
        ParameterError, ValueError, TypeError
            A parameter cannot be used.
        """
        for target in self.targets[:3]:
            try:
                return self.work_for(target).prepare((target.source,))
            except (InputError, OSError):
                continue
        return self.work_for(self.targets[0]).prepare(())

    def prepare(self, target: BatchTarget) -> StepResult:
        """Find out what is to be done for an exposure: nothing where its products are there and nothing has changed."""
        from stpipe.plan_links import settle
        from stpipe.plan_steps import quiet

        try:
            with quiet():
                link, identity = self._linked(target)
        except Exception as error:
            result = StepResult(target.name, self.label, opener=self.cls._datamodels_open)
            result.planned_error = error
            return result
        result = link.result
        result.planned_error = None  # the run itself will tell
        result.parameter_source = None  # which holds the step
        self._identities[target.name] = identity
        if self._manifest is not None:
            settle([link], self._states)
            self._settle_without_products(link)
        return result

    def _linked(self, target: BatchTarget) -> tuple[Link, str]:
        """Prepare the step; with the earlier identity of an input that was only copied or touched."""
        from stpipe.exposure import Exposure
        from stpipe.plan_steps import Place, prepare_step
        from stpipe.references import reference_session

        exposure = Exposure(target.name, target.path)
        exposure.door = self.cls
        target.memory = _memory_of(exposure.header.shape, target)
        with reference_session() as session:
            place = Place(exposure)
            link = prepare_step(self.work_for(target), place, Policy(), session)
            record = self._record(target)
            if not _only_touched(record, link, place):
                return link, place.input_key
            assert record is not None
            earlier = Place(exposure)
            earlier.input_key, earlier.since = record["identity"], _time_of(record["identity"])
            again = prepare_step(self.work_for(target), earlier, Policy(), session)
            same = again.key == record["key"] and checksum(target.path, place.input_key) == record["sha256"]
            return (again, earlier.input_key) if same else (link, place.input_key)

    def _record(self, target: BatchTarget) -> Mapping[str, Any] | None:
        """What the manifest has of an exposure, where finished work is not to be done again."""
        found = self._manifest.find(self.label, target.path) if self._manifest is not None else None
        self._states.record = found if found is not None and found.get("status") in DONE else None
        return self._states.record

    def _settle_without_products(self, link: Link) -> None:
        """An exposure that was done and has left no product is not done again either."""
        record, result = self._states.record, link.result
        if record is not None and record.get("key") == result.key and not record.get("outputs") and not result.is_done:
            result.planned_skip = str(record.get("skip_reason") or _DONE_BEFORE)
            result.reason = _DONE_BEFORE

    def _ended(self, target: BatchTarget, result: StepResult) -> None:
        """Hand over the result of an exposure."""
        identity = self._identities.pop(target.name, None)
        if self.book is None:
            return
        if (result.is_done or result.reason == _DONE_BEFORE) and identity is not None:
            status = self.book.up_to_date(target, result, identity)
        else:
            status = self.book.ended(target, result, identity)
        if self.told is not None:
            self.told(target, status, result)


def _memory_of(shape: Sequence[int] | None, target: BatchTarget) -> int:
    """Bytes of an array as float32; of the file where there is none."""
    if not shape:
        return target.file_size
    size = 4
    for length in shape:
        size *= int(length)
    return size


def _only_touched(record: Mapping[str, Any] | None, link: Link, place: Any) -> bool:
    """Whether the input of a finished exposure has another time or place now, and perhaps the same content."""
    if record is None or not record.get("sha256") or not record.get("identity") or record.get("key") == link.key:
        return False
    before, now = (str(one).rsplit("|", 2) for one in (record["identity"], place.input_key))
    return len(before) == len(now) == 3 and before[1] == now[1] and before != now


def _time_of(identity: str) -> int:
    return int(identity.rsplit("|", 1)[1])
