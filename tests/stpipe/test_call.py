from __future__ import annotations

import logging
from pathlib import Path

import pytest

from stpipe import Step
from stpipe.exceptions import ParameterError


@pytest.fixture(autouse=True)
def quiet(workdir):
    """Run in an empty folder."""


@pytest.fixture
def config(workdir):
    """Parameter file of S1."""
    path = workdir / "mine.cfg"
    path.write_text("par = 12\nsuffix = cal\n")
    return path


def test_call_resolves_and_runs(fakes):
    assert fakes.S1.call(fakes.FakeModel("x.fits", 1.0), par="5").value == 6
    with pytest.raises(ParameterError, match="Extra value 'bogus' in root"):
        fakes.S1.call(fakes.FakeModel("x.fits"), bogus=1)


def test_keywords_win_over_the_file(fakes, config):
    model = fakes.FakeModel("x.fits")
    assert fakes.S1.call(model, config_file=str(config)).value == 12
    assert fakes.S1.call(model, config_file=config, par=2).value == 2


def test_steps_keyword(fakes, config):
    model = fakes.FakeModel("x.fits")
    assert fakes.FakePipeline.call(model, steps={"a": {"par": 10}}).value == 13
    assert fakes.FakePipeline.call(model, steps={"a": {"config_file": str(config)}}).value == 15


def test_configured_gives_what_call_would_run(fakes, config):
    model = fakes.FakeModel("x.fits")
    step = fakes.S1.configured(model, config_file=str(config))
    assert step.parameter_sources()["par"] == (12, f"file:{config}")
    step.par = 20
    assert step.run(model).value == 20
    assert step.parameter_sources()["par"] == (20, "attribute")


def test_parameters_of_the_reference_service(fakes, monkeypatch):
    Path("pars.cfg").write_text("par = 33\nunknown_to_this_version = 1\n")

    def answers(self, parameters, types, observatory):
        assert observatory == "fake"
        return {name: str(Path("pars.cfg").resolve()) if name == "pars-s1" else "N/A" for name in types}

    monkeypatch.setattr("stpipe.references.ReferenceSession.answers", answers)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "false")
    model = fakes.FakeModel("x.fits")
    step = fakes.S1.configured(model)
    assert step.parameter_sources()["par"][0] == 33
    assert step.parameter_sources()["par"][1].startswith("crds:")
    assert fakes.S1.call(model).value == 33
    assert fakes.S1.call(model, par=1).value == 1
    assert fakes.S1().run(model).value == 3
    assert fakes.FakePipeline.call(model).value == 66


def test_call_on_an_instance_says_what_it_ignores(fakes):
    step = fakes.S1(suffix="x")
    step.par = 9
    with pytest.warns(UserWarning, match=r"ignores what was set on this instance: suffix, par\."):
        result = step.call(fakes.FakeModel("x.fits"))
    assert result.value == 3


def test_call_on_an_untouched_instance_is_silent(fakes):
    step = fakes.S1()
    step.par = 3
    assert step.call(fakes.FakeModel("x.fits")).value == 3


def test_call_can_be_extended(fakes):
    class Mine(fakes.S1):
        @classmethod
        def call(cls, *args, **kwargs):
            return super().call(*args, par=50, **kwargs)

    assert Mine.call(fakes.FakeModel("x.fits")).value == 50


def test_call_shows_the_log_and_puts_everything_back(fakes, capfd):
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    fakes.S1.call(fakes.FakeModel("x.fits"))
    assert "Step S1 done" in capfd.readouterr().err
    assert (root.level, list(root.handlers)) == before
    fakes.S1.call(fakes.FakeModel("x.fits"), configure_log=False)
    assert "Step S1 done" not in capfd.readouterr().err


def test_run_shows_nothing(fakes, capfd):
    fakes.S1().run(fakes.FakeModel("x.fits"))
    assert capfd.readouterr() == ("", "")


