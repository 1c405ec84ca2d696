"""Flag the first groups of integrations, and fewer of them in pixels that saturate early. Source: spec rscd.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, FLUX_ESTIMATED, SATURATED

__all__ = ["BrightPixels", "GroupSkips", "find_skips", "flag_first_groups"]

_FEW_GROUPS = 5
_KEPT = 3
"""Groups that are to be left, so that two remain when lastframe has taken one."""

_OLD_NAMES = {"SUBPRISM": "SLITLESSPRISM"}


@dataclass(frozen=True)
class GroupSkips:
    """How many groups to flag.

    Parameters
    ----------
    first : int
        In the first integration of an exposure. Negative: the reference does not say.
    later : int
        In all others.
    """

    first: int
    later: int

    def limited(self, ngroups: int, *, several: bool) -> GroupSkips:
        """The numbers for an exposure: small where it has few groups.

        Parameters
        ----------
        ngroups : int
            Groups of an integration.
        several : bool
            Whether the exposure has more than one integration.

        Returns
        -------
        GroupSkips
        """
        first, later = (1 if self.first < 0 else self.first), max(0, self.later)
        if ngroups <= _FEW_GROUPS:
            first = later = 1
        most = max(0, ngroups - _KEPT)
        return GroupSkips(min(first, most), min(later, most) if several else later)


@dataclass(frozen=True)
class BrightPixels:
    """Pixels of some integrations in which fewer groups are flagged.

    Parameters
    ----------
    fewer : int
        Pixels in which fewer groups than the full number are flagged in any integration.
    none : int
        Pixels in which no group is flagged in any integration, if any pixel saturates early; else 0.
    """

    fewer: int = 0
    none: int = 0


def find_skips(table: np.ndarray, subarray: str | None, readpatt: str | None) -> GroupSkips | None:
    """Look a readout up in the table of a reference.

    Parameters
    ----------
    table : structured ndarray
        Columns subarray and readpatt (text), group_skip (int), and group_skip1 (int) but in old files.
    subarray, readpatt : str or None
        SUBARRAY and READPATT of the exposure. The old name SUBPRISM stands for SLITLESSPRISM.

    Returns
    -------
    GroupSkips or None
        The first row that matches; None where there is none.
    """
    wanted = _OLD_NAMES.get(subarray or "", subarray), readpatt
    columns = {name.lower(): name for name in table.dtype.names or ()}
    for row in table:
        if (_text(row[columns["subarray"]]), _text(row[columns["readpatt"]])) == wanted:
            first = int(row[columns["group_skip1"]]) if "group_skip1" in columns else -1
            return GroupSkips(first, int(row[columns["group_skip"]]))
    return None


def flag_first_groups(groupdq: np.ndarray, pixeldq: np.ndarray, skip: int) -> BrightPixels:
    """Flag the first groups of some integrations as DO_NOT_USE, in place.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        More than ``skip + 1`` groups. Updated in place; flags that are there stay.
    pixeldq : (ny, nx) ndarray of uint32
        Updated in place: FLUX_ESTIMATED where fewer groups are flagged.
    skip : int
        Groups to flag.

    Returns
    -------
    BrightPixels

    Notes
    -----
    A pixel that is not saturated in the first group is to keep two good groups: one group less is flagged for each of
    the groups 1 to ``skip + 1`` (counted from 0) in which it is saturated.
    """
    fewer, none = np.zeros(pixeldq.shape, bool), np.zeros(pixeldq.shape, bool)
    found = False
    for integration in groupdq:
        pixels, numbers = _early_saturated(integration, skip)
        found |= bool(pixels.size)
        _flag(integration, skip, pixels, numbers)
        fewer.reshape(-1)[pixels[numbers < skip]] = True
        none.reshape(-1)[pixels[numbers == 0]] = True
    if found and skip == 0:
        none[...] = True
    pixels = np.flatnonzero(fewer)
    pixeldq.reshape(-1)[pixels] |= np.uint32(FLUX_ESTIMATED)
    return BrightPixels(pixels.size, int(np.count_nonzero(none)))


def _early_saturated(groupdq: np.ndarray, skip: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of an integration that saturate early, as flat indices, and how many of their groups to flag."""
    planes = groupdq.reshape(len(groupdq), -1)
    early = np.bitwise_or.reduce(planes[1 : skip + 2], axis=0)
    early &= ~planes[0]
    early &= np.uint8(SATURATED)
    pixels = np.flatnonzero(early != 0)
    saturated = planes[1 : skip + 2, pixels] & np.uint8(SATURATED)
    return pixels, np.maximum(skip - np.count_nonzero(saturated, axis=0), 0)


def _flag(groupdq: np.ndarray, skip: int, pixels: np.ndarray, numbers: np.ndarray) -> None:
    """Flag the first `skip` groups of an integration, but in some pixels only the first `numbers`."""
    if not skip:
        return
    planes = groupdq.reshape(len(groupdq), -1)[:skip]
    before = planes[:, pixels]
    np.bitwise_or(planes, np.uint8(DO_NOT_USE), out=planes)
    group = np.arange(skip)[:, None]
    planes[:, pixels] = before | (group < numbers).astype(np.uint8) * np.uint8(DO_NOT_USE)


def _text(value: object) -> str:
    """Text of a table, which may be bytes and padded."""
    return (value.decode() if isinstance(value, bytes) else str(value)).strip()
