"""Statements of the specification: ``call``, ``run`` and the methods to override (spec framework.md §3.4-3.5)."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest
from configobj import ConfigObj
from hypothesis import given, settings
from hypothesis import strategies as st

from stpipe import Param, Step
from stpipe.exceptions import ParameterError
from tests.stpipe.cli_steps import CALLS, Scale


@pytest.fixture(autouse=True)
def quiet(workdir):
    """Run in an empty folder."""


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class TestCall:
    def test_a_new_instance_is_run_on_the_arguments(self, fakes):
        seen = []

        class Sees(fakes.FakeStep):
            def process(self, *args):
                seen.append((self, args))
                return "result"

        assert Sees.call("x", 2, None, par=5) == "result"
        assert Sees.call(fakes.FakeModel("x.fits")) == "result"
        (one, args), (two, _) = seen
        assert (args, one.par, two.par) == (("x", 2, None), 5, 3)
        assert one is not two

    def test_special_keywords_are_no_parameters(self, fakes):
        Path("pars.cfg").write_text("[steps]\n[[b]]\npar = 9\n")
        model = fakes.FakeModel("x.fits")
        options = {"config_file": "pars.cfg", "steps": {"a": {"par": 1}}, "configure_log": False}
        assert fakes.FakePipeline.call(model, **options).value == 10

    @pytest.mark.parametrize("shown", [True, False])
    def test_configure_log(self, fakes, shown, capfd):
        fakes.S1.call(fakes.FakeModel("x.fits"), configure_log=shown)
        assert ("Step S1 done" in capfd.readouterr().err) is shown

    def test_unreadable_logcfg_names_the_file(self, fakes):
        with pytest.warns(DeprecationWarning, match="logcfg"), pytest.raises(RuntimeError, match="nowhere.cfg"):
            fakes.S1.call(fakes.FakeModel("x.fits"), logcfg="nowhere.cfg")

    def test_on_an_instance_it_says_what_it_ignores_and_gives_the_same_result(self, fakes):
        step = fakes.S1(suffix="x")
        step.par = 50
        step.skip = False  # the default: nothing is lost
        with pytest.warns(UserWarning, match=r"ignores what was set on this instance: suffix, par\."):
            assert step.call(fakes.FakeModel("x.fits")).value == fakes.S1.call(fakes.FakeModel("x.fits")).value == 3

    def test_an_attribute_at_its_default_loses_nothing(self, fakes):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fakes.S1(par=3).call(fakes.FakeModel("x.fits"))

    def test_what_came_from_a_file_or_belongs_to_a_sub_step_is_named_too(self, fakes):
        Path("pars.cfg").write_text("suffix = x\n[steps]\n[[a]]\npar = 9\n")
        pipeline = fakes.FakePipeline.from_config_file("pars.cfg")
        pipeline.b.save_results = True
        with pytest.warns(UserWarning, match=r"on this instance: suffix, a\.par, b\.save_results\."):
            pipeline.call(fakes.FakeModel("x.fits"))

    def test_run_never_asks_for_parameter_references_and_configured_does(self, fakes, monkeypatch):
        asked = []

        class Asks(fakes.FakeStep):
            @classmethod
            def get_config_from_reference(cls, dataset, disable=None, crds_observatory=None):
                asked.append(dataset)
                return ConfigObj({"par": "33"})

        monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "false")
        model = fakes.FakeModel("x.fits")
        assert Asks().run(model).value == 3
        assert asked == []
        step = Asks.configured(model)
        assert (asked, step.par) == ([model], 33)
        step.par = 5
        assert step.run(model).value == 5
        assert Asks.call(model).value == 33

    def test_arguments_and_results_pass_unchanged(self, fakes):
        class Echo(fakes.FakeStep):
            def process(self, *args):
                return args

        thing = object()
        assert Echo().run(1, "two", thing) == (1, "two", thing)
        assert Echo().run() == ()

    def test_process_has_to_be_written(self, fakes):
        class Empty(fakes.FakeStep):
            process = Step.process

        with pytest.raises(NotImplementedError, match="Empty"):
            Empty().run()


class TestReuse:
    @settings(max_examples=20)
    @given(
        names=st.lists(st.sampled_from(["one_rate", "two_cal", "three"]), min_size=1, max_size=4),
        keywords=st.fixed_dictionaries(
            {}, optional={"par": st.integers(0, 9), "suffix": st.sampled_from(["x", "", False])}
        ),
    )
    def test_runs_of_one_instance_equal_those_of_fresh_ones(self, fakes, tmp_path_factory, names, keywords):
        class Messy(fakes.FakeStep):
            def process(self, model):
                self.log_values = [self.suffix, self.output_file, self.skip, self.save_results]
                self.suffix = f"{self.suffix or ''}q"
                self.skip, self.save_results = True, True
                self.pre_hooks.append("echo")
                self._reference_files_used.append(("dark", model.meta.filename))
                self.set_output_component("asn_id", model.meta.filename[:3])
                logging.getLogger("contract").warning("saw %s", model.meta.filename)
                return super().process(model)

            _log_records_formatter = logging.Formatter("%(message)s")

        def trace(step, number, name):
            result = step.run(fakes.FakeModel(f"{name}.fits", number))
            assert [line for line in step.log_records if line.startswith("saw")] == [f"saw {name}.fits"]
            seen = (result.value, step.log_values, step._reference_files_used, step._input_filename)
            return seen, step.current_parameters()

        folders = [tmp_path_factory.mktemp("reuse") for _ in range(2)]
        reused = Messy(output_dir=str(folders[0]), **keywords)
        before = reused.current_parameters()
        traces = []
        for make in (lambda: reused, lambda: Messy(output_dir=str(folders[1]), **keywords)):
            traces.append([trace(make(), number, name) for number, name in enumerate(names)])
        for one, fresh in zip(*traces):
            assert one[0] == fresh[0]
            assert one[1] == before
        assert files(folders[0]) == files(folders[1])
        assert [(folders[0] / name).read_text() for name in files(folders[0])] == [
            (folders[1] / name).read_text() for name in files(folders[1])
        ]

    def test_two_inputs_give_two_products(self, fakes, workdir):
        step = fakes.S1(save_results=True)
        for name in ("one", "two"):
            step.run(fakes.FakeModel(f"{name}_rate.fits"))
        assert files(workdir) == ["one_s1.fits", "two_s1.fits"]

    def test_assignments_in_process_act_on_the_run_and_vanish(self, fakes, workdir):
        class Sets(fakes.FakeStep):
            def process(self, model):
                self.suffix, self.output_file, self.save_results = "cal", "other.fits", True
                self.seen = (self.suffix, self.output_file)
                self.own = "kept"
                return model

        step = Sets()
        before = step.current_parameters()
        step.run(fakes.FakeModel("x_rate.fits"))
        assert step.seen == ("cal", "other.fits")
        assert files(workdir) == ["other_cal.fits"]
        assert step.current_parameters() == before
        assert step.own == "kept"


class TestOverriding:
    def test_process_and_finalize_result(self, fakes):
        class Ends(fakes.FakeStep):
            def process(self, model):
                self._reference_files_used.append(("dark", "crds://d.fits"))
                return model

            def finalize_result(self, result, reference_files_used):
                result.finalized = list(reference_files_used)

        assert Ends().run(fakes.FakeModel("x.fits")).finalized == [("dark", "crds://d.fits")]
        assert fakes.S1().finalize_result(fakes.FakeModel(), []) is None

    def test_default_output_file(self, fakes, workdir):
        class Names(fakes.FakeStep):
            def default_output_file(self, input_file=None):
                return "named_rate.fits"

        Names(save_results=True).run(fakes.FakeModel("x_rate.fits"))
        assert files(workdir) == ["named_names.fits"]
        assert fakes.S1().default_output_file() == "step_S1.fits"
        assert fakes.S1().default_output_file("in/x.fits") == "in/x.fits"

    def test_default_suffix(self, fakes, workdir):
        class Names(fakes.FakeStep):
            def default_suffix(self):
                return "mine"

        assert fakes.S1("ABC").default_suffix() == "abc"
        Names(save_results=True).run(fakes.FakeModel("x_rate.fits"))
        assert files(workdir) == ["x_mine.fits"]

    def test_remove_suffix(self, fakes, workdir):
        class Names(fakes.FakeStep):
            def remove_suffix(self, name):
                return name.removesuffix("+odd"), "+"

        assert Step.remove_suffix(fakes.S1(), "x_rate") == ("x_rate", "_")
        Names(save_results=True).run(fakes.FakeModel("x_rate+odd.fits"))
        assert files(workdir) == ["x_rate+names.fits"]

    def test_get_stpipe_loggers(self, fakes, capfd):
        class Quiet(fakes.FakeStep):
            @staticmethod
            def get_stpipe_loggers():
                return ("only_this",)

            def process(self, model):
                logging.getLogger("only_this").info("shown")
                logging.getLogger("another").info("not shown")
                return model

        assert Step.get_stpipe_loggers() == ("root",)
        Quiet.call(fakes.FakeModel("x.fits"))
        shown = capfd.readouterr().err
        assert "shown" in shown
        assert "not shown" not in shown

    def test_datamodels_open(self, fakes):
        class Opens(fakes.FakeStep):
            @classmethod
            def _datamodels_open(cls, init, **options):
                return fakes.FakeModel("opened.fits", 40.0)

        assert Opens().run("x.fits").value == 43.0

    def test_get_crds_parameters_and_reftype(self, fakes, monkeypatch):
        asked = []

        class Mine(fakes.FakeStep):
            @classmethod
            def _get_crds_parameters(cls, dataset):
                return {"META.MINE": str(dataset)}, "mine"

            @classmethod
            def get_config_reftype(cls):
                return "pars-other"

        def answers(self, parameters, types, observatory):
            asked.append((parameters, list(types), observatory))
            return dict.fromkeys(types, "N/A")

        monkeypatch.setattr("stpipe.references.ReferenceSession.answers", answers)
        monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "false")
        assert fakes.S1.get_config_reftype() == "pars-s1"
        Mine.configured("in.fits")
        assert asked[0] == ({"META.MINE": "in.fits"}, ["pars-other"], "mine")

    def test_merge_config_by_every_way_of_making_a_step(self):
        path = Path("pars.cfg")
        path.write_text("multiplier = 7\n")
        made = [
            Renamed.from_config_file(path),
            Renamed.configured(config_file=str(path)),
            Renamed.configured(multiplier=7),
            Renamed.from_config_section(ConfigObj({"multiplier": "7"})),
            Step.from_cmdline([str(_with_class(path))]),
        ]
        assert [step.factor for step in made] == [7.0] * 5
        assert Renamed.files[:4] == ["pars.cfg", "pars.cfg", None, None]
        assert {Path(file).name for file in Renamed.files[4:]} == {"full.cfg"}
        assert made[1].parameter_sources()["factor"][1] == f"file:{path.absolute()}"
        with pytest.raises(ParameterError, match="multiplier"):
            Scale.from_config_file(path)

    def test_merge_config_of_the_base_reads_the_files_of_sub_steps(self, fakes):
        Path("sub").mkdir()
        Path("sub/a.cfg").write_text("name = a\npar = 7\nsuffix = file\n")
        config = ConfigObj({"suffix": "p", "steps": {"a": {"config_file": "a.cfg", "suffix": "section"}}})
        assert fakes.FakePipeline.merge_config(config, "sub/main.cfg") is config
        assert config.dict() == {"suffix": "p", "steps": {"a": {"name": "a", "par": "7", "suffix": "section"}}}
        single = ConfigObj({"par": "1"})
        assert fakes.S1.merge_config(single, None) is single

    def test_merge_pipeline_config_is_deprecated(self, fakes):
        Path("more.cfg").write_text("suffix = new\n[steps]\n[[a]]\npar = 4\n")
        config = ConfigObj({"suffix": "old", "skip": "true"})
        with pytest.warns(DeprecationWarning, match="merge_pipeline_config is deprecated"):
            assert fakes.FakePipeline.merge_pipeline_config(config, "more.cfg") is config
        assert config.dict() == {"suffix": "new", "skip": "true", "steps": {"a": {"par": "4"}}}

    def test_prefetch(self, fakes):
        calls = []

        class Fetches(fakes.FakePipeline):
            def prefetch(self, *args):
                calls.append(args)

        model = fakes.FakeModel("x.fits")
        Fetches().run(model)
        assert calls == [(model,)]

    def test_make_output_path_of_the_outermost_parent(self, fakes, workdir):
        class Names(fakes.FakePipeline):
            @staticmethod
            def _make_output_path(step, basepath=None, ext=None, suffix=None, **components):
                return f"{step.name}-made.fits"

        Names(save_results=True, steps={"a": {"save_results": True}}).run(fakes.FakeModel("x.fits"))
        assert files(workdir) == ["Names-made.fits", "a-made.fits"]


class Renamed(Scale):
    """Knows a parameter by a former name, too."""

    factor = Param(2.0, "Factor", ge=0)
    files: list = []

    @classmethod
    def merge_config(cls, config, config_file):
        cls.files.append(config_file)
        if "multiplier" in config:
            config["factor"] = config.pop("multiplier")
        return super().merge_config(config, config_file)


@pytest.fixture(autouse=True)
def forget():
    """No calls seen yet."""
    Renamed.files.clear()
    CALLS.clear()


def _with_class(path):
    full = Path("full.cfg")
    full.write_text(f"class = {__name__}.Renamed\n{path.read_text()}")
    return full
