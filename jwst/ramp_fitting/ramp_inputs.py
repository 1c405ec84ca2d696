"""What the ramp fit works on and what it gives: plain arrays with names. Source: spec ramp_fit.md §4, §7, §8."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["FitOptions", "OptionalResults", "Rates", "RampTimes", "Ramps"]


@dataclass(frozen=True)
class RampTimes:
    """Times of the readout pattern.

    Parameters
    ----------
    group_time, frame_time : float
        Seconds; rounded to float32 as the released pipeline does.
    nframes, groupgap : int
        Frames averaged into a group, and dropped between groups.
    drop_frames1 : int
        Frames dropped before the first group.
    exact_frame_time : float
        Not an argument: ``frame_time`` before it was rounded.

    Raises
    ------
    InputError
        A time is missing or not positive.
    """

    group_time: float
    frame_time: float
    nframes: int
    groupgap: int = 0
    drop_frames1: int = 0
    exact_frame_time: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, keyword in (("group_time", "TGROUP"), ("frame_time", "TFRAME"), ("nframes", "NFRAMES")):
            value = getattr(self, name)
            if value is None or not value > 0:
                raise InputError(
                    f"The exposure has no usable {keyword} (meta.exposure.{name} is {value!r}), which ramp_fit needs"
                )
        if self.groupgap is None:
            raise InputError("The exposure has no GROUPGAP (meta.exposure.groupgap is None), which ramp_fit needs")
        object.__setattr__(self, "exact_frame_time", float(self.frame_time))
        object.__setattr__(self, "group_time", float(np.float32(self.group_time)))
        object.__setattr__(self, "frame_time", float(np.float32(self.frame_time)))

    @property
    def first_group(self) -> float:
        """Mean time of the frames of the first group, in seconds."""
        return (self.nframes + 1) * self.frame_time / 2


@dataclass(frozen=True)
class Ramps:
    """Ramps of an exposure with what is needed to fit them.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Updated in place by the fit.
    pixeldq : (ny, nx) ndarray of uint32
    gain : (ny, nx) ndarray of float32, e-/DN
    readnoise : (ny, nx) ndarray of float32, DN
        Noise of the difference of two single reads.
    dark : (ny, nx) ndarray of float32, optional
        Average dark current, DN/s; adds to the Poisson variance.
    zeroframe : (nints, ny, nx) ndarray of float32, optional
        First frames, DN; 0 means unusable.
    """

    data: np.ndarray
    groupdq: np.ndarray
    pixeldq: np.ndarray
    gain: np.ndarray
    readnoise: np.ndarray
    dark: np.ndarray | None = None
    zeroframe: np.ndarray | None = None

    def single_read_noise(self, nframes: int) -> np.ndarray:
        """Noise of a group in electrons, ``R g / sqrt(2 nframes)``, rounded to float32.

        Returns
        -------
        (ny, nx) ndarray of float32
        """
        scale = 1.0 / math.sqrt(2 * nframes)
        result = np.empty(self.readnoise.shape, np.float32)
        for row, noise, gain in zip(result, self.readnoise, self.gain):
            row[...] = noise.astype(np.float64) * gain * scale
        return result


@dataclass(frozen=True)
class FitOptions:
    """Choices of the fit.

    Parameters
    ----------
    suppress_one_group : bool
        Discard ramps with a single good group.
    firstgroup, lastgroup : int, optional
        Inclusive range of groups to use, counted from 0.
    miri : bool
        Trim leading and trailing groups that are bad everywhere.
    optional_results : bool
        Also give the fit of every segment.
    all_faint_jumps : bool
        Likelihood fit: search also the faint ramps in which the released pipeline finds no jump.
    cores : int
        Processes that share the rows; the result does not depend on it.
    """

    suppress_one_group: bool = True
    firstgroup: int | None = None
    lastgroup: int | None = None
    miri: bool = False
    optional_results: bool = False
    all_faint_jumps: bool = False
    cores: int = 1


@dataclass(frozen=True)
class Rates:
    """Count rates: 2-D for an exposure, 3-D (one plane per integration) for its integrations.

    Parameters
    ----------
    slope : ndarray of float32, DN/s
    dq : ndarray of uint32
    var_poisson, var_rnoise : ndarray of float32, (DN/s)^2
    err : ndarray of float32, DN/s
    """

    slope: np.ndarray
    dq: np.ndarray
    var_poisson: np.ndarray
    var_rnoise: np.ndarray
    err: np.ndarray

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Rates:
        """Make arrays to be filled.

        Returns
        -------
        Rates
        """
        planes = [np.empty(shape, np.uint32 if name == "dq" else np.float32) for name in cls.__dataclass_fields__]
        return cls(*planes)


@dataclass(frozen=True)
class OptionalResults:
    """The fit of every segment, unused slots 0. Source: spec ramp_fit.md §8.

    Parameters
    ----------
    slope, sigslope, var_poisson, var_rnoise, yint, sigyint, weights : (nints, nsegments, ny, nx) ndarray of float32
    pedestal : (nints, ny, nx) ndarray of float32, DN
    crmag : (nints, ncosmics, ny, nx) ndarray of float32, DN
        Steps of the groups flagged JUMP_DET, in time order.
    """

    slope: np.ndarray
    sigslope: np.ndarray
    var_poisson: np.ndarray
    var_rnoise: np.ndarray
    yint: np.ndarray
    sigyint: np.ndarray
    weights: np.ndarray
    pedestal: np.ndarray
    crmag: np.ndarray
