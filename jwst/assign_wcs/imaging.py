"""World coordinates of images: detector, V2 and V3, velocity aberration, sky. Source: spec assign_wcs_imaging.md.

The modules of the instruments choose the shift of the filter; all else is the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from astropy import coordinates
from astropy import units as u
from astropy.modeling import bind_bounding_box
from astropy.modeling.bounding_box import CompoundBoundingBox
from astropy.modeling.models import Identity, Shift
from gwcs import coordinate_frames as cf
from gwcs import wcs

from jwst.assign_wcs.distortion import distortion_of, filter_rows
from jwst.assign_wcs.pointing import dva_corr_model, v23tosky
from jwst.assign_wcs.reference_trees import is_absent
from jwst.assign_wcs.sip import update_s_region_imaging
from jwst.lib.assignment import unvalidated
from jwst.lib.reffile_utils import MatchRowError
from stpipe.exceptions import InputError

__all__ = [
    "Images",
    "Offset",
    "assign_images",
    "first_of_filter",
    "image_pipeline",
    "imaging_frames",
    "only_one_of_filter_and_pupil",
    "without_offset",
]

log = logging.getLogger(__name__)

Box = tuple[tuple[float, float], tuple[float, float]]
Offset = tuple[float, float] | None
_FindOffset = Callable[[Any, Sequence[Mapping[str, Any]]], Mapping[str, Any] | None]


def imaging_frames() -> dict[str, Any]:
    """Coordinate frames of images by name.

    Returns
    -------
    dict of str to gwcs.coordinate_frames.CoordinateFrame
        detector (pixels from 0), v2v3 and v2v3vacorr (arcsec), world (ICRS, deg).
    """
    pixels = {"unit": (u.pix, u.pix), "axes_names": ("x", "y")}
    field = {"unit": (u.arcsec, u.arcsec), "axes_names": ("v2", "v3")}
    planes = {"detector": pixels, "v2v3": field, "v2v3vacorr": field}
    found: dict[str, Any] = {name: cf.Frame2D(name=name, axes_order=(0, 1), **kind) for name, kind in planes.items()}
    found["world"] = cf.CelestialFrame(name="world", reference_frame=coordinates.ICRS())
    return found


def without_offset(instrument: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """No shift: the instrument has no filters, whatever the reference says."""
    return


def first_of_filter(instrument: Any, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """First row of the filter of the exposure (MIRI)."""
    return next((row for row in rows if row.get("filter") == instrument.filter), None)


def only_one_of_filter_and_pupil(instrument: Any, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The row of the filter and the pupil of the exposure (NIRCam, NIRISS).

    Raises
    ------
    MatchRowError
        There is more than one.
    """
    wanted = instrument.filter, instrument.pupil
    found = [row for row in rows if (row.get("filter"), row.get("pupil")) == wanted]
    if len(found) > 1:
        raise MatchRowError(
            f"The FILTEROFFSET reference has {len(found)} rows for the filter {wanted[0]} and the pupil {wanted[1]}; "
            "one is possible. Give another reference, or override_filteroffset='N/A' for no shift"
        )
    return found[0] if found else None


def _offset(model: Any, reference: Any, find: _FindOffset) -> Offset:
    """Shift of the filter in columns and rows, pixels; None without one."""
    if find is without_offset or is_absent(reference):
        return None
    instrument = model.meta.instrument
    row = find(instrument, filter_rows(model, reference))
    offset = tuple((row or {}).get(name) for name in ("column_offset", "row_offset"))
    if any(isinstance(value, str | None) for value in offset):
        log.info("No filter offset for filter %s, pupil %s", instrument.filter, instrument.pupil)
        return None
    log.info("Filter offset of %s pixels in columns and rows", offset)
    return float(offset[0]), float(offset[1])  # type: ignore[arg-type]


def _stored_box(distortion: Any) -> Box | None:
    """Bounding box that a reference has, ((x, x), (y, y)); None without one."""
    try:
        box = distortion.bounding_box
    except NotImplementedError:
        return None
    return None if isinstance(box, CompoundBoundingBox) else box.bounding_box(order="F")


def _edges(nx: int, ny: int) -> Box:
    return (-0.5, nx - 0.5), (-0.5, ny - 0.5)


def _full_frame(model: Any) -> Box:
    """Edges of the array."""
    shape = model.shape
    if shape is None or len(shape) < 2:
        raise InputError("The exposure has no image, so that its world coordinates have no limits")
    return _edges(shape[-1], shape[-2])


