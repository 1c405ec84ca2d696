"""Background, peaks and the catalogue of an image, against photutils itself."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.tweakreg import background
from jwst.tweakreg.background import NoBackgroundError, measure_background
from jwst.tweakreg.peaks import find_peaks
from jwst.tweakreg.tweakreg_catalog import make_tweakreg_catalog
from stpipe.exceptions import InputError, ParameterError


def _scene(shape, seed=0):
    rng = np.random.default_rng(seed)
    data = rng.normal(5, 1, shape).astype(np.float32) + np.linspace(0, 5, shape[1], dtype=np.float32)
    data[rng.random(shape) < 0.01] *= 20
    mask = rng.random(shape) < 0.03
    mask[:20, :20] = True
    data[5, 30] = np.nan
    return data, mask


@pytest.mark.parametrize(
    ("shape", "box", "excluded"),
    [((150, 160), 50, 10.0), ((90, 120), (37, 40), 10.0), ((40, 130), 40, 10.0), ((64, 64), 400, 100.0)],
    ids=["several", "incomplete", "row", "whole"],
)
def test_background_of_photutils(shape, box, excluded):
    from astropy.stats import SigmaClip
    from photutils.background import Background2D, MedianBackground

    data, mask = _scene(shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Background2D(
            data,
            box,
            filter_size=(3, 3),
            coverage_mask=mask,
            exclude_percentile=excluded,
            sigma_clip=SigmaClip(3),
            bkg_estimator=MedianBackground(),
        )
    before = data.copy()
    ours = measure_background(data, mask, box_size=box, excluded=excluded)
    np.testing.assert_allclose(ours.subtracted(data), data - theirs.background, rtol=0, atol=2e-6)
    np.testing.assert_allclose(ours.noise_image(), theirs.background_rms, rtol=1e-6)
    np.testing.assert_array_equal(data, before)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 1000),
    count=st.sampled_from([1, 2, 50, 300, 2000]),
    kind=st.sampled_from(["noise", "stars", "steps", "constant", "two levels", "far"]),
)
def test_clipping_without_sorting_all(seed, count, kind):
    """The same ranks, median and deviation as of values that are sorted."""
    values = np.random.default_rng(seed).normal(2, 0.5, count)
    changes = {
        "stars": lambda: values + (np.arange(count) % 5 == 0) * 30,
        "steps": lambda: np.round(values * 3) / 3,
        "constant": lambda: np.full(count, 2.5),
        "two levels": lambda: values + (np.arange(count) % 2) * 30,
        "far": lambda: np.where(np.arange(count) % 97 == 3, 1e7, values),
    }
    values = np.asarray(changes.get(kind, lambda: values)(), np.float32)
    found = []
    for few in (10, 10**6):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(background, "_FEW", few)
            ranked = background._Ranked(values.copy())
            first, last = background._clipped(ranked)
            found.append(
                (first, last, *([ranked.median(first, last), ranked.spread(first, last)] if last > first else []))
            )
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6, atol=1e-12)
    assert found[0][:3] == found[1][:3]
    expected = np.sort(values)[first:last]
    if expected.size:
        assert found[0][2:] == pytest.approx((np.median(expected), expected.std(dtype=float)), rel=1e-6, abs=1e-12)


def test_background_of_nothing():
    data, mask = _scene((60, 60))
    with pytest.raises(NoBackgroundError, match="60 x 60"):
        measure_background(data, mask, box_size=400)
    with pytest.raises(NoBackgroundError, match="more than 0%"):
        measure_background(data * np.nan, mask, box_size=400, excluded=100)


@settings(max_examples=8)
@given(
    seed=st.integers(0, 1000),
    radius=st.integers(2, 5),
    threshold=st.floats(0, 3),
    holes=st.booleans(),
    levels=st.sampled_from([3, 1000]),
)
def test_peaks_of_photutils(seed, radius, threshold, holes, levels):
    """The same places in the same order, with plateaus and gaps."""
    from photutils.detection import find_peaks as of_photutils

    rng = np.random.default_rng(seed)
    image = np.round(rng.normal(0, 1, (15, 21)) * levels).astype(np.float32) / levels
    mask = rng.random(image.shape) < 0.1
    if holes:
        image[rng.random(image.shape) < 0.05] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = of_photutils(image, threshold, mask=mask, min_separation=radius)
    theirs = np.zeros((0, 2)) if table is None else np.stack([table["x_peak"], table["y_peak"]], axis=1)
    np.testing.assert_array_equal(find_peaks(image, threshold, radius=radius, mask=mask), theirs)


@pytest.mark.parametrize("finder", ["iraf", "dao", "segmentation"])
def test_catalog_finds_the_stars(finder, scenes, exposures):
    """Nearly all stars, within a tenth of a pixel, and nothing in bad pixels."""
    (model,) = exposures(scenes.THREE[:1])
    before = model.data.copy()
    options = {"roundness_range": (-1, 1)} if finder == "dao" else None
    table, segments = make_tweakreg_catalog(model, 10.0, 2.5, starfinder_name=finder, starfinder_kwargs=options)
    assert table.colnames[:3] == ["id", "xcentroid", "ycentroid"]
    assert "flux" in table.colnames
    assert (segments is not None) is (finder == "segmentation")
    stars = scenes.stars()
    true = np.stack(model.meta.wcs.invert(*stars[:, :2].T, with_bounding_box=False), axis=1)
    found = np.stack([table["xcentroid"], table["ycentroid"]], axis=1)
    distance = np.linalg.norm(found[:, None] - true[None], axis=2).min(axis=1)
    assert len(table) > 45
    assert np.quantile(distance, 0.7) < 0.1
    np.testing.assert_array_equal(model.data, before)


def test_finder_of_photutils_and_ours_agree(scenes, exposures):
    """The short way to the peaks gives the same stars."""
    from photutils.detection import DAOStarFinder, IRAFStarFinder

    from jwst.tweakreg.peaks import star_finder

    (model,) = exposures(scenes.THREE[:1])
    for kind in (DAOStarFinder, IRAFStarFinder):
        options = {"threshold": 5.0, "fwhm": 2.5, "min_separation": 4, "n_brightest": 40}
        theirs, ours = kind(**options)(model.data - 1), star_finder(kind, **options)(model.data - 1)
        for name in theirs.colnames:
            np.testing.assert_array_equal(theirs[name], ours[name])


def test_options_of_finders(scenes, exposures):
    (model,) = exposures(scenes.THREE[:1])
    few, _ = make_tweakreg_catalog(model, 10.0, 2.5, starfinder_kwargs={"n_brightest": 7, "n_pixels": 3})
    assert len(few) == 7
    old, _ = make_tweakreg_catalog(model, 10.0, 2.5, starfinder_kwargs={"minsep_fwhm": 8.0})
    new, _ = make_tweakreg_catalog(model, 10.0, 2.5, starfinder_kwargs={"min_separation": 20})
    assert len(old) == len(new) < 50
    masked, _ = make_tweakreg_catalog(model, 10.0, 2.5, coverage_mask=np.arange(300) < np.full((300, 1), 150))
    assert masked["xcentroid"].min() > 145
    places, _ = make_tweakreg_catalog(model, 10.0, 2.5, starfinder_name="segmentation", full=False)
    assert places.colnames == ["id", "xcentroid", "ycentroid", "flux"]


@pytest.mark.parametrize("spoil", ["constant", "nan", "flagged"])
@pytest.mark.parametrize("finder", ["iraf", "dao", "segmentation"])
def test_nothing_to_find(finder, spoil, scenes, exposures, caplog):
    (model,) = exposures(scenes.THREE[:1])
    if spoil == "flagged":
        model.dq[:] = 1
    else:
        model.data[:] = 1 if spoil == "constant" else np.nan
    table, _ = make_tweakreg_catalog(model, 10.0, 2.5, starfinder_name=finder)
    assert table.colnames == ["id", "xcentroid", "ycentroid", "flux"]
    assert len(table) == 0
    text = "No sources were found" if spoil == "constant" else "background cannot be measured"
    assert text in caplog.text


def test_gaps_in_the_image(scenes, exposures):
    """NaN where nothing is flagged."""
    (model,) = exposures(scenes.THREE[:1])
    model.data[100:120, 100:140] = np.nan
    table, _ = make_tweakreg_catalog(model, 10.0, 2.5)
    assert len(table) > 45
    assert np.isfinite(table["flux"]).all()


def test_bad_input(scenes, exposures):
    from stdatamodels.jwst.datamodels import CubeModel

    (model,) = exposures(scenes.THREE[:1])
    with pytest.raises(ParameterError, match="iraf, dao, segmentation"):
        make_tweakreg_catalog(model, 10.0, 2.5, starfinder_name="eye")
    with pytest.raises(InputError, match="coverage_mask is"):
        make_tweakreg_catalog(model, 10.0, 2.5, coverage_mask=np.zeros((3, 3)))
    with pytest.raises(InputError, match=r"the shape \(2, 3, 4\)"):
        make_tweakreg_catalog(CubeModel(data=np.zeros((2, 3, 4), np.float32)), 10.0, 2.5)


def _image(shape=(70, 45), seed=4):
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 1, shape).astype(np.float32)
    mask = rng.random(shape) < 0.1
    mask[:30, :12] = True
    data[40, 20] = np.nan
    return data, mask


@pytest.mark.parametrize("fwhm", [1.0, 2.0, 4.3])
@pytest.mark.parametrize("masked", [True, False])
def test_smoothing_of_astropy(fwhm, masked):
    from astropy.convolution import Gaussian2DKernel, convolve

    from jwst.tweakreg.starfinders import _FWHM_TO_SIGMA, Image, _smoothed

    data, mask = _image() if masked else (np.nan_to_num(_image()[0]), np.zeros((70, 45), bool))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = convolve(data, Gaussian2DKernel(fwhm * _FWHM_TO_SIGMA), mask=mask)
    found = _smoothed(Image(data, mask, None), fwhm)
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-7)
    assert np.isnan(found).any() == (masked and fwhm < 4)


def test_segments_of_photutils():
    """Sums over all segments at once are those of one after the other."""
    from photutils.segmentation import SegmentationImage, SourceCatalog
    from scipy import ndimage

    from jwst.tweakreg.segment_table import source_catalog_class

    data, mask = _image()
    smooth = ndimage.gaussian_filter(np.nan_to_num(data), 1)
    segments = SegmentationImage(ndimage.label(smooth > 0.1)[0].astype(np.int32))
    mask[segments.data == 3] = True
    given = {"mask": mask, "error": np.abs(data) + 1, "convolved_data": smooth}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = (kind(data, segments, **given) for kind in (SourceCatalog, source_catalog_class()))
        for name in ("area", "segment_flux", "segment_flux_err"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        for name in ("moments", "moments_central", "x_centroid", "y_centroid", "orientation", "semimajor_axis"):
            values = [getattr(getattr(one, name), "value", getattr(one, name)) for one in (ours, theirs)]
            np.testing.assert_allclose(*values, rtol=1e-9, atol=1e-9)
