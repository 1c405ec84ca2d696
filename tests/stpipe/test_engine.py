from __future__ import annotations

import logging
import threading
import time

import pytest

from stpipe import Param, Skip
from stpipe.engine import CancelToken, cancellable, checkpoint
from stpipe.events import listening
from stpipe.run_state import RunScope, current_state, shared_scope


@pytest.fixture(autouse=True)
def quiet(workdir):
    """Run in an empty folder."""


@pytest.fixture
def traced(fakes):
    """Step class that notes the phases it goes through in ``notes``."""

    class Traced(fakes.FakeStep):
        notes: list = []

        def set_primary_input(self, obj, exclusive=True):
            self.notes.append("primary input")
            super().set_primary_input(obj, exclusive)

        def prefetch(self, *args):
            self.notes.append("prefetch")

        def process(self, model):
            self.notes.append("process")
            return model

        def finalize_result(self, result, reference_files_used):
            self.notes.append(("finalize", result, list(reference_files_used)))

        def _save(self, model, path):
            self.notes.append("save")
            return super()._save(model, path)

        def _on_run_end(self, result):
            self.notes.append("end")

    Traced.notes = []
    return Traced


def before(model):
    """Hook that notes itself."""
    model.notes.append("pre-hook")


def after(model):
    """Hook that notes itself."""
    model.notes.append("post-hook")


def test_phases_in_order(fakes, traced):
    model = fakes.FakeModel("x_rate.fits")
    model.notes = traced.notes
    traced(save_results=True, pre_hooks=[before], post_hooks=[after]).run(model)
    assert traced.notes == [
        "primary input",
        "pre-hook",
        "prefetch",
        "process",
        "post-hook",
        ("finalize", model, []),
        "save",
        "end",
    ]


def test_log_lines_of_a_run(fakes, caplog):
    model = fakes.FakeModel("x_rate.fits")
    step = fakes.S1(save_results=True)
    with caplog.at_level(logging.INFO):
        step.run(model)
    lines = [record.getMessage() for record in caplog.records if record.name == "stpipe.step"]
    assert lines[0] == f"Step S1 running with args ({model!r},)."
    assert lines[1].splitlines()[:2] == ["Step S1 parameters are:", "  pre_hooks: []"]
    assert "  output_file: None" in lines[1].splitlines()
    assert lines[2:] == ["Saved model in x_s1.fits", "Step S1 done"]


def test_nothing_is_formatted_when_nobody_logs(fakes, caplog):
    class Loud(fakes.FakeModel):
        def __repr__(self):
            raise AssertionError("repr was called")

    with caplog.at_level(logging.WARNING):
        fakes.S1().run(Loud("x_rate.fits"))


def test_a_skipped_sub_step_returns_its_first_argument_marked(fakes, traced, caplog):
    class P(fakes.FakePipeline):
        step_defs = {"a": traced}

        def process(self, *args):
            return self.a.run(*args)

    model, other = fakes.FakeModel("x.fits"), fakes.FakeModel("y.fits")
    steps = {"a": {"skip": True, "save_results": True, "pre_hooks": [before], "post_hooks": [after]}}
    pipeline = P(steps=steps)
    with caplog.at_level(logging.INFO):
        assert pipeline.run(model, other) is model
    assert model.meta.cal_step.fake_step == "SKIPPED"
    assert not hasattr(other.meta.cal_step, "fake_step")
    assert traced.notes == ["primary input", ("finalize", model, []), "end"]
    assert "Step skipped." in caplog.messages
    assert "Step a done" not in caplog.messages


@pytest.mark.parametrize("kind", ["list", "tuple", "FakeContainer"])
def test_elements_of_sequences_are_marked(fakes, kind):
    make = {"list": list, "tuple": tuple}.get(kind) or getattr(fakes, kind)
    models = make([fakes.FakeModel("x.fits"), fakes.FakeModel("y.fits")])
    pipeline = fakes.FakePipeline(steps={"a": {"skip": True}, "b": {"skip": True}})
    assert pipeline.run(models) is models
    assert [model.meta.cal_step.fake_step for model in models] == ["SKIPPED", "SKIPPED"]


def test_a_model_that_cannot_be_marked_is_named(fakes, caplog):
    model = fakes.FakeModel("x.fits")
    del model.meta.cal_step
    with caplog.at_level(logging.INFO):
        fakes.FakePipeline(steps={"a": {"skip": True}, "b": {"skip": True}}).run(model)
    assert "FakeModel cannot record that step fake_step was skipped" in caplog.text


