"""Small combined images and references for the catalogue of sources: for make_source_catalog.py and for the tests."""

from __future__ import annotations

import numpy as np

SCALE = 0.0312 / 3600.0
PIXEL_AREA = 2.29e-14
ANGLE = 0.5
STARS = ((30, 40, 20, 1.1), (80.3, 70.6, 50, 1.1), (60, 100, 30, 4), (86, 70, 25, 1.1))
EDGES = ((1.2, 20.4, 40, 1.1), (110.7, 117.6, 60, 1.3), (118.9, 3.1, 80, 1.0), (50.5, 12.5, 100, 1.2))
PLANES = ("data", "err", "wht")
KEYS = {"NIRCAM": ("F200W", "CLEAR"), "NIRISS": ("CLEAR", "F200W"), "MIRI": ("F770W", None), "FGS": (None, None)}
DETECTORS = {"NIRCAM": "NRCA1", "NIRISS": "NIS", "MIRI": "MIRIMAGE", "FGS": "GUIDER1"}


def gaussians(shape, sources, *, seed=3, noise=0.05, background=0.2):
    """Image of round sources (x, y, amplitude, sigma) with noise."""
    y, x = np.indices(shape)
    image = np.full(shape, background)
    for x0, y0, amplitude, sigma in sources:
        image += amplitude * np.exp(-0.5 * ((x - x0) ** 2 + (y - y0) ** 2) / sigma**2)
    return (image + np.random.default_rng(seed).normal(0, noise, shape)).astype(np.float32)


def tangent_wcs(shape, *, scale=SCALE, angle=ANGLE):
    """A gwcs as resampled images have it."""
    from astropy import coordinates, units
    from astropy.modeling.models import Pix2Sky_Gnomonic
    from gwcs import WCS, FITSImagingWCSTransform, coordinate_frames

    ny, nx = shape
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    transform = FITSImagingWCSTransform(
        Pix2Sky_Gnomonic(),
        crpix=((nx - 1) / 2, (ny - 1) / 2),
        crval=(80.0, -69.5),
        cdelt=(scale, scale),
        pc=np.array([[-c, s], [s, c]]),
    )
    detector = coordinate_frames.Frame2D(name="detector", axes_order=(0, 1), unit=(units.pix, units.pix))
    world = coordinate_frames.CelestialFrame(
        reference_frame=coordinates.ICRS(), name="world", unit=(units.deg, units.deg)
    )
    wcs = WCS([(detector, transform), (world, None)])
    wcs.bounding_box = ((-0.5, nx - 0.5), (-0.5, ny - 0.5))
    return wcs


def image(sources=STARS, *, shape=(120, 120), instrument="NIRCAM", ratio=1.0, scene=None):
    """A combined image in MJy/sr; ``scene`` changes its planes."""
    from stdatamodels.jwst import datamodels

    model = datamodels.ImageModel(shape)
    planes = {
        "data": gaussians(shape, sources),
        "err": np.full(shape, 0.05, np.float32),
        "wht": np.ones(shape, np.float32),
    }
    if scene is not None:
        scene(planes)
    for name in PLANES:
        setattr(model, name, planes[name])
    meta = model.meta
    meta.instrument.name, meta.instrument.detector = instrument, DETECTORS[instrument]
    meta.instrument.filter, meta.instrument.pupil = KEYS[instrument]
    meta.exposure.type = {"NIRCAM": "NRC_IMAGE", "NIRISS": "NIS_IMAGE", "MIRI": "MIR_IMAGE", "FGS": "FGS_IMAGE"}[
        instrument
    ]
    meta.observation.date, meta.observation.time = "2023-07-01", "00:00:00"
    meta.subarray.name = "FULL"
    meta.bunit_data = meta.bunit_err = "MJy/sr"
    meta.photometry.pixelarea_steradians = PIXEL_AREA * ratio**2
    meta.resample.pixel_scale_ratio = ratio
    meta.cal_step.resample = "COMPLETE"
    ny, nx = shape
    meta.wcsinfo.crpix1, meta.wcsinfo.crpix2 = (nx + 1) / 2, (ny + 1) / 2
    meta.wcs = tangent_wcs(shape, scale=SCALE * ratio)
    meta.filename = "tt_i2d.fits"
    return model


def holes(planes):
    """Regions without data, unseen and noisy ones, and a slope of the background."""
    ny, nx = planes["data"].shape
    planes["data"] += (np.arange(nx) / nx).astype(np.float32)
    planes["err"] *= 1 + (np.arange(ny) / ny).astype(np.float32)[:, None]
    for name in ("data", "err"):
        planes[name][:9, :7] = np.nan
        planes[name][70, 82] = np.nan
    planes["wht"][:9, :7] = planes["wht"][112:, :20] = 0
    planes["data"][20, 31:40] = np.nan


