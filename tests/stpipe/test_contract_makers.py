"""Statements of the specification: class attributes, constructor, other makers of steps (framework.md §3.1-3.3)."""

from __future__ import annotations

import inspect
import logging
import sys
import warnings
from pathlib import Path

import pytest
from configobj import ConfigObj

from stpipe import Param, Step
from stpipe.exceptions import ParameterError
from tests.stpipe.cli_steps import CALLS, Chain, Scale

SCALE = "tests.stpipe.cli_steps.Scale"
CHAIN = "tests.stpipe.cli_steps.Chain"


@pytest.fixture(autouse=True)
def quiet(workdir):
    """Run in an empty folder."""
    CALLS.clear()


def write(path, text):
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(text)
    return path


class Refs(Step):
    """Step with references."""

    output_ext = Param(".fits", "extension")
    par = Param(3, "a number")
    reference_file_types = ["dark", "gain"]


class TestClassAttributes:
    def test_defaults(self):
        assert Step.class_alias is None
        assert Step.reference_file_types == []
        assert Step.prefetch_references is True
        assert Step.correction_pars is None
        assert Step.use_correction_pars is False
        assert Step._log_records_formatter is None

    def test_free_slots_keep_what_a_step_puts_there(self, fakes):
        class Keeps(fakes.FakeStep):
            def process(self, model):
                self.correction_pars = {"seen": model.value}
                return model

        step = Keeps()
        step.run(fakes.FakeModel("x.fits", 3.0))
        step.use_correction_pars = True
        assert (step.correction_pars, step.use_correction_pars) == ({"seen": 3.0}, True)
        assert Keeps.correction_pars is None

    def test_log_lines_are_kept_only_with_a_formatter(self, fakes, caplog):
        caplog.set_level(logging.INFO)

        class Keeps(fakes.FakeStep):
            _log_records_formatter = logging.Formatter("%(levelname)s %(message)s")

        step, silent = Keeps(), fakes.S1()
        step.run(fakes.FakeModel("x.fits"))
        silent.run(fakes.FakeModel("x.fits"))
        assert "INFO Step Keeps done" in step.log_records
        assert silent.log_records == []
        assert step._log_records == step.log_records


class TestConstructor:
    def test_signature(self):
        parameters = inspect.signature(Step.__init__).parameters
        assert list(parameters)[1:5] == ["name", "parent", "config_file", "_validate_kwds"]
        assert [parameters[name].default for name in list(parameters)[1:5]] == [None, None, None, True]
        assert list(parameters.values())[-1].kind is inspect.Parameter.VAR_KEYWORD

    def test_by_position(self, fakes):
        pipeline = fakes.FakePipeline()
        step = fakes.S1("nm", pipeline, "pars.asdf", par=5)
        assert (step.name, step.parent, step.config_file, step.par) == ("nm", pipeline, "pars.asdf", 5)
        assert step.qualified_name == "stpipe.FakePipeline.nm"

    def test_defaults_of_the_attributes(self, fakes):
        step = fakes.S1()
        assert (step.name, step.parent, step.config_file, step.qualified_name) == ("S1", None, None, "stpipe.S1")
        assert (step.log_records, step.input_dir) == ([], "")
        assert (step._input_filename, step._input_dir, step._keywords) == (None, None, {})
        assert (step._reference_files_used, step._log_records, step._pre_hooks, step._post_hooks) == ([], [], [], [])

    def test_the_keywords_are_kept_as_given(self, fakes):
        assert fakes.S1(par="5", suffix="x")._keywords == {"par": "5", "suffix": "x"}

    def test_parameters_become_attributes(self, fakes):
        step = fakes.S1(par="5")
        assert {name: getattr(step, name) for name in step.get_pars()} == step.get_pars()
        assert step.par == 5

    @pytest.mark.parametrize("bad", [{"unknown": 1}, {"par": "x"}, {"par": 101}])
    def test_parameters_are_validated(self, fakes, bad):
        with pytest.raises(ParameterError):
            fakes.S1(**bad)

    def test_validation_can_be_left_out(self, fakes):
        assert fakes.S1(_validate_kwds=False, par="as it is").par == "as it is"

    def test_it_says_so(self, fakes, caplog):
        with caplog.at_level(logging.INFO):
            fakes.S1(name="other")
        assert [(record.levelname, record.message) for record in caplog.records] == [("INFO", "S1 instance created.")]

    def test_log_names_its_replacement_and_is_usable_when_other_warnings_are_errors(self, fakes):
        step = fakes.S1("mine")
        with pytest.warns(DeprecationWarning, match="local logger"):
            assert step.log.name == "stpipe.mine"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DeprecationWarning)
            step.log.info("usable")


