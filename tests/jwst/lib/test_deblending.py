"""Deblending of segments: the same labels as photutils gives."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import ndimage

from jwst.lib import deblending
from jwst.lib.deblending import Deblending, deblend, touching


def field(seed, *, size=90, count=40, background=0.0, dtype=np.float32):
    """A smooth crowded field: many overlapping sources."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    image = rng.normal(background, 0.1, (size, size))
    for x0, y0, flux in zip(*rng.uniform(5, size - 5, (2, count)), 10 ** rng.uniform(0, 2, count)):
        image += flux * np.exp(-0.5 * ((x - x0) ** 2 + (y - y0) ** 2) / rng.uniform(1, 3) ** 2)
    return ndimage.gaussian_filter(image, 0.8).astype(dtype)


def segments_of(image, threshold, how):
    return touching(image > threshold, how)


def by_photutils(image, segments, how):
    from photutils.segmentation import SegmentationImage, deblend_sources

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return deblend_sources(
            image,
            SegmentationImage(segments),
            how.n_pixels,
            n_levels=how.n_levels,
            contrast=how.contrast,
            mode=how.mode,
            connectivity=how.connectivity,
            progress_bar=False,
        ).data


CASES = {
    "default": Deblending(),
    "small": Deblending(n_pixels=3),
    "corners_apart": Deblending(n_pixels=5, connectivity=4),
    "linear": Deblending(n_pixels=5, mode="linear", n_levels=12),
    "sinh": Deblending(n_pixels=5, mode="sinh", contrast=0.02),
    "bright_only": Deblending(n_pixels=3, contrast=0.2),
    "everything": Deblending(n_pixels=1, contrast=0.0),
    "one_level": Deblending(n_pixels=3, n_levels=1),
    "nothing": Deblending(contrast=1.0),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("scene", ["bright", "tiny_unit", "below_zero", "double"])
def test_same_labels_as_photutils(name, scene):
    image = field(len(name), dtype=np.float64 if scene == "double" else np.float32)
    image *= image.dtype.type(2.3e-8 if scene == "tiny_unit" else 1)
    threshold = -0.05 if scene == "below_zero" else 0.5 * (2.3e-8 if scene == "tiny_unit" else 1)
    how = CASES[name]
    segments = segments_of(image, threshold, how)
    before = segments.copy()
    found = deblend(image, segments, how)
    assert found is segments
    np.testing.assert_array_equal(found, by_photutils(image, before, how))
    np.testing.assert_array_equal(found > 0, before > 0)
    if name in ("default", "small"):
        assert found.max() > before.max()


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("n_pixels", [1, 3, 40])
def test_same_segments_as_photutils(connectivity, n_pixels):
    from photutils.segmentation import detect_sources

    image = field(2, size=300)
    image[:20, :30] = np.nan
    found = touching(image > 0.3, Deblending(n_pixels=n_pixels, connectivity=connectivity))
    wanted = detect_sources(image, 0.3, n_pixels, connectivity=connectivity).data
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype == wanted.dtype
    assert touching(image > 1e9, Deblending()) is None
    assert touching(image > 0.3, Deblending(n_pixels=10**6)) is None


def test_levels_in_portions(monkeypatch):
    image, how = field(3), Deblending(n_pixels=4)
    segments = segments_of(image, 0.5, how)
    whole = deblend(image, segments.copy(), how)
    monkeypatch.setattr(deblending, "_LARGEST", 2000)
    np.testing.assert_array_equal(deblend(image, segments, how), whole)


def test_too_many_parts_are_cut_at_linear_levels(monkeypatch):
    image = np.tile(np.array([[1, 1, 1], [1, 9, 1], [1, 1, 1]], np.float32), (20, 20)) + field(1, size=60, count=1)
    how = Deblending(n_pixels=1, contrast=0.0)
    segments = np.ones(image.shape, np.int32)
    found = deblend(image, segments.copy(), how)
    np.testing.assert_array_equal(found, by_photutils(image, segments, how))
    assert found.max() > 200


def test_segments_that_cannot_fall_apart():
    flat = np.ones((9, 9), np.float32)
    segments = np.zeros((9, 9), np.int32)
    assert not deblend(flat, segments, Deblending()).any()
    segments[2:8, 2:8] = 1
    np.testing.assert_array_equal(deblend(flat, segments.copy(), Deblending()), segments)
    segments[segments == 1] = 4
    assert set(np.unique(deblend(flat, segments, Deblending()))) == {0, 1}
