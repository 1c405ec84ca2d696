"""The phases of a run in order, reuse, and runs in threads (spec framework.md §8, §11)."""

from __future__ import annotations

import gc
import logging
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from stpipe import Param, Pipeline, Skip, Step
from stpipe.cli.strun import main
from stpipe.crds_client import LookupFailure, ReferenceServiceError
from stpipe.exceptions import OutputError, ParameterError
from stpipe.references import ReferenceSession
from stpipe.resolve import Resolved, resolve_cmdline

INPUT = "in/jw001_rate.fits"


@pytest.fixture(autouse=True)
def folder(workdir):
    (workdir / "in").mkdir()
    for name in ("jw001_rate.fits", "jw002_rate.fits"):
        (workdir / "in" / name).write_text('{"value": 1}')
    return workdir


@pytest.fixture
def calls():
    """What was called, and the log lines in between."""
    return []


@pytest.fixture
def traced(fakes, calls):
    """Make a class that notes every call of a method that the framework makes."""

    def make(base, name, **more):
        def tracing(method):
            def wrapper(self, *args, **kwargs):
                calls.append(f"{self.name}.{method}")
                return getattr(super(cls, self), method)(*args, **kwargs)

            return wrapper

        methods = ("set_primary_input", "default_suffix", "prefetch", "process", "finalize_result", "save_model")
        cls = type(name, (base,), {**{method: tracing(method) for method in methods}, **more})
        return cls

    return make


@pytest.fixture
def log_lines(calls):
    """Have log lines of the framework noted among the calls."""

    class Noting(logging.Handler):
        def emit(self, record):
            calls.append(record.getMessage().partition("\n")[0])

    logger, handler = logging.getLogger("stpipe.step"), Noting()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


def hook(name, calls):
    """Make a hook that notes its name and changes nothing."""

    def note(*args):
        calls.append(name)

    note.__name__ = name
    return note


class TestOrder:
    def test_of_a_step(self, fakes, traced, calls, log_lines):
        step = traced(fakes.FakeStep, "S1")(
            save_results=True, skip=True, pre_hooks=[hook("before", calls)], post_hooks=[hook("after", calls)]
        )
        calls.clear()
        step.run(INPUT)
        assert [call for call in calls if not call.startswith(("Step before", "Step after"))] == [
            f"Step S1 running with args ('{INPUT}',).",
            "Step S1 parameters are:",
            "S1.set_primary_input",
            "S1.default_suffix",
            "before",
            "Step run as standalone, so skip set to False",
            "S1.prefetch",
            "S1.process",
            "after",
            "S1.finalize_result",
            "S1.save_model",
            "Saved model in jw001_s1.fits",
            "Step S1 done",
        ]

    def test_of_a_pipeline(self, fakes, traced, calls, log_lines):
        step = traced(fakes.FakeStep, "S1")

        def process(self, init):
            calls.append("P.process")
            return self.a.run(self.b.run(init))

        pipe = traced(fakes.FakePipeline, "P", step_defs={"a": step, "b": step}, process=process)
        running = pipe(save_results=True, steps={"a": {"skip": True}})
        calls.clear()
        running.run(INPUT)
        assert [call.partition(" with args")[0] for call in calls] == [
            "Step P running",
            "Step P parameters are:",
            "P.set_primary_input",
            "P.default_suffix",
            "P.prefetch",
            "P.process",
            "Step b running",
            "b.set_primary_input",
            "b.default_suffix",
            "b.prefetch",
            "b.process",
            "b.finalize_result",
            "Step b done",
            "Step a running",
            "a.set_primary_input",
            "a.default_suffix",
            "Step skipped.",
            "a.finalize_result",
            "P.finalize_result",
            "P.save_model",
            "Saved model in jw001_p.fits",
            "Step P done",
        ]

    def test_every_argument_goes_to_process(self, fakes):
        step = type("S", (fakes.FakeStep,), {"process": lambda self, *args: args})
        assert step().run(1, "two", None) == (1, "two", None)
        assert step().run() == ()

    def test_process_that_raises_skip(self, fakes, traced, calls, caplog):
        step = traced(fakes.FakeStep, "S1", process=lambda self, model: (_ for _ in ()).throw(Skip("no reason")))
        model = fakes.FakeModel("x_rate.fits")
        assert step().run(model) is model
        assert model.meta.cal_step.fake_step == "SKIPPED"
        assert [text for _, level, text in caplog.record_tuples if level == logging.WARNING] == [
            "Step S1 skipped: no reason"
        ]


