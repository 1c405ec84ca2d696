"""What is written, and over what (spec framework.md §10 and §11)."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from stpipe import Step

INPUT = "in/jw001_rate.fits"


@pytest.fixture(autouse=True)
def folder(workdir):
    (workdir / "in").mkdir()
    (workdir / "in" / "jw001_rate.fits").write_text('{"value": 1}')
    (workdir / "in" / "jw002_rate.fits").write_text('{"value": 2}')
    return workdir


def products(folder: Path) -> list[str]:
    """Every file that is not an input, hidden ones included."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.parts[0] != "in")


def warnings_in(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


class TestSaveModel:
    """``step.save_model`` called by code."""

    def test_nothing_unless_asked_for(self, fakes, folder):
        model = fakes.FakeModel("m_rate.fits")
        assert fakes.S1().save_model(model) is None
        assert fakes.S1().save_model(model, suffix="x", idx=3) is None
        assert products(folder) == []

    @pytest.mark.parametrize(
        ("parameters", "arguments", "path"),
        [
            ({}, {"force": True}, "step_S1_s1.fits"),
            ({}, {"output_file": "x.fits"}, "x_s1.fits"),
            ({"save_results": True}, {}, "step_S1_s1.fits"),
            ({"output_file": "p.fits"}, {}, "p_s1.fits"),
        ],
    )
    def test_each_reason_to_save(self, fakes, folder, parameters, arguments, path):
        assert fakes.S1(**parameters).save_model(fakes.FakeModel("m_rate.fits"), **arguments) == path
        assert products(folder) == [path]

    @pytest.mark.parametrize(
        ("parameters", "arguments", "path"),
        [
            ({"output_use_model": True}, {}, "m_s1.fits"),
            ({"output_use_model": True}, {"output_file": "x.fits"}, "m_s1.fits"),
            ({"output_use_model": True, "output_file": "p.fits"}, {}, "m_s1.fits"),
            ({"search_output_file": False}, {}, "m_s1.fits"),
            ({"search_output_file": False}, {"output_file": "x.fits"}, "x_3_s1.fits"),
            ({}, {"suffix": False, "output_file": "x_rate.fits"}, "x_rate_3.fits"),
        ],
    )
    def test_own_name_without_index(self, fakes, parameters, arguments, path):
        step = fakes.S1(**parameters)
        assert step.save_model(fakes.FakeModel("m_rate.fits"), force=True, idx=3, **arguments) == path

    def test_sequences_save_themselves(self, fakes):
        seen = []

        class Container(fakes.FakeContainer):
            def save(self, path=None, save_model_func=None):
                seen.append(path)
                return super().save(path, save_model_func)

        container = Container([fakes.FakeModel("m1_rate.fits"), fakes.FakeModel("m2_rate.fits")])
        assert fakes.S1().save_model(container, output_file="x.fits") == ["x_0_s1.fits", "x_1_s1.fits"]
        assert seen == ["x.fits"]

    def test_it_is_told(self, fakes, caplog):
        caplog.set_level(logging.INFO)
        fakes.S1(output_dir="d").save_model(fakes.FakeModel(), suffix="x", force=True)
        assert "Saved model in d/step_S1_x.fits" in caplog.messages

    @pytest.mark.parametrize("signature", ["model, suffix=None, idx=None", "model, idx=None, **rest"])
    def test_an_override_may_know_less(self, fakes, folder, signature):
        names = "suffix=suffix, idx=idx" if "suffix" in signature else "idx=idx, **rest"
        code = f"def save_model(self, {signature}): return cls.__mro__[1].save_model(self, model, {names})"
        scope: dict = {}
        exec(code, scope)
        cls = scope["cls"] = type("S1", (fakes.S1,), {"save_model": scope["save_model"]})
        cls(save_results=True).run(INPUT)
        assert products(folder) == ["jw001_s1.fits"]


class TestEndOfRun:
    def test_elements_of_a_sequence_that_are_no_models(self, fakes, folder):
        process = lambda self, init: [fakes.FakeModel(), 3, "text", None]  # noqa: E731
        type("S1", (fakes.S1,), {"process": process})(save_results=True).run(INPUT)
        assert products(folder) == ["jw001_0_s1.fits"]

    def test_other_objects_with_save(self, fakes, folder):
        class Table:
            def save(self, path, **options):
                Path(path).write_text(json.dumps(options))

        process = lambda self, init: (Table(), Table())  # noqa: E731
        type("S1", (fakes.S1,), {"process": process})(save_results=True).run(INPUT)
        assert products(folder) == ["jw001_0_s1.fits", "jw001_1_s1.fits"]
        assert json.loads(Path("jw001_0_s1.fits").read_text()) == {"overwrite": True}

    def test_true_may_be_taken_back_by_the_command_line_only(self, fakes, folder):
        from stpipe.resolve import Resolved

        for source, files in (("command line", []), ("file:/p.yaml", ["o_s1.fits"]), ("default", ["o_s1.fits"])):
            sources = {"save_results": source, "output_file": "command line"}
            values = {"save_results": False, "output_file": str(folder / "o.fits")}
            fakes.S1.from_resolved(Resolved(values, sources)).run(INPUT)
            assert products(folder) == files

    @pytest.mark.parametrize(("option", "saved"), [([], True), (["--save_results=false"], False)])
    def test_the_command_line_saves_unless_told_not_to(self, folder, monkeypatch, option, saved):
        monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
        Step.from_cmdline(["tests.stpipe.cli_steps.Scale", "make", *option])
        assert bool(products(folder)) is saved

    def test_a_false_in_a_file_is_not_obeyed_by_the_command_line(self, folder, monkeypatch):
        monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
        Path("p.yaml").write_text("class: tests.stpipe.cli_steps.Scale\nparameters: {save_results: false}\n")
        Step.from_cmdline(["p.yaml", "make"])
        assert products(folder) == ["make_p.fits", "p.yaml"]


class TestOverwrite:
    @pytest.mark.parametrize("policy", ["", "allow", "ALLOW", "warn", "forbid"])
    def test_policies(self, fakes, monkeypatch, caplog, policy):
        monkeypatch.setenv("STPIPE_OVERWRITE", policy)
        step = fakes.S1(save_results=True)
        step.run(INPUT)
        assert warnings_in(caplog) == []
        if policy == "forbid":
            with pytest.raises(FileExistsError, match="'jw001_s1.fits' exists and STPIPE_OVERWRITE is 'forbid'"):
                step.run(INPUT)
            return
        step.run(INPUT)
        assert warnings_in(caplog) == (["Overwriting jw001_s1.fits."] if policy == "warn" else [])

    def test_forbid_does_not_mind_what_is_not_saved(self, fakes, monkeypatch):
        Path("jw001_s1.fits").touch()
        monkeypatch.setenv("STPIPE_OVERWRITE", "forbid")
        assert fakes.S1().run(INPUT).value == 4.0

    @pytest.mark.parametrize("policy", ["allow", "warn"])
    def test_over_an_input_of_the_run(self, fakes, monkeypatch, caplog, policy):
        monkeypatch.setenv("STPIPE_OVERWRITE", policy)
        fakes.S1(output_dir="in", suffix="rate").run(INPUT)
        assert warnings_in(caplog) == ["Overwriting in/jw001_rate.fits, which is an input of this run."]

    def test_over_an_input_that_a_step_opened(self, fakes, caplog):
        def process(self, init):
            return self.open_model("in/jw002_rate.fits")

        type("S1", (fakes.S1,), {"process": process})(output_dir="in", output_file="jw002", suffix="rate").run(INPUT)
        assert warnings_in(caplog) == ["Overwriting in/jw002_rate.fits, which is an input of this run."]

    def test_over_a_product_of_the_run(self, fakes, caplog):
        def process(self, init):
            self.save_model(fakes.FakeModel(), output_file="x", suffix="y")
            return fakes.FakeModel()

        type("S1", (fakes.S1,), {"process": process})(output_file="x", suffix="y").run(INPUT)
        assert warnings_in(caplog) == [
            "Overwriting x_y.fits, which this run has already written: two results have the same name."
        ]


class TestAtomic:
    def test_the_name_appears_only_when_the_file_is_complete(self, fakes, folder):
        seen = []

        class Watched(fakes.FakeModel):
            def save(self, path, **options):
                result = super().save(path, **options)
                seen.append((Path("jw001_s1.fits").exists(), Path(path).parent.parent == folder, Path(path).name))
                return result

        type("S1", (fakes.S1,), {"process": lambda self, init: Watched()})(save_results=True).run(INPUT)
        assert [(there, name) for there, _, name in seen] == [(False, "jw001_s1.fits")]
        assert products(folder) == ["jw001_s1.fits"]

    @pytest.mark.parametrize("over", ["product", "input"])
    def test_a_killed_run_leaves_what_was_there(self, folder, over):
        """The process ends while half of the file is written."""
        target = folder / ("jw001_s1.fits" if over == "product" else "jw001_rate.fits")
        target.write_text("older")
        code = f"""
            import os
            from stpipe import Param, Step

            class Model:
                crds_observatory = "fake"
                def get_crds_parameters(self): return {{}}
                def save(self, path):
                    with open(path, "w") as file:
                        file.write("half")
                        file.flush()
                        os._exit(9)

            class S1(Step):
                output_ext = Param(".fits", "x")
                def process(self, init): return Model()

            S1(output_file="jw001", suffix={"s1" if over == "product" else "rate"!r}).run("jw001_rate.fits")
        """
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=folder, check=False)
        assert done.returncode == 9
        assert target.read_text() == "older"
        assert [path for path in products(folder) if not path.startswith(".")] == [target.name]

    def test_folders_are_made_on_the_first_write(self, fakes, folder):
        def process(self, init):
            assert not Path("new").exists()
            return fakes.FakeModel()

        type("S1", (fakes.S1,), {"process": process})(output_dir="new/deep").run(INPUT)
        assert products(folder) == ["new/deep/jw001_s1.fits"]


