"""The emicorr step: its name, parameters and skips. Source: spec emicorr.md."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jwst.lib.miri import unless_not_miri
from jwst.stpipe import Step
from stpipe import Param
from stpipe.exceptions import InputError, MissingMetadataError, ParameterError, Skip

if TYPE_CHECKING:
    from jwst.emicorr.clock import Readout
    from jwst.emicorr.emi_reference import EmiCase, Exposure
    from jwst.emicorr.emicorr import EmiSettings

__all__ = ["EmiCorrStep"]

log = logging.getLogger(__name__)

_PATTERNS = ("FAST", "FASTR1", "SLOW", "SLOWR1")
_FEWEST_GROUPS = 3
_ENOUGH_FOR_SEQUENTIAL = 10
_RIGHT_EDGE = 258
_SUFFIX = "emi_ref_waves"


class EmiCorrStep(Step):
    """Subtract electromagnetic interference from MIRI ramps."""

    class_alias = "emicorr"
    will_change = staticmethod(unless_not_miri)
    reference_file_types = ["emicorr"]

    algorithm = Param(
        "joint",
        "fit method",
        choices={"sequential": "one frequency after the other, by phase bins", "joint": "waves and ramps together"},
    )
    nints_to_phase = Param(None, "integrations used for the phased waveform ('sequential')", type=int, ge=1)
    nbins = Param(None, "bins in the waveform ('sequential')", type=int, ge=1)
    scale_reference = Param(True, "scale the reference wave to the data ('sequential')")
    onthefly_corr_freq = Param(
        None, "frequencies to correct without a reference ('sequential')", unit="Hz", type=list[float]
    )
    use_n_cycles = Param(3, "cycles used for phasing ('sequential')", ge=1)
    fit_ints_separately = Param(False, "own phase and amplitude for each integration ('joint')")
    user_supplied_reffile = Param(None, "deprecated: use override_emicorr", type=str)
    save_intermediate_results = Param(False, "save the reference that was made from the data")
    skip = Param(True, "skip this step")

    def process(self, input_model: Any) -> Any:
        """Correct a ramp.

        Parameters
        ----------
        input_model : RampModel or str
            Ramps in DN, with the PIXELDQ of dq_init.

        Returns
        -------
        RampModel
            Its data corrected; flags are not changed.

        Raises
        ------
        InputError
            The reference or the arrays cannot be used.
        MissingMetadataError
            READPATT, SUBARRAY or another keyword is missing.
        ParameterError
            A frequency of ``onthefly_corr_freq`` is out of bounds.
        """
        from jwst.emicorr.emicorr import correct_emi

        with self.ramp(input_model) as ramp:
            exposure = _exposure(ramp)
            case = self._case(ramp, exposure)
            settings = self._settings(ramp)
            readout = _readout(ramp, case, exposure, edge=not settings.joint)
            found = correct_emi(ramp.data, ramp.pixeldq, waves=case.waves, readout=readout, settings=settings)
            if self._saves_waves():
                self._save_waves(exposure, case, found)
        return self.complete(ramp)

    def _case(self, ramp: Any, exposure: Exposure) -> EmiCase:
        """Clocks and waves for an exposure, from the parameters or from the reference."""
        from jwst.emicorr.emi_reference import on_the_fly_case, read_case

        if self.onthefly_corr_freq is not None:
            self._check_frequencies()
            _enough_groups(ramp)
            return on_the_fly_case(exposure, self.onthefly_corr_freq)
        if self.user_supplied_reffile:
            warnings.warn("user_supplied_reffile is deprecated: use override_emicorr", DeprecationWarning, stacklevel=2)
            self.override_emicorr = self.user_supplied_reffile
        source = self.get_reference_file(ramp, "emicorr")
        if isinstance(source, str) and source in ("", "N/A"):
            raise Skip("there is no EMICORR reference for this exposure")
        _enough_groups(ramp)
        return read_case(source, exposure)

    def _check_frequencies(self) -> None:
        from jwst.emicorr.emi_reference import HIGHEST, LOWEST

        wrong = [frequency for frequency in self.onthefly_corr_freq if not LOWEST <= frequency <= HIGHEST]
        if wrong:
            raise ParameterError(
                f"onthefly_corr_freq: {wrong[0]} Hz cannot be corrected; give frequencies from {LOWEST} to {HIGHEST} Hz"
            )

    def _settings(self, ramp: Any) -> EmiSettings:
        """The parameters, with the algorithm that fits the data."""
        from jwst.emicorr.emicorr import EmiSettings
        from jwst.emicorr.sequential import Phasing

        joint, ngroups = self.algorithm == "joint", ramp.data.shape[1]
        if joint and self.onthefly_corr_freq is not None:
            log.warning("The 'joint' algorithm needs a reference: 'sequential' is used for onthefly_corr_freq")
            joint = False
        elif not joint and ngroups < _ENOUGH_FOR_SEQUENTIAL:
            log.warning("'sequential' is poor with %d groups: 'joint' is better below 10 groups", ngroups)
        phasing = Phasing(self.nints_to_phase, self.use_n_cycles, self.nbins, self.scale_reference)
        return EmiSettings(joint, self.fit_ints_separately, phasing)

    def _saves_waves(self) -> bool:
        return bool(self.save_intermediate_results and self.onthefly_corr_freq is not None)

    def _save_waves(self, exposure: Exposure, case: EmiCase, found: list[Any]) -> None:
        from jwst.emicorr.emi_reference import wave_reference

        self.save_model(wave_reference(exposure, case, found), suffix=_SUFFIX, force=True, ext=".asdf")

    def planned_references(self, parameters: Mapping[str, Any]) -> list[str]:
        """The emicorr reference, for MIRI, unless the waves are found in the data."""
        wanted = parameters.get("meta.instrument.name") in (None, "MIRI") and self.onthefly_corr_freq is None
        return ["emicorr"] if wanted and not self.user_supplied_reffile else []

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """The waves found in the data, where they are saved, and the result."""
        waves = [os.path.splitext(self.planned_path(suffix=_SUFFIX))[0] + ".asdf"] if self._saves_waves() else []
        return [*waves, *super().planned_products(parameters)]


def _exposure(ramp: Any) -> Exposure:
    """What a reference case is chosen by; skips exposures that are not to be corrected."""
    from jwst.emicorr.emi_reference import Exposure

    if ramp.meta.instrument.name != "MIRI":
        raise Skip("emicorr is for MIRI only")
    if ramp.data.ndim != 4:
        raise InputError(f"emicorr needs 4-D ramps; these data have {ramp.data.ndim} dimensions")
    readpatt = str(_needed(ramp.meta.exposure.readpatt, "meta.exposure.readpatt (READPATT)")).upper()
    if readpatt not in _PATTERNS:
        raise Skip(f"READPATT {readpatt} is not corrected; {', '.join(_PATTERNS)} are")
    subarray = str(_needed(ramp.meta.subarray.name, "meta.subarray.name (SUBARRAY)")).upper()
    detector = ramp.meta.instrument.detector
    return Exposure(subarray, readpatt, str(detector).upper() if detector else None)


def _enough_groups(ramp: Any) -> None:
    if ramp.data.shape[1] < _FEWEST_GROUPS:
        raise Skip(f"emicorr needs at least {_FEWEST_GROUPS} groups in an integration")


def _readout(ramp: Any, case: EmiCase, exposure: Exposure, *, edge: bool) -> Readout:
    """How the exposure was read; ``edge`` asks whether its last columns are those of the full frame."""
    from jwst.emicorr.clock import Readout

    nsamples = int(_needed(ramp.meta.exposure.nsamples, "meta.exposure.nsamples (NSAMPLES)"))
    right_edge = False
    if edge:
        xsize = _needed(ramp.meta.subarray.xsize, "meta.subarray.xsize (SUBSIZE1)")
        xstart = _needed(ramp.meta.subarray.xstart, "meta.subarray.xstart (SUBSTRT1)")
        right_edge = int(xsize / 4 + xstart - 1) == _RIGHT_EDGE
    shape = ramp.data.shape[2], ramp.data.shape[3]
    resets = exposure.readpatt.endswith("R1")
    return Readout(shape, case.rowclocks, case.frameclocks, nsamples, resets, right_edge)


def _needed(value: Any, name: str) -> Any:
    """A keyword of the exposure that cannot be done without."""
    if value is None:
        raise MissingMetadataError(
            f"emicorr needs {name}, which this exposure does not have. "
            f"Set it, or switch emicorr off with steps={{'emicorr': {{'skip': True}}}}."
        )
    return value
