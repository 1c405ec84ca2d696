"""Run the trap model on a ramp model: references and maps in, map out.

Source: spec persistence_traps.md §2-§6.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jwst.lib.subarray import Subarray, science_subarray
from jwst.persistence.trap_tables import Timing, families_of
from jwst.persistence.traps import TrapExposure, TrapModel, age_traps, clean_density, clean_full_well, follow_traps
from stpipe.exceptions import InputError, MissingMetadataError

__all__ = ["TrapMap", "empty_map", "load_trap_map", "run_traps", "trap_model", "trap_product"]

log = logging.getLogger(__name__)

SECONDS_PER_DAY = 86400.0


@dataclass(frozen=True)
class TrapMap:
    """Filled traps of a detector, or of a part of it.

    Parameters
    ----------
    filled : (nplanes, ny, nx) ndarray of float32, DN
        One plane for each trap family.
    frame : Subarray
        Where the planes lie on the detector.
    end_time : float or None
        MJD of the end of the exposure that left them; None for a map of zeros.
    """

    filled: np.ndarray
    frame: Subarray
    end_time: float | None = None

    def cutout(self, science: Subarray, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """The rows and columns of the planes that an exposure covers.

        Raises
        ------
        InputError
            The exposure is not inside the map.
        """
        ny, nx = shape[-2:]
        y0, x0 = science.ystart - self.frame.ystart, science.xstart - self.frame.xstart
        if x0 < 0 or y0 < 0 or y0 + ny > self.filled.shape[-2] or x0 + nx > self.filled.shape[-1]:
            raise InputError(
                f"Can't extract matching subarray from the map of filled traps: rows {y0}:{y0 + ny} and columns "
                f"{x0}:{x0 + nx} are wanted of {self.filled.shape[-2]} x {self.filled.shape[-1]}"
            )
        return slice(y0, y0 + ny), slice(x0, x0 + nx)


def trap_model(references: tuple[Any, Any, Any], cutoff: float) -> tuple[TrapModel, Subarray]:
    """Read the references of the trap model.

    Parameters
    ----------
    references : (trapdensity, trappars, persat)
        Open `jwst.lib.reference.Reference` objects.
    cutoff : float
        Persistence in DN from which on a pixel is flagged.

    Returns
    -------
    model : TrapModel
        Cut to the exposure.
    frame : Subarray
        Of the whole trap-density reference.

    Raises
    ------
    MissingMetadataError
        The trap density does not say where on the detector it lies.
    """
    density, parameters, full_well = references
    corner = [density.meta(f"subarray.{key}") for key in ("xstart", "ystart")]
    if None in corner:
        raise MissingMetadataError(f"{density.name} has no subarray corner: SUBSTRT1 and SUBSTRT2 must be set")
    ny, nx = density.shape("data")[-2:]
    model = TrapModel(
        clean_density(density.array("data"), density.dq()),
        clean_full_well(full_well.array("data"), full_well.dq()),
        families_of(parameters.table("trappars_table")),
        cutoff,
    )
    return model, Subarray(int(corner[0]), int(corner[1]), nx, ny)


def load_trap_map(path: str, frame: Subarray, detector: str | None) -> TrapMap:
    """Read the filled traps that the previous exposure left.

    Parameters
    ----------
    path : str
        A `_trapsfilled` product; relative to the working directory.
    frame : Subarray
        Of the trap-density reference: a map of the same size lies there, whatever its keywords say.
    detector : str or None
        Of the exposure; another one in the map gives a warning.

    Returns
    -------
    TrapMap
        NaN replaced by 0.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        The path has no extension, or the map does not have three dimensions.
    MissingMetadataError
        The map has no end time (EXPEND) or, having another size than the reference, no corner.
    """
    from stdatamodels.jwst import datamodels

    if not Path(path).suffix:
        raise InputError(f"input_trapsfilled={path!r} is no file name with an extension such as .fits")
    if not Path(path).is_file():
        raise FileNotFoundError(f"input_trapsfilled: there is no file {path}")
    with datamodels.TrapsFilledModel(path) as model:
        if model.data.ndim != 3:
            raise InputError(f"{path} has {model.data.ndim} dimensions; a map of filled traps has three")
        filled = np.array(model.data, dtype=np.float32, order="C")
        end_time = model.meta.exposure.end_time
        corner = (model.meta.subarray.xstart, model.meta.subarray.ystart)
        other = model.meta.instrument.detector
    if end_time is None:
        raise MissingMetadataError(f"{path} has no end time (EXPEND), so that the age of its traps is not known")
    if detector and other and other != detector:
        log.warning("The map of filled traps %s is of detector %s, but the exposure is of %s", path, other, detector)
    filled[np.isnan(filled)] = 0
    ny, nx = filled.shape[-2:]
    if (ny, nx) == (frame.ysize, frame.xsize):
        return TrapMap(filled, frame, float(end_time))
    if None in corner:
        raise MissingMetadataError(f"{path} has no subarray corner: SUBSTRT1 and SUBSTRT2 must be set")
    return TrapMap(filled, Subarray(int(corner[0]), int(corner[1]), nx, ny), float(end_time))


def run_traps(ramp: Any, model: TrapModel, traps: TrapMap, released: np.ndarray | None = None) -> None:
    """Correct a ramp model for persistence and follow its traps, in place.

    Parameters
    ----------
    ramp : RampModel
        ``data`` and ``pixeldq`` are updated in place.
    model : TrapModel
        Cut to the exposure.
    traps : TrapMap
        ``filled`` is updated in place to the end of the exposure, also outside the exposure.
    released : ndarray like ``ramp.data``, optional
        Receives the signal that was subtracted.

    Raises
    ------
    MissingMetadataError
        A time that is needed is missing.
    """
    timing = _timing(ramp)
    ngroups = ramp.data.shape[1]
    if ramp.meta.exposure.ngroups not in (None, ngroups):
        log.warning("NGROUPS is %s but the ramp has %d groups; the ramp is used", ramp.meta.exposure.ngroups, ngroups)
    families = model.families
    if traps.end_time is not None:
        start = _required(ramp.meta.exposure.start_time, "start_time (EXPSTART)")
        gap = (start - traps.end_time) * SECONDS_PER_DAY
        if gap < 0:
            log.warning("The map of filled traps is from %.1f s after the start of this exposure", -gap)
        age_traps(traps.filled, families, gap)
    exposure = TrapExposure(ramp.data, ramp.groupdq, ramp.pixeldq, timing)
    rows, columns = traps.cutout(_corner(ramp), ramp.data.shape)
    here = traps.filled[:, rows, columns]
    if here.shape == traps.filled.shape:
        follow_traps(exposure, model, traps.filled, released)
        return
    inside = np.ascontiguousarray(here)
    follow_traps(exposure, model, inside, released)
    idle = sum(timing.idle_seconds(index) for index in range(len(ramp.data)))
    age_traps(traps.filled, families, idle + len(ramp.data) * ngroups * timing.group_time)
    here[...] = inside


def trap_product(ramp: Any, traps: TrapMap) -> Any:
    """The map of filled traps as a product for the next exposure.

    Parameters
    ----------
    ramp : RampModel
        Its metadata are copied.
    traps : TrapMap

    Returns
    -------
    TrapsFilledModel
        With the place of the map, not of the exposure, as its subarray.
    """
    from stdatamodels.jwst import datamodels

    product = datamodels.TrapsFilledModel(data=traps.filled)
    product.update(ramp)
    for key in ("xstart", "ystart", "xsize", "ysize"):
        setattr(product.meta.subarray, key, getattr(traps.frame, key))
    product.meta.cal_step.persistence = None
    return product


def empty_map(nfamilies: int, frame: Subarray) -> TrapMap:
    """A map without filled traps."""
    return TrapMap(np.zeros((nfamilies, frame.ysize, frame.xsize), np.float32), frame)


def _corner(ramp: Any) -> Subarray:
    """Where the exposure lies, with the size of its array."""
    meta = ramp.meta.subarray
    _required(meta.xstart, "subarray corner (SUBSTRT1)")
    _required(meta.ystart, "subarray corner (SUBSTRT2)")
    ny, nx = ramp.data.shape[-2:]
    if meta.xsize is None or meta.ysize is None:
        return Subarray(int(meta.xstart), int(meta.ystart), nx, ny)
    return replace(science_subarray(ramp), xsize=nx, ysize=ny)


def _timing(ramp: Any) -> Timing:
    """Times of the exposure; all of them are needed."""
    exposure = ramp.meta.exposure
    between = exposure.nresets_between_ints
    return Timing(
        float(_required(exposure.group_time, "group_time (TGROUP)")),
        float(_required(exposure.frame_time, "frame_time (TFRAME)")),
        int(_required(exposure.nresets_at_start, "nresets_at_start (NRSTSTRT)")),
        int(_required(between, "nresets_between_ints (NRESETS)")) if len(ramp.data) > 1 else int(between or 0),
    )


def _required(value: Any, what: str) -> Any:
    """A metadata value that may not be missing."""
    if value is None:
        raise MissingMetadataError(f"The exposure has no {what}, which the trap model needs")
    return value
