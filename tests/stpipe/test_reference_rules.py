"""The rules of a local cache give what crds itself gives."""

from __future__ import annotations

import itertools
import random

import pytest

from stpipe.reference_rules import (
    Cache,
    MissingFileError,
    NoMatchError,
    RulesError,
    UnsupportedRulesError,
    condition,
)
from tests.stpipe.crds_cache import NIRCAM, CrdsCache, Rows

DETECTOR, READPATT = "META.INSTRUMENT.DETECTOR", "META.EXPOSURE.READPATT"
SUBARRAY, TSO = "META.SUBARRAY.NAME", "META.VISIT.TSOVISIT"

RULES = {
    "mask": Rows((DETECTOR, SUBARRAY), {("NRCA1", "FULL"): "m_1.fits", ("NRCA1", "GENERIC"): "m_2.fits"}),
    "dark": Rows(
        (DETECTOR, READPATT),
        {
            ("NRCA1", "RAPID|SHALLOW4"): {"2020-01-01 00:00:00": "d_1.fits", "2022-07-01 12:00:00": "d_2.fits"},
            ("NRCA1", "N/A"): {"2021-01-01 00:00:00": "d_3.fits"},
            ("NRCA2", "ANY"): "d_4.fits",
            ("N/A", "DEEP8"): {"2021-01-01 00:00:00": "d_6.fits", "2022-01-01 00:00:00": "d_5.fits"},
            ("NRCB1", "NOT RAPID"): "d_7.fits",
        },
    ),
    "gain": Rows((DETECTOR,), {"NRCA1": "g_1.fits", "NRCA2": "N/A"}),
    "pars-jumpstep": Rows((), {(): "p_1.asdf"}),
    "pars-detector1pipeline": Rows((TSO,), {"T": "p_2.asdf"}),
    "area": Rows((SUBARRAY,), {"8": "a_1.fits", "1.50": "a_2.fits"}),
}


@pytest.fixture
def cache(tmp_path):
    files = CrdsCache(tmp_path / "crds")
    files.add("refpix", "N/A")
    for name, rows in RULES.items():
        files.add(name, rows)
    files.write()
    return files


def conditioned(**changes):
    values = {name.upper(): condition(value) for name, value in NIRCAM.items()}
    return values | {name.replace("__", ".").upper(): condition(value) for name, value in changes.items()}


def ask(cache, parameters, name):
    """Answer as a short word: a file name, "N/A" or "NOT FOUND"."""
    try:
        path = Cache(str(cache.root), "jwst").best(cache.context, parameters, name)
        return path if path == "N/A" else path.rpartition("/")[2]
    except NoMatchError:
        return "NOT FOUND"


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        pytest.param("mask", {}, "m_1.fits", id="exact match beats don't care"),
        pytest.param("mask", {"META.SUBARRAY.NAME": "SUB64P"}, "m_2.fits", id="generic subarray matches any"),
        pytest.param("dark", {}, "d_2.fits", id="latest date not after the exposure"),
        pytest.param("dark", {"META.OBSERVATION.TIME": "11:59:59.9"}, "d_1.fits", id="one tenth of a second before"),
        pytest.param("dark", {READPATT: "MEDIUM2"}, "d_3.fits", id="don't care as a last resort"),
        pytest.param("dark", {"META.OBSERVATION.DATE": "2010-01-01"}, "NOT FOUND", id="before the first date"),
        pytest.param("dark", {DETECTOR: "NRCA2", READPATT: "BRIGHT1"}, "d_4.fits", id="any"),
        pytest.param("dark", {READPATT: "DEEP8"}, "d_5.fits", id="equal cases are merged by date"),
        pytest.param("dark", {DETECTOR: "NRCB1"}, "d_7.fits", id="negation"),
        pytest.param("dark", {DETECTOR: "NRCB1", READPATT: "RAPID"}, "NOT FOUND", id="negation excludes"),
        pytest.param("gain", {DETECTOR: "NRCA2"}, "N/A", id="no reference by a rule"),
        pytest.param("refpix", {}, "N/A", id="no reference by the instrument"),
        pytest.param("pars-jumpstep", {}, "p_1.asdf", id="no match keys"),
        pytest.param("pars-detector1pipeline", {TSO: True}, "p_2.asdf", id="boolean"),
        pytest.param("pars-detector1pipeline", {}, "NOT FOUND", id="boolean no"),
        pytest.param("area", {SUBARRAY: 8}, "a_1.fits", id="number"),
        pytest.param("area", {SUBARRAY: "1.5"}, "a_2.fits", id="number as text"),
        pytest.param("fringe", {}, "NOT FOUND", id="type that is not listed"),
    ],
)
def test_rule(cache, name, changes, expected):
    parameters = conditioned() | {key: condition(value) for key, value in changes.items()}
    assert ask(cache, parameters, name) == expected


