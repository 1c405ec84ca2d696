"""Effects of MIRI: each is seen in the data, and the references say the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jwst.simulation import ExposureSettings, NoiseSettings, Scene, Truth, make_detector, simulate
from jwst.simulation.cosmic_rays import draw_hits
from jwst.simulation.judge_effects import judge_showers
from jwst.simulation.miri import dark_shape, emi_wave, reset_anomaly
from jwst.simulation.ramp import expose
from jwst.simulation.readout import find_readout
from jwst.simulation.reference_request import ReferenceRequest
from jwst.simulation.references_miri import make_dark, make_emicorr, make_reset, make_rscd
from jwst.simulation.response import linearize
from jwst.simulation.settings import MiriSettings
from jwst.simulation.subarrays import find_subarray

QUIET = NoiseSettings(
    read_noise=0, one_over_f=0, ktc=0, amplifier_drift=0, odd_even_drift=0, cosmic_rays=0, snowballs=0, showers=0
)
NOTHING = MiriSettings((0, 0, 0), (0, 0, 0), reset=0, first_frame=0, last_frame=0, rscd=0, dark_curvature=0)
REGION = find_subarray("SUB64", "MIRIMAGE")
FAST = find_readout("FASTR1", "MIRI")
DARK = Scene(sky=0, stars=0, galaxies=0)


def raw(miri: MiriSettings, *, light: float = 0.0, ngroups: int = 6, nints: int = 3) -> np.ndarray:
    """Ramps without noise; ``light`` in electrons per second."""
    settings = ExposureSettings(
        "MIRIMAGE", "SUB64", ngroups=ngroups, nints=nints, noise=QUIET, miri=miri, scene=DARK, seed=4
    )
    detector = make_detector("MIRIMAGE", REGION)
    hits = draw_hits(settings, detector.reference).pixels
    rate = np.where(detector.reference, 0, light).astype(np.float32)
    return expose(settings, detector, rate=rate, hits=hits).data.astype(np.float64)


@pytest.fixture(scope="module")
def nothing() -> np.ndarray:
    return raw(NOTHING)


def cold() -> np.ndarray:
    truth = make_detector("MIRIMAGE", REGION)
    return ~(truth.reference | truth.hot | truth.dead)


def test_interference_has_the_clock_of_the_subarray(nothing):
    """Spec emicorr.md: 28 clocks a row, one per four columns, 33.25 periods of 256 clocks a frame, a frame of reset."""
    data = raw(dataclasses.replace(NOTHING, emi=(40.0, 0.0, 0.0), emi_phase=(0.21, 0.0, 0.0))) - nothing
    row, column = 10, 20
    for integration in range(3):
        for group in range(6):
            clocks = 28 * row + column // 4 + 8512 * (6 * integration + group + integration)
            phase = 2 * np.pi * (clocks / 256 + 0.21)
            expected = 40 * (np.sin(phase) + 0.25 * np.sin(2 * phase))
            assert data[integration, group, row, column] == pytest.approx(expected, abs=2.5)
    np.testing.assert_allclose(
        data[..., 20:24].ptp() if hasattr(data, "ptp") else np.ptp(data[..., 20:24]), 80, atol=15
    )


def test_reset_and_first_frame(nothing):
    data = (raw(dataclasses.replace(NOTHING, reset=60.0, first_frame=30.0)) - nothing).mean(axis=(2, 3))
    pattern = reset_anomaly(REGION, 1, 0, miri=MiriSettings(reset=60.0)).mean()
    assert data[1, 0] == pytest.approx(pattern - 30, abs=0.5)
    assert data[0, 1] == pytest.approx(0.5 * pattern * np.exp(-1 / 2.5), abs=0.5)
    np.testing.assert_allclose(data[1], data[2], atol=0.1)


def test_last_frame_and_decay_after_reset_go_with_the_light():
    still, seen = (
        raw(NOTHING, light=60000.0),
        raw(dataclasses.replace(NOTHING, last_frame=0.01, rscd=0.02), light=60000.0),
    )
    good = cold()
    signal = 60000 * 6 * 0.08512 / make_detector("MIRIMAGE", REGION).gain[good].mean()
    change = (seen - still)[..., good].mean(axis=-1)
    assert change[0, 5] == pytest.approx(-0.01 * signal, rel=0.05)
    assert abs(change[0, 0]) < 0.1
    assert change[1, 0] == pytest.approx(0.02 * signal, rel=0.1)
    assert change[1, 3] < 0.05 * change[1, 0]


def test_dark_of_three_integrations_is_that_of_the_reference():
    data = raw(MiriSettings((0, 0, 0), reset=0, first_frame=0, last_frame=0, rscd=0, dark_curvature=15.0), nints=4)
    truth, good = make_detector("MIRIMAGE", REGION), cold()
    linear = np.array([[linearize(plane, truth.coeffs) for plane in ramp] for ramp in data])
    with make_dark(ReferenceRequest(truth, FAST, 6)) as model:
        assert model.data.shape == (3, 6, 64, 72)
        assert model.dq.shape == (3, 1, 64, 72)
        known = np.concatenate([model.data, model.data[2:]])
    residual = (linear - known - truth.pedestal)[..., good].mean(axis=-1)
    np.testing.assert_allclose(residual, 0, atol=0.2)
    assert abs(dark_shape(REGION, 0, 0, miri=MiriSettings())).mean() > 3 * abs(known[2, 0][good]).mean()


def test_references_of_effects():
    request = ReferenceRequest(make_detector("MIRIMAGE", REGION), FAST, cases=((REGION, FAST),))
    with make_reset(request) as reset:
        assert reset.data.shape == (2, 12, 64, 72)
        np.testing.assert_array_equal(reset.data[1, 2], reset_anomaly(REGION, 5, 2, miri=MiriSettings()))
    with make_rscd(request) as rscd:
        assert list(rscd.rscd_group_skip_table[0]) == ["SUB64", "FASTR1", 1, 4]
    with make_emicorr(request) as emi:
        assert emi.subarray_cases.SUB64.frameclocks == 8512
        assert list(emi.subarray_cases.SUB64.freqs.FAST) == ["Hz390", "Hz218a", "Hz10"]
        assert emi.frequencies.Hz390.frequency == 390.625
        np.testing.assert_array_equal(emi.frequencies.Hz10.phase_amplitudes, emi_wave("Hz10"))


def test_full_frames_have_cases_by_speed():
    whole, slow = find_subarray("FULL", "MIRIFUSHORT"), find_readout("SLOWR1", "MIRI")
    truth = make_detector("MIRIFUSHORT", REGION)
    with make_emicorr(ReferenceRequest(truth, slow, cases=((whole, slow), (whole, FAST)))) as emi:
        assert emi.subarray_cases.FULL_SLOW.rowclocks == 2333
        assert list(emi.subarray_cases.FULL_SLOW.freqs.SLOW.MIRIFUSHORT) == ["Hz218a", "Hz10"]
        assert emi.subarray_cases.FULL_FAST.frameclocks == 277504


def test_showers_are_large_and_faint(tmp_path):
    noise = dataclasses.replace(QUIET, showers=3000.0)
    settings = ExposureSettings("MIRIMAGE", "SUB64", ngroups=6, nints=3, noise=noise, scene=DARK)
    made = simulate(settings, tmp_path)
    truth = Truth.load(made.truth_path)
    assert len(truth.showers) > 0
    inside = truth.hits[truth.hits["shower"]]
    assert len(inside) > 100 * len(truth.showers) / 2
    assert np.median(inside["electrons"]) < 300
    groupdq = np.zeros(settings.shape, np.uint8)
    missed = judge_showers(groupdq, truth)
    groupdq[inside["integration"], inside["group"], inside["y"], inside["x"]] = 4
    assert missed.found == 0
    assert judge_showers(groupdq, truth).found == missed.showers > 0
