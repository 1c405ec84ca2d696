"""What an offline CRDS cache holds."""

from __future__ import annotations

from dataclasses import dataclass

from jwst.simulation.detectors import find_detector
from jwst.simulation.readout import Readout, find_readout
from jwst.simulation.subarrays import Subarray, find_subarray

__all__ = ["CacheSettings", "Coverage", "DarkSettings"]


@dataclass(frozen=True)
class DarkSettings:
    """A dark reference; for MIRI the reset anomaly too.

    Parameters
    ----------
    detector : str
        Detector name.
    subarray : str or Subarray
        Darks are never cut, so each subarray needs its own.
    readpatt : str
        Readout pattern of the exposures; "RAPID" darks of NIRCam serve all patterns that have none of their own.
    ngroups : int
        Groups.
    seconds : float or None
        Time from frame to frame, if it is not that of the rectangle (superstripes).
    """

    detector: str
    subarray: str | Subarray = "FULL"
    readpatt: str = "SHALLOW4"
    ngroups: int = 10
    seconds: float | None = None

    @property
    def region(self) -> Subarray:
        """The rectangle that it covers."""
        return self.subarray if isinstance(self.subarray, Subarray) else find_subarray(self.subarray, self.detector)

    @property
    def readout(self) -> Readout:
        """The readout pattern."""
        return find_readout(self.readpatt, find_detector(self.detector).instrument)


@dataclass(frozen=True)
class Coverage:
    """A detector and the rectangle that its references cover; darks excepted.

    Parameters
    ----------
    detector : str
        Detector name.
    region : Subarray or None
        None for the full detector, or a subarray for small caches: such references serve exposures of this subarray
        only.
    irs2 : bool
        Add what IRS2 patterns of NIRSpec need.
    """

    detector: str
    region: Subarray | None = None
    irs2: bool = False


@dataclass(frozen=True)
class CacheSettings:
    """What the cache holds.

    Parameters
    ----------
    coverage : tuple of Coverage
        Detectors. NIRSpec has one for each subarray with a gain of its own.
    darks : tuple of DarkSettings
        Darks. Each NIRCam detector and subarray named here also gets a short RAPID dark for patterns without one: the
        dark current of the simulator is constant, so that its linear extension is exact.
    traps : bool
        Add the references of the trap model of persistence and switch it on (NIRCam).
    inverse_linearity : bool
        Give the linearity reference inverse coefficients.
    guiders : tuple of str
        FGS guiders for guide-star exposures; detectors among ``coverage`` have their references already.
    kernels : tuple of str
        Detectors whose IPC reference has a kernel for every pixel of the full frame.
    images_only : bool
        Leave out what stage 1 needs.
    """

    coverage: tuple[Coverage, ...] = (Coverage("NRCA1"),)
    darks: tuple[DarkSettings, ...] = ()
    traps: bool = True
    inverse_linearity: bool = False
    guiders: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    images_only: bool = False
