"""Weights of input pixels."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.resample.resample_utils import build_mask
from jwst.resample.weights import good_mask, inverse_variance, weight_map
from stpipe.exceptions import InputError, MissingMetadataError, ParameterError

DQ = np.array([[0, 1, 512], [4, 513, 2**31]], np.uint32)


def image():
    model = datamodels.ImageModel((2, 3))
    model.dq = DQ.copy()
    model.var_rnoise = np.array([[0.5, 2, 2], [0, np.nan, np.inf]], np.float32)
    model.meta.exposure.exposure_time, model.meta.exposure.measurement_time = 20.0, 10.0
    return model


@pytest.mark.parametrize(
    ("bits", "good"),
    [
        ("~DO_NOT_USE+NON_SCIENCE", [[1, 0, 0], [1, 0, 1]]),
        ("~DO_NOT_USE", [[1, 0, 1], [1, 0, 1]]),
        ("JUMP_DET", [[1, 0, 0], [1, 0, 0]]),
        (0, [[1, 0, 0], [0, 0, 0]]),
        (~513, [[1, 0, 0], [1, 0, 1]]),
        (None, [[1, 1, 1], [1, 1, 1]]),
    ],
)
def test_flags_of_good_pixels(bits, good):
    assert good_mask(DQ, bits).tolist() == np.array(good, bool).tolist()
    mask = build_mask(DQ, bits)
    assert mask.dtype == np.uint8
    assert mask.tolist() == good


def test_flags_that_nobody_knows():
    with pytest.raises(ParameterError, match="NOT_A_FLAG"):
        good_mask(DQ, "NOT_A_FLAG")


def test_inverse_variance_is_finite():
    found = inverse_variance(np.array([[4, 0, np.nan, np.inf, 1e-45]], np.float32))
    assert found.tolist() == [[0.25, 0, 0, 0, 0]]
    assert found.dtype == np.float32


def test_weights_by_variance():
    assert weight_map(image(), "ivm").tolist() == [[2, 0, 0], [0, 0, 0]]


def test_weights_by_time():
    model = image()
    assert weight_map(model, "exptime").tolist() == [[10, 0, 0], [10, 0, 10]]
    model.meta.exposure.measurement_time = None
    assert weight_map(model, "exptime")[0, 0] == 20


def test_weights_without_a_time():
    model = image()
    model.meta.exposure.measurement_time = model.meta.exposure.exposure_time = None
    with pytest.raises(MissingMetadataError, match="TMEASURE"):
        weight_map(model, "exptime")


def test_weights_without_a_variance_are_one(caplog):
    model = image()
    model.var_rnoise = np.ones((1, 1), np.float32)
    assert weight_map(model, "ivm").tolist() == [[1, 0, 0], [1, 0, 1]]
    assert "VAR_RNOISE" in caplog.text


@pytest.mark.parametrize("kind", [None, "ivm-sky", "error"])
def test_weights_of_other_kinds(kind):
    with pytest.raises(ParameterError, match="'ivm' or 'exptime'"):
        weight_map(image(), kind)


def test_flags_of_another_shape():
    model = image()
    model.dq = np.zeros((3, 3), np.uint32)
    with pytest.raises(InputError, match="flags"):
        weight_map(model, "ivm")
