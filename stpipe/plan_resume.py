"""Which targets of a run have their product already (running.md R35)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stpipe.plan_links import settle
from stpipe.plan_steps import Place, prepare_step
from stpipe.policy import Policy
from stpipe.product_state import StateReader

if TYPE_CHECKING:
    from stpipe.step_result import StepResult
    from stpipe.tasks import StepWork

__all__ = ["resumed"]

log = logging.getLogger("stpipe.run")


def resumed(works: Mapping[str, StepWork], targets: Sequence[Any], door: Any) -> dict[str, StepResult]:
    """Find out what a run on exposures has left to do.

    Parameters
    ----------
    works : mapping of str to StepWork
        By target; their instances are made here.
    targets : sequence
        Exposures, or other inputs, which are always run.
    door : type or None
        Step class that knows how headers are read.

    Returns
    -------
    dict of str to StepResult
        By target; those that are done need no run.

    Raises
    ------
    ParameterError
        As `Step.call`.
    """
    from stpipe import settings
    from stpipe.references import reference_session

    states = StateReader(enabled=settings.state)
    results = {}
    with reference_session() as session:
        for target in targets:
            if not hasattr(target, "stamp"):
                log.info("%s is no exposure, so that the run cannot tell whether it is done", target.name)
            elif _is_readable(target, door):
                link = prepare_step(works[target.name], Place(target), Policy(), session)
                link.result.planned_error = None  # the run itself will tell
                settle([link], states)
                results[target.name] = link.result
    return results


def _is_readable(exposure: Any, door: Any) -> bool:
    """Whether the header can be read; where it cannot, the run tells."""
    exposure.door = exposure.door or door
    try:
        exposure.header.get("")
    except Exception as error:
        log.debug("%s cannot be read: %r", exposure.name, error)
        return False
    return True
