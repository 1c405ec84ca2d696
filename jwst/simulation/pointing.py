"""Where the telescope looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, radians
from types import SimpleNamespace

from stpipe.exceptions import InputError

__all__ = ["Pointing", "PointingError"]


@dataclass(frozen=True)
class PointingError:
    """How far the telescope is from where it believes to be.

    Parameters
    ----------
    east, north : float, arcsec
        Shift of the reference point on the sky.
    roll : float, deg
        Turn about that point.
    """

    east: float = 0.0
    north: float = 0.0
    roll: float = 0.0


@dataclass(frozen=True)
class Pointing:
    """Attitude of the telescope, said for one point of its field.

    Parameters
    ----------
    ra, dec : float, deg
        Where the point is on the sky.
    roll : float, deg
        Position angle of V3 there.
    v2, v3 : float, arcsec
        The point.
    aberration : float
        Value of VA_SCALE.
    target : (float, float) or None, deg
        Right ascension and declination of the target; None is the point itself.
    dither : (float, float), arcsec
        Offset of this position of the dither pattern.
    position, positions : int
        Number of this position, from 1, and how many there are.

    Raises
    ------
    InputError
        A declination beyond the poles, or an aberration that is not positive.
    """

    ra: float
    dec: float
    roll: float = 0.0
    v2: float = 0.0
    v3: float = 0.0
    aberration: float = 1.0
    target: tuple[float, float] | None = None
    dither: tuple[float, float] = (0.0, 0.0)
    position: int = 1
    positions: int = 1

    def __post_init__(self) -> None:
        if not -90 <= self.dec <= 90 or self.aberration <= 0:
            raise InputError(
                f"A pointing has a declination of -90 to 90 deg and an aberration near 1, not {self.dec} and "
                f"{self.aberration}."
            )

    def at(self, v2: float, v3: float) -> Pointing:
        """Return the same attitude, said for another point of the field (arcsec)."""
        from jwst.assign_wcs.pointing import compute_roll_ref, v23tosky

        info = SimpleNamespace(v2_ref=self.v2, v3_ref=self.v3, roll_ref=self.roll, ra_ref=self.ra, dec_ref=self.dec)
        ra, dec = v23tosky(SimpleNamespace(meta=SimpleNamespace(wcsinfo=info)))(v2, v3)
        roll = compute_roll_ref(self.v2, self.v3, self.roll, self.ra, self.dec, v2, v3)
        return replace(self, ra=float(ra), dec=float(dec), roll=float(roll), v2=v2, v3=v3)

    def moved(self, error: PointingError) -> Pointing:
        """Return where the telescope really looks."""
        dec = self.dec + error.north / 3600
        ra = self.ra + error.east / 3600 / cos(radians(self.dec))
        return replace(self, ra=ra % 360.0, dec=dec, roll=self.roll + error.roll)