def pit(planes):
    """A deep ring around a star, so that its background is higher than the star."""
    planes["data"][88:114, 46:74] -= 3


APERTURES = ((0.3, 1.25, 3.3), (0.5, 1.8, 2.0), (0.7, 3.1, 1.43))


def apcorr(instrument="NIRCAM", rows=APERTURES, *, sky=(8, 13), key=None):
    """A reference of aperture corrections; rows are encircled energy, radius, correction."""
    from stdatamodels.jwst import datamodels

    names = {
        "NIRCAM": ("NrcImg", "pupil"),
        "NIRISS": ("NisImg", "pupil"),
        "MIRI": ("MirImg", "subarray"),
        "FGS": ("FgsImg", ""),
    }
    start, second = names[instrument]
    cls = getattr(datamodels, f"{start}ApcorrModel")
    texts = key or (KEYS[instrument][0], KEYS[instrument][1] if second == "pupil" else "FULL")
    numbers = [(*row, *sky) for row in rows]
    columns = [(name, "f4") for name in ("eefraction", "radius", "apcorr", "skyin", "skyout")]
    if second:
        columns = [("filter", "S12"), (second, "S17" if second == "subarray" else "S15"), *columns]
        other = (0.7, 99, 9, 1, 2)
        numbers = [("F070W", texts[1], *other), *((*texts, *row) for row in numbers)]
    model = cls(apcorr_table=np.array(numbers, dtype=columns))
    return _described(model, instrument, "APCORR")


def offsets(instrument="NIRCAM", value=1.7, *, rows=1):
    """A reference of magnitude offsets."""
    from astropy.table import Table
    from stdatamodels.jwst import datamodels

    table = Table()
    if instrument == "FGS":
        table["detector"] = ["GUIDER2", *["GUIDER1"] * rows]
    else:
        table["filter"] = ["F070W", *[KEYS[instrument][0]] * rows]
        if instrument != "MIRI":
            table["pupil"] = ["CLEAR", *[KEYS[instrument][1]] * rows]
    table["abvega_offset"] = np.array([9.0, *[value] * rows], np.float32)
    model = datamodels.ABVegaOffsetModel()
    model.abvega_offset = table
    return _described(model, instrument, "ABVEGAOFFSET")


def _described(model, instrument, reftype):
    meta = model.meta
    meta.instrument.name, meta.reftype = instrument, reftype
    meta.author = meta.description = meta.pedigree = "GROUND"
    meta.useafter = "2020-01-01T00:00:00"
    return model


def _case(picture=None, **parameters):
    return {"picture": picture or {}, "parameters": {"bkg_boxsize": 60, **parameters}}


CASES = {
    "stars": _case(),
    "edges": _case({"sources": STARS + EDGES, "scene": holes}),
    "pit": _case({"scene": pit}),
    "half_pixels": _case({"ratio": 0.5}),
    "one_star": _case({"sources": STARS[:1], "instrument": "NIRISS"}),
    "miri": _case({"instrument": "MIRI", "sources": EDGES}, aperture_ee1=30, aperture_ee2=50, aperture_ee3=70),
    "fgs": _case({"instrument": "FGS"}, kernel_fwhm=3.5, snr_threshold=5.0),
    "options": _case(
        {"sources": STARS + EDGES},
        npixels=12,
        connectivity=4,
        deblend=False,
        localbkg_width=6,
        apermask_method="mask",
        ci1_star_threshold=1.2,
        ci2_star_threshold=1.1,
    ),
    "contrast": _case({"sources": STARS + EDGES}, nlevels=8, contrast=0.3, multithresh_mode="linear", kernel_fwhm=2.6),
    "iraf": _case({"sources": STARS + EDGES}, starfinder="iraf", snr_threshold=10.0),
    "dao": _case({"sources": STARS + EDGES}, starfinder="dao", snr_threshold=10.0, roundlo=-1.0, roundhi=1.0),
}
CORNERS = ("sky_bbox_ll", "sky_bbox_ul", "sky_bbox_lr", "sky_bbox_ur")


def numbers(catalog):
    """Numbers of a catalogue by column; sky positions as (n, 2) in degrees."""
    found = {}
    for name in catalog.colnames:
        column = catalog[name]
        if hasattr(column, "ra"):
            found[name] = np.column_stack([column.ra.deg, column.dec.deg])
        elif getattr(column, "dtype", None) is not None and column.dtype.kind in "iufb":
            found[name] = np.asarray(getattr(column, "value", column))
    return found
