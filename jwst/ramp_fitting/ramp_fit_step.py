"""The step that turns ramps into count rates. Source: spec ramp_fit.md."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jwst.lib.assignment import unvalidated
from jwst.stpipe import Step
from jwst.stpipe.inputs import is_model, native_arrays, refuse_empty
from stpipe import Param

__all__ = ["RampFitStep"]

log = logging.getLogger(__name__)

_IFU_TYPES = ("NRS_IFU", "MIR_MRS")
_IFU_LAMP_TYPES = ("NRS_AUTOWAVE", "NRS_LAMP")
_ONLY_READ = ("data", "zeroframe", "average_dark_current")
_ONE_CORE = ("1", "none", "one")
_OPTIONAL = {"OLS_C": "fitopt", "LIKELY": "likely_chisq"}


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
    save_opt = Param(
        False, "save the fit of every segment as product 'fitopt', or chi squared of 'LIKELY' as 'likely_chisq'"
    )
    opt_name = Param("", "base name of that product; empty: the name of the input")
    suppress_one_group = Param(True, "discard ramps with a single good group")
    all_faint_jumps = Param(
        False, "'LIKELY': search also the faint ramps in which the released pipeline misses jumps (0 divided by 0)"
    )
    firstgroup = Param(None, "first group to use, counted from 0", type=int)
    lastgroup = Param(None, "last group to use, counted from 0", type=int)
    maximum_cores = Param(
        "1", "processes that share the rows ('OLS_C' only): a number, 'quarter', 'half', 'all' or 'none'"
    )

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
        InputError
            The exposure has no group, frame or gap times, or its read times make no sense.
        """
        from jwst.ramp_fitting.rate_products import gain_factor, make_rates

        with self._ramp(input_model) as ramp:
            algorithm = self._algorithm(ramp)
            with self.reference(ramp, "readnoise") as readnoise, self.reference(ramp, "gain") as gain:
                ramps = self._ramps(ramp, gain, readnoise)
                factor = gain_factor(gain)
            fit = self._fit(ramp, ramps, algorithm)
            if fit is None:
                log.warning("No rate can be fitted for this exposure")
                return None, None
            if factor is not None:
                ramp.meta.exposure.gain_factor = factor
            self._save_optional(ramp, fit, algorithm)
            rate, rateints = make_rates(ramp, fit, ifu=_is_ifu(ramp))
        return self.complete(rate), self.complete(rateints)

    @contextmanager
    def _ramp(self, input_model: Any) -> Iterator[Any]:
        """Ramps of the step; of a model that it copies, the arrays that a fit only reads stay those of the input."""
        if self.parent is not None or not is_model(input_model):
            with self.ramp(input_model) as ramp:
                yield ramp
            return
        read = {id(array): array for array in map(input_model.instance.get, _ONLY_READ) if array is not None}
        ramp = self.prepare_output(input_model.copy(memo=read), make_copy=False, open_as_ramp=True)
        refuse_empty(ramp)
        native_arrays(ramp)
        with unvalidated(ramp):
            yield ramp

    def _algorithm(self, ramp: Any) -> str:
        """The fit to use: that of the parameters, unless the exposure asks for another one."""
        from jwst.ramp_fitting.likely import LIKELY_GROUPS

        algorithm, ngroups = self.algorithm, ramp.data.shape[1]
        if algorithm != "LIKELY" and getattr(ramp.meta.exposure, "read_times", None):
            log.warning("The exposure lists its read times, which only algorithm='LIKELY' can use; it is used")
            algorithm = "LIKELY"
        if algorithm == "LIKELY" and ngroups < LIKELY_GROUPS:
            log.info("algorithm='LIKELY' needs %d groups, there are %d; 'OLS_C' is used", LIKELY_GROUPS, ngroups)
            algorithm = "OLS_C"
        return str(algorithm)

    def check_times(self, ramp: Any) -> None:
        """Refuse an exposure without the times that a fit needs; a pipeline asks before it saves the ramps.

        Parameters
        ----------
        ramp : RampModel

        Raises
        ------
        InputError
            A time is missing, or the read times make no sense.
        """
        from jwst.ramp_fitting.rate_products import exposure_times, read_pattern

        (read_pattern if getattr(ramp.meta.exposure, "read_times", None) else exposure_times)(ramp)

    def _fit(self, ramp: Any, ramps: Any, algorithm: str) -> Any:
        """Fit; None where nothing can be fitted."""
        from jwst.ramp_fitting.likely import fit_likely
        from jwst.ramp_fitting.ramp_fit import fit_ramps
        from jwst.ramp_fitting.rate_products import exposure_times, read_pattern

        if algorithm == "LIKELY":
            if self.maximum_cores not in _ONE_CORE:
                log.info("The likelihood fit is done on one core; maximum_cores is for algorithm='OLS_C'")
            return fit_likely(ramps, read_pattern(ramp), self._options(ramp))
        return fit_ramps(ramps, exposure_times(ramp), self._options(ramp))

    def _save_optional(self, ramp: Any, fit: Any, algorithm: str) -> None:
        """Save the optional product, if there is one."""
        from jwst.ramp_fitting.rate_products import make_chisq, make_optional

        if fit.optional is None:
            return
        name = self.opt_name or ramp.meta.filename
        make = make_chisq if algorithm == "LIKELY" else make_optional
        self.save_model(make(ramp, fit.optional), suffix=_OPTIONAL[algorithm], output_file=name, force=True)

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the optional results, and of the rates of the exposure and of its integrations."""
        from jwst.ramp_fitting.likely import LIKELY_GROUPS
        from stpipe.outputs import planned_paths

        name = self.opt_name or self.search_attr("_input_filename")
        groups = parameters.get("meta.exposure.ngroups")
        likely = self.algorithm == "LIKELY" and (groups is None or groups >= LIKELY_GROUPS)
        suffix = _OPTIONAL["LIKELY" if likely else "OLS_C"]
        optional = [self.planned_path(suffix=suffix, output_file=name)] if self.save_opt else []
        return [*optional, *(planned_paths(self, 2) if self.save_results else [])]

    def _options(self, ramp: Any) -> Any:
        """The choices of the fit."""
        from jwst.ramp_fitting.ramp_inputs import FitOptions
        from stpipe.parallel import cores_of

        return FitOptions(
            suppress_one_group=self.suppress_one_group,
            firstgroup=self.firstgroup,
            lastgroup=self.lastgroup,
            miri=ramp.meta.instrument.name == "MIRI",
            optional_results=self.save_opt,
            all_faint_jumps=self.all_faint_jumps,
            cores=cores_of(self.maximum_cores, rows=ramp.data.shape[2]),
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
