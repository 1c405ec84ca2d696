"""``Step.plan`` and ``strun --dry-run``: what a run would do, compared with what it does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stpipe import Param, crds_client
from stpipe.cli.strun import main
from stpipe.planning import PlannedReference, planned_keys
from tests.stpipe.cli_steps import CALLS
from tests.stpipe.crds_cache import NIRCAM, CrdsCache, Rows

ROOT = Path(__file__).parents[2]
CHAIN = "tests.stpipe.cli_steps.Chain"
GAIN = "jwst_nircam_gain_0001.fits"


@pytest.fixture(autouse=True)
def folder(workdir, monkeypatch):
    """Folder with an input, steps that can be imported."""
    CALLS.clear()
    (workdir / "in").mkdir()
    (workdir / "in" / "jw001_rate.fits").touch()
    (workdir / "in" / "jw002_rate.fits").touch()
    monkeypatch.syspath_prepend(str(ROOT))
    return workdir


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A reference service that knows gain, has no refpix, and has lost a dark."""
    for name in ("CRDS_CONTEXT", "CRDS_SERVER_URL", "CRDS_MODE"):
        monkeypatch.delenv(name, raising=False)
    files = CrdsCache(tmp_path / "crds", "jwst_0007.pmap")
    detector = ("META.INSTRUMENT.DETECTOR",)
    files.add("gain", Rows(detector, {"NRCA1": GAIN}))
    files.add("refpix", "N/A")
    files.add("dark", Rows(detector, {"NRCA1": "jwst_nircam_dark_0001.fits"}))
    files.write()
    files.reference("jwst_nircam_dark_0001.fits").unlink()
    monkeypatch.setenv("CRDS_PATH", str(files.root))
    return files


def with_references(cls, *types):
    """Make a step class that uses references and is chosen for by NIRCam metadata."""

    class Uses(cls):
        reference_file_types = list(types)

        @classmethod
        def _get_crds_parameters(cls, dataset):
            return NIRCAM, "jwst"

    return Uses


INPUT = "in/jw001_rate.fits"
NAMES = {
    "not saved": {},
    "saved": {"save_results": True},
    "suffix": {"save_results": True, "suffix": "cal"},
    "no suffix": {"save_results": True, "suffix": False},
    "output_file": {"output_file": "out.fits"},
    "output_file in a folder": {"output_file": "sub/out.fits"},
    "extension": {"save_results": True, "output_ext": "asdf"},
    "output_dir": {"output_dir": "newd"},
    "output_dir, not saved": {"output_dir": "newd", "save_results": False},
    "own name": {"save_results": True, "output_use_model": True},
    "search_output_file": {"save_results": True, "search_output_file": False},
}
PIPELINES = {
    "not saved": {},
    "saved": {"save_results": True},
    "sub-step": {"steps": {"a": {"save_results": True}}},
    "both": {
        "save_results": True,
        "steps": {"a": {"save_results": True}, "b": {"save_results": True, "suffix": "cal"}},
    },
    "suffix": {"suffix": "rate", "save_results": True, "steps": {"a": {"save_results": True}}},
    "output_file of a step": {"steps": {"a": {"output_file": "aa"}}},
    "output_file": {"output_file": "zz.fits", "steps": {"a": {"save_results": True}}},
    "folders": {"output_dir": "pd", "steps": {"a": {"output_dir": "sd"}}},
    "skipped": {"save_results": True, "steps": {"a": {"skip": True, "save_results": True}}},
}


