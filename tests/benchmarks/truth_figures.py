"""Figures that tell how much of a simulated effect is left in data, measured against the truth.

Each function takes arrays and the truth of the exposure; `truth_table.py` beside this file runs the pipeline and prints
them, and ``tests/jwst/simulation/test_truth_modes.py`` holds small exposures to limits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import label

from jwst.lib.dqflags import DO_NOT_USE, JUMP_DET, SATURATED
from jwst.simulation import ExposureSettings, MiriSettings, Truth, make_detector
from jwst.simulation.miri import EMI_FREQUENCIES, MiriEffects, seen_frequencies
from jwst.simulation.readout import miri_row_clocks

__all__ = [
    "LineNoise",
    "RateAccuracy",
    "Wave",
    "false_showers",
    "judge_interference",
    "line_noise",
    "rate_accuracy",
    "spoiled_hits",
]

ROBUST = 1.482602218505602
CLIP = 5.0
SLOW_WAVES = 4
LEAST_SHARE = 0.1
ENOUGH_INTEGRATIONS = 4
SMALLEST_EVENT = 90
REACH = 3
CERTAIN_HIT = 300.0
SPOILED = 5.0


@dataclass(frozen=True)
class Wave:
    """What data contain of a wave of interference.

    Parameters
    ----------
    name : str
        Key of `jwst.simulation.miri.EMI_FREQUENCIES`.
    true : float
        Amplitude that was simulated, DN.
    amplitude, error : float
        Amplitude found, at any phase, and what noise alone would give, DN.
    """

    name: str
    true: float
    amplitude: float
    error: float


@dataclass(frozen=True)
class LineNoise:
    """Noise of the differences of groups.

    Parameters
    ----------
    sigma : float
        Robust scatter of pixels, DN.
    slow : float
        Mean power of the slowest waves along the fast axis, in units of that of the fastest half: 1 for white noise.
    """

    sigma: float
    slow: float


@dataclass(frozen=True)
class RateAccuracy:
    """Rates against the truth, over pixels of like brightness.

    Parameters
    ----------
    pixels : int
        How many.
    rate : float
        Median true rate, DN/s.
    bias, bias_error : float
        Median of rate - truth and its standard error, DN/s.
    scatter : float
        Robust standard deviation of rate - truth, DN/s.
    pull : float
        Robust standard deviation of (rate - truth) / error.
    """

    pixels: int
    rate: float
    bias: float
    bias_error: float
    scatter: float
    pull: float


def robust_sigma(values: np.ndarray) -> float:
    """Return the standard deviation that the median absolute deviation stands for."""
    return float(ROBUST * np.median(np.abs(values - np.median(values))))


def _templates(settings: ExposureSettings, names: list[str]) -> list[MiriEffects]:
    """Makers of each wave with amplitude 1, at its true phase and a quarter of a period later."""
    still = MiriSettings((0, 0, 0), (0, 0, 0), reset=0, first_frame=0, last_frame=0, rscd=0, dark_curvature=0)
    detector = make_detector(settings.sca.name, settings.region)
    nothing = np.zeros(settings.region.shape, np.float32)
    makers = []
    for name in names:
        place = list(EMI_FREQUENCIES).index(name)
        one = tuple(float(index == place) for index in range(3))
        for quarter in (0.0, 0.25):
            phases = tuple(phase + quarter for phase in settings.miri.emi_phase)
            wave = replace(still, emi=one, emi_phase=phases)
            makers.append(MiriEffects(replace(settings, miri=wave), detector, nothing))
    return makers


def _steps(cube: np.ndarray) -> np.ndarray:
    """Differences of groups (nints, ngroups, pixels) without what repeats: in integrations, or else in groups."""
    steps = np.diff(cube, axis=1)
    if len(steps) >= ENOUGH_INTEGRATIONS:
        return steps[1:] - steps[1:].mean(axis=0)
    return steps - steps.mean(axis=1, keepdims=True)


def judge_interference(data: np.ndarray, settings: ExposureSettings, truth: Truth) -> list[Wave]:
    """Measure the waves of interference in the ramps of a MIRI exposure.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray, DN
        Ramps before or after emicorr, not corrected otherwise.
    settings : ExposureSettings
        Settings of the exposure.
    truth : Truth
        Its truth.

    Returns
    -------
    list of Wave
        Those that can be told from a ramp. Least squares of the differences of the groups between the first and the
        last, in the fainter half of the pixels without cosmic rays, against the true waves of free amplitude and phase.
    """
    names = seen_frequencies(miri_row_clocks(settings.region, settings.readout)[1])
    makers = _templates(settings, names)
    good = truth.usable & (truth.rate <= np.median(truth.rate[truth.usable]))
    good[truth.hits["y"], truth.hits["x"]] = False
    groups = range(1, data.shape[1] - 1)
    seen = _steps(np.stack([ramp[1:-1, good] for ramp in data]).astype(np.float64))
    keep = np.abs(seen) < CLIP * robust_sigma(seen)
    values = seen[keep]
    waves = []
    for maker in makers:
        planes = [[maker.raw(integration, group)[good] for group in groups] for integration in range(len(data))]
        waves.append(_steps(np.array(planes, np.float64))[keep])
    matrix = np.array([[one @ other for other in waves] for one in waves])
    right = np.array([wave @ values for wave in waves])
    found = np.linalg.solve(matrix, right)
    variance = (values @ values - found @ right) / max(values.size - len(waves), 1)
    errors = np.sqrt(np.diag(np.linalg.inv(matrix)) * variance)
    amplitudes = dict(zip(EMI_FREQUENCIES, settings.miri.emi, strict=True))
    return [
        Wave(
            name,
            amplitudes[name],
            float(np.hypot(*found[2 * place : 2 * place + 2])),
            float(np.hypot(*errors[2 * place : 2 * place + 2])),
        )
        for place, name in enumerate(names)
    ]


def line_noise(data: np.ndarray, truth: Truth, *, groupdq: np.ndarray, fast: int) -> LineNoise:
    """Measure how white the noise along the fast axis is.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray, DN
        Ramps.
    truth : Truth
        Truth of the exposure.
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Flags; flagged differences are left out.
    fast : int
        Axis of the arrays along which pixels are read quickly: -1, or -2 for detectors that are read in columns.

    Returns
    -------
    LineNoise
        Of the fainter half of the pixels, after the mean difference of each pixel is taken off.
    """
    faint = truth.usable & (truth.rate <= np.median(truth.rate[truth.usable]))
    steps = np.diff(data.astype(np.float64), axis=1)
    flags = groupdq[:, 1:] | groupdq[:, :-1]
    bad = (flags & np.uint8(JUMP_DET | SATURATED | DO_NOT_USE) != 0) | ~faint
    steps -= np.median(steps.reshape(-1, *faint.shape), axis=0)
    steps -= np.median(np.where(bad, np.nan, steps)[~bad])
    steps[bad] = 0
    sigma = robust_sigma(steps[~bad])
    steps, bad = np.moveaxis(steps, fast, -1), np.moveaxis(bad, fast, -1)
    total = count = 0.0
    for plane, without in zip(steps.reshape(-1, *steps.shape[2:]), bad.reshape(-1, *bad.shape[2:]), strict=True):
        used = (~without).mean(axis=-1) > LEAST_SHARE
        power = np.abs(np.fft.rfft(plane[used], axis=-1)) ** 2 / (~without[used]).mean(axis=-1, keepdims=True)
        total, count = total + power.sum(axis=0), count + used.sum()
    mean = np.asarray(total) / count
    return LineNoise(sigma, float(mean[:SLOW_WAVES].mean() / mean[len(mean) // 2 :].mean()))


def false_showers(flagged: np.ndarray, without: np.ndarray, truth: Truth) -> int:
    """Count flagged events that no shower explains.

    Parameters
    ----------
    flagged, without : (nints, ngroups, ny, nx) ndarray of uint8
        Group flags of a run that looked for showers and of one that did not.
    truth : Truth
        Truth of the exposure.

    Returns
    -------
    int
        Connected areas of at least 90 pixels that only the first run flags, that were not flagged in the group
        before, and that touch no shower of the groups so far.
    """
    events = 0
    for integration in range(flagged.shape[0]):
        before = np.zeros(flagged.shape[-2:], bool)
        true = np.zeros_like(before)
        for group in range(1, flagged.shape[1]):
            true |= _near_showers(truth, integration, group)
            new = (flagged[integration, group] & ~without[integration, group] & np.uint8(JUMP_DET)) != 0
            areas, count = label(new)
            for number in range(1, count + 1):
                area = areas == number
                fresh = not (area & (before | true)).any()
                events += int(fresh and area.sum() >= SMALLEST_EVENT)
            before = new
    return events


def _near_showers(truth: Truth, integration: int, group: int) -> np.ndarray:
    """Circles around the showers of a group: (ny, nx) ndarray of bool."""
    y, x = np.indices(truth.rate.shape, sparse=True)
    near = np.zeros(truth.rate.shape, bool)
    for shower in truth.showers:
        if (shower["integration"], shower["group"]) == (integration, group):
            near |= np.hypot(y - shower["y"], x - shower["x"]) <= shower["long"] + REACH
    return near


def rate_accuracy(
    rate: np.ndarray, err: np.ndarray, dq: np.ndarray, truth: Truth, *, limits: tuple[float, float]
) -> RateAccuracy:
    """Compare rates with the truth in pixels of like brightness.

    Parameters
    ----------
    rate, err : (ny, nx) ndarray of float32, DN/s
        Rate product.
    dq : (ny, nx) ndarray of uint32
        Its flags; only pixels without a bad flag that no cosmic ray hit count.
    truth : Truth
        Truth of the exposure.
    limits : (float, float)
        True rates to use, DN/s.

    Returns
    -------
    RateAccuracy
        NaN without pixels.
    """
    good = truth.usable & (dq & (DO_NOT_USE | SATURATED) == 0) & np.isfinite(rate) & (err > 0)
    good &= (truth.rate >= limits[0]) & (truth.rate < limits[1])
    good[truth.hits["y"], truth.hits["x"]] = False
    count = int(good.sum())
    if not count:
        return RateAccuracy(0, *(5 * (float("nan"),)))
    difference = rate[good].astype(np.float64) - truth.rate[good]
    scatter = robust_sigma(difference)
    error = scatter * np.sqrt(np.pi / 2 / count)
    pull = robust_sigma(difference / err[good])
    return RateAccuracy(count, float(np.median(truth.rate[good])), float(np.median(difference)), error, scatter, pull)


def spoiled_hits(rate: np.ndarray, err: np.ndarray, truth: Truth, *, nints: int, ngroups: int) -> tuple[int, int]:
    """Count single hits that spoil the rate of their integration.

    Parameters
    ----------
    rate, err : (nints, ny, nx) ndarray of float32, DN/s
        Rates of the integrations.
    truth : Truth
        Truth of the exposure.
    nints, ngroups : int
        Of the exposure.

    Returns
    -------
    spoiled, hits : int
        Hits of more than 300 electrons in pixels below 20 electrons per second, between the first and the last group,
        which leave a rate that misses the truth by more than 5 sigma; and all such hits that have a rate.
    """
    hits = truth.hits
    quiet = truth.usable & (truth.electron_rate + truth.dark < 20.0)
    chosen = quiet[hits["y"], hits["x"]] & (hits["electrons"] > CERTAIN_HIT) & ~hits["snowball"]
    chosen &= (hits["group"] > 0) & (hits["group"] < ngroups) & (hits["integration"] < nints)
    place = tuple(hits[name][chosen] for name in ("integration", "y", "x"))
    found, error, true = rate[place], err[place], truth.rate[place[1:]]
    known = np.isfinite(found) & (error > 0)
    wrong = np.abs(found[known] - true[known]) > SPOILED * error[known]
    return int(wrong.sum()), int(known.sum())
