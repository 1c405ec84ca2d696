"""Take the world coordinates out of flight NIRISS exposures (program 1093, calibrated in 2022 with jwst 1.5.3).

Run it with the folder of the exposures: it writes imaging_flight.npz, and the distortion of that time, with the filter
offset in it, into the folder given second.
"""

import pathlib
import sys

import asdf
import numpy as np
from astropy.modeling.models import Shift
from stdatamodels.jwst import datamodels

NAMES = ("v2_ref", "v3_ref", "ra_ref", "dec_ref", "roll_ref")
PIXELS = np.linspace(0, 79, 6)


def main(folder, target):
    """Pointings and skies of all exposures."""
    pointing, sky = [], []
    for path in sorted(pathlib.Path(folder).glob("*_cal.fits")):
        with datamodels.open(path) as model:
            info = model.meta.wcsinfo
            pointing.append([*(getattr(info, name) for name in NAMES), model.meta.velocity_aberration.scale_factor])
            sky.append(model.meta.wcs(*np.meshgrid(PIXELS, PIXELS)))
            corner = model.meta.subarray.xstart - 1.0, model.meta.subarray.ystart - 1.0
            transform = Shift(-corner[0]) & Shift(-corner[1]) | model.meta.wcs.pipeline[0].transform.copy()
    tree = {"meta": {"reftype": "distortion", "instrument": {"name": "NIRISS"}}, "model": transform}
    asdf.AsdfFile(tree).write_to(pathlib.Path(target) / "flight_niriss_distortion.asdf")
    kept = {"names": NAMES, "pixels": PIXELS, "pointing": pointing, "sky": sky}
    np.savez_compressed(pathlib.Path(__file__).with_name("imaging_flight.npz"), **kept)


if __name__ == "__main__":
    main(*sys.argv[1:])
