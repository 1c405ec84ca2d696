"""Statements of spec jwst_base.md §2, §2.4, §2.5, §4 and §5: what a run writes into its result, and what stays."""

from __future__ import annotations

import hashlib
import json
import logging
import re

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

import jwst
import jwst.step
from jwst.datamodels import ModelContainer, ModelLibrary
from jwst.stpipe import Pipeline, Step
from jwst.stpipe.integration import STEPS
from jwst.stpipe.log_lines import scrub
from jwst.stpipe.not_built import NotBuiltStep
from stpipe.references import ReferenceSession

# clean_flicker_noise fits a draft rate with references of its own: tests/jwst/clean_flicker_noise/test_step.py; the
# background needs rates, and backgrounds as a second argument: tests/jwst/background;
# the steps on calibrated images take no ramps: tests/jwst/<package>
_OF_IMAGES = {"ResampleStep", "SkyMatchStep", "SourceCatalogStep", "TweakRegStep"}
ELSEWHERE = {"CleanFlickerNoiseStep", "BackgroundStep"} | _OF_IMAGES
BUILT = [
    entry
    for entry in STEPS
    if not issubclass(getattr(jwst.step, entry.name), NotBuiltStep) and entry.name not in ELSEWHERE
]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.delenv("CRDS_CONTEXT", raising=False)
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "no_crds"))
    return tmp_path


@pytest.fixture
def image():
    return make_image("jw001_rate.fits")


def make_image(filename):
    model = datamodels.ImageModel(np.zeros((4, 4), np.float32))
    model.meta.filename = filename
    model.meta.instrument.name = "NIRCAM"
    return model


@pytest.fixture
def ramp():
    groups = 10 * np.arange(1, 5, dtype=np.float32)
    model = datamodels.RampModel(np.full((1, 4, 16, 16), 1, np.float32) * groups[:, None, None])
    model.groupdq = np.zeros((1, 4, 16, 16), np.uint8)
    model.pixeldq = np.zeros((16, 16), np.uint32)
    model.meta.filename = "jw001_uncal.fits"
    for section, values in {
        "instrument": {"name": "NIRCAM", "detector": "NRCA1"},
        "exposure": {
            "type": "NRC_IMAGE",
            "ngroups": 4,
            "nints": 1,
            "nframes": 1,
            "groupgap": 0,
            "frame_divisor": 1,
            "group_time": 10.0,
            "frame_time": 10.0,
            "readpatt": "RAPID",
            "zero_frame": False,
        },
        "subarray": {
            "name": "SUB64P",
            "xstart": 1,
            "ystart": 1,
            "xsize": 16,
            "ysize": 16,
            "fastaxis": -1,
            "slowaxis": 2,
        },
    }.items():
        for name, value in values.items():
            setattr(getattr(model.meta, section), name, value)
    return model


class Same(Step):
    """Passes its input on."""

    class_alias = "superbias"

    def process(self, init):
        logging.getLogger("jwst.a_module").info("an INFO line of %s", "/grp/crds/x.fits")
        logging.getLogger("jwst.a_module").debug("a DEBUG line")
        return init


class Nameless(Step):
    """A step without an alias."""

    def process(self, init):
        return init


class Outer(Pipeline):
    """A pipeline around it."""

    class_alias = "calwebb_detector1"
    step_defs = {"inner": Same, "nameless": Nameless}

    def process(self, init):
        return self.nameless.run(self.inner.run(init))


class NamelessOuter(Pipeline):
    """A pipeline without an alias."""

    step_defs = {"inner": Same}

    def process(self, init):
        return self.inner.run(init)


def messages(caplog, text):
    return [record for record in caplog.records if text in record.getMessage()]


