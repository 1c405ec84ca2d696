"""Statements of spec jwst_base.md §1, §3 and §10: public names, the tables of classes, and the keys of their status."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points

import pytest
from stdatamodels.jwst import datamodels

import jwst
import jwst.pipeline
import jwst.step
from jwst.stpipe import Pipeline, Step
from jwst.stpipe.integration import PIPELINES, STEPS, get_steps
from jwst.stpipe.not_built import NotBuiltStep
from stpipe.cli.main import main as stpipe_command
from stpipe.cli.strun import main as strun
from stpipe.utilities import near_step_names, resolve_step_class_alias

# class | alias | package.module | reference types, of all steps of the public pipeline
TABLE = """
AdaptiveTraceModelStep | adaptive_trace_model | adaptive_trace_model.adaptive_trace_model_step |
AlignRefsStep | align_refs | coron.align_refs_step | psfmask
AmiAnalyzeStep | ami_analyze | ami.ami_analyze_step | throughput nrm
AmiNormalizeStep | ami_normalize | ami.ami_normalize_step |
AssignMTWcsStep | assign_mtwcs | assign_mtwcs.assign_mtwcs_step |
AssignWcsStep | assign_wcs | assign_wcs.assign_wcs_step | distortion filteroffset specwcs regions wavelengthrange \
camera chromcorr \
collimator disperser fore fpa msa ote ifupost ifufore ifuslicer
BackgroundStep | bkg_subtract | background.background_step | bkg wavelengthrange
BadpixSelfcalStep | badpix_selfcal | badpix_selfcal.badpix_selfcal_step |
BarShadowStep | barshadow | barshadow.barshadow_step | barshadow
ChargeMigrationStep | charge_migration | charge_migration.charge_migration_step |
CleanFlickerNoiseStep | clean_flicker_noise | clean_flicker_noise.clean_flicker_noise_step | flat pastasoss
Combine1dStep | combine_1d | combine_1d.combine_1d_step |
CubeBuildStep | cube_build | cube_build.cube_build_step | cubepar
DarkCurrentStep | dark_current | dark_current.dark_current_step | dark
DQInitStep | dq_init | dq_init.dq_init_step | mask
EmiCorrStep | emicorr | emicorr.emicorr_step | emicorr
Extract1dStep | extract_1d | extract_1d.extract_1d_step | extract1d apcorr pastasoss specprofile speckernel psf
Extract2dStep | extract_2d | extract_2d.extract_2d_step | wavelengthrange
FirstFrameStep | firstframe | firstframe.firstframe_step |
FlatFieldStep | flat_field | flatfield.flat_field_step | flat fflat sflat dflat
FringeStep | fringe | fringe.fringe_step | fringe
GainScaleStep | gain_scale | gain_scale.gain_scale_step | gain
GroupScaleStep | group_scale | group_scale.group_scale_step |
GuiderCdsStep | guider_cds | guider_cds.guider_cds_step | gain readnoise
HlspStep | hlsp | coron.hlsp_step |
ImprintStep | imprint | imprint.imprint_step |
IPCStep | ipc | ipc.ipc_step | ipc
JumpStep | jump | jump.jump_step | gain readnoise
KlipStep | klip | coron.klip_step |
LastFrameStep | lastframe | lastframe.lastframe_step |
LinearityStep | linearity | linearity.linearity_step | linearity
MasterBackgroundMosStep | master_background_mos | master_background.master_background_mos_step |
MasterBackgroundStep | master_background | master_background.master_background_step |
MSAFlagOpenStep | msa_flagging | msaflagopen.msaflagopen_step | msaoper
OutlierDetectionStep | outlier_detection | outlier_detection.outlier_detection_step |
PathLossStep | pathloss | pathloss.pathloss_step | pathloss
PersistenceStep | persistence | persistence.persistence_step |
PhotomStep | photom | photom.photom_step | photom area
PictureFrameStep | picture_frame | picture_frame.picture_frame_step | pictureframe
PixelReplaceStep | pixel_replace | pixel_replace.pixel_replace_step |
RampFitStep | ramp_fit | ramp_fitting.ramp_fit_step | readnoise gain
RefPixStep | refpix | refpix.refpix_step | refpix sirskernel
ResampleSpecStep | resample_spec | resample.resample_spec_step |
ResampleStep | resample | resample.resample_step |
ResetStep | reset | reset.reset_step | reset
ResidualFringeStep | residual_fringe | residual_fringe.residual_fringe_step | fringefreq regions
RscdStep | rscd | rscd.rscd_step | rscd
SaturationStep | saturation | saturation.saturation_step | saturation superbias
SkyMatchStep | skymatch | skymatch.skymatch_step |
SourceCatalogStep | source_catalog | source_catalog.source_catalog_step | apcorr abvegaoffset
SourceTypeStep | srctype | srctype.srctype_step |
SpectralLeakStep | spectral_leak | spectral_leak.spectral_leak_step | mrsptcorr
StackRefsStep | stack_refs | coron.stack_refs_step |
StraylightStep | straylight | straylight.straylight_step | mrsxartcorr regions
SuperBiasStep | superbias | superbias.superbias_step | superbias
TargCentroidStep | targ_centroid | targ_centroid.targ_centroid_step | filteroffset
TSOPhotometryStep | tso_photometry | tso_photometry.tso_photometry_step | gain
TweakRegStep | tweakreg | tweakreg.tweakreg_step |
WavecorrStep | wavecorr | wavecorr.wavecorr_step | wavecorr
WfsCombineStep | calwebb_wfs-image3 | wfs_combine.wfs_combine_step |
WfssContamStep | wfss_contam | wfss_contam.wfss_contam_step | photom wavelengthrange
WhiteLightStep | white_light | white_light.white_light_step | wavelengthrange
"""
PIPELINE_ALIASES = {
    "Ami3Pipeline": "calwebb_ami3",
    "Coron3Pipeline": "calwebb_coron3",
    "DarkPipeline": "calwebb_dark",
    "Detector1Pipeline": "calwebb_detector1",
    "GuiderPipeline": "calwebb_guider",
    "Image2Pipeline": "calwebb_image2",
    "Image3Pipeline": "calwebb_image3",
    "Spec2Pipeline": "calwebb_spec2",
    "Spec3Pipeline": "calwebb_spec3",
    "Tso3Pipeline": "calwebb_tso3",
}
NAMES = {
    "jwst": "__version__ __version_commit__",
    "jwst.stpipe": "Step Pipeline record_step_status query_step_status",
    "jwst.stpipe.core": "JwstStep JwstPipeline",
    "jwst.stpipe.utilities": """all_steps load_local_pkg folder_traverse record_step_status query_step_status
        summary_step_status invariant_filename NON_STEPS ALLOWED_STEP_STATUS NOT_SET""",
    "jwst.stpipe.integration": "get_steps",
    "jwst.datamodels": "open ModelContainer ModelLibrary SourceModelContainer",
    "jwst.datamodels.utils": "attrs_to_group_id",
    "jwst.lib.suffix": """remove_suffix replace_suffix combine_suffixes find_suffixes KNOW_SUFFIXES SUFFIXES_TO_ADD
        SUFFIXES_TO_DISCARD REMOVE_SUFFIX_REGEX""",
    "jwst.assign_wcs.util": "NoDataOnDetectorError",
}


def rows():
    """Class, alias, module and reference types of each step."""
    for line in TABLE.strip().splitlines():
        name, alias, module, types = (cell.strip() for cell in line.split("|"))
        yield name, alias, module, types.split()


BUILT = {entry.name for entry in STEPS}
BUILT_ROWS = [row for row in rows() if row[0] in BUILT]


@pytest.mark.parametrize("module", NAMES)
def test_public_names(module):
    found = import_module(module)
    names = NAMES[module].split()
    assert set(names) <= set(found.__all__)
    assert all(hasattr(found, name) for name in names)


def test_same_classes_under_two_names():
    from jwst.stpipe import core

    assert (core.JwstStep, core.JwstPipeline) == (Step, Pipeline)
    assert core.log.name == "jwst.stpipe.core"


def test_classes_of_pipelines_are_steps_too():
    from stpipe import Pipeline as BasePipeline

    for entry in PIPELINES:
        cls = getattr(jwst.pipeline, entry.name)
        assert issubclass(cls, BasePipeline)
        assert issubclass(cls, Step)


@pytest.mark.parametrize(
    ("version", "commit"),
    [("0.1.0", ""), ("1.2.0.dev3+g1a2b3c4", "1a2b3c4"), ("1.2.0.dev3+g1a2b3c4.d20260101", "1a2b3c4")],
)
def test_commit_in_the_version(version, commit):
    assert jwst.commit_of(version) == commit
    assert jwst.__version_commit__ == jwst.commit_of(jwst.__version__)


@pytest.mark.parametrize(("arguments", "said"), [((), "no science data"), (("why",), "why")])
def test_no_data_on_the_detector(arguments, said, monkeypatch, capsys):
    from jwst.assign_wcs.util import NoDataOnDetectorError
    from stpipe.exceptions import StpipeExitException

    error = NoDataOnDetectorError(*arguments)
    assert isinstance(error, StpipeExitException)
    assert error.exit_status == 64
    assert said in str(error)

    def process(self, *_):
        raise error

    monkeypatch.setattr(jwst.step.SuperBiasStep, "process", process)
    monkeypatch.setattr(jwst.step.SuperBiasStep, "prefetch", lambda self, *_: None)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    assert strun(["superbias"]) == 64
    assert said in "".join(capsys.readouterr())


class TestTable:
    """The tables of §10, as far as the classes are there."""

    def test_every_class_is_in_the_table(self):
        assert len(list(rows())) == 62
        assert len(BUILT_ROWS) == len(STEPS)
        assert {entry.name for entry in PIPELINES} <= set(PIPELINE_ALIASES)

    @pytest.mark.parametrize(("name", "alias", "module", "types"), BUILT_ROWS, ids=[row[0] for row in BUILT_ROWS])
    def test_a_step(self, name, alias, module, types):
        cls = getattr(jwst.step, name)
        assert cls.class_alias == alias
        assert cls.__module__ == f"jwst.{module}"
        assert getattr(import_module(f"jwst.{module.partition('.')[0]}"), name) is cls
        owner = (
            cls if name == "CleanFlickerNoiseStep" else cls()
        )  # an instance of it has those that its parameters need
        assert list(owner.reference_file_types) == types
        assert (f"jwst.step.{name}", alias, False) in get_steps()

    @pytest.mark.parametrize("entry", PIPELINES, ids=lambda entry: entry.alias)
    def test_a_pipeline(self, entry):
        alias = PIPELINE_ALIASES[entry.name]
        cls = getattr(jwst.pipeline, entry.name)
        assert cls.class_alias == alias
        assert getattr(import_module(f"jwst.pipeline.{alias}"), entry.name) is cls
        assert (f"jwst.pipeline.{entry.name}", alias, True) in get_steps()

    def test_the_entry_point(self):
        found = [one for one in entry_points(group="stpipe.steps") if one.name == "jwst"]
        assert [one.load() for one in found] == [get_steps]

    def test_listing_imports_no_class(self):
        code = (
            "import json, sys; from jwst.stpipe.integration import get_steps; get_steps();"
            "print(json.dumps(sorted(name for name in sys.modules if name.startswith('jwst.'))))"
        )
        text = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert json.loads(text) == ["jwst.stpipe", "jwst.stpipe.integration"]

    def test_the_command_shows_them(self, capsys):
        assert stpipe_command(["list", "jwst.*"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert set(lines) == {f"{path} ({alias})" for path, alias, _ in get_steps()}

    @pytest.mark.parametrize(
        ("wrong", "alias"),
        [
            ("flatfield", "flat_field"),
            ("ramp_fitting", "ramp_fit"),
            ("jumps", "jump"),
            ("detector1", "calwebb_detector1"),
        ],
    )
    def test_a_wrong_name_brings_the_nearest_alias(self, wrong, alias, capsys):
        assert alias in near_step_names(wrong)
        assert strun([wrong]) == 1
        assert alias in capsys.readouterr().out
        assert resolve_step_class_alias(alias) != alias

    @pytest.mark.parametrize(
        ("package", "name", "alias"),
        [("flatfield", "FlatFieldStep", "flat_field"), ("ramp_fitting", "RampFitStep", "ramp_fit")],
    )
    def test_packages_called_unlike_their_step(self, package, name, alias):
        assert getattr(import_module(f"jwst.{package}"), name).class_alias == alias


class TestStatusKeys:
    """Every step writes its status to a key of the schema, so that it reaches a keyword of the file."""

    def keys(self):
        """Keys below ``meta.cal_step`` that the schema knows."""
        from stdatamodels import schema

        found = set()

        def collect(node, path, *_):
            if len(path) == 3 and list(path[:2]) == ["meta", "cal_step"] and "fits_keyword" in node:
                found.add(path[2])

        schema.walk_schema(datamodels.JwstDataModel().schema, collect)
        return found

    @pytest.mark.parametrize("entry", STEPS, ids=lambda entry: entry.alias)
    def test_of_a_step(self, entry):
        cls = getattr(jwst.step, entry.name)
        assert (cls.cal_step or cls.class_alias) in self.keys()

    def test_an_alias_that_is_no_key(self):
        assert "dark_current" not in self.keys()
        assert jwst.step.DarkCurrentStep.cal_step == "dark_sub"

    def test_keys_without_a_step(self):
        assert {"emission", "err_init"} <= self.keys()
        used = {row[1] for row in rows()} | {getattr(jwst.step, name).cal_step for name in BUILT}
        assert not {"emission", "err_init"} & used

    @pytest.mark.parametrize("entry", STEPS, ids=lambda entry: entry.alias)
    def test_of_a_step_that_a_pipeline_skips(self, entry, caplog):
        caplog.set_level(logging.INFO)
        cls = getattr(jwst.step, entry.name)

        class One(Pipeline):
            step_defs = {"one": cls}

            def process(self, model):
                return self.one.run(model)

        model = datamodels.RampModel((1, 2, 4, 4))
        result = One(steps={"one": {"skip": True}}).run(model)
        if not issubclass(cls, NotBuiltStep):
            assert result is model
        assert result.meta.cal_step.instance == {cls.cal_step or cls.class_alias: "SKIPPED"}
        assert "Step skipped." in caplog.text
