"""Circles, rings, shapes, magnitudes and directions: against photutils, scipy and laws of nature."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from jwst.source_catalog.aperture import circle_overlap, circle_sums, ring_background
from jwst.source_catalog.cutouts import batches, gather, nearest_pixels
from jwst.source_catalog.magnitudes import flux_to_abmag
from jwst.source_catalog.shape import daofind_kernel, nearest_neighbours, sharpness_roundness
from jwst.source_catalog.sky import bounding_boxes, north_angle, sky_orientation
from jwst.source_catalog.source_catalog import JWSTSourceCatalog
from stpipe.exceptions import InputError

PARITY = Path(__file__).parents[2] / "parity"


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("catalog_scenes")
RNG = np.random.default_rng(8)
IMAGE = RNG.normal(1, 0.3, (40, 50)).astype(np.float32)
ERROR = RNG.uniform(0.1, 0.4, (40, 50)).astype(np.float32)
PLACES = np.concatenate(
    [RNG.uniform((0, 0), (49, 39), (30, 2)), [(0, 0), (49.4, 39.4), (-1.2, 20), (25, 42), (20.5, 10.5)]]
)


@pytest.mark.parametrize("radius", [0.3, 0.5, 1.0, 1.25, 3.1, 7.77])
def test_circles_agree_with_photutils(radius):
    from photutils.aperture import CircularAperture, aperture_photometry

    wanted = aperture_photometry(IMAGE, CircularAperture(PLACES, radius), error=ERROR)
    sums, errors = circle_sums(IMAGE, ERROR, positions=PLACES, radii=(radius, 2.0))
    np.testing.assert_allclose(sums[:, 0], wanted["aperture_sum"], rtol=1e-10)
    np.testing.assert_allclose(errors[:, 0], wanted["aperture_sum_err"], rtol=1e-7)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(0.05, 6))
@settings(max_examples=25, deadline=None)
def test_the_parts_of_a_circle_make_its_area(dx, dy, radius):
    steps = np.arange(-8, 9)
    parts = circle_overlap((steps - dx)[None], (steps - dy)[None], radius)
    assert parts.sum() == pytest.approx(np.pi * radius**2, rel=1e-12)
    assert parts.min() >= 0
    assert parts.max() <= 1
    mirrored = circle_overlap((steps + dx)[None], (steps - dy)[None], radius)
    np.testing.assert_allclose(parts[0], mirrored[0, :, ::-1], atol=1e-12)


def test_circles_with_nan_and_outside():
    image = IMAGE.copy()
    image[10, 10] = np.nan
    places = np.array([(10.0, 10.0), (13.0, 10.0), (12.4, 10.0), (-1000, -1000), (10, 60)])
    sums, errors = circle_sums(image, ERROR, positions=places, radii=(2.0,))
    assert np.isnan(sums[:, 0]).tolist() == [True, False, True, True, True]
    assert np.isnan(errors[:, 0]).tolist() == [False, False, False, True, True]


@pytest.mark.parametrize("ring", [(3.0, 6.0), (8.0, 13.0), (2.5, 2.9)])
def test_rings_agree_with_photutils(ring):
    from astropy.stats import SigmaClip
    from photutils.aperture import CircularAnnulus

    image = IMAGE.copy()
    image[5:9, 20:30] = np.nan
    image[RNG.random(image.shape) < 0.05] += 20
    median, error = ring_background(image, positions=PLACES, inner=ring[0], outer=ring[1])
    for index, mask in enumerate(CircularAnnulus(PLACES, *ring).to_mask(method="center")):
        values = np.asarray(mask.get_values(image), np.float64)
        if not np.isfinite(values).any():
            assert np.isnan([median[index], error[index]]).all()
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kept = SigmaClip(3.0)(values, masked=False)
            kept = kept[np.isfinite(kept)]
            wanted = np.median(kept), np.sqrt(np.pi / (2 * kept.size)) * np.std(kept)
        np.testing.assert_allclose((median[index], error[index]), wanted, rtol=1e-12)


def test_a_ring_without_pixels():
    median, error = ring_background(IMAGE, positions=np.array([(-1000.0, -1000.0), (20.0, 20.0)]), inner=3, outer=5)
    assert np.isnan(median[0])
    assert np.isnan(error[0])
    assert np.isfinite(median[1])
    nothing = np.full((20, 20), np.nan, np.float32)
    median, error = ring_background(nothing, positions=np.array([(10.0, 10.0)]), inner=3, outer=5)
    assert np.isnan([median, error]).all()


@pytest.mark.parametrize("fwhm", [1.0, 2.0, 3.5, 6.0])
def test_shapes_follow_the_formulas_on_the_whole_image(fwhm):
    sharpness, roundness = sharpness_roundness(IMAGE, PLACES, fwhm)
    kernel, circle = daofind_kernel(fwhm)
    assert kernel.sum() == pytest.approx(0, abs=1e-12)
    half = kernel.shape[0] // 2
    data = IMAGE.astype(np.float64)
    convolved = ndimage.convolve(data, kernel, mode="constant", cval=0.0)
    data, convolved = (np.pad(plane, 3 * half) for plane in (data, convolved))
    for index, (x, y) in enumerate(PLACES):
        row, column = (int(nearest_pixels(np.array([value]))[0]) + 3 * half for value in (y, x))
        cut = np.s_[row - half : row + half + 1, column - half : column + half + 1]
        values, around = data[cut], convolved[cut].copy()
        peak = values[half, half]
        if around[half, half] != 0:
            mean = ((values * circle).sum() - peak) / (circle.sum() - 1)
            assert sharpness[index] == pytest.approx((peak - mean) / around[half, half], rel=1e-7)
        around[half, half] = 0
        signs = np.zeros_like(around)
        signs[: half + 1, half + 1 :] = signs[half:, :half] = -1
        signs[:half, : half + 1] = signs[half + 1 :, half:] = 1
        if not around.any():
            assert np.isnan(roundness[index])
            continue
        wanted = 2 * (signs * around).sum() / np.abs(around).sum()
        assert roundness[index] == pytest.approx(wanted, rel=1e-6, abs=1e-12)


def test_shapes_do_not_depend_on_the_unit_and_a_round_star_is_round():
    star = MAKE.gaussians((21, 21), [(10, 10, 5, 1.2)], noise=0, background=0.0)
    one = sharpness_roundness(star, np.array([(10.0, 10.0)]), 2.5)
    other = sharpness_roundness(star.astype(np.float64) * 1e-8, np.array([(10.0, 10.0)]), 2.5)
    np.testing.assert_allclose(one[0], other[0], rtol=1e-12)
    assert abs(one[1][0]) < 1e-6
    assert np.isnan(sharpness_roundness(np.zeros((9, 9)), np.array([(4.0, 4.0)]), 2.0)).all()


def test_neighbours():
    places = np.array([(0.0, 0.0), (3.0, 4.0), (np.nan, 1.0), (3.0, 5.0)])
    labels, distances = nearest_neighbours(np.array([4, 5, 6, 9]), places)
    assert labels.tolist() == [5, 9, -1, 5]
    np.testing.assert_allclose(distances, [5.0, 1.0, np.nan, 1.0])
    alone = nearest_neighbours(np.array([4]), np.array([(1.0, 1.0)]))
    assert alone[0].tolist() == [-1]
    assert np.isnan(alone[1]).all()


def test_magnitudes():
    flux = np.array([3631.0, 1e-6, 0.0, -1.0, np.nan])
    abmag, abmag_err = flux_to_abmag(flux, np.array([0.0, 1e-7, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(abmag[:2], [0.0, 23.9], atol=1e-4)
    assert np.isposinf(abmag[2])
    assert np.isnan(abmag[3:]).all()
    assert abmag_err[1] == pytest.approx(2.5 * np.log10(1.1))
    assert np.isnan(abmag_err[3:]).all()


def test_north_and_position_angles():
    wcs = MAKE.tangent_wcs((50, 60), angle=25.0)
    angle = north_angle(wcs, 30.0, 20.0)
    assert angle == pytest.approx(90 - 25.0, abs=1e-3)
    np.testing.assert_allclose(sky_orientation(np.array([angle, angle + 90]), angle), [180.0, 270.0])


def test_boxes_of_labels():
    segments = np.zeros((9, 10), np.int32)
    segments[2:4, 5:8] = 3
    boxes = bounding_boxes(segments, np.array([3, 2, 7]))
    assert boxes[0].tolist() == [4.5, 8.5, 1.5, 4.5]
    assert np.isnan(boxes[1:]).all()


def test_cutouts():
    values, inside = gather(IMAGE.astype(">f4"), np.array([[-1, 0, 39, 40]]), np.array([[0, 1, 49, 3]]))
    assert inside.tolist() == [[False, True, True, False]]
    assert values.tolist() == [[0, float(IMAGE[0, 1]), float(IMAGE[39, 49]), 0]]
    assert [part.stop - part.start for part in batches(5, 1 << 15)] == [2, 2, 1]
    assert list(batches(0, 10)) == []


def test_units_there_and_back():
    model = MAKE.image()
    before = model.data.copy()
    JWSTSourceCatalog.convert_mjysr_to_jy(model)
    np.testing.assert_allclose(model.data, before * 1e6 * MAKE.PIXEL_AREA, rtol=2e-7)
    assert (model.meta.bunit_data, model.meta.bunit_err) == ("Jy", "Jy")
    with pytest.raises(InputError, match="is in Jy"):
        JWSTSourceCatalog.convert_mjysr_to_jy(model)
    JWSTSourceCatalog.convert_jy_to_mjysr(model)
    np.testing.assert_allclose(model.data, before, rtol=3e-7)
    assert model.meta.bunit_err == "MJy/sr"
    abmag, _ = JWSTSourceCatalog.convert_flux_to_abmag(np.array([1.0]), np.array([0.1]))
    assert abmag[0] == 8.9


def test_positions_that_are_unknown_and_images_in_jansky():
    from astropy.table import QTable

    circles = {
        "aperture_ee": (30, 50, 70),
        "aperture_radii": (1.25, 1.8, 3.1),
        "aperture_corrections": (3.3, 2.0, 1.43),
        "bkg_aperture_inner_radius": 8,
        "bkg_aperture_outer_radius": 13,
    }
    found = QTable({"label": [1, 2], "xcentroid": [30.0, np.nan], "ycentroid": [40.0, 3.0], "flux": [5.0, 1.0]})
    model = MAKE.image()
    catalog = JWSTSourceCatalog(model, found, 2.0, circles, 1.7, (2.0, 1.8)).catalog
    assert np.isnan(catalog["aper30_flux"][1])
    assert np.isnan(catalog["sharpness"][1])
    assert catalog["nn_label"].tolist() == [-1, -1]
    assert catalog["isophotal_flux"][0].value == pytest.approx(5e6 * MAKE.PIXEL_AREA)
    JWSTSourceCatalog.convert_mjysr_to_jy(model)
    again = JWSTSourceCatalog(model, found, 2.0, circles, 1.7, (2.0, 1.8)).catalog
    np.testing.assert_allclose(again["aper70_flux"], catalog["aper70_flux"], rtol=1e-6)
    assert again["isophotal_flux"][0].value == 5.0
