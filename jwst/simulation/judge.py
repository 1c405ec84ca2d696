"""How well a product agrees with the truth of a simulated exposure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, JUMP_DET, REFERENCE_PIXEL, SATURATED
from jwst.simulation.truth import Truth, truth_path
from stpipe.exceptions import InputError

__all__ = ["HitSummary", "RateSummary", "TruthSummary", "compare_with_truth", "judge_hits", "judge_rate"]

BRIGHT = 50.0
FAINT_ELECTRONS = 20.0
COUNTED_HIT = 300.0
UNUSABLE = np.uint8(SATURATED | DO_NOT_USE)
ROBUST = 1.482602218505602


@dataclass(frozen=True)
class RateSummary:
    """Agreement of rates with the truth.

    Parameters
    ----------
    pixels : int
        Clean pixels: usable ones that no flag marks.
    pull_median, pull_sigma : float
        Median and robust scatter of (rate - truth) / error over them.
    bright_pixels : int
        Usable pixels with more than 50 DN/s, flagged ones (jumps, late saturation) included.
    bright_ratio : float
        Median of rate / truth over them; NaN without any.
    bright_error : float
        Standard error of that median.
    """

    pixels: int
    pull_median: float
    pull_sigma: float
    bright_pixels: int
    bright_ratio: float
    bright_error: float

    @property
    def good(self) -> bool:
        """True within the limits of the specification, which are meant for exposures with Poisson noise in every pixel.

        Where one group collects less than the read noise, the errors of ramp_fit are too large: the positive half of
        the noise counts as signal. Then the scatter comes out below the limit.
        """
        bright = not self.bright_pixels or abs(self.bright_ratio - 1) <= max(0.005, 3 * self.bright_error)
        return abs(self.pull_median) <= 0.05 and 0.95 <= self.pull_sigma <= 1.10 and bright


@dataclass(frozen=True)
class HitSummary:
    """Agreement of jump flags with the truth.

    Parameters
    ----------
    hits : int
        Cosmic-ray hits of more than 300 electrons that can be seen: in usable pixels below 20 electrons per second that
        were not saturated, and not before the first group that can be used (MIRI skips some).
    found : int
        Those flagged in the group of the hit or in the next one.
    false_alarms : float
        Part of the samples that carries a flag, of faint usable pixels without any hit in them or beside them.
    """

    hits: int
    found: int
    false_alarms: float

    @property
    def completeness(self) -> float:
        """Part of the hits that was found; NaN without any."""
        return self.found / self.hits if self.hits else float("nan")

    @property
    def good(self) -> bool:
        """True within the limits of the specification."""
        return not self.hits or self.completeness >= 0.99


@dataclass(frozen=True)
class TruthSummary:
    """Agreement of the products of an exposure with its truth.

    Parameters
    ----------
    rate : RateSummary
        Rates.
    hits : HitSummary or None
        Jump flags, where a ramp was given.
    """

    rate: RateSummary
    hits: HitSummary | None = None

    @property
    def good(self) -> bool:
        """True if everything is within the limits of the specification."""
        return self.rate.good and (self.hits is None or self.hits.good)

    def __str__(self) -> str:
        rate, hits = self.rate, self.hits
        lines = [
            f"clean pixels            {rate.pixels:>12,}",
            f"pull, median            {rate.pull_median:>12.4f}   (0 +- 0.05)",
            f"pull, robust sigma      {rate.pull_sigma:>12.4f}   (0.95 to 1.10)",
            f"pixels above 50 DN/s    {rate.bright_pixels:>12,}",
        ]
        if rate.bright_pixels:
            lines.append(
                f"  rate / truth          {rate.bright_ratio:>12.5f}   (1 +- 0.005, known to {rate.bright_error:.5f})"
            )
        if hits is not None:
            lines.append(f"hits above 300 electrons{hits.hits:>12,}")
            if hits.hits:
                lines.append(f"  flagged               {hits.completeness:>12.2%}   (at least 99 %)")
            lines.append(f"false jumps per sample  {hits.false_alarms:>12.2e}")
        return "\n".join([*lines, f"verdict                 {'within limits' if self.good else 'OUTSIDE LIMITS':>12}"])


def judge_rate(data: np.ndarray, err: np.ndarray, dq: np.ndarray, truth: Truth) -> RateSummary:
    """Compare rates with the truth.

    Parameters
    ----------
    data, err : (ny, nx) ndarray of float32, DN per second
        Rate product before the flat field.
    dq : (ny, nx) ndarray of uint32
        Its flags.
    truth : Truth
        Truth of the exposure.

    Returns
    -------
    RateSummary

    Raises
    ------
    InputError
        The shapes differ.
    """
    if data.shape != truth.rate.shape:
        raise InputError(f"A rate of shape {data.shape} cannot be compared with a truth of shape {truth.rate.shape}.")
    seen = truth.usable & np.isfinite(data) & (err > 0)
    clean = seen & (dq == 0)
    pull = (data[clean] - truth.rate[clean]) / err[clean]
    median = float(np.median(pull)) if pull.size else float("nan")
    sigma = float(ROBUST * np.median(np.abs(pull - median))) if pull.size else float("nan")
    bright = seen & (truth.rate > BRIGHT) & (dq & (DO_NOT_USE | REFERENCE_PIXEL) == 0)
    return RateSummary(int(clean.sum()), median, sigma, int(bright.sum()), *_bright_ratio(data, err, truth, bright))


def _bright_ratio(data: np.ndarray, err: np.ndarray, truth: Truth, bright: np.ndarray) -> tuple[float, float]:
    """Median of rate / truth and its standard error."""
    if not bright.any():
        return float("nan"), float("nan")
    relative = np.median(err[bright] / truth.rate[bright])
    median_error = np.sqrt(np.pi / 2) * relative / np.sqrt(np.count_nonzero(bright))
    return float(np.median(data[bright] / truth.rate[bright])), float(median_error)


def _visible(truth: Truth, groupdq: np.ndarray) -> np.ndarray:
    """Hits that a jump search can find."""
    ngroups, period = groupdq.shape[1], truth.nframes + truth.groupgap
    hits = truth.hits
    place = hits["integration"], hits["group"], hits["y"], hits["x"]
    faint = truth.usable & (truth.electron_rate + truth.dark < FAINT_ELECTRONS)
    visible = faint[hits["y"], hits["x"]] & (hits["electrons"] > COUNTED_HIT) & (hits["frame"] > 0)
    visible &= (hits["group"] < ngroups) & ((hits["group"] > 0) | (hits["frame"] % period > 0))
    before = hits["integration"], np.maximum(hits["group"] - 1, 0), hits["y"], hits["x"]
    visible[visible] &= ((groupdq[_chosen(place, visible)] | groupdq[_chosen(before, visible)]) & UNUSABLE) == 0
    return visible


def _chosen(place: tuple[np.ndarray, ...], where: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(index[where] for index in place)


def _near_hits(truth: Truth) -> np.ndarray:
    """Pixels with a hit, and those around them, which the jump step flags with it."""
    from scipy.ndimage import binary_dilation

    hit = np.zeros(truth.rate.shape, bool)
    hit[truth.hits["y"], truth.hits["x"]] = True
    return binary_dilation(hit, np.ones((3, 3), bool))


def judge_hits(groupdq: np.ndarray, truth: Truth) -> HitSummary:
    """Compare jump flags with the true hits.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Group flags after the jump step.
    truth : Truth
        Truth of the exposure.

    Returns
    -------
    HitSummary

    Raises
    ------
    InputError
        The shapes differ.
    """
    if groupdq.shape[-2:] != truth.rate.shape:
        raise InputError(f"Flags of shape {groupdq.shape} do not belong to a truth of shape {truth.rate.shape}.")
    ngroups = groupdq.shape[1]
    hits = truth.hits[_visible(truth, groupdq)]
    i, g, y, x = (hits[name] for name in ("integration", "group", "y", "x"))
    late = np.minimum(g + 1, ngroups - 1)
    found = (groupdq[i, g, y, x] | groupdq[i, late, y, x]) & (JUMP_DET | SATURATED | DO_NOT_USE) != 0
    quiet = truth.usable & (truth.electron_rate + truth.dark < FAINT_ELECTRONS) & ~_near_hits(truth)
    flagged = sum(int(np.count_nonzero((plane & JUMP_DET != 0) & quiet)) for cube in groupdq for plane in cube)
    samples = max(int(quiet.sum()) * groupdq.shape[0] * ngroups, 1)
    return HitSummary(len(hits), int(found.sum()), flagged / samples)


def compare_with_truth(
    rate: str | Path, *, truth: str | Path | None = None, ramp: str | Path | None = None
) -> TruthSummary:
    """Compare products on disk with the truth.

    Parameters
    ----------
    rate : str or Path
        Rate product of a simulated exposure.
    truth : str or Path, optional
        Its truth; by default the file beside the rate.
    ramp : str or Path, optional
        Calibrated ramp, for the jump flags.

    Returns
    -------
    TruthSummary
        Print it.

    Raises
    ------
    FileNotFoundError
        A file is missing.
    InputError
        The files do not belong together.
    """
    from astropy.io import fits

    known = Truth.load(truth_path(rate) if truth is None else truth)
    with fits.open(rate) as file:
        found = judge_rate(file["SCI"].data, file["ERR"].data, file["DQ"].data, known)
    if ramp is None:
        return TruthSummary(found)
    with fits.open(ramp) as file:
        return TruthSummary(found, judge_hits(file["GROUPDQ"].data, known))
