"""The firstframe step. Source: spec firstframe.md."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from jwst.firstframe.firstframe_sub import flag_first_group
from jwst.lib.miri import require_miri, unless_not_miri
from jwst.stpipe import Step
from stpipe import Param
from stpipe.exceptions import Skip

__all__ = ["FirstFrameStep"]

log = logging.getLogger(__name__)

_FEWEST_GROUPS = 4
_DEPRECATED = "The firstframe step is deprecated since jwst 2.0.0: the step rscd flags the first groups"


class FirstFrameStep(Step):
    """Flag the first group of MIRI integrations (deprecated: rscd does it)."""

    class_alias = "firstframe"
    will_change = staticmethod(unless_not_miri)

    bright_use_group1 = Param(True, "keep group 1 where group 3 is saturated")
    skip = Param(True, "skip this step")

    def process(self, input_model: Any) -> Any:
        """Flag the first group of every integration as DO_NOT_USE.

        Parameters
        ----------
        input_model : RampModel or str
            A ramp. Exposures of other instruments, and those of three groups or fewer, are left alone.

        Returns
        -------
        RampModel

        Warns
        -----
        DeprecationWarning
            Always.
        """
        warnings.warn(_DEPRECATED, DeprecationWarning, stacklevel=2)
        log.warning(_DEPRECATED)
        with self.ramp(input_model) as ramp:
            require_miri(ramp, "firstframe")
            if ramp.data.shape[1] < _FEWEST_GROUPS:
                raise Skip(f"firstframe needs {_FEWEST_GROUPS} groups; there are {ramp.data.shape[1]}")
            kept = flag_first_group(ramp.groupdq, ramp.pixeldq, keep_bright=self.bright_use_group1)
            if kept:
                log.info("%d bright pixels keep their first group", kept)
        return self.complete(ramp)