def _corner(model: Any) -> tuple[int, int]:
    """First column and row of the exposure, from 0; a missing keyword is the first one."""
    subarray = model.meta.subarray
    return (subarray.xstart or 1) - 1, (subarray.ystart or 1) - 1


def _subarray_box(model: Any) -> Box:
    """Edges of a subarray."""
    sizes = model.meta.subarray.xsize, model.meta.subarray.ysize
    if None in sizes:
        raise InputError(
            "The exposure is a subarray of unknown size: meta.subarray.xsize and ysize (SUBSIZE1, SUBSIZE2) are missing"
        )
    return _edges(*sizes)


def _detector_to_field(model: Any, reference_files: Mapping[str, Any], find: _FindOffset) -> Any:
    """From pixels of the exposure to V2 and V3, with the bounding box."""
    transform = distortion_of(model, reference_files.get("distortion"))
    box = _stored_box(transform)
    offset = _offset(model, reference_files.get("filteroffset"), find)
    if offset is not None:
        transform = Shift(offset[0]) & Shift(offset[1]) | transform
    corner = _corner(model)
    if any(corner):
        shifts = [Shift(float(value)) if value else Identity(1) for value in corner]
        transform, box = shifts[0] & shifts[1] | transform, _subarray_box(model)
    bind_bounding_box(transform, box or _full_frame(model), order="F")
    return transform


def image_pipeline(model: Any, reference_files: Mapping[str, Any], find: _FindOffset) -> list[tuple[Any, Any]]:
    """Make the transforms of an image.

    Parameters
    ----------
    model : ImageModel or CubeModel
        Exposure.
    reference_files : mapping of str to (str, Path or data model)
        DISTORTION and, if there is one, FILTEROFFSET.
    find : callable
        Finds the row of the filter offset: `first_of_filter`, `only_one_of_filter_and_pupil` or `without_offset`.

    Returns
    -------
    list of (frame, transform)
        For `gwcs.wcs.WCS`. The first transform has the bounding box.

    Raises
    ------
    InputError
        A reference is missing or cannot be used, the pointing is unknown, or the velocity aberration is not positive.
    MatchRowError
        More than one row of the filter offset fits.
    """
    wcsinfo = model.meta.wcsinfo
    to_sky = v23tosky(model)
    aberration = dva_corr_model(model.meta.velocity_aberration.scale_factor, wcsinfo.v2_ref, wcsinfo.v3_ref)
    steps = {
        "detector": _detector_to_field(model, reference_files, find),
        "v2v3": aberration,
        "v2v3vacorr": to_sky,
        "world": None,
    }
    return [(frame, steps[name]) for name, frame in imaging_frames().items()]


def assign_images(model: Any, pipeline: list[tuple[Any, Any]]) -> None:
    """Write the world coordinates and the footprint of an image into its model.

    Parameters
    ----------
    model : ImageModel or CubeModel
        Updated in place.
    pipeline : list of (frame, transform)
        From `image_pipeline`.
    """
    found = wcs.WCS(pipeline)
    with unvalidated(model):  # to validate coordinates is to write all their transforms
        model.meta.wcs = found
    update_s_region_imaging(model)


class Images:
    """The images of one instrument, as its module offers them.

    Parameters
    ----------
    instrument : str
        Name of the instrument.
    find : callable
        Finds the row of the filter offsets.
    """

    def __init__(self, instrument: str, find: _FindOffset) -> None:
        self._instrument = instrument
        self._find = find

    def imaging(self, input_model: Any, reference_files: Mapping[str, Any]) -> list[tuple[Any, Any]]:
        """Make the transforms of an image.

        Parameters
        ----------
        input_model : ImageModel or CubeModel
            Exposure.
        reference_files : mapping of str to (str, Path or data model)
            References by type; see `image_pipeline`, also for the errors.

        Returns
        -------
        list of (frame, transform)
            For `gwcs.wcs.WCS`: detector, v2v3, v2v3vacorr, world.
        """
        return image_pipeline(input_model, reference_files, self._find)

    def create_pipeline(self, input_model: Any, reference_files: Mapping[str, Any]) -> list[tuple[Any, Any]]:
        """Make the transforms of an exposure of any mode that is part of this release.

        Parameters
        ----------
        input_model, reference_files
            As for `imaging`.

        Returns
        -------
        list of (frame, transform)
            For `gwcs.wcs.WCS`.

        Raises
        ------
        KeyError
            The type of the exposure is none of them.
        """
        from jwst.assign_wcs.assign_wcs import image_types

        exposure_type = str(input_model.meta.exposure.type).upper()
        if exposure_type not in image_types(self._instrument):
            raise KeyError(exposure_type)
        return self.imaging(input_model, reference_files)
