"""The steps and pipelines of this package, without importing any of them (spec jwst_base.md §10)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PIPELINES", "STEPS", "Entry", "get_steps"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One class that users can run.

    Attributes
    ----------
    name : str
        Class name.
    alias : str
        Short name on the command line; key of its status in ``meta.cal_step``.
    module : str
        Module that has it, below ``jwst``.
    """

    name: str
    alias: str
    module: str


STEPS = (
    Entry("AssignMTWcsStep", "assign_mtwcs", "assign_mtwcs.assign_mtwcs_step"),
    Entry("AssignWcsStep", "assign_wcs", "assign_wcs.assign_wcs_step"),
    Entry("BackgroundStep", "bkg_subtract", "background.background_step"),
    Entry("ChargeMigrationStep", "charge_migration", "charge_migration.charge_migration_step"),
    Entry("CleanFlickerNoiseStep", "clean_flicker_noise", "clean_flicker_noise.clean_flicker_noise_step"),
    Entry("DQInitStep", "dq_init", "dq_init.dq_init_step"),
    Entry("DarkCurrentStep", "dark_current", "dark_current.dark_current_step"),
    Entry("EmiCorrStep", "emicorr", "emicorr.emicorr_step"),
    Entry("FirstFrameStep", "firstframe", "firstframe.firstframe_step"),
    Entry("FlatFieldStep", "flat_field", "flatfield.flat_field_step"),
    Entry("GainScaleStep", "gain_scale", "gain_scale.gain_scale_step"),
    Entry("GroupScaleStep", "group_scale", "group_scale.group_scale_step"),
    Entry("GuiderCdsStep", "guider_cds", "guider_cds.guider_cds_step"),
    Entry("IPCStep", "ipc", "ipc.ipc_step"),
    Entry("JumpStep", "jump", "jump.jump_step"),
    Entry("LastFrameStep", "lastframe", "lastframe.lastframe_step"),
    Entry("LinearityStep", "linearity", "linearity.linearity_step"),
    Entry("MSAFlagOpenStep", "msa_flagging", "msaflagopen.msaflagopen_step"),
    Entry("OutlierDetectionStep", "outlier_detection", "outlier_detection.outlier_detection_step"),
    Entry("PersistenceStep", "persistence", "persistence.persistence_step"),
    Entry("PhotomStep", "photom", "photom.photom_step"),
    Entry("PictureFrameStep", "picture_frame", "picture_frame.picture_frame_step"),
    Entry("RampFitStep", "ramp_fit", "ramp_fitting.ramp_fit_step"),
    Entry("RefPixStep", "refpix", "refpix.refpix_step"),
    Entry("ResampleStep", "resample", "resample.resample_step"),
    Entry("ResetStep", "reset", "reset.reset_step"),
    Entry("RscdStep", "rscd", "rscd.rscd_step"),
    Entry("SaturationStep", "saturation", "saturation.saturation_step"),
    Entry("SkyMatchStep", "skymatch", "skymatch.skymatch_step"),
    Entry("SourceCatalogStep", "source_catalog", "source_catalog.source_catalog_step"),
    Entry("SuperBiasStep", "superbias", "superbias.superbias_step"),
    Entry("TweakRegStep", "tweakreg", "tweakreg.tweakreg_step"),
)

PIPELINES = (
    Entry("DarkPipeline", "calwebb_dark", "pipeline.calwebb_dark"),
    Entry("Detector1Pipeline", "calwebb_detector1", "pipeline.calwebb_detector1"),
    Entry("GuiderPipeline", "calwebb_guider", "pipeline.calwebb_guider"),
    Entry("Image2Pipeline", "calwebb_image2", "pipeline.calwebb_image2"),
    Entry("Image3Pipeline", "calwebb_image3", "pipeline.calwebb_image3"),
)


def get_steps() -> list[tuple[str, str, bool]]:
    """List the classes of this package that users can run.

    Returns
    -------
    list of (str, str, bool)
        Class path, alias, and whether it is a pipeline.
    """
    pipelines = [(f"jwst.pipeline.{entry.name}", entry.alias, True) for entry in PIPELINES]
    return pipelines + [(f"jwst.step.{entry.name}", entry.alias, False) for entry in STEPS]
