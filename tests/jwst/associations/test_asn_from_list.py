"""What a user lists, in the ways a notebook does it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from jwst.associations import AssociationNotValidError
from jwst.associations import asn_from_list as afl
from jwst.associations.asn_from_list import asn_from_list
from jwst.associations.lib.rules_level2_base import DMSLevel2bBase
from jwst.associations.lib.rules_level2b import Asn_Lv2SpecTSO
from jwst.associations.lib.rules_level3 import Asn_Lv3NRCCoron, Asn_Lv3TSO, Asn_Lv3WFSCMB, DMS_Level3_Base


def names(asn):
    return [product["name"] for product in asn["products"]]


def members(asn, product=0):
    return [(one["expname"], one["exptype"]) for one in asn["products"][product]["members"]]


def test_as_in_a_notebook(tmp_path):
    asn = afl.asn_from_list(["jw1_cal.fits", "jw2_cal.fits"], rule=DMS_Level3_Base, product_name="mosaic")
    asn.data["asn_type"] = "image3"
    asn["program"] = "01386"
    name, text = asn.dump(format="json")
    assert name.startswith("jw01386-a3001_image3_")
    assert json.loads(text)["products"][0]["name"] == "mosaic"


def test_a_test_may_be_passed_by_hand():
    asn = asn_from_list(["jw1_cal.fits"], product_name="foo", rule=Asn_Lv3NRCCoron)
    assert not asn.is_valid
    with pytest.raises(AssociationNotValidError, match=r"'has_psf' is not passed.*by hand"):
        asn.dump()
    asn.validity["has_psf"]["validated"] = True
    asn["asn_type"] = "coron3"
    asn.data["program"] = "01386"
    assert asn.dump()[0].startswith("jw01386-a3001_coron3_")


def test_types_changed_in_place_count():
    asn = asn_from_list(
        [("a.fits", "science"), ("b.fits", "science")], rule=Asn_Lv3NRCCoron, product_name="x", with_exptype=True
    )
    assert not asn.is_valid
    asn["products"][0]["members"][1]["exptype"] = "PSF"
    assert asn.is_valid
    assert asn.dump()


@pytest.mark.parametrize(("count", "valid"), [(1, False), (2, True)])
def test_pairs_for_wavefront_sensing(count, valid):
    assert asn_from_list(["a.fits", "b.fits"][:count], rule=Asn_Lv3WFSCMB, product_name="x").is_valid is valid


def test_time_series_of_a_user_are_told_what_to_do():
    with pytest.raises(AssociationNotValidError, match="is_type_observation.*validated"):
        asn_from_list(["a.fits"], rule=Asn_Lv3TSO, product_name="x").dump()
    assert asn_from_list(["jw1_rateints.fits"], rule=Asn_Lv2SpecTSO).is_valid


@pytest.mark.parametrize("item", [Path("in/a_rate.fits"), np.str_("in/a_rate.fits")])
def test_kinds_of_names(item):
    asn = asn_from_list([item], rule=DMSLevel2bBase)
    assert members(asn) == [("in/a_rate.fits", "science")]
    assert names(asn) == ["in/a"]
    assert type(asn["products"][0]["members"][0]["expname"]) is str


@pytest.mark.parametrize("item", ["a_rate.fits", Path("a_rate.fits")])
def test_one_name_is_a_list_of_one(item):
    assert members(asn_from_list(item, product_name="x")) == [("a_rate.fits", "science")]


@pytest.mark.parametrize("rule", [DMSLevel2bBase, DMS_Level3_Base])
def test_empty_types_are_science(rule):
    asn = asn_from_list([("a.fits", None)], rule=rule, product_name="x", with_exptype=True)
    assert members(asn) == [("a.fits", "science")]
    assert asn.is_valid


def test_product_of_a_background_has_a_name():
    items = [("a_rate.fits", "science"), ("b_rate.fits", "background")]
    asn = asn_from_list(items, rule=DMSLevel2bBase, with_exptype=True, acid="c1001")
    assert names(asn) == ["a", "b"]
    assert asn.is_valid
    assert asn.acid == ("c1001", "background")
    assert asn["asn_id"] == "a3001"


def test_compressed_files_lose_both_extensions():
    assert names(asn_from_list(["a_rate.fits.gz"], rule=DMSLevel2bBase)) == ["a"]


def test_product_name_func():
    asn = asn_from_list(
        ["a_rate.fits", "b_rate.fits"], rule=DMSLevel2bBase, product_name_func=lambda item, n: f"{n}-{item}"
    )
    assert names(asn) == ["1-a_rate.fits", "2-b_rate.fits"]
    failing = asn_from_list(["a_rate.fits"], rule=DMSLevel2bBase, product_name_func=lambda item, n: item.missing)
    assert names(failing) == ["a"]


def test_level_2_says_that_a_product_name_is_not_used(caplog):
    with caplog.at_level(logging.WARNING):
        asn_from_list(["a_rate.fits"], rule=DMSLevel2bBase, product_name="foo")
    assert "foo is not used" in caplog.text


class TestModels:
    @pytest.fixture
    def model(self):
        from stdatamodels.jwst.datamodels import ImageModel

        with ImageModel((2, 2)) as model:
            model.meta.filename = "in/jw1_rate.fits"
            yield model

    def test_are_members(self, model):
        asn = asn_from_list([model], rule=DMSLevel2bBase)
        assert asn["products"][0]["members"][0]["expname"] is model
        assert names(asn) == ["jw1_rate"]

    def test_cannot_be_written(self, model):
        asn = asn_from_list([model], product_name="x")
        with pytest.raises(AssociationNotValidError, match=r"products\[0\]\.members\[0\]\.expname has to be string"):
            asn.dump()
        assert "ImageModel" in repr(asn)


class TestErrors:
    def test_no_product_name(self):
        with pytest.raises(AssociationNotValidError, match="Product name needs to be specified"):
            asn_from_list(["a.fits"])

    @pytest.mark.parametrize("acid", ["x1", "o", "O001", "c10x"])
    def test_candidate(self, acid):
        with pytest.raises(ValueError, match=f'Invalid association id specified: "{acid}"'):
            asn_from_list(["a.fits"], rule=DMSLevel2bBase, acid=acid)

    @pytest.mark.parametrize("item", [3, None, ("a.fits", "science")])
    def test_no_exposure(self, item):
        with pytest.raises(TypeError, match="item 1 is"):
            asn_from_list(["a.fits", item], product_name="x")

    @pytest.mark.parametrize("item", ["ab", ("a.fits",), 3])
    def test_no_pair(self, item):
        with pytest.raises(TypeError, match=r"pairs \(name, exptype\), and item 0"):
            asn_from_list([item], product_name="x", with_exptype=True)

    @pytest.mark.parametrize("rule", [DMSLevel2bBase, DMS_Level3_Base])
    def test_nothing(self, rule):
        asn = asn_from_list([], rule=rule, product_name="x")
        assert not asn.is_valid
        with pytest.raises(AssociationNotValidError, match="'has_science' is not passed"):
            asn.dump()
