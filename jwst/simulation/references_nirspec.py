"""References that only NIRSpec has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jwst.simulation.irs2 import SERIES, irs2_coefficients
from jwst.simulation.picture_frame import picture_frame_pattern
from jwst.simulation.reference_request import ReferenceRequest
from jwst.simulation.settings import NoiseSettings

if TYPE_CHECKING:
    from stdatamodels.jwst.datamodels import JwstDataModel

__all__ = ["make_pictureframe", "make_refpix"]

OUTPUTS = 4


def make_refpix(request: ReferenceRequest) -> JwstDataModel:
    """Return the coefficients that estimate the noise of IRS2 frames from their reference pixels."""
    from stdatamodels.jwst.datamodels import IRS2Model

    coefficients = irs2_coefficients(NoiseSettings())
    names = [f"{kind}_{output}" for kind in ("alpha", "beta") for output in range(OUTPUTS)]
    table = np.zeros(2 * SERIES, dtype=[(name, "<f4") for name in names])
    for name in names:
        table[name][::2] = getattr(coefficients, name.partition("_")[0])
    pairs = [(output, parity, 0) for output in range(1, OUTPUTS + 1) for parity in (1, 2)]
    quality = np.array(pairs, dtype=[("OUTPUT", "<u2"), ("ODD_EVEN", "<u2"), ("MASK", "<u4")])
    return IRS2Model(irs2_table=table, dq_table=quality)


def make_pictureframe(request: ReferenceRequest) -> JwstDataModel:
    """Return the thermal pattern as a rate."""
    from stdatamodels.jwst.datamodels import PictureFrameModel

    return PictureFrameModel(data=picture_frame_pattern(request.region))