def test_the_status_key_may_differ_from_the_alias(fakes):
    step = type("Dark", (fakes.FakeStep,), {"cal_step": "dark_sub", "process": lambda self, m: refuse()})()
    model = fakes.FakeModel("x.fits")
    step.run(model)
    assert vars(model.meta.cal_step) == {"dark_sub": "SKIPPED"}


def refuse():
    """Raise Skip."""
    raise Skip("no reference")


def test_standalone_steps_ignore_skip(fakes, caplog):
    model = fakes.FakeModel("x.fits", 1.0)
    with caplog.at_level(logging.INFO):
        assert fakes.S1(skip=True).run(model).value == 4.0
    assert "Step run as standalone, so skip set to False" in caplog.messages


def test_skip_raised_by_process(fakes, traced, caplog):
    traced.process = lambda self, model: refuse()
    model = fakes.FakeModel("x.fits")
    model.notes = traced.notes
    assert traced(post_hooks=[after]).run(model) is model
    assert model.meta.cal_step.fake_step == "SKIPPED"
    assert traced.notes == ["primary input", "prefetch", ("finalize", model, []), "end"]
    assert [(r.levelname, r.getMessage()) for r in caplog.records if r.levelno >= logging.WARNING] == [
        ("WARNING", "Step Traced skipped: no reference")
    ]


def test_the_result_of_skip_is_up_to_the_mission_layer(fakes):
    opened = fakes.FakeModel("opened.fits")

    class Opening(fakes.FakeStep):
        def process(self, path):
            refuse()

        def _skipped_result(self, args, reason):
            assert (args, reason) == (("x.fits",), "no reference")
            return opened

    assert Opening().run("x.fits") is opened
    assert opened.meta.cal_step.fake_step == "SKIPPED"


@pytest.mark.parametrize("result", [None, 17, "text"])
def test_any_object_may_be_a_result(fakes, result):
    step = type("Any", (fakes.FakeStep,), {"process": lambda self: result})()
    assert step.run() is result


def test_sequences_are_finalized_by_element(fakes, traced):
    models = [fakes.FakeModel("x.fits"), fakes.FakeModel("y.fits")]
    traced.process = lambda self, model: models
    traced().run(models[0])
    assert [note for note in traced.notes if note[0] == "finalize"] == [("finalize", m, []) for m in models]


def test_an_exception_goes_through_unchanged_and_ends_everything(fakes, traced):
    error = KeyError("x")

    def process(self, model):
        self.suffix = "cal"
        raise error

    traced.process = process
    step = traced(save_results=True)
    with pytest.raises(KeyError) as caught:
        step.run(fakes.FakeModel("x.fits"))
    assert caught.value is error
    assert traced.notes == ["primary input", "prefetch"]
    assert step.suffix is None
    assert current_state() is None


def test_references_used_start_empty_for_each_run(fakes):
    seen = []

    class Refs(fakes.FakeStep):
        def process(self, model):
            self._reference_files_used.append(("dark", "crds://d.fits"))

        def finalize_result(self, result, used):
            seen.append(list(used))

    step = Refs()
    step.run(fakes.FakeModel("x.fits"))
    step.run(fakes.FakeModel("x.fits"))
    assert seen == [[("dark", "crds://d.fits")]] * 2


def test_events_of_a_pipeline(fakes):
    seen = []
    with listening(seen.append):
        fakes.FakePipeline(steps={"b": {"skip": True}}, save_results=True).run(fakes.FakeModel("x.fits"))
    assert [(event.event, event.step) for event in seen] == [
        ("step_target_start", "fake_pipeline"),
        ("step_target_start", "a"),
        ("step_target_success", "a"),
        ("step_target_start", "b"),
        ("step_target_skip", "b"),
        ("step_target_success", "fake_pipeline"),
    ]
    start = seen[0].uuid
    assert [event.parent_uuid for event in seen] == [None, start, start, start, start, None]
    assert seen[4].event_data["skip_reason"] == "skip=True"
    data = seen[-1].event_data
    assert data["outputs"] == ["x_fakepipeline.fits"]
    assert data["duration"] > 0
    assert {"parameters", "rss_max", "references", "retry_count", "max_retries"} <= set(data)


def test_events_of_a_failure(fakes):
    seen = []
    step = type("Bad", (fakes.FakeStep,), {"process": lambda self, model: 1 / 0})()
    with listening(seen.append), pytest.raises(ZeroDivisionError):
        step.run(fakes.FakeModel("x.fits"))
    assert [event.event for event in seen] == ["step_target_start", "step_target_error"]
    assert seen[-1].event_data["exception"] == {"type": "ZeroDivisionError", "message": "division by zero"}


