"""Removal of electromagnetic interference from MIRI ramps, one frequency after the other. Source: spec emicorr.md."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jwst.emicorr.clock import OUTPUTS, Readout
from jwst.emicorr.joint import correct_jointly
from jwst.emicorr.sequential import FEWEST_QUADS, Phasing, correct_sequentially, phasing_integrations
from jwst.emicorr.waveform import Wave
from stpipe.exceptions import InputError

__all__ = ["FEWEST_GROUPS", "EmiSettings", "correct_emi"]

log = logging.getLogger(__name__)

FEWEST_GROUPS = 3


@dataclass(frozen=True)
class EmiSettings:
    """Choices of the correction.

    Attributes
    ----------
    joint : bool
        Fit waves and ramps together ('joint'); else phase the data ('sequential').
    separately : bool
        Each integration has an amplitude and a phase of its own ('joint').
    phasing : Phasing
        How the wave of the data is found ('sequential').
    """

    joint: bool = True
    separately: bool = False
    phasing: Phasing = field(default_factory=Phasing)


def correct_emi(
    data: NDArray[np.float32],
    pixeldq: NDArray[np.uint32],
    *,
    waves: Sequence[Wave],
    readout: Readout,
    settings: EmiSettings,
) -> list[NDArray[np.float64]]:
    """Subtract the interference of some frequencies, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps. Updated in place. Each frequency is fitted to what the one before has left.
    pixeldq : (ny, nx) ndarray of uint32
        Pixels with a flag take no part in a joint fit.
    waves : sequence of Wave
        With samples for joint fits.
    readout : Readout
    settings : EmiSettings

    Returns
    -------
    list of (nbins,) ndarray of float64, DN
        The waves found in the data; empty for joint fits.

    Raises
    ------
    InputError
        The shapes do not fit each other or the readout, or there are fewer than three groups.
    """
    _check(data, pixeldq, readout, settings)
    if settings.joint:
        for wave in waves:
            with np.errstate(invalid="ignore"):
                fit = correct_jointly(data, pixeldq, wave=wave, readout=readout, separately=settings.separately)
            log.info("%g Hz: amplitude %.4g, phase %.4f", wave.frequency, fit.amplitudes[0], fit.phases[0])
        return []
    phasing = settings.phasing
    with np.errstate(invalid="ignore", over="ignore"):
        number = phasing_integrations(phasing, waves[0].frequency, readout, shape=data.shape[:2]) if waves else 0
        return [
            correct_sequentially(data, wave=wave, readout=readout, phasing=phasing, integrations=number)
            for wave in waves
        ]


def _check(data: NDArray[np.float32], pixeldq: NDArray[np.uint32], readout: Readout, settings: EmiSettings) -> None:
    """Refuse arrays that cannot be corrected."""
    if data.ndim != 4 or data.shape[1] < FEWEST_GROUPS or data.size == 0:
        raise InputError(
            f"emicorr needs ramps of shape (integrations, groups, rows, columns) with {FEWEST_GROUPS} groups or more; "
            f"these have shape {data.shape}"
        )
    ny, nx = data.shape[2:]
    if nx % OUTPUTS:
        raise InputError(f"emicorr needs a number of columns that is a multiple of {OUTPUTS}; these ramps have {nx}")
    if pixeldq.shape != (ny, nx) or readout.shape != (ny, nx):
        raise InputError(f"emicorr: ramps of {ny} x {nx} pixels with PIXELDQ of shape {pixeldq.shape}")
    if not settings.joint and nx < FEWEST_QUADS * OUTPUTS:
        raise InputError(f"emicorr with algorithm='sequential' needs {FEWEST_QUADS * OUTPUTS} columns, not {nx}")
