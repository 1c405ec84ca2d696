"""The dq_init step. Source: spec dq_init.md."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from jwst.dq_init.dq_initialization import add_user_dq, flag_bad_pixels
from jwst.lib.stripes import integrations, plane_of, superstripes
from jwst.stpipe import Step
from jwst.stpipe.inputs import GUIDE_TYPES
from stpipe import Param
from stpipe.exceptions import InputError

__all__ = ["DQInitStep"]

log = logging.getLogger(__name__)


class DQInitStep(Step):
    """Initialise the data quality of an exposure from the bad-pixel mask."""

    class_alias = "dq_init"
    reference_file_types = ["mask"]

    user_supplied_dq = Param(None, "FITS file whose first image is merged into the mask", type=str)

    def process(self, input_model: Any) -> Any:
        """Merge the mask into the data quality.

        Parameters
        ----------
        input_model : data model or str
            A ramp or a guide-star exposure.

        Returns
        -------
        data model
            Of the class of the input.
        """
        with self.ramp(input_model) as ramp, self.reference(ramp, "mask") as reference:
            mask = _mask(reference, self.user_supplied_dq)
            shape = ramp.data.shape
            if ramp.meta.exposure.type in GUIDE_TYPES:
                _ensure(ramp, "dq", shape[-2:], np.uint32)
                ramp.dq |= mask
            else:
                _ensure(ramp, "pixeldq", mask.shape if superstripes(ramp) else shape[-2:], np.uint32)
                _ensure(ramp, "groupdq", shape, np.uint8)
                pixeldq, groupdq = ramp.pixeldq, ramp.groupdq
                for some, plane in integrations(ramp):
                    flag_bad_pixels(plane_of(pixeldq, plane), groupdq[some], plane_of(mask, plane))
        return self.complete(ramp)


def _mask(reference: Any, user_path: str | None) -> np.ndarray:
    """Flags of the mask, with those of a user."""
    mask = reference.dq()
    if user_path:
        add_user_dq(mask, _read_image(user_path))
    return mask


def _ensure(model: Any, name: str, shape: tuple[int, ...], dtype: type) -> None:
    """Replace a data-quality array that is missing or of a wrong shape by zeros."""
    array = getattr(model, name)
    if array is None or array.shape != shape:
        log.warning("%s is missing or of a wrong shape and starts as zeros", name.upper())
        setattr(model, name, np.zeros(shape, dtype))


def _read_image(path: str) -> np.ndarray:
    """The first image of a FITS file."""
    from astropy.io import fits

    try:
        image = fits.getdata(path)
    except (OSError, IndexError) as error:
        raise InputError(f"user_supplied_dq: cannot read an image from {path!r} ({error})") from error
    return np.asarray(image)
