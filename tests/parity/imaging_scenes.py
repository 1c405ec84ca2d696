"""Exposures and references for tests of world coordinates of images.

The references of ``imaging_references.zip`` are public ones of CRDS context jwst_0676.pmap, and those of the simulator
(``made_*``, see jwst/simulation/distortion.py) where there is none. Used by the tests and by make_imaging_wcs.py.
"""

import pathlib
import zipfile

import numpy as np

ARCHIVE = pathlib.Path(__file__).with_name("imaging_references.zip")
POINTING = {
    "ra_ref": 82.18735912166036,
    "dec_ref": -65.44754179969318,
    "roll_ref": 171.7649906070351,
    "v3yangle": -0.56126717,
    "vparity": -1,
    "wcsaxes": 2,
    "ctype1": "RA---TAN",
    "ctype2": "DEC--TAN",
    "cunit1": "deg",
    "cunit2": "deg",
    "pc1_1": -1.0,
    "pc1_2": 0.0,
    "pc2_1": 0.0,
    "pc2_2": 1.0,
    "velosys": -1609.47,
}
WCSINFO = """a_order b_order ap_order bp_order cd1_1 cd1_2 cd2_1 cd2_2 cdelt1 cdelt2 crpix1 crpix2 crval1 crval2 ctype1
ctype2 cunit1 cunit2 latpole lonpole mjdref radesys wcsname wcsaxes sipmxerr sipiverr pc1_1 pc1_2 pc2_1 pc2_2 ra_ref
dec_ref roll_ref v2_ref v3_ref v3yangle vparity velosys specsys dispersion_direction s_region"""


def _case(instrument, detector, exp_type, references, **more):
    """What an exposure is."""
    case = {
        "instrument": instrument,
        "detector": detector,
        "exp_type": exp_type,
        "references": references,
        "filter": None,
        "pupil": None,
        "subarray": None,  # name, xstart, ystart, xsize, ysize
        "shape": (2048, 2048),
        "place": (120.5, -527.5),
        "crpix": None,
        "va": 1.00000537343187,
        "options": {},
    }
    return case | more


NRC_LONG = {"distortion": "jwst_nircam_distortion_0090", "filteroffset": "jwst_nircam_filteroffset_0002"}
NRC_LONG_B = {"distortion": "jwst_nircam_distortion_0096", "filteroffset": "jwst_nircam_filteroffset_0001"}
MIRI = {"distortion": "jwst_miri_distortion_0028", "filteroffset": "jwst_miri_filteroffset_0005"}
NIRISS = {"distortion": "jwst_niriss_distortion_0010", "filteroffset": "made_niriss_filteroffset"}
_LONG = {"place": (86.039011, -493.385704), "filter": "F277W", "pupil": "CLEAR"}
_MIRI = {"place": (-453.559116, -373.814447), "shape": (1024, 1032)}
CASES = {
    "nircam_long": _case("NIRCAM", "NRCALONG", "NRC_IMAGE", NRC_LONG, crpix=(1024.5, 1024.5), **_LONG),
    "nircam_short": _case(
        "NIRCAM",
        "NRCA1",
        "NRC_IMAGE",
        {"distortion": "made_nrca1_distortion"},
        filter="F200W",
        pupil="CLEAR",
        place=(120.525464, -527.543132),
        crpix=(1024.5, 1024.5),
    ),
    "nircam_subarray": _case(
        "NIRCAM",
        "NRCBLONG",
        "NRC_TSIMAGE",
        NRC_LONG_B,
        filter="F444W",
        pupil="CLEAR",
        subarray=("SUB64P", 1, 1985, 64, 64),
        shape=(3, 64, 64),
        place=(-144.0, -547.0),
        crpix=(31.5, 30.5),
    ),
    "nircam_tacq": _case(
        "NIRCAM", "NRCALONG", "NRC_TACQ", NRC_LONG, subarray=("SUB32TATS", 300, 1, 32, 32), shape=(32, 32), **_LONG
    ),
    "nircam_degrees": _case(
        "NIRCAM",
        "NRCALONG",
        "NRC_CORON",
        NRC_LONG,
        options={"sip_degree": 4, "sip_inv_degree": 3, "sip_npoints": 20},
        **_LONG,
    ),
    "nircam_loose": _case(
        "NIRCAM",
        "NRCALONG",
        "NRC_FOCUS",
        NRC_LONG,
        options={"sip_max_pix_error": 0.4, "sip_max_inv_pix_error": 0.2},
        crpix=(1.0, 1.0),
        va=None,
        **_LONG,
    ),
    "miri": _case("MIRI", "MIRIMAGE", "MIR_IMAGE", MIRI, filter="F1000W", crpix=(693.5, 512.5), **_MIRI),
    "miri_subarray": _case(
        "MIRI",
        "MIRIMAGE",
        "MIR_IMAGE",
        MIRI,
        filter="F560W",
        subarray=("BRIGHTSKY", 457, 51, 512, 512),
        place=(-453.559116, -373.814447),
        shape=(512, 512),
        crpix=(237.5, 246.5),
    ),
    "miri_lyot": _case(
        "MIRI",
        "MIRIMAGE",
        "MIR_LYOT",
        MIRI,
        filter="F2300C",
        subarray=("MASKLYOT", 1, 717, 320, 304),
        place=(-391.0, -421.0),
        shape=(2, 304, 320),
        crpix=(145.3, 148.7),
    ),
    "niriss": _case(
        "NIRISS",
        "NIS",
        "NIS_IMAGE",
        NIRISS,
        filter="CLEAR",
        pupil="F200W",
        place=(-289.966976, -697.723326),
        crpix=(1024.5, 1024.5),
    ),
    "niriss_ami": _case(
        "NIRISS",
        "NIS",
        "NIS_AMI",
        NIRISS,
        filter="F480M",
        pupil="NRM",
        subarray=("SUB80", 1045, 1, 80, 80),
        place=(-296.072739, -762.714999),
        shape=(80, 80),
        crpix=(46.0, 41.0),
    ),
    "fgs": _case(
        "FGS",
        "GUIDER1",
        "FGS_IMAGE",
        {"distortion": "made_guider1_distortion"},
        place=(206.4, -697.97),
        crpix=(1024.5, 1024.5),
    ),
}


