"""The ipc step. Source: spec ipc.md."""

from __future__ import annotations

from typing import Any

import numpy as np

from jwst.ipc.ipc_corr import correct_ipc, correct_irs2_ipc, reference_border
from jwst.lib.irs2 import is_irs2, normal_rows
from jwst.lib.orientation import FULL_SIZE
from jwst.lib.stripes import is_striped
from jwst.lib.subarray import Subarray, science_subarray
from jwst.stpipe import Step
from stpipe.exceptions import InputError

__all__ = ["IPCStep"]

_MIRI_SHAPE = (1024, 1032)


class IPCStep(Step):
    """Correct inter-pixel capacitance by deconvolution with a small kernel."""

    class_alias = "ipc"
    reference_file_types = ["ipc"]

    def process(self, input_model: Any) -> Any:
        """Convolve every group with the kernel of the reference.

        Parameters
        ----------
        input_model : data model or str
            A ramp.

        Returns
        -------
        RampModel
        """
        with self.ramp(input_model) as ramp, self.reference(ramp, "ipc") as reference:
            miri = ramp.meta.instrument.name == "MIRI"
            subarray = science_subarray(ramp)
            kernel = _kernel(reference, subarray, full=_MIRI_SHAPE if miri else (FULL_SIZE, FULL_SIZE))
            border = reference_border(
                _corner(subarray) if is_striped(ramp) else (subarray.xstart, subarray.ystart),
                (subarray.xsize, subarray.ysize),
                miri=miri,
            )
            if is_irs2(ramp.data.shape):
                correct_irs2_ipc(ramp.data, kernel, border, rows=normal_rows(ramp))
            else:
                correct_ipc(ramp.data, kernel, border)
        return self.complete(ramp)


def _corner(subarray: Subarray) -> tuple[int, int]:
    """Corner of an exposure in stripes as if its lines were next to each other.

    A detector that is read backwards starts at its last line; the subarray keywords, which give that line, would place
    the others off the detector.
    """
    return min(subarray.xstart, FULL_SIZE + 1 - subarray.xsize), min(subarray.ystart, FULL_SIZE + 1 - subarray.ysize)


def _kernel(reference: Any, subarray: Subarray, *, full: tuple[int, int]) -> np.ndarray:
    """Read the kernel; a kernel per pixel covers the full frame and is cut to the subarray."""
    shape = reference.shape()
    if shape is None or len(shape) not in (2, 4):
        raise InputError(f"The ipc reference {reference.name} must hold a kernel of 2 or 4 dimensions, not {shape}")
    if len(shape) == 2:
        return reference.array("data", cut=False)
    if shape[-2:] == full:
        return reference.array("data")
    y0, x0 = subarray.ystart - 1, subarray.xstart - 1
    return reference.array("data", cut=False)[:, :, y0 : y0 + subarray.ysize, x0 : x0 + subarray.xsize]
