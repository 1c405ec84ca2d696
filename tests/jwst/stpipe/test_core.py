"""What `JwstStep` adds to the framework."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

import jwst
from jwst.datamodels import ModelContainer
from jwst.stpipe import Pipeline, Step
from jwst.stpipe.core import JwstPipeline, JwstStep
from stpipe.exceptions import Skip


class AddOne(Step):
    """Adds one to every sample."""

    class_alias = "superbias"

    def process(self, input_model):
        with self.ramp(input_model) as ramp:
            ramp.data += 1
            self.seen = ramp
        return self.complete(ramp)


class Bias(Step):
    """Subtracts a reference."""

    class_alias = "superbias"
    reference_file_types = ["superbias", "dark"]

    def process(self, input_model):
        with self.ramp(input_model) as ramp, self.reference(ramp, "superbias") as bias:
            ramp.data -= bias.array("data")
            with self.reference(ramp, "dark", required=False) as dark:
                self.dark_is_none = dark is None
        return self.complete(ramp)


class Renamed(Step):
    """Has a status key of its own."""

    class_alias = "dark_current"
    cal_step = "dark_sub"

    def process(self, input_model):
        result = self.prepare_output(input_model)
        if result.meta.exposure.ngroups == 1:
            raise Skip("one group")
        return self.complete(result)


class Both(Pipeline):
    """A pipeline of two of them."""

    class_alias = "calwebb_detector1"
    step_defs = {"one": AddOne, "two": Renamed}

    def process(self, input_model):
        return self.two.run(self.one.run(self.prepare_output(input_model, open_as_ramp=True)))


@pytest.fixture
def ramp():
    model = datamodels.RampModel(np.zeros((1, 3, 4, 4), np.float32))
    model.meta.filename = "jw001_uncal.fits"
    model.meta.instrument.name = "NIRCAM"
    model.meta.instrument.detector = "NRCA1"
    model.meta.exposure.type = "NRC_IMAGE"
    for name, value in {"xstart": 1, "ystart": 1, "xsize": 4, "ysize": 4}.items():
        setattr(model.meta.subarray, name, value)
    return model


@pytest.fixture
def bias():
    model = datamodels.SuperBiasModel(data=np.full((4, 4), 2, np.float32))
    for name, value in {"xstart": 1, "ystart": 1, "xsize": 4, "ysize": 4}.items():
        setattr(model.meta.subarray, name, value)
    return model


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fingerprint(model):
    arrays = [np.ascontiguousarray(getattr(model, name)).tobytes() for name in ("data", "groupdq", "pixeldq")]
    return hashlib.sha256(b"".join(arrays) + repr(sorted(model.to_flat_dict(include_arrays=False).items())).encode())


def test_classes():
    assert Step is JwstStep
    assert Pipeline is JwstPipeline
    assert issubclass(Pipeline, JwstStep)
    assert AddOne().output_ext == ".fits"
    assert AddOne.get_stpipe_loggers() == ("jwst", "stcal", "stdatamodels", "stpipe", "tweakwcs", "CRDS", "py.warnings")
    assert AddOne().remove_suffix("jw001_rate") == ("jw001", "_")


class TestOwnership:
    """The table of `prepare_output`, and who may see changes."""

    def test_standalone_run_leaves_the_input(self, ramp):
        before = fingerprint(ramp).hexdigest()
        result = AddOne().run(ramp)
        assert result is not ramp
        assert result.data.max() == 1
        assert fingerprint(ramp).hexdigest() == before

    def test_pipeline_works_in_place_on_its_copy(self, ramp):
        pipe = Both()
        before = fingerprint(ramp).hexdigest()
        result = pipe.run(ramp)
        assert pipe.one.seen is result
        assert fingerprint(ramp).hexdigest() == before
        assert result.meta.cal_step.superbias == result.meta.cal_step.dark_sub == "COMPLETE"

    @pytest.mark.parametrize(("make_copy", "same"), [(None, False), (True, False), (False, True)])
    def test_model_alone(self, ramp, make_copy, same):
        assert (AddOne().prepare_output(ramp, make_copy=make_copy) is ramp) is same

    @pytest.mark.parametrize(("make_copy", "same"), [(None, True), (True, False), (False, True)])
    def test_model_in_a_pipeline(self, ramp, make_copy, same):
        assert (Both().one.prepare_output(ramp, make_copy=make_copy) is ramp) is same

    @pytest.mark.parametrize("wrap", [str, lambda path: path])
    def test_file(self, ramp, here, wrap):
        ramp.save("a_uncal.fits")
        result = AddOne().prepare_output(wrap(here / "a_uncal.fits"))
        assert isinstance(result, datamodels.RampModel)
        assert AddOne().prepare_output("a_uncal.fits", open_models=False) == "a_uncal.fits"
        with pytest.raises(TypeError, match="Copy is not possible"):
            AddOne().prepare_output("a_uncal.fits", open_models=False, make_copy=True)

    def test_input_dir(self, ramp, here):
        (here / "in").mkdir()
        ramp.save("in/a_uncal.fits")
        assert AddOne(input_dir="in").run("a_uncal.fits").data.max() == 1

    def test_list_of_names_and_models(self, ramp, here):
        ramp.save("a_uncal.fits")
        names = AddOne().prepare_output(["a_uncal.fits"])
        assert isinstance(names, ModelContainer)
        mixed = AddOne().prepare_output([ramp, "a_uncal.fits"])
        assert isinstance(mixed, ModelContainer)
        assert mixed[0] is not ramp
        assert Both().one.prepare_output([ramp])[0] is ramp

    def test_container(self, ramp):
        container = ModelContainer([ramp])
        assert AddOne().prepare_output(container)[0] is not ramp
        assert Both().one.prepare_output(container) is container

    def test_association(self, ramp, here):
        ramp.save("a_uncal.fits")
        association = {"products": [{"members": [{"expname": "a_uncal.fits", "exptype": "science"}]}]}
        assert isinstance(AddOne().prepare_output(association)[0], datamodels.RampModel)

    @pytest.mark.parametrize("init", [3, None, {"a": 1}, (1,)])
    def test_anything_else(self, init):
        with pytest.raises(TypeError):
            AddOne().prepare_output(init)

    def test_raw_file_becomes_a_ramp(self, here):
        raw = datamodels.Level1bModel(np.full((1, 3, 4, 4), 40000, np.uint16))
        raw.save("a_uncal.fits")
        result = AddOne().prepare_output("a_uncal.fits", open_as_ramp=True)
        assert type(result) is datamodels.RampModel
        assert result.data.dtype == np.float32
        assert (result.data == 40000).all()
        assert result.groupdq.shape == (1, 3, 4, 4)

    def test_raw_model_is_refused(self):
        raw = datamodels.Level1bModel(np.zeros((1, 3, 4, 4), np.uint16))
        with pytest.raises(TypeError, match="not compatible. The file should be opened as a RampModel before"):
            AddOne().run(raw)

    def test_cube_is_no_ramp(self):
        with pytest.raises(ValueError, match="data has 3 axes; a RampModel needs 4"):
            AddOne().run(datamodels.CubeModel((2, 4, 4)))

    @pytest.mark.parametrize("source", ["model", "file"])
    @pytest.mark.parametrize(
        ("exp_type", "superstripe", "given", "expected"),
        [
            ("FGS_ACQ1", None, datamodels.RampModel, "GuiderRawModel"),
            ("NRC_IMAGE", 2, datamodels.QuadModel, "SuperstripeRampModel"),
            ("NRC_IMAGE", 0, datamodels.QuadModel, "RampModel"),
        ],
    )
    def test_ramp_class(self, here, source, exp_type, superstripe, given, expected):
        model = given(np.zeros((2, 3, 4, 4), np.float32))
        model.meta.exposure.type = exp_type
        model.meta.subarray.num_superstripe = superstripe
        if source == "file":
            model.save("a_uncal.fits")
        result = AddOne().prepare_output("a_uncal.fits" if source == "file" else model, open_as_ramp=True)
        assert type(result).__name__ == expected

    def test_open_as_type_wins(self, ramp, here):
        ramp.save("a_uncal.fits")
        for init in ("a_uncal.fits", ramp):
            result = AddOne().prepare_output(init, open_as_type=datamodels.QuadModel, open_as_ramp=True)
            assert type(result) is datamodels.QuadModel
            assert not np.shares_memory(result.data, ramp.data)

    def test_arrays_can_be_changed_in_place(self, ramp):
        data = np.zeros((1, 3, 4, 4), ">f4")
        data.flags.writeable = False
        ramp.data = data
        result = AddOne().run(ramp)
        assert result.data.dtype.isnative
        assert result.data.max() == 1
        assert data.max() == 0


class TestReferences:
    """The context manager `reference`."""

    def test_used_and_recorded(self, ramp, bias, monkeypatch):
        monkeypatch.setenv("CRDS_CONTEXT", "jwst_0676.pmap")
        step = Bias(override_superbias=bias, override_dark="N/A")
        result = step.run(ramp)
        assert (result.data == -2).all()
        assert step.dark_is_none
        assert result.meta.ref_file.superbias.name == "override://SuperBiasModel"
        assert result.meta.ref_file.dark.name == "N/A"
        assert result.meta.ref_file.crds.sw_version
        assert (bias.data == 2).all()

    def test_override_file(self, ramp, bias, here):
        bias.save("bias.fits")
        result = Bias(override_superbias="bias.fits", override_dark="N/A").run(ramp)
        assert (result.data == -2).all()
        assert result.meta.ref_file.superbias.name == str(here / "bias.fits")

    def test_not_applicable_skips(self, ramp, caplog):
        step = Bias(override_superbias="N/A")
        result = step.run(ramp)
        assert result.meta.cal_step.superbias == "SKIPPED"
        assert ramp.meta.cal_step.superbias is None
        assert result is not ramp
        assert (result.data == 0).all()
        assert "no SUPERBIAS reference" in caplog.text


class TestSkip:
    """What a run that had nothing to do gives."""

    def test_status_key(self, ramp):
        ramp.meta.exposure.ngroups = 1
        result = Renamed().run(ramp)
        assert result.meta.cal_step.dark_sub == "SKIPPED"
        assert not result.meta.cal_step.hasattr("dark_current")
        assert ramp.meta.cal_step.dark_sub is None

    def test_file_gives_the_opened_model(self, ramp, here):
        ramp.meta.exposure.ngroups = 1
        ramp.save("a_uncal.fits")
        result = Renamed().run("a_uncal.fits")
        assert isinstance(result, datamodels.RampModel)
        assert result.meta.cal_step.dark_sub == "SKIPPED"

    def test_in_a_pipeline_the_model_goes_on(self, ramp):
        ramp.meta.exposure.ngroups = 1
        pipe = Both()
        result = pipe.run(ramp)
        assert result is pipe.one.seen
        assert result.meta.cal_step.instance == {"superbias": "COMPLETE", "dark_sub": "SKIPPED"}

    def test_switched_off_in_a_pipeline(self, ramp):
        result = Both(steps={"two": {"skip": True}}).run(ramp)
        assert result.meta.cal_step.dark_sub == "SKIPPED"

    def test_nothing_is_kept_on_the_step(self, ramp):
        step = AddOne()
        step.run(ramp)
        assert "_prepared" not in vars(step)


class TestProvenance:
    """`finalize_result`."""

    def test_software(self, ramp):
        result = AddOne().run(ramp)
        assert result.meta.calibration_software_version == jwst.__version__
        assert result.meta.calibration_software_revision == "RELEASE"

    def test_other_results_are_left_alone(self):
        class Number(Step):
            class_alias = "number"

            def process(self, value):
                return value

        assert Number().run(3) == 3
        assert Number().run(None) is None

    def test_unknown_reference_types_are_ignored(self, ramp):
        AddOne().finalize_result(ramp, [("nonsense", "x"), ("dark", "crds://d.fits")])
        assert ramp.meta.ref_file.dark.name == "crds://d.fits"
        assert not ramp.meta.ref_file.hasattr("nonsense")

    def test_log_lines(self, ramp, caplog):
        caplog.set_level("INFO")
        result = AddOne().run(ramp)
        lines = result.cal_logs.superbias
        assert any(
            line.endswith("Step AddOne running with args (<RampModel(1, 3, 4, 4) from jw001_uncal.fits>,).")
            for line in lines
        )
        assert "Results used jwst version" in caplog.text

    def test_log_lines_of_a_pipeline(self, ramp, caplog):
        caplog.set_level("INFO")
        result = Both().run(ramp)
        assert list(result.cal_logs.instance) == ["calwebb_detector1"]
        text = "\n".join(result.cal_logs.calwebb_detector1)
        assert "Step one done" in text
        assert "Step two running" in text
        assert caplog.text.count("Results used jwst version") == 1

    def test_saved(self, ramp, here):
        AddOne(save_results=True).run(ramp)
        with datamodels.open("jw001_addone.fits") as saved:
            assert saved.meta.filename == "jw001_addone.fits"
            assert saved.meta.cal_step.superbias == "COMPLETE"
            assert saved.meta.calibration_software_version == jwst.__version__


class TestCrdsParameters:
    """Metadata that references are chosen by."""

    @pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: (x, None), lambda x: ModelContainer([x])])
    def test_models(self, ramp, wrap):
        parameters, observatory = AddOne._get_crds_parameters(wrap(ramp))
        assert observatory == "jwst"
        assert parameters == ramp.get_crds_parameters()

    def test_files(self, ramp, here):
        ramp.save("a_uncal.fits")
        parameters, _ = AddOne._get_crds_parameters("a_uncal.fits")
        assert parameters["meta.instrument.detector"] == "NRCA1"

    def test_association_uses_its_first_science_member(self, ramp, here):
        ramp.save("in_a_uncal.fits")
        members = (
            '[{"expname": "none.fits", "exptype": "background"}, {"expname": "in_a_uncal.fits", "exptype": "Science"}]'
        )
        (here / "x_asn.json").write_text(f'{{"products": [{{"name": "p", "members": {members}}}]}}')
        parameters, _ = AddOne._get_crds_parameters(here / "x_asn.json")
        assert parameters["meta.instrument.detector"] == "NRCA1"

    @pytest.mark.parametrize(
        ("dataset", "error"), [([], ValueError), (3, TypeError), (None, TypeError), ({}, TypeError)]
    )
    def test_errors(self, dataset, error):
        with pytest.raises(error):
            AddOne._get_crds_parameters(dataset)


class TestAssociationId:
    """`add_asn_id_to_output_name`."""

    def test_names_carry_the_id(self, ramp):
        container = ModelContainer([ramp])
        container.asn_table["asn_id"] = "c1000"
        step = AddOne(suffix="cal")
        step.set_primary_input("x_asn.json")
        assert step.add_asn_id_to_output_name(container) == "c1000"
        assert step.make_output_path(idx=0) == "x_asn_c1000_0_cal.fits"

    def test_not_set(self, ramp):
        step = AddOne(suffix="cal")
        assert step.add_asn_id_to_output_name(ModelContainer([ramp])) is None
        assert step.make_output_path("a.fits") == "a_cal.fits"

    def test_of_the_parent(self):
        pipe = Both()
        pipe.asn_id = "o003"
        assert pipe.one.add_asn_id_to_output_name(None) == "o003"
