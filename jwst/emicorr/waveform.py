"""One period of an interference as a smooth function of phase. Source: spec emicorr.md, joint algorithm 2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Wave", "Waveform"]


@dataclass(frozen=True)
class Wave:
    """A frequency and what the interference looks like in one period.

    Attributes
    ----------
    frequency : float, Hz
    samples : (K,) ndarray, or None
        Values at the phases (i + 0.5) / K, in any unit. None where the wave is to be found in the data.
    name : str
        For messages.
    """

    frequency: float
    samples: NDArray[np.floating] | None = None
    name: str = ""


class Waveform:
    """Cubic spline through the samples of a wave, periodic but for its ends.

    Parameters
    ----------
    samples : (K,) ndarray, K >= 2
        Values at the phases (i + 0.5) / K. One more sample on either side comes from the other end of the period; the
        third derivative is continuous at the second and the last but one of all these knots ("not a knot").
    """

    def __init__(self, samples: NDArray[np.floating]) -> None:
        knots = np.concatenate([samples[-1:], samples, samples[:1]]).astype(np.float64)
        self._size = len(samples)
        self._curvature = _curvatures(knots) / 6
        self._knots = knots

    def __call__(self, phase: NDArray[np.float64]) -> NDArray[np.float64]:
        """Evaluate the spline.

        Parameters
        ----------
        phase : ndarray of float64
            From 0 to 1.

        Returns
        -------
        ndarray of float64
        """
        right = phase * self._size
        right += 0.5
        knot = right.astype(np.intp)
        np.minimum(knot, self._size, out=knot)
        right -= knot
        left = 1 - right
        result = left * self._knots[knot]
        left *= left * left - 1
        left *= self._curvature[knot]
        result += left
        knot += 1
        result += right * self._knots[knot]
        right *= right * right - 1
        right *= self._curvature[knot]
        result += right
        return result


def _curvatures(knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Second derivatives of the spline at its knots, one apart."""
    bend = 6 * (knots[:-2] - 2 * knots[1:-1] + knots[2:])
    inner = np.empty_like(bend)
    inner[0], inner[-1] = bend[0] / 6, bend[-1] / 6
    if inner.size > 2:
        inner[1:-1] = _solve(bend[1:-1], inner[0], inner[-1])
    return np.concatenate([[2 * inner[0] - inner[1]], inner, [2 * inner[-1] - inner[-2]]])


def _solve(right: NDArray[np.float64], first: float, last: float) -> list[float]:
    """Solve x[i-1] + 4 x[i] + x[i+1] = right[i] between two known values, by elimination."""
    values = right.tolist()
    values[0] -= first
    values[-1] -= last
    factors = [0.25]
    values[0] *= 0.25
    for i in range(1, len(values)):
        factors.append(1 / (4 - factors[-1]))
        values[i] = (values[i] - values[i - 1]) * factors[-1]
    for i in range(len(values) - 2, -1, -1):
        values[i] -= factors[i] * values[i + 1]
    return values
