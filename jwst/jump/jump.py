"""Cosmic-ray jump detection: the order of its stages.

Source: spec jump.md. Detection (`twopoint`, `sigma_clip`), flags around a hit (`after_jump`) and large events
(`large_events`) each have a module of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jwst.jump.after_jump import (
    AfterJump,
    Neighbours,
    drop_flags_of_unusable_groups,
    flag_after_jump,
    flag_neighbours,
    neighbour_seeds,
    pixels_with_jumps,
)
from jwst.jump.differences import Ramps, bad_planes
from jwst.jump.large_events import SnowballParameters, flag_snowballs
from jwst.jump.showers import ShowerParameters, flag_showers
from jwst.jump.sigma_clip import clip_jumps, reset_lost_planes
from jwst.jump.twopoint import Thresholds, iterative_hits, single_pass_hits, suspects
from jwst.lib.dqflags import DO_NOT_USE, JUMP_DET, NO_GAIN_VALUE
from stpipe.exceptions import InputError
from stpipe.parallel import RowWork, sliced

__all__ = ["Detector", "JumpCounts", "JumpParameters", "clip_rows", "detect_jumps", "search_rows"]

NOT_RUN = -99
"""Number of hits when there are too few usable groups for a detection."""

FEWEST_GROUPS = 3
BATCH_BYTES = 1 << 22
JUMP = np.uint8(JUMP_DET)


@dataclass(frozen=True)
class Detector:
    """Properties of the pixels, cut to the science subarray.

    Attributes
    ----------
    gain : (ny, nx) ndarray of float32, electron/DN
    readnoise : (ny, nx) ndarray of float32, DN
        Noise of the difference of two reads.
    nframes : int
        Frames averaged in a group.
    """

    gain: NDArray[np.float32]
    readnoise: NDArray[np.float32]
    nframes: int


@dataclass(frozen=True)
class JumpParameters:
    """What to look for.

    Attributes
    ----------
    thresholds : Thresholds
        Its ``single_pass`` is chosen by `detect_jumps`.
    min_diffs_single_pass : int
        Usable differences of an integration from which on all hits are found in one pass.
    minimum_sigclip_groups : int
        Integrations (or groups) from which on sigma clipping is used.
    only_use_ints : bool
        Clip each difference across integrations, not over all groups together.
    neighbours : Neighbours or None
    after_jump : AfterJump
    snowballs : SnowballParameters or None
        None leaves snowballs alone.
    showers : ShowerParameters or None
        None leaves showers alone.
    workers : int
        Processes that share the rows (threads in the search for showers); the result does not depend on it.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    min_diffs_single_pass: int = 10
    minimum_sigclip_groups: int = 100
    only_use_ints: bool = True
    neighbours: Neighbours | None = field(default_factory=Neighbours)
    after_jump: AfterJump = field(default_factory=AfterJump)
    snowballs: SnowballParameters | None = None
    showers: ShowerParameters | None = None
    workers: int = 1


@dataclass(frozen=True)
class JumpCounts:
    """What was found.

    Attributes
    ----------
    hits : int
        Groups with JUMP_DET after detection, neighbours not counted; -99 if detection could not run.
    large_events : int
    differences : int
        Usable differences of the exposure, 0 or less when nothing was usable.
    pixels : int
        Pixels of a plane.
    """

    hits: int
    large_events: int
    differences: int
    pixels: int

    def rates(self, group_time: float) -> tuple[float, float] | None:
        """Compute the PRIMECRS (per 1000 pixel s) and EXTNCRS (per 10**6 pixel s) keywords from the group time in s.

        None without a usable difference. Source: spec jump.md §8.
        """
        if self.differences < 1:
            return None
        exposure = group_time * self.differences * self.pixels
        return 1000 * self.hits / exposure, 1e6 * self.large_events / exposure


