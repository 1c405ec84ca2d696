"""Bench B1 of the imaging pipelines: exposures and references of a few thousand pixels (spec common_imaging.md §6).

Used by the tests and, under the peer's interpreter, by the scripts that compare whole pipelines.
"""

from __future__ import annotations

import json
import pathlib

import numpy as np

__all__ = ["MODES", "cals", "overrides", "rate", "stars", "write_asn"]

SHAPE = (60, 72)
SCALE = 0.0312
MODES = {
    "NIRCAM": {"detector": "NRCA1", "exp_type": "NRC_IMAGE", "filter": "F200W", "pupil": "CLEAR"},
    "MIRI": {"detector": "MIRIMAGE", "exp_type": "MIR_IMAGE", "filter": "F770W"},
    "NIRISS": {"detector": "NIS", "exp_type": "NIS_IMAGE", "filter": "CLEAR", "pupil": "F200W"},
    "FGS": {"detector": "GUIDER1", "exp_type": "FGS_IMAGE"},
}
_PHOTOM = {"NIRCAM": "Nrc", "MIRI": "Mir", "NIRISS": "Nis", "FGS": "Fgs"}
_STATED = {"description": "x", "author": "x", "pedigree": "DUMMY", "useafter": "2022-01-01T00:00:00"}


def _describe(model, instrument, reftype):
    for name, value in {**_STATED, "reftype": reftype}.items():
        setattr(model.meta, name, value)
    model.meta.instrument.name = instrument
    return model


def exposure(kind, number=1, *, instrument="NIRCAM", shape=SHAPE, offset=(0.0, 0.0), seed=3, **changes):
    """An ImageModel or CubeModel with the metadata of bench B1; ``offset`` is the dither in pixels."""
    from stdatamodels.jwst import datamodels

    mode = {**MODES[instrument], **changes}
    model = (datamodels.ImageModel if len(shape) == 2 else datamodels.CubeModel)(shape)
    meta = model.meta
    ny, nx = shape[-2:]
    detector = mode["detector"].lower()
    meta.filename = f"jw01234001001_02101_{number:05d}_{detector}_{kind}.fits"
    meta.telescope = "JWST"
    meta.instrument.name, meta.instrument.detector = instrument, mode["detector"]
    meta.instrument.filter, meta.instrument.pupil = mode.get("filter"), mode.get("pupil")
    if instrument == "NIRCAM":
        meta.instrument.module, meta.instrument.channel = "A", "SHORT"
    exposure = meta.exposure
    exposure.type, exposure.nints, exposure.ngroups = mode["exp_type"], 1 if len(shape) == 2 else shape[0], 5
    exposure.exposure_time, exposure.measurement_time, exposure.duration = 100.0, 90.0, 110.0
    exposure.start_time, exposure.mid_time, exposure.end_time = 60126.0, 60126.005, 60126.01
    seen = meta.observation
    seen.date, seen.time = "2023-07-01", "00:00:00.000"
    seen.program_number, seen.observation_number, seen.visit_number = "01234", "001", "001"
    seen.visit_group, seen.sequence_id, seen.activity_id, seen.exposure_number = "02", "1", "01", f"{number:05d}"
    meta.visit.tsovisit = False
    meta.subarray.name, meta.subarray.xstart, meta.subarray.ystart = "FULL", 1, 1
    meta.subarray.xsize, meta.subarray.ysize = nx, ny
    info = meta.wcsinfo
    info.v2_ref, info.v3_ref, info.roll_ref, info.v3yangle, info.vparity = 120.0, -527.0, 30.0, -0.5, -1
    info.ra_ref = 80.0 + offset[0] * SCALE / 3600 / np.cos(np.radians(69.5))
    info.dec_ref = -69.5 + offset[1] * SCALE / 3600
    info.wcsaxes, info.crpix1, info.crpix2 = 2, (nx + 1) / 2, (ny + 1) / 2
    info.crval1, info.crval2 = info.ra_ref, info.dec_ref
    info.ctype1, info.ctype2, info.cunit1, info.cunit2 = "RA---TAN", "DEC--TAN", "deg", "deg"
    meta.velocity_aberration.scale_factor = 1.00001
    return model


def rate(number=1, *, level=2.0, seed=3, **more):
    """A rate with noise and pixels that cannot be used."""
    model = exposure("rate" if len(more.get("shape", SHAPE)) == 2 else "rateints", number, **more)
    shape = model.data.shape
    rng = np.random.default_rng(seed + number)
    model.data = rng.normal(level, 0.02, shape).astype(np.float32)
    model.var_poisson, model.var_rnoise = np.full(shape, 3e-4, np.float32), np.full(shape, 1e-4, np.float32)
    model.err = np.sqrt(model.var_poisson + model.var_rnoise)
    model.dq = np.zeros(shape, np.uint32)
    model.dq[..., 5, 7], model.dq[..., 9, 11] = 1, 4
    model.data[..., 20, 21] = np.nan
    model.meta.bunit_data = model.meta.bunit_err = "DN/s"
    model.meta.cal_step.ramp_fit = "COMPLETE"
    return model


def cals(folder, offsets=((0, 0), (3.3, 1.2), (-2.6, 4.4), (1.7, -3.1)), *, sources=0, **more):
    """Names of rates at dithered places, written into a folder, with a few stars that do not move on the sky."""
    names = []
    for number, offset in enumerate(offsets, start=1):
        model = rate(number, offset=offset, **more)
        if sources:
            model.data += stars(model.data.shape, offset, sources)
        names.append(model.meta.filename)
        model.save(str(pathlib.Path(folder) / names[-1]))
    return names


