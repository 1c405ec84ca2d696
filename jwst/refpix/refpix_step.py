"""The refpix step. Source: spec refpix.md."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from jwst.lib.dqflags import REFERENCE_PIXEL
from jwst.lib.irs2 import is_irs2
from jwst.lib.miri import FULL_SHAPE, is_miri
from jwst.lib.orientation import FULL_SIZE, Orientation, Placement
from jwst.lib.stripes import is_striped
from jwst.refpix.irs2_exposure import Irs2Settings, correct_irs2_exposure, prepare_irs2_exposure
from jwst.refpix.miri import correct_miri
from jwst.refpix.reference_pixels import (
    RefPixSettings,
    correct_four_outputs,
    correct_one_output,
    correct_zeroframe,
)
from jwst.refpix.sirs import SirsKernels, SirsSettings, correct_with_kernels
from jwst.refpix.sirs_reference import read_kernels
from jwst.refpix.stripes import correct_striped_exposure
from jwst.stpipe import Step
from stpipe import Param
from stpipe.exceptions import InputError, Skip

__all__ = ["RefPixStep"]

log = logging.getLogger(__name__)

_SIDE_FLAGGED = frozenset({"SUB512", "SUB512S", "SUB32"})


class RefPixStep(Step):
    """Remove amplifier offsets, odd-even offsets and 1/f drifts with reference pixels."""

    class_alias = "refpix"
    reference_file_types = ["refpix", "sirskernel"]

    odd_even_columns = Param(True, "separate values for even and odd columns (near infrared)")
    use_side_ref_pixels = Param(True, "subtract the signal of the side columns row by row (near infrared)")
    side_smoothing_length = Param(11, "height of the window of the running median; 1 for none", ge=1, unit="row")
    side_gain = Param(1.0, "factor of the side signal")
    odd_even_rows = Param(True, "separate values for even and odd rows (MIRI)")
    ovr_corr_mitigation_ftr = Param(3.0, "limit of the search for bad reference pixels (IRS2)", unit="sigma")
    preserve_irs2_refpix = Param(False, "keep the reference pixels in the output (IRS2)")
    irs2_mean_subtraction = Param(False, "subtract mean offsets before the IRS2 correction")
    refpix_algorithm = Param("median", "what is made of the side columns", choices=("median", "sirs"))
    sigreject = Param(4.0, "outlier limit (SIRS)", unit="sigma")
    gaussmooth = Param(1.0, "width of the Gaussian that smooths the kernel (SIRS)", unit="pixel")
    halfwidth = Param(30, "half width of the kernel (SIRS)", unit="pixel")
    siglimit = Param(3.0, "clipping limit of the means of reference pixels", unit="sigma")

    def process(self, input_model: Any) -> Any:
        """Correct every group, and the zero frame.

        Parameters
        ----------
        input_model : data model or str
            A ramp whose PIXELDQ marks the reference pixels.

        Returns
        -------
        RampModel
        """
        with self.ramp(input_model) as ramp:
            if is_miri(ramp):
                self._correct_miri(ramp)
                return self.complete(ramp)
            if is_irs2(ramp.data.shape):
                self._correct_irs2(ramp)
                return self.complete(ramp)
            if is_striped(ramp):
                return self.complete(correct_striped_exposure(ramp, self._settings()))
            placement = _placement(ramp)
            full = min(placement.shape) >= FULL_SIZE
            pixeldq, kernels = ramp.pixeldq, self._kernels(ramp) if full else None
            four = full or ramp.meta.exposure.noutputs == 4
            core: Callable[..., None]
            if kernels is not None:
                core = partial(correct_with_kernels, method=(kernels, self.sigreject))
            elif four:
                core = correct_four_outputs
            else:
                core = correct_one_output
                pixeldq = _with_side_flags(pixeldq, ramp.meta.subarray.name)
            correct = partial(core, pixeldq=pixeldq, placement=placement, settings=self._settings())
            correct(ramp.data.reshape(-1, *placement.shape))
            if ramp.meta.exposure.zero_frame and ramp.zeroframe is not None:
                correct_zeroframe(ramp.zeroframe, partial(correct, follows=True) if four else correct)
        return self.complete(ramp)

    def planned_references(self, parameters: Mapping[str, Any]) -> list[str]:
        """Types that are looked up: ``refpix`` for NIRSpec readouts, ``sirskernel`` for that algorithm."""
        instrument = parameters.get("meta.instrument.name")
        types = ["refpix"] if instrument in (None, "NIRSPEC") else []
        return [*types, *(["sirskernel"] if self.refpix_algorithm == "sirs" and instrument != "MIRI" else [])]

    def _correct_irs2(self, ramp: Any) -> None:
        """Correct an exposure read out with IRS2; without a reference it keeps its reference pixels."""
        settings = Irs2Settings(
            factor=self.ovr_corr_mitigation_ftr,
            preserve=self.preserve_irs2_refpix,
            means=self.irs2_mean_subtraction,
            odd_even=self.odd_even_columns,
            limit=self.siglimit,
        )
        bad = prepare_irs2_exposure(ramp, settings)
        with self.reference(ramp, "refpix") as reference:
            correct_irs2_exposure(ramp, reference, bad, settings)

    def _correct_miri(self, ramp: Any) -> None:
        """Correct a full frame of MIRI; subarrays have too few reference pixels."""
        shape = tuple(ramp.data.shape[-2:])
        if min(np.subtract(shape, FULL_SHAPE)) < 0:
            raise Skip(f"refpix is not for subarrays of MIRI (this one has {shape[0]} x {shape[1]} pixels)")
        if shape != FULL_SHAPE:
            raise InputError(f"A full frame of MIRI has {FULL_SHAPE} pixels; this exposure has {shape}")
        used = correct_miri(ramp.data, ramp.pixeldq, odd_even_rows=self.odd_even_rows, sigma_limit=self.siglimit)
        if not used:
            log.warning("Nothing is corrected: an amplifier has no good reference pixel on one side")

    def _settings(self) -> RefPixSettings:
        """The parameters of the near-infrared correction."""
        return RefPixSettings(
            odd_even_columns=self.odd_even_columns,
            use_side=self.use_side_ref_pixels,
            smoothing_length=self.side_smoothing_length,
            side_gain=self.side_gain,
            sigma_limit=self.siglimit,
        )

    def _kernels(self, ramp: Any) -> SirsKernels | None:
        """Kernels of the side columns; None where running medians are to be used."""
        if (
            self.refpix_algorithm != "sirs"
            or not self.use_side_ref_pixels
            or "FULL" not in (ramp.meta.subarray.name or "")
        ):
            return None
        source = self.get_reference_file(ramp, "sirskernel")
        settings = SirsSettings(self.sigreject, self.gaussmooth, self.halfwidth)
        return read_kernels(source, ramp.meta.instrument.detector, settings)


def _placement(ramp: Any) -> Placement:
    """Where the exposure lies on the detector.

    Raises
    ------
    InputError
        Subarray keywords are missing.
    Skip
        The subarray does not fit on the detector.
    """
    meta, shape = ramp.meta.subarray, tuple(ramp.data.shape[-2:])
    corner = meta.xstart, meta.ystart, meta.xsize, meta.ysize
    if any(value is None for value in corner):
        raise InputError(
            "subarray metadata not found: SUBSTRT1, SUBSTRT2, SUBSIZE1 and SUBSIZE2 must all be set in the exposure"
        )
    if meta.fastaxis is None or meta.slowaxis is None:
        raise InputError("FASTAXIS and SLOWAXIS must both be set in the exposure")
    orientation = Orientation(int(meta.fastaxis), int(meta.slowaxis))
    if min(shape) >= FULL_SIZE:
        return Placement(orientation, 0, 0, shape)
    x0, y0 = int(corner[0]) - 1, int(corner[1]) - 1
    if min(x0, y0) < 0 or x0 + corner[2] > FULL_SIZE or y0 + corner[3] > FULL_SIZE:
        raise Skip(f"The subarray (corner {x0 + 1}, {y0 + 1}, size {corner[2]} x {corner[3]}) is not on the detector")
    if shape != (corner[3], corner[2]):
        raise InputError(
            f"SUBSIZE1 and SUBSIZE2 are {corner[2]} x {corner[3]} but the array has {shape[1]} x {shape[0]}"
        )
    return Placement(orientation, x0, y0, shape)


def _with_side_flags(pixeldq: np.ndarray, subarray: str | None) -> np.ndarray:
    """Flag the side columns of the subarrays whose masks do not do so, in a copy."""
    if subarray not in _SIDE_FLAGGED:
        return pixeldq
    flagged = pixeldq.copy()
    flagged[:, :4] |= np.uint32(REFERENCE_PIXEL)
    flagged[:, -4:] |= np.uint32(REFERENCE_PIXEL)
    return flagged
