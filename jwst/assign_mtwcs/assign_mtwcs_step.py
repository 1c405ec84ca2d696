"""The assign_mtwcs step: parameters, the library of exposures. Source: spec assign_mtwcs.md."""

from __future__ import annotations

import logging
import os
from typing import Any

from jwst.stpipe import Step, record_step_status
from jwst.stpipe.inputs import is_model
from stpipe import Param
from stpipe.step_files import Suffix

__all__ = ["AssignMTWcsStep"]

log = logging.getLogger(__name__)


class AssignMTWcsStep(Step):
    """Shift the world coordinates of all exposures of a moving target to its mean position."""

    class_alias = "assign_mtwcs"

    suffix = Suffix("assign_mtwcs", "Suffix of output file names", type=str)
    output_use_model = Param(True, "When saving, use `DataModel.meta.filename`")

    def process(self, input_lib: Any) -> Any:
        """Give the exposures of a moving target coordinates that agree on the target.

        Parameters
        ----------
        input_lib : str, Path, association, list, ModelContainer or ModelLibrary
            Exposures with world coordinates, and the position of the target in ``meta.wcsinfo.mt_ra`` and ``.mt_dec``.

        Returns
        -------
        ModelLibrary
            All exposures. A single exposure comes back as it is, with the status FAILED: it has nothing to agree with.
        """
        from jwst.assign_mtwcs.moving_target_wcs import assign_moving_target_wcs
        from jwst.lib.exposures import open_library

        if _is_single(input_lib):
            return self._failed(input_lib)
        library = assign_moving_target_wcs(open_library(self, input_lib))
        # The released pipeline says COMPLETE also where positions are missing and nothing was done.
        return self.complete(library)

    def _failed(self, single: Any) -> Any:
        model = self.prepare_output(single)
        log.warning("assign_mtwcs needs several exposures, in an association or a list: this one stays as it is")
        record_step_status(model, "assign_mtwcs", success=False)
        return model


def _is_single(value: Any) -> bool:
    """Whether an input is one exposure."""
    path = os.fspath(value).lower() if isinstance(value, str | os.PathLike) else ""
    return is_model(value) or path.endswith((".fits", ".fits.gz", ".asdf"))
