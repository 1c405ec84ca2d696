"""Persistence from charge traps: subtract what filled traps release, and predict what an exposure fills.

Source: spec persistence_traps.md §5. Nothing couples pixels: each tile is followed through all its integrations in one
visit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from jwst.lib.tiles import flat_pixels, pixel_tiles
from jwst.persistence.trap_tables import CaptureTable, Timing, TrapFamily, capture_table

__all__ = ["TrapExposure", "TrapModel", "age_traps", "clean_density", "clean_full_well", "follow_traps", "ramp_slope"]

TILE_SAMPLES = 81920
NAN_FULL_WELL = 1.0e7


@dataclass(frozen=True)
class TrapExposure:
    """A ramp that the trap model works on.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        C-contiguous; `follow_traps` updates it in place.
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Not changed.
    pixeldq : (ny, nx) ndarray of uint32
        Updated in place with PERSISTENCE.
    timing : Timing
    """

    data: np.ndarray
    groupdq: np.ndarray
    pixeldq: np.ndarray
    timing: Timing


@dataclass(frozen=True)
class TrapModel:
    """What is known about the traps of the pixels of an exposure.

    Parameters
    ----------
    density : (ny, nx) ndarray of float32
        Relative density of traps, see `clean_density`.
    full_well : (ny, nx) ndarray of float32, DN
        Persistence saturation, see `clean_full_well`.
    families : tuple of TrapFamily
    cutoff : float
        Persistence in DN from which on a pixel is flagged.
    """

    density: np.ndarray
    full_well: np.ndarray
    families: tuple[TrapFamily, ...]
    cutoff: float


def clean_density(density: np.ndarray, dq: np.ndarray) -> np.ndarray:
    """Set the trap density to 0 where it is NaN or not to be used, in place; returns it."""
    density[np.isnan(density) | ((dq & np.uint32(DO_NOT_USE)) != 0)] = 0
    return density


def clean_full_well(full_well: np.ndarray, dq: np.ndarray) -> np.ndarray:
    """Make the full well 1e7 DN where it is NaN and infinite where it is not to be used, in place; returns it."""
    full_well[np.isnan(full_well)] = NAN_FULL_WELL
    full_well[(dq & np.uint32(DO_NOT_USE)) != 0] = np.inf
    return full_well


def age_traps(filled: np.ndarray, families: tuple[TrapFamily, ...], seconds: float) -> None:
    """Let filled traps release their charge for a time, in place.

    Parameters
    ----------
    filled : (nfamilies, ny, nx) ndarray of float32, DN
        Filled traps. Planes beyond the families stay as they are.
    families : tuple of TrapFamily
    seconds : float
        Negative times make the traps fill again.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        for plane, family in zip(filled, families):
            kept = family.kept(seconds)
            if kept != 1:
                np.multiply(plane, np.float32(kept), out=plane)


