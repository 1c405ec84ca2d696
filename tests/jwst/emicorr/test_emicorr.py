"""Known interference is found and taken away; what the fit must not depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jwst.emicorr import joint
from jwst.emicorr.clock import Readout, frac, period
from jwst.emicorr.emicorr import EmiSettings, correct_emi
from jwst.emicorr.joint import correct_jointly
from jwst.emicorr.sequential import Phasing
from jwst.emicorr.waveform import Wave, Waveform
from stpipe.exceptions import InputError

SINE = np.sin(2 * np.pi * (np.arange(500) + 0.5) / 500)
SUB64 = Readout((64, 72), 28, 8512)
JOINT, SEQUENTIAL = EmiSettings(), EmiSettings(joint=False)


def exposure(shape, *, readout=SUB64, frequency=390.625, amplitude=4.0, phase=0.21, slope=5.0, noise=0.0, seed=0):
    """Ramps with a sine: the data, and what they are without the sine."""
    nints, ngroups, ny, nx = shape
    clean = np.random.default_rng(seed).normal(0, noise, shape) + 1000
    clean += slope * np.arange(ngroups)[:, None, None]
    data = clean.copy()
    for i in range(nints):
        for g in range(ngroups):
            clock = readout.times(readout.start(i, g, ngroups), edge=False)
            wave = amplitude * np.sin(2 * np.pi * (clock / period(frequency) + phase))
            data[i, g] += np.repeat(wave, 4, axis=1)
    return data.astype(np.float32), clean.astype(np.float32)


def correct(data, *, settings=JOINT, readout=SUB64, frequency=390.625, flags=None):
    flags = np.zeros(data.shape[2:], np.uint32) if flags is None else flags
    return correct_emi(data, flags, waves=[Wave(frequency, SINE)], readout=readout, settings=settings)


def test_worked_example_joint():
    data, clean = exposure((1, 5, 64, 72))
    np.testing.assert_allclose(data[0, :, 10, 20], [1003.58344, 1003.22266, 1006.41656, 1016.77734, 1023.58344], 1e-7)
    fit = correct_jointly(data, np.zeros((64, 72), np.uint32), wave=Wave(390.625, SINE), readout=SUB64)
    np.testing.assert_allclose(data[0, :, 10, 20], [999.9998, 1004.9996, 1010.0002, 1015.0004, 1019.9998], atol=6e-5)
    assert np.abs(data - clean).max() == pytest.approx(4.9e-4, rel=0.05)
    assert (fit.amplitudes[0], fit.phases[0]) == (pytest.approx(-3.99998, abs=1e-5), pytest.approx(0.70998, abs=1e-5))


def test_worked_example_sequential():
    data, clean = exposure((1, 12, 64, 72))
    correct(data, settings=SEQUENTIAL)
    np.testing.assert_allclose(data[0, :3, 10, 20], [1000.0206, 1004.9819, 1009.9794], atol=1e-4)
    assert np.abs(data - clean).max() == pytest.approx(0.036, abs=1e-3)


@pytest.mark.parametrize(
    ("settings", "left"), [(JOINT, 0.06), (SEQUENTIAL, 0.10), (EmiSettings(False, phasing=Phasing(scale=False)), 3.1)]
)
@pytest.mark.parametrize("frequency", [390.625, 218.52047])
def test_truth(settings, left, frequency):
    """What is left of a sine of 4 DN in noise of 6 DN: root mean square of the wave after correction, in DN."""
    data, clean = exposure((2, 15, 64, 72), frequency=frequency, noise=6.0, slope=40.0)
    before = np.sqrt(np.mean((data - clean).astype(np.float64) ** 2))
    assert before == pytest.approx(4 / np.sqrt(2), rel=0.02)
    correct(data, settings=settings, frequency=frequency)
    assert np.sqrt(np.mean((data - clean).astype(np.float64) ** 2)) < left


@pytest.mark.parametrize(("resets", "phases"), [(True, [0.21, 0.96, 0.71]), (False, [0.21, 0.71, 0.21])])
def test_phases_of_integrations(resets, phases):
    readout = replace(SUB64, extra_reset=resets)
    data, _ = exposure((3, 6, 64, 72), readout=readout, noise=1.0)
    fit = correct_jointly(data, np.zeros((64, 72), np.uint32), wave=Wave(390.625, SINE), readout=readout)
    sign = 0.0 if fit.amplitudes[0] > 0 else 0.5
    assert np.abs(fit.amplitudes) == pytest.approx([3.99] * 3, abs=0.02)
    np.testing.assert_allclose((fit.phases + sign) % 1, phases, atol=0.002)


def test_integrations_apart_follow_a_wave_that_changes():
    data, clean = exposure((2, 8, 64, 72), noise=1.0)
    data[1] = clean[1] - 2 * (data[1] - clean[1])
    common = data.copy()
    correct(common)
    correct(data, settings=EmiSettings(separately=True))
    assert np.abs(data - clean).std() < 0.1 < np.abs(common - clean).std()


def test_the_table_gives_the_wave(monkeypatch):
    data, _ = exposure((2, 5, 64, 72), noise=1.0)
    looked_up = data.copy()
    correct(data)
    monkeypatch.setattr(joint, "FEW", 0)
    monkeypatch.setattr(joint, "_Direct", None)
    correct(looked_up)
    np.testing.assert_allclose(looked_up, data, rtol=1.2e-7, atol=1e-6)


def test_the_table_is_as_exact_as_single_precision():
    samples = np.sin(2 * np.pi * (np.arange(500) + 0.5) / 500) + 0.1 * np.cos(20 * np.pi * np.arange(500) / 500)
    waveform, phase = joint.Waveform(samples), np.random.default_rng(4).random((8, 50))
    table = joint._Tabulated(waveform, phase)
    table.scale(3.0)
    for shift in (0.0, 0.30001, 0.99999):
        exact = np.repeat(3.0 * waveform((phase + shift) % 1), 4, axis=1)
        np.testing.assert_allclose(table.rows(slice(2, 5), shift), exact[2:5], rtol=0, atol=2e-6)


@pytest.mark.parametrize("settings", [JOINT, SEQUENTIAL])
def test_result_does_not_depend_on_tiles(monkeypatch, settings):
    data, _ = exposure((2, 12, 64, 72), noise=1.0)
    other = data.copy()
    correct(data, settings=settings)
    for module in ("joint", "sequential"):
        monkeypatch.setattr(f"jwst.emicorr.{module}.TILE", 72 * 5)
    correct(other, settings=settings)
    np.testing.assert_allclose(other, data, rtol=1e-7, atol=0)


def test_flagged_pixels_are_corrected_but_take_no_part():
    data, clean = exposure((1, 6, 64, 72))
    flags = np.zeros((64, 72), np.uint32)
    flags[5, 30] = 1
    data[0, :, 5, 30] += 3 * np.sin(np.arange(6))
    clean[0, :, 5, 30] += (3 * np.sin(np.arange(6))).astype(np.float32)
    correct(data, flags=flags)
    assert np.abs(data - clean).max() < 6e-4


def test_waves_found_in_the_data():
    data, clean = exposure((1, 12, 64, 72))
    (found,) = correct_emi(
        data, np.zeros((64, 72), np.uint32), waves=[Wave(390.625)], readout=SUB64, settings=SEQUENTIAL
    )
    assert found.shape == (128,)
    assert found.max() == pytest.approx(4.0, abs=0.1)
    assert np.abs(data - clean).max() < 0.2


def test_all_saturated_and_not_a_number_change_nothing():
    flat = np.full((1, 5, 16, 24), 60000, np.float32)
    spoiled, _ = exposure((1, 5, 16, 24), readout=replace(SUB64, shape=(16, 24)))
    spoiled[0, 1, 3, 14] = np.nan
    for data in (flat, spoiled):
        for settings in (JOINT, SEQUENTIAL):
            before = data.copy()
            correct(data, settings=settings, readout=replace(SUB64, shape=(16, 24)))
            np.testing.assert_array_equal(data, before)


def test_spline_is_that_of_scipy():
    from scipy.interpolate import interp1d

    rng = np.random.default_rng(1)
    for size in (2, 3, 4, 50, 500):
        samples = rng.normal(size=size)
        knots = np.concatenate([samples[-1:], samples, samples[:1]])
        phase = np.append(rng.random(200), [0.0, np.nextafter(1, 0)])
        expected = interp1d((np.arange(size + 2) - 0.5) / size, knots, kind="cubic")(phase)
        np.testing.assert_allclose(Waveform(samples)(phase), expected, atol=1e-12)


@pytest.mark.parametrize("frequency", [218.52047, 390.625])
@pytest.mark.parametrize("size", [64, 250, 500])
def test_grid_against_the_definition(frequency, size):
    """Terms of chi2 as in the spec, by loops over the bins of phase, for three trial phases."""
    rng = np.random.default_rng(2)
    ngroups, samples = 6, rng.normal(size=size)
    sums, count = rng.normal(0, 50, (1, size, ngroups)), rng.integers(1, 9, (1, size)).astype(float)
    wave, step = Waveform(samples), float(frac(np.array(SUB64.frame_length / period(frequency))))
    square, cross = joint._chi_terms(sums.copy(), count, wave, step)
    t = np.arange(ngroups)
    st, stt = t.sum(), (t * t).sum()
    de = ngroups * stt - st**2
    for m in (0, 123, 499):
        a, b = 0.0, 0.0
        for k in range(size):
            y = sums[0, k]
            z = wave(frac((k + 0.5) / size + t * step + m / 500))
            sz, stz, szz = z.sum(), (t * z).sum(), (z * z).sum()
            sy, sty = y.sum(), (t * y).sum()
            a += count[0, k] / de * (-stt * sz**2 + 2 * st * sz * stz - ngroups * stz**2 + de * szz)
            b += 2 / de * (stt * sz * sy - st * stz * sy - st * sz * sty + ngroups * stz * sty) - 2 * (z * y).sum()
        assert (square[0, m], cross[0, m]) == (pytest.approx(a, rel=1e-9), pytest.approx(b, rel=1e-9))


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((1, 2, 16, 24), JOINT, "3 groups or more"),
        ((0, 5, 16, 24), JOINT, "3 groups or more"),
        ((1, 5, 16, 22), JOINT, "multiple of 4"),
        ((1, 5, 16, 12), SEQUENTIAL, "needs 16 columns"),
    ],
)
def test_arrays_that_are_refused(shape, settings, message):
    with pytest.raises(InputError, match=message):
        correct(np.ones(shape, np.float32), settings=settings, readout=replace(SUB64, shape=shape[2:]))


def test_pixel_flags_of_another_shape_are_refused():
    with pytest.raises(InputError, match="PIXELDQ of shape"):
        correct(np.ones((1, 5, 64, 72), np.float32), flags=np.zeros((64, 64), np.uint32))
