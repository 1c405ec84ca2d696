"""Dithered fields of stars whose headers are a little wrong: for the tests of tweakreg and for make_tweakreg.py."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SCALE = 0.0312  # arcsec / pixel
V2, V3 = 120.0, -527.0
RA, DEC = 80.0, -69.5
SIZE = 300
FWHM = 2.5
NOISE = 0.5


@dataclass(frozen=True)
class Shot:
    """One exposure of the field.

    Parameters
    ----------
    number : int
        Number of the exposure; those with the same number are one group.
    offset : (float, float)
        Where the telescope really points: towards east and north of the field's centre, arcsec.
    error : (float, float, float)
        What the header says in addition: right ascension (as an arc on the sky) and declination, arcsec; roll, deg.
    detector : str
    shift : (float, float)
        Place of the detector, arcsec in V2 and V3.
    seed : int
        Of the noise.
    blank : bool
        No stars.
    """

    number: int
    offset: tuple[float, float] = (0.0, 0.0)
    error: tuple[float, float, float] = (0.0, 0.0, 0.0)
    detector: str = "NRCA1"
    shift: tuple[float, float] = (0.0, 0.0)
    seed: int = 1
    blank: bool = False


THREE = (
    Shot(1),
    Shot(2, offset=(0.6, -0.4), error=(0.3, -0.2, 0.0), seed=2),
    Shot(3, offset=(-0.5, 0.7), error=(-0.1, 0.15, 0.05), seed=3),
)
GROUPS = (
    Shot(1),
    Shot(1, detector="NRCA2", shift=(-9.5, 0.3), seed=4),
    Shot(2, offset=(0.6, -0.4), error=(0.25, 0.2, 0.03), seed=2),
    Shot(2, offset=(0.6, -0.4), error=(0.25, 0.2, 0.03), detector="NRCA2", shift=(-9.5, 0.3), seed=5),
)


def stars(count: int = 60, *, seed: int = 20230701, width: float = SIZE * SCALE) -> np.ndarray:
    """Stars of the field: right ascension and declination (deg) and amplitude, (count, 3)."""
    rng = np.random.default_rng(seed)
    east, north = rng.uniform(-width / 2, width / 2, (2, count))
    ra = RA + east / 3600 / np.cos(np.deg2rad(DEC))
    return np.stack([ra, DEC + north / 3600, rng.uniform(50, 500, count)], axis=1)


def wide_stars() -> np.ndarray:
    """Stars that two detectors see."""
    return stars(150, seed=7, width=1000 * SCALE)


def wcs_of(pointing, shape, *, shift=(0.0, 0.0), va=1.00001):
    """World coordinates as assign_wcs makes them, of a detector without distortion.

    ``pointing`` is ra_ref, dec_ref, roll_ref in deg.
    """
    from astropy import coordinates
    from astropy import units as u
    from astropy.modeling import bind_bounding_box
    from astropy.modeling.models import RotationSequence3D, Scale, Shift
    from gwcs import coordinate_frames as cf
    from gwcs import wcs
    from gwcs.geometry import CartesianToSpherical, SphericalToCartesian

    ny, nx = shape
    ra, dec, roll = pointing
    detector = Shift(-(nx - 1) / 2) & Shift(-(ny - 1) / 2) | Scale(-SCALE) & Scale(SCALE)
    detector = detector | Shift(V2 + shift[0]) & Shift(V3 + shift[1])
    bind_bounding_box(detector, ((-0.5, nx - 0.5), (-0.5, ny - 0.5)), order="F")
    aberration = Scale(va, name="dva_scale_v2") & Scale(va, name="dva_scale_v3")
    aberration = aberration | Shift((1 - va) * V2, name="dva_v2_shift") & Shift((1 - va) * V3, name="dva_v3_shift")
    aberration.name = "DVA_Correction"
    rotation = RotationSequence3D([V2 / 3600, -V3 / 3600, roll, dec, -ra], axes_order="zyxyz")
    sky = Scale(1 / 3600) & Scale(1 / 3600) | SphericalToCartesian(wrap_lon_at=180)
    sky = sky | rotation | CartesianToSpherical(wrap_lon_at=360)
    sky.name = "v23tosky"
    plane = {"unit": (u.arcsec, u.arcsec), "axes_names": ("v2", "v3"), "axes_order": (0, 1)}
    pixels = cf.Frame2D(name="detector", axes_order=(0, 1), unit=(u.pix, u.pix))
    world = cf.CelestialFrame(name="world", reference_frame=coordinates.ICRS())
    steps = [
        (pixels, detector),
        (cf.Frame2D(name="v2v3", **plane), aberration),
        (cf.Frame2D(name="v2v3vacorr", **plane), sky),
        (world, None),
    ]
    return wcs.WCS(steps)


def pointings(shot: Shot, roll: float = 0.0):
    """True pointing and the one of the header: ra_ref, dec_ref, roll_ref in deg."""
    east, north = shot.offset
    cos_dec = np.cos(np.deg2rad(DEC))
    true = RA + east / 3600 / cos_dec, DEC + north / 3600, roll
    d_ra, d_dec, d_roll = shot.error
    return true, (true[0] + d_ra / 3600 / cos_dec, true[1] + d_dec / 3600, true[2] + d_roll)


def image(x, y, amplitude, shape, seed):
    """Gaussian stars on a level of 1, with noise."""
    rng = np.random.default_rng(seed)
    ny, nx = shape
    data = 1.0 + rng.normal(0, NOISE, shape)
    sigma = FWHM / (2 * np.sqrt(2 * np.log(2)))
    for cx, cy, height in zip(x, y, amplitude, strict=True):
        if not (-10 < cx < nx + 10 and -10 < cy < ny + 10):
            continue
        rows, columns = slice(max(0, int(cy) - 9), int(cy) + 11), slice(max(0, int(cx) - 9), int(cx) + 11)
        yy, xx = _grid(rows, columns, shape)
        data[rows, columns] += height * np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / (2 * sigma**2))
    return data.astype(np.float32)


def _grid(rows, columns, shape):
    ny, nx = shape
    yy, xx = np.mgrid[rows.start : min(rows.stop, ny), columns.start : min(columns.stop, nx)]
    return yy, xx


def model(shot: Shot, sources=None, *, size: int = SIZE, exp_type: str = "NRC_IMAGE"):
    """Image model of an exposure."""
    from stdatamodels.jwst import datamodels

    shape = (size, size)
    true, header = pointings(shot)
    sources = stars() if sources is None else sources
    x, y = wcs_of(true, shape, shift=shot.shift).invert(sources[:, 0], sources[:, 1], with_bounding_box=False)
    height = sources[:, 2] * (not shot.blank)
    result = datamodels.ImageModel(data=image(x, y, height, shape, shot.seed))
    result.err = np.full(shape, NOISE, np.float32)
    result.dq = flags(shape, shot.seed)
    describe(result, shot, header, exp_type)
    result.meta.wcs = wcs_of(header, shape, shift=shot.shift)
    return result


def flags(shape, seed):
    """Some bad pixels, and a rim that is no science."""
    rng = np.random.default_rng(seed + 100)
    dq = np.zeros(shape, np.uint32)
    dq[rng.random(shape) < 0.002] = 1
    dq[:, :4] = 512
    return dq


def describe(result, shot, header, exp_type):
    """Write the metadata."""
    meta = result.meta
    detector = shot.detector.lower()
    meta.filename = f"jw01234001001_02101_{shot.number:05d}_{detector}_cal.fits"
    meta.instrument.name, meta.instrument.detector, meta.instrument.module = "NIRCAM", shot.detector, "A"
    meta.instrument.channel, meta.instrument.filter, meta.instrument.pupil = "SHORT", "F200W", "CLEAR"
    meta.exposure.type = exp_type
    observation = meta.observation
    observation.date, observation.time = "2023-07-01", "00:00:00"
    observation.program_number, observation.observation_number, observation.visit_number = "01234", "001", "001"
    observation.visit_group, observation.sequence_id, observation.activity_id = "02", "1", "01"
    observation.exposure_number = f"{shot.number:05d}"
    info = meta.wcsinfo
    info.v2_ref, info.v3_ref, info.v3yangle, info.vparity, info.wcsaxes = V2, V3, 0.0, -1, 2
    info.ra_ref, info.dec_ref, info.roll_ref = header
    info.crval1, info.crval2 = header[:2]
    ny, nx = result.data.shape
    info.crpix1, info.crpix2 = (nx + 1) / 2, (ny + 1) / 2
    meta.velocity_aberration.scale_factor = 1.00001
    meta.subarray.name, meta.subarray.xstart, meta.subarray.ystart = "FULL", 1, 1
    meta.subarray.xsize, meta.subarray.ysize = nx, ny


def models(shots=THREE, sources=None, **changes):
    """Image models of several exposures; ``changes`` go to `model`."""
    return [model(shot, sources, **changes) for shot in shots]


def with_error(shot: Shot, *error: float) -> Shot:
    """The exposure with another error of its header."""
    return replace(shot, error=error)


def truth_table(shift=(0.0, 0.0), sources=None, rows=None):
    """True places of the stars, moved (arcsec on the sky), as a reference catalogue."""
    from astropy.table import Table

    sources = stars() if sources is None else sources
    ra = sources[:rows, 0] + shift[0] / 3600 / np.cos(np.deg2rad(DEC))
    return Table({"RA": ra, "DEC": sources[:rows, 1] + shift[1] / 3600})


GRID = np.stack(np.meshgrid(np.linspace(0, SIZE - 1, 4), np.linspace(0, SIZE - 1, 4)), axis=-1).reshape(-1, 2)


def on_grid(wcs):
    """World coordinates of a grid of pixels, (16, 2), deg."""
    return np.stack(wcs(*GRID.T), axis=-1)


FOUR = (
    Shot(1, offset=(-4.0, 0.0)),
    Shot(2, offset=(0.0, 0.3), error=(0.2, 0.1, 0.0), seed=2),
    Shot(3, offset=(1.5, -0.5), error=(-0.15, 0.1, 0.02), seed=3),
    Shot(4, offset=(4.0, 0.0), error=(0.1, -0.2, -0.03), seed=6),
)
MIDDLE = (THREE[0], with_error(THREE[1], 0.3, -0.2, 0.02))
_WIDE = {"sources": stars(150, seed=11, width=2 * SIZE * SCALE)}

# name: exposures, further arguments of models(), parameters of the step, name of a reference catalogue
CASES = {
    "default": (THREE, {}, {}, None),
    "shift": (THREE, {}, {"fitgeometry": "shift"}, None),
    "rscale": (THREE, {}, {"fitgeometry": "rscale", "nclip": 0}, None),
    "general": (THREE, {}, {"fitgeometry": "general", "sigma": 2.0, "nclip": 5}, None),
    "dao": (THREE, {}, {"starfinder": "dao", "roundlo": -1.0, "roundhi": 1.0}, None),
    "segmentation": (THREE, {}, {"starfinder": "segmentation", "npixels": 6, "deblend": False}, None),
    "finder": (
        THREE,
        {},
        {"snr_threshold": 30.0, "kernel_fwhm": 3.0, "bkg_boxsize": 70, "brightest": 30, "minsep_fwhm": 2.0},
        None,
    ),
    "guess": (MIDDLE, {}, {"use2dhist": False, "xoffset": 0.3, "yoffset": -0.2, "tolerance": 0.5}, None),
    "groups": (GROUPS, {"sources": wide_stars()}, {"minobj": 10}, None),
    "overlap": (FOUR, _WIDE, {"expand_refcat": True, "minobj": 8}, None),
    "order": (FOUR, _WIDE, {"enforce_user_order": True, "minobj": 8}, None),
    "blank": ((THREE[0], replace(THREE[1], blank=True), THREE[2]), {}, {}, None),
    "minobj": (THREE, {}, {"minobj": 100}, None),
    "separation": (THREE, {}, {"separation": 0.5}, None),
    "one_group": (GROUPS[:2], {"sources": wide_stars()}, {}, None),
    "no_sip": (MIDDLE, {}, {"sip_approx": False}, None),
    "sip": (MIDDLE, {}, {"sip_degree": 3, "sip_inv_degree": 2, "sip_npoints": 20}, None),
    "absolute": (THREE, {}, {}, "true.ecsv"),
    "absolute_one": (THREE[1:2], {}, {"abs_fitgeometry": "general"}, "true.ecsv"),
    "absolute_groups": (GROUPS, {"sources": wide_stars()}, {"minobj": 10, "abs_fitgeometry": "shift"}, "wide.ecsv"),
    "absolute_confused": (THREE, {}, {"abs_separation": 0.5}, "true.ecsv"),
    "absolute_short": (THREE, {}, {}, "short.ecsv"),
    "absolute_far": (THREE, {}, {}, "far.ecsv"),
    "absolute_only": (THREE, {}, {"minobj": 100, "abs_use2dhist": False}, "near.ecsv"),
}

# name: columns of saved catalogues
CATALOGS = ("default", "dao", "segmentation", "finder")
SIP_KEYS = ("crval1", "crval2", "crpix1", "crpix2", "cd1_1", "cd1_2", "cd2_1", "cd2_2", "a_order", "sipmxerr")


def cluster(turn=0.0, pivot=(40.0, 40.0)):
    """Catalogue of stars close together near a corner, turned (deg) about a pixel."""
    from astropy.table import Table

    rng = np.random.default_rng(5)
    x, y = rng.uniform(10, 70, (2, 25)) - np.array(pivot)[:, None]
    cosine, sine = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    x, y = pivot[0] + cosine * x - sine * y, pivot[1] + sine * x + cosine * y
    return Table({"xcentroid": x, "ycentroid": y, "flux": np.linspace(100, 10, 25), "more": np.arange(25)})


def write_custom(folder):
    """Write catalogues of a user to a folder, lists of them, and a reference."""
    from astropy.table import Table

    one, two = cluster(), cluster(4.0)
    one.write(folder / "one.ecsv", format="ascii.ecsv", overwrite=True)
    two.rename_columns(["xcentroid", "ycentroid"], ["x", "y"])
    two.write(folder / "two.fits", overwrite=True)
    close = cluster(0.2)
    close.write(folder / "close.csv", format="csv", overwrite=True)
    lists = {"turned.txt": "two.fits", "close.txt": "close.csv"}
    names = [f"jw01234001001_02101_{number:05d}_nrca1_cal.fits" for number in (1, 2)]
    for name, second in lists.items():
        (folder / name).write_text(f"# a comment\n\n{names[0]} one.ecsv\n{names[1]}   {second}\n")
    (folder / "one.txt").write_text(f"{names[0]}\n")
    (folder / "empty.txt").write_text("# nothing\n")
    ra, dec = wcs_of(pointings(THREE[0])[1], (SIZE, SIZE))(one["xcentroid"], one["ycentroid"])
    Table({"ra": ra + 1e-4, "Dec": dec + 5e-5}).write(folder / "cluster.ecsv", format="ascii.ecsv", overwrite=True)


TWINS = (Shot(1), Shot(2, seed=2))
_CUSTOM = {"use_custom_catalogs": True, "searchrad": 0.3, "tolerance": 0.2, "separation": 0.3, "minobj": 5}
_CLUSTER = _CUSTOM | {"abs_refcat": "cluster.ecsv", "abs_tolerance": 0.2, "abs_separation": 0.3, "abs_minobj": 5}
# name: list of catalogues, parameters of the step
CUSTOM = {
    "custom_close": ("close.txt", _CUSTOM),
    "custom_turned": ("turned.txt", _CUSTOM | {"searchrad": 0.1}),
    "custom_turned_absolute": ("turned.txt", _CLUSTER | {"searchrad": 0.1}),
    "custom_close_absolute": ("close.txt", _CLUSTER),
    "custom_one": ("one.txt", {"use_custom_catalogs": True}),
    "custom_empty": ("empty.txt", {"use_custom_catalogs": True}),
    "custom_none": ("", {"use_custom_catalogs": True}),
    "custom_unused": ("close.txt", {}),
}


def given(models):
    """Give exposures catalogues in their metadata."""
    for model, name in zip(models, ("one.ecsv", "close.csv"), strict=True):
        model.meta.tweakreg_catalog = name
    return models


def write_references(folder):
    """Write the reference catalogues of `CASES` to a folder."""
    tables = {
        "true.ecsv": truth_table((0.5, 0.25)),
        "wide.ecsv": truth_table((-0.4, 0.3), wide_stars()),
        "short.ecsv": truth_table(rows=5),
        "far.ecsv": truth_table((30, 30)),
        "near.ecsv": truth_table((0.1, 0.1)),
    }
    for name, table in tables.items():
        table.write(folder / name, format="ascii.ecsv", overwrite=True)


def numbers_of(model):
    """What a case is compared by: status, name of the coordinates, frames, coordinates, footprint and SIP keywords."""
    info = model.meta.wcsinfo
    region = np.array([float(word) for word in (info.s_region or "").split()[2:]])
    sip = np.array([np.nan if info.instance.get(key) is None else info.instance[key] for key in SIP_KEYS])
    wcs = model.meta.wcs
    texts = np.array([model.meta.cal_step.tweakreg, wcs.name or "", ",".join(wcs.available_frames)])
    return {"texts": texts, "sky": on_grid(wcs), "region": region, "sip": sip.astype(float)}


def gaia_answer():
    """What the catalogue service says of the stars of the field; two have no proper motion."""
    lines = ["#  a comment", "ra,dec,raErr,decErr,mag,objID,epoch,pmra,pmdec"]
    for number, (ra, dec, height) in enumerate(stars()):
        motion = ",,"[1:] if number in (3, 7) else "0.1,-0.2"
        mag = 25 - 2.5 * np.log10(height)
        lines.append(f"{ra + 1e-4:.9f},{dec - 5e-5:.9f},0.1,0.1,{mag:.5f},{1000 + number},2023.497,{motion}")
    return "\n".join(lines) + "\n"
