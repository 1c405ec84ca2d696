"""What the pixels of each instrument are like."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PHYSICS", "Physics"]


@dataclass(frozen=True)
class Physics:
    """Typical values of the pixels of an instrument.

    Parameters
    ----------
    bias, odd_even_bias : tuple of float
        Level after the reset of each amplifier, and what its odd columns have more, DN.
    gain : tuple of float
        Gain of each amplifier, electrons per DN.
    bias_scatter : float
        rms from pixel to pixel, DN.
    pedestal : float
        Linear signal after the reset, DN. MIRI has no bias that is subtracted: its linearity correction starts there.
    dark, hottest : float
        Median dark current and that of the hottest pixels, electrons per second.
    full_well : float
        Electrons.
    read_noise : float
        rms of one read, DN.
    correlated : float
        Factor on the 1/f noise of the settings.
    ktc : float
        Factor on the reset noise of the settings.
    pixel_cm : float
        Size of a pixel, cm.
    snowballs, showers : float
        Factors on the rates of large events of the settings.
    """

    bias: tuple[float, ...]
    odd_even_bias: tuple[float, ...]
    gain: tuple[float, ...]
    bias_scatter: float = 120.0
    pedestal: float = 0.0
    dark: float = 0.002
    hottest: float = 0.05
    full_well: float = 95000.0
    read_noise: float = 2.65
    correlated: float = 1.0
    ktc: float = 1.0
    pixel_cm: float = 18e-4
    snowballs: float = 1.0
    showers: float = 0.0


_NEAR_INFRARED_BIAS = (10870.0, 11240.0, 10630.0, 11430.0)
_ODD_EVEN = (110.0, -90.0, 130.0, -70.0)

PHYSICS = {
    "NIRCAM": Physics(_NEAR_INFRARED_BIAS, _ODD_EVEN, (1.87, 1.92, 1.85, 1.95)),
    "NIRSPEC": Physics(
        _NEAR_INFRARED_BIAS, _ODD_EVEN, (1.01, 0.99, 1.02, 1.0), full_well=55000.0, read_noise=4.1, dark=0.006
    ),
    "NIRISS": Physics(
        _NEAR_INFRARED_BIAS, _ODD_EVEN, (1.62, 1.60, 1.63, 1.61), full_well=80000.0, read_noise=4.3, dark=0.02
    ),
    "FGS": Physics(
        _NEAR_INFRARED_BIAS, _ODD_EVEN, (1.96, 1.93, 1.98, 1.95), full_well=97000.0, read_noise=4.6, dark=0.02
    ),
    "MIRI": Physics(
        (0.0, 0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0, 0.0),
        (3.10, 3.14, 3.08, 3.12),
        bias_scatter=0.0,
        pedestal=7000.0,
        dark=0.2,
        hottest=0.5,
        full_well=145000.0,
        read_noise=4.4,
        correlated=0.15,
        ktc=0.2,
        pixel_cm=25e-4,
        snowballs=0.0,
        showers=1.0,
    ),
}
"""By instrument."""
