"""Tiny exposures and references of photom: for the script that makes parity vectors, and for the tests."""

from __future__ import annotations

import numpy as np

SHAPE = (4, 5)
FILTERS = (("F150W", "CLEAR", 2.5), ("F200W", "CLEAR", 1.5))
TIMES = {
    "linear": {"t0": 60000.0, "lossperyear": 0.02},
    "exponential": {"t0": 60000.0, "amplitude": 0.1, "tau": 200.0, "const": 0.9},
    "powerlaw": {"t0": 60000.0, "year1value": 0.95, "tsoft": 10.0, "alpha": -0.02},
}
INSTRUMENTS = {
    "NIRCAM": ("NRCA1", "NRC_IMAGE"),
    "MIRI": ("MIRIMAGE", "MIR_IMAGE"),
    "NIRISS": ("NIS", "NIS_IMAGE"),
    "FGS": ("GUIDER1", "FGS_IMAGE"),
}


def table(rows, names):
    """A structured array of texts and float32."""
    kinds = {"filter": "S12", "pupil": "S12", "subarray": "S17"}
    return np.array(rows, dtype=[(name, kinds.get(name, "f4")) for name in names])


def science(instrument="NIRCAM", *, shape=SHAPE, corner=(1, 1), bad=True, seed=5, **elements):
    """A rate image, or a cube, of random values with unusable pixels."""
    from stdatamodels.jwst import datamodels

    rng = np.random.default_rng(seed)
    model = (datamodels.ImageModel if len(shape) == 2 else datamodels.CubeModel)(shape)
    for name in ("data", "err", "var_poisson", "var_rnoise", "var_flat"):
        setattr(model, name, rng.uniform(0.5, 9, shape).astype(np.float32))
    model.dq = np.zeros(shape, np.uint32)
    if bad:
        model.dq[..., 1, 1], model.dq[..., 1, 2] = 1, 4
        model.data[..., 2, 2] = np.nan
        model.err[..., 3, 3] = np.nan
    meta = model.meta
    meta.instrument.name = instrument
    meta.instrument.detector, meta.exposure.type = INSTRUMENTS[instrument]
    meta.exposure.mid_time = 60126.005
    meta.observation.date, meta.observation.time = "2023-07-01", "00:00:00"
    meta.subarray.name = elements.pop("subarray", "FULL")
    meta.subarray.xstart, meta.subarray.ystart = corner
    meta.subarray.ysize, meta.subarray.xsize = shape[-2:]
    meta.bunit_data = meta.bunit_err = "DN/s"
    meta.filename = "jw01234001001_02101_00001_rate.fits"
    meta.exposure.type = elements.pop("exp_type", meta.exposure.type)
    for name, value in elements.items():
        setattr(meta.instrument, name, value)
    return model


def photom(instrument="NIRCAM", *, times=(), subarrays=False, twice=False, pixels=True):
    """A photometric reference."""
    from stdatamodels.jwst import datamodels

    names = {"MIRI": ("filter", "subarray"), "FGS": ()}.get(instrument, ("filter", "pupil"))
    keys = [(name, pupil) for name, pupil, _ in FILTERS]
    factors = [factor for _, _, factor in FILTERS]
    if instrument == "MIRI":
        keys, factors = [("F770W", "FULL"), ("F770W", "GENERIC"), ("F560W", "GENERIC")], [0.3, 0.4, 0.45]
    if instrument == "FGS":
        keys, factors = [()], [0.7]
    if subarrays:
        names = (*names, "subarray")
        keys, factors = [("F200W", "CLEAR", "SUB64"), ("F200W", "CLEAR", "FULL")], [3.5, 1.5]
    if twice:
        keys, factors = keys + keys[-1:], factors + factors[-1:]
    classes = {"NIRCAM": "Nrc", "MIRI": "Mir", "NIRISS": "Nis", "FGS": "Fgs"}
    columns = (*names, "photmjsr", "uncertainty")
    rows = [(*key, factor, 0.1) for key, factor in zip(keys, factors, strict=True)]
    model = getattr(datamodels, f"{classes[instrument]}ImgPhotomModel")(phot_table=table(rows, columns))
    if pixels:
        model.meta.photometry.pixelarea_steradians, model.meta.photometry.pixelarea_arcsecsq = 2.3e-14, 0.00098
    for kind in times:
        common = () if (instrument, kind) == ("NIRISS", "linear") else names[:2]
        rows = [(*key[: len(common)], *TIMES[kind].values()) for key in keys]
        setattr(model, f"timecoeff_{kind}", table(rows, (*common, *TIMES[kind])))
    return _described(model, instrument)


