"""What an entry of a run or plan has made of one target (running.md L3-L6)."""

from __future__ import annotations

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
        self.planned_parameters: Mapping[str, Any] = {}
        self.reason = ""
        self.is_done = False
        self._opener = opener
        self._outcome: Outcome | None = None
        self._product: str | None = None
        self._opened: Any = _MISSING

    def complete(self, outcome: Outcome, *, product: str | None = None) -> None:
        """Enter how it has ended.

        Parameters
        ----------
        outcome : Outcome
            The end; its result is kept unless ``product`` is given.
        product : str, optional
            File that holds the result, opened when it is first asked for.
        """
        self._outcome = outcome
        self._product = product
        self._opened = _MISSING
        if product is not None:
            outcome.result = None

    def _done(self) -> Outcome:
        if self._outcome is None:
            raise RuntimeError("cannot evaluate a step result before execution")
        return self._outcome

    @property
    def is_complete(self) -> bool:
        """Whether it has been executed."""
        return self._outcome is not None

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
        """The result; of a saved product the file, opened at the first access."""
        outcome = self._done()
        if self._product is None:
            return outcome.result
        if self._opened is _MISSING:
            self._opened = self._product if self._opener is None else self._opener(self._product)
        return self._opened

    @property
    def product(self) -> Any:
        """What the next entry gets: the path of the saved product, else the result itself."""
        return self._product if self._product is not None else self._done().result

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
        return self._outcome.parameters if self._outcome is not None else self.planned_parameters

    def __repr__(self) -> str:
        if self._outcome is None:
            state = "will change" if self.will_change else f"no change: {self.reason or 'nothing to do'}"
        else:
            state = self._outcome.status + (", changed" if self._outcome.changed else "")
        return f"<StepResult {self.label} of {self.target}: {state}>"