def test_logcfg_is_deprecated(fakes):
    Path("log.cfg").write_text("[*]\nhandler = file:out.log\nlevel = INFO\n")
    with pytest.warns(DeprecationWarning, match="logcfg"):
        fakes.S1.call(fakes.FakeModel("x.fits"), logcfg="log.cfg")
    assert "Step S1 done" in Path("out.log").read_text()
    with pytest.warns(DeprecationWarning, match="logcfg"), pytest.raises(RuntimeError, match="nowhere.cfg"):
        fakes.S1.call(fakes.FakeModel("x.fits"), logcfg="nowhere.cfg")


def test_call_keeps_lines_from_before_the_instance_was_made(fakes):
    class Recorded(fakes.FakeStep):
        _log_records_formatter = logging.Formatter("%(message)s")

        def process(self, model):
            return list(self.log_records)

    lines = Recorded.call(fakes.FakeModel("x.fits"))
    assert "Recorded instance created." in lines


def test_build_config(fakes, config):
    built, path = fakes.FakePipeline.build_config(fakes.FakeModel("x.fits"), steps={"a": {"par": 4}}, suffix="x")
    assert (built["suffix"], built["steps"]["a"]["par"], path) == ("x", 4, None)
    built, path = fakes.S1.build_config(None, config_file=str(config))
    assert (built["par"], path) == (12, str(config))


def test_from_config_file(fakes, config):
    step = fakes.S1.from_config_file(str(config))
    assert (step.name, step.par, step.suffix, step.config_file) == ("mine", 12, "cal", str(config))
    assert fakes.S1.from_config_file(config, name="other").name == "other"


def test_from_config_file_imports_the_class_beside_it(workdir):
    (workdir / "beside_the_file.py").write_text(
        "from stpipe import Param, Step\n\n"
        "class Mine(Step):\n    output_ext = Param('.fits', 'x')\n    n = Param(1, 'n')\n"
    )
    path = workdir / "x.cfg"
    path.write_text("name = given\nclass = beside_the_file.Mine\nn = 4\n")
    step = Step.from_config_file(str(path))
    assert (type(step).__name__, step.name, step.n) == ("Mine", "given", 4)


def test_from_config_file_checks_the_class(fakes, workdir):
    path = workdir / "x.cfg"
    path.write_text("class = stpipe.pipeline.Pipeline\n")
    with pytest.raises(TypeError, match="Configuration file does not match the expected step class"):
        fakes.S1.from_config_file(str(path))


def test_from_config_section(fakes):
    from configobj import ConfigObj

    config = ConfigObj({"name": "mine", "class": "x.S1", "par": "8"})
    step = fakes.S1.from_config_section(config)
    assert (step.name, step.par) == ("mine", 8)
    assert "name" not in config
    with pytest.raises(ParameterError, match="Extra value 'bogus' in root"):
        fakes.S1.from_config_section(ConfigObj({"bogus": 1}))


def test_export_and_read_back(fakes, workdir):
    pipeline = fakes.FakePipeline(suffix="x", output_dir="d", steps={"a": {"par": 8}})
    pipeline.export_config(workdir / "out.asdf")
    again = fakes.FakePipeline.from_config_file(str(workdir / "out.asdf"))
    assert again.get_pars() == pipeline.get_pars()


def test_an_exported_file_does_not_undo_an_output_dir_keyword(fakes, workdir):
    fakes.S1().export_config(workdir / "pars.asdf")
    fakes.S1.call(fakes.FakeModel("x_rate.fits"), config_file=str(workdir / "pars.asdf"), output_dir="d")
    assert (workdir / "d/x_s1.fits").is_file()


def test_call_of_a_step_without_a_mission_layer():
    from stpipe import Step

    class Plain(Step):
        spec = "output_ext = string(default='.fits')"

        def process(self, value):
            return value + 1

    assert Plain.call(1) == 2
