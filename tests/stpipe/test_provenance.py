"""Records of what made a product, independent of a mission."""

from __future__ import annotations

import json
import re

import pytest

from stpipe import Skip, Step
from stpipe.exceptions import InputError
from stpipe.provenance import FORMAT, append_run, keep_earlier_runs, read, record_run, versions_of

INPUT = "in/jw001_rate.fits"


@pytest.fixture(autouse=True)
def folder(workdir):
    (workdir / "in").mkdir()
    (workdir / "in" / "jw001_rate.fits").touch()
    return workdir


@pytest.fixture
def keeping(fakes):
    """Step and pipeline classes that keep the record in their models, and note for which models."""

    class Keeping:
        noted: list = []

        def add_provenance(self, model):
            record = record_run({"mine": "1.2"})
            model.provenance = append_run(getattr(model, "provenance", None), record)
            self.noted.append((self.name, model))

    class One(Keeping, fakes.S1):
        reference_file_types = ["gain", "dark"]

        def process(self, init):
            model = super().process(init)
            self._reference_files_used.append((self.kind, f"/somewhere/{self.name}.fits"))
            self.par = 99
            return model

        kind = "gain"

    class Two(One):
        kind = "dark"

        def process(self, init):
            if init.value > 50:
                raise Skip("too bright")
            return super().process(init)

    class Both(Keeping, fakes.FakePipeline):
        step_defs = {"a": One, "b": Two, "c": One}
        prefetch_references = False

        def process(self, init):
            return self.c.run(self.b.run(self.a.run(init)))

    Keeping.noted = []
    Both.noted = Keeping.noted
    return Both, One


def run(cls, **parameters):
    """Run and give the latest saved or returned model."""
    cls.call(INPUT, configure_log=False, **parameters)
    return cls.noted[-1][1]


class TestRecord:
    def test_step(self, keeping):
        _, one = keeping
        (record,) = read(run(one, par=7, save_results=True)).runs
        assert record.step.name == "fake_step"
        assert record.step.class_name.endswith(".One")
        assert record.flat()["par"] == (7, "keyword")
        assert record.flat()["output_ext"] == (".fits", "default")
        assert list(record.flat()) == list(one.declared_parameters())
        assert record.inputs == ("jw001_rate.fits",)
        assert record.versions == {"mine": "1.2"}
        assert record.context is None
        assert record.references == {"gain": "One.fits"}
        assert record.steps == ()
        for moment in (record.started, record.recorded):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment)

    def test_pipeline(self, keeping):
        both, _ = keeping
        (record,) = read(run(both, save_results=True, steps={"a": {"par": 4}, "b": {"skip": True}})).runs
        assert [(step.name, step.status, step.reason) for step in record.steps] == [
            ("a", "done", None),
            ("b", "skipped", "skip=True"),
            ("c", "done", None),
        ]
        assert record.steps[0].parameters["par"] == (4, "keyword")
        assert record.steps[1].parameters == {"skip": (True, "keyword")}
        assert record.references == {"gain": "c.fits"}
        assert record.steps[0].references == {"gain": "a.fits"}

    def test_parameters_are_those_that_the_run_started_with(self, keeping):
        both, _ = keeping
        (record,) = read(run(both, save_results=True)).runs
        assert record.flat()["steps.a.par"] == (3, "default")
        assert record.flat()["suffix"] == (None, "default")

    def test_reason_of_a_step_that_had_nothing_to_do(self, keeping):
        both, _ = keeping
        (record,) = read(run(both, save_results=True, steps={"a": {"par": 60}})).runs
        assert (record.steps[1].status, record.steps[1].reason) == ("skipped", "too bright")

    def test_a_product_of_a_sub_step_knows_what_ran_before_it(self, keeping):
        both, _ = keeping
        both.call(INPUT, configure_log=False, steps={"b": {"save_results": True}})
        assert [name for name, _ in both.noted] == ["b"]
        (record,) = read(both.noted[0][1]).runs
        assert [step.name for step in record.steps] == ["a", "b"]

    def test_results_that_are_not_saved_cost_nothing(self, keeping):
        both, _ = keeping
        both.call(INPUT, configure_log=False)
        assert both.noted == []

    def test_folders_are_left_out(self, keeping, folder):
        _, one = keeping
        (folder / "pars.asdf").write_text("parameters: {par: 8}\n")
        (folder / "my_gain.fits").touch()
        model = run(
            one,
            config_file=str(folder / "pars.asdf"),
            output_dir=str(folder),
            override_gain=str(folder / "my_gain.fits"),
        )
        assert str(folder) not in json.dumps(model.provenance)
        facts = read(model).runs[0].flat()
        assert facts["par"] == (8, "file:pars.asdf")
        assert facts["override_gain"] == ("my_gain.fits", "keyword")

    def test_second_run_of_an_instance_starts_afresh(self, keeping):
        both, _ = keeping
        pipe = both(save_results=True)
        records = []
        for _ in range(2):
            pipe.run(INPUT)
            records += read(both.noted[-1][1]).runs
        assert len(records) == 2
        assert records[0].run != records[1].run
        assert len(records[1].steps) == 3

    def test_outside_a_run_there_is_none(self):
        assert record_run({}) is None