def extract(folder, names):
    """Paths of references by type, written into a folder."""
    folder = pathlib.Path(folder)
    with zipfile.ZipFile(ARCHIVE) as archive:
        for name in names.values():
            if not (folder / f"{name}.asdf").exists():
                archive.extract(f"{name}.asdf", folder)
    return {kind: str(folder / f"{name}.asdf") for kind, name in names.items()}


def model_of(case):
    """The exposure of a case; its arrays are not there until they are used."""
    from stdatamodels.jwst import datamodels

    shape = case["shape"]
    model = datamodels.ImageModel() if len(shape) == 2 else datamodels.CubeModel()
    model.data = np.zeros(shape, np.float32)
    model.meta.telescope = "JWST"
    instrument = model.meta.instrument
    instrument.name, instrument.detector, instrument.filter = case["instrument"], case["detector"], case["filter"]
    instrument.pupil = case["pupil"]
    if case["instrument"] == "NIRCAM":
        instrument.module = case["detector"][3]
        instrument.channel = "LONG" if "LONG" in case["detector"] else "SHORT"
    name, xstart, ystart, xsize, ysize = case["subarray"] or ("FULL", 1, 1, *shape[::-1][:2])
    model.meta.subarray.name, model.meta.subarray.xstart, model.meta.subarray.ystart = name, xstart, ystart
    model.meta.subarray.xsize, model.meta.subarray.ysize = xsize, ysize
    model.meta.exposure.type = case["exp_type"]
    model.meta.observation.date, model.meta.observation.time = "2023-07-01", "00:00:00.000"
    model.meta.velocity_aberration.scale_factor = case["va"]
    _point(model.meta.wcsinfo, case)
    return model


def _point(wcsinfo, case):
    """Write the pointing."""
    for key, value in POINTING.items():
        setattr(wcsinfo, key, value)
    wcsinfo.v2_ref, wcsinfo.v3_ref = case["place"]
    wcsinfo.crval1, wcsinfo.crval2 = POINTING["ra_ref"], POINTING["dec_ref"]
    wcsinfo.cdelt1 = wcsinfo.cdelt2 = 1.7e-05
    if case["crpix"] is not None:
        wcsinfo.crpix1, wcsinfo.crpix2 = case["crpix"]


def sample_pixels(shape):
    """Pixels over an image, with its corners and one beside it; x and y."""
    ny, nx = shape[-2:]
    x, y = np.meshgrid(np.linspace(-0.5, nx - 0.5, 6), np.linspace(-0.5, ny - 0.5, 5))
    return np.append(x.ravel(), -0.6), np.append(y.ravel(), 3.0)


def header_of(model):
    """What the world coordinates wrote into the metadata, with all SIP coefficients."""
    found = {}
    node = model.meta.wcsinfo.instance
    for key in [
        *WCSINFO.split(),
        *(f"{name}_{i}_{j}" for name in ("a", "b", "ap", "bp") for i in range(10) for j in range(10)),
    ]:
        value = node.get(key)
        if value is not None:
            found[key] = float(value) if isinstance(value, float | np.floating) else value
    return found