def detect_jumps(
    data: NDArray[np.float32],
    groupdq: NDArray[np.uint8],
    *,
    pixeldq: NDArray[np.uint32],
    detector: Detector,
    parameters: JumpParameters,
) -> JumpCounts:
    """Flag jumps in ramps, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) C-contiguous ndarray of float32, DN
    groupdq : (nints, ngroups, ny, nx) C-contiguous ndarray of uint8
        Updated in place.
    pixeldq : (ny, nx) ndarray of uint32
        Updated in place: DO_NOT_USE and NO_GAIN_VALUE where there is no positive gain.
    detector : Detector
    parameters : JumpParameters

    Returns
    -------
    JumpCounts

    Raises
    ------
    ValueError
        If ``data`` or ``groupdq`` is not 4-D or not C-contiguous, or ``detector.nframes`` is not positive.
    """
    if data.ndim != 4 or data.shape != groupdq.shape:
        raise ValueError(f"jump needs 4-D ramps and flags of one shape, not {data.shape} and {groupdq.shape}.")
    if not (data.flags.c_contiguous and groupdq.flags.c_contiguous):
        raise ValueError("jump needs C-contiguous ramps and flags; use numpy.ascontiguousarray.")
    if detector.nframes <= 0:
        raise InputError(f"jump needs a positive number of frames in a group, not NFRAMES = {detector.nframes}.")
    pixeldq[~(detector.gain > 0)] |= np.uint32(NO_GAIN_VALUE | DO_NOT_USE)
    ramps = _flatten(data, groupdq, detector)
    hits = _detect(ramps, groupdq, parameters)
    drop_flags_of_unusable_groups(groupdq)
    events = flag_snowballs(groupdq, parameters.snowballs) if parameters.snowballs else 0
    if parameters.showers is not None:
        showers = replace(parameters.showers, workers=parameters.workers)
        events = flag_showers(ramps, groupdq, pixeldq=pixeldq, parameters=showers)
    nints, ngroups = groupdq.shape[:2]
    differences = nints * ngroups - np.count_nonzero(bad_planes(groupdq)) - nints
    return JumpCounts(hits, events, int(differences), pixeldq.size)


def _flatten(data: NDArray[np.float32], groupdq: NDArray[np.uint8], detector: Detector) -> Ramps:
    gain, readnoise = (np.ascontiguousarray(a, dtype=np.float32) for a in (detector.gain, detector.readnoise))
    return _ramps(data, groupdq, gain, readnoise, nframes=detector.nframes, excluded=bad_planes(groupdq))


def _ramps(
    data: NDArray[np.float32],
    groupdq: NDArray[np.uint8],
    gain: NDArray[np.float32],
    readnoise: NDArray[np.float32],
    *,
    nframes: int,
    excluded: NDArray[np.bool_],
) -> Ramps:
    """Ramps of whole rows; the arrays are views, also where the rows are a slice of the image."""
    shape = (*data.shape[:2], -1)
    return Ramps(
        data.reshape(shape), groupdq.reshape(shape), gain.reshape(-1), readnoise.reshape(-1), nframes, excluded
    )


def _detect(ramps: Ramps, groupdq: NDArray[np.uint8], parameters: JumpParameters) -> int:
    """Run detection, neighbours and after-jump flagging; gives the number of hits."""
    nints, ngroups = ramps.excluded.shape
    usable = ngroups - int(ramps.excluded.sum(axis=1).max())
    total = ramps.excluded.size - int(ramps.excluded.sum())
    clip = (nints if parameters.only_use_ints else total) >= parameters.minimum_sigclip_groups
    if usable < FEWEST_GROUPS and not clip:
        return NOT_RUN
    with np.errstate(all="ignore"):
        if clip:
            hits, seeds = _clip(ramps, groupdq, parameters)
        else:
            single_pass = usable - 1 >= parameters.min_diffs_single_pass
            hits, seeds = _search(ramps, groupdq, parameters, single_pass=single_pass)
        if parameters.neighbours is not None:
            flag_neighbours(groupdq, seeds)
        _follow(ramps, parameters.after_jump)
    return hits


def _row_work(ramps: Ramps, groupdq: NDArray[np.uint8], function: Callable, **constants: Any) -> RowWork:
    """Work that reads the ramps and updates their flags."""
    shape = groupdq.shape
    read = {
        "data": ramps.data.reshape(shape),
        "gain": ramps.gain.reshape(shape[2:]),
        "readnoise": ramps.readnoise.reshape(shape[2:]),
    }
    constants |= {"nframes": ramps.nframes, "excluded": ramps.excluded}
    return RowWork("jump", function, read=read, updated={"groupdq": groupdq}, constants=constants)


def _clip(ramps: Ramps, groupdq: NDArray[np.uint8], parameters: JumpParameters) -> tuple[int, NDArray[np.intp]]:
    threshold, only_integrations = parameters.thresholds.many, parameters.only_use_ints
    work = _row_work(ramps, groupdq, clip_rows, threshold=threshold, only_integrations=only_integrations)
    sliced(work, cores=parameters.workers)
    reset_lost_planes(ramps.groupdq)
    pixels = pixels_with_jumps(ramps)
    hits, seeds = 0, [np.empty(0, dtype=np.intp)]
    for some in _batches(pixels, len(ramps.pairs)):
        hits += int(np.count_nonzero(ramps.group_flags(some) & JUMP))
        if parameters.neighbours is not None and ramps.pairs:
            seeds.append(neighbour_seeds(ramps, some, ramps.columns(some), limits=parameters.neighbours))
    return hits, np.concatenate(seeds)


