"""Exposures and output grids for tests of resample's grid. Used by the tests and by make_grid.py.

The bench is that of the specification (common_imaging.md §6): NIRCam, 100 by 120 pixels, linear distortion. One case
has the distortion of MIRI, of a public reference.
"""

from __future__ import annotations

import pathlib

import numpy as np
from imaging_scenes import CASES as IMAGES
from imaging_scenes import extract, model_of

SHAPE = (100, 120)
M1 = {"ra_ref": 80.0, "dec_ref": -69.5}
M2 = {"ra_ref": 80.0005, "dec_ref": -69.4999, "exposure": "00002"}
FAR = {"ra_ref": 80.01, "dec_ref": -69.497, "exposure": "00003"}
TURNED = {"ra_ref": 80.0002, "dec_ref": -69.5, "roll_ref": 75.0, "exposure": "00004"}
BESIDE = {"ra_ref": 10.0, "dec_ref": 20.0, "exposure": "00005"}
CASES = {
    "one": ([M1], {}),
    "half": ([M1], {"pixel_scale_ratio": 0.5}),
    "scale": ([M1], {"pixel_scale": 0.0624}),
    "rotation": ([M1], {"rotation": 0.0}),
    "crpix": ([M1], {"crpix": [10.0, 20.0]}),
    "crval": ([M1], {"crval": [80.0003, -69.5001]}),
    "shape": ([M1], {"output_shape": [70, 60]}),
    "large": ([M1], {"output_shape": [300, 200], "crpix": [150.0, 100.0]}),
    "two": ([M1, M2], {}),
    "turned": ([M1, M2, TURNED], {"rotation": 20.0}),
    "pieces": ([M1, FAR], {"pixel_scale": 0.2}),
    "copies": ([M1] * 3, {}),
    "pole": ([{"ra_ref": 123.0, "dec_ref": 89.9999}, {"ra_ref": 250.0, "dec_ref": 89.9997, "exposure": "00002"}], {}),
    "zero": ([{"ra_ref": 0.0, "dec_ref": 10.0}, {"ra_ref": 359.9996, "dec_ref": 10.0, "exposure": "00002"}], {}),
    "beside": ([M1], {"crval": [80.1, -69.5], "crpix": [40.0, 40.0], "output_shape": [80, 80]}),
    "miri": (["miri_subarray"], {}),
    "miri_steps": (["miri_subarray"], {"pixmap_stepsize": 100.0}),
    "miri_cubic": (["miri_subarray"], {"pixmap_stepsize": 64.0, "pixmap_order": 3}),
}
CUSTOM = {
    "custom": {},
    "custom_scale": {"pixel_scale": 0.05},
    "custom_area": {"pixel_area": 0.0036},
    "custom_shape": {"pixel_scale": 0.05, "output_shape": [50, 40]},
    "custom_file_shape": {"array_shape": (30, 35), "no_shape": True},
    "custom_pixel_shape": {"pixel_shape": (36, 31), "no_shape": True},
    "custom_box": {"no_shape": True},
}
INFO = ("crpix1", "crpix2", "crval1", "crval2", "cdelt1", "cdelt2", "pc1_1", "pc1_2", "pc2_1", "pc2_2")


def write_distortion(folder):
    """Reference with the linear distortion; its path."""
    from astropy import units as u
    from astropy.modeling.models import Scale, Shift
    from stdatamodels.jwst import datamodels

    path = pathlib.Path(folder) / "lin_distortion.asdf"
    if not path.exists():
        transform = Shift(-59.5) & Shift(-49.5) | Scale(-0.0312) & Scale(0.0312) | Shift(120.0) & Shift(-527.0)
        reference = datamodels.DistortionModel(model=transform)
        meta = reference.meta
        meta.reftype, meta.author, meta.pedigree, meta.description = "distortion", "tests", "GROUND", "linear"
        meta.useafter, meta.title = "2014-01-01T00:00:00", "linear"
        meta.instrument.name, meta.instrument.detector, meta.exposure.type = "NIRCAM", "NRCA1", "NRC_IMAGE"
        meta.instrument.module, meta.instrument.channel, meta.instrument.p_pupil = "A", "SHORT", "CLEAR|"
        meta.input_units, meta.output_units = u.pix, u.arcsec
        reference.save(str(path))
    return str(path)


