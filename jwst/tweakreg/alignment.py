"""Alignment of exposures to each other and to a catalogue, by tweakwcs. Source: spec tweakreg.md §§4-5."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.tweakreg.correctors import largest_move, move_of_centre
from jwst.tweakreg.starfinders import quiet

__all__ = ["AlignmentFailed", "Fit", "align_absolute", "align_relative", "is_aligned"]

log = logging.getLogger(__name__)

_ONE_GROUP = 987654
_TOO_FEW = "Too few input images (or groups of images) with non-empty catalogs."
_FEW_GROUPS = "fewer groups of exposures than needed have sources"
_CONFUSED = "Number of output coordinates exceeded allocation"


class AlignmentFailed(Exception):
    """The exposures cannot be aligned; the text says why."""


@dataclass(frozen=True)
class Fit:
    """How sources are matched, and which corrections are allowed; the names are those of the step's parameters.

    Parameters
    ----------
    minobj, nclip : int
    fitgeom : str
    sigma : float
    searchrad, separation, tolerance, xoffset, yoffset : float, arcsec
    use2dhist : bool
    """

    minobj: int
    fitgeom: str
    nclip: int
    sigma: float
    searchrad: float
    separation: float
    tolerance: float
    use2dhist: bool
    xoffset: float = 0.0
    yoffset: float = 0.0

    def keywords(self) -> dict[str, Any]:
        """Keywords of ``tweakwcs.align_wcs``."""
        from tweakwcs.matchutils import XYXYMatch

        match = XYXYMatch(
            searchrad=self.searchrad,
            separation=self.separation,
            use2dhist=self.use2dhist,
            tolerance=self.tolerance,
            xoffset=self.xoffset,
            yoffset=self.yoffset,
        )
        fit = {"fitgeom": self.fitgeom, "nclip": self.nclip, "sigma": (self.sigma, "rmse"), "clip_accum": False}
        return {"minobj": self.minobj, "match": match, **fit}

    def largest_move(self) -> float:
        """Moves of a footprint by more than this are no solution, arcsec."""
        offset = self.searchrad if self.use2dhist else max(abs(self.xoffset), abs(self.yoffset))
        return 2 * (offset + self.tolerance)

    def check_separation(self, prefix: str = "") -> None:
        """Refuse a separation of sources that is too small for the tolerance."""
        if self.separation <= math.sqrt(2) * self.tolerance:
            raise AlignmentFailed(
                f"{prefix}separation ({self.separation:g} arcsec) has to be larger than the square root of 2 times "
                f"{prefix}tolerance ({self.tolerance:g} arcsec): set either"
            )


def align_relative(correctors: Sequence[Any], fit: Fit, *, enforce_user_order: bool, expand_refcat: bool) -> None:
    """Align groups of exposures to each other.

    Parameters
    ----------
    correctors : sequence of tweakwcs.correctors.JWSTWCSCorrector
        Corrected in place; what became of each is in ``meta["fit_info"]["status"]``.
    fit : Fit
    enforce_user_order : bool
        Take the groups in their order, not by overlap.
    expand_refcat : bool
        Add unmatched sources of each aligned group to the catalogue that the next ones are aligned to.

    Raises
    ------
    AlignmentFailed
        Too few groups have sources, sources are confused, or a solution moves an exposure too far.
    """
    fit.check_separation()
    _align(correctors, fit, enforce_user_order=enforce_user_order, expand_refcat=expand_refcat)
    _check_moves(correctors, fit)
    _report(correctors, "the other exposures")


def align_absolute(correctors: Sequence[Any], catalog: Any, fit: Fit, *, name: str) -> None:
    """Align all exposures together to a catalogue, on top of corrections that they may have.

    Parameters
    ----------
    correctors : sequence of tweakwcs.correctors.JWSTWCSCorrector
        Corrected in place.
    catalog : astropy.table.Table
        Columns ``RA`` and ``DEC``, deg.
    fit : Fit
    name : str
        Of the catalogue, for the log.

    Raises
    ------
    AlignmentFailed
        As for `align_relative`, or the catalogue has too few sources.
    """
    fit.check_separation("abs_")
    if len(catalog) < fit.minobj:
        raise AlignmentFailed(
            f"the reference catalogue {name} has {len(catalog)} sources, and abs_minobj asks for {fit.minobj}"
        )
    for corrector in correctors:
        corrector.meta["group_id"] = _ONE_GROUP
        if corrector.meta.get("fit_info", {}).get("status") == "REFERENCE":
            del corrector.meta["fit_info"]
    _align(correctors, fit, refcat=catalog, enforce_user_order=True, expand_refcat=False)
    _report(correctors, name)


def is_aligned(corrector: Any) -> bool:
    """Whether the world coordinates of a corrector are better than the original ones."""
    return "SUCCESS" in corrector.meta.get("fit_info", {}).get("status", "")


def _align(
    correctors: Sequence[Any], fit: Fit, *, enforce_user_order: bool, expand_refcat: bool, refcat: Any = None
) -> None:
    """Match and fit. Overlaps decide about the order only where the catalogue of reference grows."""
    from jwst.tweakreg.ordered import align_in_order

    how = fit.keywords()
    try:
        with _in_low_voice(), quiet("Alignment"):
            if expand_refcat:
                _align_by_overlap(correctors, how, refcat=refcat, enforce_user_order=enforce_user_order)
            elif not align_in_order(correctors, refcat, **how):
                raise AlignmentFailed(_FEW_GROUPS)
    except RuntimeError as error:
        if not str(error).startswith(_CONFUSED):
            raise
        raise AlignmentFailed(
            "several sources match the same one: change separation, tolerance or searchrad, or take brighter sources"
        ) from error


def _align_by_overlap(correctors: Sequence[Any], how: dict[str, Any], **order: Any) -> None:
    """Match and fit; sources of aligned groups join the reference of the next ones."""
    from tweakwcs.imalign import align_wcs

    try:
        align_wcs(list(correctors), expand_refcat=True, **order, **how)
    except ValueError as error:
        if str(error) != _TOO_FEW:
            raise
        raise AlignmentFailed(_FEW_GROUPS) from error


def _check_moves(correctors: Sequence[Any], fit: Fit) -> None:
    """Refuse solutions that move an exposure farther than sources were looked for."""
    limit = fit.largest_move()
    for corrector in correctors:
        move = largest_move(corrector)
        if not move < limit:
            raise AlignmentFailed(
                f"{corrector.meta['name']} would move by {move:.3f} arcsec; {limit:.3f} arcsec is the most that "
                "searchrad (or xoffset, yoffset) and tolerance allow"
            )


def _report(correctors: Sequence[Any], reference: str) -> None:
    """Say what became of each group, in one line."""
    groups: dict[Any, list[Any]] = {}
    for corrector in correctors:
        groups.setdefault(corrector.meta["group_id"], []).append(corrector)
    for members in groups.values():
        names = ", ".join(one.meta["name"] for one in members)
        info = members[0].meta.get("fit_info", {})
        status = info.get("status", "not tried")
        if status == "SUCCESS":
            log.info("Aligned %s to %s: %s", names, reference, _solution(members[0], info))
        elif status == "REFERENCE":
            log.info("%s stays in its place: the reference of the other exposures", names)
        else:
            log.warning("%s could not be aligned to %s: %s", names, reference, _in_our_words(status))


def _solution(corrector: Any, info: dict[str, Any]) -> str:
    """Move, rotation and quality of a fit."""
    east, north = move_of_centre(corrector)
    used = int(np.count_nonzero(info["fitmask"]))
    return (
        f"moved by {1000 * east:+.1f} mas to the east and {1000 * north:+.1f} mas to the north, "
        f"turned by {info['<rot>']:+.5f} deg, scale {info['<scale>']:.6f}; {info['nmatches']} matched "
        f"sources, {used} used, rms {1000 * info['rmse']:.1f} mas"
    )


def _in_our_words(status: str) -> str:
    """Reason of a failure."""
    reasons = {
        "FAILED: not enough matches": "fewer sources matched than minobj asks for",
        "FAILED: empty source catalog": "it has no sources",
    }
    return reasons.get(status, status)


@contextmanager
def _in_low_voice() -> Iterator[None]:
    """Turn the log lines of tweakwcs into lines of this module at level DEBUG."""
    logger = logging.getLogger("tweakwcs")
    handlers, propagate = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [_Low()], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, propagate


class _Low(logging.Handler):
    """Pass records on at level DEBUG."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage().strip()
        if message:
            log.debug("tweakwcs: %s", message)
