"""What to simulate."""

from __future__ import annotations

from dataclasses import dataclass, field

from jwst.simulation.readout import Readout, find_readout
from jwst.simulation.scene import Scene
from jwst.simulation.subarrays import NircamDetector, Subarray, find_detector, find_subarray
from stpipe.exceptions import InputError

__all__ = ["ExposureSettings", "NoiseSettings"]


@dataclass(frozen=True)
class NoiseSettings:
    """Strength of everything that is not light.

    Parameters
    ----------
    read_noise : float
        Factor on the white read noise of the detector.
    one_over_f : float
        rms of the 1/f noise of one full frame, DN.
    ktc : float
        rms of the reset level of a pixel, new in every integration, DN.
    amplifier_drift, odd_even_drift : float
        rms of the step from group to group of the level of an amplifier and of its odd columns against the even ones,
        for the time of ten full frames; goes with the square root of the time, DN.
    cosmic_rays : float
        Hits per cm^2 and second.
    snowballs : float
        Large events per second on a full detector.
    """

    read_noise: float = 1.0
    one_over_f: float = 2.2
    ktc: float = 15.0
    amplifier_drift: float = 4.0
    odd_even_drift: float = 1.0
    cosmic_rays: float = 5.0
    snowballs: float = 0.02


@dataclass(frozen=True)
class ExposureSettings:
    """One NIRCam imaging exposure.

    Parameters
    ----------
    detector : str
        Detector, e.g. "NRCA1".
    subarray : str or Subarray
        A subarray of the detector by name, or a rectangle of one's own.
    readpatt : str
        Readout pattern.
    ngroups, nints : int
        Groups per integration, integrations.
    filter : str
        Filter, kept in the keywords only.
    seed : int
        The same seed gives the same exposure, whatever the number of threads.
    scene : Scene
        Sky, stars, galaxies.
    noise : NoiseSettings
        Noise and cosmic rays.
    root : str
        Name of the file up to the detector.

    Raises
    ------
    InputError
        A name is unknown, or a number makes no sense.
    """

    detector: str = "NRCA1"
    subarray: str | Subarray = "FULL"
    readpatt: str = "SHALLOW4"
    ngroups: int = 10
    nints: int = 1
    filter: str = "F200W"
    seed: int = 17
    scene: Scene = field(default_factory=Scene)
    noise: NoiseSettings = field(default_factory=NoiseSettings)
    root: str = "jw00017001001_01101_00001"

    def __post_init__(self) -> None:
        if self.ngroups < 1 or self.nints < 1:
            raise InputError(
                f"An exposure has at least one group and one integration, not {self.ngroups} and {self.nints}."
            )
        if self.seed < 0:
            raise InputError(f"The seed must not be negative, but is {self.seed}.")
        _ = self.readout, self.region

    @property
    def sca(self) -> NircamDetector:
        """The detector."""
        return find_detector(self.detector)

    @property
    def readout(self) -> Readout:
        """The readout pattern."""
        return find_readout(self.readpatt)

    @property
    def region(self) -> Subarray:
        """The rectangle that is read out."""
        return self.subarray if isinstance(self.subarray, Subarray) else find_subarray(self.subarray, self.detector)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the ramps: (nints, ngroups, ny, nx)."""
        return self.nints, self.ngroups, self.region.ysize, self.region.xsize

    @property
    def group_time(self) -> float:
        """Seconds from group to group."""
        return self.readout.period * self.region.frame_time

    @property
    def integration_time(self) -> float:
        """Seconds from the reset to the end of the last group."""
        return self.readout.frames(self.ngroups) * self.region.frame_time

    @property
    def filename(self) -> str:
        """Name of the level-1b file."""
        return f"{self.root}_{self.sca.name.lower()}_uncal.fits"