def bench(ra_ref, dec_ref, roll_ref=30.0, exposure="00001"):
    """An exposure of the bench, without world coordinates."""
    from stdatamodels.jwst import datamodels

    model = datamodels.ImageModel(SHAPE)
    model.data = np.ones(SHAPE, np.float32)
    model.err = np.full(SHAPE, 0.1, np.float32)
    model.var_poisson = np.full(SHAPE, 0.004, np.float32)
    model.var_rnoise = np.full(SHAPE, 0.006, np.float32)
    model.var_flat = np.zeros(SHAPE, np.float32)
    model.dq = np.zeros(SHAPE, np.uint32)
    _describe(model, exposure)
    info = model.meta.wcsinfo
    info.v2_ref, info.v3_ref, info.roll_ref, info.ra_ref, info.dec_ref = 120.0, -527.0, roll_ref, ra_ref, dec_ref
    info.v3yangle, info.vparity, info.wcsaxes = -0.5, -1, 2
    info.crpix1, info.crpix2, info.crval1, info.crval2 = 60.5, 50.5, ra_ref, dec_ref
    return model


def _describe(model, exposure):
    """Metadata that do not say where the exposure lies."""
    meta = model.meta
    meta.telescope = "JWST"
    instrument = meta.instrument
    instrument.name, instrument.detector, instrument.module, instrument.channel = "NIRCAM", "NRCA1", "A", "SHORT"
    instrument.filter, instrument.pupil = "F200W", "CLEAR"
    meta.exposure.type, meta.exposure.exposure_time, meta.exposure.measurement_time = "NRC_IMAGE", 100.0, 90.0
    meta.exposure.duration = 110.0
    meta.exposure.start_time, meta.exposure.mid_time, meta.exposure.end_time = 60126.0, 60126.005, 60126.01
    meta.observation.date, meta.observation.time = "2023-07-01", "00:00:00.000"
    meta.observation.program_number, meta.observation.observation_number = "01234", "001"
    meta.observation.visit_number, meta.observation.visit_group = "001", "02"
    meta.observation.sequence_id, meta.observation.activity_id = "1", "01"
    meta.observation.exposure_number = exposure
    meta.filename = f"jw01234001001_02101_{exposure}_nrca1_cal.fits"
    meta.subarray.name, meta.subarray.xstart, meta.subarray.ystart = "FULL", 1, 1
    meta.subarray.xsize, meta.subarray.ysize = SHAPE[::-1]
    meta.velocity_aberration.scale_factor = 1.00001
    meta.photometry.pixelarea_steradians, meta.photometry.pixelarea_arcsecsq = 2.29e-14, 0.00097344


def exposures(name, folder):
    """Exposures of a case with the references of each, by type."""
    found = []
    for member in CASES[name][0]:
        if isinstance(member, str):
            model = model_of(IMAGES[member])
            model.dq = np.zeros(model.data.shape, np.uint32)
            for key, value in zip(
                ("program_number", "observation_number", "visit_number", "visit_group", "sequence_id", "activity_id"),
                ("01234", "001", "001", "02", "1", "01"),
                strict=True,
            ):
                setattr(model.meta.observation, key, value)
            model.meta.observation.exposure_number = "00001"
            model.meta.exposure.exposure_time = model.meta.exposure.measurement_time = 100.0
            model.meta.exposure.duration = 100.0
            found.append((model, extract(folder, IMAGES[member]["references"])))
        else:
            found.append((bench(**member), {"distortion": write_distortion(folder)}))
    return found


def custom_tree(wcs, name):
    """Contents of an ``output_wcs`` file, and the arguments of the step."""
    values = dict(CUSTOM[name])
    output_shape = values.pop("output_shape", None)
    if values.pop("no_shape", False):
        wcs.array_shape = None
    return {"wcs": wcs} | values, {} if output_shape is None else {"output_shape": output_shape}
