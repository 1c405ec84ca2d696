"""World coordinates of one slit out of those of an exposure.

Source: spec assign_wcs_spectroscopy.md, nrs_wcs_set_input. It works on files of the released pipeline too.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from astropy.modeling import fix_inputs
from astropy.modeling.core import CompoundModel
from astropy.modeling.models import Identity, Mapping
from gwcs import wcs
from stdatamodels.jwst.transforms.models import Gwa2Slit, Slit2Msa

from jwst.assign_wcs.nirspec_boxes import quiet_boxes

__all__ = ["nrs_ifu_wcs", "nrs_wcs_set_input", "without_name"]

_NAME = "name"
_SLICES = 30


def nrs_wcs_set_input(input_model: Any, slit_name: str | int) -> wcs.WCS:
    """World coordinates of one slit, or one slice.

    Parameters
    ----------
    input_model : data model or gwcs.wcs.WCS
        Exposure with ``meta.wcs``, or its world coordinates.
    slit_name : str or int
        Name of a fixed slit, number of a slit or slitlet, or number of a slice, 0 to 29.

    Returns
    -------
    gwcs.wcs.WCS
        From (x, y) to (RA, Dec, wavelength); with the bounding box of the slit.

    Raises
    ------
    ValueError
        There is no such slit.
    """
    whole = input_model if isinstance(input_model, wcs.WCS) else input_model.meta.wcs
    first = whole.pipeline[0]
    if "coordinates" in whole.available_frames:
        return _slice(whole, slit_name)
    number = _number(whole, slit_name)
    pipeline = [(first.frame, copy(without_name(first.transform, number)))]
    pipeline += [(step.frame, without_name(step.transform, number)) for step in whole.pipeline[1:-1]]
    result = wcs.WCS([*pipeline, (whole.pipeline[-1].frame, None)])
    if first.transform.has_user_bounding_box:
        with quiet_boxes():
            result.bounding_box = _limits(first.transform.bounding_box[(number,)], first.transform)
    return result


def nrs_ifu_wcs(input_model: Any) -> list[wcs.WCS]:
    """World coordinates of all slices of an IFU exposure.

    Parameters
    ----------
    input_model : IFUImageModel
        With ``meta.wcs``.

    Returns
    -------
    list of gwcs.wcs.WCS
        30, in the order of the slices, as of `nrs_wcs_set_input`.
    """
    return [nrs_wcs_set_input(input_model, number) for number in range(_SLICES)]


def _number(whole: wcs.WCS, slit_name: str | int) -> int:
    """Number of a slit of an exposure."""
    from jwst.assign_wcs.nirspec_slits import nrs_fs_slit_id

    to_slit = whole.get_transform("gwa", "slit_frame")
    known = {int(number) for number in to_slit.slit_ids}
    text = str(slit_name)
    number = int(text) if text.lstrip("+-").isdigit() else nrs_fs_slit_id(text)
    if number not in known:
        raise ValueError(
            f"Input slit name {slit_name} is not present in the input model. It has the slits {sorted(known)}"
        )
    return number


def _slice(whole: wcs.WCS, number: str | int) -> wcs.WCS:
    """World coordinates of an IFU exposure, limited to the box of one slice."""
    to_slicer = whole.get_transform("detector", "slicer")
    text = str(number)
    label = int(text) + 1 if text.isdigit() else 0
    if label not in to_slicer.selector:
        known = sorted(key - 1 for key in to_slicer.selector)
        raise ValueError(f"Input slit name {number} is not present in the input model. It has the slices {known}")
    pipeline = [(whole.pipeline[0].frame, copy(whole.pipeline[0].transform))]
    pipeline += [(step.frame, step.transform) for step in whole.pipeline[1:]]
    result = wcs.WCS(pipeline)
    transform = to_slicer.selector[label]
    result.bounding_box = _limits(transform.bounding_box, transform)
    return result


def _limits(box: Any, model: Any) -> tuple[tuple[float, float], ...]:
    """Limits of x and y of a bounding box."""
    return tuple(tuple(box[name]) for name in model.inputs[:2])


def without_name(transform: Any, number: int) -> Any:
    """Take the number of the slit out of a transform.

    Parameters
    ----------
    transform : astropy.modeling.Model
        One of the steps of an exposure.
    number : int
        The slit.

    Returns
    -------
    astropy.modeling.Model
        Without that input and output.
    """
    inputs = [name for name in transform.inputs if name != _NAME]
    outputs = [name for name in transform.outputs if name != _NAME]
    result = _reduced(transform, number)
    if result is None:
        before, after = (_from_end(names) for names in (transform.inputs, transform.outputs))
        result = _fixed(transform, before, after, number)
        result.inverse = _fixed(transform.inverse, after, before, number)
    if not isinstance(transform, Gwa2Slit):
        result.name, result.inputs, result.outputs = transform.name, tuple(inputs), tuple(outputs)
    return result


def _from_end(names: Sequence[str]) -> int:
    """Where the number of the slit is: 0, or a negative index. Inverses may have further inputs in the middle."""
    place = tuple(names).index(_NAME)
    return place - len(names) if place else 0


def _fixed(transform: Any, place: int, place_after: int, number: int) -> Any:
    """A transform with one input fixed, and without one output."""
    left_out = place_after % transform.n_outputs
    kept = tuple(i for i in range(transform.n_outputs) if i != left_out)
    return fix_inputs(transform, {transform.inputs[place]: number}) | Mapping(kept, n_inputs=transform.n_outputs)


def _reduced(transform: Any, number: int) -> Any | None:
    """The part of a transform that one slit needs; None where its structure is not known here."""
    if isinstance(transform, Gwa2Slit):
        return transform.get_model(number)
    if not isinstance(transform, CompoundModel):
        return None
    if transform.op == "&" and isinstance(transform.right, Identity):
        more = transform.right.n_inputs - 1
        return transform.left & Identity(more) if more else copy(transform.left)
    if transform.op == "|" and isinstance(transform.right, Mapping):
        return _reduced_step(transform, number)
    return None


def _reduced_step(transform: Any, number: int) -> Any | None:
    """`_reduced` for a transform that ends with putting the number in its place."""
    left = transform.left
    if not (isinstance(left, CompoundModel) and left.op == "&" and isinstance(left.right, Identity)):
        return None
    if isinstance(left.left, Slit2Msa):
        return left.left.get_model(number) & Identity(1)
    return copy(left.left) if left.right.n_inputs == 1 else None
