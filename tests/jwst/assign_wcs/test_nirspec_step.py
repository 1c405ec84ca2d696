"""The assign_wcs step on NIRSpec exposures: parameters, products, and inputs that it refuses."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.modeling.models import Identity, Mapping, Scale, Shift
from stdatamodels.jwst import datamodels

import jwst.assign_wcs
import jwst.step
from jwst.assign_wcs import nirspec
from jwst.assign_wcs.assign_wcs import BUILDERS, Mode, load_wcs
from jwst.assign_wcs.assign_wcs_step import AssignWcsStep
from jwst.assign_wcs.nirspec_optics import wave_range
from jwst.assign_wcs.nirspec_selection import without_name
from jwst.assign_wcs.reference_trees import entry_of, read_tree
from jwst.assign_wcs.util import MSAFileError, NoDataOnDetectorError, velocity_factor, wrap_ra
from stpipe.exceptions import InputError, MissingMetadataError, NotBuiltError, ParameterError
from stpipe.parameters import class_parameters

PIXELS = np.array([1500.0, 1200.0]), np.array([1060.0, 1062.0])


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")


@pytest.fixture
def overrides(scenes, folder):
    """Options of the step that give all references of a mode."""

    def make(**options):
        found = dict.fromkeys(AssignWcsStep.reference_file_types, "N/A") | scenes.references(folder, **options)
        return {f"override_{kind}": path for kind, path in found.items()}

    return make


@pytest.fixture
def slit_model(scenes):
    return scenes.exposure(shape=(8, 8))


@pytest.fixture(scope="module")
def processed(scenes, folder):
    """An exposure through fixed slits with its coordinates; tests do not change it."""
    return load_wcs(scenes.exposure(shape=(8, 8)), scenes.references(folder))


def test_names():
    assert jwst.assign_wcs.AssignWcsStep is AssignWcsStep
    assert jwst.step.AssignWcsStep is AssignWcsStep
    with pytest.raises(AttributeError):
        _ = jwst.assign_wcs.Other


def test_parameters():
    expected = {
        "sip_approx": True,
        "sip_max_pix_error": 0.01,
        "sip_degree": None,
        "sip_max_inv_pix_error": 0.01,
        "sip_inv_degree": None,
        "sip_npoints": 12,
        "slit_y_low": -0.55,
        "slit_y_high": 0.55,
        "nrs_ifu_slice_wcs": False,
    }
    assert {name: param.default for name, param in class_parameters(AssignWcsStep).items()} == expected
    with pytest.raises(ParameterError, match="sip_degree"):
        AssignWcsStep(sip_degree=7)


def test_the_input_stays_as_it_was(slit_model, overrides):
    result = AssignWcsStep.call(slit_model, **overrides())
    assert slit_model.meta.wcs is None
    assert slit_model.meta.cal_step.assign_wcs is None
    assert result.meta.cal_step.assign_wcs == "COMPLETE"
    assert result.meta.ref_file.fpa.name.endswith("fpa_0005.asdf")
    assert result.meta.ref_file.distortion.name == "N/A"
    assert result.meta.wcs.available_frames == [
        "detector",
        "sca",
        "gwa",
        "slit_frame",
        "msa_frame",
        "oteip",
        "v2v3",
        "v2v3vacorr",
        "world",
    ]


def test_coordinates_survive_a_file(processed, tmp_path):
    processed.save(tmp_path / "saved.fits")
    with datamodels.open(tmp_path / "saved.fits") as model:
        for number in (-101, -104):
            read, made = (nirspec.nrs_wcs_set_input(one, number) for one in (model, processed))
            boxes = [[tuple(one.bounding_box[axis]) for axis in "xy"] for one in (read, made)]
            assert boxes[0] == boxes[1]
            x, y = (np.mean(tuple(made.bounding_box[axis])) for axis in "xy")
            assert read(x, y) == pytest.approx(made(x, y), rel=1e-14)
            assert read.invert(*read(x, y)) == pytest.approx((x, y), abs=0.05)


def test_references_in_memory(slit_model, processed, overrides):
    options = overrides()
    classes = {"camera": "CameraModel", "disperser": "DisperserModel", "msa": "MSAModel", "fore": "FOREModel"}
    for kind, name in classes.items():
        options[f"override_{kind}"] = getattr(datamodels, name)(options[f"override_{kind}"])
    result = AssignWcsStep.call(slit_model, **options)
    one, other = (nirspec.nrs_wcs_set_input(model, "S200A1") for model in (result, processed))
    np.testing.assert_array_equal(one(*PIXELS), other(*PIXELS))


def test_the_ends_of_slits_are_parameters(slit_model, processed, overrides):
    wide = AssignWcsStep.call(slit_model, slit_y_low=-1.0, slit_y_high=1.0, **overrides())
    heights = [np.ptp(tuple(nirspec.nrs_wcs_set_input(one, "S200A1").bounding_box["y"])) for one in (wide, processed)]
    assert heights[0] > 1.5 * heights[1]


def test_names_of_slits(processed):
    found = [nirspec.nrs_wcs_set_input(processed, name)(*PIXELS) for name in ("S200A1", "s200a1", -101, "-101")]
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
    np.testing.assert_array_equal(nirspec.nrs_wcs_set_input(processed.meta.wcs, -101)(*PIXELS), found[0])
    for name in ("S200B1", "nonsense", 7):
        with pytest.raises(ValueError, match="is not present in the input model"):
            nirspec.nrs_wcs_set_input(processed, name)


def test_steps_of_another_structure():
    """As in files of the released pipeline."""
    step = Mapping((0, 1, 2, 3)) | (Shift(1.0) & Scale(2.0)) & Identity(2)
    step.name, step.inputs, step.outputs = "some", ("x", "y", "lam", "name"), ("x", "y", "lam", "name")
    one = without_name(step, 7)
    assert (one.name, one.inputs, one.outputs) == ("some", ("x", "y", "lam"), ("x", "y", "lam"))
    assert one(1.0, 2.0, 3.0) == (2.0, 4.0, 3.0)
    assert one.inverse(2.0, 4.0, 3.0) == (1.0, 2.0, 3.0)
    step.inverse = Mapping((0, 1, 2, 4)) | (Shift(-1.0) & Scale(0.5)) & Identity(2)
    assert without_name(step, 7).inverse(2.0, 4.0, 3.0, 3.0) == (1.0, 2.0, 3.0)


def test_boxes_of_some_slits(processed, slit_model):
    boxes = nirspec.generate_compound_bbox(processed, [-102])
    whole = processed.meta.wcs.pipeline[0].transform.bounding_box
    assert list(boxes.bounding_boxes) == [(-102,)]
    assert boxes[(-102,)]["y"] == whole[(-102,)]["y"]
    narrow = nirspec.generate_compound_bbox(processed, [-102], wavelength_range=(3.0e-6, 3.2e-6))
    assert np.ptp(tuple(narrow[(-102,)]["x"])) < 0.3 * np.ptp(tuple(boxes[(-102,)]["x"]))
    coarse = nirspec.generate_compound_bbox(processed, [-102], refine=False)
    assert coarse[(-102,)]["x"] == boxes[(-102,)]["x"]
    with pytest.raises(InputError, match="no slits"):
        nirspec.generate_compound_bbox(slit_model)


@pytest.fixture
def _four_slices(monkeypatch):
    """As many slices are enough where their number does not matter."""
    monkeypatch.setattr("jwst.assign_wcs.nirspec_ifu.SLICES", 4)


@pytest.mark.usefixtures("_four_slices")
def test_slices_by_number(scenes, folder):
    model = scenes.exposure("NRS_IFU", shape=(8, 8))
    result = load_wcs(model, scenes.references(folder, ifu=True), nrs_ifu_slice_wcs=True)
    assert "slit_frame" in result.meta.wcs.available_frames
    wcs = nirspec.nrs_wcs_set_input(result, 3)
    x, y = (np.mean(tuple(wcs.bounding_box[axis])) for axis in "xy")
    sky = wcs(x, y)
    assert result.meta.wcs(x, y, 3)[:3] == pytest.approx(sky, rel=1e-14)
    assert wcs.invert(*sky) == pytest.approx((x, y), abs=0.05)
    with pytest.raises(ValueError, match="is not present in the input model"):
        nirspec.nrs_wcs_set_input(result, 30)


@pytest.mark.usefixtures("_four_slices")
def test_lamps_through_the_ifu(scenes, folder):
    model = scenes.exposure("NRS_IFU", shape=(8, 8), **scenes.LAMP)
    model.meta.exposure.type, model.meta.instrument.lamp_mode = "NRS_LAMP", "IFU"
    load_wcs(model, scenes.references(folder, ifu=True, filter_name="OPAQUE"))
    assert model.meta.wcs.available_frames == ["detector", "sca", "gwa", "slit_frame", "slicer", "msa_frame"]
    wcs = nirspec.nrs_wcs_set_input(model, 0)
    x, y = (np.mean(tuple(wcs.bounding_box[axis])) for axis in "xy")
    assert 2.9 < wcs(x, y)[2] < 5.3  # micron
    assert model.meta.wcsinfo.s_region is None
    assert not model.meta.wcsinfo.hasattr("spectral_region")
    assert not model.hasattr("regions")
    assert model.meta.wcsinfo.specsys == "BARYCENT"


def test_the_msa_file_is_looked_for_beside_the_exposure(scenes, overrides, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    scenes.msa_file(tmp_path / "data" / "some_msa.fits")
    options = {"instrument_msa_metadata_file": "some_msa.fits", "instrument_msa_metadata_id": scenes.MSA_ID}
    path = tmp_path / "data" / "exposure_rate.fits"
    scenes.exposure("NRS_MSASPEC", shape=(8, 8), **options).save(path)
    result = AssignWcsStep.call(str(path), **overrides())
    assert result.meta.instrument.msa_metadata_file == "some_msa.fits"
    assert 1 in result.meta.wcs.get_transform("gwa", "slit_frame").slit_ids
    moved = shutil.move(path, tmp_path / "elsewhere")
    with pytest.raises(MSAFileError, match=r"Missing MSA meta.*some_msa.fits.*Put it beside the exposure"):
        AssignWcsStep.call(str(moved), **overrides())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exposure.type": "NRC_DARK", "instrument.name": "NIRCAM"}, "EXP_TYPE of NRC_DARK is not implemented"),
        ({"exposure.type": "NRS_LAMP", "instrument.lamp_mode": "GRATING-ONLY"}, "EXP_TYPE of NRS_LAMP is not implem"),
    ],
)
def test_modes_without_coordinates_are_skipped(slit_model, caplog, changes, message):
    for key, value in changes.items():
        node, name = key.split(".")
        setattr(getattr(slit_model.meta, node), name, value)
    result = AssignWcsStep.call(slit_model)
    assert result.meta.cal_step.assign_wcs == "SKIPPED"
    assert result.meta.wcs is None
    assert message in caplog.text


def test_other_models_are_skipped(caplog):
    model = datamodels.SlitModel(np.zeros((4, 4), np.float32))
    result = AssignWcsStep.call(model)
    assert result.meta.cal_step.assign_wcs == "SKIPPED"
    assert "SlitModel" in caplog.text


@pytest.mark.parametrize(
    ("exp_type", "grating"),
    [("NRC_WFSS", None), ("MIR_MRS", None), ("NRS_TACQ", "MIRROR"), ("NRS_FIXEDSLIT", "MIRROR")],
)
def test_other_modes_are_refused(slit_model, exp_type, grating):
    slit_model.meta.exposure.type, slit_model.meta.instrument.grating = exp_type, grating
    with pytest.raises(NotBuiltError, match=f"{exp_type}.*not part of this release.*Skip assign_wcs"):
        AssignWcsStep.call(slit_model)
    parameters = {"meta.exposure.type": exp_type, "meta.instrument.grating": grating}
    assert exp_type in AssignWcsStep().planned_refusal(parameters)


def test_modes_that_are_built():
    for exp_type, builder in BUILDERS.items():
        mode = Mode.of({"meta.exposure.type": exp_type, "meta.instrument.grating": "G140M"})
        assert mode.builder is builder
        assert not mode.not_built
        assert AssignWcsStep().planned_refusal({"meta.exposure.type": exp_type}) == ""
        assert set(mode.needs) <= set(AssignWcsStep.reference_file_types)


@pytest.mark.parametrize(("grating", "filter_name"), [("G395M", "F290LP"), ("G140M", "F100LP"), ("G140H", "F070LP")])
def test_ifu_exposures_that_nrs2_does_not_see(scenes, grating, filter_name):
    model = scenes.exposure("NRS_IFU", shape=(8, 8), detector="NRS2")
    model.meta.instrument.grating, model.meta.instrument.filter = grating, filter_name
    with pytest.raises(NoDataOnDetectorError, match="No IFU slices fall on detector NRS2"):
        load_wcs(model, {"fpa": "any"})


def test_an_exposure_without_readings_of_the_grating_wheel(slit_model, scenes, folder, caplog):
    slit_model.meta.instrument.gwa_xtilt = None
    slit_model.meta.instrument.gwa_ytilt = None
    load_wcs(slit_model, scenes.references(folder))
    assert slit_model.meta.cal_step.assign_wcs == "COMPLETE"
    assert "GWA_XTIL" in caplog.text
    assert "GWA_YTIL" in caplog.text


def test_a_prism_exposure_without_its_temperature(scenes, folder):
    model = scenes.exposure("NRS_BRIGHTOBJ", shape=(8, 8), instrument_gwa_tilt=None, **scenes.PRISM)
    with pytest.raises(KeyError, match="GWA_TILT"):
        load_wcs(model, scenes.references(folder, grating="PRISM", filter_name="CLEAR"))


@pytest.mark.parametrize(
    ("key", "order", "wavelengths"),
    [
        ("F170LP_G235H", -1, (1.66e-6, 3.17e-6)),
        ("F170LP_G395M", -1, (2.87e-6, 5.27e-6)),  # that of the first entry with G395M
        ("F170LP_G999X", -1, (6e-7, 5.3e-6)),
    ],
)
def test_combinations_of_filter_and_grating(scenes, folder, caplog, key, order, wavelengths):
    filter_name, grating = key.split("_")
    instrument = SimpleNamespace(filter=filter_name, grating=grating, lamp_state="NONE")
    model = SimpleNamespace(meta=SimpleNamespace(instrument=instrument, exposure=SimpleNamespace(type="NRS_MSASPEC")))
    assert wave_range(model, scenes.references(folder)["wavelengthrange"]) == (order, wavelengths)
    assert (f"no combination {key}" in caplog.text) is (grating != "G235H")


def test_no_references(slit_model):
    with pytest.raises(ValueError, match="assign_wcs needs reference files"):
        AssignWcsStep.call(slit_model, **{f"override_{kind}": "N/A" for kind in AssignWcsStep.reference_file_types})


def test_no_references_of_the_ifu(scenes, folder):
    model = scenes.exposure("NRS_IFU", shape=(8, 8))
    with pytest.raises(RuntimeError, match="ifufore, ifuslicer, ifupost"):
        load_wcs(model, scenes.references(folder))


@pytest.mark.parametrize("kind", ["camera", "disperser", "fore", "fpa", "msa", "wavelengthrange"])
def test_a_reference_that_is_missing(slit_model, scenes, folder, kind):
    references = scenes.references(folder)
    with pytest.raises(InputError, match=f"needs a {kind.upper()} reference"):
        load_wcs(slit_model, references | {kind: "N/A"})


def test_references_that_cannot_be_read(tmp_path, scenes, folder):
    references = scenes.references(folder)
    with pytest.raises(InputError, match="The FPA reference nowhere.asdf does not exist"):
        read_tree("nowhere.asdf", "fpa")
    bad = tmp_path / "bad.asdf"
    bad.write_text("no reference")
    with pytest.raises(InputError, match="The FPA reference .*bad.asdf cannot be read"):
        read_tree(bad, "fpa")
    with pytest.raises(InputError, match="is a CAMERA reference, and given as a FPA reference"):
        read_tree(references["camera"], "fpa")
    with pytest.raises(InputError, match="The CAMERA reference has no 'nrs1_model'"):
        entry_of(read_tree(references["camera"], "camera"), "nrs1_model", "camera")


@pytest.mark.parametrize(
    ("key", "value", "error", "message"),
    [
        ("instrument.detector", None, InputError, "DETECTOR"),
        ("wcsinfo.ra_ref", None, MissingMetadataError, "meta.wcsinfo.ra_ref"),
        ("wcsinfo.roll_ref", None, MissingMetadataError, "meta.wcsinfo.roll_ref"),
        ("velocity_aberration.scale_factor", -1.0, InputError, "VA_SCALE"),
    ],
)
def test_keywords_that_are_missing(slit_model, scenes, folder, key, value, error, message):
    node, name = key.split(".")
    setattr(getattr(slit_model.meta, node), name, value)
    with pytest.raises(error, match=message):
        load_wcs(slit_model, scenes.references(folder))


def test_without_velocity_aberration_or_velocity(slit_model, processed, scenes, folder):
    slit_model.meta.velocity_aberration.scale_factor = None
    slit_model.meta.wcsinfo.velosys = None
    still = nirspec.nrs_wcs_set_input(load_wcs(slit_model, scenes.references(folder)), "S200A1")(*PIXELS)
    moving = nirspec.nrs_wcs_set_input(processed, "S200A1")(*PIXELS)
    np.testing.assert_allclose(moving[2] / still[2], velocity_factor(3480.15), rtol=1e-13)
    assert velocity_factor(29979245.8) == pytest.approx(1 / 1.1, rel=1e-15)
    shifts = np.hypot((moving[0] - still[0]) * np.cos(np.deg2rad(73.4)), moving[1] - still[1]) * 3600
    assert ((shifts > 1e-5) & (shifts < 2e-3)).all()


def test_right_ascension_about_zero():
    np.testing.assert_allclose(wrap_ra([359.9, 0.1, 0.2]), [-0.1, 0.1, 0.2])
    np.testing.assert_allclose(wrap_ra([359.9, 359.8, 0.2, np.nan]), [359.9, 359.8, 360.2, np.nan])
