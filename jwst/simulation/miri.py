"""Effects of the MIRI detectors and what their references say about them.

The truth of each effect is a function of detector, rectangle, integration and group, so that exposures and references
use the same numbers. Sources: spec reset.md, rscd.md, firstframe.md, lastframe.md, dark_current.md, emicorr.md.
"""

from __future__ import annotations

import numpy as np

from jwst.simulation.detector import DetectorTruth
from jwst.simulation.physics import PHYSICS
from jwst.simulation.readout import CLOCK, miri_row_clocks
from jwst.simulation.settings import ExposureSettings, MiriSettings
from jwst.simulation.subarrays import Subarray

__all__ = [
    "DARK_INTEGRATIONS",
    "EMI_FREQUENCIES",
    "RESET_GROUPS",
    "RESET_INTEGRATIONS",
    "RSCD_GROUPS",
    "MiriEffects",
    "dark_shape",
    "emi_wave",
    "reference_output",
    "seen_frequencies",
    "reset_anomaly",
]

DARK_INTEGRATIONS = 3
RESET_INTEGRATIONS = 2
RESET_GROUPS = 12
RESET_DECAY = 2.5
RSCD_GROUPS = (1, 4)
RSCD_DECAY = 0.8
DARK_DECAY = 6.0
LATER_SHARES = (1.0, 0.3, 0.1)
EMI_FREQUENCIES = {"Hz390": 390.625, "Hz218a": 218.52055, "Hz10": 10.039216}
EMI_LEAST_TURN = 0.01
EMI_SAMPLES = 500
REFERENCE_OUTPUT_LEVEL = 6500.0


def _pattern(region: Subarray, wavelength: float) -> np.ndarray:
    """A smooth pattern around 1 that belongs to the pixels of the full detector: (ny, nx) ndarray of float32."""
    x = np.arange(region.xstart, region.xstart + region.xsize) / wavelength
    y = np.arange(region.ystart, region.ystart + region.ysize) / wavelength
    return (1 + 0.2 * np.sin(x) + 0.2 * np.cos(y)[:, None]).astype(np.float32)


def dark_shape(region: Subarray, integration: int, group: int, *, miri: MiriSettings) -> np.ndarray:
    """Return the deviation of a dark from a straight line.

    Parameters
    ----------
    region : Subarray
        The rectangle.
    integration, group : int
        Counted from 0; integrations after the third are as the third.
    miri : MiriSettings
        Strength.

    Returns
    -------
    (ny, nx) ndarray of float32, DN
        A decay after the reset, strongest in the first integration. Before the response of the pixels.
    """
    share = LATER_SHARES[min(integration, DARK_INTEGRATIONS - 1)]
    return _pattern(region, 130.0) * np.float32(-miri.dark_curvature * share * np.exp(-group / DARK_DECAY))


def reset_anomaly(region: Subarray, integration: int, group: int, *, miri: MiriSettings) -> np.ndarray | float:
    """Return the reset anomaly.

    Parameters
    ----------
    region : Subarray
        The rectangle.
    integration, group : int
        Counted from 0; the first integration shows half of it, all later ones the same.
    miri : MiriSettings
        Strength.

    Returns
    -------
    (ny, nx) ndarray of float32 or 0.0, DN
        After the response of the pixels; 0 from group 12 on.
    """
    if group >= RESET_GROUPS:
        return 0.0
    size = miri.reset * (0.5 if integration == 0 else 1.0)
    return _pattern(region, 70.0) * np.float32(-size * np.exp(-group / RESET_DECAY))


def emi_wave(name: str) -> np.ndarray:
    """Return one period of an interference.

    Parameters
    ----------
    name : str
        Key of `EMI_FREQUENCIES`.

    Returns
    -------
    (500,) ndarray of float32
        Samples at the middle of each 500th of the period, amplitude about 1: a sine and a weaker second harmonic.
    """
    phase = 2 * np.pi * (np.arange(EMI_SAMPLES) + 0.5) / EMI_SAMPLES
    harmonic = 0.25 if name == "Hz390" else 0.1
    return (np.sin(phase) + harmonic * np.sin(2 * phase)).astype(np.float32)


