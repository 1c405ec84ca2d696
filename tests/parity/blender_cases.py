"""Models to blend, for make_model_blender.py under the peer and for the tests."""

from __future__ import annotations

import numpy as np
from stdatamodels.jwst import datamodels

__all__ = ["CASES", "make_inputs", "metadata", "table_columns"]


def bench(number, *, kind="ImageModel"):
    """One exposure of bench B1, cut to 4x5 pixels."""
    shape = (2, 4, 5) if kind == "CubeModel" else (4, 5)
    model = getattr(datamodels, kind)(np.ones(shape, np.float32))
    meta = model.meta
    meta.filename = f"jw01234001001_02101_0000{number}_nrca{number}_cal.fits"
    meta.date = f"2024-01-01T00:00:0{number}.000"
    meta.instrument.name, meta.instrument.channel, meta.instrument.module = "NIRCAM", "SHORT", "A"
    meta.instrument.detector = f"NRCA{number}"
    meta.instrument.filter, meta.instrument.pupil = "F200W", "CLEAR"
    meta.exposure.type, meta.exposure.nints, meta.exposure.ngroups = "NRC_IMAGE", 1, 5
    meta.exposure.exposure_time, meta.exposure.duration = 100.0 * number, 110.5
    meta.exposure.measurement_time = 90.0
    meta.exposure.start_time, meta.exposure.mid_time, meta.exposure.end_time = (
        60126.0 - number,
        60126.005 + number,
        60126.01 + number,
    )
    meta.observation.date, meta.observation.time = f"2023-07-0{3 - number}", f"0{number}:00:00.000"
    meta.observation.date_beg = f"2023-07-0{3 - number}T00:00:00.000"
    meta.observation.date_end = f"2023-07-0{3 - number}T01:00:00.000"
    meta.observation.program_number, meta.observation.bkgdtarg = "01234", number == 1
    meta.target.ra, meta.target.dec, meta.target.catalog_name = 1.5 * number, -69.5, "T" * number
    meta.wcsinfo.crval1, meta.wcsinfo.crpix1, meta.wcsinfo.wcsaxes = 80.0 + number, 60.5, 2
    meta.wcsinfo.spectral_region = [1.0, 2.0 * number]
    meta.cal_step.assign_wcs = "COMPLETE"
    meta.ref_file.flat.name = f"flat{number}.fits"
    return model


def plain():
    """Two exposures that differ in most of what is blended."""
    return [bench(1), bench(2)]


def single():
    """One exposure."""
    return [bench(1)]


def missing():
    """Values, numbers, texts and flags that only one of them has."""
    first, second = bench(1), bench(2)
    first.meta.instrument.filter_wheel_tolerance = None
    second.meta.instrument.filter_wheel_tolerance = "outside calibration tolerance"
    first.meta.exposure.exposure_time = None
    second.meta.exposure.nints = None
    second.meta.observation.bkgdtarg = None
    first.meta.target.catalog_name = None
    second.meta.observation.date = None
    return [first, second]


def unknown():
    """What the schema does not know."""
    first, second = bench(1), bench(2)
    first.meta.unheard_of = 3
    first.meta.instrument.unheard_of = "x"
    second.meta.unheard_of = 4
    return [first, second]


def cubes():
    """Cubes."""
    return [bench(1, kind="CubeModel"), bench(2, kind="CubeModel")]


def worked():
    """The worked example of the specification."""
    first, second = datamodels.ImageModel((2, 2)), datamodels.ImageModel((2, 2))
    rows = (
        (first, "a.fits", 10.0, 100.0, 110.0, "NRCA1", "2024-01-02", None, 1.0),
        (second, "b.fits", 20.0, 50.0, 61.0, "NRCB1", "2024-01-01", "outside calibration tolerance", 2.0),
    )
    for model, name, time, start, mid, detector, date, tolerance, ra in rows:
        model.meta.filename, model.meta.date = name, "2024-01-03T00:00:00.000"
        model.meta.exposure.exposure_time = time
        model.meta.exposure.start_time, model.meta.exposure.mid_time = start, mid
        model.meta.instrument.filter, model.meta.instrument.detector = "F444W", detector
        model.meta.instrument.filter_wheel_tolerance = tolerance
        model.meta.observation.date, model.meta.target.ra = date, ra
    return [first, second]


CASES = {
    "plain": (plain, None),
    "single": (single, None),
    "missing": (missing, None),
    "unknown": (unknown, None),
    "cubes": (cubes, None),
    "worked": (worked, None),
    "ignored": (plain, ["meta.filename", "meta.instrument", "meta.exposure.exp", "meta.wcsinfo.crval1"]),
    "ignored_leaf": (plain, ["meta.date", "meta.observation.date", "meta.wcs"]),
}


def make_inputs(name):
    """Exposures of a case, what is ignored, and a product that says something already."""
    make, ignore = CASES[name]
    product = datamodels.ImageModel((6, 7))
    product.meta.filename = "product_i2d.fits"
    product.meta.instrument.name = "FGS"
    product.meta.instrument.grating = "G140M"
    product.meta.exposure.exposure_time = 7.0
    product.meta.exposure.zero_frame = True
    return make(), ignore, product


def metadata(model):
    """All metadata of a model as texts, numbers and None, without how it was made."""
    flat = model.to_flat_dict(include_arrays=False)
    return {name: value for name, value in flat.items() if name.startswith("meta.") and "wcs.name" not in name}


def table_columns(table):
    """Names, types and values of the columns of a table."""
    table = np.asarray(table)
    return [[name, table.dtype[name].newbyteorder("=").str, table[name].tolist()] for name in table.dtype.names]
