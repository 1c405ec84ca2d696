"""Rules, blending and the table of headers: spec model_blender.md §§1-5."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdatamodels.jwst import datamodels

from jwst.datamodels.metadata import plain_metadata
from jwst.model_blender import ModelBlender, blender, blendmeta, blendmodels
from jwst.model_blender.blend_schema import BlendSchema
from jwst.model_blender.header_table import header_table
from jwst.model_blender.rules import RULE_FUNCTIONS, AttributeBlender, make_blender

LEAF = {"type": "string"}


def schema_of(**attributes):
    return {"type": "object", "properties": {"meta": {"type": "object", "properties": attributes}}}


def blended(schema, *rows, ignore=None):
    collected = ModelBlender(ignore)
    for row in rows:
        collected.accumulate_metadata({"meta.model_type": "X", **row}, schema)
    return collected


def test_public_names():
    assert blender.ModelBlender is ModelBlender
    assert blendmeta.blendmodels is blendmodels


@pytest.mark.parametrize("rule", RULE_FUNCTIONS)
def test_no_value_is_none(rule):
    assert make_blender(rule).finalize() is None
    assert RULE_FUNCTIONS[rule]([]) is None


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        ("multi", ["a", "a"], "a"),
        ("multi", ["a", "b"], "MULTIPLE"),
        ("mean", [1, 2], 1.5),
        ("sum", [1, 2], 3),
        ("max", [1, 3, 2], 3),
        ("min", [3, 1, 2], 1),
        ("mean", [None, 4.0], 4.0),
        ("mindate", ["2024-02-01", "2024-01-31"], "2024-01-31"),
        ("maxdate", ["2024-02-01", "2024-01-31"], "2024-02-01"),
        ("mintime", ["10:00:00.000", "09:59:59.999"], "09:59:59.999"),
        ("maxtime", ["10:00:00.000", "09:59:59.999"], "10:00:00.000"),
        ("mindatetime", ["2024-01-01T10:00:00", "2024-01-01T09:00:00"], "2024-01-01T09:00:00"),
        ("maxdatetime", ["2024-01-01T10:00:00", "2024-01-01T09:00:00"], "2024-01-01T10:00:00"),
        ("wheeltol", ["within commanded tolerance"] * 2, "within commanded tolerance"),
        ("wheeltol", ["within commanded tolerance", "outside calibration tolerance"], "outside calibration tolerance"),
    ],
)
def test_rule(rule, values, expected):
    collected = make_blender(rule)
    for value in values:
        collected.accumulate(value)
    assert collected.finalize() == expected
    schema = schema_of(x={"type": "number", "blend_rule": rule})
    product = datamodels.JwstDataModel()
    blended(schema, *({"meta.x": value} for value in values)).finalize_model(product)
    assert product.meta.x == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6), st.randoms())
def test_numbers_do_not_depend_on_the_order(values, random):
    shuffled = random.sample(values, len(values))
    for rule in ("mean", "sum", "max", "min"):
        assert RULE_FUNCTIONS[rule](shuffled) == pytest.approx(RULE_FUNCTIONS[rule](values), rel=1e-9, abs=1e-6)


def test_any_function_can_blend():
    collected = AttributeBlender(len)
    for value in "abc":
        collected.accumulate(value)
    assert collected.finalize() == 3


def test_unknown_rule():
    with pytest.raises(ValueError, match=r"unknown blend rule 'best' for meta\.x; there are multi, "):
        blended(schema_of(x={**LEAF, "blend_rule": "best"}), {})


def test_text_where_a_number_is_needed():
    collected = blended(schema_of(x={"type": "number", "blend_rule": "mean"}), {"meta.x": "seven"})
    with pytest.raises(TypeError, match=r"meta\.x cannot be blended.*'seven'"):
        collected.finalize_model(datamodels.JwstDataModel())


def test_other_class():
    collected = ModelBlender()
    collected.accumulate(datamodels.ImageModel((2, 2)))
    with pytest.raises(ValueError, match="ImageModel and CubeModel"):
        collected.accumulate(datamodels.CubeModel((1, 2, 2)))


def test_nothing_to_blend():
    with pytest.raises(ValueError, match="no metadata to blend"):
        blendmodels(datamodels.ImageModel((2, 2)), [])


def test_ignored_by_the_beginning_of_the_name():
    first, second = (datamodels.ImageModel((2, 2)) for _ in range(2))
    first.meta.instrument.name, first.meta.instrument.detector, first.meta.target.catalog_name = "NIRCAM", "NRCA1", "T"
    product = datamodels.ImageModel((2, 2))
    product.meta.instrument.name = "MIRI"
    blendmodels(product, [first, second], ignore=["meta.instrument"])
    assert (product.meta.instrument.name, product.meta.instrument.detector) == ("MIRI", None)
    assert product.meta.target.catalog_name == "T"


def test_single_model_gives_its_own_metadata():
    model = datamodels.ImageModel((2, 2))
    model.meta.filename, model.meta.exposure.exposure_time, model.meta.instrument.detector = "a.fits", 5.0, "NRCA1"
    product = datamodels.ImageModel((2, 2))
    blendmodels(product, [model])
    assert plain_metadata(product.meta.instance) == plain_metadata(model.meta.instance)
    assert len(product.hdrtab) == 1


def test_schema_without_rules():
    product = datamodels.ImageModel((2, 2))
    blended(schema_of(x=LEAF), {"meta.x": "a"}, {"meta.x": "b"}).finalize_model(product)
    assert product.meta.x == "a"
    assert not product.hasattr("hdrtab")


def test_what_is_in_lists_has_no_rule():
    inside = {"type": "array", "items": {"type": "object", "properties": {"y": {**LEAF, "blend_rule": "multi"}}}}
    found = BlendSchema.of(schema_of(x=inside, z={**LEAF, "blend_rule": "first", "blend_table": True}))
    assert (found.rules, found.columns) == ({}, {"meta.z": "meta.z"})


def test_two_attributes_in_one_column():
    column = {**LEAF, "fits_keyword": "KEY", "blend_table": True}
    with pytest.raises(ValueError, match=r"meta\.a and meta\.b have the same column KEY"):
        BlendSchema.of(schema_of(a=column, b=column))


def test_rules_and_columns_of_images():
    image = BlendSchema.of(datamodels.ImageModel().schema)
    slits = BlendSchema.of(datamodels.MultiSlitModel().schema)
    assert (len(image.columns), len(slits.columns)) == (441, 389)
    assert image.rules["meta.exposure.exposure_time"] == "sum"
    assert len(image.rules) == len(slits.rules) == 29  # and one that says `first`


def test_values_below_a_node_that_the_product_does_not_have_are_left_out():
    product = datamodels.ImageModel((2, 2))
    blended(schema_of(x=LEAF), {"meta.nowhere.x": 1, "meta.wcsx.0": 2, "meta.x": "a"}).finalize_model(product)
    assert product.meta.x == "a"
    assert "nowhere" not in product.meta.instance


# The table


def table(*values):
    return header_table([{} if value is None else {"meta.x": value} for value in values], {"meta.x": "X"})


def test_no_column():
    assert header_table([{}, {"meta.y": 1}], {"meta.x": "X"}) is None


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["a", "abc"], "S3", [b"a", b"abc"]),
        ([True, False], "i1", [1, 0]),
        ([1, 2], "i8", [1, 2]),
        ([1, 2.5], "f8", [1.0, 2.5]),
        (["é", "b"], "S1", [b"?", b"b"]),
    ],
)
def test_types_of_columns(values, kind, expected):
    column = table(*values)["X"]
    assert (column.dtype, column.tolist()) == (np.dtype(kind), expected)


def test_missing_values():
    assert math.isnan(table(None, 3)["X"][0])
    assert table(None, True)["X"].dtype == np.float64
    assert table(None, "text")["X"].tolist() == [b"nan", b"text"]


def test_texts_and_numbers_in_one_column(caplog):
    assert table("text", 3)["X"].tolist() == [b"text", b"3"]
    assert "The column X of the table of headers has texts and numbers" in caplog.text


def test_table_survives_files(tmp_path):
    first, second = (datamodels.ImageModel((2, 2)) for _ in range(2))
    first.meta.observation.bkgdtarg, second.meta.observation.bkgdtarg = True, False
    product = datamodels.ImageModel((2, 2))
    blendmodels(product, [first, second])
    product.save(tmp_path / "x_i2d.fits")
    with datamodels.open(tmp_path / "x_i2d.fits") as again:
        assert again.hdrtab["BKGDTARG"].tolist() == [1, 0]