def test_parameters_are_logged_as_indented_yaml_at_the_top_only(fakes, caplog):
    with caplog.at_level(logging.INFO):
        fakes.FakePipeline(steps={"a": {"par": 7}}).run(fakes.FakeModel("x.fits"))
    (text,) = (text for text in caplog.messages if "parameters are:" in text)
    lines = text.splitlines()
    assert lines[0] == "Step FakePipeline parameters are:"
    assert all(line.startswith("  ") for line in lines[1:])
    for line in ("  pre_hooks: []", "  output_file: None", "  skip: False", "  steps:", "    a:", "      par: 7"):
        assert line in lines


def test_no_garbage_is_collected(fakes, monkeypatch):
    monkeypatch.setattr(gc, "collect", lambda *args: pytest.fail("gc.collect was called"))
    fakes.FakePipeline().run(fakes.FakeModel("x.fits"))
    fakes.S1.call(fakes.FakeModel("x.fits"), configure_log=False)


def test_log_lines_are_kept_where_no_configuration_is_active(fakes, caplog):
    caplog.set_level(logging.INFO)
    kept = type("Kept", (fakes.FakeStep,), {"_log_records_formatter": logging.Formatter("%(message)s")})
    step = kept()
    step.run(fakes.FakeModel("x.fits"))
    assert step.log_records[0].startswith("Step Kept running")
    assert step.log_records[-1] == "Step Kept done"
    plain = fakes.FakeStep()
    plain.run(fakes.FakeModel("x.fits"))
    assert plain.log_records == []


WAYS = {
    "keyword": (lambda cls: cls(output_dir="d"), True),
    "attribute": (lambda cls: _with(cls(), output_dir="d"), True),
    "file": (lambda cls: cls.configured(config_file="dir.yaml"), True),
    "file, keyword False": (lambda cls: cls.configured(config_file="dir.yaml", save_results=False), False),
    "file, both": (lambda cls: cls.configured(config_file="both.yaml"), False),
    "keyword, file False": (lambda cls: cls.configured(config_file="false.yaml", output_dir="d"), True),
    "keyword, both": (lambda cls: cls(output_dir="d", save_results=False), False),
    "attribute, keyword False": (lambda cls: _with(cls(save_results=False), output_dir="d"), True),
    "keyword, attribute False": (lambda cls: _with(cls(output_dir="d"), save_results=False), False),
    "command line": (lambda cls: _layer(cls, "command line", None), True),
    "command line, both": (lambda cls: _layer(cls, "command line", "command line"), False),
    "reference": (lambda cls: _layer(cls, "crds:x.asdf", None), False),
}


def _with(step, **attributes):
    for name, value in attributes.items():
        setattr(step, name, value)
    return step


def _layer(cls, of_folder, of_refusal):
    sources = {"output_dir": of_folder} | ({"save_results": of_refusal} if of_refusal else {})
    return cls.from_resolved(Resolved({"output_dir": "d", "save_results": False}, sources))


@pytest.mark.parametrize(("make", "saved"), WAYS.values(), ids=WAYS)
def test_output_dir_means_save(fakes, folder, make, saved):
    (folder / "dir.yaml").write_text("parameters: {output_dir: d}\n")
    (folder / "both.yaml").write_text("parameters: {output_dir: d, save_results: false}\n")
    (folder / "false.yaml").write_text("parameters: {save_results: false}\n")
    make(fakes.S1).run(INPUT)
    assert (folder / "d").exists() is saved


