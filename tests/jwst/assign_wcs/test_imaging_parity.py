"""World coordinates of images against those of the released pipeline; see tests/parity/make_imaging_wcs.py."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from jwst.assign_wcs import AssignWcsStep
from jwst.assign_wcs.assign_wcs import load_wcs

PARITY = pathlib.Path(__file__).parents[2] / "parity"
DEGREE, PIXEL, ARCSEC = 1e-12, 1e-8, 1e-10
NAMES = (
    *("nircam_long", "nircam_short", "nircam_subarray", "nircam_tacq", "nircam_degrees", "nircam_loose"),
    *("miri", "miri_subarray", "miri_lyot", "niriss", "niriss_ami", "fgs"),
)


@pytest.fixture(scope="module")
def peer():
    with np.load(PARITY / "imaging_wcs.npz") as file:
        return {key: file[key] for key in file.files}


@pytest.fixture(scope="module", params=NAMES)
def case(request, images, image_references, peer):
    """An exposure with its coordinates, what the peer made of it, and the pixels compared."""
    name = request.param
    case = images.CASES[name]
    overrides = {f"override_{kind}": "N/A" for kind in AssignWcsStep.reference_file_types}
    overrides |= {
        f"override_{kind}": path for kind, path in images.extract(image_references, case["references"]).items()
    }
    result = AssignWcsStep.call(images.model_of(case), **overrides, **case["options"])
    expected = {key: peer[f"{name}_{key}"] for key in ("world", "field", "back", "box", "header")}
    return result, expected, images


def test_every_case_is_compared(images):
    assert set(NAMES) == set(images.CASES)


def test_coordinates(case):
    result, expected, images = case
    wcs = result.meta.wcs
    x, y = images.sample_pixels(result.shape)
    world = np.array(wcs(x, y))
    np.testing.assert_allclose(world, expected["world"], rtol=0, atol=DEGREE)  # NaN in the same places
    assert np.isfinite(world[0, :-1]).all()
    assert np.isnan(world[:, -1]).all()
    field = wcs.get_transform("detector", "v2v3")(x, y)
    np.testing.assert_allclose(field, expected["field"], rtol=0, atol=ARCSEC)
    assert wcs.available_frames == ["detector", "v2v3", "v2v3vacorr", "world"]


def test_the_way_back(case):
    result, expected, images = case
    inside = np.isfinite(expected["world"][0])
    back = np.array(result.meta.wcs.invert(*expected["world"][:, inside]))
    np.testing.assert_allclose(back, expected["back"], rtol=0, atol=PIXEL)
    pixels = np.array(images.sample_pixels(result.shape))[:, inside]
    found = np.isfinite(back).all(axis=0)
    assert found.sum() >= 12
    np.testing.assert_allclose(back[:, found], pixels[:, found], rtol=0, atol=0.1)  # as good as the inverses are


def test_box(case):
    result, expected, _ = case
    np.testing.assert_array_equal(result.meta.wcs.bounding_box.bounding_box(order="F"), expected["box"])


def test_keywords(case):
    result, expected, images = case
    found, wanted = images.header_of(result), json.loads(str(expected["header"]))
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert found[key] == (pytest.approx(value, rel=1e-6, abs=1e-30) if isinstance(value, float) else value), key
    assert result.meta.cal_step.assign_wcs == "COMPLETE"


def test_flight_exposures(images, image_references):
    """NIS_AMI of program 1093 as calibrated in 2022 (jwst 1.5.3); see tests/parity/make_imaging_flight.py."""
    with np.load(PARITY / "imaging_flight.npz") as file:
        flight = {key: file[key] for key in file.files}
    names = {"distortion": "flight_niriss_distortion"}
    references = images.extract(image_references, names)
    case = images.CASES["niriss_ami"]
    for values, sky in zip(flight["pointing"], flight["sky"], strict=True):
        model = images.model_of(case)
        for key, value in zip(flight["names"], values[:-1], strict=True):
            setattr(model.meta.wcsinfo, str(key), float(value))
        model.meta.velocity_aberration.scale_factor = float(values[-1])
        load_wcs(model, references)
        found = model.meta.wcs(*np.meshgrid(flight["pixels"], flight["pixels"]))
        np.testing.assert_allclose(found, sky, rtol=0, atol=1e-12)
    assert len(flight["sky"]) == 13