def clip_rows(
    data: NDArray[np.float32],
    groupdq: NDArray[np.uint8],
    gain: NDArray[np.float32],
    readnoise: NDArray[np.float32],
    *,
    threshold: float,
    only_integrations: bool,
    **facts: Any,
) -> None:
    """Set JUMP_DET in some rows by sigma clipping, in place.

    Parameters
    ----------
    data, groupdq, gain, readnoise
        As for `search_rows`.
    threshold : float
        Distance from the median in standard deviations.
    only_integrations : bool
        Compare each difference across integrations only.
    **facts
        ``nframes`` and ``excluded`` of `search_rows`.
    """
    ramps = _ramps(data, groupdq, gain, readnoise, **facts)
    clip_jumps(ramps, threshold, only_integrations=only_integrations, first=0, last=ramps.npixels)


def _search(
    ramps: Ramps, groupdq: NDArray[np.uint8], parameters: JumpParameters, *, single_pass: bool
) -> tuple[int, NDArray[np.intp]]:
    given = parameters.thresholds
    thresholds = Thresholds(given.many, given.three, given.two, single_pass)
    work = _row_work(ramps, groupdq, search_rows, thresholds=thresholds, limits=parameters.neighbours)
    hits, seeds, columns = 0, [np.empty(0, dtype=np.intp)], groupdq.shape[3]
    for part in sliced(work, cores=parameters.workers):
        count, (planes, pixels) = part.result
        hits += count
        seeds.append(planes * ramps.npixels + (pixels + part.rows.start * columns))
    return hits, np.concatenate(seeds)


def search_rows(
    data: NDArray[np.float32],
    groupdq: NDArray[np.uint8],
    gain: NDArray[np.float32],
    readnoise: NDArray[np.float32],
    *,
    thresholds: Thresholds,
    limits: Neighbours | None,
    **facts: Any,
) -> tuple[int, tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Set JUMP_DET on the hits of some rows, in place.

    Parameters
    ----------
    data : (nints, ngroups, nrows, nx) ndarray of float32, DN
    groupdq : (nints, ngroups, nrows, nx) ndarray of uint8
        Updated in place.
    gain : (nrows, nx) ndarray of float32, electron/DN
    readnoise : (nrows, nx) ndarray of float32, DN
    thresholds : Thresholds
    limits : Neighbours or None
        Which hits are seeds; None for none.
    **facts
        ``nframes`` (int), and ``excluded``: (nints, ngroups) ndarray of bool, the planes that take no part.

    Returns
    -------
    count : int
        Groups with JUMP_DET.
    seeds : tuple of two (k,) ndarray of intp
        Of the hits that spread, which of the ``nints * ngroups`` planes, and the flat pixel number in these rows.
    """
    ramps = _ramps(data, groupdq, gain, readnoise, **facts)
    planes = ramps.groupdq.reshape(-1, ramps.npixels)
    count, seeds = 0, [np.empty(0, dtype=np.intp)]
    search = single_pass_hits if thresholds.single_pass else iterative_hits
    with np.errstate(all="ignore"):
        for pixels in _batches(suspects(ramps, thresholds, first=0, last=ramps.npixels), len(ramps.pairs)):
            differences = ramps.columns(pixels)
            pair, column = np.nonzero(search(ramps, pixels, differences, thresholds=thresholds))
            planes[ramps.pair_planes[pair], pixels[column]] |= JUMP
            flags = ramps.group_flags(pixels) & JUMP
            marked = np.flatnonzero(flags.any(axis=(0, 1)))
            count += int(np.count_nonzero(flags))
            if limits is not None and marked.size:
                seeds.append(neighbour_seeds(ramps, pixels[marked], differences[:, marked], limits=limits))
    return count, np.divmod(np.concatenate(seeds), ramps.npixels)


def _follow(ramps: Ramps, after_jump: AfterJump) -> None:
    if not after_jump.pairs:
        return
    gain = float(np.nanmedian(ramps.gain))
    electrons = tuple((amplitude * gain, groups) for amplitude, groups in after_jump.pairs)
    for pixels in _batches(pixels_with_jumps(ramps), len(ramps.pairs)):
        flag_after_jump(ramps, pixels, ramps.columns(pixels), electrons=electrons)


def _batches(pixels: NDArray[np.intp], npairs: int) -> list[NDArray[np.intp]]:
    size = max(BATCH_BYTES // (4 * max(npairs, 1)), 256)
    return [pixels[start : start + size] for start in range(0, pixels.size, size)]
