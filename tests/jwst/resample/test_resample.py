"""Products of resample: those of the released pipeline, and the statements of spec resample.md §9."""

from __future__ import annotations

import json

import numpy as np
import pytest

from jwst.resample import ResampleStep
from jwst.resample.grid import make_grid
from jwst.resample.resample import ResampleImage, ResampleSettings
from stpipe.exceptions import InputError
from tests.jwst.resample.resampling import MAKE, PARITY, members, noisy, pair

VECTORS = np.load(PARITY / "resample.npz")
DRIFTING = {"wcsinfo.s_region", "resample.pixel_scale_ratio"}
"""Text that depends on the library of polygons; a ratio that depends on its areas."""


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
    monkeypatch.chdir(tmp_path)


def resampled(models=None, **parameters):
    return ResampleStep.call(pair()[:1] if models is None else models, **parameters)


def compare_planes(model, key):
    for plane in MAKE.PLANES:
        expected, found = VECTORS.get(f"{key}_{plane}"), getattr(model, plane, None)
        assert (found is None) == (expected is None), plane
        if expected is None:
            continue
        assert found.dtype == expected.dtype
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=2e-6, err_msg=plane)
        else:
            np.testing.assert_array_equal(found, expected, err_msg=plane)


def compare_facts(model, key):
    expected = json.loads(str(VECTORS[f"{key}_meta"]))
    found = MAKE.facts(model)
    assert (expected.pop("hdrtab") is None) == (found.pop("hdrtab") is None)
    if key == "groups1":
        assert (found.pop("resample.pointings"), expected.pop("resample.pointings")) == (1, 2)  # a defect there
    assert found.keys() == expected.keys()
    for name in expected.keys() - DRIFTING:
        wanted = expected[name]
        assert found[name] == (pytest.approx(wanted, rel=1e-9) if isinstance(wanted, float) else wanted), name


@pytest.mark.parametrize("fewest", [0, 1 << 18], ids=["at once", "by planes"])
@pytest.mark.parametrize("name", [name for name in MAKE.CASES if f"{name}_meta" in VECTORS])
def test_agrees_with_the_released_pipeline(name, fewest, monkeypatch):
    monkeypatch.setattr("jwst.resample.at_once._FEWEST", fewest)
    make, parameters = MAKE.CASES[name]
    result = ResampleStep.call(make(), **parameters)
    models = members(result) if parameters.get("single") else [result]
    for index, model in enumerate(models):
        compare_planes(model, f"{name}{index or ''}")
        compare_facts(model, f"{name}{index or ''}")


def test_one_image():
    result = resampled()
    info = result.meta.wcsinfo
    assert result.data.shape == (101, 121)
    assert (info.crpix1, info.crpix2) == pytest.approx((61.4339483937, 51.5217388069), abs=1e-9)
    assert (info.crval1, info.crval2) == pytest.approx((79.99999999958, -69.50000000024), abs=1e-10)
    assert info.cdelt1 == pytest.approx(8.666739186667e-06, rel=1e-11)
    assert (info.pc1_1, info.pc1_2) == pytest.approx((-0.8703556959, 0.4924235601), abs=1e-9)
    assert np.isnan(result.data).sum() == np.isnan(result.err).sum() == 105
    assert np.isnan(result.data[0, 0])
    middle = {"data": 1, "wht": 166.66667, "var_rnoise": 0.006, "var_poisson": 0.004, "var_flat": 0, "err": 0.1}
    for plane, value in middle.items():
        assert getattr(result, plane)[50, 60] == pytest.approx(value, rel=1e-6), plane
    sky = result.meta.wcs(info.crpix1 - 1, info.crpix2 - 1)
    assert sky == pytest.approx((info.crval1, info.crval2), abs=1e-10)


