"""MIRI exposures and references with something wrong: one clear error that leaves nothing behind, or a skip."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.simulation import ExposureSettings, Scene
from stpipe.crds_client import ReferenceServiceError
from stpipe.exceptions import InputError, MissingMetadataError
from tests.jwst.pipeline import bad_cases as bad

SETTINGS = ExposureSettings(
    detector="MIRIMAGE",
    subarray="SUB64",
    ngroups=5,
    nints=2,
    scene=Scene(sky=80.0, stars=20000, galaxies=0, star_flux=(300.0, 1e5)),
)
BOTH = pytest.mark.parametrize("pipeline", list(bad.PIPELINES))
KINDS = ("mask", "saturation", "reset", "linearity", "rscd", "dark", "gain", "readnoise")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return bad.Site.make(tmp_path_factory.mktemp("miri"), SETTINGS)


@pytest.fixture
def desk(site, tmp_path, monkeypatch):
    return bad.settle(monkeypatch, tmp_path, site)


def test_the_exposure_is_good(desk):
    """So that what fails below fails for its own reason."""
    rate = desk.run()
    assert np.isfinite(rate.data).mean() > 0.9
    assert (rate.meta.cal_step.jump, rate.meta.cal_step.rscd, rate.meta.cal_step.reset) == ("COMPLETE",) * 3


KEYWORDS = {
    "no subarray": (ReferenceServiceError, {"SUBARRAY": None}, ("META.SUBARRAY.NAME", "UNDEFINED")),
    "no detector": (ReferenceServiceError, {"DETECTOR": None}, ("META.INSTRUMENT.DETECTOR", "UNDEFINED")),
    "no readout pattern": (ReferenceServiceError, {"READPATT": None}, ("META.EXPOSURE.READPATT", "UNDEFINED")),
    "unknown readout pattern": (ReferenceServiceError, {"READPATT": "ZORK"}, ("ZORK",)),
    "no samples of a pixel": (MissingMetadataError, {"NSAMPLES": None}, ("emicorr", "NSAMPLES", "skip")),
    "no corner": (InputError, {"SUBSTRT2": None}, ("SUBSTRT2", "must all be set")),
    "corner 0": (InputError, {"SUBSTRT1": 0}, ("subarray corners", "mask reference")),
    "off the detector": (InputError, {"SUBSTRT1": 1000, "SUBSTRT2": 1000}, ("slice indexes", "mask reference")),
    "no frames": (InputError, {"NFRAMES": 0}, ("NFRAMES is 0",)),
}
TIMES = {
    "no group time": (MissingMetadataError, {"TGROUP": None}, ("jump", "TGROUP")),
    "negative group time": (InputError, {"TGROUP": -1.0}, ("jump", "positive TGROUP", "-1.0")),
    "no frame time": (InputError, {"TFRAME": None}, ("ramp_fit", "TFRAME")),
    "frame time 0": (InputError, {"TFRAME": 0.0}, ("ramp_fit", "TFRAME")),
    "no gap": (InputError, {"GROUPGAP": None}, ("ramp_fit", "GROUPGAP")),
}


@pytest.mark.parametrize("case", KEYWORDS.values(), ids=KEYWORDS)
def test_keywords(desk, case):
    error, values, texts = case
    desk.change(**values)
    desk.refused(error, texts)


@pytest.mark.parametrize("name", ["no readout pattern", "no samples of a pixel", "off the detector", "no frames"])
def test_keywords_of_a_dark(desk, name):
    error, values, texts = KEYWORDS[name]
    desk.change(**values)
    desk.refused(error, texts, pipeline="dark")


@BOTH
@pytest.mark.parametrize("size", [40, 0, -4])
def test_another_size_than_the_keywords_say(desk, pipeline, caplog, size):
    """The references are of the size of the array: the samples are right, and the keyword is warned of."""
    desk.change(SUBSIZE1=size)
    assert desk.run(pipeline) is not None
    assert f"The exposure has 72 columns but should have {size} (SUBSIZE1); the array is used" in caplog.text


@pytest.mark.parametrize("case", TIMES.values(), ids=TIMES)
def test_times(desk, case):
    """The times of the fit are asked for before the ramps are saved."""
    error, values, texts = case
    desk.change(**values)
    desk.refused(error, texts)


@BOTH
@pytest.mark.parametrize("axis", bad.EMPTY)
def test_no_samples(desk, pipeline, axis):
    desk.empty(axis, pipeline=pipeline)


@BOTH
def test_fewer_rows_than_the_keywords_say(desk, pipeline):
    desk.change(lambda data: data[..., :-3, :])
    desk.refused(InputError, ("SUBSIZE2", "72 x 64", "72 x 61"), pipeline=pipeline)


@BOTH
@pytest.mark.parametrize("axes", [3, 5])
def test_axes(desk, pipeline, axes):
    desk.change(lambda data: data[0] if axes == 3 else data[None])
    desk.refused(InputError, (desk.uncal.name, f"{axes} axes", "ramps have 4"), pipeline=pipeline)


@BOTH
def test_truncated(desk, pipeline):
    desk.truncated(pipeline=pipeline)


def test_full_frame_of_another_size(desk):
    """refpix takes a frame that is larger than a subarray for a full one."""
    desk.change(lambda data: np.resize(data[:, :1], (1, 1, 1024, 1036)))
    desk.refused(InputError, ("SUBSIZE1", "1036 x 1024"))


@BOTH
def test_other_numbers_than_the_keywords_say(desk, pipeline, caplog):
    desk.change(lambda data: np.ascontiguousarray(data.swapaxes(0, 1)))
    result = desk.run(pipeline)
    assert result is not None
    texts = [record.getMessage() for record in caplog.records if "the array is used" in record.getMessage()]
    assert texts == [
        "The exposure has 2 groups but should have 5 (NGROUPS); the array is used",
        "The exposure has 5 integrations but should have 2 (NINTS, or INTSTART and INTEND); the array is used",
    ]


@pytest.mark.parametrize("ngroups", [1, 2])
def test_few_groups(desk, caplog, ngroups):
    """Steps that need three groups are skipped, each with one warning; the rate is there."""
    desk.change(lambda data: data[:, :ngroups], NGROUPS=ngroups)
    rate = desk.run()
    for step in ("emicorr", "lastframe", "rscd", "jump"):
        assert getattr(rate.meta.cal_step, step) == "SKIPPED"
        (text,) = bad.skipped(caplog, step)
        assert "3 groups" in text
    assert not [record for record in caplog.records if "Cannot find jumps" in record.getMessage()]
    assert np.isfinite(rate.data).mean() > 0.9


def test_all_groups_saturated(desk):
    """Pixels without a limit keep their numbers; no other has a rate, and all others say why."""
    desk.change(lambda data: np.full_like(data, 65535))
    rate = desk.run()
    saturated = (rate.dq & 2) != 0
    assert saturated.mean() > 0.9
    assert np.isnan(rate.data[saturated]).all()


def test_all_pixels_flagged(desk):
    def flag(hdus):
        hdus["DQ"].data[...] = 1

    rate = desk.run(steps=desk.override("mask", flag))
    assert rate is None


def test_infinite_samples_give_no_warning_of_numpy(desk):
    """Here every warning is an error."""
    desk.change(lambda data: np.full(data.shape, np.inf, np.float32))
    assert desk.run() is None


DAMAGE = {
    "another axis": (bad.another_axis, ("axes", "4-D"), KINDS),
    "no array": (bad.no_array, ("no array", "has no table", "its shape is None"), KINDS[1:]),
    "all NaN": (bad.all_nan, ("NaN throughout",), tuple(kind for kind in KINDS[1:] if kind != "rscd")),
    "smaller flags": (bad.smaller_flags, ("flags of the",), ("saturation", "reset", "linearity", "dark")),
    "too small": (bad.smaller, ("slice indexes", "flags of", "planes of"), tuple(k for k in KINDS if k != "rscd")),
}
REFERENCES = [
    pytest.param(kind, *DAMAGE[name][:2], id=f"{kind}-{name}")
    for name in DAMAGE
    for kind in DAMAGE[name][2]
    if (kind, name) != ("rscd", "another axis")
]


@pytest.mark.parametrize(("kind", "damage", "texts"), REFERENCES)
def test_references(desk, kind, damage, texts):
    """The error names the file, says what is wrong with it, and what to do."""
    desk.refused_reference(kind, damage, texts)


@pytest.mark.parametrize("kind", KINDS)
def test_no_reference(desk, caplog, kind):
    desk.skipped_without(kind, caplog)


def test_no_emicorr_reference(desk, caplog):
    result = desk.run("dark", steps=bad.overrides("emicorr", "N/A", ("emicorr",)))
    assert result.meta.cal_step.emicorr == "SKIPPED"
    assert bad.skipped(caplog, "emicorr") == ["Step emicorr skipped: there is no EMICORR reference for this exposure"]
