"""Corrections of world coordinates by hand: shift and turn one, or carry a correction to another exposure.

Source: spec tweakreg.md, Utilities.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np

from jwst.stpipe.inputs import is_model
from stpipe.exceptions import InputError, ParameterError

__all__ = ["adjust_wcs", "transfer_wcs_correction"]

log = logging.getLogger(__name__)

_ARCSEC = 3600 * 180 / np.pi  # of a radian
_V2, _V3, _ROLL, _DEC, _RA = range(-5, 0)


def adjust_wcs(
    wcs: Any, delta_ra: float = 0.0, delta_dec: float = 0.0, delta_roll: float = 0.0, scale_factor: float = 1.0
) -> Any:
    """Shift, turn and scale the world coordinates of an exposure.

    Parameters
    ----------
    wcs : gwcs.wcs.WCS
        As assign_wcs makes it; stays as it is.
    delta_ra, delta_dec, delta_roll : float, deg
        Added to the angles of the rotation to the sky.
    scale_factor : float
        Scale about the reference point of the instrument.

    Returns
    -------
    gwcs.wcs.WCS

    Raises
    ------
    InputError
        It has no rotation from V2 and V3 to the sky (``v23tosky``) (a ValueError).
    """
    result = deepcopy(wcs)
    sky = _rotation_to_sky(result)
    angles = np.array(sky.parameters)
    angles[[_ROLL, _DEC, _RA]] += delta_roll, delta_dec, -delta_ra
    sky.parameters = angles
    if scale_factor == 1:
        return result
    return _scaled(result, scale_factor, 3600 * angles[_V2], -3600 * angles[_V3])


def _scaled(wcs: Any, factor: float, v2_ref: float, v3_ref: float) -> Any:
    """Scale world coordinates in the tangent plane of the reference point."""
    from tweakwcs.correctors import JWSTWCSCorrector

    corrector = JWSTWCSCorrector(wcs, {"v2_ref": v2_ref, "v3_ref": v3_ref, "roll_ref": 0.0})
    corrector.set_correction(matrix=[[factor, 0], [0, factor]])
    return corrector.wcs


def _rotation_to_sky(wcs: Any) -> Any:
    """Transform from the field of the telescope to the sky."""
    for step in reversed(wcs.pipeline):
        if step.frame.name.startswith("v2v3") and getattr(step.transform, "name", None) == "v23tosky":
            return step.transform
    raise InputError(
        "The world coordinates have no rotation to the sky (v23tosky): only those that assign_wcs makes of images can "
        f"be adjusted; these have the frames {', '.join(wcs.available_frames)}"
    )


def transfer_wcs_correction(
    to_image: Any,
    from_image: Any,
    matrix: Sequence[Sequence[float]] | np.ndarray | None = None,
    shift: Sequence[float] | None = None,
) -> None:
    """Give an exposure the correction of another one.

    Parameters
    ----------
    to_image : str, Path or ImageModel
        Changed in place; a file is overwritten.
    from_image : str, Path or ImageModel
        With the correction, and the tangent plane in which it is defined.
    matrix : (2, 2) array_like, optional
    shift : (float, float), arcsec, optional
        Correction to apply in place of that of ``from_image``; give both or neither.

    Raises
    ------
    ParameterError
        Only one of ``matrix`` and ``shift`` is given (a ValueError).
    InputError
        ``from_image`` has no correction, or an exposure has no world coordinates (a ValueError).
    """
    if (matrix is None) != (shift is None):
        raise ParameterError("Give both matrix and shift, or neither: then the correction of from_image is taken")
    from jwst.tweakreg.correctors import SipOptions, make_corrector, update_world_coordinates

    with _opened(from_image) as source, _opened(to_image) as target:
        correction = _correction(source) if matrix is None else (np.array(matrix), np.array(shift))
        corrector = make_corrector(target)
        corrector.set_correction(*correction, ref_tpwcs=make_corrector(source))
        target.meta.wcs = corrector.wcs
        update_world_coordinates(target, SipOptions())
        if not is_model(to_image):
            _overwrite(target, os.fspath(to_image))


def _correction(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and shift (arcsec) of the correction of an exposure."""
    frames = [] if model.meta.wcs is None else model.meta.wcs.available_frames
    if "v2v3corr" not in frames:
        raise InputError(
            f"{model.meta.filename or 'from_image'} has no correction in its world coordinates: align it with tweakreg "
            "first, or give matrix and shift"
        )
    affine = model.meta.wcs.pipeline[frames.index("v2v3corr") - 1].transform["tp_affine"]
    return affine.matrix.value, _ARCSEC * affine.translation.value


@contextmanager
def _opened(image: Any) -> Iterator[Any]:
    """Give a model: itself, or that of a file, which is closed again."""
    if is_model(image):
        yield image
        return
    from stdatamodels.jwst.datamodels import open as open_model

    with open_model(os.fspath(image)) as model:
        yield model


def _overwrite(model: Any, path: str) -> None:
    """Save a model in place of its file."""
    from stpipe.atomic import write_atomically

    write_atomically(path, lambda temporary: model.save(temporary, overwrite=True))
    log.info("The correction was written to %s", path)