def test_agrees_with_crds(cache, monkeypatch):
    """Random exposures, every type: the same file as crds computes from the same rules."""
    rmap = pytest.importorskip("crds.core.rmap")
    utils = pytest.importorskip("crds.core.utils")
    monkeypatch.setenv("CRDS_PATH", str(cache.root))
    monkeypatch.delenv("CRDS_SERVER_URL", raising=False)
    pmap = rmap.load_mapping(str(cache.folder("mappings", "jwst") / cache.context))
    ours = Cache(str(cache.root), "jwst")
    random.seed(5)
    choices = {
        DETECTOR: ["NRCA1", "NRCA2", "NRCB1", "UNDEFINED"],
        READPATT: ["RAPID", "SHALLOW4", "DEEP8", "BRIGHT1"],
        SUBARRAY: ["FULL", "SUB8", "8", "1.5"],
        TSO: [True, False],
        "META.OBSERVATION.DATE": ["2015-01-01", "2020-06-01", "2021-06-01", "2022-07-01", "2023-01-01"],
        "META.OBSERVATION.TIME": ["00:00:00", "12:00:00.000", "12:00:00.001"],
    }
    compared = 0
    for _, name in itertools.product(range(60), RULES):
        values = {key: random.choice(options) for key, options in choices.items()}
        header = utils.condition_header({"META.INSTRUMENT.NAME": "NIRCAM", **values})
        theirs = pmap.get_best_references(header, [name])[name]
        theirs = "N/A" if theirs == "NOT FOUND n/a" else "NOT FOUND" if theirs.startswith("NOT FOUND") else theirs
        try:
            path = ours.best(cache.context, header, name)
            mine = "N/A" if path == "N/A" else path.rpartition("/")[2]
        except NoMatchError:
            mine = "NOT FOUND"
        assert mine == theirs, (name, values)
        compared += theirs not in ("N/A", "NOT FOUND")
    assert compared > 100


@pytest.mark.parametrize(
    "value", ["x", " Full ", 1, 1.0, "1.", "-9", True, "true", "ANY", "N/A", "NOT_APPLICABLE", "()"]
)
def test_condition_agrees_with_crds(value):
    utils = pytest.importorskip("crds.core.utils")
    assert condition(value) == utils.condition_value(value)


def test_changed_rules_are_read_again(cache):
    reader = Cache(str(cache.root), "jwst")
    assert reader.best(cache.context, conditioned(), "gain").endswith("g_1.fits")
    cache.add("gain", Rows((DETECTOR,), {"NRCA1": "g_10.fits"}))
    cache.write()
    assert reader.best(cache.context, conditioned(), "gain").endswith("g_10.fits")


def test_edited_rules_are_refused(cache):
    path = cache.folder("mappings", "jwst") / "jwst_nircam_gain_0001.rmap"
    path.write_text(path.read_text().replace("g_1.fits", "g_9.fits"))
    with pytest.raises(RulesError, match="sha1sum"):
        Cache(str(cache.root), "jwst").best(cache.context, conditioned(), "gain")
    cache.reference("g_9.fits").write_text("x")
    assert Cache(str(cache.root), "jwst", check_sums=False).best(cache.context, conditioned(), "gain")


def test_bad_files_are_refused_unless_allowed(cache):
    cache.bad_files = ["g_1.fits"]
    cache.server_config()
    with pytest.raises(RulesError, match="scientifically invalid"):
        Cache(str(cache.root), "jwst").best(cache.context, conditioned(), "gain")
    assert Cache(str(cache.root), "jwst", allow_bad_references=True).best(cache.context, conditioned(), "gain")


@pytest.mark.parametrize(
    ("parkey", "selector"),
    [
        pytest.param(((DETECTOR,), ("X",)), "VersionAfter({'1' : 'a.fits'})", id="other selector"),
        pytest.param((DETECTOR,), "Match({'NRCA1' : 'a.fits'})", id="other parkey"),
        pytest.param(((DETECTOR,), ("X",)), "Match({'NRC*' : 'a.fits'})", id="pattern"),
        pytest.param(((DETECTOR,), ("X",)), "Match({'between 1 2' : 'a.fits'})", id="range"),
    ],
)
def test_unusual_rules_are_left_to_crds(cache, parkey, selector):
    header = {"filekind": "GAIN", "instrument": "NIRCAM", "mapping": "REFERENCE", "parkey": parkey}
    cache.mapping("jwst_nircam_gain_0001.rmap", header, selector)
    with pytest.raises(UnsupportedRulesError):
        Cache(str(cache.root), "jwst").best(cache.context, conditioned(), "gain")


def test_rules_cannot_run_code(cache):
    path = cache.folder("mappings", "jwst") / "jwst_nircam_gain_0001.rmap"
    path.write_text("import os\nheader = {}\nselector = {}\n")
    with pytest.raises(RulesError, match="only 'header'"):
        Cache(str(cache.root), "jwst").best(cache.context, conditioned(), "gain")


def test_missing_reference_is_named(cache):
    cache.reference("g_1.fits").unlink()
    with pytest.raises(MissingFileError, match="g_1.fits"):
        Cache(str(cache.root), "jwst").best(cache.context, conditioned(), "gain")


def test_reference_in_a_flat_cache_is_found(cache):
    flat = cache.root / "references" / "jwst" / "g_1.fits"
    cache.reference("g_1.fits").rename(flat)
    assert Cache(str(cache.root), "jwst").best(cache.context, conditioned(), "gain") == str(flat)