def follow_traps(
    exposure: TrapExposure, model: TrapModel, filled: np.ndarray, released: np.ndarray | None = None
) -> None:
    """Subtract persistence from a ramp, and follow its traps to the end of the exposure, in place.

    Parameters
    ----------
    exposure : TrapExposure
        ``data`` and ``pixeldq`` are updated in place.
    model : TrapModel
    filled : (>= nfamilies, ny, nx) ndarray of float32, DN
        Traps filled at the start of the exposure, without NaN; updated in place to those at its end.
    released : ndarray of float32 like ``data``, optional
        Receives the signal that was subtracted.

    Raises
    ------
    IndexError
        There are fewer planes than families.

    Notes
    -----
    Source: spec persistence_traps.md §5, steps 3-9.
    """
    if len(filled) < len(model.families):
        raise IndexError(
            f"The map of filled traps has {len(filled)} planes but the trappars reference has {len(model.families)} "
            "families; use a map made with the same reference"
        )
    nints, ngroups = exposure.data.shape[:2]
    tables = [
        [capture_table(family, exposure.timing, ngroups=ngroups, integration=index) for family in model.families]
        for index in range(min(nints, 2))
    ]
    data, flags = flat_pixels(exposure.data, 2), flat_pixels(exposure.groupdq, 2)
    output = None if released is None else flat_pixels(released, 2)
    traps, pixeldq = flat_pixels(filled), exposure.pixeldq.reshape(-1)
    density, full_well = model.density.reshape(-1), model.full_well.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for tile in pixel_tiles(pixeldq.size, max(1024, TILE_SAMPLES // ngroups)):
            pixels = _Tile(exposure.timing, model, density[tile], full_well[tile], ngroups)
            peak = None
            for index in range(nints):
                rows = [traps[family, tile] for family in range(len(model.families))]
                out = None if output is None else output[index, :, tile]
                high = pixels.visit(
                    data[index, :, tile], flags[index, :, tile], rows, (tables[min(index, 1)], index, out)
                )
                peak = high if peak is None else np.maximum(peak, high)
            if peak is not None:
                pixeldq[tile] |= (peak >= np.float32(model.cutoff)).astype(np.uint32) * np.uint32(PERSISTENCE)


class _Tile:
    """Some pixels, and the scratch memory to follow them through an integration."""

    def __init__(
        self, timing: Timing, model: TrapModel, density: np.ndarray, full_well: np.ndarray, ngroups: int
    ) -> None:
        self.timing, self.families = timing, model.families
        self.density, self.full_well = density, full_well
        seconds = timing.group_time * np.arange(1, ngroups + 1)
        self.release = [-np.expm1(-abs(family.decay) * seconds) for family in self.families]
        self.to_fraction = 1.0 / timing.group_time
        width = density.size
        self.lost, self.part, self.charge = np.empty((3, width), np.float32)
        self.above = np.empty((ngroups, width), bool)

    def visit(
        self,
        x: np.ndarray,
        dq: np.ndarray,
        traps: list[np.ndarray],
        where: tuple[list[CaptureTable], int, np.ndarray | None],
    ) -> np.ndarray | np.float32:
        """Follow one integration; returns the largest signal that was subtracted from each pixel."""
        tables, index, out = where
        age_traps_rows(traps, self.families, self.timing.idle_seconds(index))
        slope, flagged = ramp_slope(x, dq)
        peak = self._subtract(x, traps, out)
        age_traps_rows(traps, self.families, self.timing.group_time * len(x))
        self._capture(x, slope, traps, tables)
        if flagged.size:
            self._capture_jumps(x[:, flagged], dq[:, flagged], (slope, flagged), (traps, tables))
        return peak

    def _subtract(self, x: np.ndarray, traps: list[np.ndarray], out: np.ndarray | None) -> np.ndarray | np.float32:
        """Subtract the charge released since the start of the integration (step 5)."""
        holding = [number for number, filled in enumerate(traps) if filled.any()]
        if not holding:
            if out is not None:
                out[...] = 0
            return np.float32(0)
        peak = np.full(x.shape[1], -np.inf, np.float32)
        for group, row in enumerate(x):
            lost = self.lost if out is None else out[group]
            for position, number in enumerate(holding):
                target = self.part if position else lost
                np.multiply(traps[number], np.float32(self.release[number][group]), out=target)
                if position:
                    np.add(lost, target, out=lost)
            np.subtract(row, lost, out=row)
            np.maximum(peak, lost, out=peak)
        return peak

    def _capture(self, x: np.ndarray, slope: np.ndarray, traps: list[np.ndarray], tables: list[CaptureTable]) -> None:
        """Fill traps by the smooth ramp and by saturated groups (steps 7 and 8, A and B)."""
        charge = self.charge
        np.divide(slope, self.full_well, out=charge)
        np.multiply(charge, np.float32(self.to_fraction), out=charge)
        np.multiply(charge, charge, out=charge)
        np.multiply(charge, self.density, out=charge)
        np.multiply(charge, np.float32(2), out=charge)
        np.greater(x, self.full_well, out=self.above)
        some = np.flatnonzero(self.above.any(axis=0)) if self.above.any() else None
        for filled, family, table in zip(traps, self.families, tables):
            before = None if some is None else filled[some].astype(np.float64)
            np.multiply(charge, np.float32(table.ramp[0]), out=self.part)
            np.add(filled, self.part, out=filled)
            if some is not None:
                count = np.count_nonzero(self.above[:, some], axis=0)
                density = self.density[some].astype(np.float64)
                smooth = np.where(count == len(x), density * family.capture2, charge[some] * table.ramp[count])
                empty = density * family.capture0 - (smooth - density * family.capture2)
                filled[some] = before + smooth + empty * table.saturated[count]

    def _capture_jumps(
        self,
        x: np.ndarray,
        dq: np.ndarray,
        pixels: tuple[np.ndarray, np.ndarray],
        capture: tuple[list[np.ndarray], list[CaptureTable]],
    ) -> None:
        """Fill traps by the charge of cosmic rays (step 8, C)."""
        slope, flagged = pixels
        traps, tables = capture
        hit = (dq[1:] & np.uint8(JUMP_DET)) != 0
        if not hit.any():
            return
        height = np.diff(x.astype(np.float64), axis=0) - slope[flagged]
        height = np.where(hit, np.maximum(height, 0), 0)
        density = self.density[flagged].astype(np.float64)
        for filled, table in zip(traps, tables):
            filled[flagged] += (2 * density * (table.jump @ height)).astype(np.float32)


def age_traps_rows(traps: list[np.ndarray], families: tuple[TrapFamily, ...], seconds: float) -> None:
    """`age_traps` for the rows of a tile, passing over a time of zero."""
    if seconds > 0:
        for row, family in zip(traps, families):
            np.multiply(row, np.float32(family.kept(seconds)), out=row)


def ramp_slope(x: np.ndarray, dq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts per group, from the smallest differences of groups that are neither saturated nor hit.

    Parameters
    ----------
    x : (ngroups, npixels) ndarray of float32, DN
    dq : (ngroups, npixels) ndarray of uint8

    Returns
    -------
    slope : (npixels,) ndarray of float32, DN per group
        NaN where the differences used have a NaN, 0 where none is left.
    flagged : ndarray of int
        Pixels with a flag that matters.

    Notes
    -----
    Source: spec persistence_traps.md §5, step 4.
    """
    ngroups = len(x)
    none = np.empty(0, np.intp)
    if ngroups == 1:
        return x[0].copy(), none
    slope = x[-1] - x[0]
    slope /= np.float32(ngroups - 1)
    masked = dq & np.uint8(SATURATED | JUMP_DET)
    flagged = np.flatnonzero(masked.any(axis=0)) if masked.any() else none
    special = flagged
    if not np.isfinite(x.max() - x.min()):
        special = np.union1d(flagged, np.flatnonzero(~np.isfinite(x).all(axis=0)))
    if special.size:
        slope[special] = _smallest_mean(x[:, special].T, dq[:, special].T)
    return slope, flagged


def _smallest_mean(x: np.ndarray, dq: np.ndarray) -> np.ndarray:
    """Mean of the smallest differences of ramps of shape (npixels, ngroups)."""
    steps = np.diff(x.astype(np.float64), axis=1)
    saturated = (dq[:, 1:] & np.uint8(SATURATED)) != 0
    steps[saturated] = np.inf
    steps.sort(axis=1)
    used = steps.shape[1] - saturated.sum(axis=1) - ((dq & np.uint8(JUMP_DET)) != 0).sum(axis=1)
    total = np.cumsum(steps, axis=1)
    last = np.maximum(used - 1, 0)[:, None]
    mean = np.take_along_axis(total, last, axis=1)[:, 0] / np.maximum(used, 1)
    mean[np.isinf(mean)] = np.nan
    mean[used <= 0] = 0
    return mean
