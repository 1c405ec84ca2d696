"""The photom step: results of the released pipeline, refusals, bad input."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.photom import PhotomStep
from jwst.photom.photom import DataSet, MatchFitsTableRowError
from stpipe.exceptions import InputError, NotBuiltError

PARITY = Path(__file__).parents[2] / "parity"


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("photom_cases")
VECTORS = np.load(PARITY / "photom.npz")
BAD_INPUT_NAMES = {"override_area": "N/A"}


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
    monkeypatch.chdir(tmp_path)


def run(science=None, photom=None, **arguments):
    """The step on an exposure of NIRCam, with its references."""
    science = MAKE.science(**MAKE.NRC) if science is None else science
    photom = MAKE.photom() if photom is None else photom
    return PhotomStep.call(science, override_photom=photom, **(BAD_INPUT_NAMES | arguments))


@pytest.mark.parametrize("name", MAKE.CASES)
def test_agrees_with_the_released_pipeline(name):
    exposure, arguments = MAKE.make_case(name)
    before = exposure.data.copy()
    result = PhotomStep.call(exposure, **arguments)
    assert MAKE.metadata(result) == json.loads(str(VECTORS[f"{name}_meta"]))
    for plane in MAKE.PLANES:
        found, key = getattr(result, plane, None), f"{name}_{plane}"
        assert (found is None) == (key not in VECTORS), plane
        if found is not None:
            np.testing.assert_array_equal(found, VECTORS[key], err_msg=plane)
            assert found.dtype == VECTORS[key].dtype
    np.testing.assert_array_equal(exposure.data, before)


def test_files_give_what_models_give(tmp_path):
    exposure, arguments = MAKE.make_case("all_times")
    exposure.save("x_rate.fits")
    arguments["override_photom"].save("photom.fits")
    MAKE.area().save("area.fits")
    named = PhotomStep.call("x_rate.fits", override_photom="photom.fits", override_area="area.fits")
    direct = PhotomStep.call(exposure, override_photom=arguments["override_photom"], override_area=MAKE.area())
    for plane in MAKE.PLANES:
        np.testing.assert_array_equal(getattr(named, plane), getattr(direct, plane), err_msg=plane)
    assert MAKE.metadata(named) == MAKE.metadata(direct)


def test_inverse_undoes():
    before = MAKE.science(bad=False, **MAKE.NRC)
    there = run(before)
    back = run(there, inverse=True)
    for plane in ("data", "err", "var_poisson", "var_rnoise", "var_flat"):
        np.testing.assert_allclose(getattr(back, plane), getattr(before, plane), rtol=3e-7)
    assert (there.meta.bunit_data, back.meta.bunit_data) == ("MJy/sr", "DN/s")


def test_dataset():
    science = MAKE.science(**MAKE.NRC)
    result = DataSet(science, apply_time_correction=False).apply_photom(MAKE.photom(times=("linear",)), "N/A")
    assert result is science
    assert result.meta.photometry.conversion_megajanskys == 1.5
    with_area = DataSet(MAKE.science(**MAKE.NRC)).apply_photom(MAKE.photom(), MAKE.area())
    assert with_area.meta.photometry.pixelarea_steradians == 2.5e-14


def test_calibrated_twice():
    with pytest.raises(InputError, match="in MJy/sr already"):
        run(run())


def test_no_reference_skips():
    result = run(photom="N/A", override_area=MAKE.area())
    assert MAKE.metadata(result) == [None] * 4 + ["DN/s", "DN/s", "SKIPPED"]


@pytest.mark.parametrize("exp_type", ["MIR_LRS-FIXEDSLIT", "MIR_WFSS"])
def test_spectra_are_not_built(exp_type):
    science = MAKE.science("MIRI", filter="F770W", exp_type=exp_type)
    with pytest.raises(NotBuiltError, match=exp_type):
        run(science, MAKE.photom("MIRI"))


@pytest.mark.parametrize("cls", ["SlitModel", "MultiSlitModel", "IFUImageModel"])
def test_spectral_classes_are_not_built(cls):
    model = getattr(datamodels, cls)()
    model.meta.instrument.name, model.meta.exposure.type = "NIRSPEC", "NRS_IFU"
    with pytest.raises(NotBuiltError, match="switch|Switch"):
        run(model)


def test_other_classes_are_skipped(caplog):
    model = datamodels.GuiderCalModel((2, 4, 5))
    model.meta.instrument.name, model.meta.exposure.type = "FGS", "FGS_TRACK"
    assert run(model).meta.cal_step.instance.get("photom", "SKIPPED") == "SKIPPED"
    assert "GuiderCalModel is none of the classes" in caplog.text


def test_soss_image_is_skipped(caplog):
    science = MAKE.science("NIRISS", exp_type="NIS_SOSS", **MAKE.NRC)
    result = run(science, MAKE.photom("NIRISS"), override_area=MAKE.area())
    assert MAKE.metadata(result) == [None] * 4 + ["DN/s", "DN/s", "SKIPPED"]
    assert any(record.levelname == "ERROR" for record in caplog.records)


def test_several_rows():
    with pytest.raises(MatchFitsTableRowError, match="2 rows"):
        run(photom=MAKE.photom(twice=True))


def test_area_that_does_not_cover_the_exposure():
    with pytest.raises(InputError, match="does not cover rows 5:9"):
        run(MAKE.science(corner=(7, 6), **MAKE.NRC), override_area=MAKE.area())


def test_place_on_the_detector_is_unknown():
    science = MAKE.science(**MAKE.NRC)
    science.meta.subarray.xstart = None
    assert run(science).meta.cal_step.photom == "COMPLETE"
    with pytest.raises(InputError, match="SUBSTRT1"):
        run(science, override_area=MAKE.area())


def test_time_is_unknown():
    science = MAKE.science(**MAKE.NRC)
    science.meta.exposure.mid_time = None
    assert run(science).meta.photometry.conversion_megajanskys == 1.5
    with pytest.raises(InputError, match="mid_time"):
        run(science, MAKE.photom(times=("linear",)))
    timed = run(science, MAKE.photom(times=("linear",)), apply_time_correction=False)
    assert timed.meta.photometry.conversion_megajanskys == 1.5


def test_factor_is_no_number():
    photom = MAKE.photom()
    photom.phot_table["photmjsr"] = np.nan
    with pytest.raises(InputError, match="conversion factor nan"):
        run(photom=photom)


def test_reference_of_another_kind(tmp_path):
    MAKE.area().save("area.fits")
    with pytest.raises(InputError, match="no photometric table"):
        run(photom="area.fits")
    with pytest.raises(InputError, match="no columns filter, pupil"):
        run(photom=MAKE.photom("MIRI"))


def test_exposure_without_data():
    model = datamodels.ImageModel()
    model.meta.instrument.name, model.meta.exposure.type = "NIRCAM", "NRC_IMAGE"
    with pytest.raises(InputError, match="no data"):
        run(model)


def test_lists_are_refused():
    with pytest.raises(InputError, match="one exposure at a time"):
        run([MAKE.science(**MAKE.NRC)] * 2)
