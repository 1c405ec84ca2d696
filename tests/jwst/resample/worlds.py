"""World coordinates of images for tests of output grids and pixel maps."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from astropy.modeling.models import Identity, Mapping, Polynomial2D, Shift
from gwcs import wcs

from jwst.assign_wcs.imaging import imaging_frames
from jwst.assign_wcs.pointing import dva_corr_model, v23tosky

__all__ = ["SHAPE", "image_wcs", "info_of", "positions_by_gwcs", "sky_box", "tangent_footprint", "with_frame"]

SHAPE = (150, 160)
PLACE = (120.0, -527.0)


def _distortion(shape, scale, bend):
    """Polynomials of degree 5 about the middle, from pixels to V2 and V3."""
    ny, nx = shape
    unit = 1000.0
    shifts = Shift((1 - nx) / 2) & Shift((1 - ny) / 2)
    terms = {"c2_0": 3.0, "c1_1": -2.0, "c0_2": 1.0, "c3_0": 0.5, "c1_2": -0.7, "c5_0": 0.02, "c2_3": 0.03}
    bent = {name: bend * scale * value * unit ** (1 - int(name[1]) - int(name[3])) for name, value in terms.items()}
    v2 = Polynomial2D(5, c0_0=PLACE[0], c1_0=-scale, **bent)
    v3 = Polynomial2D(5, c0_0=PLACE[1], c0_1=scale, c1_0=1e-3 * scale, **bent)
    there = shifts | Mapping((0, 1, 0, 1)) | v2 & v3
    back = Shift(-PLACE[0]) & Shift(-PLACE[1]) | Mapping((0, 1, 0, 1))
    back = back | Polynomial2D(1, c1_0=-1 / scale) & Polynomial2D(1, c0_1=1 / scale) | shifts.inverse
    there.inverse = back  # only near the middle
    return there


def info_of(ra, dec, roll=30.0):
    """Pointing, as in ``meta.wcsinfo``."""
    names = ("v2_ref", "v3_ref", "ra_ref", "dec_ref", "roll_ref", "v3yangle", "vparity")
    return dict(zip(names, (*PLACE, ra, dec, roll, -0.5, -1), strict=True))


def image_wcs(ra, dec, roll=30.0, *, shape=SHAPE, scale=0.031, bend=1.0, box=True):
    """Coordinates of an image as assign_wcs makes them."""
    model = SimpleNamespace(meta=SimpleNamespace(wcsinfo=SimpleNamespace(**info_of(ra, dec, roll))))
    steps = [_distortion(shape, scale, bend), dva_corr_model(1.00001, *PLACE), v23tosky(model), None]
    found = wcs.WCS(list(zip(imaging_frames().values(), steps, strict=True)))
    if box:
        found.bounding_box = ((-0.5, shape[1] - 0.5), (-0.5, shape[0] - 0.5))
    return found


def tangent_footprint(found, shape=SHAPE):
    """S_REGION of an image: its corners."""
    ny, nx = shape
    x, y = np.array([-0.5, -0.5, nx - 0.5, nx - 0.5]), np.array([-0.5, ny - 0.5, ny - 0.5, -0.5])
    ra, dec = found(x, y, with_bounding_box=False)
    return "POLYGON ICRS  " + " ".join(f"{value:.9f}" for value in np.stack([ra, dec], axis=1).ravel())


def sky_box(ra, dec, size):
    """S_REGION of a square on the equator, deg."""
    return f"POLYGON ICRS  {ra} {dec} {ra + size} {dec} {ra + size} {dec + size} {ra} {dec + size}"


def with_frame(found, name, transform=None):
    """The same coordinates with one more step at the end, as assign_mtwcs does it."""
    from copy import deepcopy

    pipeline = deepcopy(found.pipeline)
    last = deepcopy(pipeline[-1].frame)
    last.name = name
    steps = [(step.frame, step.transform) for step in pipeline[:-1]]
    return wcs.WCS([*steps, (pipeline[-1].frame, transform or Identity(2)), (last, None)])


def positions_by_gwcs(found, output, x, y):
    """Output x and y, (2, n)."""
    return np.array(output.invert(*found(x, y), with_bounding_box=False))