def _described(model, instrument):
    """Give a reference the keywords that every reference has."""
    values = {"description": "x", "author": "x", "pedigree": "DUMMY", "useafter": "2022-01-01T00:00:00"}
    for name, value in values.items():
        setattr(model.meta, name, value)
    model.meta.reftype = "photom"
    model.meta.instrument.name = instrument
    return model


def area(*, shape=(8, 9), keywords=True):
    """A pixel area reference."""
    from stdatamodels.jwst import datamodels

    data = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    model = datamodels.PixelAreaModel(data=data)
    if keywords:
        model.meta.photometry.pixelarea_steradians, model.meta.photometry.pixelarea_arcsecsq = 2.5e-14, 0.00106
    return _described(model, "NIRCAM")


NRC = {"filter": "F200W", "pupil": "CLEAR"}
CASES = {
    "plain": (("NIRCAM", NRC), {}, None, {}),
    "inverse": (("NIRCAM", NRC), {}, None, {"inverse": True}),
    "cube": (("NIRCAM", {**NRC, "shape": (3, 4, 5), "exp_type": "NRC_TSIMAGE"}), {}, {}, {}),
    "area": (("NIRCAM", {**NRC, "corner": (3, 2)}), {}, {}, {}),
    "area_bare": (("NIRCAM", NRC), {}, {"keywords": False}, {}),
    "no_pixels": (("NIRCAM", NRC), {"pixels": False}, None, {}),
    "no_row": (("NIRCAM", {**NRC, "filter": "F444W"}), {}, {}, {}),
    "sub64": (("NIRCAM", {**NRC, "subarray": "SUB64"}), {"subarrays": True}, None, {}),
    "subx": (("NIRCAM", {**NRC, "subarray": "SUB160"}), {"subarrays": True}, None, {}),
    "miri_full": (("MIRI", {"filter": "F770W"}), {}, None, {}),
    "miri_generic": (("MIRI", {"filter": "F770W", "subarray": "SUB256"}), {}, {}, {}),
    "miri_time": (("MIRI", {"filter": "F770W"}), {"times": ("powerlaw", "exponential")}, None, {}),
    "niriss": (("NIRISS", NRC), {}, {}, {}),
    "niriss_ami": (("NIRISS", {**NRC, "shape": (3, 4, 5), "exp_type": "NIS_AMI"}), {}, {}, {}),
    "niriss_linear": (("NIRISS", NRC), {"times": ("linear",)}, None, {}),
    "fgs": (("FGS", {}), {}, {}, {}),
    "fgs_time": (("FGS", {}), {"times": ("linear",)}, None, {}),
    **{kind: (("NIRCAM", NRC), {"times": (kind,)}, None, {}) for kind in TIMES},
    "all_times": (("NIRCAM", NRC), {"times": tuple(TIMES)}, None, {}),
    "time_off": (("NIRCAM", NRC), {"times": tuple(TIMES)}, None, {"apply_time_correction": False}),
}
"""Instrument and changes of the exposure, changes of photom, those of area (None: no reference), parameters."""

PLANES = ("data", "err", "var_poisson", "var_rnoise", "var_flat", "dq", "area")


def make_case(name):
    """The exposure of a case, and the arguments of the step."""
    (instrument, changes), photometry, pixel_area, parameters = CASES[name]
    overrides = {
        "override_photom": photom(instrument, **photometry),
        "override_area": "N/A" if pixel_area is None else area(**pixel_area),
    }
    return science(instrument, **changes), overrides | parameters


def metadata(model):
    """What the step writes into the header."""
    found, meta = model.meta.photometry, model.meta
    names = ("conversion_megajanskys", "conversion_microjanskys", "pixelarea_steradians", "pixelarea_arcsecsq")
    return [*(getattr(found, name) for name in names), meta.bunit_data, meta.bunit_err, meta.cal_step.photom]
