"""NIRSpec exposures and references for tests of world coordinates: real optics, made-up shutters.

The optics are the public references of CRDS context jwst_0676.pmap, kept in ``nirspec_references.zip``. The MSA
reference has the pitch and, nearly, the place of the real one. Used by the tests and by make_nirspec_wcs.py.
"""

import pathlib
import zipfile

import numpy as np

ARCHIVE = pathlib.Path(__file__).with_name("nirspec_references.zip")
DISPERSERS = {"G395M": "0036", "G395H": "0035", "G140M": "0032", "PRISM": "0034"}
FORES = {"F290LP": "0022", "F100LP": "0023", "F070LP": "0023", "CLEAR": "0028", "OPAQUE": "0028"}
FILES = {
    "camera": "0004",
    "collimator": "0004",
    "fpa": "0005",
    "ote": "0005",
    "wavelengthrange": "0004",
    "ifupost": "0004",
    "ifufore": "0003",
    "ifuslicer": "0003",
}
IFU_ONLY = ("ifupost", "ifufore", "ifuslicer", "chromcorr")
FIXED = {"S200A1": (0.0269, -0.00277), "S200A2": (0.0351, -0.0012), "S400A1": (0.0294, 0.0005)}
FIXED |= {"S1600A1": (0.0286, 0.0016), "S200B1": (-0.0318, -0.0017)}
SIZES = {"S200A1": (8e-5, 1.3e-3), "S200A2": (8e-5, 1.3e-3), "S400A1": (1.6e-4, 1.5e-3)}
SIZES |= {"S1600A1": (6.3e-4, 6.3e-4), "S200B1": (8e-5, 1.3e-3)}
CORNERS = {1: (0.0009, 0.0019), 2: (0.0009, -0.0368), 3: (-0.0392, 0.0019), 4: (-0.0392, -0.0368)}
ROW = [("NO", ">i4"), ("XC", ">f4"), ("YC", ">f4"), ("SIZEX", ">f4"), ("SIZEY", ">f4")]
MSA_ID, DITHER = 76, 1
SHUTTERS = [
    # slitlet, quadrant, row, column, source, background, x, y, primary, fixed slit; of one dither position
    (1, 3, 200, 85, 11, "Y", np.nan, np.nan, "N", "NONE"),
    (1, 3, 200, 86, 11, "N", 0.31, 0.62, "Y", "NONE"),
    (1, 3, 200, 87, 11, "Y", np.nan, np.nan, "N", "NONE"),
    *((2, 1, 300, column, 0, "Y", np.nan, np.nan, "N", "NONE") for column in (60, 61, 62, 63)),
    (3, 4, 40, 40, -5, "N", np.nan, np.nan, "Y", "NONE"),
    (3, 4, 40, 42, -5, "Y", np.nan, np.nan, "N", "NONE"),
    (4, 2, 120, 7, 12, "N", 0.5, 0.5, "Y", "NONE"),
    (5, 2, 121, 160, 13, "N", 0.9, 0.1, "Y", "NONE"),
    (6, 5, 0, 0, 14, "N", 0.5, 0.5, "Y", "S400A1"),
    (7, 5, 0, 0, 0, "Y", np.nan, np.nan, "N", "S200A2"),
]
SOURCES = [(2736, n, f"2736_{n}", f"alias {n}", 110.8 + n / 1e3, -73.4 - n / 1e3, "None", n / 20) for n in (11, 12, 14)]


def references(folder, *, grating="G395M", filter_name="F290LP", ifu=False):
    """Write the references of a mode into a folder; paths by type."""
    from stdatamodels.jwst import datamodels

    folder = pathlib.Path(folder)
    numbers = {**FILES, "disperser": DISPERSERS[grating], "fore": FORES[filter_name]}
    names = {kind: f"jwst_nirspec_{kind}_{number}.asdf" for kind, number in numbers.items()}
    names = {kind: name for kind, name in names.items() if ifu or kind not in IFU_ONLY}
    with zipfile.ZipFile(ARCHIVE) as archive:
        for name in names.values():
            if not (folder / name).exists():
                archive.extract(name, folder)
    paths = {kind: str(folder / name) for kind, name in names.items()}
    made = {"chromcorr": chromcorr} if ifu else {"msa": msa}
    for kind, make in made.items():
        paths[kind] = str(folder / f"made_{kind}.asdf")
        if not pathlib.Path(paths[kind]).exists():
            with make(datamodels) as model:
                model.save(paths[kind])
    return paths