def test_equal_parameters_have_equal_hashes_in_events(fakes):
    def hash_of(**pars):
        seen = []
        with listening(seen.append):
            fakes.S1(**pars).run(fakes.FakeModel("x.fits"))
        return seen[-1].event_data["parameters"]

    assert hash_of(par=5) == hash_of(par="5")
    assert hash_of(par=5) != hash_of(par=6)


def test_progress_is_an_event(fakes):
    seen = []

    def process(self, model):
        self.progress(2, 5, "groups")
        return model

    step = type("Slow", (fakes.FakeStep,), {"process": process})()
    step.run(fakes.FakeModel("x.fits"))
    with listening(seen.append):
        step.run(fakes.FakeModel("x.fits"))
    start, progress, _ = seen
    assert (progress.event, progress.event_data) == (
        "step_target_progress",
        {"done": 2, "total": 5, "unit": "groups"},
    )
    assert progress.parent_uuid == start.uuid


def test_a_cancelled_run_stops_at_the_next_checkpoint(fakes):
    token, ran = CancelToken(), []

    def process(self, model):
        ran.append("before")
        token.cancel(RuntimeError("stop"))
        token.cancel(RuntimeError("too late"))
        self.checkpoint()
        ran.append("after")

    step = type("Slow", (fakes.FakeStep,), {"process": process})()
    checkpoint()
    with cancellable(token), pytest.raises(RuntimeError, match="stop"):
        step.run(fakes.FakeModel("x.fits"))
    assert ran == ["before"]
    with cancellable(token), pytest.raises(RuntimeError, match="stop"):
        fakes.S1().run(fakes.FakeModel("x.fits"))


def test_two_threads_keep_names_and_records_apart(fakes):
    class Recorded(fakes.FakeStep):
        _log_records_formatter = logging.Formatter("%(message)s")

        def process(self, model):
            barrier.wait(timeout=5)
            logging.getLogger("recorded").warning("for %s", model.meta.filename)
            barrier.wait(timeout=5)
            return model

    barrier, results = threading.Barrier(2), {}

    def work(name):
        step = Recorded(save_results=True)
        step.run(fakes.FakeModel(f"{name}_rate.fits"))
        results[name] = [line for line in step.log_records if line.startswith("for")]

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"one": ["for one_rate.fits"], "two": ["for two_rate.fits"]}


def test_log_records_are_those_of_the_latest_run(fakes):
    class Recorded(fakes.FakeStep):
        _log_records_formatter = logging.Formatter("%(message)s")

        def process(self, model):
            logging.getLogger("recorded").warning("for %s", model.meta.filename)
            return model

    step = Recorded()
    step.run(fakes.FakeModel("one.fits"))
    step.run(fakes.FakeModel("two.fits"))
    assert "for two.fits" in step.log_records
    assert "for one.fits" not in step.log_records


def test_a_sub_step_run_alone_forgets_the_input_of_the_pipeline(fakes, workdir):
    pipeline = fakes.FakePipeline()
    pipeline.run(fakes.FakeModel("one_rate.fits"))
    pipeline.a.save_results = True
    pipeline.a.run(fakes.FakeModel("two_rate.fits"))
    assert [path.name for path in workdir.iterdir()] == ["two_a.fits"]


def test_runs_may_share_a_scope_with_a_policy(fakes):
    with shared_scope(RunScope(overwrite="forbid")) as scope:
        fakes.S1(save_results=True).run(fakes.FakeModel("x_rate.fits"))
        with pytest.raises(FileExistsError):
            fakes.S1(save_results=True).run(fakes.FakeModel("x_rate.fits"))
    assert len(scope.outputs) == 1
    fakes.S1(save_results=True).run(fakes.FakeModel("x_rate.fits"))


def best(function, repeats=15):
    """Shortest time of a call in milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def test_overhead_budgets(fakes):
    class NoOp(fakes.FakeStep):
        extra = Param(1.0, "one more parameter")

        def process(self, model):
            return model

    class Many(fakes.FakePipeline):
        step_defs = {f"s{number}": NoOp for number in range(25)}

        def process(self, model):
            for step in list(self.sub_steps().values())[:20]:
                model = step.run(model)
            return model

    logging.getLogger("stpipe").setLevel(logging.WARNING)
    try:
        model, step, pipeline = fakes.FakeModel("x_rate.fits"), NoOp(), Many()
        assert best(lambda: step.run(model)) < 0.2
        assert best(lambda: NoOp.call(model, configure_log=False)) < 3
        assert best(lambda: pipeline.run(model)) < 20
        assert best(Many) < 20
    finally:
        logging.getLogger("stpipe").setLevel(logging.NOTSET)
