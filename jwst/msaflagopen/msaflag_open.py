"""Flag the pixels that microshutters which do not close can light. Source: spec msa_flagging.md."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from stpipe.exceptions import InputError

__all__ = [
    "WCS_TYPES",
    "boundingbox_to_indices",
    "create_slitlets",
    "do_correction",
    "flag",
    "get_failed_open_shutters",
    "wcs_reference_files",
    "wcs_to_dq",
]

log = logging.getLogger(__name__)

MSA_FAILED_OPEN = 536870912
SHUTTERS_ACROSS = 365
STATES = ("Internal state", "TA state", "state")
WCS_TYPES = ("camera", "collimator", "disperser", "fore", "fpa", "msa", "ote", "wavelengthrange")
"""References that the world coordinates of a shutter need."""

_PLACE = ("Q", "x", "y")


def do_correction(input_model: Any, shutter_refname: str, wcs_refnames: Mapping[str, Any]) -> Any:
    """Flag the pixels that failed-open shutters can light.

    Parameters
    ----------
    input_model : ImageModel, IFUImageModel or CubeModel
        A rate. Its ``dq`` is changed in place, its data stay.
    shutter_refname : str
        Operability reference ("msaoper"), a JSON file.
    wcs_refnames : mapping of str to (str or data model)
        References of the world coordinates by type, see `WCS_TYPES`.

    Returns
    -------
    data model
        The input.

    Raises
    ------
    InputError
        A reference cannot be used.
    """
    return flag(input_model, create_slitlets(get_failed_open_shutters(shutter_refname)), wcs_refnames)


def get_failed_open_shutters(shutter_refname: str) -> list[dict[str, Any]]:
    """Read which shutters do not close.

    Parameters
    ----------
    shutter_refname : str
        A JSON file with the key "msaoper".

    Returns
    -------
    list of dict
        Entries of which any of "Internal state", "TA state" and "state" is "open".

    Raises
    ------
    InputError
        The file cannot be read, is no such reference, or one of its entries lacks a state or its place.
    """
    shutters = _read(shutter_refname)
    for number, shutter in enumerate(shutters):
        missing = [key for key in (*_PLACE, *STATES) if not isinstance(shutter, dict) or key not in shutter]
        if missing:
            raise InputError(
                f"Shutter {number} (from 0) of the MSAOPER reference {shutter_refname} has no {missing[0]!r}. "
                f"Every shutter needs {', '.join((*_PLACE, *STATES))}"
            )
    return [shutter for shutter in shutters if any(shutter[state] == "open" for state in STATES)]


def _read(name: str) -> list[Any]:
    """The list of shutters in a file."""
    advice = "Give another file with override_msaoper"
    if not isinstance(name, str | os.PathLike):
        raise InputError(f"The MSAOPER reference must be a JSON file, not {type(name).__name__}. {advice}")
    try:
        with open(name, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError:
        raise InputError(f"The MSAOPER reference {name} does not exist. {advice}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"The MSAOPER reference {name} cannot be read as JSON: {error}. {advice}") from error
    shutters = content.get("msaoper") if isinstance(content, dict) else None
    if not isinstance(shutters, list):
        raise InputError(f"The MSAOPER reference {name} has no list 'msaoper'. {advice}")
    return shutters


def create_slitlets(shutter_list: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Make a slit of each shutter.

    Parameters
    ----------
    shutter_list : iterable of mapping
        Shutters with Q, x and y, which count from 1.

    Returns
    -------
    list of stdatamodels.jwst.transforms.models.Slit
        Slits of one shutter; number n, from 1, is name and id.
    """
    from stdatamodels.jwst import transforms

    slits = []
    for number, shutter in enumerate(shutter_list, start=1):
        quadrant, x, y = (int(shutter[key]) for key in _PLACE)
        slits.append(
            transforms.models.Slit(
                name=number,
                shutter_id=x + (y - 1) * SHUTTERS_ACROSS,
                xcen=x,
                ycen=y,
                ymin=-0.5,
                ymax=0.5,
                quadrant=quadrant,
                source_id=0,
                shutter_state="x",
                slit_id=number,
            )
        )
    return slits


