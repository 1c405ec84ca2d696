"""World coordinates of NIRSpec exposures through slits. Source: spec assign_wcs_spectroscopy.md, NIRSpec slit chain."""

from __future__ import annotations

import logging
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.modeling.bounding_box import CompoundBoundingBox
from astropy.modeling.models import Identity, Mapping
from gwcs import wcs
from stdatamodels.jwst.transforms.models import Gwa2Slit, Slit, Slit2Msa

from jwst.assign_wcs.nirspec_boxes import Box, box_of, box_pixels, on_detector, quiet_boxes, refined, trace_extremes
from jwst.assign_wcs.nirspec_frames import frames
from jwst.assign_wcs.nirspec_optics import Optics, read_optics, read_quadrant
from jwst.assign_wcs.nirspec_selection import without_name
from jwst.assign_wcs.nirspec_slit_models import Aperture, SlitMaker, aperture_model, edges_of, lit_pixels
from jwst.assign_wcs.nirspec_transforms import dms_to_sca, named_step, sky_steps
from jwst.assign_wcs.reference_trees import read_tree
from stpipe.exceptions import InputError

__all__ = [
    "bind_boxes",
    "detector_steps",
    "generate_compound_bbox",
    "slit_boxes",
    "slitlets_wcs",
    "slits_on_detector",
    "wcs_of_slits",
]

log = logging.getLogger(__name__)


def slitlets_wcs(
    input_model: Any, reference_files: MappingOf[str, Any], open_slits_id: Sequence[Slit]
) -> list[tuple[Any, Any]]:
    """Make the transforms of an exposure through slits.

    Parameters
    ----------
    input_model : data model
        NIRSpec exposure. Its ``meta.wcsinfo`` gets the wavelength range and the order.
    reference_files : mapping of str to (str, Path or data model)
        References by type: camera, collimator, disperser, fore, fpa, msa, ote and wavelengthrange.
    open_slits_id : sequence of Slit
        The slits; they need not be on the detector.

    Returns
    -------
    list of (frame, transform)
        For `gwcs.wcs.WCS`; every transform has the number of the slit as a further input and output.

    Raises
    ------
    InputError
        No slits, a reference that is absent or cannot be used, or a slit that the MSA reference does not have.
    """
    return _pipeline(input_model, reference_files, _ordered(open_slits_id), read_optics(input_model, reference_files))


def wcs_of_slits(
    input_model: Any, reference_files: MappingOf[str, Any], slits: Sequence[Slit], *, refine: bool = True
) -> wcs.WCS:
    """Make the world coordinates of given slits, with their bounding boxes.

    Parameters
    ----------
    input_model, reference_files, slits
        As for `slitlets_wcs`.
    refine : bool
        Narrow the boxes to the rows that have a wavelength.

    Returns
    -------
    gwcs.wcs.WCS
        Called as ``wcs(x, y, slit_id)``; `jwst.assign_wcs.nirspec.nrs_wcs_set_input` gives that of one slit.
    """
    result = wcs.WCS(slitlets_wcs(input_model, reference_files, slits))
    bind_boxes(result, slit_boxes(result, refine=refine, wavelengths=_range(input_model)))
    return result


def slits_on_detector(input_model: Any, reference_files: MappingOf[str, Any], slits: Sequence[Slit]) -> list[Slit]:
    """Leave out slits whose light does not fall on the detector.

    Parameters
    ----------
    input_model, reference_files, slits
        As for `slitlets_wcs`.

    Returns
    -------
    list of Slit
        In the order of the input.
    """
    optics = read_optics(input_model, reference_files)
    apertures = list(_apertures(reference_files, slits).values())
    to_pixels = (dms_to_sca(input_model) | optics.to_gwa).inverse
    maker = SlitMaker(optics)
    backward = [maker.to_gwa(aperture) for aperture in apertures]
    extremes = trace_extremes(backward, [aperture.limits for aperture in apertures], optics.wavelengths, to_pixels)
    kept = [slit for slit, trace in zip(slits, extremes, strict=True) if on_detector(box_of(trace))]
    for slit in slits:
        if slit not in kept:
            log.info("Slit %s is left out: its light falls beside the detector", slit.name)
    log.info("Slits on detector %s: %s", input_model.meta.instrument.detector, [slit.name for slit in kept])
    return kept


def _range(model: Any) -> tuple[float, float]:
    return model.meta.wcsinfo.waverange_start, model.meta.wcsinfo.waverange_end


def _ordered(slits: Sequence[Slit]) -> list[Slit]:
    """Slits by quadrant, and in the order of the input within it."""
    return sorted(slits, key=lambda slit: slit.quadrant)


def _apertures(reference_files: MappingOf[str, Any], slits: Sequence[Slit]) -> dict[int, Aperture]:
    """Apertures by number of the slit."""
    if not slits:
        raise InputError("There are no open slits to make world coordinates for")
    tree = read_tree(reference_files.get("msa"), "msa")
    quadrants = {number: read_quadrant(tree, number) for number in {slit.quadrant for slit in slits}}
    apertures = {}
    for slit in slits:
        quadrant = quadrants[slit.quadrant]
        row = int(slit.shutter_id) - (0 if slit.quadrant == 5 else 1)
        if not 0 <= row < len(quadrant.places):
            raise InputError(
                f"Slit {slit.name} has the shutter {slit.shutter_id} of quadrant {slit.quadrant}, and the MSA "
                f"reference has {len(quadrant.places)} there. The MSA file and the reference do not belong together"
            )
        limits = (float(slit.ymin), float(slit.ymax))
        apertures[slit.slit_id] = Aperture(aperture_model(quadrant.places[row], quadrant.model), None, limits)
    return apertures


