"""Statements of spec jwst_base.md §6: the lists of suffixes, word for word, and the suffix that a product gets."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.jump import JumpStep
from jwst.lib import suffix
from jwst.stpipe import Pipeline, Step
from stpipe.references import ReferenceSession


def words(text):
    """Words of a text."""
    return text.split()


KNOWN = words(
    """
adaptive_trace_model adaptivetracemodelstep align_refs alignrefsstep ami ami-oi ami3pipeline ami_analyze ami_normalize
amianalyzestep aminorm aminorm-oi aminormalizestep assign_mtwcs assign_wcs assignmtwcsstep assignwcsstep backgroundstep
badpixselfcalstep barshadowstep bkg_subtract blot bsub bsubints c1d cal calints cat chargemigrationstep
clean_flicker_noise cleanflickernoisestep combine1dstep combine_1d coron3pipeline crf crfints cube_build cubebuildstep
dark dark_current darkcurrentstep darkpipeline detector1pipeline dq_init dqinitstep emicorr emicorrstep engdblog
extract1dstep extract2dstep extract_1d extract_2d firstframe firstframestep flat_field flatfieldstep fringe fringestep
gain_scale gainscalestep group_scale groupscalestep guider_cds guidercdsstep guiderpipeline hlsp hlspstep i2d
image2pipeline image3pipeline imprint imprintstep ipc ipcstep jump jumpstep klip klipstep lastframe lastframestep
linearity linearitystep master_background masterbackgroundmosstep masterbackgroundstep mbsub median msaflagopenstep
outlier_detection outlierdetectionstep pathloss pathlossstep persistence persistencestep phot photom photomstep
picture_frame pictureframestep pixelreplacestep psfalign psfstack psfsub ramp ramp_fit rampfitstep rate rateints refpix
refpixstep resample resample_spec resamplespecstep resamplestep reset resetstep residual_fringe residualfringestep rscd
rscdstep s2d s3d saturation saturationstep skymatch skymatchstep snr source_catalog sourcecatalogstep sourcetypestep
spec2nrslamp spec2pipeline spec3pipeline spectral_leak spectralleakstep srctype stackrefs stackrefsstep straylight
straylightstep superbias superbiasstep targ_centroid targcentroidstep tso3pipeline tsophotometrystep tweakreg
tweakregstep uncal wavecorrstep wfscmb wfscombine wfscombinestep wfsscontamstep white_light whitelightstep whtlt x1d
x1dints
    """
)
ADDED = words(
    """
ami aminorm ami-oi aminorm-oi blot bsub bsubints c1d cal calints cat crf crfints dark i2d mbsub median phot psfalign
psfstack psfsub ramp rate rateints residual_fringe s2d s3d snr uncal wfscmb whtlt x1d x1dints
    """
)
DISCARDED = words("engdblogstep functionwrapper pipeline rscd_step step systemcall")
EXTRA = words(
    """
segm fitopt gain_scaleints barshadow wavecorr pixel_replace wfss_contam tso_photometry charge_migration msa_flagging
badpix_selfcal master_background_mos imprint_subtract
    """
)


def test_the_list_of_known_suffixes():
    assert len(KNOWN) == 159
    assert sorted(suffix.KNOW_SUFFIXES) == sorted(KNOWN)


def test_the_part_kept_by_hand():
    assert sorted(suffix.SUFFIXES_TO_ADD) == sorted(ADDED)
    assert sorted(suffix.SUFFIXES_TO_DISCARD) == sorted(DISCARDED)
    assert sorted(suffix.EXTRA_SUFFIXES) == sorted(EXTRA)


def test_the_rest_comes_from_steps():
    assert set(KNOWN) - set(ADDED) <= set(suffix.find_suffixes())
    assert set(suffix.find_suffixes()) <= set(KNOWN)


def test_class_names_of_this_package_are_known():
    from jwst.stpipe.utilities import all_steps

    assert {name.lower() for name in all_steps()} <= set(KNOWN)


@pytest.mark.parametrize("known", [*KNOWN, *EXTRA])
@pytest.mark.parametrize("separator", ["_", "-"])
def test_one_suffix_is_stripped_with_its_separator(known, separator):
    assert suffix.remove_suffix(f"jw001_cal{separator}{known}") == ("jw001_cal", separator)
    assert suffix.replace_suffix(f"jw001{separator}{known}", "new") == f"jw001{separator}new"
    assert suffix.remove_suffix(f"jw001{separator}{known.upper()}") == (f"jw001{separator}{known.upper()}", "_")
    assert suffix.remove_suffix(known)[0]


@pytest.mark.parametrize("known", KNOWN)
def test_replacing_keeps_the_root(known):
    for name in ("jw001_rate", "odd-cal", "x_cal_rate", "jw001_special", "cal"):
        root, _ = suffix.remove_suffix(name)
        assert suffix.remove_suffix(suffix.replace_suffix(name, known))[0] == root


@pytest.mark.parametrize("known", EXTRA)
def test_products_that_the_release_lacks_do_not_stack_suffixes(known):
    assert JumpStep(suffix="jump").make_output_path(f"jw001_{known}.fits") == "jw001_jump.fits"


class SubStep(Step):
    """Passes its input on."""

    class_alias = "superbias"

    def process(self, init):
        return init


class WholePipeline(Pipeline):
    """Passes its input through one step."""

    class_alias = "calwebb_detector1"
    step_defs = {"my_jump": SubStep}

    def process(self, init):
        return self.my_jump.run(init)


class TestDefaultSuffix:
    """Suffix of a saved result."""

    @pytest.fixture(autouse=True)
    def here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
        return tmp_path

    @pytest.fixture
    def image(self):
        model = datamodels.ImageModel(np.zeros((4, 4), np.float32))
        model.meta.filename = "jw001_rate.fits"
        model.meta.instrument.name = "NIRCAM"
        return model

    def test_the_parameter(self, image, here):
        SubStep.call(image, suffix="mine", save_results=True)
        assert [path.name for path in here.iterdir()] == ["jw001_mine.fits"]

    def test_the_class_name_of_a_step_alone(self, image, here):
        SubStep.call(image, save_results=True)
        assert [path.name for path in here.iterdir()] == ["jw001_substep.fits"]

    def test_the_key_in_a_pipeline(self, image, here):
        WholePipeline.call(image, steps={"my_jump": {"save_results": True}})
        assert [path.name for path in here.iterdir()] == ["jw001_my_jump.fits"]

    def test_the_name_in_a_parameter_file(self, image, here):
        (here / "p.cfg").write_text("name = called\n")
        SubStep.call(image, config_file="p.cfg", save_results=True)
        assert {path.name for path in here.iterdir()} == {"p.cfg", "jw001_called.fits"}

    def test_the_name_in_a_parameter_reference(self, image, here, monkeypatch):
        (here / "r.cfg").write_text("name = jump\n")

        def answers(self, parameters, types, observatory):
            return {name: str(here / "r.cfg") if name == "pars-substep" else "N/A" for name in types}

        monkeypatch.setattr(ReferenceSession, "answers", answers)
        monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "false")
        SubStep.call(image, save_results=True)
        assert {path.name for path in here.iterdir()} == {"r.cfg", "jw001_jump.fits"}
