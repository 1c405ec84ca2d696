"""Images of a library: what is known of each one, and the statistics of their pixels, one image in memory at a time.

Source: spec skymatch.md §1 and §3.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.skymatch.matching import Measured
from jwst.skymatch.outline import Outline, intersections, lonlat_of, outline_of
from jwst.skymatch.region import Spans, fill, polygon_spans
from jwst.skymatch.sky_statistics import SkyStatistic, SkyValue, sky_value
from stpipe.exceptions import InputError, ParameterError

__all__ = ["Image", "Wanted", "describe", "good_pixels", "ignored_flags", "measure"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Image:
    """What is known of an image without its pixels.

    Parameters
    ----------
    name : str
        Name of its file.
    shape : (int, int)
        Rows and columns.
    wcs : gwcs.WCS
    outline : Outline or None
        None: its coordinates have no place on the sky.
    level : float
        Sky that has been subtracted already.
    """

    name: str
    shape: tuple[int, int]
    wcs: Any
    outline: Outline | None
    level: float


@dataclass(frozen=True)
class Wanted:
    """What is to be measured.

    Parameters
    ----------
    statistic : SkyStatistic
    bad_flags : int
        Pixels with any of these flags are left out.
    overlap, whole : bool
        Whether the sky in overlaps and that of each image as a whole are wanted.
    """

    statistic: SkyStatistic
    bad_flags: int
    overlap: bool
    whole: bool


def ignored_flags(dqbits: str | int | None) -> int:
    """Flags that make a pixel unusable.

    Parameters
    ----------
    dqbits : str, int or None
        Flags that are good, in the syntax of `astropy.nddata.bitmask`; None or "None": all are.

    Raises
    ------
    ParameterError
        It is nothing of that kind.
    """
    import warnings

    from astropy.nddata.bitmask import interpret_bit_flags
    from stdatamodels.jwst import datamodels

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a flag that is named twice
            good = interpret_bit_flags(dqbits, flag_name_map=datamodels.dqflags.pixel)
    except (KeyError, TypeError, ValueError) as error:
        raise ParameterError(
            f"dqbits: {dqbits!r} names no flags ({error}): give names or numbers with + between, like "
            "'~DO_NOT_USE+NON_SCIENCE' or 'SATURATED+JUMP_DET'"
        ) from error
    return 0 if good is None else ~good & 0xFFFFFFFF


def describe(model: Any, *, stepsize: int | None, subtract: bool) -> Image:
    """Find out what must be known of an image before pixels are looked at.

    Parameters
    ----------
    model : ImageModel
    stepsize : int or None
        Largest distance of points of its outline, pixel.
    subtract : bool
        Whether the sky is to be subtracted.

    Raises
    ------
    InputError
        It is no image, it has no WCS, or its sky has been measured or subtracted in a way that does not go with this
        run.
    """
    name = str(model.meta.filename or "an image")
    data = getattr(model, "data", None)
    if data is None or data.ndim != 2 or data.size == 0:
        raise InputError(f"{name} is no image: its data (SCI) are {'missing' if data is None else data.shape}")
    dq = getattr(model, "dq", None)
    if dq is not None and dq.shape != data.shape:
        raise InputError(f"{name}: flags (DQ) of shape {dq.shape} do not fit data (SCI) of shape {data.shape}")
    wcs = getattr(model.meta, "wcs", None)
    if wcs is None:
        raise InputError(f"{name} has no WCS: run assign_wcs on it first")
    outline = outline_of(lambda x, y: wcs(x, y, with_bounding_box=False), data.shape, stepsize)
    if outline is None:
        log.warning("The WCS of %s gives no coordinates at its edges: it overlaps no image", name)
    return Image(name, data.shape, wcs, outline, _start_level(model, name, subtract))


def _start_level(model: Any, name: str, subtract: bool) -> float:
    """Level that has been subtracted already; 0 where the sky is measured anew."""
    level, subtracted = model.meta.background.level, model.meta.background.subtracted
    if (level is None) != (subtracted is None):
        missing, given = ("subtracted", "level") if subtracted is None else ("level", "subtracted")
        raise InputError(
            f"{name} has meta.background.{given} but no meta.background.{missing}: whether a sky was subtracted is "
            "unknown. Set both, or remove both"
        )
    if subtracted is not None and bool(subtracted) != subtract:
        state = "has been subtracted" if subtracted else "was measured and not subtracted"
        raise InputError(
            f"{name}: its sky of {level} {state} (meta.background), which does not go with subtract={subtract}. Use "
            f"subtract={bool(subtracted)}, or an exposure of which no sky was measured"
        )
    return float(level) if subtract and level is not None else 0.0


def good_pixels(data: np.ndarray, dq: np.ndarray | None, bad_flags: int) -> np.ndarray:
    """Pixels that the sky is measured of.

    Parameters
    ----------
    data : (ny, nx) ndarray of float32
    dq : (ny, nx) ndarray of uint32 or None
    bad_flags : int

    Returns
    -------
    (ny, nx) ndarray of bool
        Finite, and without any of the flags.
    """
    good = np.isfinite(data)
    if dq is not None and bad_flags:
        rows = max(1, 65536 // data.shape[1])
        for row in range(0, len(data), rows):
            part = slice(row, row + rows)
            good[part] &= (dq[part] & np.uint32(bad_flags)) == 0
    return good


def measure(library: Any, images: Sequence[Image], unit: np.ndarray, wanted: Wanted) -> Measured:
    """Measure the sky of all images.

    Parameters
    ----------
    library : ModelLibrary
        Open. Each model is borrowed once.
    images : sequence of Image
        Its members.
    unit : (n,) ndarray of int
        Unit of each; images of one unit are not compared.
    wanted : Wanted

    Returns
    -------
    Measured
    """
    count = len(images), int(unit.max()) + 1
    measured = Measured(unit, np.full(count, np.nan), np.zeros(count), np.full(count[0], np.nan))
    for index in range(len(images)):
        regions = _regions(index, images, unit) if wanted.overlap else {}
        if not (regions or wanted.whole):
            continue
        model = library.borrow(index)
        try:
            _measure_one(model, index, regions, wanted, measured)
        finally:
            library.shelve(model, index, modify=False)
        del model
    return measured


def _measure_one(model: Any, index: int, regions: dict[int, list[Spans]], wanted: Wanted, measured: Measured) -> None:
    """Measure one image as a whole and in each of its overlaps; fill in the results."""
    data = np.asarray(model.data, dtype=np.float32)
    good = good_pixels(data, model.dq, wanted.bad_flags)
    for unit, spans in regions.items():
        value = _region_value(data, good, spans, wanted.statistic)
        if value is not None:
            measured.overlap[index, unit], measured.pixels[index, unit] = value.level, value.count
    if wanted.whole:
        value = sky_value(data[good], wanted.statistic)
        measured.whole[index] = np.nan if value is None else value.level


def _region_value(
    data: np.ndarray, good: np.ndarray, spans: Sequence[Spans], statistic: SkyStatistic
) -> SkyValue | None:
    """Sky of the pixels in any of some regions."""
    windows = [part.window for part in spans]
    window = (_hull([one[0] for one in windows]), _hull([one[1] for one in windows]))
    mask = np.zeros((window[0].stop - window[0].start, window[1].stop - window[1].start), bool)
    for part in spans:
        fill(mask, part, window)
    mask &= good[window]
    return sky_value(data[window][mask], statistic)


def _hull(ranges: Sequence[slice]) -> slice:
    """The range that has some others, empty ones not counted."""
    used = [one for one in ranges if one.stop > one.start]
    return slice(min((one.start for one in used), default=0), max((one.stop for one in used), default=0))


def _regions(index: int, images: Sequence[Image], unit: np.ndarray) -> dict[int, list[Spans]]:
    """Pixels of an image that it has in common with each other unit."""
    image = images[index]
    others = [
        (int(number), other.outline)
        for number, other in zip(unit, images, strict=True)
        if number != unit[index] and other.outline is not None
    ]
    if image.outline is None or not others:
        return {}
    common = intersections(image.outline, [outline for _, outline in others])
    polygons = [(number, polygon) for (number, _), parts in zip(others, common, strict=True) for polygon in parts]
    regions: dict[int, list[Spans]] = {}
    for number, (x, y) in zip([number for number, _ in polygons], _pixels(image, polygons), strict=True):
        if np.isfinite(x).all() and np.isfinite(y).all():
            regions.setdefault(number, []).append(polygon_spans(x, y, image.shape))
    return regions


def _pixels(image: Image, polygons: Sequence[tuple[int, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pixel coordinates of the vertices of polygons, by one call of the WCS."""
    if not polygons:
        return []
    vectors = np.concatenate([polygon for _, polygon in polygons])
    x, y = image.wcs.invert(*lonlat_of(vectors), with_bounding_box=False)
    ends = np.cumsum([len(polygon) for _, polygon in polygons])[:-1]
    return list(zip(np.split(np.asarray(x), ends), np.split(np.asarray(y), ends), strict=True))