class TestFromConfigFile:
    @pytest.mark.parametrize(
        ("text", "name", "expected"),
        [
            ("name = inside\n", "argument", "argument"),
            ("name = inside\n", None, "inside"),
            ("par = 4\n", None, "pars"),
        ],
    )
    def test_name(self, fakes, text, name, expected):
        assert fakes.S1.from_config_file(write("sub/pars.cfg", text), name=name).name == expected

    def test_parent(self, fakes):
        pipeline = fakes.FakePipeline()
        step = fakes.S1.from_config_file(write("pars.cfg", "par = 4\n"), parent=pipeline)
        assert (step.parent, step.qualified_name, step.par) == (pipeline, "stpipe.FakePipeline.pars", 4)

    def test_class_by_dotted_path(self):
        step = Step.from_config_file(write("pars.cfg", f"class = {SCALE}\nfactor = 3\n"))
        assert (type(step), step.factor, step.config_file) == (Scale, 3.0, "pars.cfg")

    def test_class_by_alias(self, monkeypatch):
        monkeypatch.setattr("stpipe.utilities.get_steps", lambda: [_info("scale", SCALE)])
        assert type(Step.from_config_file(write("pars.cfg", "class = scale\n"))) is Scale

    def test_class_has_to_be_a_subclass(self, fakes):
        path = write("pars.cfg", f"class = {SCALE}\n")
        with pytest.raises(TypeError, match="Configuration file does not match the expected step class"):
            fakes.S1.from_config_file(path)
        with pytest.raises(TypeError, match="is not a subclass of Step"):
            Step.from_config_file(write("pars.cfg", "class = collections.OrderedDict\n"))

    def test_the_folder_of_the_file_is_searched_while_the_class_is_imported(self):
        source = "from stpipe import Param, Step\n\n\nclass Near(Step):\n    output_ext = Param('.fits', 'x')\n"
        write("sub/contract_near.py", source)
        before = list(sys.path)
        step = Step.from_config_file(write("sub/pars.cfg", "class = contract_near.Near\n"))
        assert type(step).__name__ == "Near"
        assert sys.path == before

    def test_every_layout_gives_the_same_step(self):
        head = "#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n---\n"
        step = f"{{class: {SCALE}, name: first, parameters: {{factor: 4.0, names: [a, b]}}}}"
        texts = {
            "new.asdf": f"{head}class: {CHAIN}\nname: c\nparameters: {{suffix: x}}\nsteps:\n- {step}\n...\n",
            "old.asdf": f"{head}parameters:\n  class: {CHAIN}\n  name: c\n  suffix: x\n  steps:\n"
            f"    first: {{class: {SCALE}, factor: 4.0, names: [a, b]}}\n...\n",
            "ini.cfg": f"class = {CHAIN}\nname = c\nsuffix = x\n[steps]\n[[first]]\nfactor = 4.0\nnames = a, b\n",
            "file.cfg": f"class = {CHAIN}\nname = c\nsuffix = x\n[steps]\n[[first]]\nconfig_file = sub/first.cfg\n",
        }
        write("sub/first.cfg", f"class = {SCALE}\nname = first\nfactor = 4.0\nnames = a, b\n")
        made = [Step.from_config_file(write(name, text)) for name, text in texts.items()]
        expected = Chain(suffix="x", steps={"first": {"factor": 4.0, "names": ["a", "b"]}}).get_pars()
        assert [step.get_pars() for step in made] == [expected] * 4
        assert {(type(step), step.name) for step in made} == {(Chain, "c")}

    def test_a_section_wins_over_the_file_it_names_whose_name_does_not_matter(self, fakes):
        write("sub/a.cfg", "name = another\npar = 7\nsuffix = file\noutput_file = out.fits\n")
        path = write("main.cfg", "[steps]\n[[a]]\nconfig_file = sub/a.cfg\nsuffix = section\n")
        pipeline = fakes.FakePipeline.from_config_file(path)
        assert (pipeline.a.name, pipeline.a.par, pipeline.a.suffix) == ("a", 7, "section")
        assert pipeline.a.output_file == str(Path("sub/out.fits").absolute())
        with pytest.raises(ValueError, match=r"nope.cfg not found"):
            fakes.FakePipeline.from_config_file(write("main.cfg", "[steps]\n[[a]]\nconfig_file = nope.cfg\n"))


def _info(alias, path):
    from stpipe.entry_points import StepInfo

    return StepInfo(path, alias, False, "tests", "1")