def flag(input_datamodel: Any, failed_slitlets: list[Any], wcs_refnames: Mapping[str, Any]) -> Any:
    """Flag the pixels that slits light.

    Parameters
    ----------
    input_datamodel : ImageModel, IFUImageModel or CubeModel
        Its ``dq``, (ny, nx) or (nints, ny, nx), is changed in place.
    failed_slitlets : list of Slit
    wcs_refnames : mapping of str to (str or data model)

    Returns
    -------
    data model
        The input.
    """
    if not failed_slitlets:
        log.info("No shutter failed open")
        return input_datamodel
    from gwcs.wcs import WCS

    from jwst.assign_wcs.nirspec_wcs import slit_boxes, slitlets_wcs

    wcs, info = WCS(slitlets_wcs(input_datamodel, wcs_refnames, failed_slitlets)), input_datamodel.meta.wcsinfo
    boxes = slit_boxes(wcs, wavelengths=(info.waverange_start, info.waverange_end), refine=False)
    dq = input_datamodel.dq
    if dq is None:
        dq = np.zeros(input_datamodel.data.shape, np.uint32)
    for number, box in boxes.items():
        columns, rows = boundingbox_to_indices(input_datamodel, box)
        y, x = np.mgrid[rows, columns].astype(float)
        if y.size:
            dq[..., rows, columns] |= wcs_to_dq((_wavelengths(wcs, number, box, x, y),), MSA_FAILED_OPEN)
    input_datamodel.dq = dq
    return input_datamodel


def _wavelengths(wcs: Any, number: int, box: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Wavelengths of pixels, which are numbers where all world coordinates are; NaN beside the box of the slit."""
    found = wcs.get_transform("detector", "slit_frame")(x, y, number)[3]
    (left, right), (bottom, top) = box
    return np.where((x < left) | (x > right) | (y < bottom) | (y > top), np.nan, found)


def boundingbox_to_indices(data_model: Any, bounding_box: Any) -> tuple[slice, slice]:
    """Find the columns and rows of an image that are in a bounding box.

    Parameters
    ----------
    data_model : data model
        Its ``data`` have the shape (…, ny, nx).
    bounding_box : ((float, float), (float, float))
        Limits in x and in y, pixels from 0.

    Returns
    -------
    columns, rows : slice
        Limits are truncated towards zero; empty for a box beside the image.
    """
    ny, nx = data_model.data.shape[-2:]
    found = []
    for limits, size in zip(bounding_box, (nx, ny)):
        start = max(int(min(limits)), 0)
        found.append(slice(start, max(min(int(max(limits)) + 1, size), start)))
    return found[0], found[1]


def wcs_to_dq(wcs_array: Any, FLAG: int) -> np.ndarray:  # noqa: N803
    """Flag pixels that have world coordinates.

    Parameters
    ----------
    wcs_array : tuple of ndarray
        World coordinates of each pixel, of which the first is looked at; NaN where it has none.
    FLAG : int

    Returns
    -------
    ndarray of uint32
        The flag where there is a number, else 0.
    """
    return np.where(np.isnan(wcs_array[0]), np.uint32(0), np.uint32(FLAG))


def wcs_reference_files(model: Any) -> dict[str, str]:
    """Files of the references that the world coordinates of an exposure were made with.

    Parameters
    ----------
    model : data model
        With the names in ``meta.ref_file``.

    Returns
    -------
    dict of str to str
        Paths by type, see `WCS_TYPES`; those of CRDS are in the local cache.

    Raises
    ------
    InputError
        The exposure has no such names, or they are no files.
    """
    return {reftype: _file(model, reftype) for reftype in WCS_TYPES}


def _file(model: Any, reftype: str) -> str:
    """Path of one reference."""
    from stpipe.crds_client import reference_uri_to_cache_path

    name = getattr(model.meta.ref_file, reftype).name
    if not name or name == "N/A":
        raise InputError(
            f"The exposure names no {reftype.upper()} reference: run assign_wcs before msa_flagging, which needs "
            "the references of the world coordinates"
        )
    path = reference_uri_to_cache_path(name, model.crds_observatory) if name.startswith("crds://") else name
    if not os.path.isfile(path):
        raise InputError(
            f"The {reftype.upper()} reference {name}, which the world coordinates of the exposure were made with, is "
            f"not there ({path}). msa_flagging needs the file: run assign_wcs again, with files as references"
        )
    return path
