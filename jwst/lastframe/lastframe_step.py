"""The lastframe step. Source: spec lastframe.md."""

from __future__ import annotations

from typing import Any

from jwst.lastframe.lastframe_sub import flag_last_group
from jwst.lib.miri import require_miri, unless_not_miri
from jwst.stpipe import Step
from stpipe.exceptions import Skip

__all__ = ["LastFrameStep"]

_FEWEST_GROUPS = 3


class LastFrameStep(Step):
    """Flag the last group of MIRI integrations, in which the reset has begun."""

    class_alias = "lastframe"
    will_change = staticmethod(unless_not_miri)

    def process(self, input_model: Any) -> Any:
        """Flag the last group of every integration as DO_NOT_USE.

        Parameters
        ----------
        input_model : RampModel or str
            A ramp. Exposures of other instruments, and those of one or two groups, are left alone.

        Returns
        -------
        RampModel
        """
        with self.ramp(input_model) as ramp:
            require_miri(ramp, "lastframe")
            if ramp.data.shape[1] < _FEWEST_GROUPS:
                raise Skip(f"lastframe needs {_FEWEST_GROUPS} groups, to leave two; there are {ramp.data.shape[1]}")
            flag_last_group(ramp.groupdq)
        return self.complete(ramp)
