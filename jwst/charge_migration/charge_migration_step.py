"""The step that flags charge migration."""

from __future__ import annotations

import logging
from typing import Any

from jwst.charge_migration.charge_migration import flag_charge_migration
from jwst.stpipe import Step
from stpipe import Param
from stpipe.exceptions import Skip

__all__ = ["ChargeMigrationStep"]

log = logging.getLogger(__name__)

MIN_GROUPS = 3


class ChargeMigrationStep(Step):
    """Flag groups in which charge has spilled to neighbouring pixels."""

    class_alias = "charge_migration"

    signal_threshold = Param(25000.0, "signal above which charge migrates to the neighbours", unit="DN")
    skip = Param(True, "skip this step")

    def process(self, input_model: Any) -> Any:
        """Flag a ramp.

        Parameters
        ----------
        input_model : RampModel or str

        Returns
        -------
        RampModel
            With CHARGELOSS and DO_NOT_USE in its group flags.
        """
        with self.ramp(input_model) as ramp:
            if ramp.data.shape[1] < MIN_GROUPS:
                raise Skip(f"Charge migration needs at least {MIN_GROUPS} groups in an integration")
            pixels = flag_charge_migration(ramp.data, ramp.groupdq, self.signal_threshold)
            log.info("Charge migration: %d pixels flagged above %g DN", pixels, self.signal_threshold)
        return self.complete(ramp)
