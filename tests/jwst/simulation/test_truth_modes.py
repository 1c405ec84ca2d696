"""Small exposures of all instruments through the pipeline, held against their truth.

``tests/benchmarks/truth_table.py`` prints the same figures for large exposures. The limits leave room for the noise of
these few pixels; each fails if the correction that it is about does nothing.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from jwst.pipeline import Detector1Pipeline
from jwst.simulation import ExposureSettings, NoiseSettings, Scene, Subarray, Truth, cache_for, simulate
from jwst.simulation.judge import judge_hits, judge_rate
from jwst.simulation.judge_effects import judge_noise, judge_showers
from jwst.simulation.stripes import Stripes
from jwst.step import RampFitStep
from tests.benchmarks.truth_figures import (
    false_showers,
    judge_interference,
    line_noise,
    rate_accuracy,
    spoiled_hits,
)

WHITE = NoiseSettings(one_over_f=0.0, amplifier_drift=0.0, odd_even_drift=0.0, cosmic_rays=20.0)
STARS = Scene(sky=20.0, stars=20000, galaxies=0, star_flux=(300.0, 3e4))
STRIPE = Subarray("SUB64", 1, 9, 16, 256, 1, Stripes(4, 5, 12, repeat=1, step=12, count=3))
SLOW = Subarray("FULL", 301, 301, 256, 256, 4)
EXPOSURES = {
    "miri": ExposureSettings("MIRIMAGE", "SLITLESSPRISM", ngroups=12, nints=4, scene=STARS, noise=WHITE, seed=5),
    "showers": ExposureSettings(
        "MIRIMAGE",
        SLOW,
        readpatt="SLOWR1",
        ngroups=12,
        nints=3,
        scene=Scene(sky=2.0, stars=0, galaxies=0),
        noise=NoiseSettings(showers=1.5, cosmic_rays=0.0),
        seed=6,
    ),
    "nirspec": ExposureSettings("NRS1", "SUB512", ngroups=8, nints=4, scene=STARS, noise=WHITE, seed=7),
    "nirspec noise": ExposureSettings(
        "NRS1",
        "SUB512",
        ngroups=8,
        scene=Scene(sky=0, stars=0, galaxies=0),
        noise=NoiseSettings(one_over_f=12.0, cosmic_rays=0.0),
        seed=8,
        keep_noise=True,
    ),
    "niriss": ExposureSettings("NIS", STRIPE, ngroups=6, nints=6, scene=STARS, noise=WHITE, seed=9),
    "fgs": ExposureSettings("GUIDER1", "SUB128CNTR", ngroups=6, nints=2, scene=STARS, noise=WHITE, seed=10),
    "nircam": ExposureSettings(
        "NRCA1",
        "SUB160",
        readpatt="BRIGHT2",
        ngroups=10,
        nints=3,
        scene=Scene(sky=2.0, stars=60000),
        noise=WHITE,
        seed=11,
    ),
    "nircam noise": ExposureSettings(
        "NRCA1",
        "SUB160",
        readpatt="RAPID",
        ngroups=6,
        noise=NoiseSettings(one_over_f=12.0, cosmic_rays=0.0),
        seed=12,
        keep_noise=True,
    ),
}
LATE = ("charge_migration", "jump", "picture_frame", "clean_flicker_noise", "persistence", "ramp_fit", "gain_scale")
AFTER_EMI = (
    "saturation",
    "ipc",
    "firstframe",
    "lastframe",
    "reset",
    "linearity",
    "rscd",
    "dark_current",
    "refpix",
    *LATE,
)


@pytest.fixture(scope="module")
def exposures(tmp_path_factory):
    """Function that gives path and truth of an exposure and lets CRDS_PATH be a cache for it.

    The showers have a cache of their own, so that both caches have references of small subarrays.
    """
    from crds.core import utils

    folder = tmp_path_factory.mktemp("modes")
    patch = pytest.MonkeyPatch()
    for name in ("CRDS_SERVER_URL", "CRDS_CONTEXT", "STPIPE_DISABLE_CRDS_STEPPARS"):
        patch.delenv(name, raising=False)

    @cache
    def crds(own: bool):
        chosen = [settings for name, settings in EXPOSURES.items() if (name == "showers") == own]
        return cache_for(folder / f"crds_{own}", chosen, traps=False)

    @cache
    def made(name: str):
        path = simulate(EXPOSURES[name], folder / name.replace(" ", "_")).path
        return str(path), Truth.load(path)

    def enter(name: str):
        patch.setenv("CRDS_PATH", str(crds(name == "showers")))
        utils.clear_function_caches()
        return made(name)

    yield enter
    utils.clear_function_caches()
    patch.undo()


def reduce(path, steps, *, off=()):
    chosen = {name: {"skip": True} for name in off}
    return Detector1Pipeline.call(path, steps=chosen | steps)


@pytest.fixture(scope="module")
def before_emicorr(exposures):
    path, truth = exposures("miri")
    raw = reduce(path, {"emicorr": {"skip": True}}, off=AFTER_EMI).data
    return truth, judge_interference(raw, EXPOSURES["miri"], truth)


def test_interference_is_measured_as_it_was_simulated(before_emicorr):
    waves = before_emicorr[1]
    assert [wave.name for wave in waves] == ["Hz390", "Hz218a", "Hz10"]
    for wave in waves:
        assert wave.amplitude == pytest.approx(wave.true, abs=4 * wave.error + 0.05 * wave.true)


@pytest.mark.parametrize(("algorithm", "left"), [("joint", 0.1), ("sequential", 0.35)])
def test_emicorr_takes_the_interference_out(exposures, before_emicorr, algorithm, left):
    path, truth = exposures("miri")
    before = before_emicorr[1]
    corrected = reduce(path, {"emicorr": {"skip": False, "algorithm": algorithm}}, off=AFTER_EMI).data
    for wave, was in zip(judge_interference(corrected, EXPOSURES["miri"], truth), before, strict=True):
        assert wave.amplitude < left * was.amplitude + 4 * wave.error, wave


@pytest.mark.parametrize("name", ["miri", "nirspec", "niriss", "fgs", "nircam"])
def test_rates_and_errors_are_right(exposures, name):
    """The median has room for the noise of the reference pixels, which moves all pixels of a small frame together."""
    path, truth = exposures(name)
    steps = {"emicorr": {"skip": False}} if name == "miri" else {}
    rate = reduce(path, steps)
    found = judge_rate(rate.data, rate.err, rate.dq, truth)
    assert found.pixels > 3000
    assert abs(found.pull_median) < 0.1
    assert 0.9 < found.pull_sigma < 1.1
    assert found.bright_pixels > 20
    assert abs(found.bright_ratio - 1) < max(0.005, 3 * found.bright_error)


def test_showers_are_found_and_not_invented(exposures):
    path, truth = exposures("showers")
    flags = []
    for wanted in (True, False):
        steps = {"emicorr": {"skip": False}, "jump": {"find_showers": wanted}}
        flags.append(reduce(path, steps, off=("ramp_fit", "gain_scale")).groupdq)
    found, without = (judge_showers(flag, truth) for flag in flags)
    assert found.showers >= 8
    assert found.found >= 0.7 * found.showers
    assert found.found > without.found
    assert false_showers(*flags, truth) <= 1


@pytest.mark.parametrize(("name", "method", "left"), [
    ("nircam noise", "median", 0.8), ("nirspec noise", "median", 0.8), ("nirspec noise", "fft", 0.6),
])  # fmt: skip
def test_flicker_noise_goes_down(exposures, name, method, left):
    path, truth = exposures(name)
    noise, share = [], []
    fast = -2 if EXPOSURES[name].sca.transposed else -1
    for values in ({"skip": True}, {"skip": False, "fit_method": method}):
        ramp = reduce(path, {"clean_flicker_noise": values}, off=("jump", "ramp_fit", "gain_scale"))
        noise.append(line_noise(ramp.data, truth, groupdq=ramp.groupdq, fast=fast))
        share.append(judge_noise(ramp.data, truth, groupdq=ramp.groupdq).power)
    before, after = noise
    assert share[0] > 0.8
    assert share[1] < left
    assert after.sigma < before.sigma
    assert after.slow < before.slow


@pytest.fixture(scope="module")
def fits(exposures):
    """Rates of exposure and integrations by fit, and the flags of the jump step."""
    path, truth = exposures("nircam")
    out = {}
    for jump in (True, False):
        ramp = reduce(path, {"jump": {"skip": not jump}}, off=("ramp_fit", "gain_scale"))
        for algorithm in ("OLS_C", "LIKELY"):
            out[algorithm, jump] = RampFitStep.call(ramp, algorithm=algorithm)
        if jump:
            flags = ramp.groupdq.copy()
    return truth, out, flags


@pytest.mark.parametrize("algorithm", ["OLS_C", "LIKELY"])
@pytest.mark.parametrize("limits", [(-1.0, 5.0), (20.0, 200.0), (200.0, 4000.0)], ids=["faint", "middle", "bright"])
def test_both_fits_are_unbiased(fits, algorithm, limits):
    truth, rates, _ = fits
    rate = rates[algorithm, True][0]
    found = rate_accuracy(rate.data, rate.err, rate.dq, truth, limits=limits)
    assert found.pixels > 40
    assert abs(found.bias) < 4 * found.bias_error + 0.005 * found.rate
    assert 0.75 < found.pull < 1.2


def test_both_fits_scatter_alike(fits):
    truth, rates, _ = fits
    found = {}
    for algorithm in ("OLS_C", "LIKELY"):
        rate = rates[algorithm, True][0]
        found[algorithm] = rate_accuracy(rate.data, rate.err, rate.dq, truth, limits=(-1.0, 5.0)).scatter
    assert found["LIKELY"] == pytest.approx(found["OLS_C"], rel=0.1)


def test_jumps_are_found_by_the_step_and_by_the_likelihood_fit(fits):
    truth, rates, flags = fits
    settings = EXPOSURES["nircam"]
    spoiled = {}
    for key, (_, rateints) in rates.items():
        spoiled[key], hits = spoiled_hits(
            rateints.data, rateints.err, truth, nints=settings.nints, ngroups=settings.ngroups
        )
        assert hits > 20
    assert spoiled["OLS_C", False] > 0.8 * hits
    assert spoiled["LIKELY", False] <= 0.02 * hits
    assert spoiled["OLS_C", True] <= 0.02 * hits
    assert spoiled["LIKELY", True] <= 0.02 * hits
    assert judge_hits(flags, truth).completeness > 0.98


def test_figures_see_what_is_wrong(fits):
    """A rate with a bias, and ramps without their noise, give figures outside the limits."""
    truth, rates, _ = fits
    rate = rates["OLS_C", True][0]
    shifted = rate_accuracy(rate.data + 0.5 * rate.err, rate.err, rate.dq, truth, limits=(-1.0, 5.0))
    assert abs(shifted.bias) > 10 * shifted.bias_error
    assert np.isnan(rate_accuracy(rate.data, rate.err, rate.dq, truth, limits=(1e6, 1e7)).bias)


def test_no_module_hides_a_public_name():
    """A module of the same name as a function would take its place once it is imported."""
    from pathlib import Path

    import jwst.simulation

    modules = {path.stem for path in Path(jwst.simulation.__file__).parent.glob("*.py")}
    assert not modules & set(jwst.simulation.__all__)
