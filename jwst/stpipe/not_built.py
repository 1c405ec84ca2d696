"""Steps that the public pipeline has and this release has not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jwst.stpipe.core import JwstStep
from stpipe.exceptions import NotBuiltError

__all__ = ["NotBuiltStep"]


class NotBuiltStep(JwstStep):
    """Base of steps whose parameters are known, so that parameter files load, but which cannot run yet."""

    def process(self, *args: Any) -> Any:
        """Refuse.

        Raises
        ------
        NotBuiltError
            Always.
        """
        raise NotBuiltError(self.refusal())

    def planned_refusal(self, parameters: Mapping[str, Any]) -> str:
        """Say that a run would refuse any input; see `stpipe.step_views.StepViews.planned_refusal`."""
        return self.refusal()

    def refusal(self) -> str:
        """Say what is missing and how to do without it."""
        missing = f"The step {self.class_alias} is not part of this release"
        if self.parent is None:
            return f"{missing}; leave it out of your processing."
        return (
            f"{missing}; switch it off with steps={{'{self.name}': {{'skip': True}}}} or --steps.{self.name}.skip=true"
        )
