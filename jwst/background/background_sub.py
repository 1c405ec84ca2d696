"""Subtraction of background exposures from a science exposure.

Backgrounds are read band by band, so that memory does not grow with their number. Source: spec background.md §A.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.background.average import Clipping, average_of_integrations, average_of_stack, bands
from jwst.lib.reference import Reference, open_reference
from jwst.lib.subarray import Subarray, check_size
from stpipe.exceptions import InputError

__all__ = ["Background", "average_background", "background_sub", "open_backgrounds", "subtract", "tilts_differ"]

log = logging.getLogger(__name__)

TILT_TOLERANCE = 1e-8
_FULL_FRAMES = {"MIRI": (1024, 1032)}


@dataclass(frozen=True, eq=False)
class Background:
    """A background exposure, and where it lies on the science exposure.

    Parameters
    ----------
    source : jwst.lib.reference.Reference
        Its arrays.
    offset : (int, int)
        Row and column of the science exposure where its first pixel lies; negative where it begins before.
    shape : (int, int)
        Rows and columns.
    cube : bool
        Whether it has integrations.
    """

    source: Reference
    offset: tuple[int, int]
    shape: tuple[int, int]
    cube: bool

    def overlap(self, rows: slice, columns: int) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
        """Pixels that some rows of the science exposure have in common with this background.

        Parameters
        ----------
        rows : slice
            Rows of the science exposure.
        columns : int
            Its number of columns.

        Returns
        -------
        (rows, columns) below ``rows.start``, (rows, columns) of the background; or None
        """
        (dy, dx), (ny, nx) = self.offset, self.shape
        first, last = max(rows.start, dy), min(rows.stop, dy + ny)
        left, right = max(0, dx), min(columns, dx + nx)
        if first >= last or left >= right:
            return None
        inside = slice(first - rows.start, last - rows.start), slice(left, right)
        return inside, (slice(first - dy, last - dy), slice(left - dx, right - dx))


@contextmanager
def open_backgrounds(model: Any, sources: Sequence[Any]) -> Iterator[list[Background]]:
    """Open background exposures for a science exposure.

    Parameters
    ----------
    model : ImageModel or CubeModel
        The science exposure.
    sources : sequence of str, Path or data model
        Backgrounds, of the number of axes of the science exposure.

    Yields
    ------
    list of Background

    Raises
    ------
    InputError
        One of them has no image, another number of axes, or no place on the detector.
    """
    shape = model.data.shape
    science = _place(model.meta.instrument.name, _corner(model), shape, "The science exposure")
    with ExitStack() as stack:
        found = []
        for source in sources:
            reference = stack.enter_context(open_reference(source, model, "background"))
            found.append(_background(reference, model, science))
        yield found


def _background(reference: Reference, model: Any, science: Subarray) -> Background:
    """Check a background, and find out where it lies."""
    shape, name = reference.shape("data"), f"The background {reference.name}"
    if shape is None or len(shape) != model.data.ndim:
        raise InputError(
            f"{name} has data of shape {shape} and the science exposure {model.data.shape}: give images (rate) for an "
            "image and cubes (rateints) for a cube"
        )
    corner = tuple(reference.meta(f"subarray.{key}") for key in ("xstart", "ystart", "xsize", "ysize"))
    own = _place(model.meta.instrument.name, corner, shape, name)
    unit, wanted = reference.meta("bunit_data"), model.meta.bunit_data
    if unit and wanted and unit != wanted:
        raise InputError(
            f"{name} is in {unit} and the science exposure in {wanted}: give files of one stage, such as rate"
        )
    reference.warn_of_other_detector()
    offset = own.ystart - science.ystart, own.xstart - science.xstart
    return Background(reference, offset, (own.ysize, own.xsize), len(shape) == 3)


def _corner(model: Any) -> tuple[int | None, ...]:
    """Keywords of the place of a model on the detector."""
    meta = model.meta.subarray
    return meta.xstart, meta.ystart, meta.xsize, meta.ysize


def _place(instrument: str | None, corner: tuple[Any, ...], shape: tuple[int, ...], name: str) -> Subarray:
    """Place of an exposure on the detector; without keywords it has to be a full frame."""
    ny, nx = shape[-2:]
    if None in corner[:2]:
        if (ny, nx) != _FULL_FRAMES.get(instrument or "", (2048, 2048)):
            raise InputError(
                f"{name} does not say where its {ny} x {nx} pixels lie on the detector: set SUBSTRT1 and SUBSTRT2"
            )
        return Subarray(1, 1, nx, ny)
    try:
        check_size((corner[2], corner[3]), (ny, nx))
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return Subarray(int(corner[0]), int(corner[1]), nx, ny)


def subtract(
    model: Any, backgrounds: Sequence[Background], clipping: Clipping, *, errors: bool = False
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Subtract the average of backgrounds from a science exposure, in place.

    Parameters
    ----------
    model : ImageModel or CubeModel
        ``data`` and ``dq`` are updated; errors and variances are not.
    backgrounds : sequence of Background
    clipping : Clipping
    errors : bool, optional
        Work out the error of the average too.

    Returns
    -------
    data : (ny, nx) ndarray of float32
        The average, 0 where there is none.
    err : (ny, nx) ndarray of float32 or None
    dq : (ny, nx) ndarray of uint32
        Flags of any background.
    """
    result = _average(model.data.shape[-2:], backgrounds, clipping, errors=errors)
    science, flags = _writable(model, "data", np.float32), _writable(model, "dq", np.uint32)
    for integration in science if science.ndim == 3 else science[None]:
        np.subtract(integration, result[0], out=integration)
    np.bitwise_or(flags, result[2], out=flags)
    return result