def seen_frequencies(frame: int) -> list[str]:
    """Return which waves can be told from a ramp.

    Parameters
    ----------
    frame : int
        Clocks of a frame.

    Returns
    -------
    list of str
        Keys of `EMI_FREQUENCIES`. A wave with a whole number of periods per frame is the same in all groups, as that
        of 390.625 Hz in full frames; a fit of it finds no end of amplitudes.
    """
    turns = {name: frame * CLOCK * frequency for name, frequency in EMI_FREQUENCIES.items()}
    return [name for name, turn in turns.items() if abs(turn - round(turn)) >= EMI_LEAST_TURN]


class _Interference:
    """Waves of a fixed frequency, seen by pixels in the order in which they are read (spec emicorr.md)."""

    def __init__(self, settings: ExposureSettings) -> None:
        self.settings = settings
        row, self.frame = miri_row_clocks(settings.region, settings.readout)
        y = np.arange(settings.region.ysize)[:, None] * row
        x = np.arange(settings.region.xsize // 4)[None, :] * settings.readout.nsamples
        self.clock = (y + x).astype(np.float64)
        self.resets = self.frame if settings.readout.name.endswith("R1") else 0

    def plane(self, integration: int, group: int) -> np.ndarray:
        """Return the sum of all waves in a group: (ny, nx) ndarray of float32, DN."""
        miri = self.settings.miri
        start = (integration * self.settings.ngroups + group) * self.frame + integration * self.resets
        total = np.zeros(self.clock.shape, np.float32)
        for (name, frequency), amplitude, phase in zip(EMI_FREQUENCIES.items(), miri.emi, miri.emi_phase):
            if amplitude:
                turns = ((self.clock + start) * (frequency * CLOCK) + phase) % 1
                wave = amplitude * emi_wave(name)
                total += np.interp(turns, (np.arange(EMI_SAMPLES) + 0.5) / EMI_SAMPLES, wave, period=1)
        return np.repeat(total, 4, axis=1)


class MiriEffects:
    """Effects of one exposure.

    Parameters
    ----------
    settings : ExposureSettings
        The exposure.
    detector : DetectorTruth
        Truth of the rectangle that is read.
    rate : (ny, nx) ndarray of float32, electrons per second
        Light.
    """

    def __init__(self, settings: ExposureSettings, detector: DetectorTruth, rate: np.ndarray) -> None:
        self.settings = settings
        self.interference = _Interference(settings)
        self.reference = detector.reference
        self.signal = (rate / detector.gain * np.float32(settings.integration_time)).astype(np.float32)

    def linear(self, integration: int, group: int) -> np.ndarray:
        """Return the shape of the dark and the charge that is left of the integration before."""
        miri = self.settings.miri
        out = dark_shape(self.settings.region, integration, group, miri=miri)
        if integration:
            out += self.signal * np.float32(miri.rscd * np.exp(-group / RSCD_DECAY))
        out[self.reference] = 0
        return out

    def raw(self, integration: int, group: int) -> np.ndarray:
        """Return reset anomaly, first and last frame and interference."""
        miri, settings = self.settings.miri, self.settings
        out = self.interference.plane(integration, group)
        out += reset_anomaly(settings.region, integration, group, miri=miri)
        if group == 0:
            out -= np.float32(miri.first_frame)
        if group == settings.ngroups - 1:
            out -= np.float32(miri.last_frame) * self.signal
        return out


def reference_output(settings: ExposureSettings, integrations: range) -> np.ndarray:
    """Return what the fifth output reads, which no pixel feeds.

    Parameters
    ----------
    settings : ExposureSettings
        The exposure.
    integrations : range
        Integrations wanted.

    Returns
    -------
    (nints, ngroups, ny, nx / 4) ndarray of uint16, DN
        A level with white noise and interference.
    """
    _, ngroups, ny, nx = settings.shape
    interference = _Interference(settings)
    rms = np.float32(PHYSICS["MIRI"].read_noise * settings.noise.read_noise)
    out = np.empty((len(integrations), ngroups, ny, nx // 4), np.uint16)
    for place, integration in enumerate(integrations):
        rng = np.random.default_rng((settings.seed, 205, integration))
        for group in range(ngroups):
            plane = rng.standard_normal((ny, nx // 4), dtype=np.float32) * rms
            plane += interference.plane(integration, group)[:, ::4]
            plane += np.float32(REFERENCE_OUTPUT_LEVEL)
            out[place, group] = np.rint(plane)
    return out