class TestRunsAfterEachOther:
    def record(self, run):
        return {"run": run}

    def test_same_run_is_replaced_others_stay(self):
        node = append_run(None, self.record("1"))
        node = append_run(node, self.record("2"))
        node = append_run(node, {"run": "2", "step": "later"})
        assert node == {"format": FORMAT, "runs": [{"run": "1"}, {"run": "2", "step": "later"}]}

    def test_provenance_of_the_input_goes_on(self, keeping, fakes):
        _, one = keeping

        class Reads(one):
            def process(self, init):
                keep_earlier_runs({"format": FORMAT, "runs": [{"run": "0"}]})
                return super().process(init)

        node = run(Reads, save_results=True).provenance
        assert [entry["run"] for entry in node["runs"]][0] == "0"
        assert len(node["runs"]) == 2

    def test_a_foreign_format_is_not_taken_over(self):
        assert append_run({"format": "other", "runs": [1]}, self.record("1"))["runs"] == [{"run": "1"}]


class TestRead:
    def product(self, keeping):
        both, _ = keeping
        return run(both, save_results=True, steps={"a": {"par": 4}})

    def test_text(self, keeping):
        provenance = read(self.product(keeping))
        text = str(provenance)
        assert repr(provenance) == text
        assert re.search(r"^  a +\d\.\d{3} s  done$", text, re.MULTILINE)
        assert re.search(r"^  steps.a.par +4 +keyword$", text, re.MULTILINE)
        assert "steps.c.par" not in text
        assert "steps.c.par" in provenance.text(complete=True)

    def test_html(self, keeping):
        source = read(self.product(keeping))._repr_html_()
        assert "steps.a.par" in source
        assert "a.fits" in source

    def test_asdf_file(self, keeping, folder):
        import asdf

        model = self.product(keeping)
        asdf.AsdfFile({"provenance": model.provenance}).write_to(folder / "x.asdf")
        assert read(folder / "x.asdf") == read(model)

    def test_nothing_there(self, folder, fakes):
        import asdf

        asdf.AsdfFile({"a": 1}).write_to(folder / "x.asdf")
        (folder / "x.txt").write_text("text")
        for source in (folder / "x.asdf", fakes.FakeModel("x"), {"a": 1}):
            with pytest.raises(InputError, match="holds no provenance"):
                read(source)
        with pytest.raises(InputError, match="neither a FITS nor an ASDF file"):
            read(folder / "x.txt")
        with pytest.raises(FileNotFoundError, match="missing"):
            read(folder / "missing.fits")
        with pytest.raises(InputError, match="format 'stpipe-provenance-9'"):
            read({"provenance": {"format": "stpipe-provenance-9", "runs": []}})


def test_versions():
    import numpy

    found = versions_of("numpy", "no_such_package")
    assert found["numpy"] == numpy.__version__
    assert "python" in found
    assert "no_such_package" not in found
    assert set(Step.software_versions()) == {"python", "stpipe", "numpy"}


class TestCommand:
    def test_report(self, keeping, folder, capsys):
        import asdf

        from stpipe.cli.main import main

        both, _ = keeping
        model = run(both, save_results=True, steps={"a": {"par": 4}})
        asdf.AsdfFile({"provenance": model.provenance}).write_to(folder / "x.asdf")
        assert main(["provenance", "x.asdf"]) == 0
        assert capsys.readouterr().out == f"{read(model)}\n"
        assert main(["provenance", "x.asdf", "--all"]) == 0
        assert "steps.c.par" in capsys.readouterr().out
        assert main(["provenance", "y.asdf"]) == 1
        assert "There is no file 'y.asdf'" in capsys.readouterr().err