def chromcorr(datamodels):
    """Shift of the fore optics, the same at all wavelengths."""
    from astropy.modeling.models import Identity, Shift

    model = datamodels.ChromCorrModel(model=Shift(1e-6) & Shift(-2e-6) & Identity(1))
    model.meta.description, model.meta.author, model.meta.pedigree = "made up", "nobody", "DUMMY"
    model.meta.useafter = "2020-01-01T00:00:00"
    model.meta.input_units = model.meta.output_units = "deg"
    return model


def msa(datamodels):
    """Four quadrants of 365 x 171 shutters, and the fixed slits."""
    from astropy.modeling.models import Rotation2D, Shift

    column, row = np.meshgrid(np.arange(365), np.arange(171))
    table = np.zeros(column.size, ROW)
    table["NO"] = np.arange(column.size)
    table["XC"], table["YC"] = column.ravel() * 1.05e-4, row.ravel() * 2.04e-4
    table["SIZEX"], table["SIZEY"] = 7.8e-5, 1.78e-4
    slits = np.array([(n + 1, *FIXED[name], *SIZES[name]) for n, name in enumerate(FIXED)], ROW)
    slits = np.append(slits, np.array([(6, 0.0487, 0.0, 4e-4, 0.036)], ROW))
    angles = {1: 0.01, 2: -0.02, 3: 0.03, 4: 0.0, 5: 0.005}
    places = {**CORNERS, 5: (1e-5, -2e-5)}
    shapes = {q: Rotation2D(angles[q]) | Shift(places[q][0]) & Shift(places[q][1]) for q in places}
    model = datamodels.MSAModel(
        models={f"Q{q}": shape for q, shape in shapes.items()},
        data={f"Q{q}": slits if q == 5 else table for q in shapes},
    )
    model.meta.description, model.meta.author, model.meta.pedigree = "made up", "nobody", "DUMMY"
    model.meta.useafter = "2020-01-01T00:00:00"
    return model


def msa_file(path, rows=SHUTTERS, *, fixed=True):
    """Write an MSA metadata file; with or without the column of fixed slits."""
    from astropy.io import fits

    table = [(s, MSA_ID, *r[:4], r[4], "OPEN", *r[5:7], DITHER, r[7], r[8]) for s, *r in rows]
    table += [(8, MSA_ID + 1, 1, 5, 5, 0, "Y", "OPEN", np.nan, np.nan, 2, "N", "NONE")]
    names = "slitlet_id msa_metadata_id shutter_quadrant shutter_row shutter_column source_id background shutter_state "
    names += "estimated_source_in_shutter_x estimated_source_in_shutter_y dither_point_index primary_source fixed_slit"
    formats = ["I", "I", "I", "I", "I", "J", "1A", "6A", "E", "E", "I", "1A", "7A"]
    columns = zip(names.split(), formats, zip(*table, strict=True), strict=True)
    shutters = [fits.Column(name=name, format=form, array=list(values)) for name, form, values in columns]
    names = ["program", "source_id", "source_name", "alias", "ra", "dec", "preimage_id", "stellarity"]
    columns = zip(names, ["J", "J", "20A", "31A", "D", "D", "30A", "D"], zip(*SOURCES, strict=True), strict=True)
    sources = [fits.Column(name=name, format=form, array=list(values)) for name, form, values in columns]
    tables = [fits.BinTableHDU.from_columns(shutters if fixed else shutters[:-1], name="SHUTTER_INFO")]
    tables += [fits.BinTableHDU.from_columns(sources, name="SOURCE_INFO")]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(path, overwrite=True)
    return str(path)


