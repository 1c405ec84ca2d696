"""Medians of patches, weights, temporary files, blots."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import numpy as np
import pytest
from astropy.stats import sigma_clip
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jwst.outlier_detection import median as median_module
from jwst.outlier_detection.blotting import blot
from jwst.outlier_detection.median import Patch, mask_low_weights, median_of_patches, nan_median, weight_threshold
from jwst.outlier_detection.patch_store import PatchStore

NAN = np.nan


def test_threshold_of_the_specification():
    weights = np.full((10, 10), 4, np.float32)
    weights[:3] = 1
    weights[0, 5], weights[6, 6] = 0, NAN
    assert weight_threshold(weights, 0.7) == pytest.approx(2.1785714, abs=1e-7)


def test_threshold_clips_as_astropy_does():
    rng = np.random.default_rng(5)
    weights = rng.gamma(9, 200, (60, 70)).astype(np.float32)
    weights[rng.random(weights.shape) < 0.1] = 0
    weights[3, :20] *= 30
    used = weights[weights != 0]
    expected = 0.7 * np.mean(sigma_clip(used, sigma=3, maxiters=5, masked=False), dtype=np.float64)
    assert weight_threshold(weights, 0.7) == pytest.approx(expected, rel=1e-12)


def test_no_weight_masks_nothing():
    data = np.ones((2, 2), np.float32)
    threshold = weight_threshold(np.zeros((2, 2), np.float32), 0.7)
    assert math.isnan(threshold)
    mask_low_weights(data, np.zeros((2, 2), np.float32), threshold)
    assert (data == 1).all()


@given(
    st.integers(1, 9).flatmap(
        lambda n: arrays(np.float32, (n, 4, 5), elements=st.sampled_from([NAN, -2, 0, 1, 3.5, np.inf]))
    )
)
@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_nan_median_is_that_of_numpy(stack):
    with np.errstate(invalid="ignore"):
        expected = np.nanmedian(stack.astype(np.float64), axis=0)
    found = nan_median(stack.copy())
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_mean_of_two_is_rounded_as_float32():
    stack = np.random.default_rng(1).normal(size=(4, 30, 30)).astype(np.float32)
    ordered = np.sort(stack, axis=0)
    np.testing.assert_array_equal(nan_median(stack), (ordered[1] + ordered[2]) / np.float32(2))


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("block", [7, 300, 1 << 18])
@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_median_of_patches(on_disk, block, monkeypatch, tmp_path):
    monkeypatch.setattr(median_module, "BLOCK", block)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    shape, planes = (23, 17), []
    with PatchStore(on_disk=on_disk) as store:
        for y, x, ny, nx, outside in ((0, 0, 12, 17, NAN), (5, 3, 18, 9, NAN), (10, 8, 4, 4, 0.5), (0, 0, 0, 0, NAN)):
            data = rng.normal(size=(ny, nx)).astype(np.float32)
            data[data > 1.3] = NAN
            whole = np.full(shape, outside, np.float32)
            whole[y : y + ny, x : x + nx] = data
            planes.append(whole)
            store.add(data, (y, x), outside=outside)
            np.testing.assert_array_equal(store.patches[-1].whole(shape), whole)
        found = np.array(median_of_patches(store.patches, shape, out=store.plane(shape)))
        assert bool(os.listdir(tmp_path)) is on_disk
    assert not os.listdir(tmp_path)
    np.testing.assert_array_equal(found, np.nanmedian(np.stack(planes), axis=0))


def test_files_go_when_a_run_fails(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def fail():
        with PatchStore(on_disk=True) as store:
            store.add(np.ones((3, 3), np.float32), (0, 0))
            assert os.listdir(tmp_path)
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert not os.listdir(tmp_path)


def test_patch_beyond_the_rows_asked_for():
    out = np.empty((2, 3), np.float32)
    Patch(5, 0, np.ones((2, 3), np.float32)).rows_into(out, 0)
    assert np.isnan(out).all()


@dataclass
class Places:
    """A map that is there as a whole."""

    pixmap: np.ndarray

    @property
    def shape(self):
        return self.pixmap.shape[:2]

    def rows(self, start, stop):
        return self.pixmap[start:stop].copy()


def test_blot_is_that_of_the_library():
    from drizzle.resample import blot_image

    rng = np.random.default_rng(8)
    image = rng.normal(size=(1500, 90)).astype(np.float32)
    image[700:705, 40:45] = NAN
    y, x = np.mgrid[:600, :130].astype(float)
    pixmap = np.stack([x * 0.8 - 5.3 + 0.01 * y, y * 2.4 + 3.7 - 0.02 * x], axis=-1)
    pixmap[50:60, :20] = NAN
    expected = np.full((600, 130), NAN, np.float32)
    filled = np.where(np.isnan(pixmap), -1.0, pixmap)
    blot_image(image, filled, out_img=expected, fillval=NAN, iscale=1.0, interp="linear")
    np.testing.assert_array_equal(blot(image, Places(pixmap)), expected)
    assert 0 < np.isnan(expected).sum() < expected.size
