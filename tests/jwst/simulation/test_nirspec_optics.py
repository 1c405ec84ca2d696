"""The simple optics of NIRSpec: references, where light falls, the cache, and a run that uses them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.io import fits
from stdatamodels.jwst import datamodels

from jwst.assign_wcs.assign_wcs import load_wcs
from jwst.clean_flicker_noise.nirspec_regions import slit_boxes
from jwst.pipeline import Detector1Pipeline
from jwst.simulation import ExposureSettings, cache_for, simulate
from jwst.simulation.nirspec_optics import OPTICS_TYPES, nirspec_optics_references, write_optics_reference
from jwst.simulation.nirspec_optics_msa import SLITLETS, STUCK, metafile_name, write_metafile
from jwst.simulation.nirspec_optics_table import FIXED_SLITS, GRATINGS, MSA, SLICES, SPECTRA
from stpipe.exceptions import InputError

CLASSES = {
    "camera": "CameraModel",
    "chromcorr": "ChromCorrModel",
    "collimator": "CollimatorModel",
    "disperser": "DisperserModel",
    "fore": "FOREModel",
    "fpa": "FPAModel",
    "ifufore": "IFUFOREModel",
    "ifupost": "IFUPostModel",
    "ifuslicer": "IFUSlicerModel",
    "msa": "MSAModel",
    "ote": "OTEModel",
    "wavelengthrange": "WavelengthrangeModel",
}
SETTINGS = ExposureSettings(detector="NRS1", subarray="SUB2048", ngroups=3, exposure_type="NRS_FIXEDSLIT")


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    return nirspec_optics_references(tmp_path_factory.mktemp("optics"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return cache_for(tmp_path_factory.mktemp("cache") / "crds", [SETTINGS], traps=False)


@pytest.fixture
def offline(cache, monkeypatch):
    from crds.core import utils

    monkeypatch.setenv("CRDS_PATH", str(cache))
    for name in ("CRDS_SERVER_URL", "CRDS_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    utils.clear_function_caches()
    yield cache
    utils.clear_function_caches()


@pytest.mark.parametrize("reftype", CLASSES)
def test_references_are_of_their_class(reftype, references):
    with getattr(datamodels, CLASSES[reftype])(references[reftype], strict_validation=True) as model:
        model.validate()
        assert model.meta.reftype == reftype
        assert model.meta.instrument.name == "NIRSPEC"


def test_every_type_is_written(references):
    assert set(references) == set(OPTICS_TYPES) == {*CLASSES, "msaoper"}
    assert all(path.stat().st_size < 2e6 for path in references.values())


@pytest.mark.parametrize("reftype", ["camera", "collimator", "fore", "ifufore", "ote", "chromcorr"])
def test_models_can_be_inverted(reftype, references):
    with getattr(datamodels, CLASSES[reftype])(references[reftype]) as reference:
        model = reference.model
    start = (0.01, -0.02, 3e-6)[: model.n_inputs]
    there = model(*start)
    back = model.inverse(*there, *start[len(there) :])
    np.testing.assert_allclose(back[:2], start[:2], rtol=0, atol=1e-15)


def test_detectors_are_beside_each_other(references):
    with datamodels.FPAModel(references["fpa"]) as fpa:
        last, _ = fpa.nrs1_model(2047.0, 0.0)
        first, row = fpa.nrs2_model(2047.0, 2047.0)
        np.testing.assert_allclose(row, fpa.nrs1_model(0.0, 0.0)[1], atol=1e-5)
    assert 0.001 < first - last < 0.005


def test_apertures(references):
    with datamodels.MSAModel(references["msa"]) as msa:
        assert len(msa.Q1.data) == MSA.columns * MSA.rows
        assert len(msa.Q5.data) == len(FIXED_SLITS)
        edges = [getattr(msa, f"Q{number}").model(0.0, 0.0) for number in (1, 2, 3, 4)]
    assert [tuple(map(float, edge)) for edge in edges] == list(MSA.corners)
    with datamodels.IFUSlicerModel(references["ifuslicer"]) as slicer:
        places = np.sort(slicer.data["XC"])
    np.testing.assert_allclose(np.diff(places), SLICES.width, rtol=1e-4)


def test_stuck_shutters(references):
    shutters = json.loads(references["msaoper"].read_text())["msaoper"]
    assert [shutter["TA state"] for shutter in shutters] == [shutter.state for shutter in STUCK]


@pytest.mark.parametrize(("kind", "grating"), [("file", "G395M"), ("camera", "G999")])
def test_what_there_is_not(kind, grating, tmp_path):
    with pytest.raises(InputError, match="Known: "):
        write_optics_reference(tmp_path / "x.asdf", kind, grating=grating)


def exposure(kind, detector, grating, filter_name, **instrument):
    model = datamodels.ImageModel(data=np.zeros((2048, 2048), np.float32))
    meta = model.meta
    meta.exposure.type, meta.subarray.name = kind, "FULL"
    meta.subarray.xstart = meta.subarray.ystart = 1
    meta.dither.position_number, meta.observation.program_number = 1, "00017"
    values = {"name": "NIRSPEC", "detector": detector, "filter": filter_name, "grating": grating}
    values |= {"gwa_xtilt": 0.35, "gwa_ytilt": 0.13, "gwa_tilt": 36.0, "fixed_slit": "S200A1"}
    for key, value in (values | instrument).items():
        setattr(meta.instrument, key, value)
    for key in ("v2_ref", "v3_ref", "roll_ref", "ra_ref", "dec_ref"):
        setattr(meta.wcsinfo, key, 10.0)
    return model


@pytest.mark.parametrize(
    ("grating", "filter_name"),
    [("G140M", "F100LP"), ("G235H", "F170LP"), ("G395M", "F290LP"), ("G395H", "F290LP"), ("PRISM", "CLEAR")],
)
def test_fixed_slits_fall_on_the_detector(grating, filter_name, references, tmp_path):
    write_optics_reference(tmp_path / "disperser.asdf", "disperser", grating=grating)
    model = exposure("NRS_FIXEDSLIT", "NRS1", grating, filter_name)
    load_wcs(model, references | {"disperser": tmp_path / "disperser.asdf"})
    boxes = slit_boxes(model.meta.wcs)
    assert len(boxes) >= 4
    assert all(900 < bottom < top < 1115 for _, (bottom, top) in boxes)
    assert all(right - left > 50 for (left, right), _ in boxes)


@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_slitlets_fall_on_the_detectors(detector, references, tmp_path):
    write_metafile(tmp_path / "msa.fits")
    options = {"msa_metadata_file": str(tmp_path / "msa.fits"), "msa_metadata_id": 1}
    model = exposure("NRS_MSASPEC", detector, "G395H", "F290LP", **options)
    load_wcs(model, references)
    boxes = slit_boxes(model.meta.wcs)
    assert 2 <= len(boxes) <= len(SLITLETS)
    assert all(bottom > 1115 or top < 922 for _, (bottom, top) in boxes)


def test_crds_finds_the_references(offline):
    import crds

    header = {
        "META.INSTRUMENT.NAME": "NIRSPEC",
        "META.INSTRUMENT.DETECTOR": "NRS2",
        "META.INSTRUMENT.FILTER": "CLEAR",
        "META.INSTRUMENT.LAMP_MODE": "NONE",
        "META.EXPOSURE.TYPE": "NRS_IFU",
        "META.OBSERVATION.DATE": "2023-06-15",
        "META.OBSERVATION.TIME": "12:00:00.000",
    }
    for number, grating in enumerate(GRATINGS, start=1):
        found = crds.getreferences(header | {"META.INSTRUMENT.GRATING": grating}, OPTICS_TYPES, observatory="jwst")
        assert found["disperser"].endswith(f"disperser_{number:04d}.asdf")
        assert all("NOT FOUND" not in path for path in found.values())
    slits = header | {"META.EXPOSURE.TYPE": "NRS_FIXEDSLIT", "META.INSTRUMENT.GRATING": "PRISM"}
    found = crds.getreferences(slits, OPTICS_TYPES, observatory="jwst")
    assert {kind for kind, path in found.items() if "NOT FOUND" in path} == {"ifufore", "ifupost", "ifuslicer"}


def test_spectra_have_ranges(references):
    with datamodels.WavelengthrangeModel(references["wavelengthrange"]) as reference:
        assert list(reference.waverange_selector) == list(SPECTRA)
        assert all(low < high for low, high in reference.wavelengthrange)
        assert len(reference.order) == len(SPECTRA)


def test_exposures_of_shutters_come_with_their_file(tmp_path):
    settings = ExposureSettings(detector="NRS1", subarray="SUB32", ngroups=2, exposure_type="NRS_MSASPEC")
    path = simulate(settings, tmp_path).path
    name = fits.getheader(path)["MSAMETFL"]
    assert name == metafile_name(settings.root) == "jw00017001001_01_msa.fits"
    with fits.open(tmp_path / name) as file:
        assert set(file["SHUTTER_INFO"].data["msa_metadata_id"]) == {fits.getheader(path)["MSAMETID"]}
        assert set(file["SOURCE_INFO"].data["source_id"]) == {1, 2, 3}


def test_detector1_with_science_regions(offline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uncal = simulate(SETTINGS, tmp_path).path
    cleaning = {"skip": False, "mask_science_regions": True, "save_mask": True}
    rate = Detector1Pipeline.call(str(uncal), steps={"clean_flicker_noise": cleaning}, configure_log=False)
    assert rate.meta.cal_step.clean_flicker_noise == "COMPLETE"
    mask = fits.getdata(next(tmp_path.glob("*_mask.fits")))
    assert mask.shape == (32, 2048)
    assert not mask[:, 1200:2000].any()
    assert mask[:, 4:300].any()
    assert not rate.meta.cal_step.assign_wcs
