"""What an entry of a run or plan has made of one target (running.md L3-L6)."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stpipe.tasks import Outcome

__all__ = ["StepResult"]

_MISSING: Any = object()


class StepResult:
    """The result of one entry for one target; before execution, what is known of it.

    Parameters
    ----------
    target : str
        Name of the target.
    label : str
        Label of the entry.
    will_change : bool
        Whether the step would make a new product.
    opener : callable, optional
        Opens a product by its path.

    Attributes
    ----------
    key : str or None
        Hash of step, resolved parameters and input.
    planned_outputs : tuple of str
        Files that would be written.
    planned_references : tuple
        References that would be used.
    reason : str
        Why nothing will change; empty where something will.
    is_done : bool
        Whether its product is there already, so that executing it runs nothing.
    planned_skip : str
        Why it is not even asked whether it has anything to do: a later entry has its product, and this is the reason.
    planned_error : Exception or None
        Why it is known to fail.
    planned_product : str, tuple or None
        The product that is there already, or those of several results.
    """

    def __init__(
        self, target: str, label: str, *, will_change: bool = True, opener: Callable[[str], Any] | None = None
    ) -> None:
        self.target = target
        self.label = label
        self.will_change = will_change
        self.key: str | None = None
        self.planned_outputs: tuple[str, ...] = ()
        self.planned_references: tuple[Any, ...] = ()
        self.planned_skip = ""
        self.planned_error: Exception | None = None
        self.planned_product: Any = None
        self.parameter_source: Callable[[], Mapping[str, Any]] | None = None
        self.reason = ""
        self.is_done = False
        self._holder: weakref.ref[Any] | None = None
        self._saved: Any = None
        self._is_released = False
        self._opener = opener
        self._outcome: Outcome | None = None
        self._product: Any = None
        self._opened: Any = _MISSING

    def complete(self, outcome: Outcome, *, product: Any = None, saved: Any = None) -> None:
        """Enter how it has ended.

        Parameters
        ----------
        outcome : Outcome
            The end; its result is kept unless ``product`` is given.
        product : str or tuple, optional
            File that holds the result, or files of several; opened when it is first asked for.
        saved : str or tuple, optional
            The same for a result that is kept until it is released.
        """
        self._outcome = outcome
        self._product, self._saved = product, saved
        if outcome.parameters:
            self.parameter_source = None  # which holds the step
        self._opened = _MISSING
        if product is not None:
            outcome.result = None

    def kept_by(self, holder: Any) -> None:
        """Keep a result that was not saved as long as this object is there."""
        self._holder = weakref.ref(holder)

    @property
    def is_released(self) -> bool:
        """Whether it was neither saved nor kept."""
        return self._is_released

    def release(self) -> None:
        """Let go of a result in memory that no later entry needs; one that was saved is opened when it is asked for."""
        outcome = self._outcome
        if outcome is None or self._product is not None or outcome.result is None or isinstance(outcome.result, str):
            return
        if self._saved is not None:
            outcome.result, self._product = None, self._saved
        elif self._holder is None or self._holder() is None:
            outcome.result, self._is_released = None, True

    @property
    def planned_parameters(self) -> Mapping[str, Any]:
        """Parameters as they were prepared."""
        return self.parameter_source() if self.parameter_source is not None else {}

    def _done(self) -> Outcome:
        if self._outcome is None:
            raise RuntimeError("cannot evaluate a step result before execution")
        return self._outcome

    @property
    def is_complete(self) -> bool:
        """Whether it has been executed."""
        return self._outcome is not None

    @property
    def status(self) -> str:
        """How it ended: ``ok``, ``skipped``, ``ignored``, ``failed`` or ``canceled``."""
        return self._done().status

    @property
    def did_change(self) -> bool:
        """Whether there is a new product."""
        return self._done().changed

    @property
    def did_succeed(self) -> bool:
        """Whether it went well; also where there was nothing to do."""
        return self._done().succeeded

    @property
    def did_error(self) -> bool:
        """Whether it raised an error, ignored or not."""
        return self._done().exception is not None

    @property
    def was_retried(self) -> bool:
        """Whether it took more than one attempt."""
        return self._done().retries > 0

    @property
    def retry_attempts(self) -> int:
        """Further attempts used."""
        return self._done().retries

    @property
    def skip_reason(self) -> str | None:
        """Why there was nothing to do."""
        return self._done().skip_reason

    @property
    def stdout(self) -> str:
        """Log lines and output."""
        return self._done().stdout

    @property
    def stderr(self) -> str:
        """Error lines."""
        return self._done().stderr

    @property
    def stdout_lines(self) -> list[str]:
        """`stdout` by line."""
        return self.stdout.splitlines()

    @property
    def stderr_lines(self) -> list[str]:
        """`stderr` by line."""
        return self.stderr.splitlines()

    @property
    def result(self) -> Any:
        """The result; of a saved product the file, opened at the first access.

        Raises
        ------
        RuntimeError
            It has not been executed yet, or the result was neither saved nor kept.
        """
        outcome = self._done()
        if self._is_released:
            raise RuntimeError(
                f"the result of {self.label} for {self.target} was not kept, because a later entry has used it: "
                "save it, or hold on to what plan.add returns"
            )
        if self._product is None:
            from stpipe.executors.stored import at_hand

            return at_hand(outcome.result)
        if self._opened is _MISSING:
            self._opened = self._open(self._product)
        return self._opened

    def _open(self, product: Any) -> Any:
        if isinstance(product, tuple):
            return tuple(None if one is None else self._open(one) for one in product)
        return product if self._opener is None else self._opener(product)

    @property
    def product(self) -> Any:
        """What the next entry gets: the path of the saved product, else the result itself."""
        return self._product if self._product is not None else self._done().result

    @property
    def product_path(self) -> str | None:
        """Path of the saved product, also where the result itself is at hand; None where none was saved."""
        if self._product is not None:
            several = isinstance(self._product, tuple)
            return next((one for one in self._product if one), None) if several else self._product
        result, outputs = self._done().result, self._done().outputs
        name = getattr(getattr(result, "meta", None), "filename", None)
        return next((path for path in reversed(outputs) if name and os.path.basename(path) == name), None)

    @property
    def exception(self) -> BaseException | None:
        """The error, if any."""
        return self._done().exception

    @property
    def traceback(self) -> str:
        """Traceback of the error as text; empty without one."""
        return self._done().traceback

    @property
    def duration(self) -> float:
        """Seconds, all attempts together."""
        return self._done().duration

    @property
    def outputs(self) -> Sequence[str]:
        """Files written."""
        return tuple(self._done().outputs)

    @property
    def references(self) -> Sequence[Any]:
        """Pairs of reference type and file."""
        return tuple(self._done().references)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Name to ``(value, source)``, those of sub-steps under ``steps``."""
        known = self._outcome.parameters if self._outcome is not None else None
        return known or self.planned_parameters

    def __repr__(self) -> str:
        if self._outcome is None:
            state = "will change" if self.will_change else f"no change: {self.reason or 'nothing to do'}"
        else:
            state = self._outcome.status + (", changed" if self._outcome.changed else "")
        return f"<StepResult {self.label} of {self.target}: {state}>"
