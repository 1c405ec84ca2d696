"""Modes of the instruments with something wrong: SOSS, MRS, stripes, superstripes, NRS2 and segments of a time series.

One clear error that leaves nothing behind, or a step that is skipped with a reason, or a result with a warning; never a
warning of numpy, which is an error here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from jwst.simulation import ExposureSettings, LightCurve, Scene, Subarray
from jwst.simulation.stripes import Stripes
from stpipe.crds_client import ReferenceServiceError
from stpipe.exceptions import InputError, MissingMetadataError
from tests.jwst.pipeline import bad_cases as bad

TRACES = Scene(sky=6.0, stars=0, galaxies=0, traces=8, trace_flux=(50.0, 400.0))
STARS = Scene(sky=20.0, stars=20000, galaxies=0, star_flux=(300.0, 3e4))
TIME_SERIES = ExposureSettings(
    "NIS", Subarray("SUBSTRIP96", 961, 1803, 32, 24), ngroups=4, nints=4, segments=2, light_curve=LightCurve()
)
SETTINGS = {
    "soss": TIME_SERIES,
    "mrs": ExposureSettings("MIRIFUSHORT", Subarray("FULL", 301, 301, 32, 32, 4), ngroups=6, nints=2, scene=TRACES),
    "stripes": ExposureSettings(
        "NRCA3",
        Subarray("SUB164STRIPE4_DHS", 1, 1, 32, 24, 1, Stripes(4, 300, 5, 260)),
        readpatt="RAPID",
        ngroups=4,
        nints=2,
        scene=STARS,
    ),
    "superstripe": ExposureSettings(
        "NIS",
        Subarray("SUB64", 1, 9, 16, 48, 1, Stripes(4, 5, 12, repeat=1, step=12, count=3)),
        ngroups=4,
        nints=6,
        scene=STARS,
    ),
    "nrs2": ExposureSettings("NRS2", "SUB32", ngroups=4, nints=2, scene=TRACES),
}
ORDER = list(SETTINGS)
NEAR_INFRARED = ("mask", "saturation", "superbias", "linearity", "dark", "gain", "readnoise")
MIRI = ("mask", "saturation", "reset", "linearity", "rscd", "dark", "gain", "readnoise")
KINDS = {name: MIRI if name == "mrs" else NEAR_INFRARED for name in SETTINGS}
ALL = pytest.mark.parametrize("site", list(SETTINGS), indirect=True)


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    return {name: bad.Site.make(tmp_path_factory.mktemp(name), settings) for name, settings in SETTINGS.items()}


@pytest.fixture
def site(request, sites):
    return sites[request.param]


@pytest.fixture
def desk(site, tmp_path, monkeypatch):
    return bad.settle(monkeypatch, tmp_path, site)


def turn_by_turn(values):
    """Parameters (site, value): each value for one site, in turn."""
    return [
        pytest.param(ORDER[number % 5], value, id=f"{ORDER[number % 5]}-{value}") for number, value in enumerate(values)
    ]


def cases(table):
    """Parameters (site, case) of a table of tables."""
    return [pytest.param(name, case, id=f"{name}-{key}") for name in table for key, case in table[name].items()]


@ALL
def test_the_exposure_is_good(desk, caplog):
    """So that what fails below fails for its own reason."""
    rate = desk.run()
    assert np.isfinite(rate.data).mean() > 0.4
    assert (rate.meta.cal_step.jump, rate.meta.cal_step.dark_sub) == ("COMPLETE",) * 2
    assert "INT_TIMES" not in caplog.text


SUBARRAY = {
    "no corner": (InputError, {"SUBSTRT1": None}, ("SUBSTRT1", "must")),
    "corner 0": (InputError, {"SUBSTRT2": 0}, ("subarray corners", "mask reference")),
    "no readout axis": (InputError, {"FASTAXIS": None}, ("FASTAXIS",)),
}
STRIPES = {
    "no corner": (InputError, {"SUBSTRT1": None}, ("in stripes must have set SUBSTRT1",)),
    "no lines at the start": (InputError, {"MSTR_RD1": None}, ("MSTR_RD2 of a readout in stripes", "no MSTR_RD1")),
    "no lines skipped": (InputError, {"MSTR_SK1": None}, ("in stripes must have set MSTR_SK1",)),
    "no lines of a stripe": (InputError, {"MSTR_RD2": None}, ("in stripes must have set MSTR_RD2",)),
    "stripes of no lines": (InputError, {"MSTR_RD2": 0}, ("MSTR_RD2=0", "at least one line")),
    "stripes of other lines": (InputError, {"MSTR_RD2": 7}, ("MSTR_RD2=7", "the exposure has 24")),
    "another size": (InputError, {"SUBSIZE2": 19}, ("SUBSIZE2", "32 x 19", "32 x 24", "mask reference")),
    "off the detector": (InputError, {"MSTR_SK2": 1500}, ("slice indexes",)),
    "no readout axis": (InputError, {"SLOWAXIS": None}, ("in stripes must have set SLOWAXIS",)),
}
SUPERSTRIPES = {
    "incomplete": (InputError, {"SSTR_NST": 4}, ("6 integrations", "SSTR_NST=4", "leave the incomplete")),
    "off the detector": (InputError, {"SSTR_STP": 1900}, ("slice indexes",)),
    "no step": (InputError, {"SSTR_STP": None}, ("SSTR_NST=3 and SSTR_STP=0", "need the number of stripes")),
    "no number": (InputError, {"SSTR_NST": None}, ("SSTR_NST=0 and SSTR_STP=12",)),
    "negative number": (InputError, {"SSTR_NST": -3}, ("SSTR_NST is -3",)),
    "no lines of a stripe": (InputError, {"MSTR_RD2": None}, ("in stripes must have set MSTR_RD2",)),
}
SEGMENTS = {
    "counted from 0": (InputError, {"INTSTART": 0}, ("INTSTART is 0", "counted from 1")),
    "end before start": (InputError, {"INTSTART": 3, "INTEND": 2}, ("INTSTART is 3", "INTEND is 2")),
    "no start": (InputError, {"EXSEGNUM": 2, "INTSTART": None}, ("segment 2", "no INTSTART")),
}
MRS = {
    "no detector": (ReferenceServiceError, {"DETECTOR": None}, ("META.INSTRUMENT.DETECTOR", "UNDEFINED")),
    "off the detector": (InputError, {"SUBSTRT1": 1010}, ("slice indexes", "mask reference")),
}
TIMES = {
    "no group time": (MissingMetadataError, {"TGROUP": None}, ("jump", "TGROUP")),
    "no frame time": (InputError, {"TFRAME": None}, ("ramp_fit", "TFRAME")),
    "no frames": (InputError, {"NFRAMES": 0}, ("NFRAMES is 0",)),
}
KEYWORDS = cases(
    {
        "soss": SUBARRAY | SEGMENTS | TIMES,
        "mrs": MRS | SEGMENTS | TIMES,
        "stripes": STRIPES,
        "superstripe": SUPERSTRIPES,
        "nrs2": SUBARRAY,
    }
)


@pytest.mark.parametrize(("site", "case"), KEYWORDS, indirect=["site"])
def test_keywords(desk, case):
    error, values, texts = case
    desk.change(**values)
    desk.refused(error, texts)


def integrations(desk):
    """Numbers of the integrations in the products of a run, by their INT_TIMES; None without that table."""
    desk.run()
    (path,) = Path("out").glob("*_rateints.fits")
    with fits.open(path) as file:
        return file["INT_TIMES"].data["integration_number"].tolist() if "INT_TIMES" in file else None


TIME_SERIES_ONLY = pytest.mark.parametrize("site", ["soss"], indirect=True)


@TIME_SERIES_ONLY
@pytest.mark.parametrize("number", [1, 2])
def test_segments(desk, caplog, number):
    if number == 2:
        desk.other_segment(2)
    assert integrations(desk) == [2 * number - 1, 2 * number]
    assert "INT_TIMES" not in caplog.text
    assert "array is used" not in caplog.text


@TIME_SERIES_ONLY
@pytest.mark.parametrize("keywords", [("EXSEGNUM",), ("EXSEGTOT",), ("EXSEGNUM", "EXSEGTOT", "INTSTART", "INTEND")])
def test_segment_keywords_that_nothing_needs(desk, keywords):
    desk.change(**dict.fromkeys(keywords))
    assert integrations(desk) == [1, 2]


@TIME_SERIES_ONLY
def test_segment_numbers_that_make_no_sense(desk, caplog):
    desk.change(EXSEGNUM=5, INTEND=4)
    assert integrations(desk) == [1, 2]
    assert "EXSEGNUM is 5 and EXSEGTOT is 2; both are only handed on" in caplog.text
    assert "has 2 integrations but should have 4 (NINTS, or INTSTART and INTEND); the array is used" in caplog.text


def no_times(hdus):
    del hdus["INT_TIMES"]


def fewer_times(hdus):
    hdus["INT_TIMES"].data = hdus["INT_TIMES"].data[1:]


def times_of_others(hdus):
    hdus["INT_TIMES"].data["integration_number"] += 7


TIMES_TABLES = {
    "none": (no_times, "The time series has no table INT_TIMES", None),
    "short": (fewer_times, "INT_TIMES has no row for 1 of the integrations 1 to 2", [2]),
    "others": (times_of_others, "INT_TIMES has no row for 2 of the integrations 1 to 2", [8, 9]),
}


@TIME_SERIES_ONLY
@pytest.mark.parametrize("case", TIMES_TABLES.values(), ids=TIMES_TABLES)
def test_times_of_integrations(desk, caplog, case):
    """The rates do not need them: a warning, and what there is goes on to the products."""
    damage, text, numbers = case
    desk.damage(damage)
    assert integrations(desk) == numbers
    assert text in caplog.text


@pytest.mark.parametrize("site", ["superstripe"], indirect=True)
@pytest.mark.parametrize(("damage", "numbers"), [(no_times, None), (fewer_times, [1])])
def test_times_of_stripes(desk, damage, numbers):
    """Those of whole superstripes are put together."""
    desk.damage(damage)
    assert integrations(desk) == numbers


@pytest.mark.parametrize(("site", "axis"), turn_by_turn([*bad.EMPTY] * 2), indirect=["site"])
def test_no_samples(desk, axis):
    desk.empty(axis)


@ALL
def test_truncated(desk):
    desk.truncated()


@ALL
def test_fewer_rows_than_the_keywords_say(desk):
    desk.change(lambda data: data[..., :-1, :])
    desk.refused(InputError, ("SUBSIZE2",))


@pytest.mark.parametrize(("site", "ngroups"), [*turn_by_turn([1] * 5), *turn_by_turn([2] * 3)], indirect=["site"])
def test_few_groups(desk, caplog, ngroups):
    desk.change(lambda data: data[:, :ngroups], NGROUPS=ngroups)
    rate = desk.run()
    assert rate.meta.cal_step.jump == "SKIPPED"
    (text,) = bad.skipped(caplog, "jump")
    assert "3 groups" in text
    assert np.isfinite(rate.data).mean() > 0.4


@ALL
def test_all_groups_saturated(desk, caplog):
    desk.change(lambda data: np.full_like(data, 65535))
    rate = desk.run()
    if rate is None:
        assert "there is nothing to fit" in caplog.text
    else:
        saturated = (rate.dq & 2) != 0
        assert saturated.mean() > 0.2
        assert np.isnan(rate.data[saturated]).all()


@ALL
def test_all_pixels_flagged(desk):
    def flag(hdus):
        hdus["DQ"].data[...] = 1

    rate = desk.run(steps=desk.override("mask", flag))
    assert rate is None or (np.isnan(rate.data).all() and (rate.dq & 1).any())


@pytest.mark.parametrize(("site", "value"), [*turn_by_turn([np.inf] * 5), ("mrs", np.nan)], indirect=["site"])
def test_samples_that_are_no_numbers(desk, value):
    """A part of them, reference pixels too."""

    def spoil(data):
        data = data.astype(np.float32)
        data[:, 1, :6, :6] = data[0, :, 10:12] = value
        return data

    desk.change(spoil)
    rate = desk.run()
    assert np.isfinite(rate.data).any()


@ALL
def test_nothing_but_infinite_samples(desk):
    desk.change(lambda data: np.full(data.shape, np.inf, np.float32))
    desk.run()


DAMAGE = {
    "another axis": (bad.another_axis, ("axes", "4-D"), set(NEAR_INFRARED) - {"dark"}),
    "no array": (bad.no_array, ("no array", "has no table", "its shape is None"), set(NEAR_INFRARED[1:] + MIRI[1:])),
    "all NaN": (bad.all_nan, ("NaN throughout",), set(NEAR_INFRARED[1:] + MIRI[1:]) - {"rscd"}),
    "smaller flags": (bad.smaller_flags, ("flags of the",), {"saturation", "superbias", "reset", "linearity", "dark"}),
    "too small": (bad.smaller, ("slice indexes", "planes of", "flags of"), set(NEAR_INFRARED + MIRI) - {"rscd"}),
}
REFERENCES = [
    pytest.param(name, kind, *DAMAGE[damage][:2], id=f"{name}-{kind}-{damage}")
    for turn, damage in enumerate(DAMAGE)
    for number, kind in enumerate(dict.fromkeys(NEAR_INFRARED + MIRI))
    for name in dict.fromkeys([ORDER[(turn + number) % 5], *(["mrs"] if kind in ("reset", "rscd") else [])])
    if kind in DAMAGE[damage][2] and kind in KINDS[name]
]
"""Turn by turn: several kinds of damage for each mode, and several modes for each kind of reference."""


@pytest.mark.parametrize(("site", "kind", "damage", "texts"), REFERENCES, indirect=["site"])
def test_references(desk, kind, damage, texts):
    """The error names the file, says what is wrong with it, and what to do."""
    desk.refused_reference(kind, damage, texts)


@pytest.mark.parametrize(("site", "kind"), turn_by_turn(NEAR_INFRARED), indirect=["site"])
def test_no_reference(desk, caplog, kind):
    desk.skipped_without(kind, caplog)
