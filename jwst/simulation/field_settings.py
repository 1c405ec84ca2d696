"""Which dithered exposures of a field to simulate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import cos, pi, sin, sqrt

import numpy as np

from jwst.simulation.detectors import Detector, find_detector
from jwst.simulation.modes import Optics, default_optics
from jwst.simulation.pointing import Pointing, PointingError
from jwst.simulation.settings import START, ExposureSettings, NoiseSettings
from jwst.simulation.sky_field import SkyField
from jwst.simulation.subarrays import Subarray, full_frame
from stpipe.exceptions import InputError

__all__ = ["FieldFrame", "FieldSettings"]

BACKGROUNDS = {"NIRCAM": 0.3, "NIRISS": 0.3, "FGS": 0.3, "MIRI": 6.0}
"""Usual light between the sources, MJy/sr."""
EXPOSURE_TYPES = {"NIRCAM": "NRC_IMAGE", "NIRISS": "NIS_IMAGE", "FGS": "FGS_IMAGE", "MIRI": "MIR_IMAGE"}
SUBARRAY_SIZES = (64, 128, 160, 256, 320, 400, 640)
GOLDEN_ANGLE = pi * (3 - sqrt(5))
ABERRATION = 1.00002
GAP = 60.0
"""Seconds between exposures."""


@dataclass(frozen=True)
class FieldSettings:
    """Dithered exposures of one field.

    Parameters
    ----------
    detectors : tuple of str
        Detectors of one instrument that are read in each exposure.
    window : int or None
        Rows and columns; windows of several detectors are as near to each other as they can be. None is the full frame.
    filter : str or None
        Filter (NIRISS: pupil wheel); None is a usual one.
    exposures : int
        Positions of the dither pattern.
    dither : float, arcsec
        Radius of the pattern, a spiral from the first position.
    roll, roll_step : float, deg
        Position angle of V3 in the first exposure, and how much it grows from one to the next.
    pointing_error, roll_error : float, arcsec and deg
        rms of the shift on the sky along each axis, and of the turn, of which the keywords know nothing.
    pedestals : float
        Largest additional background of an exposure, in units of the background.
    outliers : float
        Events per pixel that no flag marks.
    border : int
        Rows and columns at each edge that see no sky.
    readpatt, ngroups : str or None, int
        Readout, as for `ExposureSettings`.
    sky : SkyField
        What is seen.
    noise : NoiseSettings
        Noise of raw exposures; only ``read_noise`` counts for rates.
    seed : int
        Of noise, pointing errors, pedestals and outliers.
    root : str
        File name of the first exposure up to the detector.
    start : datetime
        When the first exposure begins, UTC.

    Raises
    ------
    InputError
        No detector, detectors of several instruments, a detector without images, or a number that makes no sense.
    """

    detectors: tuple[str, ...] = ("NRCA1",)
    window: int | None = 256
    filter: str | None = None
    exposures: int = 4
    dither: float = 1.0
    roll: float = 30.0
    roll_step: float = 0.0
    pointing_error: float = 0.02
    roll_error: float = 0.002
    pedestals: float = 1.0
    outliers: float = 5e-4
    border: int = 4
    readpatt: str | None = None
    ngroups: int = 10
    sky: SkyField = field(default_factory=SkyField)
    noise: NoiseSettings = field(default_factory=NoiseSettings)
    seed: int = 23
    root: str = "jw00018001001_02101_00001"
    start: datetime = START

    def __post_init__(self) -> None:
        scas = [find_detector(name) for name in self.detectors]
        instruments = {sca.instrument for sca in scas}
        if len(instruments) != 1 or not instruments <= set(EXPOSURE_TYPES) or len(set(scas)) != len(scas):
            raise InputError(
                "The detectors of a field are imaging ones of one instrument, each once, e.g. ('NRCA1', 'NRCA2'); not "
                f"{self.detectors}."
            )
        numbers = (self.dither, self.pointing_error, self.roll_error, self.pedestals, self.outliers, self.border)
        if self.exposures < 1 or self.ngroups < 2 or self.seed < 0 or min(numbers) < 0:
            raise InputError(f"A field needs at least one exposure of two groups, and no negative numbers: {self}")
        if self.window is not None and not 2 * self.border < self.window <= min(min(sca.shape) for sca in scas):
            raise InputError(
                f"A window of {self.window} pixels with borders of {self.border} does not fit on {self.detectors}."
            )
        if not self.root[-5:].isdigit():
            raise InputError(f"The root ends with the number of the exposure, as in '…_02101_00001': {self.root!r}")

    @property
    def instrument(self) -> str:
        """Name of the instrument, in upper case."""
        return find_detector(self.detectors[0]).instrument

    @property
    def optics(self) -> Optics:
        """Filter and pupil."""
        usual = default_optics(EXPOSURE_TYPES[self.instrument])
        if self.filter is None:
            return usual
        return Optics("CLEAR", self.filter) if self.instrument == "NIRISS" else Optics(self.filter, usual.pupil)

    @property
    def background(self) -> float:
        """Light between the sources, MJy/sr."""
        return BACKGROUNDS[self.instrument] if self.sky.background is None else self.sky.background

    @property
    def product(self) -> str:
        """Name of the mosaic."""
        element = self.optics.pupil if self.instrument == "NIRISS" else self.optics.filter
        name = f"jw{self.root[2:7]}-o{self.root[7:10]}_t001_{self.instrument}"
        return f"{name}_{element}".lower() if element else name.lower()

    @property
    def density(self) -> tuple[float, float]:
        """Stars and galaxies per square arcsec."""
        sca = find_detector(self.detectors[0])
        rows, columns = self.region(sca.name).shape
        area = rows * columns * sca.pixel_scale**2
        return self.sky.stars / area, self.sky.galaxies / area

    def region(self, detector: str) -> Subarray:
        """Return what is read of a detector."""
        sca = find_detector(detector)
        if self.window is None:
            return full_frame(detector)
        scas = [find_detector(name) for name in self.detectors]
        v2, v3 = np.mean([other.v2 for other in scas]), np.mean([other.v3 for other in scas])
        centre = (sca.v2 - v2) / sca.pixel_scale, (v3 - sca.v3) / sca.pixel_scale
        x, y = (
            int(np.clip(size / 2 + shift - self.window / 2, 0, size - self.window)) // 4 * 4 + 1
            for size, shift in zip(sca.shape[::-1], centre)
        )
        name = f"SUB{self.window}" if self.window in SUBARRAY_SIZES else f"SUB{SUBARRAY_SIZES[-1]}"
        outputs = 4 if sca.instrument == "MIRI" or self.window == max(sca.shape) else 1
        return Subarray(name, x, y, self.window, self.window, outputs)

    def frames(self) -> Iterator[FieldFrame]:
        """Yield one frame for each exposure and detector."""
        rng = np.random.default_rng((self.seed, 41))
        errors = rng.normal(size=(self.exposures, 3)) * (self.pointing_error, self.pointing_error, self.roll_error)
        pedestals = self.pedestals * self.background * rng.random(self.exposures)
        v2, v3 = self._centre()
        start = self.start
        for number in range(self.exposures):
            nominal = self._pointing(number, v2, v3)
            for detector in self.detectors:
                settings = self._exposure(number, detector, nominal, start)
                error = PointingError(*(float(value) for value in errors[number]))
                yield FieldFrame(settings, number, error, float(pedestals[number]))
            length = settings.nints * (settings.integration_time + settings.frame_time)
            start += timedelta(seconds=length + GAP)

    def _centre(self) -> tuple[float, float]:
        """Middle of all windows in the field of the telescope, arcsec."""
        places = [_middle(find_detector(name), self.region(name)) for name in self.detectors]
        v2, v3 = np.mean(places, axis=0)
        return float(v2), float(v3)

    def _pointing(self, number: int, v2: float, v3: float) -> Pointing:
        length, angle = self.dither * sqrt(number / self.exposures), number * GOLDEN_ANGLE
        x, y = length * cos(angle), length * sin(angle)
        centre = Pointing(self.sky.ra, self.sky.dec, self.roll + number * self.roll_step, v2, v3, ABERRATION)
        there = centre.at(v2 - x, v3 + y)
        return Pointing(
            there.ra,
            there.dec,
            there.roll,
            v2,
            v3,
            ABERRATION,
            target=(self.sky.ra, self.sky.dec),
            dither=(x, y),
            position=number + 1,
            positions=self.exposures,
        )

    def _exposure(self, number: int, detector: str, pointing: Pointing, start: datetime) -> ExposureSettings:
        first = int(self.root[-5:])
        return ExposureSettings(
            detector=detector,
            subarray=self.region(detector),
            readpatt=self.readpatt,
            ngroups=self.ngroups,
            seed=1000 * self.seed + number,
            noise=self.noise,
            root=f"{self.root[:-5]}{first + number:05d}",
            exposure_type=EXPOSURE_TYPES[self.instrument],
            optics=self.optics,
            start=start,
            pointing=pointing,
        )


def _middle(sca: Detector, region: Subarray) -> tuple[float, float]:
    """Middle of a window, but for distortion."""
    x = region.xstart - 1 + (region.xsize - sca.shape[1]) / 2
    y = region.ystart - 1 + (region.ysize - sca.shape[0]) / 2
    return sca.v2 - x * sca.pixel_scale, sca.v3 + y * sca.pixel_scale


@dataclass(frozen=True)
class FieldFrame:
    """One detector in one exposure.

    Parameters
    ----------
    settings : ExposureSettings
        The exposure, with the pointing that its keywords say.
    number : int
        Of the exposure, from 0.
    error : PointingError
        What the keywords do not know.
    pedestal : float, MJy/sr
        Background that only this exposure has.
    """

    settings: ExposureSettings
    number: int
    error: PointingError
    pedestal: float

    @property
    def rate_name(self) -> str:
        """Name of the rate product."""
        return self.settings.filename.replace("_uncal", "_rate")