def _average(
    shape: tuple[int, int], backgrounds: Sequence[Background], clipping: Clipping, *, errors: bool
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Average of backgrounds on the pixels of the science exposure; see `subtract`."""
    mean, dq = np.zeros(shape, np.float32), np.zeros(shape, np.uint32)
    err = np.zeros(shape, np.float32) if errors else None
    for background in backgrounds:
        _merge_flags(dq, background)
    for band in bands(shape, len(backgrounds)):
        stack = _stack("data", band, shape[1], backgrounds, clipping)
        variances = _stack("err", band, shape[1], backgrounds, clipping) if errors else None
        mean[band], error = average_of_stack(stack, variances, clipping)
        if err is not None:
            err[band] = error
    return mean, err, dq


def _stack(name: str, band: slice, columns: int, backgrounds: Sequence[Background], clipping: Clipping) -> np.ndarray:
    """Some rows of all backgrounds, float64, NaN outside of them; errors are squared."""
    result = np.full((len(backgrounds), band.stop - band.start, columns), np.nan)
    for plane, background in zip(result, backgrounds, strict=True):
        common = background.overlap(band, columns)
        if common is None:
            continue
        values = background.source.rectangle(name, *common[1])
        if values is None:
            raise InputError(f"The background {background.source.name} has no array {name!r}")
        squared = values * values if name == "err" else values
        plane[common[0]] = average_of_integrations(squared, clipping) if background.cube else squared
    return result


def _merge_flags(dq: np.ndarray, background: Background) -> None:
    """OR the flags of a background into those of the average."""
    common = background.overlap(slice(0, len(dq)), dq.shape[1])
    if common is None:
        return
    flags = background.source.dq(cut=False)
    if flags.ndim == 3:
        flags = np.bitwise_or.reduce(flags, axis=0)
    dq[common[0]] |= flags[common[1]]


def _writable(model: Any, name: str, dtype: type) -> np.ndarray:
    """An array of a model that can be changed in place."""
    array = getattr(model, name, None)
    if array is None:
        array = np.zeros(model.data.shape, dtype)
    if not (array.dtype == dtype and array.dtype.isnative and array.flags.writeable):
        array = array.astype(dtype)
    setattr(model, name, array)
    return getattr(model, name)


def tilts_differ(model: Any, backgrounds: Sequence[Background]) -> bool:
    """Whether the grating wheel of NIRSpec stood otherwise for one of the backgrounds."""
    own = (model.meta.instrument.gwa_xtilt, model.meta.instrument.gwa_ytilt)
    for background in backgrounds:
        other = tuple(background.source.meta(f"instrument.{name}") for name in ("gwa_xtilt", "gwa_ytilt"))
        if None in own or None in other:
            if own != other:
                return True
        elif max(abs(float(a) - float(b)) for a, b in zip(own, other, strict=True)) > TILT_TOLERANCE:
            return True
    return False


def average_background(input_model: Any, bkg_list: Sequence[Any], sigma: float, maxiters: int | None) -> Any:
    """Average backgrounds.

    Parameters
    ----------
    input_model : ImageModel or CubeModel
        The science exposure; not changed.
    bkg_list : sequence of str or data model
    sigma : float
    maxiters : int or None

    Returns
    -------
    ImageModel
        data, err and dq of the average.
    """
    with open_backgrounds(input_model, bkg_list) as backgrounds:
        return combined(*_average(input_model.data.shape[-2:], backgrounds, Clipping(sigma, maxiters), errors=True))


def background_sub(input_model: Any, bkg_list: Sequence[Any], sigma: float, maxiters: int | None) -> tuple[Any, Any]:
    """Subtract the average of backgrounds, in place.

    Parameters
    ----------
    input_model : ImageModel or CubeModel
    bkg_list : sequence of str or data model
    sigma : float
    maxiters : int or None

    Returns
    -------
    ImageModel, data model
        The average, and the input.
    """
    with open_backgrounds(input_model, bkg_list) as backgrounds:
        return combined(*subtract(input_model, backgrounds, Clipping(sigma, maxiters), errors=True)), input_model


def combined(data: np.ndarray, err: np.ndarray | None, dq: np.ndarray) -> Any:
    """The average as a model."""
    from stdatamodels.jwst import datamodels

    return datamodels.ImageModel(data=data, err=err, dq=dq)