@pytest.mark.parametrize(
    ("parameters", "shape", "expected"),
    [
        ({"pixel_scale_ratio": 0.5}, (202, 242), {"wht": 41.666668, "err": 0.2, "var_rnoise": 0.024}),
        ({"pixel_scale": 0.0624}, (51, 60), {"err": 0.05}),
        ({"rotation": 0.0}, (147, 154), {"err": 0.1}),
        ({"crpix": [10.0, 20.0]}, (71, 70), {"err": 0.1}),
        ({"output_shape": [70, 60]}, (60, 70), {"err": 0.1}),
    ],
)
def test_grids(parameters, shape, expected):
    result = resampled(**parameters)
    assert result.data.shape == shape
    for plane, value in expected.items():
        assert np.nanmedian(getattr(result, plane)) == pytest.approx(value, rel=1e-4), plane
    if "pixel_scale_ratio" in parameters:
        assert result.meta.photometry.pixelarea_arcsecsq == pytest.approx(2.43364e-4, rel=1e-5)
    if "rotation" in parameters:
        info = result.meta.wcsinfo
        np.testing.assert_allclose([info.pc1_1, info.pc1_2, info.pc2_1, info.pc2_2], [-1, 0, 0, 1], atol=1e-12)
        assert np.isnan(result.data).sum() == 10340
    if "crpix" in parameters:
        assert (result.meta.wcsinfo.crpix1, result.meta.wcsinfo.crpix2) == pytest.approx((11, 21), abs=1e-8)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("ivm", {"wht": 500, "var_rnoise": 0.002, "var_poisson": 0.00222222, "err": 0.0649786}),
        ("exptime", {"wht": 270, "var_rnoise": 0.002, "var_poisson": 0.00222222}),
    ],
)
def test_two_images(weights, expected):
    result = resampled(pair(), weight_type=weights)
    assert result.data.shape == (121, 133)
    for plane, value in {"data": 2.3333333, **expected}.items():
        assert getattr(result, plane)[60, 66] == pytest.approx(value, rel=2e-6), plane
    assert result.con[0, 60, 66] == 3
    times = result.meta.exposure
    assert (times.exposure_time, times.measurement_time, times.duration) == (300, 270, 330)
    assert (times.start_time, times.end_time) == (60126.0, 60127.02)
    assert result.meta.resample.pointings == len(result.hdrtab) == 2


def test_fill_value():
    result = resampled(fillval="0.0")
    assert np.isfinite(result.data).all()
    assert np.isnan(result.err).sum() == 105


@pytest.mark.parametrize(("subtracted", "expected"), [(False, 0.75), (None, 0.75), (True, 1.0)])
def test_sky_level(subtracted, expected):
    model = pair()[0]
    model.meta.background.level, model.meta.background.subtracted = 0.25, subtracted
    result = resampled(model)
    assert result.data[50, 60] == pytest.approx(expected)
    assert result.meta.background.level is None
    assert result.meta.background.subtracted is None
    assert model.data[50, 60] == 1


def test_flags_of_pixels_that_go_in():
    model = pair()[0]
    model.dq[20, 30], model.dq[40, 50], model.dq[60, 70] = 4, 1, 512
    assert np.unique(resampled(model, propagate_dq=True).dq).tolist() == [0, 4]


def test_a_gradient():
    model = pair()[0]
    y, x = np.indices(model.data.shape)
    model.data = (x + 10 * y).astype(np.float32)
    result = resampled(model)
    assert result.data[50, 60] == pytest.approx(548.882, abs=1e-3)
    assert result.data[10, 20] == pytest.approx(112.04072, abs=1e-4)


def test_interpolated_map():
    exact, coarse = resampled(enable_err=False), resampled(enable_err=False, pixmap_stepsize=10.0)
    np.testing.assert_allclose(coarse.wht, exact.wht, rtol=0, atol=1e-3)


def test_custom_grid(tmp_path):
    import asdf

    asdf.AsdfFile({"wcs": resampled().meta.wcs}).write_to("grid.asdf")
    same = resampled(output_wcs="grid.asdf")
    assert same.data.shape == (101, 121)
    assert same.meta.resample.pixel_scale_ratio == pytest.approx(0.99960351, rel=1e-4)
    assert same.err[50, 60] == pytest.approx(0.1000397, rel=1e-4)
    asdf.AsdfFile({"wcs": resampled().meta.wcs, "pixel_scale": 0.05}).write_to("scaled.asdf")
    small = resampled(output_wcs="scaled.asdf", output_shape=[50, 40])
    assert small.data.shape == (40, 50)
    assert small.meta.resample.pixel_scale_ratio == pytest.approx(1.60186949, rel=1e-4)
    assert small.meta.photometry.pixelarea_arcsecsq == pytest.approx(0.0025)


