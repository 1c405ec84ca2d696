"""Blended metadata and the table of headers agree with the released pipeline (tests/parity/make_model_blender.py)."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.model_blender import ModelBlender, blendmodels

PARITY = Path(__file__).parents[2] / "parity"
sys.path.insert(0, str(PARITY))
import blender_cases  # noqa: E402

EXPECTED = json.loads((PARITY / "model_blender.json").read_text())


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def same(found, expected):
    if isinstance(expected, float) and math.isnan(expected):
        return math.isnan(found)
    return type(found) is type(expected) and found == expected


def columns(table):
    return [[name, kind, [text(v) for v in values]] for name, kind, values in blender_cases.table_columns(table)]


def check_table(table, expected):
    found = columns(table)
    assert [column[:2] for column in found] == [column[:2] for column in expected]
    for (name, _, values), (_, _, wanted) in zip(found, expected):
        assert len(values) == len(wanted)
        assert all(map(same, values, wanted)), name


@pytest.mark.parametrize("name", blender_cases.CASES)
def test_same_as_the_released_pipeline(name, tmp_path):
    inputs, ignore, product = blender_cases.make_inputs(name)
    blendmodels(product, inputs, ignore=ignore)
    table = product.hdrtab
    check_table(table, EXPECTED[name]["table"])
    product.save(tmp_path / "product_i2d.fits")
    with datamodels.open(tmp_path / "product_i2d.fits") as again:
        check_table(again.hdrtab, EXPECTED[name]["stored"])
    product.meta.date = None
    product.meta.filename = EXPECTED[name]["meta"]["meta.filename"]
    assert blender_cases.metadata(product) == EXPECTED[name]["meta"]


@pytest.mark.parametrize("name", blender_cases.CASES)
def test_inputs_that_were_only_read_as_headers(name):
    inputs, ignore, product = blender_cases.make_inputs(name)
    blender = ModelBlender(ignore)
    for model in inputs:
        flat = {key: value for key, value in model.to_flat_dict(include_arrays=False).items() if value is not None}
        blender.accumulate_metadata(flat, model.schema)
    blender.finalize_model(product)
    check_table(product.hdrtab, EXPECTED[name]["table"])
    product.meta.date = None
    expected = dict(EXPECTED[name]["meta"])
    assert {**blender_cases.metadata(product), "meta.filename": ""} == {**expected, "meta.filename": ""}


def test_inputs_stay_as_they_are():
    inputs, _, product = blender_cases.make_inputs("plain")
    before = [blender_cases.metadata(model) for model in inputs]
    blendmodels(product, inputs)
    assert [blender_cases.metadata(model) for model in inputs] == before
    assert all(np.all(model.data == 1) for model in inputs)
