"""Small exposures for resample: for the script that makes parity vectors, and for the tests."""

from __future__ import annotations

import functools
import os
import tempfile

import numpy as np

PLANES = ("data", "err", "wht", "con", "var_poisson", "var_rnoise", "var_flat", "dq")
SMALL = (20, 24)


@functools.cache
def distortion(shape):
    """File of a reference: 0.0312 arcsec per pixel, without distortion."""
    from astropy.modeling.models import Scale, Shift
    from stdatamodels.jwst import datamodels

    x, y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    transform = Shift(-x) & Shift(-y) | Scale(-0.0312) & Scale(0.0312) | Shift(120.0) & Shift(-527.0)
    model = datamodels.DistortionModel(model=transform)
    values = {"description": "x", "author": "x", "pedigree": "DUMMY", "useafter": "2022-01-01T00:00:00"}
    for name, value in values.items():
        setattr(model.meta, name, value)
    model.meta.reftype, model.meta.exposure.type = "distortion", "NRC_IMAGE"
    model.meta.instrument.name, model.meta.instrument.detector = "NIRCAM", "NRCA1"
    model.meta.instrument.module, model.meta.instrument.channel = "A", "SHORT"
    model.meta.exposure.p_exptype, model.meta.instrument.p_pupil = "NRC_IMAGE|", "CLEAR|"
    from astropy import units

    model.meta.input_units = model.meta.output_units = units.pixel
    path = os.path.join(tempfile.mkdtemp(), "distortion.asdf")
    model.save(path)
    return path


def exposure(number=1, *, shape=(100, 120), seed=None, detector="nrca1", **changes):
    """An exposure of bench B1 with coordinates; of random values with unusable pixels if there is a seed.

    `changes` are arrays or values by name, and metadata by dotted name with ``__`` instead of dots.
    """
    from stdatamodels.jwst import datamodels

    model = datamodels.ImageModel(shape)
    values = {"data": 1.0, "err": 0.1, "var_poisson": 0.004, "var_rnoise": 0.006, "var_flat": 0.0}
    for name, value in values.items():
        setattr(model, name, np.full(shape, value, np.float32))
    model.dq = np.zeros(shape, np.uint32)
    if seed is not None:
        _randomise(model, np.random.default_rng(seed))
    _describe(model, number, detector)
    metadata = {name: value for name, value in changes.items() if "__" in name}
    for name in changes.keys() - metadata.keys():
        value = changes[name]
        setattr(model, name, value if isinstance(value, np.ndarray) else np.full(shape, value, np.float32))
    for name, value in metadata.items():
        model["meta." + name.replace("__", ".")] = value
    model.meta.wcsinfo.crval1, model.meta.wcsinfo.crval2 = model.meta.wcsinfo.ra_ref, model.meta.wcsinfo.dec_ref
    return assign(model)


def _randomise(model, rng):
    shape = model.data.shape
    model.data = rng.normal(3, 1, shape).astype(np.float32)
    for name, scale in {"err": 0.1, "var_poisson": 0.004, "var_rnoise": 0.006, "var_flat": 0.001}.items():
        setattr(model, name, (scale * rng.uniform(0.5, 1.5, shape)).astype(np.float32))
    y, x = (rng.integers(0, n, 12) for n in shape)
    model.dq[y[:3], x[:3]], model.dq[y[3:6], x[3:6]], model.dq[y[6:9], x[6:9]] = 1, 512, 4
    model.data[y[9:], x[9:]] = np.nan
    return model


def _describe(model, number, detector):
    ny, nx = model.data.shape
    meta = model.meta
    meta.telescope = "JWST"
    meta.instrument.name, meta.instrument.detector, meta.instrument.module = "NIRCAM", detector.upper(), "A"
    meta.instrument.channel, meta.instrument.filter, meta.instrument.pupil = "SHORT", "F200W", "CLEAR"
    meta.observation.date, meta.observation.time = "2023-07-01", "00:00:00.000"
    meta.observation.program_number, meta.observation.observation_number = "01234", "001"
    meta.observation.visit_number, meta.observation.visit_group = "001", "02"
    meta.observation.sequence_id, meta.observation.activity_id = "1", "01"
    meta.observation.exposure_number = f"{number:05d}"
    meta.subarray.name, meta.subarray.xstart, meta.subarray.ystart = "FULL", 1, 1
    meta.subarray.xsize, meta.subarray.ysize = nx, ny
    times = meta.exposure
    times.type = "NRC_IMAGE"
    times.exposure_time, times.measurement_time, times.duration = 100.0, 90.0, 110.0
    times.start_time, times.mid_time, times.end_time = 60126.0, 60126.005, 60126.01
    meta.velocity_aberration.scale_factor = 1.00001
    info = meta.wcsinfo
    info.v2_ref, info.v3_ref, info.v3yangle, info.vparity, info.wcsaxes = 120.0, -527.0, -0.5, -1, 2
    info.ra_ref, info.dec_ref, info.roll_ref = 80.0, -69.5, 30.0
    info.crpix1, info.crpix2 = (nx + 1) / 2, (ny + 1) / 2
    info.ctype1, info.ctype2, info.cunit1, info.cunit2 = "RA---TAN", "DEC--TAN", "deg", "deg"
    meta.photometry.pixelarea_steradians, meta.photometry.pixelarea_arcsecsq = 2.29e-14, 0.00097344
    meta.bunit_data = meta.bunit_err = "MJy/sr"
    meta.filename = f"jw01234001001_02101_{number:05d}_{detector}_cal.fits"


