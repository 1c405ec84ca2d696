"""The Fourier fits of NIRSpec, and how much 1/f noise each method takes out."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.clean_flicker_noise.clean_flicker_noise import Cleaner, Cleaning, Kept, clean_images
from jwst.clean_flicker_noise.nsclean import SIZE, gaussian_spectrum, subtract_low_frequencies, transposed
from jwst.clean_flicker_noise.nsclean_subarray import Band, clip_outliers, sections, subtract_sections

PINK = 4.0


def pink_noise(rng, lines, length, overhead=12):
    """1/f noise of an array in the order of its readout, (lines, length) of float64."""
    count = lines * (length + overhead)
    frequency = np.fft.rfftfreq(count)
    spectrum = rng.normal(size=(2, frequency.size)) / np.sqrt(np.maximum(frequency, frequency[1]))
    series = np.fft.irfft(spectrum[0] + 1j * spectrum[1], count)
    series *= PINK / series.std()
    return series.reshape(lines, -1)[:, :length]


def low_power(noise):
    """Power along the fast axis below eight cycles per line, of (lines, length)."""
    return (np.abs(np.fft.rfft(noise, axis=1)[:, :8]) ** 2).mean() / noise.shape[1] ** 2


@pytest.fixture(scope="module")
def frame():
    """A full frame, lines first: flicker noise, white noise, and a mask with science in it."""
    rng = np.random.default_rng(8)
    noise = pink_noise(rng, SIZE, SIZE)
    mask = rng.random((SIZE, SIZE)) > 0.05
    mask[:, 922:1116] = False
    return noise, noise + rng.normal(0, 5, noise.shape), mask


def test_full_frame_loses_its_flicker_noise(frame):
    noise, lines, mask = frame
    image = lines.T.astype(np.float32)
    assert subtract_low_frequencies(image, mask.T.copy(), "NRS1")
    rest = noise - (lines - image.T)
    assert low_power(rest[20:-20]) < 0.2 * low_power(noise[20:-20])


def test_detectors_differ_by_the_direction_of_their_lines(frame):
    _, lines, mask = frame
    first = lines.T.astype(np.float32)
    second = first[:, ::-1].copy()
    subtract_low_frequencies(first, mask.T.copy(), "NRS1")
    subtract_low_frequencies(second, mask.T[:, ::-1].copy(), "NRS2")
    np.testing.assert_allclose(second[:, ::-1], first, atol=1e-5)


def test_no_line_with_background(frame):
    image = frame[1].T.astype(np.float32)
    before = image.copy()
    mask = np.zeros((SIZE, SIZE), bool)
    mask[:, :4] = True
    assert not subtract_low_frequencies(image, mask, "NRS1")
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_subarray_loses_its_flicker_noise(detector):
    rng = np.random.default_rng(2)
    noise = pink_noise(rng, 256, 64)
    lines = noise + rng.normal(0, 1, noise.shape)
    mask = rng.random(lines.shape) > 0.05
    mask[:, 25:32] = False
    flip = slice(None, None, -1 if detector == "NRS2" else 1)
    image = lines[flip].T.astype(np.float32)
    assert subtract_sections(image, mask[flip].T, detector, Band())
    rest = noise - (lines - image.T[flip])
    assert low_power(rest) < 0.25 * low_power(noise)


def test_medians_take_the_flicker_noise_out():
    rng = np.random.default_rng(3)
    noise = pink_noise(rng, 512, 512)
    image = (noise + rng.normal(0, 5, noise.shape) + 40).astype(np.float32)
    before = image.copy()
    image[100:110, 200:220] += 900
    clean_images(image[None], np.ones(image.shape, bool), Cleaner(image.shape, Cleaning()), Kept())
    image[100:110, 200:220] -= 900
    rest = noise - (before.astype(np.float64) - image)
    rest -= rest.mean()
    assert low_power(rest) < 0.3 * low_power(noise - noise.mean())
    assert (rest.mean(axis=1) ** 2).mean() < 0.03 * ((noise - noise.mean()).mean(axis=1) ** 2).mean()


def test_a_constant_line_is_taken_out():
    mask = np.ones((32, 60), bool)
    image = np.full(mask.shape, 7, np.float32)
    assert subtract_sections(image, mask, "NRS1", Band())
    assert np.abs(image).max() < 1e-4


def test_frequencies_of_a_section():
    band = Band()
    np.testing.assert_array_equal(np.flatnonzero(band.gains(16 * 44)), [*range(9), 352])
    assert band.density_sigma == pytest.approx(11.0035, abs=1e-4)
    assert Band.of("ALLSLITS").corners[:2] == (150, 200)
    assert Band.of(None) == band


def test_sections_overlap_and_cover_all_lines():
    counts = np.array([0, 0, *[100] * 40, 0])
    found = list(sections(counts))
    assert found[0] == (2, 8)
    assert found[-1][1] == 42
    assert all(begin < end for begin, end in found)
    assert all(later[0] < earlier[1] for earlier, later in zip(found, found[1:]))
    assert list(sections(np.array([0, 5, 5, 0]))) == [(1, 3)]


def test_outliers_and_their_neighbours_leave_the_mask():
    rng = np.random.default_rng(0)
    lines = rng.uniform(-1, 1, (9, 9)).astype(np.float32)
    lines[4, 4] = 100
    mask = clip_outliers(lines, np.ones((9, 9), bool))
    assert sorted(map(tuple, np.argwhere(~mask))) == [(3, 4), (4, 3), (4, 4), (4, 5), (5, 4)]
    assert not clip_outliers(lines, np.zeros((9, 9), bool)).any()


@pytest.mark.parametrize("some", [False, True])
def test_a_subarray_without_background(some, caplog):
    mask = np.zeros((20, 50), bool)
    mask[::5, ::5] = some
    image = np.random.default_rng(1).uniform(-1, 1, mask.shape).astype(np.float32)
    before = image.copy()
    assert subtract_sections(image, mask, "NRS1", Band()) == some
    np.testing.assert_array_equal(image, before)
    assert ("too little background" in caplog.text) == some


def test_gaussian_is_one_sample_late():
    kernel = np.fft.irfft(gaussian_spectrum(64, 3.0), 64)
    assert kernel.sum() == pytest.approx(1)
    assert kernel.argmax() == 1
    np.testing.assert_allclose(kernel[[0, 63]], kernel[[2, 3]], atol=1e-12)


def test_transposition():
    image = np.arange(35 * 20).reshape(35, 20)
    np.testing.assert_array_equal(transposed(image), image.T)