class TestFinalizeResult:
    """Software, references, context and log lines."""

    def test_versions_and_references(self, image, monkeypatch, caplog):
        from importlib.metadata import version

        caplog.set_level(logging.INFO)
        monkeypatch.setenv("CRDS_CONTEXT", "jwst_0676.pmap")
        monkeypatch.setattr(jwst, "__version_commit__", "abc123")
        Same().finalize_result(image, [("dark", "crds://d.fits"), ("flat", "N/A"), ("nonsense", "x")])
        assert image.meta.calibration_software_version == jwst.__version__
        assert image.meta.calibration_software_revision == "abc123"
        assert image.meta.ref_file.instance == {
            "dark": {"name": "crds://d.fits"},
            "flat": {"name": "N/A"},
            "crds": {"sw_version": version("crds"), "context_used": "jwst_0676.pmap"},
        }
        (record,) = messages(caplog, "Results used CRDS context")
        assert (record.name, record.getMessage()) == ("jwst.stpipe.core", "Results used CRDS context: jwst_0676.pmap")

    def test_without_references_nothing_is_said_of_crds(self, image, caplog):
        caplog.set_level(logging.INFO)
        Same().finalize_result(image, [])
        assert image.meta.ref_file.instance == {}
        assert not messages(caplog, "CRDS context")

    def test_a_sub_step_leaves_the_context_line_to_its_pipeline(self, image, monkeypatch, caplog):
        caplog.set_level(logging.INFO)
        monkeypatch.setenv("CRDS_CONTEXT", "jwst_0676.pmap")
        Outer().inner.finalize_result(image, [("dark", "crds://d.fits")])
        assert image.meta.ref_file.crds.context_used == "jwst_0676.pmap"
        assert not messages(caplog, "CRDS context")

    @pytest.mark.parametrize("result", [None, 3, "text", [1], {"a": 1}], ids=repr)
    @pytest.mark.parametrize("step", [Same, Outer])
    def test_other_results(self, step, result):
        kept = json.dumps(result)
        step().finalize_result(result, [("dark", "x")])
        assert json.dumps(result) == kept

    def test_each_model_of_a_list_and_of_a_library(self):
        first, second, third = (make_image(f"jw00{index}_rate.fits") for index in range(3))
        Same().run([first, second])
        Same().run(ModelLibrary([third]))
        for model in (first, second, third):
            assert model.meta.calibration_software_version == jwst.__version__
            assert list(model.cal_logs.instance) == ["superbias"]

    def test_a_pipeline_only_adds_log_lines_and_says_the_context(self, image, monkeypatch, caplog):
        """Without a reference it never asks for the context; the released one does, and dies offline."""
        caplog.set_level(logging.INFO)
        Outer().finalize_result(image, [("dark", "crds://d.fits")])
        assert image.meta.calibration_software_version is None
        assert image.meta.ref_file.instance == {}
        assert list(image.cal_logs.instance) == ["calwebb_detector1"]
        (record,) = messages(caplog, "Results used CRDS context")
        assert (record.name, record.getMessage()) == ("jwst.stpipe.core", "Results used CRDS context: none used")

    def test_the_version_line_is_said_once_at_the_top(self, image, caplog):
        caplog.set_level(logging.INFO)
        Outer().run(image)
        (record,) = messages(caplog, "Results used jwst version")
        assert (record.name, record.levelname) == ("jwst.stpipe.core", "INFO")
        assert record.getMessage() == f"Results used jwst version: {jwst.__version__}"


class TestLogLines:
    """``cal_logs``: under which key, and which lines."""

    @pytest.mark.parametrize(
        ("make", "keys"),
        [
            (lambda: Same(), ["superbias"]),
            (lambda: Outer(), ["calwebb_detector1"]),
            (lambda: Outer().inner, ["calwebb_detector1"]),
            (lambda: Outer().nameless, ["calwebb_detector1"]),
            (lambda: NamelessOuter().inner, ["superbias"]),
            (lambda: NamelessOuter(), []),
            (lambda: Nameless(), []),
        ],
    )
    def test_key(self, image, make, keys):
        make().finalize_result(image, [])
        assert list(image.cal_logs.instance if image.hasattr("cal_logs") else []) == keys

    @pytest.mark.parametrize("cls", [Same, Outer])
    def test_lines_are_a_copy(self, image, caplog, cls):
        """What is logged after a model was finalized is in the lines of the step alone."""
        caplog.set_level(logging.INFO)
        step = cls()
        result = step.run(image)
        (lines,) = result.cal_logs.instance.values()
        assert isinstance(lines, list)
        assert any(f"Step {step.name} running" in line for line in lines)
        assert not any(f"Step {step.name} done" in line for line in lines)
        assert any(f"Step {step.name} done" in line for line in step.log_records)

    def test_a_product_within_a_pipeline_has_the_lines_so_far(self, image):
        Outer.call(image, steps={"inner": {"save_results": True}}, configure_log=True)
        with datamodels.open("jw001_inner.fits") as saved:
            lines = saved.cal_logs.calwebb_detector1
        assert any("Outer instance created." in line for line in lines)
        assert any("Step inner running with args" in line for line in lines)
        assert not any("Step inner done" in line or "nameless running" in line for line in lines)

    def test_lines_of_another_run_stay(self, image):
        """A product tells the log of each stage that made it."""
        Outer.call(image, configure_log=True)
        Same.call(image, configure_log=True)
        assert list(image.cal_logs.instance) == ["calwebb_detector1", "superbias"]

    def test_from_the_look_up_of_parameters_on(self, image, here, monkeypatch):
        (here / "r.cfg").write_text("suffix = mine\n")

        def answers(self, parameters, types, observatory):
            logging.getLogger("CRDS").info("CRDS was asked")
            return {name: str(here / "r.cfg") if name == "pars-same" else "N/A" for name in types}

        monkeypatch.setattr(ReferenceSession, "answers", answers)
        monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "false")
        text = "\n".join(Same.call(image).cal_logs.superbias)
        assert "- CRDS - INFO - CRDS was asked" in text
        assert "PARS-SAME parameters found" in text
        assert "Same instance created." in text
        assert str(here) not in text

    @pytest.mark.parametrize(("level", "count"), [("WARNING", 0), ("INFO", 1), ("DEBUG", 2)])
    def test_the_level_in_force(self, image, monkeypatch, level, count):
        model = make_image("jw001_rate.fits")
        monkeypatch.setattr(jwst.step.SuperBiasStep, "process", lambda self, _: Same.process(self, model))
        image.save("jw001_rate.fits")
        Step.from_cmdline(["superbias", "jw001_rate.fits", f"--log-level={level}"])
        lines = [line for line in model.cal_logs.superbias if " - jwst.a_module - " in line]
        assert len(lines) == count
        stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}"
        if count:
            assert re.fullmatch(rf"{stamp} - jwst\.a_module - INFO - an INFO line of x\.fits", lines[0])

    @pytest.mark.parametrize(
        "text", ["x=10.0.0.1", "package==1.2.3.4", "v10.0.0.1", "r1.2.3.4", "Release 1.2.3.4", "python 3.11.0.1"]
    )
    def test_numbers_that_are_no_addresses(self, text):
        assert scrub(text) == text