def test_output_dir_of_a_sub_step_and_of_its_parent(fakes, folder):
    fakes.FakePipeline(steps={"a": {"output_dir": "sd"}}).run(INPUT)
    assert [path.name for path in folder.glob("*d/*")] == ["jw001_a.fits"]
    fakes.FakePipeline(output_dir="pd").run(INPUT)
    assert [path.name for path in folder.glob("pd/*")] == ["jw001_fakepipeline.fits"]


class TestFailure:
    @pytest.mark.parametrize("where", ["process", "finalize_result", "save_model"])
    def test_nothing_later_is_done(self, fakes, traced, calls, where):
        error = KeyError("x")

        def fail(self, *args, **kwargs):
            calls.append("fails")
            raise error

        with pytest.raises(KeyError) as caught:
            traced(fakes.FakeStep, "S1", **{where: fail})(save_results=True).run(INPUT)
        assert caught.value is error
        assert calls[-1] == "fails"

    def test_of_a_sub_step_ends_the_pipeline(self, fakes, traced, calls, caplog):
        caplog.set_level(logging.INFO)
        step = traced(fakes.FakeStep, "S1", process=lambda self, model: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            type("P", (fakes.FakePipeline,), {"step_defs": {"a": step, "b": step}})(save_results=True).run(INPUT)
        assert not any(call.startswith("b.") for call in calls)
        assert not any(text.endswith("done") for text in caplog.messages)


class TestReuse:
    def test_n_runs_of_one_instance_equal_n_fresh_ones(self, fakes, folder):
        """Also where the first run changes the step."""

        class Messy(fakes.FakeStep):
            def process(self, init):
                if "jw001" in init:
                    self.suffix, self.output_ext, self.output_dir, self.par = "cal", ".asdf", "d", 50
                    self.pre_hooks.append("none.such")
                return super().process(init)

        def outcome(make):
            for name in ("jw001", "jw002", "jw001"):
                make().run(f"in/{name}_rate.fits")
            files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "in"]
            texts = {str(path.relative_to(folder)): path.read_text() for path in files}
            for path in files:
                path.unlink()
            return texts

        options = {"save_results": True, "par": 7}
        reused = Messy(**options)
        before = reused.get_pars()
        assert outcome(lambda: reused) == outcome(lambda: Messy(**options))
        assert reused.get_pars() == before


class Asks(Step):
    """Meets its like in another thread, asks for a reference, logs, and gives a result of its own."""

    class_alias = "asks"
    output_ext = Param(".fits", "extension")
    reference_file_types: ClassVar = ["gain"]
    barrier: ClassVar[Any] = None
    finalized: ClassVar[list[Any]] = []
    _log_records_formatter = logging.Formatter("%(name)s %(message)s")

    def process(self, models):
        self.barrier.wait(timeout=10)
        for _ in range(20):
            self.get_reference_file(models[0], "gain")
            logging.getLogger("stpipe.asks").info("works on %s", models[0].meta.filename)
        self.barrier.wait(timeout=10)
        return models

    def finalize_result(self, result, reference_files_used):
        self.finalized.append((result.meta.filename, set(reference_files_used)))


class AsksInside(Pipeline):
    """Holds one."""

    output_ext = Param(".fits", "extension")
    step_defs: ClassVar = {"asks": Asks}
    prefetch_references = False
    _log_records_formatter = Asks._log_records_formatter

    def process(self, models):
        return self.asks.run(models)


