"""Noise that is not tied to single pixels: 1/f noise and drifts of the amplifiers."""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np

from jwst.simulation.detector import amplifier_map, to_science
from jwst.simulation.detectors import DETECTOR_SIZE
from jwst.simulation.physics import PHYSICS
from jwst.simulation.readout import LINE_OVERHEAD
from jwst.simulation.settings import ExposureSettings

__all__ = ["LevelDrifts", "OneOverF"]

COMMON_SHARE = 0.8
SLOWEST_OWN_WAVE = 16
COMMON = 0
FULL_STREAM = (DETECTOR_SIZE // 4 + LINE_OVERHEAD) * DETECTOR_SIZE
DRIFT_TIME = 107.3677


class OneOverF:
    """Makes planes of 1/f noise in the order in which pixels are read.

    Parameters
    ----------
    settings : ExposureSettings
        The exposure. ``noise.one_over_f`` is the rms of a single full frame; a subarray is read in less time and lacks
        the slow part of the same spectrum.
    """

    def __init__(self, settings: ExposureSettings) -> None:
        from scipy.fft import next_fast_len

        self.settings = settings
        region, sca = settings.region, settings.sca
        self.rows, width = region.shape[::-1] if sca.transposed else region.shape
        self.columns = width // region.noutputs
        self.line = self.columns + LINE_OVERHEAD
        self.length = next_fast_len(self.line * self.rows, real=True)
        wave = np.maximum(np.arange(self.length // 2 + 1, dtype=np.float32), 1)
        harmonic = np.log(FULL_STREAM / 2) + np.euler_gamma
        rms = settings.noise.one_over_f * PHYSICS[sca.instrument].correlated
        self.spectrum = (rms * self.length / np.sqrt(4 * harmonic * wave)).astype(np.float32)
        self.spectrum[0] = 0

    def _stream(self, seed: tuple[int, ...]) -> np.ndarray:
        """One time series, cut into lines: (lines, pixels of an output in a line) in the order of readout.

        Series ``COMMON`` is shared by four outputs; the slowest waves of the others are left to `LevelDrifts`.
        """
        from scipy.fft import irfft

        random = np.random.default_rng(seed).standard_normal((len(self.spectrum), 2), dtype=np.float32)
        wave = random.view(np.complex64)[:, 0] * self.spectrum
        if seed[-1] != COMMON:
            wave[:SLOWEST_OWN_WAVE] = 0
        series = irfft(wave, n=self.length)[: self.rows * self.line]
        return series.reshape(self.rows, self.line)[:, : self.columns]

    def plane(self, seed: tuple[int, ...], *, frames: int, pool: Executor) -> np.ndarray:
        """Return the noise of a group.

        Parameters
        ----------
        seed : tuple of int
            Names this group.
        frames : int
            Frames that are averaged.
        pool : Executor
            Threads for the time series.

        Returns
        -------
        (ny, nx) ndarray of float32, DN
            DMS orientation.
        """
        sca, outputs = self.settings.sca, self.settings.region.noutputs
        streams = list(pool.map(self._stream, [(*seed, n) for n in ([1] if outputs == 1 else range(outputs + 1))]))
        scale = np.float32(1 / np.sqrt(frames))
        plane = np.empty((self.rows, self.columns * outputs), np.float32)
        if outputs == 1:
            np.multiply(streams[0], scale, out=plane)
        else:
            streams[0] *= scale * np.float32(np.sqrt(COMMON_SHARE))
            for number, own in enumerate(streams[1:]):
                own *= scale * np.float32(np.sqrt(1 - COMMON_SHARE))
                np.add(streams[0], own, out=self._columns_of(plane, number))
        return to_science(plane, sca)

    def _columns_of(self, plane: np.ndarray, output: int) -> np.ndarray:
        """Pixels that an output reads: a block of columns, or every fourth column (MIRI)."""
        if self.settings.sca.instrument == "MIRI":
            return plane[:, output :: self.settings.region.noutputs]
        return plane[:, output * self.columns : (output + 1) * self.columns]


class LevelDrifts:
    """Random walks of the levels of amplifiers, and of their odd columns (MIRI: odd rows).

    Parameters
    ----------
    settings : ExposureSettings
        The exposure.
    """

    def __init__(self, settings: ExposureSettings) -> None:
        nints, ngroups = settings.shape[:2]
        self.amplifier, self.odd = amplifier_map(settings.detector, settings.region)
        if settings.region.noutputs == 1:
            self.amplifier = np.zeros_like(self.amplifier)
        rng = np.random.default_rng((settings.seed, 103))
        odd_even = 0.0 if settings.readout.irs2 else settings.noise.odd_even_drift
        size = np.array([settings.noise.amplifier_drift, odd_even])
        steps = rng.standard_normal((nints * ngroups, 4, 2)) * size * np.sqrt(settings.group_time / DRIFT_TIME)
        self.walk = (np.cumsum(steps, axis=0) - steps[0]).reshape(nints, ngroups, 4, 2)

    def plane(self, integration: int, group: int) -> np.ndarray:
        """Return the levels of a group.

        Parameters
        ----------
        integration, group : int
            Counted from 0.

        Returns
        -------
        (ny or 1, nx or 1) ndarray of float32, DN
            Zero in the first group of the exposure.
        """
        walk = self.walk[integration, group]
        return (walk[self.amplifier, 0] + np.where(self.odd, walk[self.amplifier, 1], 0)).astype(np.float32)