class TestAssociationId:
    """`add_asn_id_to_output_name`."""

    ASN = {"asn_id": "c1000", "asn_pool": "p", "products": [{"members": []}]}

    @pytest.mark.parametrize("make", [ModelContainer, ModelLibrary])
    def test_first_component(self, make):
        step = Same(suffix="crf")
        assert step.add_asn_id_to_output_name(make(self.ASN)) == "c1000"
        assert step.make_output_path("x_asn.json", idx=3) == "x_asn_c1000_3_crf.fits"

    def test_the_nearest_attribute(self):
        pipe = Outer()
        pipe.asn_id = "o1"
        assert pipe.inner.add_asn_id_to_output_name(ModelContainer()) == "o1"
        pipe.inner.asn_id = "o2"
        assert pipe.inner.add_asn_id_to_output_name(None) == "o2"
        assert pipe.inner.add_asn_id_to_output_name(ModelContainer(self.ASN)) == "c1000"

    def test_none_takes_an_earlier_one_out(self):
        step = Same(suffix="crf")
        step.add_asn_id_to_output_name(ModelContainer(self.ASN))
        assert step.add_asn_id_to_output_name(ModelContainer()) is None
        assert step.make_output_path("x_rate.fits") == "x_crf.fits"

    def test_it_is_for_one_step(self):
        """As in the release: a sub-step that wants the id in its names asks for it itself."""
        pipe = Outer()
        pipe.add_asn_id_to_output_name(ModelContainer(self.ASN))
        assert pipe.make_output_path("x_rate.fits") == "x_c1000_outer.fits"
        assert pipe.inner.make_output_path("x_rate.fits") == "x_inner.fits"

    def test_it_is_for_one_run(self, image, here):
        class Named(Same):
            asn_of_run = "c1000"

            def process(self, init):
                self.add_asn_id_to_output_name(ModelContainer({**TestAssociationId.ASN, "asn_id": self.asn_of_run}))
                return init

        step = Named(save_results=True)
        step.run(image)
        step.asn_of_run = None
        step.run(make_image("jw002_rate.fits"))
        assert sorted(path.name for path in here.iterdir()) == ["jw001_c1000_named.fits", "jw002_named.fits"]


def fingerprint(model):
    """Hash of every array and all metadata of ramps."""
    arrays = [np.ascontiguousarray(getattr(model, name)).tobytes() for name in ("data", "groupdq", "pixeldq")]
    metadata = repr(sorted(model.to_flat_dict(include_arrays=False).items()))
    return hashlib.sha256(b"".join(arrays) + metadata.encode()).hexdigest()


@pytest.mark.filterwarnings("ignore:The firstframe step is deprecated:DeprecationWarning")
@pytest.mark.parametrize("entry", BUILT, ids=lambda entry: entry.alias)
def test_the_contract_of_a_step_alone(entry, ramp, caplog):
    """A new object, a status written by the step itself, one reason where it was skipped, an untouched input."""
    cls = getattr(jwst.step, entry.name)
    types = cls().reference_file_types
    before = fingerprint(ramp)
    result = cls(skip=False, **{f"override_{name}": "N/A" for name in types}).run(ramp)
    assert fingerprint(ramp) == before
    assert result is not ramp
    assert not np.shares_memory(result.data, ramp.data)
    status = getattr(result.meta.cal_step, cls.cal_step or cls.class_alias)
    reasons = [record for record in messages(caplog, f"Step {entry.name} skipped: ") if record.levelname == "WARNING"]
    assert status in ("COMPLETE", "SKIPPED", "FAILED")
    assert len(reasons) == (1 if status == "SKIPPED" else 0)
    if types and entry.name != "RefPixStep":  # refpix needs its references for two modes only
        assert status == "SKIPPED"
        assert reasons[0].getMessage().partition(" skipped: ")[2].strip()
