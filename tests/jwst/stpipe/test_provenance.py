"""Provenance of JWST products and plans of JWST pipelines, on a small simulated exposure."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from astropy.io import fits
from stdatamodels.jwst import datamodels

import jwst
from jwst.jump import JumpStep
from jwst.pipeline import Detector1Pipeline, GuiderPipeline
from jwst.simulation.crds_cache import cache_for
from jwst.simulation.exposure import simulate
from jwst.simulation.settings import ExposureSettings
from jwst.stpipe import Step
from jwst.stpipe.core import JwstStep
from jwst.stpipe.not_built import NotBuiltStep
from stpipe.provenance import read

STEPS = {"jump": {"rejection_threshold": 5.0, "save_results": True}, "persistence": {"skip": True}}
VOLATILE = {"DATE", "CHECKSUM", "DATASUM"}


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    """Path of a raw exposure, and a reference service for it."""
    folder = tmp_path_factory.mktemp("exposure")
    settings = ExposureSettings(subarray="SUB160", ngroups=4)
    path = simulate(settings, folder).path
    cache = cache_for(folder / "crds", [settings])
    return path, cache


@pytest.fixture(autouse=True)
def crds(exposure, tmp_path, monkeypatch):
    for name in ("CRDS_CONTEXT", "CRDS_SERVER_URL", "CRDS_MODE", "STPIPE_DISABLE_CRDS_STEPPARS", "STPIPE_OVERWRITE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CRDS_PATH", str(exposure[1]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def products(exposure, tmp_path_factory):
    """Products of the pipeline by suffix, the returned model, and the same without provenance."""
    folder = tmp_path_factory.mktemp("products")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRDS_PATH", str(exposure[1]))
        options = {"save_results": True, "steps": STEPS, "configure_log": False}
        result = Detector1Pipeline.call(exposure[0], output_dir=str(folder / "with"), **options)
        patch.setattr(JwstStep, "add_provenance", lambda self, model: None)
        Detector1Pipeline.call(exposure[0], output_dir=str(folder / "without"), **options)
    return folder, result


def path_of(products, suffix, kind="with"):
    (path,) = (products[0] / kind).glob(f"*_{suffix}.fits")
    return path


class TestProducts:
    @pytest.mark.parametrize("suffix", ["rate", "rateints", "jump"])
    def test_every_product_tells_what_made_it(self, products, exposure, suffix):
        (run,) = read(path_of(products, suffix)).runs
        assert run.step.name == "calwebb_detector1"
        assert run.context == "jwst_0001.pmap"
        assert run.inputs == (exposure[0].name,)
        assert run.versions["jwst"] == jwst.__version__
        assert {"stpipe", "stdatamodels", "crds", "numpy"} <= set(run.versions)
        facts = run.flat()
        assert facts["steps.jump.rejection_threshold"] == (5.0, "keyword")
        assert facts["steps.jump.min_jump_area"] == (15.0, "crds:jwst_nircam_pars-jumpstep_0001.asdf")
        assert facts["steps.jump.flag_4_neighbors"] == (True, "default")
        assert run.references["readnoise"] == "crds://jwst_nircam_readnoise_0001.fits"

    def test_steps_in_order(self, products):
        (run,) = read(path_of(products, "rate")).runs
        names = [step.name for step in run.steps]
        planned = list(Detector1Pipeline().planned_steps({"meta.instrument.name": "NIRCAM"}))
        assert list(dict.fromkeys(names)) == planned
        assert names.index("jump") == len(read(path_of(products, "jump")).runs[0].steps) - 1
        status = {step.name: (step.status, step.reason) for step in run.steps}
        assert status["persistence"] == ("skipped", "skip=True")
        assert status["jump"] == ("done", None)

    def test_products_of_a_run_share_its_identity(self, products):
        idents = {read(path_of(products, suffix)).runs[0].run for suffix in ("rate", "rateints", "jump")}
        assert len(idents) == 1

    def test_returned_model_has_it_too(self, products):
        assert read(products[1]) == read(path_of(products, "rate"))

    def test_attribute_access(self, products):
        with datamodels.open(path_of(products, "rate")) as model:
            assert model.provenance.runs[0].context == "jwst_0001.pmap"
            assert model.provenance.runs[0].references.gain == "crds://jwst_nircam_gain_0001.fits"

    @pytest.mark.parametrize("extension", ["fits", "asdf"])
    def test_survives_open_and_save(self, products, crds, extension):
        with datamodels.open(path_of(products, "rate")) as model:
            model.save(crds / f"again.{extension}")
        assert read(crds / f"again.{extension}") == read(path_of(products, "rate"))

    @pytest.mark.parametrize("suffix", ["rate", "rateints", "jump"])
    def test_headers_and_extensions_stay_as_they_are(self, products, suffix):
        ours, bare = path_of(products, suffix), path_of(products, suffix, "without")
        with fits.open(ours) as left, fits.open(bare) as right:
            assert [hdu.name for hdu in left] == [hdu.name for hdu in right]
            for a, b in zip(left, right):
                if a.name == "ASDF":
                    continue
                assert list(a.header) == list(b.header)
                assert {k: v for k, v in a.header.items() if k not in VOLATILE} == {
                    k: v for k, v in b.header.items() if k not in VOLATILE
                }
                if a.data is not None:
                    np.testing.assert_array_equal(a.data, b.data)

    def test_no_folder_is_told(self, products, exposure):
        with datamodels.open(path_of(products, "rate")) as model:
            text = repr(model._instance["provenance"])
        assert str(products[0]) not in text
        assert str(exposure[1]) not in text


class TestRuns:
    def test_runs_after_each_other_are_kept(self, products):
        result = JumpStep.call(path_of(products, "jump"), configure_log=False)
        first, second = read(result).runs
        assert (first.step.name, second.step.name) == ("calwebb_detector1", "jump")
        assert first == read(path_of(products, "jump")).runs[0]
        assert second.steps == ()
        assert second.inputs == (path_of(products, "jump").name,)

    def test_input_keeps_its_own(self, products):
        with datamodels.open(path_of(products, "jump")) as model:
            JumpStep.call(model, configure_log=False)
            assert len(read(model).runs) == 1

    def test_sub_step_results_that_are_not_saved_get_none(self, exposure, monkeypatch):
        noted = []
        record = JwstStep.add_provenance
        monkeypatch.setattr(
            JwstStep, "add_provenance", lambda self, model: (noted.append(self.name), record(self, model))
        )
        result = Detector1Pipeline.call(exposure[0], configure_log=False, steps={"persistence": {"skip": True}})
        assert len(noted) == 1
        assert read(result).runs[0].steps[-1].name == "gain_scale"

    def test_results_that_are_no_models_are_left_alone(self):
        class Number(Step):
            class_alias = "number"

            def process(self, init):
                return 5

        assert Number().run("x") == 5

    def test_is_cheap(self, products):
        class Again(Step):
            class_alias = "again"
            times: list = []

            def process(self, init):
                return self.prepare_output(init)

            def add_provenance(self, model):
                start = time.perf_counter()
                super().add_provenance(model)
                self.times.append(time.perf_counter() - start)

        for _ in range(10):
            Again().run(products[1])
        assert len(Again.times) == 10
        assert min(Again.times) < 0.002


class TestPlans:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"save_calibrated_ramp": True},
            {"steps": {"ramp_fit": {"save_opt": True, "save_results": True}, "gain_scale": {"save_results": True}}},
            {"steps": {"ramp_fit": {"skip": True}}, "save_calibrated_ramp": True},
            {"steps": {"persistence": {"skip": False, "algorithm": "traps", "save_persistence": "yes"}}},
            {"steps": {"persistence": {"algorithm": "flag", "persistence_time": 100, "save_persistence": "state"}}},
            {"steps": {"dark_current": {"dark_output": "my_dark.fits"}}, "output_file": "out"},
        ],
        ids=["rates", "ramp", "fitopt", "no rates", "traps", "windows", "dark"],
    )
    def test_files_are_those_that_a_run_writes(self, exposure, crds, options):
        plan = Detector1Pipeline.plan(str(exposure[0]), save_results=True, **options)
        assert os.listdir(crds) == []
        Detector1Pipeline.call(str(exposure[0]), save_results=True, configure_log=False, **options)
        assert sorted(os.path.relpath(product.path) for product in plan.products) == sorted(os.listdir(crds))
        assert plan.problems == ()

    def test_references_are_those_that_a_run_uses(self, exposure, products):
        plan = Detector1Pipeline.plan(str(exposure[0]), steps=STEPS)
        planned = {
            reference.reftype: f"crds://{os.path.basename(reference.file)}"
            for step in plan.step.steps
            for reference in step.references
        }
        assert planned == read(path_of(products, "rate")).runs[0].references
        assert plan.contexts == {"jwst": "jwst_0001.pmap"}

    def test_order_of_each_instrument(self, exposure):
        plan = Detector1Pipeline.plan(str(exposure[0]), steps=STEPS)
        assert [step.key for step in plan.step.steps][:3] == ["group_scale", "dq_init", "saturation"]
        assert set(plan.step.unused) == {"emicorr", "rscd", "firstframe", "lastframe", "reset"}

    def test_steps_that_are_not_part_of_this_release(self):
        class MissingStep(NotBuiltStep):
            """Not built."""

            class_alias = "reset"

        class MissingPipeline(Detector1Pipeline):
            """A pipeline without one of its steps."""

            step_defs = {**Detector1Pipeline.step_defs, "reset": MissingStep}

        model = datamodels.RampModel((1, 2, 4, 4))
        model.meta.instrument.name = "MIRI"
        problems = "\n".join(MissingPipeline.plan(model).problems)
        assert "reset: The step reset is not part of this release" in problems
        assert "--steps.reset.skip=true" in problems

    def test_guider(self):
        plan = GuiderPipeline.plan("jw1_uncal.fits", save_results=True)
        assert [product.path for product in plan.products] == ["jw1_cal.fits"]
        assert [step.key for step in plan.step.steps] == ["dq_init", "guider_cds", "flat_field"]
