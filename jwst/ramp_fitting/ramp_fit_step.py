"""The step that turns ramps into count rates. Source: spec ramp_fit.md."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from jwst.stpipe import Step
from stpipe import Param
from stpipe.exceptions import NotBuiltError

__all__ = ["RampFitStep"]

log = logging.getLogger(__name__)

_IFU_TYPES = ("NRS_IFU", "MIR_MRS")
_IFU_LAMP_TYPES = ("NRS_AUTOWAVE", "NRS_LAMP")
_LIKELY_GROUPS = 4
_NO_LIKELY = (
    "The likelihood fit (ramp_fit.algorithm='LIKELY', or an exposure with its own read times) is not "
    "part of this release; use ramp_fit.algorithm='OLS_C'"
)


class RampFitStep(Step):
    """Fit a count rate to every ramp, for each integration and for the exposure."""

    class_alias = "ramp_fit"
    reference_file_types = ["readnoise", "gain"]
    weighting = "optimal"

    algorithm = Param(
        "OLS_C",
        "fit method",
        choices={"OLS_C": "weighted ordinary least squares", "LIKELY": "likelihood fit with its own jump detection"},
    )
    int_name = Param("", "accepted, not used")
    save_opt = Param(False, "save the fit of every segment as product 'fitopt'")
    opt_name = Param("", "base name of that product; empty: the name of the input")
    suppress_one_group = Param(True, "discard ramps with a single good group")
    firstgroup = Param(None, "first group to use, counted from 0", type=int)
    lastgroup = Param(None, "last group to use, counted from 0", type=int)
    maximum_cores = Param("1", "accepted, not used: the fit runs on one core")

    def process(self, input_model: Any) -> Any:
        """Fit the ramps.

        Parameters
        ----------
        input_model : RampModel or str
            Ramps in DN.

        Returns
        -------
        (ImageModel or IFUImageModel, CubeModel) or (None, None)
            Rates of the exposure and of its integrations in DN/s; None where nothing can be fitted.

        Raises
        ------
        NotBuiltError
            The likelihood fit is asked for.
        ValueError
            The exposure has no group, frame or gap times.
        """
        from jwst.ramp_fitting.ramp_fit import fit_ramps
        from jwst.ramp_fitting.rate_products import exposure_times, gain_factor, make_optional, make_rates

        with self.ramp(input_model) as ramp:
            self._refuse_likely(ramp)
            times = exposure_times(ramp)
            with self.reference(ramp, "readnoise") as readnoise, self.reference(ramp, "gain") as gain:
                ramps = self._ramps(ramp, gain, readnoise)
                factor = gain_factor(gain)
            fit = fit_ramps(ramps, times, self._options(ramp))
            if fit is None:
                log.warning("No rate can be fitted for this exposure")
                return None, None
            if factor is not None:
                ramp.meta.exposure.gain_factor = factor
            if fit.optional is not None:
                name = self.opt_name or ramp.meta.filename
                self.save_model(make_optional(ramp, fit.optional), suffix="fitopt", output_file=name, force=True)
            rate, rateints = make_rates(ramp, fit, ifu=_is_ifu(ramp))
        return self.complete(rate), self.complete(rateints)

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the optional results, and of the rates of the exposure and of its integrations."""
        from stpipe.outputs import planned_paths

        name = self.opt_name or self.search_attr("_input_filename")
        optional = [self.planned_path(suffix="fitopt", output_file=name)] if self.save_opt else []
        return [*optional, *(planned_paths(self, 2) if self.save_results else [])]

    def _refuse_likely(self, ramp: Any) -> None:
        """Find out whether the likelihood fit would be used, which this release does not have."""
        ngroups = ramp.data.shape[1]
        asked = self.algorithm == "LIKELY" or bool(getattr(ramp.meta.exposure, "read_times", None))
        if asked and ngroups >= _LIKELY_GROUPS:
            raise NotBuiltError(_NO_LIKELY)
        if asked:
            log.info(
                "The likelihood fit needs %d groups; this exposure has %d, so OLS_C is used", _LIKELY_GROUPS, ngroups
            )

    def planned_refusal(self, parameters: Mapping[str, Any]) -> str:
        """Say whether the likelihood fit would be used, which this release does not have."""
        likely = self.algorithm == "LIKELY" and (parameters.get("meta.exposure.ngroups") or 0) >= _LIKELY_GROUPS
        return _NO_LIKELY if likely else ""

    def _options(self, ramp: Any) -> Any:
        """The choices of the fit."""
        from jwst.ramp_fitting.ramp_inputs import FitOptions

        return FitOptions(
            suppress_one_group=self.suppress_one_group,
            firstgroup=self.firstgroup,
            lastgroup=self.lastgroup,
            miri=ramp.meta.instrument.name == "MIRI",
            optional_results=self.save_opt,
        )

    def _ramps(self, ramp: Any, gain: Any, readnoise: Any) -> Any:
        """Collect the arrays of the fit."""
        from jwst.ramp_fitting.ramp_inputs import Ramps

        return Ramps(
            data=ramp.data,
            groupdq=ramp.groupdq,
            pixeldq=ramp.pixeldq,
            gain=gain.array("data"),
            readnoise=readnoise.array("data"),
            dark=ramp.average_dark_current,
            zeroframe=ramp.zeroframe,
        )


def _is_ifu(ramp: Any) -> bool:
    """Whether the product is an IFU image."""
    exp_type = ramp.meta.exposure.type
    lamp = getattr(ramp.meta.instrument, "lamp_mode", None)
    return exp_type in _IFU_TYPES or (exp_type in _IFU_LAMP_TYPES and str(lamp).upper() == "IFU")
