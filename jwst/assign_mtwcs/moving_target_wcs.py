"""World coordinates of a moving target (spec assign_mtwcs.md, Algorithm)."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from jwst.datamodels.library import ModelLibrary
from stpipe.exceptions import InputError

__all__ = ["add_mt_frame", "assign_moving_target_wcs"]

log = logging.getLogger(__name__)

MOVING_TARGET = "moving_target"

Position = tuple[float, float]


def assign_moving_target_wcs(input_models: ModelLibrary) -> ModelLibrary:
    """Shift the coordinates of each science exposure, so that the target is at its mean position in all of them.

    Parameters
    ----------
    input_models : ModelLibrary
        Its science members are changed: ``meta.wcs``, ``meta.wcsinfo.mt_avra`` and ``.mt_avdec`` (deg), and, of images,
        ``meta.wcsinfo.s_region``; of a model of several slits those of each slit.

    Returns
    -------
    ModelLibrary
        The same; unchanged, with a warning, where an exposure does not say where its target was.

    Raises
    ------
    TypeError
        This is no ModelLibrary, or coordinates are of a kind that cannot be shifted.
    InputError
        An exposure has no world coordinates.
    """
    if not isinstance(input_models, ModelLibrary):
        raise TypeError(f"A ModelLibrary is needed, and not a {type(input_models).__name__}")
    science = input_models.indices_for_exptype("science")
    found = [_position(input_models.read_metadata(index, flatten=False)) for index in science]
    positions = [position for position in found if position is not None]
    if not positions or len(positions) < len(found):
        log.warning("%d of %d exposures do not say where the target was (MT_RA, MT_DEC)", *_counts(found))
        log.warning("The world coordinates do not follow the moving target")
        return input_models
    mean = _mean(positions)
    with input_models:
        for index, position in zip(science, positions):
            model = input_models.borrow(index)
            _shift_model(model, mean, position)
            input_models.shelve(model, index)
            del model
    return input_models


def add_mt_frame(wcs: Any, ra_average: float, dec_average: float, mt_ra: float, mt_dec: float) -> Any:
    """Make coordinates in which a moving target is at its mean position.

    Parameters
    ----------
    wcs : gwcs.WCS
        From pixels to the sky (deg), or to the sky and wavelengths. It is not changed.
    ra_average, dec_average : float, deg
        Mean position of the target.
    mt_ra, mt_dec : float, deg
        Its position in this exposure.

    Returns
    -------
    gwcs.WCS
        With a last frame ``moving_target``, and the bounding box of ``wcs``. One that it had before is replaced. Right
        ascension is not wrapped.

    Raises
    ------
    TypeError
        The output is neither the sky nor the sky with wavelengths.
    """
    from gwcs import WCS

    steps = [(step.frame, step.transform) for step in wcs.pipeline]
    if wcs.output_frame.name == MOVING_TARGET:
        steps = [*steps[:-2], (steps[-2][0], None)]
    frame = steps[-1][0]
    target = copy.deepcopy(frame)
    target.name = MOVING_TARGET
    shift = _shift(frame, ra_average - mt_ra, dec_average - mt_dec)
    return WCS([*steps[:-1], (frame, shift), (target, None)])


def _shift(frame: Any, ra: float, dec: float) -> Any:
    """Shift in the coordinates of a frame."""
    from astropy.modeling.models import Identity, Shift
    from gwcs.coordinate_frames import CelestialFrame, CompositeFrame

    shift = Shift(ra) & Shift(dec)
    if isinstance(frame, CelestialFrame):
        return shift
    if isinstance(frame, CompositeFrame) and frame.naxes == 3:
        return shift & Identity(1)
    raise TypeError(f"Coordinates in a {type(frame).__name__} cannot follow a moving target")


def _position(metadata: Mapping[str, Any]) -> Position | None:
    """Where the target was in an exposure: of several slits all have to say it, and the first one is taken."""
    slits = metadata.get("slits") or [metadata]
    found = [_of_info(slit.get("meta", {}).get("wcsinfo", {})) for slit in slits]
    return found[0] if all(found) else None


def _of_info(info: Mapping[str, Any]) -> Position | None:
    ra, dec = info.get("mt_ra"), info.get("mt_dec")
    return None if ra is None or dec is None else (ra, dec)


def _counts(found: Sequence[Position | None]) -> tuple[int, int]:
    return found.count(None), len(found)


def _mean(positions: Sequence[Position]) -> Position:
    """Mean position. Where the target crosses right ascension 0, values are counted from the other side."""
    first = positions[0][0]
    turns = [round((first - ra) / 360.0) for ra, _ in positions]
    ra = math.fsum(ra + 360.0 * turn for (ra, _), turn in zip(positions, turns)) / len(positions)
    return ra, math.fsum(dec for _, dec in positions) / len(positions)


def _shift_model(model: Any, mean: Position, position: Position) -> None:
    """Shift the coordinates of an exposure, or of each of its slits, in place."""
    from jwst.assign_wcs.assign_wcs import IMAGE_TYPES
    from jwst.assign_wcs.sip import update_s_region_imaging

    slits = getattr(model, "slits", None)
    for part in slits if slits is not None and len(slits) else [model]:
        if getattr(part.meta, "wcs", None) is None:
            raise InputError(f"{model.meta.filename} has no world coordinates; run assign_wcs first")
        start = (position[0] + 360.0 * round((mean[0] - position[0]) / 360.0), position[1])
        part.meta.wcs = add_mt_frame(part.meta.wcs, *mean, *start)
        part.meta.wcsinfo.mt_avra, part.meta.wcsinfo.mt_avdec = mean
    if model.meta.exposure.type in IMAGE_TYPES:
        update_s_region_imaging(model)
