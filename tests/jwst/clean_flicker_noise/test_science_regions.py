"""Science regions of NIRSpec: boxes and flags with made-up coordinates, the step with the optics of the simulator."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.modeling.bounding_box import CompoundBoundingBox
from astropy.modeling.models import Identity
from stdatamodels.jwst import datamodels

from jwst.assign_wcs.assign_wcs_step import AssignWcsStep
from jwst.assign_wcs.util import MSAFileError, NoDataOnDetectorError
from jwst.clean_flicker_noise import CleanFlickerNoiseStep
from jwst.clean_flicker_noise.nirspec_regions import box_slices, slice_pixels, slit_boxes, slit_pixels
from jwst.clean_flicker_noise.nirspec_steps import nirspec_region, region_of
from jwst.clean_flicker_noise.science_regions import region_references
from jwst.msaflagopen import MSAFlagOpenStep
from jwst.simulation.nirspec_optics import nirspec_optics_references
from jwst.simulation.nirspec_optics_msa import Slitlet, write_metafile
from stpipe.exceptions import InputError, Skip

OPEN = 2**29
BOXES = {1: ((2.7, 8.5), (1.5, 4.5)), 2: ((-0.5, 3.2), (6.5, 40.5))}


@pytest.fixture(scope="module")
def optics(tmp_path_factory):
    return nirspec_optics_references(tmp_path_factory.mktemp("optics"), grating="G395M")


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")


@pytest.fixture
def references(monkeypatch, optics):
    """Let the steps inside use the optics of the simulator; changes to the dict are seen."""
    known = {reftype: str(path) for reftype, path in optics.items()}
    for step in (AssignWcsStep, MSAFlagOpenStep):
        monkeypatch.setattr(step, "get_ref_override", lambda step, reftype: known.get(reftype, "N/A"))
    return known


def exposure(kind="NRS_FIXEDSLIT", *, shape=(256, 2048), ystart=897, detector="NRS1", msa_file=None):
    """A rate of columns with noise."""
    rng = np.random.default_rng(4)
    data = 1 + rng.normal(0, 0.1, shape) + rng.normal(0, 1, (*shape[:-2], 1, shape[-1]))
    cls = {"NRS_IFU": datamodels.IFUImageModel, "NRS_BRIGHTOBJ": datamodels.CubeModel}.get(kind, datamodels.ImageModel)
    model = cls(data=data.astype(np.float32))
    model.dq = np.zeros(shape, np.uint32)
    meta = model.meta
    meta.filename, meta.exposure.type = "exposure_rate.fits", kind
    meta.instrument.name, meta.instrument.detector = "NIRSPEC", detector
    meta.instrument.filter, meta.instrument.grating = "F290LP", "G395M"
    meta.instrument.gwa_xtilt, meta.instrument.gwa_ytilt, meta.instrument.fixed_slit = 0.35, 0.13, "S400A1"
    meta.instrument.msa_metadata_file, meta.instrument.msa_metadata_id = msa_file, 1
    meta.dither.position_number, meta.observation.program_number = 1, "01234"
    meta.subarray.name, meta.subarray.xstart, meta.subarray.ystart = "ALLSLITS", 1, ystart
    meta.subarray.fastaxis, meta.subarray.slowaxis = 2, 1
    wcsinfo = {"v2_ref": 378.0, "v3_ref": -428.0, "roll_ref": 0.0, "ra_ref": 10.0, "dec_ref": 20.0, "velosys": 0.0}
    for key, value in wcsinfo.items():
        setattr(meta.wcsinfo, key, value)
    return model


def call(model, **options):
    options = {"mask_science_regions": True, "n_sigma": 0.0, "override_flat": "N/A", **options}
    return CleanFlickerNoiseStep.call(model, skip=False, **options)


def mask_of(monkeypatch, model, **options):
    saved = {}
    monkeypatch.setattr(
        CleanFlickerNoiseStep, "save_model", lambda self, product, suffix, **_: saved.update({suffix: product})
    )
    result = call(model, save_mask=True, **options)
    assert result.meta.cal_step.clean_flicker_noise == "COMPLETE"
    return saved["mask"].data != 0


def check_failed(result, model, caplog, words):
    assert result.meta.cal_step.clean_flicker_noise == "FAILED"
    np.testing.assert_array_equal(result.data, model.data)
    assert words in caplog.text


class Coordinates:
    """World coordinates that have boxes and slits, and nothing else."""

    def __init__(self, boxes=BOXES, quadrants=(1, 3)):
        transform = Identity(3)
        transform.inputs = ("x", "y", "name")
        keys = {(number,): box for number, box in boxes.items()}
        self.bounding_box = CompoundBoundingBox.validate(transform, keys, selector_args=[("name", True)], order="F")
        self.slits = [SimpleNamespace(quadrant=quadrant) for quadrant in quadrants]

    def get_transform(self, first, last):
        assert (first, last) == ("gwa", "slit_frame")
        return self


def located(kind, shape, wcs):
    meta = SimpleNamespace(exposure=SimpleNamespace(type=kind), wcs=wcs)
    return SimpleNamespace(meta=meta, dq=np.zeros(shape, np.uint32))


def region(kind, wcs, shape=(12, 10), **options):
    model = exposure(kind, shape=(1, *shape) if kind == "NRS_BRIGHTOBJ" else shape)
    return nirspec_region(model, shape, assign=lambda _: located(kind, shape, wcs), **options)


def test_boxes_of_slits():
    assert slit_boxes(Coordinates()) == list(BOXES.values())


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        (((2.7, 8.5), (1.5, 4.5)), (2, 5), (3, 9)),
        (((2.49, 8.4), (-3.0, 4.49)), (0, 4), (2, 8)),
        (((-0.5, 9.5), (-0.5, 11.5)), (0, 12), (0, 10)),
    ],
    ids=["edges", "fractions", "whole image"],
)
def test_pixels_of_a_box(box, rows, columns):
    assert box_slices(box, (12, 10)) == (slice(*rows), slice(*columns))


def test_boxes_beside_the_image_have_no_pixels():
    boxes = [((20.5, 30.5), (0.5, 5.5)), ((8.0, 3.0), (0.5, 5.5)), ((1.5, 3.5), (-9.5, -2.5))]
    assert not slit_pixels((12, 10), boxes).any()


@pytest.mark.parametrize("kind", ["NRS_FIXEDSLIT", "NRS_BRIGHTOBJ"])
def test_slits_are_boxes(kind):
    expected = np.zeros((12, 10), bool)
    expected[2:5, 3:9] = expected[7:12, 0:3] = True
    np.testing.assert_array_equal(np.atleast_3d(region(kind, Coordinates()).T).T[0], expected)


@pytest.mark.parametrize(("quadrants", "left_out"), [((1, 3), True), ((1, 5), False)], ids=["shutters", "fixed slit"])
def test_rows_of_the_fixed_slits(quadrants, left_out):
    found = region("NRS_MSASPEC", Coordinates(quadrants=quadrants), shape=(1200, 10))
    np.testing.assert_array_equal(np.flatnonzero(found[:, 9]), np.arange(922, 1116) if left_out else [])


def test_flags_of_open_shutters_are_added():
    def find_open(rate):
        rate.dq[0, 0] = OPEN
        rate.dq[0, 1] = 1
        return rate

    model = exposure("NRS_MSASPEC", shape=(12, 10))
    model.dq[11, 9] = OPEN | 4
    wcs = Coordinates(boxes={1: ((2.5, 3.5), (4.5, 5.5))})
    found = nirspec_region(model, (12, 10), assign=lambda _: located("NRS_MSASPEC", (12, 10), wcs), find_open=find_open)
    assert np.argwhere(found).tolist() == [[0, 0], [5, 3], [11, 9]]
    assert model.dq[0, 0] == 0


def test_flags_of_cubes_have_three_axes():
    model = exposure("NRS_BRIGHTOBJ", shape=(2, 12, 10))
    model.dq[1, 0, 0] = OPEN
    wcs = Coordinates(boxes={1: ((2.5, 3.5), (4.5, 5.5))})
    found = nirspec_region(model, (12, 10), assign=lambda _: located("NRS_BRIGHTOBJ", (12, 10), wcs))
    assert np.argwhere(found).tolist() == [[0, 5, 3], [1, 0, 0], [1, 5, 3]]


def test_exposures_without_coordinates_have_flags_alone(caplog):
    def skip(_):
        raise Skip("WCS for EXP_TYPE of NRS_DARK is not implemented")

    model = exposure("NRS_DARK", shape=(12, 10))
    model.dq[3, 4] = OPEN
    assert np.argwhere(nirspec_region(model, (12, 10), assign=skip)).tolist() == [[3, 4]]
    assert "No science regions are left out: WCS for" in caplog.text
    model._instance.pop("dq")
    assert not nirspec_region(model, (12, 10), assign=skip).any()


def test_what_regions_need():
    assert region_references("NIS_SOSS") == ["pastasoss"]
    assert region_references("MIR_IMAGE") == ["flat"]
    assert region_references("NRC_IMAGE") == region_references(None) == []
    assert {"camera", "msa", "disperser", "msaoper"} < set(region_references("NRS_MSASPEC"))
    step = CleanFlickerNoiseStep(mask_science_regions=True)
    assert "camera" in step.planned_references({"meta.exposure.type": "NRS_IFU"})
    assert step.planned_refusal({"meta.exposure.type": "NRS_IFU"}) == ""
    flat = CleanFlickerNoiseStep(mask_science_regions=True, apply_flat_field=True)
    assert flat.planned_references({"meta.exposure.type": "MIR_IMAGE"}) == ["flat"]
    given = CleanFlickerNoiseStep(mask_science_regions=True, user_mask="mask.fits")
    assert given.planned_references({"meta.exposure.type": "NRS_IFU"}) == []


def test_fixed_slits(references, monkeypatch):
    model = exposure()
    mask = mask_of(monkeypatch, model)
    columns = np.flatnonzero(~mask.all(axis=0))
    assert mask.any()
    assert not mask[:, 1500].all()
    assert mask[:, :400].all()
    assert columns.min() > 400
    assert not hasattr(model.meta, "wcs") or model.meta.wcs is None
    other = mask_of(monkeypatch, model, mask_science_regions=False)
    assert other.all()


def test_noise_comes_from_the_background_alone(references):
    model = exposure()
    dark = model.data[190:, 1000:].copy()
    model.data[10:170, 1000:] += 1000  # rows of the slits
    expected = dark - np.median(dark, axis=0)
    result = call(model, background_method=None)
    assert np.abs(result.data[190:, 1000:] - expected).max() < 0.2
    left = call(model, background_method=None, mask_science_regions=False)
    assert np.abs(left.data[190:, 1000:] - expected).min() > 100


def test_coordinates_that_are_there_are_used(references, monkeypatch):
    model = exposure()
    fresh = mask_of(monkeypatch, model)
    located = AssignWcsStep.call(model)
    monkeypatch.setattr(AssignWcsStep, "process", None)
    np.testing.assert_array_equal(mask_of(monkeypatch, located), fresh)


def test_a_mask_of_the_user_needs_no_coordinates(monkeypatch):
    monkeypatch.setattr(AssignWcsStep, "process", None)
    datamodels.ImageModel(data=np.ones((16, 64), np.float32)).save("mask.fits")
    assert call(exposure(shape=(16, 64)), user_mask="mask.fits").meta.cal_step.clean_flicker_noise == "COMPLETE"


def test_shutters(references, monkeypatch):
    write_metafile("msa.fits", [Slitlet(3, 200, (85, 86, 87), 1)])
    model = exposure("NRS_MSASPEC", shape=(80, 2048), ystart=441, msa_file="msa.fits")
    mask = mask_of(monkeypatch, model)
    left_out = 1 - mask.mean()
    assert 0.0 < left_out < 0.2
    references["msaoper"] = "N/A"
    without = mask_of(monkeypatch, model)
    assert (without & mask == mask).all()
    assert not model.dq.any()


def test_bright_object_with_a_mask_for_each_integration(references, monkeypatch):
    model = exposure("NRS_BRIGHTOBJ", shape=(2, 64, 2048), ystart=941)
    mask = mask_of(monkeypatch, model, single_mask=False)
    assert mask.shape == (2, 64, 2048)
    assert not mask.all()
    np.testing.assert_array_equal(mask[0], mask[1])


@pytest.mark.parametrize("name", [None, "N/A", "none.fits"])
def test_the_file_of_the_shutters_is_missing(name, references, caplog):
    model = exposure("NRS_MSASPEC", shape=(16, 2048), msa_file=name)
    check_failed(call(model), model, caplog, "science regions cannot be found")


def test_the_file_of_the_shutters_is_another_one(references, caplog):
    write_metafile("msa.fits")
    model = exposure("NRS_MSASPEC", shape=(16, 2048), msa_file="msa.fits")
    model.meta.instrument.msa_metadata_id = 7
    check_failed(call(model), model, caplog, "science regions cannot be found")


@pytest.mark.parametrize("kind", ["NRS_IFU", "NRS_MSASPEC"])
def test_nothing_on_the_detector(kind, references, caplog):
    write_metafile("msa.fits", [Slitlet(1, 360, (85, 86, 87), 1)])
    model = exposure(kind, shape=(16, 2048), detector="NRS2", msa_file="msa.fits")
    check_failed(call(model), model, caplog, "NRS2")


@pytest.mark.parametrize("error", [MSAFileError, NoDataOnDetectorError])
def test_errors_of_coordinates_fail_the_step(error, caplog, monkeypatch):
    def fail(step, model):
        raise error("coordinates are bad")

    monkeypatch.setattr(AssignWcsStep, "process", fail)
    model = exposure(shape=(16, 64))
    check_failed(call(model), model, caplog, "coordinates are bad")


def test_tilts_that_are_not_known_are_none(references, monkeypatch, caplog):
    model = exposure()
    model.meta.instrument.gwa_xtilt = model.meta.instrument.gwa_ytilt = None
    assert not mask_of(monkeypatch, model).all()
    assert "GWA_XTIL" in caplog.text


def test_no_references_at_all(references):
    references.clear()
    with pytest.raises(InputError, match="needs reference files"):
        call(exposure(shape=(16, 2048)))


def test_operability_without_its_key(references, tmp_path):
    write_metafile("msa.fits")
    references["msaoper"] = str(tmp_path / "bad.json")
    (tmp_path / "bad.json").write_text(json.dumps({"shutters": []}))
    with pytest.raises(InputError, match="no list 'msaoper'"):
        call(exposure("NRS_MSASPEC", shape=(16, 2048), msa_file="msa.fits"))


class Slice:
    """World coordinates of a slice: a wavelength where the row is even."""

    def __init__(self, box):
        self.bounding_box = box

    def __call__(self, x, y):
        return x, y, np.where(y % 2 == 0, 1.0, np.nan)


def test_slices_that_are_called_by_number():
    slices = [Slice(((1.2, 3.3), (3.5, 6.5))), Slice(((7.5, 12.0), (-4.0, 0.5)))]
    found = slice_pixels(SimpleNamespace(available_frames=["detector", "gwa"]), (12, 10), lambda: slices)
    assert np.argwhere(found).tolist() == [[0, 8], [0, 9], *([row, column] for row in (4, 6) for column in (1, 2, 3))]


def test_overrides_of_the_pipeline_are_used(monkeypatch):
    seen = []

    def record(step, model):
        seen.append((step.override_camera, step.parent.name))
        raise Skip("enough")

    monkeypatch.setattr(AssignWcsStep, "process", record)
    step = CleanFlickerNoiseStep(name="cleaning", parent=MSAFlagOpenStep(name="pipeline"))
    step.parent.assign_wcs = AssignWcsStep(override_camera="camera.asdf")
    region_of(step, exposure(shape=(12, 10)), shutters=False)
    del step.parent.assign_wcs
    region_of(step, exposure(shape=(12, 10)), shutters=False)
    assert seen == [("camera.asdf", "cleaning"), (None, "cleaning")]