def assign(model):
    """Attach coordinates."""
    from jwst.assign_wcs import AssignWcsStep

    others = {f"override_{kind}": "N/A" for kind in AssignWcsStep.reference_file_types}
    others["override_distortion"] = distortion(model.data.shape)
    return AssignWcsStep.call(model, **others)


SECOND = {
    "exposure__exposure_time": 200.0,
    "exposure__measurement_time": 180.0,
    "exposure__duration": 220.0,
    "wcsinfo__ra_ref": 80.0005,
    "wcsinfo__dec_ref": -69.4999,
    "exposure__start_time": 60127.0,
    "exposure__mid_time": 60127.01,
    "exposure__end_time": 60127.02,
}


def pair():
    """The two exposures of the statements of spec resample.md §9."""
    return [exposure(), exposure(2, data=3.0, var_rnoise=0.003, **SECOND)]


def noisy(count=3):
    """Small exposures of random values: another roll, a sky level, another detector of the same exposure."""
    changes = [
        {},
        {**SECOND, "wcsinfo__ra_ref": 80.0001, "wcsinfo__dec_ref": -69.49996, "wcsinfo__roll_ref": 31.0}
        | {"background__level": 0.25, "background__subtracted": False},
        {"wcsinfo__ra_ref": 80.0003, "detector": "nrca2", "background__level": 0.5, "background__subtracted": True},
    ]
    return [_small(i, tuple(changes[i].items())).copy() for i in range(count)]


@functools.cache
def _small(index, changes):
    return exposure((1, 2, 2)[index], shape=SMALL, seed=50 + index, **dict(changes))


def bare(name):
    """Noisy exposures, all without a plane."""
    models = noisy(2)
    for model in models:
        delattr(model, name)
    return models


def spoilt():
    """Noisy exposures with zeros and negative values in variances."""
    models = noisy(2)
    models[0].var_rnoise[3:6, 3:6] = 0
    models[0].var_poisson[8:10, 8:10] = -1
    models[1].var_flat[...] = 0
    models[1].var_rnoise[12, 12] = -0.004
    return models


CASES = {
    "one": (lambda: noisy(1), {}),
    "ivm": (noisy, {}),
    "exptime": (noisy, {"weight_type": "exptime"}),
    "ratio": (noisy, {"pixel_scale_ratio": 0.7, "enable_ctx": False}),
    "coarse": (noisy, {"pixel_scale_ratio": 2.0, "rotation": 10.0}),
    "crop": (noisy, {"crpix": [6.0, 8.5], "output_shape": [18, 16], "rotation": 0.0}),
    "small_drops": (noisy, {"pixfrac": 0.6, "report_var": False}),
    "turbo": (noisy, {"kernel": "turbo", "enable_err": False, "fillval": "-1.5"}),
    "gaussian": (noisy, {"kernel": "gaussian", "pixfrac": 0.8, "enable_err": False, "fillval": "INDEF"}),
    "flags": (noisy, {"propagate_dq": True, "enable_err": False, "fillval": "0.0", "blendheaders": False}),
    "coarse_map": (noisy, {"pixmap_stepsize": 5.0, "pixmap_order": 3, "enable_err": False}),
    "no_read_noise": (lambda: bare("var_rnoise"), {}),
    "no_read_noise_exptime": (lambda: bare("var_rnoise"), {"weight_type": "exptime"}),
    "no_flat": (lambda: bare("var_flat"), {}),
    "spoilt": (spoilt, {}),
    "spoilt_exptime": (spoilt, {"weight_type": "exptime"}),
    "groups": (noisy, {"single": True}),
}


def facts(model):
    """What the step writes into the metadata."""
    found = {}
    for node in ("wcsinfo", "exposure", "resample", "photometry", "background", "cal_step", "asn"):
        values = model.meta.instance.get(node, {})
        found |= {f"{node}.{key}": values[key] for key in sorted(values) if isinstance(values[key], str | int | float)}
    for name in ("filename", "bunit_data", "bunit_err", "instrument.detector", "instrument.filter", "model_type"):
        found[name] = model[f"meta.{name}"]
    table = getattr(model, "hdrtab", None)
    found["hdrtab"] = None if table is None else [len(table), *sorted(table.dtype.names)]
    return found
