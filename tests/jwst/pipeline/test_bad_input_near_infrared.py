"""NIRSpec, NIRISS and FGS exposures and references with something wrong: one clear error, or a skip."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.simulation import ExposureSettings, Scene
from stpipe.crds_client import ReferenceServiceError
from stpipe.exceptions import InputError, MissingMetadataError
from tests.jwst.pipeline import bad_cases as bad

SETTINGS = {
    "nirspec": ExposureSettings(
        detector="NRS1", subarray="SUB32", ngroups=4, nints=2, scene=Scene(sky=4.0, stars=0, galaxies=0, traces=64)
    ),
    "niriss": ExposureSettings(
        detector="NIS",
        subarray="SUB64",
        ngroups=4,
        nints=2,
        scene=Scene(sky=20.0, stars=20000, galaxies=0, star_flux=(300.0, 3e5)),
    ),
    "fgs": ExposureSettings(
        detector="GUIDER2",
        subarray="SUB32CNTR",
        ngroups=4,
        nints=2,
        scene=Scene(sky=4.0, stars=3000, galaxies=0, star_flux=(30.0, 3e4)),
    ),
}
BOTH = pytest.mark.parametrize("pipeline", list(bad.PIPELINES))
KINDS = ("mask", "saturation", "superbias", "linearity", "dark", "gain", "readnoise")


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    return {name: bad.Site.make(tmp_path_factory.mktemp(name), settings) for name, settings in SETTINGS.items()}


@pytest.fixture(params=list(SETTINGS))
def site(request, sites):
    return sites[request.param]


@pytest.fixture
def desk(site, tmp_path, monkeypatch):
    return bad.settle(monkeypatch, tmp_path, site)


def test_the_exposure_is_good(desk):
    """So that what fails below fails for its own reason."""
    rate = desk.run()
    assert np.isfinite(rate.data).mean() > 0.9
    assert (rate.meta.cal_step.jump, rate.meta.cal_step.refpix, rate.meta.cal_step.dark_sub) == ("COMPLETE",) * 3


KEYWORDS = {
    "no instrument": (ReferenceServiceError, {"INSTRUME": None}, ("unknown instrument", "INSTRUME")),
    "no date": (ReferenceServiceError, {"DATE-OBS": None}, ("META.OBSERVATION.DATE",)),
    "no corner": (InputError, {"SUBSTRT1": None}, ("SUBSTRT1", "must all be set")),
    "corner 0": (InputError, {"SUBSTRT2": 0}, ("subarray corners", "mask reference")),
    "another size": (InputError, {"SUBSIZE1": 40}, ("SUBSIZE1", "are 40 x", "array has")),
    "negative size": (InputError, {"SUBSIZE2": -4}, ("SUBSIZE2", "x -4")),
    "no readout axis": (InputError, {"SLOWAXIS": None}, ("FASTAXIS and SLOWAXIS",)),
    "unknown readout axis": (InputError, {"FASTAXIS": 7}, ("FASTAXIS=7",)),
    "no frames": (InputError, {"NFRAMES": 0}, ("NFRAMES is 0",)),
}
TIMES = {
    "no group time": (MissingMetadataError, {"TGROUP": None}, ("jump", "TGROUP")),
    "no number of frames": (MissingMetadataError, {"NFRAMES": None}, ("jump", "NFRAMES")),
    "no frame time": (InputError, {"TFRAME": None}, ("ramp_fit", "TFRAME")),
    "no gap": (InputError, {"GROUPGAP": None}, ("ramp_fit", "GROUPGAP")),
}


@pytest.mark.parametrize("case", (KEYWORDS | TIMES).values(), ids=KEYWORDS | TIMES)
def test_keywords(desk, case):
    error, values, texts = case
    desk.change(**values)
    desk.refused(error, texts)


@pytest.mark.parametrize("name", ["no corner", "another size", "unknown readout axis", "no frames"])
def test_keywords_of_a_dark(desk, name):
    error, values, texts = KEYWORDS[name]
    desk.change(**values)
    desk.refused(error, texts, pipeline="dark")


@BOTH
@pytest.mark.parametrize("axis", bad.EMPTY)
def test_no_samples(desk, pipeline, axis):
    desk.empty(axis, pipeline=pipeline)


@BOTH
def test_fewer_rows_than_the_keywords_say(desk, pipeline):
    desk.change(lambda data: data[..., :-1, :])
    desk.refused(InputError, ("SUBSIZE2", "but its array has"), pipeline=pipeline)


@BOTH
def test_truncated(desk, pipeline):
    desk.truncated(pipeline=pipeline)


def test_guide_stars_are_for_another_pipeline(desk):
    desk.change(EXP_TYPE="FGS_TRACK")
    desk.refused(InputError, ("FGS_TRACK", "use calwebb_guider"))


@BOTH
def test_other_numbers_than_the_keywords_say(desk, pipeline, caplog):
    desk.change(NGROUPS=9, NINTS=7)
    assert desk.run(pipeline) is not None
    texts = [record.getMessage() for record in caplog.records if "the array is used" in record.getMessage()]
    assert len(texts) >= 1
    assert texts[0] == "The exposure has 4 groups but should have 9 (NGROUPS); the array is used"


@pytest.mark.parametrize("ngroups", [1, 2])
def test_few_groups(desk, caplog, ngroups):
    desk.change(lambda data: data[:, :ngroups], NGROUPS=ngroups)
    rate = desk.run()
    assert rate.meta.cal_step.jump == "SKIPPED"
    (text,) = bad.skipped(caplog, "jump")
    assert f"3 groups in an integration; there are {ngroups}" in text
    assert np.isfinite(rate.data).mean() > 0.9


def test_all_groups_saturated(desk, caplog):
    desk.change(lambda data: np.full_like(data, 65535))
    rate = desk.run()
    if rate is None:
        assert "saturated in the first group; there is nothing to fit" in caplog.text
    else:
        saturated = (rate.dq & 2) != 0
        assert saturated.mean() > 0.8
        assert np.isnan(rate.data[saturated]).all()


def test_all_pixels_flagged(desk):
    def flag(hdus):
        hdus["DQ"].data[...] = 1

    rate = desk.run(steps=desk.override("mask", flag))
    assert np.isnan(rate.data).all()
    assert (rate.dq & 1).all()


DAMAGE = {
    "another axis": (bad.another_axis, ("axes",), tuple(kind for kind in KINDS if kind != "dark")),
    "no array": (bad.no_array, ("no array", "its shape is None"), KINDS[1:]),
    "all NaN": (bad.all_nan, ("NaN throughout",), KINDS[1:]),
    "smaller flags": (bad.smaller_flags, ("flags of the",), ("saturation", "superbias", "linearity", "dark")),
    "too small": (bad.smaller, ("slice indexes", "planes of"), KINDS),
}
CASES = [(name, kind) for name in DAMAGE for kind in DAMAGE[name][2]]
SITES = [("nirspec", ("niriss", "fgs")[number % 2]) for number in range(len(CASES))]
REFERENCES = [
    pytest.param(site, kind, *DAMAGE[name][:2], id=f"{site}-{kind}-{name}")
    for (name, kind), sites in zip(CASES, SITES, strict=True)
    for site in sites
    if (site, name) == ("nirspec", "too small") or name != "too small"
]
"""All for NIRSpec, and turn by turn for NIRISS and FGS."""


@pytest.mark.parametrize(("site", "kind", "damage", "texts"), REFERENCES, indirect=["site"])
def test_references(desk, kind, damage, texts):
    """The error names the file, says what is wrong with it, and what to do."""
    desk.refused_reference(kind, damage, texts)


@pytest.mark.parametrize("kind", KINDS)
def test_no_reference(desk, caplog, kind):
    desk.skipped_without(kind, caplog)