def exposure(kind="NRS_FIXEDSLIT", *, detector="NRS1", **changes):
    """An empty rate with the keywords that world coordinates need.

    Changes are given as ``instrument_grating="PRISM"`` for ``meta.instrument.grating``.
    """
    from stdatamodels.jwst import datamodels

    cls = {"NRS_IFU": "IFUImageModel", "NRS_BRIGHTOBJ": "CubeModel"}.get(kind, "ImageModel")
    size = changes.pop("shape", (2048, 2048))
    model = getattr(datamodels, cls)((1, *size) if cls == "CubeModel" else size)
    meta = model.meta
    meta.filename, meta.telescope = "jw02736007001_03101_00001_nrs_rate.fits", "JWST"
    meta.observation.program_number, meta.observation.date = "02736", "2022-06-30"
    meta.observation.time, meta.exposure.start_time = "13:55:00", 59760.6
    instrument = {"name": "NIRSPEC", "detector": detector, "filter": "F290LP", "grating": "G395M"}
    instrument |= {"gwa_xtilt": 0.2831860999999936, "gwa_ytilt": 0.1776813719999957, "gwa_tilt": 36.0111500000014}
    instrument |= {"fixed_slit": "S200A1" if kind == "NRS_FIXEDSLIT" else "S1600A1"}
    instrument |= {"lamp_state": "NONE", "lamp_mode": "NONE"}
    values = {f"instrument.{key}": value for key, value in instrument.items()}
    values |= {"exposure.type": kind, "dither.position_number": 1, "subarray.name": "FULL"}
    values |= {"subarray.xstart": 1, "subarray.ystart": 1, "subarray.xsize": size[1], "subarray.ysize": size[0]}
    values |= {"wcsinfo.v2_ref": 378.563202, "wcsinfo.v3_ref": -428.402832, "wcsinfo.roll_ref": 170.368}
    values |= {"wcsinfo.ra_ref": 110.864044, "wcsinfo.dec_ref": -73.456918, "wcsinfo.v3yangle": 138.5745697}
    values |= {"wcsinfo.vparity": -1, "wcsinfo.velosys": 3480.15}
    values |= {"velocity_aberration.scale_factor": 0.9999883794915129}
    values |= {key.replace("_", ".", 1): value for key, value in changes.items()}
    for key, value in values.items():
        node = meta
        *path, last = key.split(".")
        for part in path:
            node = getattr(node, part)
        setattr(node, last, value)
    return model


LAMP = {"instrument_filter": "OPAQUE", "instrument_lamp_state": "LINE3"}
PRISM = {"instrument_grating": "PRISM", "instrument_filter": "CLEAR"}
CASES = {
    "slits": {"kind": "NRS_FIXEDSLIT"},
    "slits_nrs2": {"kind": "NRS_FIXEDSLIT", "detector": "NRS2", "instrument_grating": "G395H"},
    "bright": {
        "kind": "NRS_BRIGHTOBJ",
        "shape": (32, 512),
        "subarray_name": "SUB512",
        "subarray_xstart": 1250,
        "subarray_ystart": 940,
        **PRISM,
    },
    "mos": {"kind": "NRS_MSASPEC"},
    "mos_nrs2": {"kind": "NRS_MSASPEC", "detector": "NRS2", "instrument_grating": "G395H"},
    "mos_prism": {"kind": "NRS_MSASPEC", **PRISM},
    "lamp": {
        "kind": "NRS_AUTOWAVE",
        "instrument_lamp_mode": "FIXEDSLIT",
        "instrument_lamp_state": "LINE3",
        "instrument_filter": "OPAQUE",
        "wcsinfo_velosys": None,
    },
    "ifu": {"kind": "NRS_IFU"},
    "ifu_nrs2": {"kind": "NRS_IFU", "detector": "NRS2", "instrument_grating": "G395H", "wcsinfo_velosys": None},
}


def case(name, folder):
    """The exposure of a case, and its references by type."""
    options = dict(CASES[name])
    kind = options.pop("kind")
    if kind == "NRS_MSASPEC":
        options |= {"instrument_msa_metadata_id": MSA_ID, "dither_position_number": DITHER}
        options["instrument_msa_metadata_file"] = msa_file(pathlib.Path(folder) / "made_msa.fits")
    model = exposure(kind, **options)
    instrument = model.meta.instrument
    found = references(folder, grating=instrument.grating, filter_name=instrument.filter, ifu=kind == "NRS_IFU")
    return model, found


def sample_pixels(box):
    """Pixels in a bounding box, and some at its edges: x and y."""
    (x_low, x_high), (y_low, y_high) = box
    x, y = np.meshgrid(np.linspace(x_low + 0.6, x_high - 0.6, 7), np.linspace(y_low + 0.6, y_high - 0.6, 6))
    return x.ravel(), y.ravel()