class TestStatus:
    """Who writes ``meta.cal_step``, and what a run returns."""

    def test_the_framework_writes_none_for_a_step_that_ran(self, fakes):
        assert vars(fakes.S1().run(INPUT).meta.cal_step) == {}
        assert vars(fakes.FakePipeline().run(INPUT).meta.cal_step) == {}

    def test_run_and_call_return_just_the_result(self, fakes):
        result = object()
        step = type("S1", (fakes.S1,), {"process": lambda self, init: result})
        assert step().run(INPUT) is result
        assert step.call(INPUT, configure_log=False) is result


class TestForbid:
    """``STPIPE_OVERWRITE=forbid`` stops a run before it starts where the name is known."""

    @pytest.fixture(autouse=True)
    def forbid(self, monkeypatch):
        monkeypatch.setenv("STPIPE_OVERWRITE", "forbid")

    @pytest.mark.parametrize("there", ["jw001_a.fits", "jw001_b.fits", "jw001_fakepipeline.fits"])
    def test_products_of_a_pipeline_and_its_steps(self, fakes, there):
        ran: list[str] = []
        saved = {"save_results": True}
        step = type("S1", (fakes.S1,), {"process": lambda self, init: ran.append(self.name)})
        cls = type("FakePipeline", (fakes.FakePipeline,), {"step_defs": {"a": step, "b": step}})
        Path(there).touch()
        with pytest.raises(FileExistsError, match=there):
            cls(**saved, steps={"a": saved, "b": saved}).run(INPUT)
        assert ran == []

    def test_what_a_step_says_it_will_write(self, fakes):
        class More(fakes.S1):
            def planned_products(self, parameters):
                return [self.planned_path(suffix="more")]

        Path("jw001_more.fits").touch()
        with pytest.raises(FileExistsError, match="jw001_more.fits"):
            More(save_results=True).run(INPUT)

    def test_a_step_that_cannot_say_it(self, fakes):
        class Broken(fakes.S1):
            def planned_products(self, parameters):
                raise RuntimeError("no idea")

        Broken(save_results=True, suffix="x").run(INPUT)
        with pytest.raises(FileExistsError, match="jw001_x.fits"):
            Broken(save_results=True, suffix="x").run(INPUT)

    def test_names_that_depend_on_the_results_are_checked_before_writing(self, fakes, folder):
        Path("jw002_s1.fits").write_text("older")
        with pytest.raises(FileExistsError, match="jw002_s1.fits"):
            fakes.S1(save_results=True).run(["in/jw001_rate.fits", "in/jw002_rate.fits"])
        assert Path("jw002_s1.fits").read_text() == "older"


