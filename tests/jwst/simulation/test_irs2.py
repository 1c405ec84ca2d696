"""IRS2 frames: layout, noise that the reference pixels see, coefficients of the reference file."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jwst.simulation import ExposureSettings, NoiseSettings, Scene, make_detector
from jwst.simulation.detectors import find_detector
from jwst.simulation.irs2 import (
    IRS2_LINES,
    NORMAL_COLUMN,
    NORMAL_SLOT,
    REFERENCE_COLUMN,
    REFERENCE_SLOT,
    SERIES,
    SLOTS,
    Irs2Frame,
    irs2_coefficients,
    normal_rows,
)
from jwst.simulation.ramp import expose

QUIET = NoiseSettings(
    read_noise=0, one_over_f=0, ktc=0, amplifier_drift=0, odd_even_drift=0, cosmic_rays=0, snowballs=0, irs2=0
)
SETTINGS = ExposureSettings(
    "NRS2", readpatt="NRSIRS2RAPID", ngroups=1, noise=QUIET, scene=Scene(sky=0, stars=0, galaxies=0)
)


def test_rows_of_pixels_and_of_references():
    """Spec common_detector.md §6: rows 8-11, 28-31, ... of each sector, and the whole first sector."""
    expected = [row for row in range(640, 3200) if not any((row - 8 - k) % 20 == 0 for k in range(4))]
    np.testing.assert_array_equal(normal_rows(find_detector("NRS1")), expected)
    np.testing.assert_array_equal(normal_rows(find_detector("NRS2")), np.sort(3199 - np.array(expected)))


def test_every_column_of_a_sector_is_read_once():
    assert sorted([*NORMAL_COLUMN, *REFERENCE_COLUMN]) == list(range(640))
    slots = [*NORMAL_SLOT, *REFERENCE_SLOT]
    assert len(set(slots)) == 640
    assert max(slots) < SLOTS
    assert REFERENCE_SLOT[:8].tolist() == [9, 10, 11, 12, 31, 32, 33, 34]


@pytest.fixture(scope="module")
def detector():
    return make_detector("NRS2", SETTINGS.region)


def test_frame_holds_pixels_in_their_rows(detector):
    rate = np.zeros(detector.flat.shape, np.float32)
    rate[100, 7] = 1000.0
    hits = np.zeros(0, np.dtype([(name, "i4") for name in ("integration", "frame", "y", "x", "electrons")]))
    data = expose(SETTINGS, detector, rate=rate, hits=hits).data
    assert data.shape == (1, 1, IRS2_LINES, 2048)
    rows = normal_rows(find_detector("NRS2"))
    cold = detector.dark < 0.1
    step = data[0, 0, rows].astype(np.float32) - detector.bias
    assert step[100, 7] > 5000
    step[100, 7] = 0
    assert np.abs(step[cold]).max() < 12
    reference = np.setdiff1d(np.arange(IRS2_LINES), rows)
    assert np.median(data[0, 0, reference]) > 10000


def test_references_beside_a_pixel_see_its_slow_noise(detector):
    settings = dataclasses.replace(SETTINGS, noise=dataclasses.replace(QUIET, one_over_f=5.0, irs2=3.0))
    frame = Irs2Frame(settings, detector)
    with ThreadPoolExecutor(2) as pool:
        noise = frame.noise((1, 2, 3), frames=1, pool=pool)[::-1]
    assert noise.std() == pytest.approx(np.sqrt(5.0**2 + 3.0**2), rel=0.15)
    sector = noise[640:1280]
    correlated = np.corrcoef(sector[REFERENCE_COLUMN].mean(axis=0), sector[NORMAL_COLUMN].mean(axis=0))[0, 1]
    assert correlated > 0.9
    others = np.corrcoef(sector.mean(axis=0), noise[1280:1920].mean(axis=0))[0, 1]
    assert others < correlated


def test_estimate_is_as_good_as_it_says():
    """Apply alpha and beta to series of pure noise, sampled as by reference output and reference pixels."""
    noise = NoiseSettings(irs2=6.0, one_over_f=2.2)
    coefficients = irs2_coefficients(noise)
    rng = np.random.default_rng(3)
    wave = np.maximum(np.arange(SERIES // 2 + 1), 1)
    harmonic = np.log(SERIES / 2) + np.euler_gamma

    def series(rms: float) -> np.ndarray:
        amplitude = rms / np.sqrt(harmonic * wave) * SERIES / 2
        amplitude[0] = 0
        random = rng.standard_normal(len(wave)) + 1j * rng.standard_normal(len(wave))
        return np.fft.irfft(random * amplitude, n=SERIES)

    shared, own = series(6.0), series(2.2)
    output = shared + 4.1 * rng.standard_normal(SERIES)
    beside = np.zeros((2048, SLOTS))
    seen = (shared + own + 4.1 * rng.standard_normal(SERIES)).reshape(2048, SLOTS)
    for block in range(32):
        start = 22 * block
        beside[:, start + 7 : start + 15] = seen[:, start + np.array([9, 11, 9, 11, 10, 12, 10, 12])]
    estimate = np.fft.fft(beside.ravel()) * coefficients.beta + np.fft.fft(output) * coefficients.alpha
    left = shared + own - np.fft.ifft(estimate).real
    assert left.std() == pytest.approx(coefficients.left_over, rel=0.05)
    assert left.std() < 0.55 * (shared + own).std()


def test_quiet_detectors_need_no_correction():
    coefficients = irs2_coefficients(dataclasses.replace(QUIET, read_noise=1.0))
    assert not coefficients.alpha.any()
    assert not coefficients.beta[1:].any()
    assert coefficients.left_over == 0
