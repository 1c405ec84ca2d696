"""World coordinates of NIRSpec against those of the released pipeline; see tests/parity/make_nirspec_wcs.py."""

from __future__ import annotations

import ast
import pathlib

import numpy as np
import pytest

from jwst.assign_wcs import nirspec
from jwst.assign_wcs.assign_wcs import load_wcs

PARITY = pathlib.Path(__file__).parents[2] / "parity"
SLITS = ("slits", "slits_nrs2", "bright", "mos", "mos_nrs2", "mos_prism", "lamp")
PIXEL, DEGREE, WAVELENGTH = 1e-6, 1e-7 / 3600, 1e-9


@pytest.fixture(scope="module")
def peer():
    with np.load(PARITY / "nirspec_wcs.npz") as file:
        return {key: file[key] for key in file.files}


def processed(scenes, folder, peer, name):
    """An exposure with its coordinates, and what the peer made of it."""
    model, references = scenes.case(name, folder)
    load_wcs(model, references)
    return model, {key.removeprefix(f"{name}_"): value for key, value in peer.items() if key.startswith(f"{name}_")}


@pytest.fixture(scope="module", params=SLITS)
def case(request, scenes, folder, peer):
    return processed(scenes, folder, peer, request.param)


@pytest.fixture(scope="module")
def ifu(scenes, folder, peer):
    return processed(scenes, folder, peer, "ifu")


def limits(wcs):
    return [tuple(wcs.bounding_box[name]) for name in ("x", "y")]


def compare(wcs, expected, index, scenes):
    """Box, coordinates and way back of one slit."""
    box, world, pixels = (expected[key][index] for key in ("boxes", "world", "back"))
    np.testing.assert_allclose(limits(wcs), box, rtol=0, atol=PIXEL)
    found = np.array(wcs(*scenes.sample_pixels(box)))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(world))
    np.testing.assert_allclose(found[:2], world[:2], rtol=0, atol=DEGREE)
    np.testing.assert_allclose(found[2], world[2], rtol=WAVELENGTH)
    back = np.array(wcs.transform(wcs.available_frames[-1], "detector", *world))
    np.testing.assert_allclose(back, pixels, rtol=0, atol=PIXEL)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_slits(case, scenes):
    model, expected = case
    assert model.meta.wcs.get_transform("gwa", "slit_frame").slit_ids == list(expected["ids"])
    for index, number in enumerate(expected["ids"]):
        compare(nirspec.nrs_wcs_set_input(model, number), expected, index, scenes)
    assert np.isfinite(expected["world"]).mean() > 0.3


def test_slit_records(case):
    model, expected = case
    records = [tuple(slit) for slit in model.meta.wcs.get_transform("gwa", "slit_frame").slits]
    for record, other in zip(records, ast.literal_eval(str(expected["slits"])), strict=True):
        for value, wanted in zip(record, other, strict=True):
            assert value == (pytest.approx(wanted, rel=1e-6, abs=1e-12) if isinstance(value, float) else wanted)


def test_metadata(case):
    model, expected = case
    info = model.meta.wcsinfo
    found = [info.waverange_start, info.waverange_end, info.spectral_order, info.dispersion_direction]
    assert found == list(expected["range"])
    assert info.specsys == "BARYCENT"
    assert not model.hasattr("regions")


@pytest.mark.filterwarnings("ignore:The input positions are not inside any region")
def test_ifu_slices(ifu, scenes):
    model, expected = ifu
    slices = nirspec.nrs_ifu_wcs(model)
    assert len(slices) == 30
    for index in (0, 1, 14, 29):
        compare(slices[index], expected, index, scenes)
    np.testing.assert_allclose([limits(wcs) for wcs in slices], expected["boxes"], rtol=0, atol=PIXEL)


def test_ifu_map_and_footprint(ifu):
    model, expected = ifu
    assert model.regions.dtype == np.int32
    np.testing.assert_array_equal(np.bincount(model.regions.ravel()), expected["counts"])
    np.testing.assert_array_equal(model.regions[:, ::97], expected["rows"])
    assert model.meta.wcsinfo.s_region == str(expected["s_region"])
    assert model.meta.wcsinfo.spectral_region == pytest.approx(list(expected["spectral_region"]), rel=1e-12)
    lit, dark = (model.regions == 1).nonzero(), (0, 0)
    sky = np.array(model.meta.wcs([lit[1][5], dark[1]], [lit[0][5], dark[0]]))
    assert np.isfinite(sky[:, 0]).all()
    assert np.isnan(sky[:, 1]).all()


@pytest.mark.filterwarnings("ignore:The input positions are not inside any region")
def test_ifu_slices_on_the_other_detector(scenes, folder, peer, monkeypatch):
    monkeypatch.setattr("jwst.assign_wcs.nirspec_ifu.SLICES", 3)
    model, expected = processed(scenes, folder, peer, "ifu_nrs2")
    for index in range(3):
        compare(nirspec.nrs_wcs_set_input(model, index), expected, index, scenes)
    np.testing.assert_array_equal(np.bincount(model.regions.ravel())[1:], expected["counts"][1:4])
