"""References of a run: overrides, prefetch, memory of answers, and what is recorded."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from stpipe import crds_client, references
from stpipe.crds_client import ReferenceServiceError
from stpipe.references import ReferenceSession, reference_session
from tests.stpipe.crds_cache import NIRCAM, CrdsCache, Rows

DETECTOR = "META.INSTRUMENT.DETECTOR"
GAIN = "jwst_nircam_gain_0001.fits"


class Model:
    """Data model by protocol."""

    crds_observatory = "jwst"
    override_handle = "override://Model"

    def __init__(self, **changes):
        self.meta = SimpleNamespace(filename="jw01_uncal.fits")
        self.changes = changes

    def get_crds_parameters(self):
        return {**NIRCAM, **self.changes}

    def save(self, path):
        return path


class FakeStep:
    """What `stpipe.references` needs of a step."""

    reference_file_types = ("gain", "refpix")

    def __init__(self, **overrides):
        self._reference_files_used = []
        for name, value in overrides.items():
            setattr(self, f"override_{name}", value)

    def get_ref_override(self, name):
        return references.get_override(self, name)

    def _get_crds_parameters(self, dataset):
        if not isinstance(dataset, Model):
            raise TypeError("no model")
        return dataset.get_crds_parameters(), "jwst"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    for name in ("CRDS_CONTEXT", "CRDS_SERVER_URL", "CRDS_MODE"):
        monkeypatch.delenv(name, raising=False)
    files = CrdsCache(tmp_path / "crds")
    files.add("gain", Rows((DETECTOR,), {"NRCA1": GAIN}))
    files.add("refpix", "N/A")
    files.add("pars-jumpstep", Rows((), {(): "jwst_nircam_pars-jumpstep_0001.asdf"}))
    files.write()
    monkeypatch.setenv("CRDS_PATH", str(files.root))
    return files


@pytest.fixture
def asked(monkeypatch):
    """Types of each question that reaches the service."""
    questions = []
    look_up = crds_client.look_up

    def counting(parameters, types, *args, **kwargs):
        questions.append(list(types))
        return look_up(parameters, types, *args, **kwargs)

    monkeypatch.setattr(crds_client, "look_up", counting)
    return questions


def test_best_reference_is_recorded_by_uri(cache):
    step = FakeStep()
    assert references.get_reference_file(step, Model(), "gain") == str(cache.reference(GAIN))
    assert references.get_reference_file(step, Model(), "refpix") == "N/A"
    assert step._reference_files_used == [("gain", f"crds://{GAIN}"), ("refpix", "N/A")]


def test_override_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.fits").write_text("x")
    step = FakeStep(gain="mine.fits")
    assert references.get_reference_file(step, Model(), "gain") == str(tmp_path / "mine.fits")
    assert step._reference_files_used == [("gain", str(tmp_path / "mine.fits"))]


def test_override_by_path_must_be_readable(tmp_path):
    step = FakeStep(gain=str(tmp_path / "missing.fits"))
    with pytest.raises(FileNotFoundError, match="missing.fits"):
        references.get_reference_file(step, Model(), "gain")
    assert step._reference_files_used == []


def test_override_by_model():
    model = Model()
    step = FakeStep(gain=model)
    assert references.get_reference_file(step, Model(), "gain") is model
    assert step._reference_files_used == [("gain", "override://Model")]


@pytest.mark.parametrize(("text", "result", "recorded"), [("n/a", "N/A", [("gain", "N/A")]), ("  ", "", [])])
def test_override_by_word(text, result, recorded):
    step = FakeStep(gain=text)
    assert references.get_reference_file(step, Model(), "gain") == result
    assert step._reference_files_used == recorded


def test_overridden_references_need_no_service(monkeypatch, asked):
    monkeypatch.setenv("CRDS_PATH", "/nowhere")
    assert references.get_reference_file(FakeStep(gain="N/A"), Model(), "gain") == "N/A"
    assert asked == []


def test_failure_names_the_settings(monkeypatch):
    monkeypatch.setenv("CRDS_PATH", "/nowhere")
    with pytest.raises(ReferenceServiceError, match="CRDS_PATH = '/nowhere'"):
        references.get_reference_file(FakeStep(), Model(), "gain")


def test_answers_are_remembered_in_a_session(asked):
    with reference_session():
        for _ in range(3):
            references.get_reference_file(FakeStep(), Model(), "gain")
        references.get_reference_file(FakeStep(), Model(**{"meta.cal_step.dq_init": "COMPLETE"}), "gain")
        assert asked == [["gain"]]
        references.get_reference_file(FakeStep(), Model(**{"meta.subarray.name": "SUB64P"}), "gain")
        assert asked == [["gain"], ["gain"]]
    references.get_reference_file(FakeStep(), Model(), "gain")
    assert len(asked) == 3


def test_sessions_nest_as_one():
    with reference_session() as outer, reference_session() as inner:
        assert inner is outer
        assert references.current_session() is outer
    assert references.current_session() is None


def test_the_context_stays_the_same_within_a_session(cache, monkeypatch):
    with reference_session() as session:
        assert session.contexts == {}
        references.get_reference_file(FakeStep(), Model(), "gain")
        monkeypatch.setenv("CRDS_CONTEXT", "jwst_9999.pmap")
        assert session.context("jwst") == cache.context
        assert references.get_reference_file(FakeStep(), Model(**{"meta.subarray.name": "X"}), "gain")
    with reference_session() as session:
        assert session.context("jwst") == "jwst_9999.pmap"


def test_prefetch_asks_once_and_tells_what_it_found(cache, asked, caplog):
    caplog.set_level(logging.INFO)
    references.prefetch(FakeStep(), Model())
    assert asked == [["gain", "refpix"]]
    assert caplog.messages == [
        "Prefetching reference files for dataset: 'jw01_uncal.fits' reftypes = ['gain', 'refpix']",
        f"Prefetch for GAIN reference file is '{cache.reference(GAIN)}'.",
        "Prefetch for REFPIX reference file is 'N/A'.",
    ]


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: [model], lambda model: (model, 3)])
def test_prefetch_names_the_dataset_without_its_folder(wrap, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(FakeStep, "_get_crds_parameters", lambda self, dataset: (NIRCAM, "jwst"))
    for dataset, name in ((Model(), "jw01_uncal.fits"), ("in/a.fits", "a.fits"), (Path("in/b.fits"), "b.fits")):
        references.prefetch(FakeStep(refpix="N/A"), wrap(dataset))
        assert f"Prefetching reference files for dataset: '{name}' reftypes = ['gain']" in caplog.messages


def test_prefetch_leaves_overrides_aside(asked, caplog):
    caplog.set_level(logging.INFO)
    references.prefetch(FakeStep(gain="N/A"), Model())
    assert asked == [["refpix"]]
    assert "Override for GAIN reference file is 'N/A'." in caplog.messages


def test_prefetch_finds_unreadable_overrides(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.fits"):
        references.prefetch(FakeStep(gain=str(tmp_path / "missing.fits")), Model())


def test_prefetch_of_something_else_than_a_dataset(asked, caplog):
    caplog.set_level(logging.INFO)
    references.prefetch(FakeStep(), "no dataset")
    assert asked == []
    assert "not prefetched" in caplog.text


def test_parameter_file_is_found(cache):
    path = references.lookup_parameter_file(NIRCAM, "pars-jumpstep", "jwst")
    assert path == str(cache.reference("jwst_nircam_pars-jumpstep_0001.asdf"))


def test_no_parameter_file_is_a_debug_line(caplog):
    caplog.set_level(logging.DEBUG)
    assert references.lookup_parameter_file(NIRCAM, "pars-linearitystep", "jwst") is None
    assert references.lookup_parameter_file(NIRCAM, "refpix", "jwst") is None
    assert {record.levelname for record in caplog.records} == {"DEBUG"}


def test_failed_lookup_of_parameters_is_one_warning(monkeypatch, caplog):
    monkeypatch.setenv("CRDS_PATH", "/nowhere")
    with reference_session():
        for name in ("pars-jumpstep", "pars-rampfitstep", "pars-jumpstep"):
            assert references.lookup_parameter_file(NIRCAM, name, "jwst") is None
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "PARS-JUMPSTEP" in warnings[0]
    assert "/nowhere" in warnings[0]


def test_failures_are_told_together():
    with pytest.raises(ReferenceServiceError, match="fringe(.|\n)*ipc"):
        ReferenceSession().lookup(NIRCAM, ["gain", "fringe", "ipc"], "jwst")
