"""Dithered exposures of a field, and what is known about them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from stdatamodels.jwst import datamodels

from jwst.lib.dqflags import DO_NOT_USE
from jwst.simulation import FieldSettings, FrameTruth, SimulatedField, SkyField, Subarray, field_cache, simulate_field
from jwst.simulation.field_settings import EXPOSURE_TYPES
from jwst.simulation.field_view import FieldView, place_sources, true_wcs
from jwst.simulation.level1b import exposure_metadata
from jwst.simulation.psf import SKY, apertures
from jwst.simulation.references_apertures import vega_offset
from jwst.simulation.sky_field import SOURCES
from stpipe.exceptions import InputError

SKY_OF_MIRI = SkyField(stars=15, galaxies=3, star_magnitudes=(17.0, 21.0), separation=2.0)
FIELDS = {
    "pair": FieldSettings(("NRCA1", "NRCA2"), window=64, exposures=2, sky=SkyField(stars=15, galaxies=4, separation=0)),
    "miri": FieldSettings(("MIRIMAGE",), window=64, exposures=1, ngroups=20, outliers=2e-3, sky=SKY_OF_MIRI),
    "niriss": FieldSettings(("NIS",), window=64, exposures=1, outliers=2e-3),
    "fgs": FieldSettings(("GUIDER1",), window=64, exposures=1),
}
NON_SCIENCE = 512


@pytest.fixture(scope="module", params=FIELDS)
def made(request, tmp_path_factory):
    """A field with its cache, as (settings, field, calibrated frames, references that are found for the first)."""
    from crds.core import utils

    from jwst.step import AssignWcsStep, FlatFieldStep, PhotomStep

    settings, folder = FIELDS[request.param], tmp_path_factory.mktemp(request.param)
    field = simulate_field(settings, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRDS_PATH", str(field_cache(folder / "crds", settings)))
        patch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
        for name in ("CRDS_SERVER_URL", "CRDS_CONTEXT"):
            patch.delenv(name, raising=False)
        utils.clear_function_caches()
        frames = [PhotomStep.call(FlatFieldStep.call(AssignWcsStep.call(str(path)))) for path in field.exposures]
        types = ("apcorr", "abvegaoffset", "area", "flat", "distortion", "dark")
        found = {reftype: AssignWcsStep().get_reference_file(frames[0], reftype) for reftype in types}
        utils.clear_function_caches()
    return settings, field, frames, found


def test_files(made):
    settings, field, _, _ = made
    assert len(field.exposures) == settings.exposures * len(settings.detectors)
    assert SimulatedField.load(field.sources.parent) == field
    level2, level3 = (json.loads(path.read_text()) for path in field.associations)
    names = [path.name for path in field.exposures]
    assert [product["members"][0]["expname"] for product in level2["products"]] == names
    members = [member["expname"] for member in level3["products"][0]["members"]]
    assert members == [name.replace("_rate", "_cal") for name in names]
    assert level3["products"][0]["name"] == field.product
    stars = Table.read(field.stars)
    assert stars.colnames == ["RA", "DEC", "mag"]
    assert len(Table.read(field.sources)) >= len(stars)


def test_frames_are_what_the_truth_says(made):
    _, field, frames, _ = made
    for frame, truth in zip(frames, field.truths()):
        pull = (frame.data - truth.brightness) / frame.err
        pull[truth.outliers["y"], truth.outliers["x"]] = np.nan
        pull = pull[np.isfinite(pull)]
        assert pull.size > 0.7 * truth.usable.size
        assert abs(np.median(pull)) < 0.08
        assert 1.4826 * np.median(np.abs(pull - np.median(pull))) == pytest.approx(1, abs=0.08)
        assert frame.meta.bunit_data == "MJy/sr"


def test_only_usable_pixels_are_used(made):
    settings, field, frames, _ = made
    for frame, truth in zip(frames, field.truths()):
        np.testing.assert_array_equal((frame.dq & DO_NOT_USE) == 0, truth.usable)
        assert (frame.dq[:, : settings.border] & NON_SCIENCE).all()
        assert not (frame.dq[4:-4, 4:-4] & NON_SCIENCE).any()


def test_keywords_know_nothing_of_the_error(made):
    """The distance between what the coordinates say and the truth is the pointing error."""
    _, field, frames, _ = made
    sources = Table.read(field.sources)
    for frame, truth in zip(frames, field.truths()):
        ra, dec = frame.meta.wcs(truth.x, truth.y, with_bounding_box=False)
        east, north = (ra - sources["ra"]) * np.cos(np.radians(dec)) * 3.6e6, (dec - sources["dec"]) * 3.6e6
        assert (np.mean(east), np.mean(north)) == pytest.approx(tuple(-1e3 * truth.error[:2]), abs=2.0)


def test_truth_and_coordinates_agree(made):
    """With the true pointing, our assign_wcs puts every source where it is, to a millionth of a pixel."""
    settings, field, _, _ = made
    sources = Table.read(field.sources)
    for frame, truth in zip(settings.frames(), field.truths()):
        metadata = exposure_metadata(frame.settings)
        names = ("v2_ref", "v3_ref", "ra_ref", "dec_ref", "roll_ref")
        metadata["wcsinfo"] |= dict(zip(names, (float(value) for value in truth.reference)))
        wcs = true_wcs(metadata, truth.brightness.shape)
        placed = place_sources(wcs, sources["ra"], sources["dec"])
        np.testing.assert_allclose([placed.x, placed.y], [truth.x, truth.y], rtol=0, atol=1e-6)
        ra, dec = wcs(truth.x, truth.y, with_bounding_box=False)
        pixel = frame.settings.sca.pixel_scale / 3600
        cosine = np.cos(np.radians(sources["dec"]))
        np.testing.assert_allclose((ra - sources["ra"]) * cosine / pixel, 0, atol=1e-6)
        np.testing.assert_allclose((dec - sources["dec"]) / pixel, 0, atol=1e-6)


@pytest.mark.parametrize(("kind", "radius", "index"), [("star", 0.0, 0.0), ("galaxy", 0.15, 1.0), ("galaxy", 0.1, 2.5)])
def test_flux_is_in_the_pixels(kind, radius, index):
    """Brightness times the true solid angle of a pixel there is the flux, also far from the middle of a detector."""
    settings = FieldSettings(("NRCB1",), window=None, exposures=1, roll=75.0)
    (frame,) = settings.frames()
    metadata = exposure_metadata(replace(frame.settings, subarray=Subarray("SUB160", 1889, 1, 160, 160)))
    wcs = true_wcs(metadata, (160, 160))
    ra, dec = wcs(80.3, 79.6)
    source = np.array([(ra, dec, 22.0, 5e-6, kind, radius, 0.6, 40.0, index)], SOURCES)
    placed = place_sources(wcs, source["ra"], source["dec"])
    assert (placed.x[0], placed.y[0]) == pytest.approx((80.3, 79.6), abs=1e-7)
    assert abs(placed.area[0] / 0.0307**2 - 1) > 1e-4
    image = FieldView(source, placed, 0.3, 0.0307**2, 1.0).brightness((160, 160)) - 0.3
    assert image.sum() * 1e6 * placed.area[0] * (np.pi / 648000) ** 2 == pytest.approx(5e-6, rel=2e-3)
    rows, columns = np.indices(image.shape)
    assert (np.average(columns, weights=image), np.average(rows, weights=image)) == pytest.approx(
        (80.3, 79.6), abs=0.01
    )


def test_galaxies_lie_along_their_position_angle():
    settings = FieldSettings(("NRCB1",), window=128, exposures=1, roll=0.0)
    (frame,) = settings.frames()
    wcs = true_wcs(exposure_metadata(frame.settings), (128, 128))
    ra, dec = wcs(64.0, 64.0)
    source = np.array([(ra, dec, 22.0, 5e-6, "galaxy", 0.3, 0.3, 30.0, 1.0)], SOURCES)
    image = FieldView(source, place_sources(wcs, source["ra"], source["dec"]), 0.0, 1.0, 1.0).brightness((128, 128))
    rows, columns = np.indices(image.shape)
    x, y = columns - 64, rows - 64
    xx, yy, xy = (float(np.average(values, weights=image)) for values in (x * x, y * y, x * y))
    assert np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)) % 180 == pytest.approx(90 + 30, abs=1.0)  # east is to the left


def test_outliers_stand_out(made):
    _, field, frames, _ = made
    found = 0
    for frame, truth in zip(frames, field.truths()):
        y, x = truth.outliers["y"], truth.outliers["x"]
        rate = truth.outliers["rate"] * frame.meta.photometry.conversion_megajanskys
        excess = frame.data[y, x] - truth.brightness[y, x]
        far = rate > 10 * frame.err[y, x]
        np.testing.assert_allclose(excess[far], rate[far], rtol=0.6)
        found += far.sum()
        assert truth.usable[y, x].all()
    assert found > 0


def test_references_of_catalogues(made):
    settings, field, frames, found = made
    assert {reftype: found[reftype].rpartition("_")[2] for reftype in ("area", "flat", "distortion", "dark")} == {
        "area": "0001.fits",
        "flat": "0001.fits",
        "distortion": "0001.asdf",
        "dark": "N/A",
    }
    kind = {"NIRCAM": "NrcImg", "MIRI": "MirImg", "NIRISS": "NisImg", "FGS": "FgsImg"}[settings.instrument]
    with getattr(datamodels, f"{kind}ApcorrModel")(found["apcorr"]) as model:
        table = np.array(model.apcorr_table)
    chosen = np.ones(len(table), bool)
    instrument = frames[0].meta.instrument
    for name, value in (("filter", instrument.filter), ("pupil", instrument.pupil), ("subarray", "SUB64")):
        if name in (table.dtype.names or ()):
            chosen &= np.char.strip(table[name].astype(str)) == value
    rows = table[chosen]
    np.testing.assert_allclose(rows["apcorr"], [hole.correction for hole in apertures()], rtol=1e-6)
    np.testing.assert_allclose(rows["radius"], [hole.radius for hole in apertures()], rtol=1e-6)
    assert (set(rows["skyin"]), set(rows["skyout"])) == ({SKY[0]}, {SKY[1]})
    with datamodels.ABVegaOffsetModel(found["abvegaoffset"]) as model:
        offsets = model.abvega_offset
        names = [name for name in offsets.colnames if name != "abvega_offset"]
        wanted = {"filter": instrument.filter, "pupil": instrument.pupil, "detector": instrument.detector}
        rows = [row for row in offsets if all(row[name] == wanted[name] for name in names)]
        assert len(rows) == 1
        assert 0.5 < rows[0]["abvega_offset"] < 6


def test_vega_is_fainter_in_the_infrared():
    assert vega_offset(("F200W", "CLEAR")) == pytest.approx(1.70, abs=0.02)
    assert vega_offset(("F770W",)) == pytest.approx(4.46, abs=0.05)
    assert vega_offset(("CLEAR", "F150W")) < vega_offset(("F200W",)) < vega_offset(("F444W", "F470N"))


def test_groups_dithers_and_pedestals():
    settings = FIELDS["pair"]
    frames = list(settings.frames())
    assert [frame.settings.root[-5:] for frame in frames] == ["00001", "00001", "00002", "00002"]
    assert frames[0].pedestal == frames[1].pedestal != frames[2].pedestal
    assert frames[0].error == frames[1].error != frames[2].error
    first, second = frames[0].settings.pointing, frames[2].settings.pointing
    distance = np.hypot((first.ra - second.ra) * np.cos(np.radians(first.dec)), first.dec - second.dec) * 3600
    assert distance == pytest.approx(settings.dither * np.sqrt(0.5), abs=1e-3)
    assert second.position == second.positions == 2
    assert frames[2].settings.start > frames[1].settings.start
    observation = exposure_metadata(frames[2].settings)["observation"]
    assert (observation["exposure_number"], observation["visit_group"], observation["activity_id"]) == ("2", "02", "01")


def test_windows_of_two_detectors_face_each_other():
    lower, upper = (FIELDS["pair"].region(name) for name in ("NRCA1", "NRCA2"))
    assert lower.ystart + lower.ysize > 2040
    assert upper.ystart == 1


def test_full_frames_have_a_border_of_reference_pixels():
    settings = FieldSettings(("MIRIMAGE",), window=None)
    assert settings.region("MIRIMAGE").shape == (1024, 1032)
    assert settings.region("MIRIMAGE").name == "FULL"
    assert {EXPOSURE_TYPES[name] for name in ("NIRCAM", "NIRISS", "MIRI")} == {"NRC_IMAGE", "NIS_IMAGE", "MIR_IMAGE"}


def test_raw_exposures_look_at_the_same_sky(tmp_path):
    sky = SkyField(star_magnitudes=(15.0, 17.0), separation=0.3)
    settings = FieldSettings(("NRCB1",), window=64, exposures=1, ngroups=3, sky=sky)
    field = simulate_field(settings, tmp_path, raw=True)
    (path,) = field.exposures
    assert path.name.endswith("_uncal.fits")
    truth = FrameTruth.load(path)
    assert len(truth.outliers) == 0
    with datamodels.open(path) as model:
        assert model.meta.exposure.type == "NRC_IMAGE"
        assert model.meta.wcsinfo.roll_ref == pytest.approx(30, abs=0.2)
        last = model.data[0, -1].astype(float) - model.data[0, 0]
    bright = truth.brightness > np.percentile(truth.brightness, 99)
    assert np.median(last[bright & truth.usable]) > np.median(last[truth.usable]) + 50
    assert SimulatedField.load(tmp_path).exposures == field.exposures


def test_the_same_settings_give_the_same_pixels(tmp_path):
    settings = replace(FIELDS["niriss"], window=32, border=2)
    rates = []
    for name in ("one", "two"):
        field = simulate_field(settings, tmp_path / name)
        with datamodels.open(field.exposures[0]) as model:
            rates.append(np.array(model.data))
    np.testing.assert_array_equal(*rates)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"detectors": ()}, "one instrument"),
        ({"detectors": ("NRCA1", "NIS")}, "one instrument"),
        ({"detectors": ("NRS1",)}, "one instrument"),
        ({"detectors": ("NIS", "NIS")}, "each once"),
        ({"exposures": 0}, "at least one exposure"),
        ({"ngroups": 1}, "two groups"),
        ({"window": 4000}, "does not fit"),
        ({"window": 8}, "does not fit"),
        ({"root": "jw00018001001_02101_first"}, "number of the exposure"),
        ({"detectors": ("NRCX1",)}, "NRCX1"),
    ],
)
def test_settings_that_make_no_sense(values, text):
    with pytest.raises(InputError, match=text):
        FieldSettings(**values)


def test_truth_of_something_else(tmp_path):
    path = tmp_path / "a_b_c_d_frame.npz"
    np.savez(path, something=np.zeros(3))
    with pytest.raises(InputError, match="not the truth of a frame"):
        FrameTruth.load(tmp_path / "a_b_c_d_cal.fits")
    with pytest.raises(FileNotFoundError, match="No simulated field"):
        SimulatedField.load(tmp_path)
