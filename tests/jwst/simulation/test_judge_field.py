"""Judges of images, with products made up from the truth and spoiled in known ways."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from jwst.lib.dqflags import DO_NOT_USE
from jwst.simulation.field_report import FieldSummary, compare_field, covered_sources
from jwst.simulation.field_settings import FieldSettings
from jwst.simulation.field_truth import OUTLIERS, FrameTruth
from jwst.simulation.field_view import place_sources, true_wcs
from jwst.simulation.judge_field import judge_astrometry, judge_outliers, judge_photometry, judge_sky
from jwst.simulation.level1b import exposure_metadata
from jwst.simulation.pointing import PointingError
from jwst.simulation.sky_field import SkyField, ab_magnitude, draw_sources
from stpipe.exceptions import InputError

SHAPE = (64, 64)
SETTINGS = FieldSettings(("NRCB1",), window=64, exposures=3, dither=0.1, pointing_error=0.0, roll_error=0.0)
SOURCES = draw_sources(SkyField(separation=0.2), 1.5, density=(3.0, 1.0))
OUTLIER = 16
NOISE = 0.05


def coordinates(error=None, number=0):
    frame = list(SETTINGS.frames())[number]
    pointing = frame.settings.pointing
    looks = replace(frame.settings, pointing=pointing.moved(error) if error else pointing)
    return true_wcs(exposure_metadata(looks), SHAPE)


@pytest.fixture(scope="module")
def views():
    """Coordinates of three frames, and the truth about each."""
    every = [coordinates(number=number) for number in range(3)]
    return every, [truth_of(wcs, 0.1 * number) for number, wcs in enumerate(every)]


def truth_of(wcs, pedestal=0.0):
    placed = place_sources(wcs, SOURCES["ra"], SOURCES["dec"])
    brightness = np.full(SHAPE, 0.3 + pedestal, np.float32)
    usable = np.ones(SHAPE, bool)
    usable[:4] = usable[-4:] = usable[:, :4] = usable[:, -4:] = False
    zero = np.zeros(5)
    return FrameTruth(brightness, usable, np.zeros(0, OUTLIERS), placed.x, placed.y, 0.3, pedestal, zero[:3], zero)


def test_perfect_coordinates(views):
    wcs, truths = views
    found = judge_astrometry(wcs, truths, SOURCES)
    assert found.frames == 3
    assert found.sources > 10
    assert found.absolute == pytest.approx(0, abs=1e-3)
    assert found.relative == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("error", [PointingError(0.03, -0.04), PointingError(0.0, 0.0, 0.5)])
def test_what_all_frames_have_in_common_is_absolute_only(views, error):
    _, truths = views
    found = judge_astrometry([coordinates(error, number) for number in range(3)], truths, SOURCES)
    expected = 50.0 if error.roll == 0 else 1.0
    assert found.absolute > 0.9 * expected
    assert found.relative < 0.1 * found.absolute
    if error.roll == 0:
        assert found.absolute == pytest.approx(50, abs=0.5)


def test_one_frame_is_off(views):
    wcs, truths = views
    found = judge_astrometry([coordinates(PointingError(0.03)), *wcs[1:]], truths, SOURCES)
    assert 5 < found.relative < found.absolute < 30
    assert found.worst > found.relative


def test_frames_that_cannot_be_compared(views):
    wcs, truths = views
    with pytest.raises(InputError, match="2 frames"):
        judge_astrometry(wcs[:2], truths, SOURCES)
    away = replace(truths[0], x=truths[0].x + 1e4)
    with pytest.raises(InputError, match="No source"):
        judge_astrometry(wcs[:1], [away], SOURCES)


def catalogue(offset=0.0, shift=0.0, scatter=0.0, extra=0):
    stars = SOURCES[SOURCES["kind"] == "star"]
    rng = np.random.default_rng(1)
    flux = stars["flux"] * 10 ** (-0.4 * (offset + scatter * rng.standard_normal(len(stars))))
    dec = np.append(stars["dec"] + shift / 3600, np.full(extra, stars["dec"].mean() + 0.01))
    ra = np.append(stars["ra"], np.full(extra, stars["ra"].mean()))
    magnitude = np.append(ab_magnitude(flux), np.full(extra, 24.0))
    error = np.where(magnitude < 24.5, 0.01, 0.2)
    places = SkyCoord(ra * u.deg, dec * u.deg)
    return QTable({"sky_centroid": places, "aper_total_abmag": magnitude, "aper_total_abmag_err": error})


def test_perfect_catalogue():
    found = judge_photometry(catalogue(), SOURCES)
    bright = ((SOURCES["kind"] == "star") & (SOURCES["mag"] < 24.5)).sum()
    assert (found.stars, found.found, found.measured, found.unknown) == (bright, bright, bright, 0)
    assert (found.median, found.scatter, found.distance) == pytest.approx((0, 0, 0), abs=1e-6)


def test_spoiled_catalogue():
    found = judge_photometry(catalogue(0.1, 0.02, 0.05, extra=2), SOURCES)
    assert found.median == pytest.approx(0.1, abs=0.05)
    assert found.scatter == pytest.approx(0.05, rel=0.9)
    assert found.distance < 0.1  # mas: the shift is common
    assert found.unknown == 2


def test_a_star_is_missing():
    table = catalogue()
    brightest = int(np.argmin(table["aper_total_abmag"]))
    table.remove_row(brightest)
    found = judge_photometry(table, SOURCES)
    assert found.found == found.stars - 1


def test_only_what_the_mosaic_covers_counts():
    covered = np.zeros(len(SOURCES), bool)
    covered[:2] = True
    assert judge_photometry(catalogue(), SOURCES, covered=covered).measured <= 2
    none = judge_photometry(catalogue(), SOURCES, covered=np.zeros(len(SOURCES), bool))
    assert (none.stars, none.measured) == (0, 0)
    assert np.isnan(none.median)


def test_sky_levels(views):
    _, truths = views
    levels = [truth.pedestal + 5.0 for truth in truths]
    found = judge_sky(levels, truths)
    assert (found.frames, found.spread) == (3, pytest.approx(0.0816, abs=1e-3))
    assert found.rms == pytest.approx(0, abs=1e-12)
    levels[0] += 0.3
    found = judge_sky([*levels[:2], None], truths, noise=0.1)
    assert (found.frames, found.rms, found.worst, found.noise) == pytest.approx((2, 0.15, 0.15, 0.1))
    with pytest.raises(InputError, match="sky level"):
        judge_sky([None], truths[:1])


def frame_with(wcs, outliers, flagged):
    dq = np.zeros(SHAPE, np.uint32)
    for row, column in flagged:
        dq[row, column] = OUTLIER | DO_NOT_USE
    dq[:4] = DO_NOT_USE
    meta = SimpleNamespace(wcs=wcs, photometry=SimpleNamespace(conversion_megajanskys=2.0))
    return SimpleNamespace(dq=dq, err=np.full(SHAPE, NOISE, np.float32), meta=meta)


def test_outliers(views):
    wcs, truths = views
    hits = np.array([(30, 30, 1.0), (31, 40, 1.0), (32, 45, 0.1), (20, 20, 5.0), (1, 1, 9.0)], OUTLIERS)
    brightness = truths[0].brightness.copy()
    brightness[18:23, 18:23] += 3.0
    truth = replace(truths[0], outliers=hits, brightness=brightness)
    frames = [
        frame_with(wcs[0], hits, [(30, 30), (20, 20), (50, 50), (18, 18)]),
        frame_with(wcs[1], (), []),
        frame_with(wcs[2], (), []),
    ]
    found = judge_outliers(frames, [truth, *truths[1:]])
    assert (found.pixels, found.found) == (2, 1)
    assert (found.near_sources, found.near_found) == (1, 1)
    assert (found.false_alarms, found.false_near) == (1, 1)
    assert found.completeness == 0.5
    assert found.good_pixels > 3 * 56 * 56 - 20


def test_outliers_that_too_few_frames_see_do_not_count(views):
    wcs, truths = views
    hits = np.array([(30, 30, 1.0)], OUTLIERS)
    frames = [frame_with(wcs[0], hits, []), frame_with(wcs[1], (), [])]
    found = judge_outliers(frames, [replace(truths[0], outliers=hits), truths[1]])
    assert found.pixels == 0
    assert np.isnan(found.completeness)


def test_covered_sources(views):
    wcs, truths = views
    weights = np.ones(SHAPE)
    weights[:, 40:] = 0
    mosaic = SimpleNamespace(wht=weights, meta=SimpleNamespace(wcs=wcs[0]))
    covered = covered_sources(mosaic, SOURCES)
    assert covered.any()
    assert (truths[0].x[covered] < 29).all()
    assert (truths[0].y[covered] > 11).all()


def summary(views, **changes):
    wcs, truths = views
    sky = judge_sky([truth.pedestal for truth in truths], truths, noise=NOISE)
    found = FieldSummary(
        before=judge_astrometry([coordinates(PointingError(0.03)), *wcs[1:]], truths, SOURCES),
        after=judge_astrometry(wcs, truths, SOURCES),
        sky=sky,
        outliers=judge_outliers([frame_with(each, (), []) for each in wcs], truths),
        photometry=judge_photometry(catalogue(), SOURCES),
        pixel=31.0,
    )
    return replace(found, **changes)


def test_summary(views):
    found = summary(views)
    assert found.good, str(found)
    text = str(found)
    assert text.endswith("within limits")
    assert all(word in text for word in ("tweakreg", "pedestals", "false alarms", "stars in the catalogue"))


def test_summary_of_bad_products(views):
    worse = judge_photometry(catalogue(offset=0.2), SOURCES)
    found = summary(views, photometry=worse, after=summary(views).before)
    assert not found.good
    assert "OUTSIDE LIMITS: astrometry, photometry" in str(found)
    nothing = FieldSummary(None, None, None, None, None, 0.0)
    assert not nothing.good
    assert "no products" in str(nothing)


def test_no_products(tmp_path):
    from jwst.simulation.field import simulate_field

    field = simulate_field(replace(SETTINGS, exposures=1), tmp_path)
    with pytest.raises(InputError, match="run Image2Pipeline"):
        compare_field(field)
