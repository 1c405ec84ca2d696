"""IRS2 readout of NIRSpec: reference pixels between the others, a reference output, and the noise that they see.

Layout and clocking: spec common_detector.md §6 and refpix.md §E. Every output is read in lines of 712 clocks; a series
that all outputs share and one of each output's own go through them. The best linear estimate of their sum from the
reference output and the reference pixels of an output gives the coefficients alpha and beta of the reference file.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jwst.simulation.detector import DetectorTruth, to_science
from jwst.simulation.detectors import DETECTOR_SIZE, Detector
from jwst.simulation.physics import PHYSICS
from jwst.simulation.settings import ExposureSettings, NoiseSettings

__all__ = ["IRS2_LINES", "Irs2Coefficients", "Irs2Frame", "irs2_coefficients", "normal_rows"]

NORMAL = 16
REFERENCE = 4
SECTOR = 640
SECTORS = 5
IRS2_LINES = SECTOR * SECTORS
SLOTS = 712
SERIES = SLOTS * DETECTOR_SIZE
_PER_SECTOR = DETECTOR_SIZE // 4
_REFERENCES = _PER_SECTOR // NORMAL * REFERENCE
SAMPLED = _REFERENCES * 2 / SLOTS
HIGHEST_SAMPLED = SERIES // 60
ADC_LIMIT = 65535
REFERENCE_OUTPUT_BIAS = 11000.0
_NORMAL_INDEX = np.arange(_PER_SECTOR)
_BLOCK = (_NORMAL_INDEX + NORMAL // 2) // NORMAL
NORMAL_COLUMN = _NORMAL_INDEX + REFERENCE * _BLOCK
NORMAL_SLOT = _NORMAL_INDEX + (REFERENCE + 2) * _BLOCK
_REFERENCE_INDEX = np.arange(_REFERENCES)
REFERENCE_COLUMN = _REFERENCE_INDEX + NORMAL * (_REFERENCE_INDEX // REFERENCE) + NORMAL // 2
REFERENCE_SLOT = _REFERENCE_INDEX + (NORMAL + 2) * (_REFERENCE_INDEX // REFERENCE) + NORMAL // 2 + 1


def normal_rows(detector: Detector) -> np.ndarray:
    """Return where the rows of pixels lie among the 3200 rows of a frame in DMS orientation.

    Parameters
    ----------
    detector : Detector
        NRS1 or NRS2.

    Returns
    -------
    (2048,) ndarray of int
        Rising.
    """
    sectors = SECTOR * np.arange(1, SECTORS)[:, None]
    rows = (sectors + np.sort(NORMAL_COLUMN)).ravel()
    return rows if detector.fastaxis > 0 else np.sort(IRS2_LINES - 1 - rows)


@dataclass(frozen=True, eq=False)
class Irs2Coefficients:
    """How the noise is estimated.

    Parameters
    ----------
    alpha, beta : (712 * 2048,) ndarray of float32
        Factors on the Fourier transforms of the reference output and of the reference pixels; real.
    left_over : float
        rms of what the estimate leaves, DN.
    """

    alpha: np.ndarray
    beta: np.ndarray
    left_over: float


def _power(rms: float) -> np.ndarray:
    """Variance per wave of 1/f noise: (SERIES // 2 + 1,) ndarray of float64."""
    wave = np.maximum(np.arange(SERIES // 2 + 1), 1)
    power = rms**2 / (np.log(SERIES / 2) + np.euler_gamma) / wave
    power[0] = 0
    return power


def irs2_coefficients(noise: NoiseSettings) -> Irs2Coefficients:
    """Return the best linear estimate of the noise of an output at each frequency.

    Parameters
    ----------
    noise : NoiseSettings
        Strengths of the noise of a single frame.

    Returns
    -------
    Irs2Coefficients

    Notes
    -----
    With y = c + o (shared and own noise), u = c + o + e (reference pixels, white noise e raised by their sparse
    sampling) and v = c + d (reference output), the factors are those of the regression of y on u and v.
    """
    white = (PHYSICS["NIRSPEC"].read_noise * noise.read_noise) ** 2 * 2 / SERIES
    shared, own = _power(noise.irs2), _power(noise.one_over_f)
    sparse = np.where(np.arange(len(shared)) < HIGHEST_SAMPLED, white * 2 / SAMPLED, np.inf)
    u, v = shared + own + sparse, shared + white
    with np.errstate(invalid="ignore"):
        determinant = v - shared**2 / u
        alpha = shared * (1 - (shared + own) / u) / determinant
        beta = ((shared + own) - shared * alpha) / u
    left = (shared + own) * (1 - beta) - shared * alpha
    beta[0] = 1.0
    mirrored = np.concatenate([np.arange(SERIES // 2 + 1), np.arange(SERIES // 2 - 1, 0, -1)])
    return Irs2Coefficients(
        alpha[mirrored].astype(np.float32),
        (beta / SAMPLED)[mirrored].astype(np.float32),
        float(np.sqrt(left.sum())),
    )


class Irs2Frame:
    """Makes what a frame holds beside the pixels.

    Parameters
    ----------
    settings : ExposureSettings
        The exposure.
    detector : DetectorTruth
        Truth of the full detector.
    """

    def __init__(self, settings: ExposureSettings, detector: DetectorTruth) -> None:
        self.settings, self.sca = settings, settings.sca
        self.normal_rows = normal_rows(self.sca)
        self.reference_rows = np.setdiff1d(np.arange(IRS2_LINES), self.normal_rows)
        self.bias = full_bias(detector, self.sca)[self.reference_rows]

    @cached_property
    def _spectra(self) -> tuple[np.ndarray, np.ndarray]:
        """Amplitudes of the waves of the shared series and of those of single outputs."""
        noise = self.settings.noise
        shared, own = (np.sqrt(_power(rms)) * (SERIES / 2) for rms in (noise.irs2, noise.one_over_f))
        return shared.astype(np.float32), own.astype(np.float32)

    def _stream(self, seed: tuple[int, ...]) -> np.ndarray:
        """Time series number ``seed[-1]``: 0 is shared, the others belong to outputs. (2048, 712) float32."""
        from scipy.fft import irfft

        spectrum = self._spectra[0 if seed[-1] == 0 else 1]
        random = np.random.default_rng(seed).standard_normal((len(spectrum), 2), dtype=np.float32)
        return irfft(random.view(np.complex64)[:, 0] * spectrum, n=SERIES).reshape(DETECTOR_SIZE, SLOTS)

    def noise(self, seed: tuple[int, ...], *, frames: int, pool: Executor) -> np.ndarray:
        """Return the correlated noise of a group.

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
        (3200, 2048) ndarray of float32, DN
            DMS orientation.
        """
        streams = list(pool.map(self._stream, [(*seed, number) for number in range(SECTORS)]))
        plane = np.empty((DETECTOR_SIZE, IRS2_LINES), np.float32)
        for sector, own in enumerate(streams):
            if sector:
                own += streams[0]
            part = plane[:, sector * SECTOR : (sector + 1) * SECTOR]
            part = part[:, ::-1] if sector % 2 == 0 else part
            part[:, NORMAL_COLUMN] = own[:, NORMAL_SLOT]
            part[:, REFERENCE_COLUMN] = own[:, REFERENCE_SLOT]
        plane *= np.float32(1 / np.sqrt(frames))
        return to_science(plane, self.sca)

    def write_references(
        self, frame: np.ndarray, noise: np.ndarray, *, drifts: np.ndarray, seed: tuple[int, ...]
    ) -> None:
        """Write the reference pixels between the others and the reference output.

        Parameters
        ----------
        frame : (3200, 2048) ndarray of uint16
            Samples of a group; the rows of pixels are left alone.
        noise : (3200, 2048) ndarray of float32, DN
            Its correlated noise.
        drifts : (4,) ndarray of float, DN
            Level of each output.
        seed : tuple of int
            Names this group.
        """
        settings = self.settings
        white = np.random.default_rng(seed).standard_normal(self.bias.shape, dtype=np.float32)
        white *= np.float32(
            PHYSICS["NIRSPEC"].read_noise * settings.noise.read_noise / np.sqrt(settings.readout.nframes)
        )
        white += self.bias
        white += noise[self.reference_rows]
        levels = np.concatenate([[0.0], drifts])[self.sector_of(self.reference_rows)]
        white += levels[:, None].astype(np.float32)
        np.rint(white, out=white)
        frame[self.reference_rows] = np.clip(white, 0, ADC_LIMIT)

    def sector_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the sector of rows in DMS orientation; 0 is the reference output."""
        place = rows if self.sca.fastaxis > 0 else IRS2_LINES - 1 - rows
        return place // SECTOR


def full_bias(detector: DetectorTruth, sca: Detector) -> np.ndarray:
    """Return the bias of all that a frame holds.

    Parameters
    ----------
    detector : DetectorTruth
        Truth of the full detector.
    sca : Detector
        NRS1 or NRS2.

    Returns
    -------
    (3200, 2048) ndarray of float32, DN
    """
    physics = PHYSICS["NIRSPEC"]
    rows = np.arange(IRS2_LINES)
    sector = (rows if sca.fastaxis > 0 else IRS2_LINES - 1 - rows) // SECTOR
    level = np.array([REFERENCE_OUTPUT_BIAS, *physics.bias], np.float32)[sector]
    rng = np.random.default_rng((sca.number, 9))
    bias = rng.standard_normal((IRS2_LINES, DETECTOR_SIZE), dtype=np.float32) * np.float32(physics.bias_scatter)
    bias += level[:, None]
    bias[normal_rows(sca)] = detector.bias
    return bias