class TestFromConfigSection:
    def test_what_says_whom_it_is_for_is_taken_out(self, fakes):
        config = ConfigObj({"name": "mine", "class": "x.S1", "config_file": "other.cfg", "par": "8"})
        step = fakes.S1.from_config_section(config)
        assert (step.name, step.par, step.config_file) == ("mine", 8, None)
        assert not {"name", "class", "config_file"} & set(config)

    def test_it_is_filled_with_checked_values_and_defaults(self, fakes):
        config = ConfigObj({"par": "8"})
        fakes.S1.from_config_section(config)
        assert (config["par"], config["skip"], config["output_ext"]) == (8, False, ".fits")

    def test_name_parent_and_file_are_arguments_too(self, fakes):
        pipeline = fakes.FakePipeline()
        config = ConfigObj({"name": "inside"})
        step = fakes.S1.from_config_section(config, parent=pipeline, name="argument", config_file="x.cfg")
        assert (step.name, step.parent, step.config_file) == ("argument", pipeline, "x.cfg")

    def test_a_section_of_a_larger_file(self, fakes):
        config = ConfigObj({"steps": {"a": {"par": "8"}}})
        assert fakes.S1.from_config_section(config["steps"]["a"], name="a").par == 8

    def test_unknown_names_are_errors(self, fakes):
        with pytest.raises(ParameterError, match="Extra value 'bogus' in root"):
            fakes.S1.from_config_section(ConfigObj({"bogus": 1}))
        with pytest.raises(ParameterError, match="Extra value 'bogus' in steps/a"):
            fakes.FakePipeline.from_config_section(ConfigObj({"steps": {"a": {"bogus": 1}}}))

    def test_relative_names_belong_to_the_folder_of_the_file(self, fakes, workdir):
        write("sub/a.cfg", "par = 7\nsuffix = file\n")
        values = {"output_file": "out.fits", "steps": {"a": {"config_file": "a.cfg", "suffix": "section"}}}
        pipeline = fakes.FakePipeline.from_config_section(ConfigObj(values), config_file=str(workdir / "sub/main.cfg"))
        assert pipeline.output_file == str(workdir / "sub/out.fits")
        assert (pipeline.a.par, pipeline.a.suffix) == (7, "section")
        assert pipeline.parameter_sources()["steps"]["a"]["par"] == (7, f"file:{workdir}/sub/a.cfg")


class TestOtherMakers:
    def test_from_cmdline_builds_runs_and_returns_the_step(self):
        step = Step.from_cmdline([SCALE, "make", "--factor=3", "--output_file=out"])
        assert (type(step), step.factor) == (Scale, 3.0)
        assert [call[0] for call in CALLS] == ["Scale"]
        assert Path("out_scale.fits").read_text() == "3.0\n"

    def test_from_cmdline_raises_what_a_run_raises(self):
        with pytest.raises(ParameterError, match="'factor': the value \"-1.0\" is too small"):
            Step.from_cmdline([SCALE, "--factor=-1"])
        assert CALLS == []

    def test_build_config_is_what_call_uses(self, fakes):
        write("pars.cfg", "name = nm\nclass = x.S1\npar = 12\nsuffix = file\n")
        config, path = fakes.S1.build_config(None, config_file="pars.cfg", suffix="keyword")
        assert isinstance(config, ConfigObj)
        assert config.dict() == {"name": "nm", "class": "x.S1", "par": 12, "suffix": "keyword"}
        assert path == "pars.cfg"
        step = fakes.S1.from_config_section(config, config_file=path)
        called = fakes.S1.configured(None, config_file="pars.cfg", suffix="keyword")
        assert (step.get_pars(), step.name) == (called.get_pars(), called.name)

    def test_build_config_of_a_pipeline_without_a_file(self, fakes):
        config, path = fakes.FakePipeline.build_config(None, save_results=True, steps={"a": {"par": "4"}, "b": {}})
        assert config.dict() == {"save_results": True, "steps": {"a": {"par": 4}}}
        assert path is None


class TestExport:
    def test_content(self, fakes):
        import asdf

        step = Refs("nm", par=4, override_dark="N/A")
        with asdf.open(step.export_config("pars.asdf")) as file:
            tree = {key: file[key] for key in ("class", "name", "parameters")}
            assert "steps" not in file.tree
        assert tree["class"] == "tests.stpipe.test_contract_makers.Refs"
        assert (tree["name"], tree["parameters"]) == ("nm", {**step.get_pars(), "override_dark": "N/A"})
        assert Refs.from_config_file("pars.asdf").current_parameters() == step.current_parameters()

    def test_a_folder_for_inputs_is_written_where_it_was_set(self, fakes):
        pipeline = fakes.FakePipeline(input_dir="in")
        again = fakes.FakePipeline.from_config_file(pipeline.export_config("pars.asdf"))
        assert again.get_pars() == pipeline.get_pars()
        again.input_dir = "elsewhere"
        assert again.a.input_dir == "elsewhere"


class TestSource:
    def test_spec_beside_the_source(self, monkeypatch):
        write("contract_filed.py", "from stpipe import Step\n\n\nclass Filed(Step):\n    pass\n")
        write("Filed.spec", "output_ext = string(default='.q')\nwidth = integer(default=3)  # from the file\n")
        monkeypatch.syspath_prepend(str(Path.cwd()))
        filed = __import__("contract_filed").Filed
        assert filed(width="5").get_pars(full_spec=False) == {"output_ext": ".q", "width": 5}
        assert filed.load_spec_file().inline_comments["width"] == "# from the file"

    def test_steps_made_in_a_notebook_have_no_source(self):
        namespace = {"Step": Step, "Param": Param, "__name__": "__main__"}
        exec("class Made(Step):\n    output_ext = Param('.fits', 'x')\n", namespace)  # noqa: S102
        assert namespace["Made"]().output_ext == ".fits"