def written(folder):
    """Files below a folder, without the inputs."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in files if path.parts[0] not in ("in", "crds"))


def planned(plan):
    return sorted(os.path.relpath(product.path) for product in plan.products)


class TestProducts:
    @pytest.mark.parametrize("options", NAMES.values(), ids=NAMES)
    def test_step(self, fakes, folder, options):
        plan = fakes.S1.plan(INPUT, **options)
        assert written(folder) == []
        fakes.S1.call(INPUT, configure_log=False, **options)
        assert planned(plan) == written(folder)

    @pytest.mark.parametrize("options", PIPELINES.values(), ids=PIPELINES)
    def test_pipeline(self, fakes, folder, options):
        plan = fakes.FakePipeline.plan(INPUT, **options)
        assert written(folder) == []
        fakes.FakePipeline.call(INPUT, configure_log=False, **options)
        assert planned(plan) == written(folder)

    @pytest.mark.parametrize("name", ["jw005_rate.fits", None])
    def test_model(self, fakes, folder, name):
        plan = fakes.S1.plan(fakes.FakeModel(name), save_results=True)
        fakes.S1.call(fakes.FakeModel(name), save_results=True, configure_log=False)
        assert planned(plan) == written(folder)

    def test_existing_files(self, fakes, folder, monkeypatch):
        (folder / "jw001_s1.fits").touch()
        plan = fakes.S1.plan(INPUT, save_results=True)
        assert [(product.path, product.exists) for product in plan.products] == [("jw001_s1.fits", True)]
        assert "jw001_s1.fits  (exists, would be replaced)" in str(plan)
        monkeypatch.setenv("STPIPE_OVERWRITE", "forbid")
        assert "would refuse to replace jw001_s1.fits" in fakes.S1.plan(INPUT, save_results=True).notes[-1]

    def test_hook_of_a_step_that_saves_more(self, fakes, folder):
        class More(fakes.S1):
            extra = Param(False, "save more")

            def process(self, init):
                model = super().process(init)
                if self.extra:
                    self.save_model(model, suffix="more", force=True)
                return model

            def planned_products(self, parameters):
                more = [self.planned_path(suffix="more")] if self.extra else []
                return [*more, *super().planned_products(parameters)]

        options = {"extra": True, "save_results": True, "suffix": "s9"}
        plan = More.plan(INPUT, **options)
        More.call(INPUT, configure_log=False, **options)
        assert planned(plan) == written(folder) == ["jw001_more.fits", "jw001_s9.fits"]

    def test_list_of_inputs(self, fakes):
        plan = fakes.S1.plan([INPUT, "in/jw002_rate.fits"], save_results=True)
        assert planned(plan) == ["jw001_s1.fits", "jw002_s1.fits"]
        assert any("The input has 2 members" in note for note in plan.notes)


class TestOrder:
    def test_default_order_and_skipped_steps(self, fakes):
        plan = fakes.FakePipeline.plan(INPUT, steps={"a": {"skip": True}})
        assert [(step.key, step.skipped) for step in plan.step.steps] == [("a", "skip=True (keyword)"), ("b", "")]
        assert "1  a  skipped: skip=True (keyword)" in str(plan)

    def test_hook_gets_the_metadata_of_the_input(self, fakes):
        class Reversed(fakes.FakePipeline):
            seen: list = []

            def planned_steps(self, parameters):
                self.seen.append(dict(parameters))
                return ("b",)

        plan = Reversed.plan(fakes.FakeModel("x.fits"))
        assert Reversed.seen == [{"META.INSTRUMENT.NAME": "FAKE"}]
        assert [step.key for step in plan.step.steps] == ["b"]
        assert plan.step.unused == ("a",)
        assert "not used for this input: a" in str(plan)

    def test_hooks_are_listed(self, fakes):
        plan = fakes.FakePipeline.plan(INPUT, steps={"a": {"pre_hooks": ["ls {0}"]}})
        assert plan.step.steps[0].hooks == ("pre-hook: ls {0}",)

    def test_keys_for_progress(self, fakes):
        assert planned_keys(fakes.FakePipeline(), INPUT) == ["a", "b"]
        assert planned_keys(fakes.S1(), INPUT) == []

        class Broken(fakes.FakePipeline):
            def planned_steps(self, parameters):
                raise RuntimeError("no idea")

        assert planned_keys(Broken(), INPUT) == []

    def test_refusal_is_a_problem(self, fakes):
        class Never(fakes.S1):
            def planned_refusal(self, parameters):
                return "not today"

        class Uses(fakes.FakePipeline):
            step_defs = {"a": fakes.S1, "b": Never}

        assert Uses.plan(INPUT).problems == ("b: not today",)
        assert Uses.plan(INPUT, steps={"b": {"skip": True}}).problems == ()


class TestReferences:
    def references(self, step, init=INPUT):
        return {found.reftype: found for found in step.plan(init).step.references}

    def test_context_and_files(self, fakes, cache):
        plan = with_references(fakes.S1, "gain", "refpix").plan(INPUT)
        path = str(cache.reference(GAIN))
        assert plan.contexts == {"jwst": "jwst_0007.pmap"}
        assert plan.step.references == (
            PlannedReference("gain", path, "context"),
            PlannedReference("refpix", "N/A", "N/A"),
        )
        assert f"gain    {GAIN}" in str(plan)
        assert "context: jwst_0007.pmap" in str(plan)

    def test_failure_is_told_with_its_reason(self, fakes, cache):
        plan = with_references(fakes.S1, "gain", "dark", "flat").plan(INPUT)
        found = {reference.reftype: reference for reference in plan.step.references}
        assert found["gain"].origin == "context"
        assert found["dark"].origin == found["flat"].origin == "failed"
        assert "jwst_nircam_dark_0001.fits is not in the CRDS cache" in found["dark"].remark
        assert "unknown reference type 'flat'" in found["flat"].remark
        assert len(plan.problems) == 2

    def test_override(self, fakes, cache, folder):
        (folder / "my.fits").touch()
        cls = with_references(fakes.S1, "gain", "refpix", "dark", "flat")
        step = cls(
            override_gain="my.fits",
            override_refpix="N/A",
            override_dark="gone.fits",
            override_flat=fakes.FakeModel("m.fits"),
        )
        found = self.references(step)
        assert str(found["gain"]) == f"{folder / 'my.fits'} (override)"
        assert str(found["refpix"]) == "N/A (override)"
        assert found["dark"].origin == "failed"
        assert "gone.fits cannot be read: No such file" in str(found["dark"])
        assert str(found["flat"]) == "<FakeModel> (override)"

    def test_without_input_nothing_is_asked(self, fakes, cache):
        plan = with_references(fakes.S1, "gain").plan()
        assert plan.step.references == (PlannedReference("gain", "", "unknown", "depends on the input"),)
        assert plan.contexts == {}
        assert plan.problems == ()

    def test_input_without_metadata(self, fakes):
        class Uses(fakes.S1):
            reference_file_types = ["gain"]

            @classmethod
            def _get_crds_parameters(cls, dataset):
                raise ValueError("no header")

        plan = Uses.plan(INPUT)
        assert plan.step.references[0].origin == "unknown"
        assert "The references are not known: ValueError: no header" in plan.notes

    def test_nothing_is_downloaded(self, fakes, cache, monkeypatch):
        asked = []
        monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
        monkeypatch.setenv("CRDS_CONTEXT", "jwst_0007.pmap")
        monkeypatch.setattr(crds_client, "reachable", lambda url: True)
        monkeypatch.setattr(crds_client, "_ask_service", lambda *args: asked.append(args) or {})
        found = self.references(with_references(fakes.S1, "dark"))
        assert asked == []
        assert str(found["dark"]) == "jwst_nircam_dark_0001.fits (not in the cache: a run downloads it)"

    def test_hook_chooses_the_types(self, fakes, cache):
        class Uses(with_references(fakes.S1, "gain", "dark")):
            def planned_references(self, parameters):
                return ["gain"] if parameters["meta.instrument.name"] == "NIRCAM" else ["dark"]

        assert list(self.references(Uses)) == ["gain"]


class TestNoTraces:
    def test_instance_is_as_before(self, fakes, folder):
        pipe = fakes.FakePipeline(save_results=True)
        pipe.run(INPUT)
        before = {key: dict(step.__dict__) for key, step in {"": pipe, **pipe.sub_steps()}.items()}
        pipe.plan("in/jw002_rate.fits")
        assert {key: dict(step.__dict__) for key, step in {"": pipe, **pipe.sub_steps()}.items()} == before

    def test_a_run_after_a_plan_is_named_after_its_own_input(self, fakes, folder):
        step = fakes.S1(save_results=True)
        assert planned(step.plan(INPUT)) == ["jw001_s1.fits"]
        step.run("in/jw002_rate.fits")
        assert written(folder) == ["jw002_s1.fits"]
        assert planned(step.plan(INPUT)) == ["jw001_s1.fits"]

    def test_plan_of_an_instance_takes_no_parameters(self, fakes):
        with pytest.raises(TypeError, match=r"S1\.explain or \.plan"):
            fakes.S1().plan(INPUT, par=4)


class TestCommandLine:
    def test_dry_run(self, capsys, folder):
        assert main([CHAIN, "in/jw001_rate.fits", "--dry-run", "--steps.first.skip"]) == 0
        out = capsys.readouterr()
        assert "1  first  skipped: skip=True (command line)" in out.out
        assert out.out.endswith("Files that would be written:\n  jw001_rate_chain.fits\n")
        assert out.err == ""
        assert CALLS == []
        assert written(folder) == []

    def test_problems_give_exit_code_1(self, capsys):
        override = ["--override_gain=gone.fits"]
        assert main(["tests.stpipe.cli_steps.Needy", INPUT, "--dry-run", *override]) == 1
        assert "problem: Needy: gain: the override" in capsys.readouterr().out

    def test_html(self, fakes, cache):
        source = with_references(fakes.S1, "gain", "dark").plan(INPUT, save_results=True)._repr_html_()
        for text in ("<b>problem:</b>", GAIN, "jw001_uses.fits", "jwst_0007.pmap"):
            assert text in source
