"""World coordinates of the integral field unit of NIRSpec. Source: spec assign_wcs_ifu.md §3.

The directions of the pixels of each slice are found once: they narrow the bounding box and make the map of the slices.
Its outline gives the footprint.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.modeling.models import Const1D, Identity, Mapping
from gwcs import selector, wcs
from stdatamodels.jwst.transforms.models import Gwa2Slit, Slit2Msa

from jwst.assign_wcs.nirspec_boxes import Box, box_of, box_pixels, refined, trace_extremes
from jwst.assign_wcs.nirspec_frames import frames
from jwst.assign_wcs.nirspec_optics import Optics, places_of, read_optics
from jwst.assign_wcs.nirspec_selection import without_name
from jwst.assign_wcs.nirspec_slit_models import Aperture, SlitMaker, SlitModels, aperture_model, lit_pixels
from jwst.assign_wcs.nirspec_transforms import carrying_wavelength, dms_to_sca, named_step, sky_steps
from jwst.assign_wcs.nirspec_wcs import bind_boxes, detector_steps
from jwst.assign_wcs.reference_trees import entry_of, is_absent, read_tree
from jwst.assign_wcs.util import NoDataOnDetectorError

__all__ = ["IfuCoordinates", "ifu_coordinates"]

log = logging.getLogger(__name__)

SLICES = 30
_SIZE = 2048
_TILE = 16384
_METRE = 1e6
_SPARSE = 8
_DECIMALS, _TOLERANCE = 5, 1e-4
_TYPES = ("ifufore", "ifuslicer", "ifupost")


@dataclass(frozen=True)
class Footprint:
    """What an exposure covers.

    Attributes
    ----------
    ra, dec : (n,) ndarray of float, deg, or None
        None for lamps. Of the pixels at the edges of all slices, and of every eighth column inside.
    wavelengths : tuple of float, um
        Shortest and longest.
    """

    ra: np.ndarray | None
    dec: np.ndarray | None
    wavelengths: tuple[float, float]


@dataclass(frozen=True)
class IfuCoordinates:
    """World coordinates of an IFU exposure.

    Attributes
    ----------
    wcs : gwcs.wcs.WCS
    regions : (2048, 2048) ndarray of int32, or None
        Number of the slice from 1, and 0 between slices.
    footprint : Footprint
    """

    wcs: Any
    regions: np.ndarray | None
    footprint: Footprint


@dataclass(frozen=True)
class _Slice:
    """Pixels of a slice that have a wavelength.

    Attributes
    ----------
    rows, columns : (n,) ndarray of int
        All of them.
    outline_y, outline_x : (m,) ndarray of float
        Those at the edge of the slice, and every eighth column.
    """

    rows: np.ndarray
    columns: np.ndarray
    outline_y: np.ndarray
    outline_x: np.ndarray


def ifu_coordinates(
    input_model: Any,
    reference_files: MappingOf[str, Any],
    *,
    slit_y_range: tuple[float, float] = (-0.55, 0.55),
    by_slice: bool = False,
) -> IfuCoordinates:
    """Make the world coordinates of an IFU exposure.

    Parameters
    ----------
    input_model : data model
        NIRSpec IFU exposure. Its ``meta.wcsinfo`` gets the wavelength range and the order.
    reference_files : mapping of str to (str, Path or data model)
        References by type.
    slit_y_range : (float, float)
        Ends of a slice in units of its height.
    by_slice : bool
        Coordinates that are called with the number of the slice as a third argument.

    Returns
    -------
    IfuCoordinates

    Raises
    ------
    NoDataOnDetectorError
        This disperser sends no light to NRS2.
    RuntimeError
        None of the references of the IFU is there.
    InputError
        A reference is absent or cannot be used.
    """
    check_detector(input_model)
    if all(is_absent(reference_files.get(kind)) for kind in _TYPES):
        raise RuntimeError(
            f"None of the references of the IFU is there ({', '.join(_TYPES)}). Give them with override_ifufore and "
            "so on, or use a CRDS context that has them"
        )
    optics = read_optics(input_model, reference_files)
    apertures = _apertures(reference_files, slit_y_range)
    maker = SlitMaker(optics)
    models = [maker.models(aperture) for aperture in apertures]
    whole = wcs.WCS(_pipeline(input_model, reference_files, models, optics))
    to_gwa = dms_to_sca(input_model) | optics.to_gwa
    boxes, slices = _find_slices(models, [aperture.limits for aperture in apertures], optics, to_gwa)
    footprint = _footprint(whole, models, slices, to_gwa, lamp=optics.lamp)
    if by_slice:
        bind_boxes(whole, boxes)
        return IfuCoordinates(whole, None, footprint)
    regions = _regions(slices)
    to_slicer = _to_slicer(whole, models, slices, regions)
    return IfuCoordinates(_image_wcs(whole, to_slicer), regions, footprint)


def check_detector(model: Any) -> None:
    """Find out whether the light of an IFU exposure reaches its detector.

    Raises
    ------
    NoDataOnDetectorError
        It does not.
    """
    instrument = model.meta.instrument
    grating = str(instrument.grating).upper()
    short = grating == "G140H" and str(instrument.filter).upper() == "F070LP"
    if str(instrument.detector).upper() == "NRS2" and (grating.endswith("M") and grating != "PRISM" or short):
        raise NoDataOnDetectorError(
            f"No IFU slices fall on detector {instrument.detector} (grating {instrument.grating}, filter "
            f"{instrument.filter}). Process the exposure of NRS1 only"
        )


def _apertures(reference_files: MappingOf[str, Any], limits: tuple[float, float]) -> list[Aperture]:
    """The slices."""
    slicer = read_tree(reference_files.get("ifuslicer"), "ifuslicer")
    post = read_tree(reference_files.get("ifupost"), "ifupost")
    places = places_of(entry_of(slicer, "data", "ifuslicer"))
    frame = entry_of(slicer, "model", "ifuslicer")
    posts = [_post(entry_of(post, f"slice_{number}", "ifupost")) for number in range(SLICES)]
    ends = (float(limits[0]), float(limits[1]))
    return [Aperture(aperture_model(places[number], frame), posts[number], ends) for number in range(SLICES)]


def _post(entry: MappingOf[str, Any]) -> Any:
    """Slicer to MSA plane of a slice: (x, y, wavelength in m) to (x, y), m."""
    plane = Mapping((0, 1), n_inputs=3)
    colour = Mapping((2,), n_inputs=3)

    def axis(name: str) -> Any:
        return (plane | entry[f"{name}poly"]) + (plane | entry[f"{name}poly_distortion"]) * colour

    return entry["linear"] & Identity(1) | Mapping((0, 1, 2, 0, 1, 2)) | axis("x") & axis("y")


def _pipeline(
    model: Any, reference_files: MappingOf[str, Any], models: list[SlitModels], optics: Optics
) -> list[tuple[Any, Any]]:
    """Frames and transforms that are called with the number of the slice."""
    numbers = list(range(len(models)))
    to_slit = Gwa2Slit(numbers, [one.from_gwa for one in models])
    to_slit.name = "gwa2slit"
    to_slicer = named_step(
        Slit2Msa(numbers, [one.location for one in models]) & Identity(1) | Mapping((0, 1, 3, 2)),
        "slit2slicer",
        "name x_slit y_slit lam",
        "x_slice y_slice lam name",
    )
    fore = entry_of(read_tree(reference_files.get("ifufore"), "ifufore"), "model", "ifufore")
    to_msa = named_step(
        carrying_wavelength(fore) & Identity(1), "slicer2msa", "x_slice y_slice lam name", "x_msa y_msa lam name"
    )
    steps = [*detector_steps(model, optics), ("gwa", to_slit), ("slit_frame", to_slicer), ("slicer", to_msa)]
    if not optics.lamp:
        steps += sky_steps(model, reference_files, chromatic=True).items()
    found = frames()
    last = "msa_frame" if optics.lamp else "world"
    return [*((found[name], step) for name, step in steps), (found[last], None)]


def _find_slices(
    models: list[SlitModels], limits: list[tuple[float, float]], optics: Optics, to_gwa: Any
) -> tuple[dict[int, Box], list[_Slice]]:
    """Bounding box of each slice, and its pixels that have a wavelength."""
    extremes = trace_extremes([one.to_gwa for one in models], limits, optics.wavelengths, to_gwa.inverse)
    boxes, slices = {}, []
    for number, (one, trace) in enumerate(zip(models, extremes, strict=True)):
        box = box_of(trace)
        x, y = box_pixels(box)
        lit = lit_pixels(one.from_gwa, to_gwa, x, y)
        boxes[number] = refined(box, lit, y)
        lit &= (x >= box[0][0]) & (x <= box[0][1])
        outline = lit & (_outline(lit) | (x % _SPARSE == 0))
        slices.append(_Slice(y[lit].astype(int), x[lit].astype(int), y[outline], x[outline]))
    if not any(one.rows.size for one in slices):
        raise NoDataOnDetectorError("No IFU slices fall on the pixels of this exposure")
    return boxes, slices


def _outline(lit: np.ndarray) -> np.ndarray:
    """Pixels with a neighbour that is not lit."""
    outside = np.ones(lit.shape, bool)
    inner = lit[:-2, 1:-1] & lit[2:, 1:-1] & lit[1:-1, :-2] & lit[1:-1, 2:]
    outside[1:-1, 1:-1] = ~inner
    return outside


def _footprint(whole: wcs.WCS, models: list[SlitModels], slices: list[_Slice], to_gwa: Any, *, lamp: bool) -> Footprint:
    """Sky and wavelengths of the outlines of all slices, where their extremes are."""
    places = []
    for one, lit in zip(models, slices, strict=True):
        if lit.rows.size:
            x, y, wavelengths = one.from_gwa(*to_gwa(lit.outline_x, lit.outline_y))
            places.append((*one.location(x, y), wavelengths))
    slicer = np.concatenate(places, axis=1)
    metre = 1.0 if lamp else _METRE
    bounds = (float(np.nanmin(slicer[2])) * metre, float(np.nanmax(slicer[2])) * metre)
    if lamp:
        return Footprint(None, None, bounds)
    to_sky = [without_name(step.transform, 0) for step in whole.pipeline[4:-1]]
    sky = np.empty((2, slicer.shape[1]))
    for start in range(0, slicer.shape[1], _TILE):
        tile = slice(start, start + _TILE)
        values = slicer[:, tile]
        for step in to_sky:
            values = step(*values)
        sky[:, tile] = values[:2]
    return Footprint(sky[0], sky[1], bounds)


def _regions(slices: list[_Slice]) -> np.ndarray:
    """Number of the slice of each pixel, from 1."""
    regions = np.zeros((_SIZE, _SIZE), np.int32)
    for number, one in enumerate(slices):
        inside = (one.rows < _SIZE) & (one.columns < _SIZE)
        regions[one.rows[inside], one.columns[inside]] = number + 1
    return regions


def _to_slicer(whole: wcs.WCS, models: list[SlitModels], slices: list[_Slice], regions: np.ndarray) -> Any:
    """Pixels to the slicer, by the map of the slices."""
    steps = [whole.get_transform("detector", "sca"), whole.get_transform("sca", "gwa")]
    to_gwa = without_name(steps[0], 0) | without_name(steps[1], 0)
    to_pixels = to_gwa.inverse
    transforms, labels = {}, {}
    for number, (one, lit) in enumerate(zip(models, slices, strict=True)):
        if not lit.rows.size:
            continue
        transform = to_gwa | (one.from_gwa | one.location & Identity(1))
        transform.inputs, transform.outputs = ("x", "y"), ("x_slice", "y_slice", "lam")
        transform.inverse = (one.location & Identity(1)).inverse | (one.to_gwa | to_pixels)
        transform.bounding_box = tuple((float(a.min()) - 0.5, float(a.max()) + 0.5) for a in (lit.rows, lit.columns))
        transforms[number + 1] = transform
        place = round(float(one.location(0.0, 0.0)[0]), _DECIMALS)
        labels[place] = Mapping((0,), n_inputs=3) | Const1D(number + 1.0)
    mapper = selector.LabelMapperArray(regions)
    mapper.inverse = selector.LabelMapperDict(
        ("x_slice", "y_slice", "lam"), labels, inputs_mapping=Mapping((0,), n_inputs=3), atol=_TOLERANCE
    )
    return selector.RegionsSelector(
        inputs=("x", "y"),
        outputs=("x_slice", "y_slice", "lam"),
        selector=transforms,
        label_mapper=mapper,
        name="det2slicer",
    )


def _image_wcs(whole: wcs.WCS, to_slicer: Any) -> wcs.WCS:
    """World coordinates that are called with pixels only."""
    found = frames()
    first = named_step(Identity(2), "coord2det", "x y", "x y")
    later = whole.available_frames[whole.available_frames.index("slicer") :]
    pairs = zip(later, later[1:], strict=False)
    named = [(getattr(whole, name), without_name(whole.get_transform(name, after), 0)) for name, after in pairs]
    return wcs.WCS(
        [(found["coordinates"], first), (found["detector"], to_slicer), *named, (getattr(whole, later[-1]), None)]
    )
