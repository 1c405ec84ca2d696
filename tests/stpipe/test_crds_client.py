"""Questions to the reference service: answers from the cache, and clear errors for everything else."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from stpipe import crds_client
from stpipe.crds_client import LookupFailure
from stpipe.exceptions import StpipeException
from tests.stpipe.crds_cache import NIRCAM, CrdsCache, Rows

DETECTOR = "META.INSTRUMENT.DETECTOR"
SETTINGS = ("CRDS_PATH", "CRDS_SERVER_URL", "CRDS_CONTEXT")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in (*SETTINGS, "CRDS_MODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    files = CrdsCache(tmp_path / "crds")
    files.add("gain", Rows((DETECTOR,), {"NRCA1": "jwst_nircam_gain_0001.fits"}))
    files.add("dark", Rows((DETECTOR,), {"NRCB1": "jwst_nircam_dark_0001.fits"}))
    files.add("refpix", "N/A")
    files.write()
    monkeypatch.setenv("CRDS_PATH", str(files.root))
    return files


def refusal(match, types=("gain",), parameters=NIRCAM):
    """Error of a question, which must name all settings and must be a CRDS error too."""
    with pytest.raises(crds_client.ReferenceServiceError, match=match) as caught:
        crds_client.get_multiple_reference_paths(dict(parameters), types, "jwst")
    assert isinstance(caught.value, StpipeException)
    assert isinstance(caught.value, crds_client.CrdsError)
    return str(caught.value)


def test_answers_are_paths_and_na(cache):
    answers = crds_client.get_multiple_reference_paths(dict(NIRCAM), ["gain", "refpix"], "jwst")
    assert answers == {"gain": str(cache.reference("jwst_nircam_gain_0001.fits")), "refpix": "N/A"}
    assert crds_client.get_reference_file(dict(NIRCAM), "gain", "jwst") == answers["gain"]


def test_values_that_cannot_match_are_left_out(cache):
    parameters = {**NIRCAM, "meta.wcs": object(), "meta.pointing": None}
    assert crds_client.get_reference_file(parameters, "gain", "jwst").endswith("gain_0001.fits")


def test_no_types_no_question(monkeypatch):
    monkeypatch.setenv("CRDS_PATH", "/nowhere")
    assert crds_client.get_multiple_reference_paths({}, [], "jwst") == {}


def test_parameters_must_be_a_dict():
    with pytest.raises(TypeError, match="must be a dict"):
        crds_client.get_multiple_reference_paths([], ["gain"], "jwst")


def test_missing_cache_names_the_settings(monkeypatch):
    monkeypatch.setenv("CRDS_PATH", "/nowhere")
    text = refusal("context is not known")
    assert "CRDS_PATH = '/nowhere', which does not exist" in text
    assert all(name in text for name in SETTINGS)


def test_unset_path_names_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"CRDS_PATH = not set (then {tmp_path}/crds_cache is used, which does not exist)" in refusal("not known")


def test_unknown_context_is_named(cache, monkeypatch):
    monkeypatch.setenv("CRDS_CONTEXT", "jwst_9999.pmap")
    assert "CRDS_CONTEXT = 'jwst_9999.pmap'" in refusal("does not know the context 'jwst_9999.pmap'")


def test_missing_reference_is_named(cache):
    cache.reference("jwst_nircam_gain_0001.fits").unlink()
    refusal(r"gain reference cannot be used: jwst_nircam_gain_0001\.fits is not in the CRDS cache")


def test_all_failures_are_told_at_once(cache):
    text = refusal("No dark reference", types=["dark", "fringe", "gain"])
    assert "No fringe reference: unknown reference type" in text


def test_damaged_server_config(cache):
    (cache.root / "config" / "jwst" / "server_config").write_text("{'observatory': ")
    refusal("server_config")


def test_a_named_context_needs_no_server_config(cache, monkeypatch):
    (cache.root / "config" / "jwst" / "server_config").unlink()
    monkeypatch.setenv("CRDS_CONTEXT", cache.context)
    assert crds_client.get_reference_file(dict(NIRCAM), "refpix", "jwst") == "N/A"
    assert crds_client.get_context_used("jwst") == cache.context


def test_look_up_does_not_raise(cache):
    answers = crds_client.look_up(NIRCAM, ["refpix", "dark", "gain"], "jwst")
    assert answers["refpix"] == "N/A"
    assert isinstance(answers["dark"], LookupFailure)
    assert answers["dark"].not_found
    cache.reference("jwst_nircam_gain_0001.fits").unlink()
    failure = crds_client.look_up(NIRCAM, ["gain"], "jwst")["gain"]
    assert isinstance(failure, LookupFailure)
    assert not failure.not_found


def test_a_path_without_fetching_the_file(cache, monkeypatch):
    path = cache.reference("jwst_nircam_gain_0001.fits")
    path.unlink()
    assert isinstance(crds_client.look_up(NIRCAM, ["gain"], "jwst", download=False)["gain"], LookupFailure)
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
    monkeypatch.setenv("CRDS_CONTEXT", cache.context)
    monkeypatch.setattr(crds_client, "reachable", lambda url: True)
    monkeypatch.setattr(crds_client, "_ask_service", lambda *args: pytest.fail("asked"))
    assert crds_client.look_up(NIRCAM, ["gain"], "jwst", download=False) == {"gain": str(path)}


def test_unreachable_server_fails_fast_and_is_not_asked_for_what_is_there(cache, monkeypatch):
    monkeypatch.setenv("CRDS_SERVER_URL", "https://localhost:9")
    start = time.perf_counter()
    assert crds_client.get_reference_file(dict(NIRCAM), "gain", "jwst").endswith("gain_0001.fits")
    cache.reference("jwst_nircam_gain_0001.fits").unlink()
    assert "The server https://localhost:9 cannot be reached." in refusal("gain_0001")
    assert time.perf_counter() - start < 10


def test_a_named_context_and_a_full_cache_ask_no_server(cache, monkeypatch):
    monkeypatch.setenv("CRDS_SERVER_URL", "https://localhost:9")
    monkeypatch.setenv("CRDS_CONTEXT", cache.context)
    monkeypatch.setattr(crds_client, "reachable", lambda url: pytest.fail(f"asked {url}"))
    assert crds_client.get_reference_file(dict(NIRCAM), "gain", "jwst").endswith("gain_0001.fits")


def test_symbolic_context_without_a_server(cache, monkeypatch):
    monkeypatch.setenv("CRDS_CONTEXT", "jwst-latest")
    assert crds_client.get_context_used("jwst") == cache.context
    monkeypatch.setenv("CRDS_CONTEXT", "jwst-edit")
    refusal("can be translated by a CRDS server only")


def test_rules_beyond_ours_are_answered_by_crds(cache, capfd):
    pytest.importorskip("crds")
    header = {
        "filekind": "GAIN",
        "instrument": "NIRCAM",
        "mapping": "REFERENCE",
        "parkey": ((DETECTOR,), ("META.OBSERVATION.DATE", "META.OBSERVATION.TIME")),
        "rmap_relevance": "(META_INSTRUMENT_DETECTOR != 'NRCA2')",
    }
    selector = "Match({'NRCA1' : UseAfter({'1900-01-01 00:00:00' : 'jwst_nircam_gain_0001.fits'})})"
    cache.mapping("jwst_nircam_gain_0001.rmap", header, selector)
    answers = crds_client.get_multiple_reference_paths(dict(NIRCAM), ["gain"], "jwst")
    assert answers == {"gain": str(cache.reference("jwst_nircam_gain_0001.fits"))}
    parameters = {**NIRCAM, "meta.instrument.detector": "NRCA2"}
    assert crds_client.get_multiple_reference_paths(parameters, ["gain"], "jwst") == {"gain": "N/A"}
    refusal("No gain reference", parameters={**NIRCAM, "meta.instrument.detector": "NRCB5"})
    assert capfd.readouterr() == ("", "")
    cache.reference("jwst_nircam_gain_0001.fits").unlink()
    answers = crds_client.look_up(NIRCAM, ["gain"], "jwst", download=False)
    assert answers == {"gain": str(cache.reference("jwst_nircam_gain_0001.fits"))}


def test_crds_that_gives_up_does_not_end_the_process(monkeypatch, capfd):
    """In the mode "remote", crds itself has to be asked; without server and cache it raises SystemExit."""
    monkeypatch.setenv("CRDS_PATH", "/nowhere")
    monkeypatch.setenv("CRDS_MODE", "remote")
    text = refusal("CRDS cannot answer")
    assert "CRDS_PATH = '/nowhere'" in text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("blank", ["N/A", "", "  "])
def test_nothing_is_opened_for_na_and_blank(blank):
    assert crds_client.check_reference_open(blank) == blank


def test_an_unreadable_reference_raises_the_error_of_opening_it(tmp_path):
    (tmp_path / "x.fits").write_text("x")
    assert crds_client.check_reference_open(str(tmp_path / "x.fits")) == str(tmp_path / "x.fits")
    with pytest.raises(FileNotFoundError):
        crds_client.check_reference_open(str(tmp_path / "y.fits"))


def test_override_names():
    assert crds_client.get_override_name("dark") == "override_dark"
    with pytest.raises(ValueError, match="pars-x"):
        crds_client.get_override_name("pars-x")


def test_uri_to_path(cache):
    there = cache.reference("jwst_nircam_gain_0001.fits")
    assert crds_client.reference_uri_to_cache_path(f"crds://{there.name}", "jwst") == str(there)
    away = crds_client.reference_uri_to_cache_path("crds://jwst_miri_dark_0001.fits", "jwst")
    assert away == str(cache.root / "references" / "jwst" / "miri" / "jwst_miri_dark_0001.fits")
    with pytest.raises(crds_client.CrdsError, match="crds://"):
        crds_client.reference_uri_to_cache_path("https://x/y.fits", "jwst")


def test_version_of_crds():
    assert crds_client.get_svn_version()[0].isdigit()


def test_a_look_up_imports_neither_crds_nor_numpy(cache):
    code = (
        "import sys; from stpipe import crds_client\n"
        f"assert crds_client.get_reference_file({NIRCAM!r}, 'gain', 'jwst').endswith('gain_0001.fits')\n"
        "print([name for name in ('crds', 'numpy', 'astropy', 'asdf') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert Path(cache.root).exists()
