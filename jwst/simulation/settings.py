"""What to simulate."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from jwst.simulation.detectors import Detector, find_detector
from jwst.simulation.light_curve import LightCurve
from jwst.simulation.modes import Optics, default_exposure_type, default_optics, default_readout
from jwst.simulation.pointing import Pointing
from jwst.simulation.readout import Readout, find_readout, frame_time
from jwst.simulation.scene import Scene, Seen
from jwst.simulation.subarrays import Subarray, check_fit, find_subarray
from stpipe.exceptions import InputError

__all__ = ["ExposureSettings", "MiriSettings", "NoiseSettings"]

START = datetime(2023, 6, 15, 12, 0, 0)


@dataclass(frozen=True)
class NoiseSettings:
    """Strength of everything that is not light.

    Parameters
    ----------
    read_noise : float
        Factor on the white read noise of the detector.
    one_over_f : float
        rms of the 1/f noise of one full frame, DN. MIRI has a sixth of it.
    ktc : float
        rms of the reset level of a pixel, new in every integration, DN. MIRI has a fifth of it.
    amplifier_drift, odd_even_drift : float
        rms of the step from group to group of the level of an amplifier and of its odd columns (MIRI: rows) against
        the even ones, for the time of ten full frames; goes with the square root of the time, DN.
    cosmic_rays : float
        Hits per cm^2 and second.
    snowballs : float
        Large events per second on a full near-infrared detector.
    showers : float
        Diffuse events per second on a full MIRI detector.
    picture_frame : float
        rms from group to group of the thermal pattern around the edge of NIRSpec, DN.
    irs2 : float
        rms of the noise that the outputs of NIRSpec share in IRS2 mode, DN.
    """

    read_noise: float = 1.0
    one_over_f: float = 2.2
    ktc: float = 15.0
    amplifier_drift: float = 4.0
    odd_even_drift: float = 1.0
    cosmic_rays: float = 5.0
    snowballs: float = 0.02
    showers: float = 0.05
    picture_frame: float = 0.0
    irs2: float = 6.0


@dataclass(frozen=True)
class MiriSettings:
    """Strength of what only MIRI shows.

    Parameters
    ----------
    emi : tuple of float
        Amplitudes of the electromagnetic interference at 390.625, 218.52055 and 10.039216 Hz, DN.
    emi_phase : tuple of float
        Phases at the first pixel of the exposure, in periods.
    reset : float
        Reset anomaly of the first group of the later integrations, DN.
    first_frame, last_frame : float
        What the first group of an integration has less, and the last one per DN of signal.
    rscd : float
        Charge that stays after the reset, in units of the light of an integration.
    dark_curvature : float
        Deviation of the dark of the first integration from a straight line, DN.
    """

    emi: tuple[float, float, float] = (4.0, 2.0, 1.5)
    emi_phase: tuple[float, float, float] = (0.21, 0.37, 0.6)
    reset: float = 25.0
    first_frame: float = 20.0
    last_frame: float = 0.01
    rscd: float = 0.004
    dark_curvature: float = 15.0


@dataclass(frozen=True)
class ExposureSettings:
    """One exposure.

    Parameters
    ----------
    detector : str
        Detector, e.g. "NRCA1", "MIRIMAGE", "NRS1", "NIS" or "GUIDER1".
    subarray : str or Subarray
        A subarray of the detector by name, or a rectangle of one's own.
    readpatt : str or None
        Readout pattern; None is the usual one of the instrument.
    ngroups, nints : int
        Groups per integration, integrations.
    filter : str or None
        Filter, kept in the keywords only; None is a usual one.
    seed : int
        The same seed gives the same exposure, whatever the number of threads.
    scene : Scene, or FieldView
        Sky, stars, galaxies, spectra; or a piece of sky with coordinates.
    noise : NoiseSettings
        Noise and cosmic rays.
    root : str
        Name of the file up to the detector.
    miri : MiriSettings
        Effects of MIRI.
    exposure_type : str or None
        Value of EXP_TYPE; None is the usual one of detector and subarray.
    optics : Optics or None
        Pupil, grating and so on for the keywords; None for the usual ones.
    start : datetime
        When the exposure begins, UTC.
    segments : int
        Files that the integrations are spread over.
    light_curve : LightCurve or None
        Given: the exposure is a time series, and the light of its sources follows this curve.
    keep_noise : bool
        Keep the 1/f noise of every group in the truth, so that its power can be compared before and after.
    pointing : Pointing or None
        Where the telescope believes to look, for the keywords; None is one and the same place with V3 to the north.

    Raises
    ------
    InputError
        A name is unknown, or a number makes no sense.
    """

    detector: str = "NRCA1"
    subarray: str | Subarray = "FULL"
    readpatt: str | None = None
    ngroups: int = 10
    nints: int = 1
    filter: str | None = None
    seed: int = 17
    scene: Scene | Seen = field(default_factory=Scene)
    noise: NoiseSettings = field(default_factory=NoiseSettings)
    root: str = "jw00017001001_01101_00001"
    miri: MiriSettings = field(default_factory=MiriSettings)
    exposure_type: str | None = None
    optics: Optics | None = None
    start: datetime = START
    segments: int = 1
    light_curve: LightCurve | None = None
    keep_noise: bool = False
    pointing: Pointing | None = None

    def __post_init__(self) -> None:
        if self.ngroups < 1 or self.nints < 1:
            raise InputError(
                f"An exposure has at least one group and one integration, not {self.ngroups} and {self.nints}."
            )
        if self.seed < 0:
            raise InputError(f"The seed must not be negative, but is {self.seed}.")
        if not 1 <= self.segments <= self.nints:
            raise InputError(
                f"{self.nints} integrations go into at least 1 and at most {self.nints} segments, not {self.segments}."
            )
        check_fit(self.region, self.sca)
        if self.superstripes > 1 and (self.segments > 1 or self.nints % self.superstripes):
            raise InputError(
                f"{self.region.name} needs a multiple of {self.superstripes} integrations, in one segment; not "
                f"{self.nints} in {self.segments}."
            )
        if self.readout.irs2 and not self.is_full:
            raise InputError(
                f"IRS2 patterns such as {self.readout.name} read full frames only, not {self.region.name}."
            )
        _ = self.frame_time

    @property
    def sca(self) -> Detector:
        """The detector."""
        return find_detector(self.detector)

    @property
    def readout(self) -> Readout:
        """The readout pattern."""
        return find_readout(self.readpatt or default_readout(self.sca), self.sca.instrument)

    @property
    def region(self) -> Subarray:
        """The rectangle that is read out."""
        return self.subarray if isinstance(self.subarray, Subarray) else find_subarray(self.subarray, self.detector)

    @property
    def superstripes(self) -> int:
        """Integrations, each with lines of its own, that make up one integration of the products; mostly 1."""
        return 1 if self.region.stripes is None else max(self.region.stripes.count, 1)

    @property
    def is_full(self) -> bool:
        """True for the whole detector."""
        return self.region.shape == self.sca.shape

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the ramps: (nints, ngroups, ny, nx), without the reference pixels between others of IRS2."""
        return self.nints, self.ngroups, self.region.ysize, self.region.xsize

    @property
    def type(self) -> str:
        """Value of EXP_TYPE."""
        return self.exposure_type or default_exposure_type(
            self.sca, self.region.name, time_series=self.light_curve is not None
        )

    @property
    def light_path(self) -> Optics:
        """Filter and so on."""
        usual = self.optics or default_optics(self.type)
        return Optics(self.filter or usual.filter, usual.pupil, usual.grating, usual.band)

    @property
    def zero_frame(self) -> bool:
        """True if the first frames come as well: instruments that send them, with groups of several frames."""
        return self.readout.nframes > 1 and self.sca.instrument in ("NIRCAM", "NIRISS")

    @property
    def frame_time(self) -> float:
        """Seconds from frame to frame."""
        return frame_time(self.sca, self.region, self.readout)

    @property
    def group_time(self) -> float:
        """Seconds from group to group."""
        return self.readout.period * self.frame_time

    @property
    def integration_time(self) -> float:
        """Seconds from the reset to the end of the last group."""
        return self.readout.frames(self.ngroups) * self.frame_time

    @property
    def segment_ranges(self) -> tuple[range, ...]:
        """Integrations of each segment, counted from 0; the last segment may be shorter."""
        size = -(-self.nints // self.segments)
        return tuple(range(first, min(first + size, self.nints)) for first in range(0, self.nints, size))

    @property
    def filename(self) -> str:
        """Name of the level-1b file, or of that of the first segment."""
        return self.segment_filename(0)

    def segment_filename(self, segment: int) -> str:
        """Return the name of the level-1b file of a segment counted from 0."""
        name = f"-seg{segment + 1:03d}" if self.segments > 1 else ""
        return f"{self.root}{name}_{self.sca.name.lower()}_uncal.fits"