def stars(shape, offset, count):
    """Stars of FWHM 2.5 pixels; the sky is turned by the position angle of the bench, 30 + 0.5 deg."""
    rng = np.random.default_rng(11)
    ny, nx = shape[-2:]
    angle = np.radians(30.5)
    east, north = offset
    shift_x = -(-east * np.cos(angle) + north * np.sin(angle))
    shift_y = -(east * np.sin(angle) + north * np.cos(angle))
    y, x = np.mgrid[:ny, :nx]
    image = np.zeros((ny, nx))
    for _ in range(count):
        x0, y0, flux = rng.uniform(12, nx - 12), rng.uniform(12, ny - 12), rng.uniform(20, 60)
        image += flux * np.exp(-((x - x0 - shift_x) ** 2 + (y - y0 - shift_y) ** 2) / (2 * 1.06**2))
    return image.astype(np.float32)


def overrides(folder, instrument="NIRCAM", *, shape=SHAPE):
    """References in a folder, and the parameters of calwebb_image2 that name them."""
    folder = pathlib.Path(folder)
    paths = {kind: str(folder / f"{instrument.lower()}_{kind}.{ext}") for kind, ext in _FILES.items()}
    for kind, make in (("distortion", _distortion), ("flat", _flat), ("photom", _photom), ("area", _area)):
        make(instrument, shape[-2:]).save(paths[kind])
    nothing = dict.fromkeys(("fflat", "sflat", "dflat"), "N/A")
    return {
        "assign_wcs": {"override_distortion": paths["distortion"], **dict.fromkeys(_NO_WCS, "N/A")},
        "flat_field": {"override_flat": paths["flat"], **{f"override_{kind}": text for kind, text in nothing.items()}},
        "photom": {"override_photom": paths["photom"], "override_area": paths["area"]},
        "bkg_subtract": {"override_bkg": "N/A", "override_wavelengthrange": "N/A"},
    }


_FILES = {"distortion": "asdf", "flat": "fits", "photom": "fits", "area": "fits"}
_NO_WCS = (
    "override_filteroffset",
    "override_specwcs",
    "override_regions",
    "override_wavelengthrange",
    "override_camera",
    "override_chromcorr",
    "override_collimator",
    "override_disperser",
    "override_fore",
    "override_fpa",
    "override_msa",
    "override_ote",
    "override_ifupost",
    "override_ifufore",
    "override_ifuslicer",
)


def _distortion(instrument, shape):
    from astropy import units as u
    from astropy.modeling.models import Scale, Shift
    from stdatamodels.jwst import datamodels

    ny, nx = shape
    middle = Shift(-(nx - 1) / 2) & Shift(-(ny - 1) / 2)
    model = datamodels.DistortionModel(
        model=middle | Scale(-SCALE) & Scale(SCALE) | Shift(120.0) & Shift(-527.0),
        input_units=u.pix,
        output_units=u.arcsec,
    )
    _describe(model, instrument, "distortion")
    model.meta.instrument.detector, model.meta.exposure.type = MODES[instrument]["detector"], None
    model.meta.exposure.p_exptype = f"{MODES[instrument]['exp_type']}|"
    return model


def _flat(instrument, shape):
    from stdatamodels.jwst import datamodels

    rng = np.random.default_rng(8)
    data = rng.normal(2.0, 0.05, shape).astype(np.float32)
    dq = np.zeros(shape, np.uint32)
    dq[25, 31] = 1
    definition = np.array(
        [(0, 1, "DO_NOT_USE", "")], [("BIT", "u4"), ("VALUE", "u4"), ("NAME", "S40"), ("DESCRIPTION", "S80")]
    )
    model = datamodels.FlatModel(data=data, err=np.full(shape, 0.01, np.float32), dq=dq, dq_def=definition)
    model.meta.subarray.xstart = model.meta.subarray.ystart = 1
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape
    model.meta.instrument.detector = MODES[instrument]["detector"]
    return _describe(model, instrument, "flat")


def _photom(instrument, shape):
    from stdatamodels.jwst import datamodels

    mode = MODES[instrument]
    keys = {"MIRI": {"filter": mode.get("filter"), "subarray": "FULL"}, "FGS": {}}.get(
        instrument, {"filter": mode.get("filter"), "pupil": mode.get("pupil")}
    )
    kinds = {"filter": "S12", "pupil": "S12", "subarray": "S17"}
    dtype = [(key, kinds[key]) for key in keys] + [("photmjsr", "f4"), ("uncertainty", "f4")]
    table = np.array([(*keys.values(), 1.5, 0.1)], dtype=dtype)
    model = getattr(datamodels, f"{_PHOTOM[instrument]}ImgPhotomModel")(phot_table=table)
    model.meta.photometry.pixelarea_steradians, model.meta.photometry.pixelarea_arcsecsq = 2.29e-14, 0.00097344
    return _describe(model, instrument, "photom")


def _area(instrument, shape):
    from stdatamodels.jwst import datamodels

    model = datamodels.PixelAreaModel(data=np.ones(shape, np.float32))
    model.meta.photometry.pixelarea_steradians, model.meta.photometry.pixelarea_arcsecsq = 2.29e-14, 0.00097344
    return _describe(model, instrument, "area")


def write_asn(path, products, **keys):
    """Write an association: names of products to pairs of file and exposure type."""
    listed = [
        {"name": name, "members": [{"expname": file, "exptype": kind} for file, kind in members]}
        for name, members in products.items()
    ]
    association = {"asn_id": "c1001", "asn_pool": "mypool", "asn_type": "image2", "asn_rule": "x", "program": "01234"}
    pathlib.Path(path).write_text(json.dumps({**association, "products": listed, **keys}))
    return str(path)