def detector_steps(input_model: Any, optics: Optics) -> list[tuple[str, Any]]:
    """The first two transforms, up to the grating wheel.

    Parameters
    ----------
    input_model : data model
    optics : Optics

    Returns
    -------
    list of (str, astropy.modeling.Model)
        By name of the frame that each starts from.
    """
    pixels = named_step(dms_to_sca(input_model) & Identity(1), "dms2sca", "x y name", "x y name")
    to_gwa = named_step(
        optics.to_gwa & Identity(1) | Mapping((3, 0, 1, 2)), "det2gwa", "x y name", "name angle1 angle2 angle3"
    )
    return [("detector", pixels), ("sca", to_gwa)]


def _pipeline(
    input_model: Any, reference_files: MappingOf[str, Any], slits: Sequence[Slit], optics: Optics
) -> list[tuple[Any, Any]]:
    """Frames and transforms of slits."""
    apertures = _apertures(reference_files, slits)
    maker = SlitMaker(optics)
    models = {number: maker.models(aperture) for number, aperture in apertures.items()}
    to_slit = Gwa2Slit(slits, [models[slit.slit_id].from_gwa for slit in slits])
    to_slit.name = "gwa2slit"
    to_msa = named_step(
        Slit2Msa(slits, [models[slit.slit_id].location for slit in slits]) & Identity(1) | Mapping((0, 1, 3, 2)),
        "slit2msa",
        "name x_slit y_slit lam",
        "x_msa y_msa lam name",
    )
    steps = [*detector_steps(input_model, optics), ("gwa", to_slit), ("slit_frame", to_msa)]
    if not optics.lamp:
        steps += sky_steps(input_model, reference_files).items()
    found = frames()
    last = "msa_frame" if optics.lamp else "world"
    return [*((found[name], step) for name, step in steps), (found[last], None)]


def slit_boxes(
    whole: wcs.WCS, *, wavelengths: tuple[float, float], refine: bool = True, slits: Sequence[int] | None = None
) -> dict[int, Box]:
    """Bounding boxes of the slits of an exposure.

    Parameters
    ----------
    whole : gwcs.wcs.WCS
        With the frames detector, gwa and slit_frame.
    wavelengths : tuple of float, m
        Range.
    refine : bool
        Narrow the boxes to the rows that have a wavelength.
    slits : sequence of int, optional
        Numbers of the slits; all without it.

    Returns
    -------
    dict of int to Box
    """
    to_slit = whole.get_transform("gwa", "slit_frame")
    numbers = list(to_slit.slit_ids) if slits is None else list(slits)
    models = [to_slit.get_model(number) for number in numbers]
    limits = [limits_of(model) for model in models]
    to_gwa = without_name(whole.get_transform("detector", "sca"), numbers[0]) | without_name(
        whole.get_transform("sca", "gwa"), numbers[0]
    )
    extremes = trace_extremes([model.inverse for model in models], limits, wavelengths, to_gwa.inverse)
    boxes = {number: box_of(trace) for number, trace in zip(numbers, extremes, strict=True)}
    if not refine:
        return boxes
    for number, model in zip(numbers, models, strict=True):
        x, y = box_pixels(boxes[number])
        boxes[number] = refined(boxes[number], lit_pixels(model, to_gwa, x, y), y)
    return boxes


def limits_of(model: Any) -> tuple[float, float]:
    """Ends of a slit that its transform from the grating wheel has, in units of its height."""
    along = edges_of(model).lookup_table
    return float(np.min(along)), float(np.max(along))


def generate_compound_bbox(
    input_model: Any,
    slits: Sequence[Slit] | None = None,
    wavelength_range: tuple[float, float] | None = None,
    refine: bool = True,
) -> CompoundBoundingBox:
    """Bounding boxes of the slits, or slices, of an exposure.

    Parameters
    ----------
    input_model : data model
        With ``meta.wcs`` whose transforms are called with the number of the slit.
    slits : sequence of Slit or int, optional
        Some slits only.
    wavelength_range : (float, float), optional, m
        In place of that of the exposure.
    refine : bool
        Narrow the boxes to the rows that have a wavelength.

    Returns
    -------
    astropy.modeling.bounding_box.CompoundBoundingBox
        By number of the slit, in the order (x, y).

    Raises
    ------
    InputError
        The coordinates of the exposure have no slits.
    """
    whole = input_model.meta.wcs
    if whole is None or "slit_frame" not in whole.available_frames:
        raise InputError(
            "The world coordinates of the exposure have no slits that bounding boxes could be made for. Run assign_wcs "
            "on it; for an IFU exposure with nrs_ifu_slice_wcs=True"
        )
    numbers = None if slits is None else [getattr(slit, "slit_id", slit) for slit in slits]
    found = wavelength_range if wavelength_range is not None else _range(input_model)
    boxes = slit_boxes(whole, wavelengths=found, refine=refine, slits=numbers)
    return _compound(whole.pipeline[0].transform, boxes)


def bind_boxes(whole: wcs.WCS, boxes: MappingOf[int, Box]) -> None:
    """Set the bounding boxes of slits in the world coordinates of an exposure."""
    transform = whole.pipeline[0].transform
    with quiet_boxes():
        transform.bounding_box = _compound(transform, boxes)


def _compound(transform: Any, boxes: MappingOf[int, Box]) -> CompoundBoundingBox:
    with quiet_boxes():
        return CompoundBoundingBox.validate(
            transform,
            {(number,): box for number, box in boxes.items()},
            selector_args=[("name", True)],
            order="F",
        )
