"""Pointing, angles and FITS keywords against values of the released pipeline and of astropy."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS as FitsWCS
from stdatamodels.jwst import datamodels

from jwst.assign_wcs.pointing import (
    compute_roll_ref,
    create_fitswcs,
    fitswcs_transform_from_model,
    frame_from_model,
)
from jwst.assign_wcs.util import calc_rotation_matrix, velocity_correction
from stpipe.exceptions import InputError, MissingMetadataError

PLACE = {"crpix1": 46.0, "crpix2": 41.0, "crval1": 82.18735912166036, "crval2": -65.44754179969318}
SCALE = {"cdelt1": 1.7e-5, "cdelt2": 1.7e-5, "pc1_1": -0.8, "pc1_2": 0.6, "pc2_1": 0.6, "pc2_2": 0.8}
TYPES = {"ctype1": "RA---TAN", "ctype2": "DEC--TAN", "cunit1": "deg", "cunit2": "deg", "wcsaxes": 2}


def with_keywords(**keywords):
    model = datamodels.ImageModel((4, 4))
    model.meta.wcsinfo.instance.update(keywords)
    return model


@pytest.mark.parametrize(
    ("arguments", "roll"),
    [
        ((120, -527, 30, 80, -69.5, 100, -400), 29.965735443032763),
        ((0, 0, 30, 80, -69.5, 100, -400), 30.08474146894909),
        ((120, -527, 300, 359.9, 10, 120, -527), 300.0),
        ((-453, -373, 12, 0.1, -89, -391, -421), 11.180178547018592),
    ],
)
def test_roll_as_in_the_released_pipeline(arguments, roll):
    assert compute_roll_ref(*arguments) == pytest.approx(roll, rel=0, abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "matrix"),
    [
        ((0.3, 0.1, 1), [0.9800665778412416, 0.1986693307950612, -0.1986693307950612, 0.9800665778412416]),
        ((2.0, -0.7, -1), [-0.26749882862458735, 0.963558185417193, 0.963558185417193, 0.26749882862458735]),
    ],
)
def test_rotation_as_in_the_released_pipeline(arguments, matrix):
    assert calc_rotation_matrix(*arguments) == pytest.approx(matrix, rel=1e-12)


def test_parity_of_an_aperture():
    with pytest.raises(InputError, match="vparity is 0"):
        calc_rotation_matrix(0.1, 0.1, 0)


def test_velocity():
    model = velocity_correction(3480.15)
    assert model(1.0) == pytest.approx(0.9999883916038974, rel=1e-14)
    assert model.inverse(model(2.5)) == pytest.approx(2.5, rel=1e-14)
    assert velocity_correction(None)(2.5) == 2.5


def test_keywords_as_in_the_released_pipeline():
    found = create_fitswcs(with_keywords(**PLACE, **SCALE, **TYPES))
    assert found.available_frames == ["detector", "sky"]
    assert found(10.0, 20.0) == pytest.approx((82.18801372908655, -65.44817079827986), rel=0, abs=1e-11)
    assert found(0, 0) == pytest.approx((82.18785008424537, -65.44854479889808), rel=0, abs=1e-11)


@pytest.mark.parametrize("matrix", ["pc", "cd", "none"])
def test_keywords_as_in_astropy(matrix):
    keywords = PLACE | TYPES
    if matrix == "pc":
        keywords |= SCALE
    elif matrix == "cd":
        keywords |= {"cd1_1": -1.7e-5, "cd1_2": 2e-6, "cd2_1": 2e-6, "cd2_2": 1.7e-5}
    else:
        keywords |= {"cdelt1": -1.7e-5, "cdelt2": 1.7e-5}
    expected = FitsWCS({key.upper(): value for key, value in keywords.items()})
    x, y = np.arange(5.0), np.arange(10.0, 60.0, 10.0)
    found = create_fitswcs(with_keywords(**keywords))(x, y)
    np.testing.assert_allclose(found, expected.all_pix2world(x, y, 0), rtol=0, atol=1e-11)


def test_keywords_with_wavelengths():
    third = {"wcsaxes": 3, "crpix3": 1.0, "crval3": 1.5, "cdelt3": 0.01, "ctype3": "WAVE", "cunit3": "um"}
    model = with_keywords(**PLACE, **SCALE, **TYPES | third)
    found = create_fitswcs(model)
    assert found(45.0, 40.0, 3.0) == pytest.approx((PLACE["crval1"], PLACE["crval2"], 1.53), rel=1e-12)
    assert found.invert(*found(1.0, 2.0, 3.0)) == pytest.approx((1.0, 2.0, 3.0), rel=1e-8)
    assert [str(unit) for unit in frame_from_model(model).unit] == ["deg", "deg", "um"]
    table = np.array([(1.0,), (1.5,), (2.5,)], dtype=[("wavelength", float)])
    keywords = {"CTYPE": ["RA---TAN", "DEC--TAN", "WAVE"], "CRPIX": [1, 1, 1], "CRVAL": [80, -69, 0], "PC": np.eye(3)}
    transform = fitswcs_transform_from_model(keywords | {"CDELT": [1, 1, 1]}, wavetable=table)
    assert transform(0, 0, 1.5)[2] == 2.0


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        (TYPES, MissingMetadataError, "meta.wcsinfo.crpix1"),
        (PLACE | TYPES | {"ctype1": "LINEAR"}, InputError, "no right ascension"),
        (PLACE | TYPES | {"ctype1": "RA---ABC"}, InputError, "projection is not known"),
    ],
)
def test_keywords_that_will_not_do(keywords, error, message):
    with pytest.raises(error, match=message):
        create_fitswcs(with_keywords(**keywords))
