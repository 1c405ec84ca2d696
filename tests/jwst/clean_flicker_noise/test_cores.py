"""Cores of clean_flicker_noise: medians of lines, clipping, background, loops."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.stats import sigma_clipped_stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.clean_flicker_noise.background_level import (
    Bounds,
    background_bounds,
    lower_half_deviation,
    sigma_clipped,
)
from jwst.clean_flicker_noise.background_mesh import MeshError, background_model, default_box
from jwst.clean_flicker_noise.clean_flicker_noise import Cleaner, Cleaning, Kept, clean_images, clean_ramps
from jwst.clean_flicker_noise.flat import fill_flat
from jwst.clean_flicker_noise.image_background import find_background, restrict, subtract_model
from jwst.clean_flicker_noise.line_medians import Range, lines_size, sort_lines
from jwst.clean_flicker_noise.scene_mask import scene_mask
from jwst.clean_flicker_noise.tso_median_image import integration_scales, median_over_integrations
from jwst.lib.sample import ordered


def clean(image, mask=None, **options):
    """Clean one image."""
    image = np.array(image, np.float32)
    mask = np.ones(image.shape, bool) if mask is None else mask
    clean_images(image[None], mask, Cleaner(image.shape, Cleaning(**options)), Kept())
    return image


SMALL = np.array([[1, 2, 3, 100], [4, 5, 6, 7], [0, 0, 9, 9], [2, 2, 2, 2]], np.float32)


def test_medians_of_rows_and_columns():
    mask = np.ones((4, 4), bool)
    mask[0, 3] = False
    rows = clean(SMALL, mask, background=None)
    np.testing.assert_array_equal(rows, [[-1, 0, 1, 98], [-1.5, -0.5, 0.5, 1.5], [-4.5, -4.5, 4.5, 4.5], [0] * 4])
    columns = clean(SMALL, mask, background=None, axis=0)
    np.testing.assert_array_equal(columns[:2], [[-0.5, 0, -1.5, 93], [2.5, 3, 1.5, 0]])
    mask[2] = False
    np.testing.assert_array_equal(clean(SMALL, mask, background=None)[2], SMALL[2])


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", [(5, 7), (700, 40), (40, 1100)])
@pytest.mark.parametrize("ranges", [(), (Range(Bounds(-30, 20)),), (Range(Bounds(-30, 30)), Range(Bounds(-9, 5), 2.5))])
def test_medians_of_lines(shape, axis, ranges):
    rng = np.random.default_rng(3)
    image = (rng.normal(0, 15, shape) + np.linspace(0, 30, shape[1])).astype(np.float32)
    mask = rng.random(shape) < 0.8
    mask[1], mask[:, 2], mask[2, 1:] = False, False, False
    ranges = tuple(Range(entry.bounds, np.float32(entry.shift)) for entry in ranges)
    lines = sort_lines(image, mask, axis, out=np.empty(lines_size(shape, axis), np.float32))
    shift = np.float32(1.25)
    kept = mask.copy()
    restrict(kept, image, ranges)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        wanted = np.nanmedian(np.where(kept, image - shift, np.nan), axis=axis)
    np.testing.assert_allclose(lines.medians(ranges, shift), np.nan_to_num(wanted), rtol=1e-6, atol=1e-6)


def test_empty_ranges_give_zero():
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    lines = sort_lines(image, np.ones((3, 4), bool), 1, out=np.empty(12, np.float32))
    assert not lines.medians((Range(Bounds(np.nan, np.nan)),)).any()


def test_channels_have_their_own_medians():
    image = np.repeat(np.arange(4, dtype=np.float32), 512)[None] + np.array([[0], [10]], np.float32)
    assert not clean(image, by_channel=True, background=None).any()
    assert not clean(image.T.copy(), by_channel=True, background=None, axis=0).any()
    assert clean(image, background=None).any()


@settings(max_examples=60)
@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=40))
def test_clipping_is_that_of_astropy(values):
    values = np.array([*values, 1e6], np.float32)
    found = sigma_clipped(ordered(values))
    wanted = sigma_clipped_stats(values.astype(np.float64))
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-4)
    centre = wanted[1]
    lower = values[values <= centre].astype(np.float64)
    mirrored = sigma_clipped_stats(np.concatenate([lower, 2 * centre - lower]))[2]
    np.testing.assert_allclose(lower_half_deviation(ordered(values), centre), mirrored, rtol=1e-5, atol=1e-3)


def test_clip_of_a_ramp_of_numbers():
    image = np.arange(100, dtype=np.float32).reshape(10, 10)
    image[0, 0], image[5, 5] = 1000, -1000
    mask = np.ones((10, 10), bool)
    restrict(mask, image, (Range(background_bounds(ordered(image.ravel()), 3, 2)),))
    assert sorted(map(tuple, np.argwhere(~mask))) == [(0, 0), (5, 5)]
    assert find_background(image, mask, method="median", n_sigma=0).level == 49.5


def test_nothing_to_clip():
    empty = ordered(np.empty(0, np.float32))
    assert np.isnan(sigma_clipped(empty)).all()
    assert background_bounds(empty, 3, 3).empty
    assert not Bounds(np.nan, np.nan).within(np.zeros(3, np.float32)).any()


def test_boxes():
    assert default_box((2048, 90)) == (32, 30)
    image = np.full((40, 30), 7, np.float32)
    mask = np.ones(image.shape, bool)
    assert (background_model(image, mask, (10, 10)) == 7).all()
    mask[:, ::2] = False
    with pytest.raises(MeshError, match="background_box_size"):
        background_model(image, mask, (10, 10))


def test_a_plane_is_modelled():
    y, x = np.indices((96, 128), dtype=np.float32)
    image = 3 + 0.01 * x + 0.02 * y
    mask = np.ones(image.shape, bool)
    mask[10:20, 30:60] = False
    image[10:20, 30:60] += 500
    model = background_model(image, mask, (8, 8))
    np.testing.assert_allclose(model[24:-24, 24:-24], (3 + 0.01 * x + 0.02 * y)[24:-24, 24:-24], atol=0.02)
    assert subtract_model(image, np.zeros_like(mask), None) is None


def ramp(flags=None):
    steps = 50 + np.arange(6, dtype=np.float32)[:, None] * np.array([0, 1, -1], np.float32)[:, None, None]
    steps = np.repeat(np.broadcast_to(steps, (3, 6, 1)), 6, axis=2)
    steps[2, 3] += 5
    data = np.concatenate([np.zeros((1, 6, 6)), np.cumsum(steps, axis=0)]).astype(np.float32)[None]
    return data, np.zeros(data.shape, np.uint8)


def test_groups_become_alike_without_background():
    data, groupdq = ramp()
    groupdq[0, 2, 4] = 4
    before = data.copy()
    kept = Kept(np.zeros_like(data), np.zeros_like(data))
    cleaner = Cleaner((6, 6), Cleaning(background=None, n_sigma=0))
    clean_ramps(data, groupdq, np.ones((6, 6), bool), cleaner, kept)
    rows = np.arange(6) != 4
    assert not data[:, :, rows].any()
    assert (data[0, 2:, 4] == before[0, 2, 4] - before[0, 1, 4]).all()
    np.testing.assert_array_equal(kept.noise, data - before)
    assert not kept.background.any()


def test_the_background_stays():
    data, groupdq = ramp()
    kept = Kept(np.zeros_like(data))
    cleaner = Cleaner((6, 6), Cleaning(n_sigma=0))
    clean_ramps(data, groupdq, np.ones((6, 6), bool), cleaner, kept)
    np.testing.assert_array_equal(data[0, :, 0, 0], np.cumsum(kept.background[0, :, 0, 0]))
    assert not kept.background[0, 0].any()


def test_groups_without_background_are_left_alone(caplog):
    data, groupdq = ramp()
    groupdq[0, 2] = 1
    before = data.copy()
    cleaner = Cleaner((6, 6), Cleaning(background=None))
    clean_ramps(data, groupdq, np.ones((6, 6), bool), cleaner, Kept())
    assert "integration 1, group 2" in caplog.text
    np.testing.assert_array_equal(data[0, 2], before[0, 2] - before[0, 1])


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_lines_without_offsets_stay_and_offsets_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 100, (12, 15)).astype(np.float32)
    offsets = rng.integers(-50, 50, (12, 1)).astype(np.float32)
    once = clean(image, background=None)
    np.testing.assert_array_equal(clean(once, background=None), once)
    np.testing.assert_array_equal(clean(image + offsets, background=None), once)


def test_invalid_pixels():
    image = np.arange(20, dtype=np.float32).reshape(4, 5)
    image[0, 0], image[1, 1], image[2, 2] = np.nan, np.inf, -np.inf
    found = clean(image, background=None)
    assert np.isnan(found[0, 0])
    assert found[1, 1] == np.inf
    assert np.isfinite(found).sum() == 17
    np.testing.assert_array_equal(clean(np.full((3, 3), np.nan)), np.full((3, 3), np.nan))


def test_masks_of_integrations_repeat_over_their_images():
    images = np.tile(np.array([0, 0, 9], np.float32), (4, 3, 1))
    masks = np.ones((2, 3, 3), bool)
    masks[1, :, :2] = False
    clean_images(images, masks, Cleaner((3, 3), Cleaning(background=None)), Kept())
    assert (images[:2, :, 0] == 0).all()
    assert (images[2:, :, 0] == -9).all()


def test_base_of_images():
    base = np.arange(9, dtype=np.float32).reshape(3, 3)
    image = (base + np.array([[1], [2], [3]], np.float32))[None]
    kept = Kept(np.zeros_like(image))
    clean_images(image, np.ones((3, 3), bool), Cleaner((3, 3), Cleaning(background=None)), kept, lambda _: base)
    np.testing.assert_array_equal(image[0], base)
    np.testing.assert_array_equal(kept.background[0], base)


def test_flat_field_is_filled():
    flat = np.full((20, 30), 2, np.float32)
    flat[3, 4], flat[5, 6], flat[7, 8] = 0, np.nan, np.inf
    assert (fill_flat(flat) == 2).all()
    assert (fill_flat(np.zeros((4, 4), np.float32)) == 1).all()


def test_scene():
    rng = np.random.default_rng(1)
    rate = rng.uniform(4, 6, (2, 40, 50)).astype(np.float32)
    rate[0, 3, 4], rate[1, 5, 6], rate[0, 10, 10] = np.nan, 0, 500
    excluded = np.zeros((40, 50), bool)
    excluded[20] = True
    mask = scene_mask(rate, excluded, n_sigma=5)
    assert sorted(map(tuple, np.argwhere(~mask[:20]))) == [(3, 4), (5, 6), (10, 10)]
    assert not mask[20].any()
    each = scene_mask(rate, None, n_sigma=5, single=False)
    assert each.shape == rate.shape
    assert each[1, 3, 4]
    assert scene_mask(np.full((3, 3), 4, np.float32), None, n_sigma=2, fit_histogram=True).all()


def test_medians_over_integrations():
    rng = np.random.default_rng(4)
    data = rng.normal(0, 1, (5, 2, 6, 7)).astype(np.float32)
    data[rng.random(data.shape) < 0.2] = np.nan
    data[:, 0, 0, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        wanted = np.nanmedian(data, axis=0)
    np.testing.assert_array_equal(median_over_integrations(data), wanted)


def test_scales_of_integrations():
    rates = np.array([1, 2, np.nan, 4], np.float32)[:, None, None] * np.ones((4, 3, 3), np.float32)
    np.testing.assert_array_equal(integration_scales(rates), [0.5, 1, 1, 2])
    assert integration_scales(np.full((2, 3, 3), np.nan, np.float32)) is None
