"""msa_flagging: shutters, slits, pixels, the step, and vectors of the released pipeline."""

from __future__ import annotations

import json
import pathlib
import sys

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.msaflagopen import MSAFlagOpenStep
from jwst.msaflagopen.msaflag_open import (
    WCS_TYPES,
    boundingbox_to_indices,
    create_slitlets,
    do_correction,
    get_failed_open_shutters,
    wcs_reference_files,
    wcs_to_dq,
)
from jwst.simulation.nirspec_optics import nirspec_optics_references
from jwst.simulation.nirspec_optics_msa import STUCK, StuckShutter, write_operability
from stpipe.exceptions import InputError

PARITY = pathlib.Path(__file__).parents[2] / "parity"
sys.path.insert(0, str(PARITY))

import make_nirspec_regions as MAKE  # noqa: E402, N812

FLAG = 2**29
CLOSED = {"state": "closed", "TA state": "closed", "Internal state": "closed"}


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    return nirspec_optics_references(tmp_path_factory.mktemp("optics"), grating="G395M")


@pytest.fixture(scope="module")
def vectors():
    with np.load(PARITY / "nirspec_regions.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def scenes_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")


def exposure(references, *, nints=0, rows=(440, 80), kind="NRS_MSASPEC"):
    """An empty rate of some rows of the detector, with the names of its references."""
    first, count = rows
    shape = (count, 2048) if not nints else (nints, count, 2048)
    model = (datamodels.CubeModel if nints else datamodels.ImageModel)(data=np.ones(shape, np.float32))
    model.dq = np.full(shape, 2, np.uint32)
    meta = model.meta
    meta.instrument.name, meta.instrument.detector = "NIRSPEC", "NRS1"
    meta.instrument.filter, meta.instrument.grating = "F290LP", "G395M"
    meta.instrument.gwa_xtilt, meta.instrument.gwa_ytilt = 0.35, 0.13
    meta.exposure.type, meta.subarray.name = kind, "FULL"
    meta.subarray.xstart, meta.subarray.ystart = 1, first + 1
    meta.wcsinfo.v2_ref, meta.wcsinfo.v3_ref, meta.wcsinfo.roll_ref = 378.0, -428.0, 0.0
    meta.wcsinfo.ra_ref, meta.wcsinfo.dec_ref, meta.wcsinfo.velosys = 10.0, 20.0, 0.0
    meta.filename = "exposure_rate.fits"
    for reftype in WCS_TYPES:
        getattr(meta.ref_file, reftype).name = str(references[reftype])
    return model


def call(model, shutters, **options):
    return MSAFlagOpenStep.call(model, override_msaoper=str(shutters), **options)


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.mark.parametrize("name", MAKE.FLAGS)
def test_agrees_with_the_release(name, vectors, scenes_folder):
    model, references = MAKE.exposure(name, scenes_folder)
    result = do_correction(model, MAKE.write_shutters(scenes_folder / "msaoper.json"), references)
    np.testing.assert_array_equal(MAKE.bits(result.dq & FLAG), vectors[f"flags/{name}"])
    assert not (result.dq & ~np.uint32(FLAG)).any()


@pytest.mark.parametrize("state", list(CLOSED))
def test_any_state_suffices(tmp_path, state):
    place = {"Q": 3, "x": 200, "y": 86}
    shutters = [place | CLOSED, place | CLOSED | {state: "open"}, place | CLOSED | {state: "OPEN"}]
    name = write(tmp_path / "msaoper.json", {"msaoper": shutters})
    assert get_failed_open_shutters(name) == [shutters[1]]


def test_slits_of_shutters():
    first, second = create_slitlets([{"Q": 3, "x": 200, "y": 86}, {"Q": 1, "x": 1, "y": 1}])
    assert (first.name, first.slit_id, first.shutter_id, first.quadrant) == (1, 1, 31225, 3)
    assert (first.xcen, first.ycen, first.ymin, first.ymax) == (200, 86, -0.5, 0.5)
    assert (first.source_id, first.shutter_state) == (0, "x")
    assert (second.name, second.shutter_id) == (2, 1)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (((-0.5, 7.5), (2.9, 4.1)), (slice(0, 8), slice(2, 5))),
        (((3.2, 3.1), (-20.0, 40.0)), (slice(3, 4), slice(0, 6))),
        (((20.0, 30.0), (0.0, 1.0)), (slice(20, 20), slice(0, 2))),
    ],
    ids=["fractions", "clipped", "beside"],
)
def test_pixels_of_a_box(box, expected):
    assert boundingbox_to_indices(datamodels.ImageModel((6, 8)), box) == expected


def test_flags_of_coordinates():
    ra = np.array([[1.0, np.nan], [0.0, -1.0]])
    found = wcs_to_dq((ra, ra, ra), FLAG)
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, [[FLAG, 0], [FLAG, FLAG]])