def test_custom_grid_of_several_transforms(tmp_path, caplog):
    import asdf
    from astropy.modeling import models
    from gwcs import wcs as gw

    before = resampled()
    old = before.meta.wcs.forward_transform
    centre = models.Shift(-old.crpix.value[0]) & models.Shift(-old.crpix.value[1])
    linear = models.AffineTransformation2D(old.pc.value * old.cdelt.value[0])
    sky = models.Pix2Sky_TAN() | models.RotateNative2Celestial(*old.crval.value, 180)
    wcs = gw.WCS([(before.meta.wcs.input_frame, centre | linear | sky), (before.meta.wcs.output_frame, None)])
    wcs.bounding_box = ((-0.5, 120.5), (-0.5, 100.5))
    asdf.AsdfFile({"wcs": wcs}).write_to("grid.asdf")
    result = resampled(output_wcs="grid.asdf")
    assert "linear fit" in caplog.text
    np.testing.assert_array_equal(np.isnan(result.data), np.isnan(before.data))
    np.testing.assert_allclose(result.data, before.data, rtol=1e-6)
    info = result.meta.wcsinfo
    assert info.cdelt1 is None
    assert info.pc1_1 is None
    assert info.ctype1 == "RA---TAN"
    matrix = [[info.cd1_1, info.cd1_2], [info.cd2_1, info.cd2_2]]
    np.testing.assert_allclose(matrix, old.pc.value * old.cdelt.value[0], rtol=1e-5)
    assert wcs(info.crpix1 - 1, info.crpix2 - 1) == pytest.approx((info.crval1, info.crval2), abs=1e-9)


def test_one_product_for_each_exposure():
    models = members(resampled(pair(), single=True))
    names = [model.meta.filename for model in models]
    assert names == [f"jw01234001001_02101_0000{i}_nrca1_outlier_i2d.fits" for i in (1, 2)]
    for model in models:
        assert model.data.shape == (121, 133)
        assert np.nanmedian(model.err) == pytest.approx(0.1)
        assert model.con is not None
        assert model.wht.max() > 0
        assert model.var_rnoise is None


def test_detectors_of_one_exposure_count_once():
    models = [*pair(), pair()[0]]
    models[2].meta.instrument.detector, models[2].meta.filename = "NRCA3", "other_nrca3_cal.fits"
    result = resampled(models)
    assert (result.meta.exposure.exposure_time, result.meta.resample.pointings) == (300, 2)
    assert (result.meta.instrument.detector, result.meta.instrument.filter) == ("MULTIPLE", "F200W")
    assert len(result.hdrtab) == 3


def test_more_inputs_than_bits_of_a_plane():
    model = noisy(1)[0]
    grid = make_grid([model.meta.wcsinfo.s_region], model.meta.wcs, model.meta.wcsinfo.instance)
    image = ResampleImage(grid, ResampleSettings(errors=False, blend=False), inputs=35, regions=[])
    for _ in range(35):
        image.add_model(model, "one")
    result = image.finalize()
    assert result.con.shape == (2, *MAKE.SMALL)
    assert set(np.unique(result.con[0])) <= {0, -1}
    assert set(np.unique(result.con[1])) <= {0, 7}
    assert result.meta.exposure.exposure_time == 100
    with pytest.raises(InputError, match="nothing to resample"):
        image.finalize()


def test_the_order_of_the_inputs_does_not_matter():
    grid = {"crval": [80.0, -69.5], "crpix": [14.0, 12.0], "output_shape": [33, 27], "rotation": 20.0}
    first, second = resampled(noisy(2), **grid), resampled(noisy(2)[::-1], **grid)
    for plane in ("data", "err", "wht", "var_rnoise", "var_poisson", "var_flat"):
        np.testing.assert_allclose(getattr(first, plane), getattr(second, plane), rtol=3e-6, err_msg=plane)
