"""The median of masked pixels is that of numpy, whether the sample tells where it is or not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwst.picture_frame import masked_median as module
from jwst.picture_frame.masked_median import masked_median
from jwst.picture_frame.picture_frame import SIZE, Regions


def by_definition(parts):
    values = np.concatenate([image[mask & np.isfinite(image)] for image, mask in parts])
    return np.median(values) if values.size else np.float32(np.nan)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(0, 90), st.integers(1, 90)),
    used=st.sampled_from([0.0, 0.001, 0.3, 1.0]),
    step=st.sampled_from([0.0, 0.5, 30.0]),
)
def test_equal_to_numpy(seed, shape, used, step):
    """``step`` rounds the values, so that many are equal."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(2):
        image = rng.normal(3, 10, (shape[0], 2 * shape[1])).astype(np.float32)
        image = np.round(image / step) * np.float32(step) if step else image
        image[rng.random(image.shape) < 0.02] = rng.choice([np.nan, np.inf, -np.inf])
        parts.append((image[:, ::2], rng.random(shape) < used))
    expected = by_definition(parts)
    np.testing.assert_array_equal(masked_median(parts), expected)


def test_a_sample_saves_the_sort(monkeypatch):
    """Of a large image only few values are put in order."""
    sizes = []
    original = module._mean_of
    monkeypatch.setattr(
        module, "_mean_of", lambda values, *ranks: sizes.append(len(values)) or original(values, *ranks)
    )
    image = np.random.default_rng(1).normal(0, 1, (700, 700)).astype(np.float32)
    mask = np.ones(image.shape, bool)
    assert masked_median([(image, mask)]) == by_definition([(image, mask)])
    assert sizes[0] < 0.05 * image.size


@pytest.mark.parametrize("axis", [0, 1])
def test_noise_along_rows_or_columns_does_not_mislead_the_sample(axis, monkeypatch):
    sizes = []
    original = module._mean_of
    monkeypatch.setattr(
        module, "_mean_of", lambda values, *ranks: sizes.append(len(values)) or original(values, *ranks)
    )
    rng = np.random.default_rng(6)
    stripes = rng.normal(0, 5, (700, 1) if axis == 0 else (1, 720))
    image = rng.normal(0, 1, (700, 720)) + stripes
    parts = [(image.astype(np.float32), np.ones(image.shape, bool))]
    assert masked_median(parts) == by_definition(parts)
    assert sizes[0] < 0.05 * image.size


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sample_that_is_far_off(sign):
    """The pixels of the sample are all different from the others."""
    image = np.arange(600 * 600, dtype=np.float32).reshape(600, 600)
    image[module._lattice(image.shape, module.SAMPLE)] += sign * np.float32(1e6)
    mask = np.ones(image.shape, bool)
    assert masked_median([(image, mask)]) == by_definition([(image, mask)])


def test_regions_are_measured_whole():
    """Every background pixel of a region counts once."""
    rng = np.random.default_rng(2)
    regions = Regions.of(rng.random((SIZE, SIZE)) < 0.5)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for image in (rows, columns, rows * columns % 1009, (rows - columns) % 97):
        image = image.astype(np.float32)
        for level, mask in zip(regions.levels(image), (regions.centre, regions.edge)):
            assert level == np.median(image[mask])