def test_only_the_trace_is_flagged(references):
    model = exposure(references)
    result = call(model, references["msaoper"])
    assert result.meta.cal_step.msa_flagging == "COMPLETE"
    np.testing.assert_array_equal(result.data, model.data)
    assert (model.dq == 2).all()
    flagged = result.dq == FLAG + 2
    assert (flagged | (result.dq == 2)).all()
    assert 100 < flagged.sum() < 2000
    rows, columns = np.nonzero(flagged)
    assert np.ptp(rows) < 12
    assert columns.min() > 1800


def test_every_integration_is_flagged(references):
    one, cube = exposure(references), exposure(references, nints=2)
    plane, planes = (call(model, references["msaoper"]).dq for model in (one, cube))
    assert planes.shape == (2, 80, 2048)
    np.testing.assert_array_equal(planes, np.stack([plane, plane]))


def test_a_closed_array_flags_nothing(references, tmp_path, caplog):
    write_operability(tmp_path / "closed.json", [StuckShutter(1, 5, 5, "closed")])
    result = call(exposure(references), tmp_path / "closed.json")
    assert (result.dq == 2).all()
    assert "No shutter failed open" in caplog.text
    assert result.meta.cal_step.msa_flagging == "COMPLETE"


def test_more_shutters_only_add_flags(references, tmp_path):
    write_operability(tmp_path / "one.json", STUCK[2:3])
    write_operability(tmp_path / "two.json", (*STUCK[2:3], StuckShutter(3, 340, 84)))
    one, two = (call(exposure(references), tmp_path / f"{name}.json").dq for name in ("one", "two"))
    assert ((two & one) == one).all()
    assert (two != one).any()


def test_a_subarray_beside_all_traces_is_left_as_it_is(references):
    result = call(exposure(references, rows=(0, 16)), references["msaoper"])
    assert (result.dq == 2).all()


def test_no_flags_at_all_are_zeros(references):
    model = exposure(references)
    model._instance.pop("dq")
    result = do_correction(model, references["msaoper"], wcs_reference_files(model))
    assert set(np.unique(result.dq)) == {0, FLAG}


def test_no_reference_skips(references):
    result = call(exposure(references), "N/A")
    assert result.meta.cal_step.msa_flagging == "SKIPPED"
    assert (result.dq == 2).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as JSON"),
        ({"shutters": []}, "no list 'msaoper'"),
        ([], "no list 'msaoper'"),
        ({"msaoper": [{"Q": 1, "x": 1, "y": 1, "state": "open", "TA state": "open"}]}, "no 'Internal state'"),
        ({"msaoper": [CLOSED | {"Q": 1, "x": 1}]}, "Shutter 0 .* has no 'y'"),
        ({"msaoper": ["open"]}, "has no 'Q'"),
    ],
    ids=["no json", "no key", "list", "no state", "no place", "text"],
)
def test_bad_operability(content, message, references, tmp_path):
    name = write(tmp_path / "bad.json", content)
    with pytest.raises(InputError, match=message):
        call(exposure(references), name)


def test_operability_that_is_no_file(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        get_failed_open_shutters(str(tmp_path / "none.json"))
    with pytest.raises(InputError, match="must be a JSON file, not MaskModel"):
        get_failed_open_shutters(datamodels.MaskModel((2, 2)))


def test_a_shutter_that_is_not_in_the_array(references, tmp_path):
    write_operability(tmp_path / "far.json", [StuckShutter(1, 5, 400)])
    with pytest.raises(InputError, match="shutter"):
        call(exposure(references), tmp_path / "far.json")


@pytest.mark.parametrize("name", [None, "N/A"])
def test_without_world_coordinates(name, references):
    model = exposure(references)
    model.meta.ref_file.camera.name = name
    with pytest.raises(InputError, match="run assign_wcs before"):
        call(model, references["msaoper"])


@pytest.mark.parametrize("name", ["/nowhere/camera.asdf", "crds://jwst_nirspec_camera_9999.asdf", "override://X"])
def test_references_that_are_gone(name, references, tmp_path, monkeypatch):
    monkeypatch.setenv("CRDS_PATH", str(tmp_path))
    model = exposure(references)
    model.meta.ref_file.camera.name = name
    with pytest.raises(InputError, match="CAMERA"):
        call(model, references["msaoper"])


def test_tilts_that_are_not_known_are_none(references, caplog):
    model = exposure(references)
    model.meta.instrument.gwa_xtilt = model.meta.instrument.gwa_ytilt = None
    result = call(model, references["msaoper"])
    assert (result.dq & FLAG).any()
    assert "GWA_XTIL" in caplog.text


def test_what_is_no_rate_of_nirspec(references):
    model = exposure(references)
    model.meta.instrument.name = "NIRCAM"
    with pytest.raises(InputError, match="one of NIRCAM"):
        call(model, references["msaoper"])
    ramp = datamodels.RampModel((1, 2, 4, 4))
    ramp.meta.instrument.name = "NIRSPEC"
    with pytest.raises(InputError, match=r"works on rates.*\(1, 2, 4, 4\)"):
        call(ramp, references["msaoper"])
