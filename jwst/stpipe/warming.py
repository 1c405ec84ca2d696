"""Imported by the forkserver only: what otherwise each worker process would do in its first exposure.

The readers of ASDF and the schemas of the usual models are set up once, and every worker starts with them.
"""

from __future__ import annotations

import asdf_astropy.integration
import astropy.io.fits
import gwcs.extension
import scipy.linalg
import scipy.ndimage
from stdatamodels.jwst import datamodels

import jwst.datamodels.fast_fits
import jwst.lib.reference

__all__ = ["USED"]

USED = (
    asdf_astropy.integration,
    astropy.io.fits,
    gwcs.extension,
    jwst.datamodels.fast_fits,
    jwst.lib.reference,
    scipy.linalg,
    scipy.ndimage,
)

for _kind in (datamodels.RampModel, datamodels.ImageModel, datamodels.CubeModel):
    _kind().close()
