"""Exposures of a moving target, for make_assign_mtwcs.py under the peer and for the tests."""

from __future__ import annotations

import numpy as np
from astropy import coordinates
from astropy import units as u
from astropy.modeling import models
from gwcs import WCS
from gwcs import coordinate_frames as cf
from stdatamodels.jwst import datamodels

__all__ = ["TARGETS", "exposure", "slits"]

TARGETS = ((80.000, -69.500), (80.002, -69.501))


def sky_wcs(shift=0.0, *, spectral=False):
    """From pixels to the sky by a TAN projection; with wavelengths (um) of column 3."""
    detector = cf.Frame2D(name="detector", axes_order=(0, 1), unit=(u.pix, u.pix))
    sky = cf.CelestialFrame(name="world", reference_frame=coordinates.ICRS(), axes_order=(0, 1), unit=(u.deg, u.deg))
    scale = models.Scale(-0.0312 / 3600) & models.Scale(0.0312 / 3600)
    start = models.Shift(-59.5) & models.Shift(-49.5)
    project = models.Pix2Sky_TAN() | models.RotateNative2Celestial(80.0 + shift, -69.5, 180)
    pixels = start | scale | project
    output = sky
    if spectral:
        wave = cf.SpectralFrame(name="wave", axes_order=(2,), unit=(u.um,))
        output = cf.CompositeFrame([sky, wave], name="world")
        pixels = models.Mapping((0, 1, 0)) | (pixels & models.Polynomial1D(1, c0=1.0, c1=0.01))
    wcs = WCS([(detector, pixels), (output, None)])
    wcs.bounding_box = ((-0.5, 119.5), (-0.5, 99.5))
    return wcs


def exposure(number, *, exp_type="NRC_IMAGE", target=True):
    """One image."""
    model = datamodels.ImageModel(np.ones((10, 12), np.float32))
    model.meta.filename = f"jw01234001001_02101_0000{number + 1}_nrca1_cal.fits"
    model.meta.exposure.type, model.meta.instrument.name = exp_type, "NIRCAM"
    model.meta.target.type = "MOVING"
    model.meta.wcs = sky_wcs()
    model.meta.wcsinfo.crval1 = 80.0
    if target:
        model.meta.wcsinfo.mt_ra, model.meta.wcsinfo.mt_dec = TARGETS[number]
    return model


def slits(number, *, target=True):
    """Two slits of one exposure."""
    model = datamodels.MultiSlitModel()
    model.meta.filename = f"jw01234001001_02101_0000{number + 1}_nrs1_cal.fits"
    model.meta.exposure.type, model.meta.instrument.name = "NRS_FIXEDSLIT", "NIRSPEC"
    for which in range(2):
        slit = datamodels.SlitModel(np.ones((4, 5), np.float32))
        slit.meta.wcs = sky_wcs(0.001 * which, spectral=True)
        slit.meta.wcsinfo.wcsaxes = 3
        if target or not which:
            slit.meta.wcsinfo.mt_ra, slit.meta.wcsinfo.mt_dec = TARGETS[number]
        model.slits.append(slit)
    return model
