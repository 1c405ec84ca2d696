"""Noise that is not tied to single pixels: 1/f noise and drifts of the amplifiers."""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np

from jwst.simulation.detector import amplifier_map
from jwst.simulation.settings import ExposureSettings
from jwst.simulation.subarrays import DETECTOR_SIZE

__all__ = ["OneOverF", "level_drifts"]

LINE_OVERHEAD = 12
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
        region = settings.region
        self.columns = region.xsize // region.noutputs
        self.line = self.columns + LINE_OVERHEAD
        self.length = next_fast_len(self.line * region.ysize, real=True)
        wave = np.maximum(np.arange(self.length // 2 + 1, dtype=np.float32), 1)
        harmonic = np.log(FULL_STREAM / 2) + np.euler_gamma
        self.spectrum = (settings.noise.one_over_f * self.length / np.sqrt(4 * harmonic * wave)).astype(np.float32)
        self.spectrum[0] = 0

    def _stream(self, seed: tuple[int, ...]) -> np.ndarray:
        """One time series, cut into lines: (ny, columns of an output) in the order of readout.

        Series ``COMMON`` is shared by four outputs; the slowest waves of the others are left to `level_drifts`.
        """
        from scipy.fft import irfft

        random = np.random.default_rng(seed).standard_normal((len(self.spectrum), 2), dtype=np.float32)
        wave = random.view(np.complex64)[:, 0] * self.spectrum
        if seed[-1] != COMMON:
            wave[:SLOWEST_OWN_WAVE] = 0
        rows = self.settings.region.ysize
        series = irfft(wave, n=self.length)[: rows * self.line]
        return series.reshape(rows, self.line)[:, : self.columns]

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
        region, sca = self.settings.region, self.settings.sca
        outputs = region.noutputs
        streams = list(pool.map(self._stream, [(*seed, n) for n in ([1] if outputs == 1 else range(outputs + 1))]))
        scale = np.float32(1 / np.sqrt(frames))
        plane = np.empty((region.ysize, region.xsize), np.float32)
        if outputs == 1:
            np.multiply(streams[0], scale, out=plane)
        else:
            streams[0] *= scale * np.float32(np.sqrt(COMMON_SHARE))
            for number, own in enumerate(streams[1:]):
                own *= scale * np.float32(np.sqrt(1 - COMMON_SHARE))
                part = plane[:, number * self.columns : (number + 1) * self.columns]
                np.add(streams[0], own, out=part)
        return plane[:: np.sign(sca.slowaxis), :: np.sign(sca.fastaxis)]


def level_drifts(settings: ExposureSettings) -> np.ndarray:
    """Return the level of every column in every group: random walks of amplifiers and of their odd columns.

    Parameters
    ----------
    settings : ExposureSettings
        The exposure.

    Returns
    -------
    (nints, ngroups, nx) ndarray of float32, DN
        Zero in the first group of the exposure.
    """
    nints, ngroups, _, nx = settings.shape
    if settings.region.noutputs == 1:
        amplifier, odd = np.zeros(nx, np.int64), amplifier_map(settings.detector, settings.region)[1]
    else:
        amplifier, odd = amplifier_map(settings.detector, settings.region)
    rng = np.random.default_rng((settings.seed, 103))
    size = np.array([settings.noise.amplifier_drift, settings.noise.odd_even_drift])
    steps = rng.standard_normal((nints * ngroups, 4, 2)) * size * np.sqrt(settings.group_time / DRIFT_TIME)
    walk = np.cumsum(steps, axis=0) - steps[0]
    levels = walk[:, amplifier, 0] + np.where(odd, walk[:, amplifier, 1], 0)
    return levels.reshape(nints, ngroups, nx).astype(np.float32)
