"""How much of the 1/f noise and of the showers of a simulated exposure is left in a product, and how much was found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, JUMP_DET, SATURATED
from jwst.simulation.truth import Truth
from stpipe.exceptions import InputError

__all__ = ["NoiseSummary", "ShowerSummary", "judge_noise", "judge_showers"]

BAD = DO_NOT_USE | SATURATED | JUMP_DET


@dataclass(frozen=True)
class NoiseSummary:
    """1/f noise in the differences of groups.

    Parameters
    ----------
    rms : float
        rms of the noise that was simulated, DN.
    left : float
        Part of it that the data still contain: 1 before any correction, 0 where all is gone. It is the slope of a
        straight line through data against noise, so that other noise does not count.
    """

    rms: float
    left: float

    @property
    def power(self) -> float:
        """Part of the power that is left."""
        return self.left**2


@dataclass(frozen=True)
class ShowerSummary:
    """Agreement of jump flags with true showers.

    Parameters
    ----------
    showers : int
        Showers that lie inside the exposure, not before its second group.
    found : int
        Those of which at least half the pixels carry a jump flag in their group.
    """

    showers: int
    found: int


def judge_noise(data: np.ndarray, truth: Truth, *, groupdq: np.ndarray | None = None) -> NoiseSummary:
    """Measure the 1/f noise that is left in ramps.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray, DN
        Ramps, raw or corrected, at most multiplied by a little (linearity).
    truth : Truth
        Truth of the exposure, with its noise.
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8, optional
        Flags; differences with a jump, saturation or DO_NOT_USE are left out.

    Returns
    -------
    NoiseSummary
        NaN if no pixel is usable.

    Raises
    ------
    InputError
        The truth has no noise, or the shapes differ.
    """
    if not truth.noise.size:
        raise InputError("The truth holds no noise. Simulate the exposure with keep_noise=True.")
    if data.shape != truth.noise.shape:
        raise InputError(f"Ramps of shape {data.shape} do not belong to noise of shape {truth.noise.shape}.")
    product = square = count = 0.0
    for integration in range(data.shape[0]):
        for group in range(1, data.shape[1]):
            good = truth.usable & (truth.rate <= np.median(truth.rate[truth.usable]))
            if groupdq is not None:
                good = good & ((groupdq[integration, group] | groupdq[integration, group - 1]) & np.uint8(BAD) == 0)
            if not good.any():
                continue
            step = data[integration, group].astype(np.float64) - data[integration, group - 1]
            noise = truth.noise[integration, group].astype(np.float64) - truth.noise[integration, group - 1]
            residual = step[good] - np.median(step[good])
            product += float(residual @ noise[good])
            square += float(noise[good] @ noise[good])
            count += good.sum()
    if not square:
        return NoiseSummary(float("nan"), float("nan"))
    return NoiseSummary(float(np.sqrt(square / count / 2)), product / square)


def judge_showers(groupdq: np.ndarray, truth: Truth) -> ShowerSummary:
    """Compare jump flags with the true showers.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Group flags after the jump step.
    truth : Truth
        Truth of the exposure.

    Returns
    -------
    ShowerSummary
    """
    hits = truth.hits[truth.hits["shower"]]
    last = groupdq.shape[1] - 1
    total = found = 0
    for shower in truth.showers:
        if not 0 < shower["group"] <= last:
            continue
        same = (hits["integration"] == shower["integration"]) & (hits["frame"] == shower["frame"])
        y, x = hits["y"][same], hits["x"][same]
        near = np.hypot(y - shower["y"], x - shower["x"]) <= shower["long"] + 1
        flags = groupdq[shower["integration"], shower["group"], y[near], x[near]]
        if flags.size and not (flags & np.uint8(DO_NOT_USE)).all():
            total += 1
            found += np.mean(flags & np.uint8(BAD) != 0) >= 0.5
    return ShowerSummary(total, int(found))