PRIMARY = {
    "path": (INPUT, INPUT, "in"),
    "Path": (Path(INPUT), INPUT, "in"),
    "path of nothing": ("nowhere/x.fits", "nowhere/x.fits", ""),
    "association": ("in/x_asn.json", "in/x_asn.json", ""),
    "number": (3, None, ""),
    "list": ([INPUT], None, ""),
    "None": (None, None, ""),
}


class TestPrimaryInput:
    @pytest.mark.parametrize(("init", "name", "input_dir"), PRIMARY.values(), ids=PRIMARY)
    def test_name_and_folder(self, fakes, caplog, init, name, input_dir):
        caplog.set_level(logging.DEBUG)
        step = fakes.S1()
        caplog.clear()
        step.set_primary_input(init)
        assert (step._input_filename, step.input_dir) == (name, input_dir)
        assert [record.levelname for record in caplog.records] == ([] if name else ["DEBUG"])

    @pytest.mark.parametrize(("filename", "name"), [("q_rate.fits", "q_rate.fits"), (None, None)])
    def test_models(self, fakes, filename, name):
        step = fakes.S1()
        step.set_primary_input(fakes.FakeModel(filename))
        assert (step._input_filename, step.input_dir) == (name, "")

    def test_a_folder_that_is_set_stays(self, fakes):
        step = fakes.S1(input_dir="other")
        step.set_primary_input(INPUT)
        assert step.input_dir == "other"

    def test_exclusive(self, fakes):
        pipe = fakes.FakePipeline()
        pipe.set_primary_input(INPUT)
        pipe.a.set_primary_input("b_rate.fits")
        assert (pipe.a._input_filename, pipe.a.input_dir) == (None, "in")
        pipe.a.set_primary_input("b_rate.fits", exclusive=False)
        pipe.set_primary_input("c_rate.fits")
        assert (pipe.a._input_filename, pipe._input_filename) == ("b_rate.fits", INPUT)
