from __future__ import annotations

import logging
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from stpipe import Param, Step
from stpipe.exceptions import ParameterError
from stpipe.parameter_text import parameter_text
from stpipe.step import get_disable_crds_steppars, preserve_step_pars

BUILT_IN = [
    "pre_hooks", "post_hooks", "output_file", "output_dir", "output_ext", "output_use_model", "output_use_index",
    "save_results", "skip", "suffix", "search_output_file", "input_dir",
]  # fmt: skip


@pytest.fixture(autouse=True)
def quiet(workdir):
    """Run in an empty folder."""


def test_import_is_light():
    code = (
        "import sys, stpipe.step, stpipe.pipeline;"
        "print([m for m in ('numpy','asdf','astropy','crds','configobj','yaml','stdatamodels') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_built_in_parameters_come_first_in_order(fakes):
    class Refs(fakes.FakeStep):
        reference_file_types = ["dark", "gain"]

    assert list(Refs.declared_parameters()) == [*BUILT_IN, "par", "override_dark", "override_gain"]
    assert Step.output_ext.required
    assert {name: Step.declared_parameters()[name].default for name in BUILT_IN} == {
        "pre_hooks": [], "post_hooks": [], "output_file": None, "output_dir": None, "output_ext": None,
        "output_use_model": False, "output_use_index": True, "save_results": False, "skip": False, "suffix": None,
        "search_output_file": True, "input_dir": None,
    }  # fmt: skip


def test_a_parameter_without_a_default_is_missing():
    with pytest.raises(ParameterError, match="^Config parameter 'output_ext': missing$"):
        Step()


def test_constructor_names(fakes, caplog):
    with caplog.at_level(logging.INFO):
        step = fakes.S1()
    assert (step.name, step.parent, step.qualified_name, step.config_file) == ("S1", None, "stpipe.S1", None)
    assert fakes.S1("other", config_file="x.asdf").qualified_name == "stpipe.other"
    assert caplog.messages == ["S1 instance created."]


def test_constructor_converts_and_refuses(fakes):
    assert fakes.S1(par="17").par == 17
    with pytest.raises(ParameterError) as caught:
        fakes.S1(par=1000, bogus=1, supix="x")
    lines = str(caught.value).splitlines()
    assert "Config parameter 'par': the value \"1000\" is too big." in lines
    assert any(line.startswith("Extra value 'bogus' in root") for line in lines)
    assert "Extra value 'supix' in root (did you mean 'suffix'?)" in lines


def test_lists_are_not_shared(fakes):
    first, second = fakes.S1(), fakes.S1()
    first.pre_hooks.append("x")
    assert second.pre_hooks == []
    assert fakes.S1.declared_parameters()["pre_hooks"].default == []


def test_spec_text_declares_like_attributes(fakes):
    class Old(fakes.FakeStep):
        spec = """
            threshold = float(default=4.0, min=0.0)  # limit
        """

    step = Old()
    assert step.threshold == 4.0
    step.threshold = "5"
    assert step.threshold == 5.0
    assert list(Old().get_pars(full_spec=False)) == ["threshold"]


def test_assignment_converts_texts(fakes):
    step = fakes.S1()
    step.par = "17"
    assert step.par == 17
    step.par = None
    assert step.par is None


@pytest.mark.parametrize("value", ["x", -1, [1]])
def test_a_wrong_assignment_says_everything(fakes, value):
    step = fakes.S1("mine")
    with pytest.raises(ParameterError) as caught:
        step.par = value
    text = str(caught.value)
    assert all(part in text for part in ("mine", "par", repr(value), "a whole number >= 0 <= 100 (default 3)"))
    assert step.par == 3


def test_suffix_false_is_legal(fakes):
    step = fakes.S1()
    step.suffix = False
    assert step.suffix is False
    assert step.get_pars()["suffix"] is False


def test_a_misspelt_attribute_warns_with_the_near_name(fakes):
    step = fakes.S1()
    with pytest.warns(UserWarning, match="'save_result' is not a parameter.*'save_results'"):
        step.save_result = True
    step.save_result = False
    assert step.save_result is False


def test_attributes_unlike_parameters_and_those_of_own_methods_are_silent(fakes):
    class Own(fakes.FakeStep):
        helper = None

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.save_result = 1

        def prepare(self):
            self.outputdir = "x"

    step = Own()
    step.prepare()
    step.completely_different = 3
    step._pre_hook = 4
    step.helper = 5
    assert (step.save_result, step.outputdir, step.completely_different) == (1, "x", 3)


def test_inside_process_nothing_is_checked_and_parameters_come_back(fakes):
    seen = {}

    class Free(fakes.FakeStep):
        def process(self, model):
            self.par = "no number"
            self.skip_ = 1
            self.state = "kept"
            self.pre_hooks.append("x")
            self.save_results = True
            seen.update(par=self.par)
            with pytest.raises(ParameterError, match="no number"):
                self.get_pars()
            self.par = 4
            return model

    step = Free(par=7)
    before, sources = step.get_pars(), step.parameter_sources()
    step.run(fakes.FakeModel("x_rate.fits"))
    assert seen == {"par": "no number"}
    assert step.get_pars() == before
    assert step.parameter_sources() == sources
    assert (step.state, step.par) == ("kept", 7)


def test_get_pars(fakes):
    step = fakes.S1(par=5, input_dir="d")
    assert list(step.get_pars()) == [*BUILT_IN, "par"]
    assert step.get_pars()["par"] == 5
    assert step.get_pars()["input_dir"] == "d"
    assert fakes.FakeStep(par=5).get_pars(full_spec=False) == {"output_ext": ".fits", "par": 5}


def test_update_pars_ignores_unknown_names(fakes, caplog):
    step = fakes.S1()
    with caplog.at_level(logging.DEBUG):
        step.update_pars({"par": "9", "bogus": 1})
    assert step.par == 9
    assert not hasattr(step, "bogus")
    assert "bogus" in caplog.text


def test_preserve_step_pars(fakes):
    step = fakes.FakePipeline()

    def change():
        with preserve_step_pars(step) as pars:
            assert pars["steps"]["a"]["par"] == 3
            step.suffix, step.a.par = "x", 9
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change()
    assert (step.suffix, step.a.par) == (None, 3)


def test_sources(fakes):
    step = fakes.S1(par=5)
    step.suffix = "x"
    sources = step.parameter_sources()
    assert sources["par"] == (5, "keyword")
    assert sources["suffix"] == ("x", "attribute")
    assert sources["skip"] == (False, "default")


def test_search_attr(fakes):
    pipeline = fakes.FakePipeline(output_dir="p", steps={"a": {"output_dir": "s"}})
    assert pipeline.a.search_attr("output_dir") == "s"
    assert pipeline.a.search_attr("output_dir", parent_first=True) == "p"
    assert pipeline.b.search_attr("output_dir") == "p"
    assert pipeline.b.search_attr("nowhere", 3) == 3


def test_log_is_deprecated_but_works(fakes):
    step = fakes.S1()
    with pytest.warns(DeprecationWarning, match="local logger"):
        assert isinstance(step.log, logging.Logger)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        step.log.info("x")


def test_process_has_to_be_written(workdir):
    class Empty(Step):
        output_ext = Param(".fits", "extension")

    with pytest.raises(NotImplementedError, match="Empty"):
        Empty().run()


def test_input_dir_reads_as_empty_text_when_unset(fakes):
    assert fakes.S1().input_dir == ""
    assert fakes.S1().get_pars()["input_dir"] == ""


def test_input_dir_is_that_of_the_input(fakes):
    Path("in").mkdir()
    Path("in/x_rate.fits").write_text("")
    step = fakes.S1()
    step.run("in/x_rate.fits")
    assert step.input_dir == "in"
    assert step.get_pars()["input_dir"] == ""
    other = fakes.S1(input_dir="in")
    other.run("x_rate.fits")
    assert other.input_dir == "in"


def test_make_input_path(fakes):
    step = fakes.S1(input_dir="in")
    assert step.make_input_path("x.fits") == "in/x.fits"
    assert step.make_input_path("d/x.fits") == "d/x.fits"
    assert step.make_input_path(Path("x.fits")) == Path("x.fits")
    assert fakes.S1().make_input_path("x.fits") == "x.fits"


def test_set_primary_input(fakes):
    pipeline = fakes.FakePipeline()
    pipeline.a.set_primary_input(17)
    assert pipeline.a._input_filename is None
    pipeline.set_primary_input(fakes.FakeModel("x_rate.fits"))
    pipeline.a.set_primary_input("y_rate.fits")
    assert pipeline.a.make_output_path() == "x_a.fits"
    pipeline.a.set_primary_input("y_rate.fits", exclusive=False)
    assert pipeline.a.make_output_path() == "y_a.fits"


def test_a_primary_input_set_before_the_run_names_the_products(fakes, workdir):
    step = fakes.S1(save_results=True)
    step.set_primary_input("mine_rate.fits")
    step.run(fakes.FakeModel("x_rate.fits"))
    step.run(fakes.FakeModel("y_rate.fits"))
    assert [path.name for path in workdir.iterdir()] == ["mine_s1.fits"]


def test_one_instance_runs_like_fresh_ones(fakes, workdir):
    class Messy(fakes.FakeStep):
        def process(self, model):
            self.suffix = f"{self.suffix}x"
            self.skip = True
            self.set_output_component("asn_id", "a3001")
            self._reference_files_used.append(("dark", "d"))
            return super().process(model)

    step = Messy(save_results=True)
    for name in ("one", "two", "three"):
        step.run(fakes.FakeModel(f"{name}_rate.fits"))
    reused = sorted(path.name for path in workdir.iterdir())
    assert reused == ["one_a3001_messyx.fits", "three_a3001_messyx.fits", "two_a3001_messyx.fits"]


def test_open_model_uses_the_opener_of_the_parent(fakes):
    class P(fakes.FakePipeline):
        @classmethod
        def _datamodels_open(cls, init, **kwargs):
            return ("opened by P", init, kwargs)

    assert P().a.open_model("x.fits", memmap=True) == ("opened by P", "x.fits", {"memmap": True})


def test_open_model_has_to_be_provided(workdir):
    class Bare(Step):
        output_ext = Param(".fits", "extension")

    with pytest.raises(NotImplementedError, match="_datamodels_open"):
        Bare().open_model("x.fits")


def test_crds_parameters_of_a_model_and_a_file(fakes):
    Path("x.fits").write_text("")
    expected = ({"META.INSTRUMENT.NAME": "FAKE"}, "fake")
    assert fakes.S1._get_crds_parameters(fakes.FakeModel()) == expected
    assert fakes.S1._get_crds_parameters("x.fits") == expected


def test_overrides(fakes):
    class Refs(fakes.FakeStep):
        reference_file_types = ["dark"]

    model = fakes.FakeModel("ref.fits")
    assert Refs().get_ref_override("dark") is None
    assert Refs(override_dark=model).get_reference_file(fakes.FakeModel(), "dark") is model
    assert Refs(override_dark="N/A").get_ref_override("dark") == "N/A"


def test_config_reftype(fakes):
    assert fakes.FakePipeline.get_config_reftype() == "pars-fakepipeline"


@pytest.mark.parametrize(
    ("default", "environment", "expected"),
    [
        (True, "", True), (False, "", False), (False, "true", True), (None, "1", True), (None, "T", True),
        (None, "YES", True), (None, "on", True), (None, "no", False), (None, "", False), ("y", "", True),
        ("false", "true", False),
    ],
)  # fmt: skip
def test_disabling_crds_parameters(monkeypatch, default, environment, expected):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", environment)
    assert get_disable_crds_steppars(default) is expected


def test_disabling_crds_parameters_by_other_types():
    with pytest.raises(ValueError, match="bool or a text"):
        get_disable_crds_steppars(1.5)


def test_parameters_from_the_reference_service(fakes, monkeypatch, caplog):
    assert not fakes.S1.get_config_from_reference(fakes.FakeModel())
    Path("pars.cfg").write_text("name = s1\nclass = x.S1\npar = 12\n")
    answers = {"pars-s1": str(Path("pars.cfg").resolve())}
    monkeypatch.setattr("stpipe.references.ReferenceSession.answers", lambda *args: answers)
    with caplog.at_level(logging.INFO):
        config = fakes.S1.get_config_from_reference(fakes.FakeModel(), disable=False)
    assert config["par"] == "12"
    assert "PARS-S1 parameters found: " in caplog.text
    with pytest.raises(ValueError, match="crds_observatory"):
        fakes.S1.get_config_from_reference({"META.X": 1}, disable=False)


def test_load_and_print_spec(fakes, capfdbinary):
    spec = fakes.S1.load_spec_file()
    assert spec["par"] == "integer(default=3, min=0, max=100)"
    assert "what to add" in spec.inline_comments["par"]
    with pytest.warns(DeprecationWarning, match="preserve_comments"):
        fakes.S1.load_spec_file(preserve_comments=True)
    fakes.S1.print_configspec()
    assert b'par = "integer(default=3, min=0, max=100)"# what to add' in capfdbinary.readouterr().out


def test_parameter_text():
    pars = {"a": [], "b": None, "c": "", "d": "it's", "e": ["x", 1], "f": 1e-5, "g": "true", "h": "a b", "i": True}
    assert parameter_text({**pars, "steps": {"s": {"k": "1"}}}) == (
        "\n  a: []\n  b: None\n  c: ''\n  d: 'it''s'\n  e:\n  - x\n  - 1\n  f: 1e-05\n  g: 'true'\n  h: a b\n  i: True"
        "\n  steps:\n    s:\n      k: '1'"
    )


def test_default_output_file(fakes):
    step = fakes.S1(output_ext="asdf")
    assert step.default_output_file() == "step_S1.asdf"
    assert step.default_output_file("in/x.fits") == "in/x.fits"
    step.set_primary_input(fakes.FakeModel("y.fits"))
    assert step.default_output_file() == "y.fits"
