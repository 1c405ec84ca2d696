"""calwebb_detector1: raw ramps to count rates (spec pipeline_detector1.md)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from jwst.charge_migration.charge_migration_step import ChargeMigrationStep
from jwst.clean_flicker_noise.clean_flicker_noise_step import CleanFlickerNoiseStep
from jwst.dark_current.dark_current_step import DarkCurrentStep
from jwst.dq_init.dq_init_step import DQInitStep
from jwst.emicorr.emicorr_step import EmiCorrStep
from jwst.firstframe.firstframe_step import FirstFrameStep
from jwst.gain_scale.gain_scale_step import GainScaleStep
from jwst.group_scale.group_scale_step import GroupScaleStep
from jwst.ipc.ipc_step import IPCStep
from jwst.jump.jump_step import JumpStep
from jwst.lastframe.lastframe_step import LastFrameStep
from jwst.linearity.linearity_step import LinearityStep
from jwst.persistence.persistence_step import PersistenceStep
from jwst.picture_frame.picture_frame_step import PictureFrameStep
from jwst.pipeline.ramp_pipeline import RampPipeline, steps_to_linearity
from jwst.ramp_fitting.ramp_fit_step import RampFitStep
from jwst.refpix.refpix_step import RefPixStep
from jwst.reset.reset_step import ResetStep
from jwst.rscd.rscd_step import RscdStep
from jwst.saturation.saturation_step import SaturationStep
from jwst.stpipe import query_step_status
from jwst.superbias.superbias_step import SuperBiasStep
from stpipe import Param

__all__ = ["Detector1Pipeline", "step_order"]

log = logging.getLogger(__name__)

_COMMON = ("charge_migration", "jump", "picture_frame", "clean_flicker_noise", "persistence")
_AFTER_RAMPS = ("ramp_fit", "gain_scale")
_WITHOUT_TRAPS = ("MIRI", "NIRSPEC")


def step_order(instrument: str | None, *, traps: bool = False) -> tuple[str, ...]:
    """Keys of the steps on ramps in the order in which they run.

    Parameters
    ----------
    instrument : str or None
        ``meta.instrument.name``; anything but MIRI means near infrared.
    traps : bool, optional
        The trap model of persistence is wanted: it comes before the dark is subtracted, and only for NIRCam, NIRISS and
        FGS (spec persistence_traps.md §2 and §4).

    Returns
    -------
    tuple of str
        Without ramp_fit and gain_scale, which follow.
    """
    darks = ("dark_current", "refpix") if instrument == "MIRI" else ("dark_current",)
    order = (*steps_to_linearity(instrument), *darks, *_COMMON)
    if not traps:
        return order
    others = tuple(key for key in order if key != "persistence")
    if instrument in _WITHOUT_TRAPS:
        return others
    place = others.index("dark_current")
    return (*others[:place], "persistence", *others[place:])


class Detector1Pipeline(RampPipeline):
    """Turn raw ramps of any instrument into count rates.

    The result is the rate of the exposure; the rates of its integrations are saved as ``_rateints`` when the result is
    saved.
    """

    class_alias = "calwebb_detector1"

    save_calibrated_ramp = Param(False, "save the corrected and flagged ramps when the results are saved")

    step_defs = {
        "group_scale": GroupScaleStep,
        "dq_init": DQInitStep,
        "emicorr": EmiCorrStep,
        "saturation": SaturationStep,
        "ipc": IPCStep,
        "superbias": SuperBiasStep,
        "refpix": RefPixStep,
        "rscd": RscdStep,
        "firstframe": FirstFrameStep,
        "lastframe": LastFrameStep,
        "linearity": LinearityStep,
        "dark_current": DarkCurrentStep,
        "reset": ResetStep,
        "persistence": PersistenceStep,
        "charge_migration": ChargeMigrationStep,
        "jump": JumpStep,
        "picture_frame": PictureFrameStep,
        "clean_flicker_noise": CleanFlickerNoiseStep,
        "ramp_fit": RampFitStep,
        "gain_scale": GainScaleStep,
    }

    persistence: PersistenceStep
    firstframe: FirstFrameStep
    ramp_fit: RampFitStep
    gain_scale: GainScaleStep

    def _order(self, instrument: str | None) -> tuple[str, ...]:
        return step_order(instrument, traps=not self.persistence.skip and self.persistence.algorithm == "traps")

    def planned_steps(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the keys of the steps in the order in which they run for the instrument of an exposure."""
        return (*self._order(parameters.get("meta.instrument.name")), *_AFTER_RAMPS)

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the rates, and of the ramps where they are kept."""
        if not self.save_results:
            return []
        fits = not self.ramp_fit.skip
        ramps = [self.planned_path(suffix="ramp")] if self.save_calibrated_ramp and fits else []
        return [*ramps, *(self.planned_path(suffix=name) for name in (("rateints", "rate") if fits else ("ramp",)))]

    def planned_step_products(self, key: str, parameters: Mapping[str, Any]) -> list[str]:
        """Paths that a step writes; gain_scale runs on both rates, unless there are none."""
        step = self.sub_steps()[key]
        if key == "gain_scale" and step.save_results and not self.ramp_fit.skip:
            return [step.planned_path(suffix=name) for name in ("gain_scale", "gain_scaleints")]
        return super().planned_step_products(key, parameters)

    def process(self, input: Any) -> Any:
        """Process one exposure.

        Parameters
        ----------
        input : str, Path or data model
            Raw or partly processed ramps. A model is copied if the pipeline runs alone.

        Returns
        -------
        ImageModel, IFUImageModel, RampModel or None
            The rate; the ramps if ramp_fit is skipped; None if no rate can be fitted.

        Raises
        ------
        InputError
            The exposure is one of guide stars, or no ramp, or lacks a time that ramp_fit needs.
        NotBuiltError
            A step that would run, or an option of it, is not part of this release.
        """
        log.info("Starting %s", self.class_alias)
        ramp = self._open_ramp(input)
        del input
        ramp = self._correct(ramp)
        if self.save_calibrated_ramp:
            if not self.ramp_fit.skip:
                self.ramp_fit.check_times(ramp)
            self.save_model(ramp, suffix="ramp")
        fitted = self.ramp_fit.run(ramp)
        del ramp
        result = self._rates(*fitted) if isinstance(fitted, tuple) else self._scaled(fitted, "gain_scale")
        if result is not None:
            self.suffix = "rate" if query_step_status(result, "ramp_fit") == "COMPLETE" else "ramp"
        log.info("Ending %s", self.class_alias)
        return result

    def _correct(self, ramp: Any) -> Any:
        """Run all steps on ramps; each works in place on what the one before it returned."""
        order = self._order(self._instrument)
        if "firstframe" in order and not self.firstframe.skip:
            log.info("The firstframe step is deprecated: rscd flags the first groups")
        for key in order:
            ramp = getattr(self, key).run(ramp)
        return ramp

    def _rates(self, rate: Any, rateints: Any) -> Any:
        """Rescale the rates, save those of the integrations, and return that of the exposure."""
        if rate is None:
            log.info("No rate can be fitted for this exposure: there are no products")
            return None
        rate = self._scaled(rate, "gain_scale")
        if rateints is not None:
            rateints = self._scaled(rateints, "gain_scaleints")
            if query_step_status(rateints, "ramp_fit") == "COMPLETE":
                self.save_model(rateints, suffix="rateints")
        return rate

    def _scaled(self, model: Any, suffix: str) -> Any:
        """Rescale for the gain; ``suffix`` is that of the product of gain_scale itself."""
        self.gain_scale.suffix = suffix
        return self.gain_scale.run(model)
