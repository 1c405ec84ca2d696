"""World coordinates of moving targets: spec assign_mtwcs.md, and parity with the released pipeline."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.modeling.models import Identity
from gwcs import WCS
from gwcs import coordinate_frames as cf

from jwst.assign_mtwcs import AssignMTWcsStep
from jwst.assign_mtwcs.moving_target_wcs import add_mt_frame, assign_moving_target_wcs
from jwst.datamodels import ModelContainer, ModelLibrary
from jwst.stpipe import query_step_status

PARITY = Path(__file__).parents[2] / "parity"
sys.path.insert(0, str(PARITY))
from mtwcs_cases import TARGETS, exposure, sky_wcs, slits  # noqa: E402

EXPECTED = json.loads((PARITY / "assign_mtwcs.json").read_text())
CASES = {
    "images": lambda: [exposure(0), exposure(1)],
    "one without target": lambda: [exposure(0), exposure(1, target=False)],
    "other type": lambda: [exposure(0, exp_type="NRC_TSGRISM"), exposure(1, exp_type="NRC_TSGRISM")],
    "slits": lambda: [slits(0), slits(1)],
    "a slit without target": lambda: [slits(0), slits(1, target=False)],
}


@pytest.fixture(autouse=True)
def no_references(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")


def models_of(library):
    return list(library.map_function(lambda model, _: model, modify=False))


def check(model, expected):
    assert model.meta.cal_step.assign_mtwcs == expected["status"]
    parts = list(getattr(model, "slits", None) or [model])
    assert len(parts) == len(expected["parts"])
    for part, wanted in zip(parts, expected["parts"]):
        info, wcs = part.meta.wcsinfo, part.meta.wcs
        assert list(wcs.available_frames) == wanted["frames"]
        world = wcs(np.array(EXPECTED["x"]), np.array(EXPECTED["y"]))
        np.testing.assert_allclose(np.array(world), wanted["world"], rtol=1e-13)
        assert [list(one) for one in wcs.bounding_box.bounding_box(order="F")] == wanted["box"]
        for found, average in zip((info.mt_avra, info.mt_avdec), wanted["average"]):
            assert found == (average if average is None else pytest.approx(average, rel=1e-14))
        assert (info.s_region, info.crval1) == (wanted["s_region"], wanted["crval1"])


@pytest.mark.parametrize("name", CASES)
def test_same_as_the_released_pipeline(name):
    result = AssignMTWcsStep.call(ModelLibrary(CASES[name]()))
    assert isinstance(result, ModelLibrary)
    for model, expected in zip(models_of(result), EXPECTED[name], strict=True):
        check(model, expected)


def test_numbers_of_the_specification():
    first, second = models_of(AssignMTWcsStep.call([exposure(0), exposure(1)]))
    assert first.meta.wcs(59.5, 49.5) == pytest.approx((80.001, -69.5005), abs=1e-10)
    assert second.meta.wcs(59.5, 49.5) == pytest.approx((79.999, -69.4995), abs=1e-10)
    assert first.meta.wcsinfo.mt_avra == pytest.approx(80.001)
    assert second.meta.wcsinfo.mt_avdec == pytest.approx(-69.5005)


def test_target_is_at_one_place_in_all_exposures():
    """Where the target was in an exposure is where it is on average, in the new coordinates."""
    for model, target in zip(models_of(AssignMTWcsStep.call([exposure(0), exposure(1)])), TARGETS):
        pixel = sky_wcs().invert(*target, with_bounding_box=False)
        assert model.meta.wcs(*pixel, with_bounding_box=False) == pytest.approx((80.001, -69.5005), abs=1e-9)


def test_inputs_stay_as_they_are_where_the_step_runs_alone():
    models = [exposure(0), exposure(1)]
    AssignMTWcsStep.call(ModelContainer(models))
    assert models[0].meta.wcs.output_frame.name == "world"
    assert models[0].meta.cal_step.assign_mtwcs is None


@pytest.mark.parametrize("save", [False, True], ids=["model", "path"])
def test_single_exposure(tmp_path, caplog, save):
    model = exposure(0)
    given = model
    if save:
        given = str(tmp_path / "x_cal.fits")
        model.save(given)
    result = AssignMTWcsStep.call(given)
    assert query_step_status(result, "assign_mtwcs") == "FAILED"
    assert result.meta.wcs.output_frame.name == "world"
    assert "needs several exposures" in caplog.text


@pytest.mark.parametrize("on_disk", [False, True])
def test_association(tmp_path, monkeypatch, on_disk):
    """Backgrounds keep their coordinates; products are named after the exposures."""
    monkeypatch.chdir(tmp_path)
    names = []
    for number in (0, 1, 0):
        model = exposure(number)
        names.append(f"{'abc'[len(names)]}_cal.fits")
        model.save(names[-1])
    kinds = ["science", "SCIENCE", "background"]
    members = [{"expname": name, "exptype": kind} for name, kind in zip(names, kinds)]
    (tmp_path / "x_asn.json").write_text(
        json.dumps({"asn_id": "c1", "asn_pool": "p", "products": [{"members": members}]})
    )
    library = ModelLibrary("x_asn.json", on_disk=on_disk)
    result = AssignMTWcsStep.call(library, save_results=True)
    assert [model.meta.wcs.output_frame.name for model in models_of(result)] == ["moving_target"] * 2 + ["world"]
    assert sorted(path.name for path in tmp_path.glob("*_assign_mtwcs.fits")) == [
        f"{a}_assign_mtwcs.fits" for a in "abc"
    ]


def test_positions_are_read_from_headers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in (0, 1):
        exposure(number, target=False).save(f"{number}_cal.fits")
    monkeypatch.setattr(ModelLibrary, "_load", lambda *_: pytest.fail("a model was opened"))
    members = [{"expname": f"{number}_cal.fits", "exptype": "science"} for number in (0, 1)]
    assign_moving_target_wcs(ModelLibrary({"products": [{"members": members}]}, on_disk=True))


def test_missing_position_is_a_warning(caplog):
    library = ModelLibrary([exposure(0), exposure(1, target=False)])
    assert assign_moving_target_wcs(library) is library
    assert "1 of 2 exposures do not say where the target was" in caplog.text
    assert "do not follow the moving target" in caplog.text


def test_again_replaces_the_shift():
    models = models_of(AssignMTWcsStep.call(AssignMTWcsStep.call([exposure(0), exposure(1)])))
    assert models[0].meta.wcs.available_frames == ["detector", "world", "moving_target"]
    assert models[0].meta.wcs(59.5, 49.5) == pytest.approx((80.001, -69.5005), abs=1e-10)


def test_target_that_crosses_right_ascension_zero():
    models = [exposure(0), exposure(1)]
    for model, ra in zip(models, (359.999, 0.001)):
        model.meta.wcsinfo.mt_ra = ra
    first, second = models_of(AssignMTWcsStep.call(models))
    assert first.meta.wcsinfo.mt_avra % 360 == pytest.approx(0, abs=1e-9)
    assert first.meta.wcs(59.5, 49.5)[0] == pytest.approx(80.001, abs=1e-9)
    assert second.meta.wcs(59.5, 49.5)[0] == pytest.approx(79.999, abs=1e-9)


def test_what_is_no_library():
    with pytest.raises(TypeError, match="A ModelLibrary is needed"):
        assign_moving_target_wcs([exposure(0)])


def test_no_coordinates():
    model = exposure(1)
    model.meta.wcs = None
    with pytest.raises(ValueError, match="_00002_nrca1_cal.fits has no world coordinates; run assign_wcs"):
        AssignMTWcsStep.call([exposure(0), model])


def test_coordinates_of_another_kind():
    pixels = [cf.Frame2D(name=name) for name in ("detector", "focal")]
    wcs = WCS([(pixels[0], Identity(2)), (pixels[1], None)])
    with pytest.raises(TypeError, match="Frame2D"):
        add_mt_frame(wcs, 1.0, 2.0, 1.5, 2.5)


def test_frame_is_added_to_a_copy():
    wcs = sky_wcs()
    new = add_mt_frame(wcs, 80.001, -69.5005, 80.0, -69.5)
    assert (wcs.output_frame.name, new.output_frame.name) == ("world", "moving_target")
    assert new.bounding_box == wcs.bounding_box