@pytest.mark.parametrize("cls", [Asks, AsksInside])
@pytest.mark.parametrize("how", ["run", "call"])
def test_two_threads_keep_logs_names_and_references_apart(fakes, folder, monkeypatch, cls, how):
    names = ["one", "two"]
    monkeypatch.setattr(Asks, "barrier", threading.Barrier(2))
    Asks.finalized.clear()
    logging.getLogger("stpipe").setLevel(logging.INFO)
    for name in names:
        (folder / f"{name}_gain.fits").touch()
    found: dict[str, Any] = {}

    def work(name):
        gain = {"override_gain": f"{name}_gain.fits"}
        options = {"save_results": True, **({"steps": {"asks": gain}} if cls is AsksInside else gain)}
        models = [fakes.FakeModel(f"{name}_rate.fits")]
        try:
            if how == "run":
                step = cls(**options)
                step.run(models)
                found[name] = step.log_records
            else:
                cls.call(models, output_dir=name, **options)
        except BaseException as error:
            found[name] = error

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logging.getLogger("stpipe").setLevel(logging.NOTSET)
    used = {name.partition("_")[0]: {reference for _, reference in pairs} for name, pairs in Asks.finalized if pairs}
    assert used == {name: {str(folder / f"{name}_gain.fits")} for name in names}
    ending = f"_rate_{cls.__name__.lower()}.fits"
    assert sorted(path.name for path in folder.rglob(f"*{ending}")) == [f"{name}{ending}" for name in names]
    for name, other in (names, names[::-1]):
        if how == "run":
            assert sum(f"works on {name}_rate" in line for line in found[name]) == 20
            assert not any(f"works on {other}" in line for line in found[name])
        else:
            assert name not in found
            assert len(list((folder / name).iterdir())) == 1


class TestMessages:
    """Errors name the file or layer, the step and the parameter."""

    def test_where_an_unknown_name_was_given(self, fakes, folder):
        (folder / "p.yaml").write_text("parameters: {sufix: x}\n")
        own = rf"Extra value 'sufix' in root \(did you mean 'suffix'\?\) \(file:{folder}/p.yaml\)"
        with pytest.raises(ParameterError, match=own):
            fakes.S1.configured(config_file="p.yaml")
        with pytest.raises(ParameterError, match=r"'par': .* of the wrong type. \(command line\)"):
            resolve_cmdline(fakes.S1, {"par": "x"})

    def test_which_step_names_a_file_that_is_missing(self, fakes, folder):
        (folder / "p.yaml").write_text("steps: {a: {config_file: gone.yaml}}\n")
        with pytest.raises(ValueError, match=rf"Config file {folder}/gone.yaml not found\. .* of steps/a"):
            fakes.FakePipeline.configured(config_file="p.yaml")

    def test_whose_override_cannot_be_read(self, fakes, folder):
        model = fakes.FakeModel("x.fits")
        step = type("Gains", (fakes.S1,), {"reference_file_types": ["gain"]})
        pipe = type("P", (fakes.FakePipeline,), {"step_defs": {"a": fakes.S1, "b": step}})
        with pytest.raises(FileNotFoundError, match=r"override_gain of step b \(keyword\).*gone.fits"):
            pipe(steps={"b": {"override_gain": "gone.fits"}}).run(model)
        with pytest.raises(FileNotFoundError, match=r"override_gain of step Gains \(keyword\).*gone.fits"):
            step(override_gain="gone.fits").get_reference_file(model, "gain")

    def test_which_step_a_reference_is_for(self, fakes, monkeypatch):
        failure = LookupFailure("No gain reference: because.", not_found=True)
        monkeypatch.setattr(ReferenceSession, "answers", lambda *args: {"gain": failure})
        step = type("Gains", (fakes.S1,), {"reference_file_types": ["gain"]})
        pipe = type("P", (fakes.FakePipeline,), {"step_defs": {"a": fakes.S1, "b": step}})
        with pytest.raises(ReferenceServiceError, match="gain is for step b; --steps.b.override_gain=FILE"):
            pipe().run(fakes.FakeModel("x.fits"))
        with pytest.raises(ReferenceServiceError, match="gain is for step Gains; --override_gain=FILE"):
            step().get_reference_file(fakes.FakeModel("x.fits"), "gain")

    def test_whose_folder_cannot_be_written(self, fakes, folder):
        (folder / "d").write_text("a file")
        with pytest.raises(OutputError, match=r"Cannot write to 'd'.*given to step FakePipeline \(keyword\)"):
            fakes.FakePipeline(output_dir="d").run(INPUT)

    def test_which_step_of_a_pipeline_failed(self, capsys, monkeypatch):
        monkeypatch.setattr(Asks, "process", lambda self, model: 1 / 0)
        monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
        assert main([f"{__name__}.AsksInside", "x", "--save_results=false"]) == 1
        assert "In step asks: ZeroDivisionError: division by zero" in capsys.readouterr().out
