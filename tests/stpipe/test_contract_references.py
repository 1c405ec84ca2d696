"""References of real runs, and parameter references (spec framework.md §5.1 and §6)."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from stpipe import Param, Pipeline, Step, crds_client
from stpipe.crds_client import ReferenceServiceError
from tests.stpipe.crds_cache import NIRCAM, CrdsCache, Rows, pars_file

DETECTOR = ("META.INSTRUMENT.DETECTOR",)
FILES = {name: f"jwst_nircam_{name}_0001.fits" for name in ("gain", "flat", "dark")}
USABLE = "Input dataset is not an instance of AbstractDataModel."


class Model:
    """Data model by protocol."""

    crds_observatory = "jwst"
    override_handle = "override://Mine"

    def __init__(self, **changes: Any) -> None:
        self.meta = SimpleNamespace(filename="jw01_uncal.fits", cal_step=SimpleNamespace())
        self.changes = changes

    def get_crds_parameters(self) -> dict[str, Any]:
        """Parameters that references are chosen by."""
        return {**NIRCAM, **self.changes}

    def save(self, path: str) -> str:
        """Not used."""
        return path


class Uses(Step):
    """Asks for its references."""

    class_alias = "uses"
    output_ext = Param(".fits", "extension")
    x = Param(1.0, "set by a reference")
    reference_file_types: ClassVar = ["gain"]
    finalized: ClassVar[list[Any]] = []

    @classmethod
    def _get_crds_parameters(cls, dataset: Any) -> tuple[dict[str, Any], str]:
        if isinstance(dataset, os.PathLike | str):
            dataset = Model() if os.path.exists(dataset) else open(dataset)  # noqa: SIM115 - has to raise
        if not isinstance(dataset, Model):
            raise TypeError("no model")
        return dataset.get_crds_parameters(), "jwst"

    def process(self, model: Any) -> Any:
        """Ask for every type."""
        for kind in self.reference_file_types:
            self.get_reference_file(model, kind)
        return model

    def finalize_result(self, result: Any, reference_files_used: Any) -> None:
        """Note what was used."""
        self.finalized.append((self.name, list(reference_files_used)))


class Flat(Uses):
    """Asks for another one, too."""

    class_alias = "flat"
    reference_file_types: ClassVar = ["gain", "flat"]


class Idle(Uses):
    """Needs no references."""

    reference_file_types: ClassVar = []


class Both(Pipeline):
    """Runs two of them."""

    class_alias = "both"
    output_ext = Param(".fits", "extension")
    z = Param(1.0, "set by a reference")
    step_defs: ClassVar = {"a": Uses, "b": Flat}
    _get_crds_parameters = Uses.__dict__["_get_crds_parameters"]

    def process(self, model: Any) -> Any:
        """Run both."""
        return self.b.run(self.a.run(model))


class Outer(Both):
    """Has a pipeline inside."""

    step_defs: ClassVar = {"a": Both, "b": Flat}


@pytest.fixture(autouse=True)
def cache(workdir, monkeypatch):
    for name in ("CRDS_CONTEXT", "CRDS_SERVER_URL", "CRDS_MODE", "STPIPE_DISABLE_CRDS_STEPPARS"):
        monkeypatch.delenv(name, raising=False)
    Uses.finalized.clear()
    files = CrdsCache(workdir / "crds")
    for name in ("gain", "flat"):
        files.add(name, Rows(DETECTOR, {"NRCA1": FILES[name]}))
    files.add("refpix", "N/A")
    for name, parameters in {"uses": {"x": 5.0}, "both": {"z": 7.0}}.items():
        files.add(f"pars-{name}", Rows((), {(): f"jwst_nircam_pars-{name}_0001.asdf"}))
        pars_file(files.reference(f"jwst_nircam_pars-{name}_0001.asdf"), f"x.{name.title()}", name, parameters)
    files.write()
    monkeypatch.setenv("CRDS_PATH", str(files.root))
    return files


@pytest.fixture
def asked(monkeypatch):
    """Types of each question that reaches the service."""
    questions: list[list[str]] = []
    look_up = crds_client.look_up

    def counting(parameters, types, *args, **kwargs):
        questions.append(list(types))
        return look_up(parameters, types, *args, **kwargs)

    monkeypatch.setattr(crds_client, "look_up", counting)
    return questions


@pytest.fixture
def crds_asked(monkeypatch, cache):
    """Have crds itself asked, and a function answer for its server."""
    from crds.client import api
    from crds.core import heavy_client

    monkeypatch.setenv("CRDS_MODE", "remote")
    monkeypatch.setattr(heavy_client, "get_processing_mode", lambda *args: ("remote", cache.context))
    monkeypatch.setattr(heavy_client, "update_config_info", lambda *args: None)
    return lambda function: monkeypatch.setattr(api, "get_best_references", function)


def lines(caplog, *words: str) -> list[tuple[str, str]]:
    """Level and text of the records that begin with one of the words."""
    found = ((record.levelname, record.getMessage()) for record in caplog.records)
    return [entry for entry in found if entry[1].startswith(words)]


class TestRuns:
    def test_pairs_go_to_finalize_result_and_start_empty_for_each_run(self):
        pipe = Both(steps={"b": {"override_gain": "N/A"}})
        for _ in range(2):
            pipe.run(Model())
        gain, flat = (f"crds://{FILES[name]}" for name in ("gain", "flat"))
        once = [("a", [("gain", gain)]), ("b", [("gain", "N/A"), ("flat", flat)])]
        assert Uses.finalized == once * 2

    def test_a_pipeline_prefetches_in_one_question(self, asked, caplog, cache):
        caplog.set_level(logging.INFO)
        Both().run(Model())
        assert asked == [["flat", "gain"]]
        assert lines(caplog, "Prefetch") == [
            ("INFO", "Prefetching reference files for dataset: 'jw01_uncal.fits' reftypes = ['flat', 'gain']"),
            ("INFO", f"Prefetch for FLAT reference file is '{cache.reference(FILES['flat'])}'."),
            ("INFO", f"Prefetch for GAIN reference file is '{cache.reference(FILES['gain'])}'."),
        ]

    def test_overridden_types_are_not_looked_up(self, asked, caplog):
        caplog.set_level(logging.INFO)
        Both(steps={"a": {"override_gain": "N/A"}, "b": {"override_gain": "N/A"}}).run(Model())
        assert asked == [["flat"]]
        assert lines(caplog, "Override for") == [("INFO", "Override for GAIN reference file is 'N/A'.")]

    def test_types_of_skipped_steps_are_not_looked_up(self, asked):
        Both(steps={"b": {"skip": True}}).run(Model())
        assert asked == [["gain"]]

    @pytest.mark.parametrize("where", ["pipeline", "step"])
    def test_prefetch_can_be_switched_off(self, asked, where):
        pipe = Both()
        for member in [pipe] if where == "pipeline" else [pipe.a, pipe.b]:
            member.prefetch_references = False
        pipe.run(Model())
        assert asked == [["gain"], ["flat"]]

    def test_a_reference_that_cannot_be_read_ends_the_run_before_the_steps(self, cache):
        os.remove(cache.reference(FILES["flat"]))
        with pytest.raises(ReferenceServiceError, match=FILES["flat"]):
            Both().run(Model())
        with pytest.raises(FileNotFoundError, match="gone.fits"):
            Both(steps={"a": {"override_gain": "gone.fits"}, "b": {"override_flat": "N/A"}}).run(Model())
        assert Uses.finalized == []

    def test_an_input_that_cannot_be_used_means_no_prefetch(self, asked, caplog):
        caplog.set_level(logging.INFO)
        Both(steps={"a": {"skip": True}, "b": {"override_gain": "N/A", "override_flat": "N/A"}}).run(17)
        assert asked == []
        assert lines(caplog, "First argument") == [
            ("INFO", "First argument is no usable dataset, references are not prefetched: no model")
        ]

    def test_no_argument_no_prefetch(self, asked, monkeypatch):
        monkeypatch.setattr(Both, "process", lambda self: None)
        Both().run()
        assert asked == []

    def test_a_single_step_does_not_prefetch(self, asked, caplog):
        caplog.set_level(logging.INFO)
        Flat().run(Model())
        assert asked == [["gain"], ["flat"]]
        assert lines(caplog, "Prefetch") == []

    def test_a_pipeline_inside_prefetches_from_memory(self, asked, caplog):
        caplog.set_level(logging.INFO)
        Outer().run(Model())
        assert asked == [["flat", "gain"]]
        assert len(lines(caplog, "Prefetching")) == 2

    def test_repeated_questions_are_answered_from_memory_within_a_run_only(self, asked):
        pipe = Both()
        pipe.prefetch_references = False
        pipe.run(Model())
        assert asked == [["gain"], ["flat"]]
        pipe.run(Model())
        assert len(asked) == 4

    def test_the_context_is_bound_once_per_run(self, cache, monkeypatch):
        from stpipe.references import current_session

        seen = []

        def process(self, model):
            result = Both.process(self, model)
            monkeypatch.setenv("CRDS_CONTEXT", "jwst_9999.pmap")
            self.get_reference_file(Model(**{"meta.subarray.name": "SUB64P"}), "flat")
            seen.append(current_session().context("jwst"))
            return result

        type("Changes", (Both,), {"process": process})().run(Model())
        assert seen == [cache.context]

    def test_what_needs_no_reference_runs_offline(self, monkeypatch):
        monkeypatch.setenv("CRDS_PATH", "/nowhere")
        monkeypatch.setitem(sys.modules, "crds", None)
        assert Idle().run(Model())
        quiet = type("Quiet", (Both,), {"step_defs": {"a": Idle, "b": Idle}})
        assert quiet().run(Model())
        assert quiet.call(Model(), configure_log=False)

    def test_offline_is_an_ordinary_error_that_names_the_settings(self, monkeypatch):
        monkeypatch.setenv("CRDS_PATH", "/nowhere")
        monkeypatch.setenv("CRDS_SERVER_URL", "https://localhost:9")
        monkeypatch.setenv("CRDS_MODE", "remote")  # crds itself has to be asked, and ends the process
        with pytest.raises(ReferenceServiceError) as caught:
            Both().run(Model())
        for text in ("CRDS_PATH = '/nowhere'", "CRDS_SERVER_URL = 'https://localhost:9'", "Set CRDS_PATH to"):
            assert text in str(caught.value)

    def test_deprecations_of_crds_do_not_reach_the_user(self, crds_asked):
        def answer(*args, **kwargs):
            warnings.warn("get_cache_lock is deprecated", DeprecationWarning, stacklevel=2)
            return {"gain": "N/A"}

        crds_asked(answer)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert crds_client.get_reference_file(dict(NIRCAM), "gain", "jwst") == "N/A"


SETTINGS = {
    "CRDS_OBSERVATORY": "jwst",
    "CRDS_LOCKING_MODE": "multiprocessing",
    "CRDS_USE_LOCKING": "0",
    "CRDS_READONLY_CACHE": "1",
    "CRDS_VERBOSITY": "55",
}


def test_settings_hold_while_crds_is_asked(crds_asked, monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    seen = []
    crds_asked(lambda *args, **kwargs: seen.append({name: os.environ.get(name) for name in SETTINGS}) or {})
    crds_client.look_up(NIRCAM, ["gain"], "jwst")
    assert seen == [SETTINGS]


class TestOverrides:
    def test_what_get_ref_override_gives(self, workdir):
        model = Model()
        assert Uses().get_ref_override("gain") is None
        assert Uses(override_gain="mine.fits").get_ref_override("gain") == str(workdir / "mine.fits")
        assert Uses(override_gain="N/A").get_ref_override("gain") == "N/A"
        assert Uses(override_gain=model).get_ref_override("gain") is model

    def test_those_of_steps_that_do_not_prefetch_are_not_those_of_the_pipeline(self):
        pipe = Both(steps={"a": {"override_gain": "N/A"}, "b": {"override_gain": "x.fits"}})
        assert pipe.get_ref_override("gain") == "N/A"
        pipe.a.prefetch_references = False
        assert pipe.get_ref_override("gain").endswith("x.fits")

    def test_a_model_without_a_handle_is_recorded_by_its_class(self):
        class Bare(Model):
            override_handle = property()  # as if there were none

        step = Uses(override_gain=Bare())
        step.run(Model())
        assert Uses.finalized == [("Uses", [("gain", "override://Bare")])]


class TestParameterReferences:
    def test_of_a_step(self, cache, caplog):
        caplog.set_level(logging.INFO)
        config = Uses.get_config_from_reference(Model())
        assert (config["x"], config["name"]) == (5.0, "uses")
        path = cache.reference("jwst_nircam_pars-uses_0001.asdf")
        assert lines(caplog, "PARS") == [("INFO", f"PARS-USES parameters found: {path}")]

    def test_of_a_pipeline_and_its_steps(self):
        config = Both.get_config_from_reference(Model())
        assert config["z"] == 7.0
        assert config["steps"]["a"]["x"] == 5.0
        assert config["steps"]["b"] == {}

    @pytest.mark.parametrize("cls", [Uses, Both])
    @pytest.mark.parametrize("kind", ["model", "path", "dict"])
    def test_dataset(self, cls, kind, workdir):
        (workdir / "x.fits").touch()
        dataset = {"model": Model(), "path": workdir / "x.fits", "dict": dict(NIRCAM)}[kind]
        observatory = {"crds_observatory": "jwst"} if kind == "dict" else {}
        assert cls.get_config_from_reference(dataset, **observatory)["name"] == cls.class_alias
        if kind == "dict":
            with pytest.raises(ValueError, match="crds_observatory"):
                cls.get_config_from_reference(dataset)

    @pytest.mark.parametrize("cls", [Uses, Both])
    def test_a_dataset_that_cannot_be_used(self, cls, caplog):
        assert dict(cls.get_config_from_reference("nowhere.fits")) == {}
        assert lines(caplog, USABLE) == [("WARNING", USABLE)]

    @pytest.mark.parametrize("rows", [None, "N/A"])
    def test_none_is_a_debug_line(self, rows, cache, caplog):
        if rows:
            cache.add("pars-flat", rows)
            cache.write()
        caplog.set_level(logging.DEBUG)
        assert dict(Flat.get_config_from_reference(Model())) == {}
        assert {level for level, _ in lines(caplog, "No PARS-FLAT")} == {"DEBUG"}

    def test_they_are_used_by_call_with_their_source(self):
        sources = Both.configured(Model()).parameter_sources()
        assert sources["z"] == (7.0, "crds:jwst_nircam_pars-both_0001.asdf")
        assert sources["steps"]["a"]["x"] == (5.0, "crds:jwst_nircam_pars-uses_0001.asdf")

    def test_a_pipeline_with_a_lookup_of_its_own_is_asked_alone(self, asked):
        class Own(Both):
            @classmethod
            def get_config_from_reference(cls, dataset, disable=None, crds_observatory=None):
                return {"z": 3.0}

        pipe = Own.configured(Model())
        assert (pipe.z, pipe.a.x) == (3.0, 1.0)
        assert asked == []

    def test_a_step_with_a_lookup_of_its_own(self):
        class Own(Uses):
            @classmethod
            def get_config_from_reference(cls, dataset, disable=None, crds_observatory=None):
                return {"x": 3.0}

        mixed = type("Both", (Both,), {"step_defs": {"a": Own, "b": Uses}})
        sources = mixed.configured(Model()).parameter_sources()
        assert sources["z"] == (7.0, "crds:jwst_nircam_pars-both_0001.asdf")
        assert sources["steps"]["a"]["x"] == (3.0, "crds:pars-own")
        assert sources["steps"]["b"]["x"] == (5.0, "crds:jwst_nircam_pars-uses_0001.asdf")

    @pytest.mark.parametrize("how", ["environment", "argument", "option"])
    def test_switched_off(self, how, asked, monkeypatch):
        if how == "environment":
            monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "On")
            assert Both.configured(Model()).z == 1.0
        elif how == "argument":
            assert dict(Both.get_config_from_reference(Model(), disable=True)) == {}
        else:
            Step.from_cmdline([f"{__name__}.Idle", "crds", "--disable-crds-steppars", "--save_results=false"])
        assert asked == []

    def test_a_failed_lookup_is_seen_once_per_run(self, monkeypatch, capfd):
        monkeypatch.setenv("CRDS_CONTEXT", "jwst_9999.pmap")
        quiet = type("Quiet", (Both,), {"step_defs": {"a": Idle, "b": Idle}})
        for _ in range(2):
            quiet.call(Model())
            err = capfd.readouterr().err
            assert err.count(" - WARNING - ") == 1
            (line,) = (line for line in err.splitlines() if " - WARNING - " in line)
            assert "PARS-IDLE, PARS-QUIET parameters could not be looked up, defaults are used" in line
            assert "jwst_9999.pmap" in line
