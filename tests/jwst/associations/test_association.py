"""The object: a mapping, its name, its tests, and what it writes."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jwst
from jwst.associations import Association, AssociationError, AssociationNotValidError, AssociationRegistry, load_asn
from jwst.associations.asn_from_list import asn_from_list
from jwst.associations.lib.member import Member
from jwst.associations.lib.rules_level2_base import DMSLevel2bBase
from jwst.associations.lib.rules_level3_base import DMS_Level3_Base
from stpipe.exceptions import InputError, StpipeException


@pytest.fixture
def asn():
    return asn_from_list(["jw1_cal.fits", "jw2_cal.fits"], product_name="mosaic")


class TestMapping:
    def test_items_are_those_of_data(self, asn):
        asn["program"] = "00001"
        asn.data["target"] = "t001"
        asn.update(asn_type="image3")
        assert asn.data["program"] == "00001"
        assert asn["target"] == "t001"
        assert asn.get("asn_type") == "image3"
        assert list(asn) == list(asn.data) == list(asn.keys())
        assert len(asn) == 11
        del asn["target"]
        assert "target" not in asn

    def test_code_version(self, asn):
        assert asn["code_version"] == jwst.__version__

    def test_products(self, asn):
        assert asn.current_product is asn["products"][-1]
        asn.new_product("second")
        assert asn.current_product == {"name": "second", "members": []}
        assert not asn.has_science()
        assert asn.members_by_type("Science") == []

    def test_where_members_come_from(self, asn):
        assert asn.item_ids == asn.from_items == ["jw1_cal.fits", "jw2_cal.fits"]


class TestName:
    def test_changes_with_the_content(self, asn):
        assert asn.asn_name.startswith("jwnoprogram-a3001_none_")
        asn["program"], asn["asn_type"] = "99", "IMAGE3"
        assert asn.asn_name.startswith("jw00099-a3001_image3_")

    def test_can_be_set(self, asn):
        asn.asn_name = "Mine"
        assert asn.dump()[0] == "Mine.json"

    def test_no_two_are_the_same(self):
        made = {asn_from_list(["a"], product_name="x").asn_name for _ in range(3)}
        assert len(made) == 3

    def test_version(self):
        asn = DMS_Level3_Base(version_id="V2")
        assert asn["version_id"] == "V2"
        assert "_v2_none_" in asn.asn_name
        assert len(DMS_Level3_Base(version_id=True).version_id) == len("20260101t000000")

    def test_bare(self):
        assert Association().dump()[0] == "unnamed_association.json"


class TestValidity:
    def test_has_the_form_that_notebooks_use(self, asn):
        test = asn.validity["has_science"]
        assert test["validated"] is True
        assert test["check"]({"expname": "a", "exptype": "psf"}) is False

    def test_stays_passed(self, asn):
        for member in asn["products"][0]["members"]:
            member["exptype"] = "background"
        assert asn.is_valid

    def test_schema_and_tests(self, asn):
        asn["program"] = 3
        del asn["products"][0]["members"][1]["exptype"]
        assert not asn.is_valid
        with pytest.raises(
            AssociationNotValidError, match=r"program has to be string, not 3; products\[0\].members\[1\] has"
        ):
            asn.dump()

    @pytest.mark.parametrize("broken", [None, 3, "x", [], [3], [{}], [{"members": 3}], [{"members": [3]}]])
    def test_never_raises(self, asn, broken):
        asn["products"] = broken
        assert asn.is_valid is (broken == [])

    def test_validate(self):
        assert DMS_Level3_Base.validate({"products": []}) is True
        assert Association.validate({"a": 1}) is True
        with pytest.raises(AssociationNotValidError, match="the document has no 'products'"):
            DMSLevel2bBase.validate({"a": 1})

    def test_folders_are_warned_about(self):
        asn = asn_from_list(["in/a_cal.fits"], product_name="x")
        assert asn.is_valid
        with pytest.warns(UserWarning, match="bare file names"):
            asn.dump()


class TestTexts:
    def test_repr_is_json(self, asn):
        assert json.loads(repr(asn)) == asn.data

    def test_str(self, asn):
        text = str(asn)
        assert asn.asn_name in text
        assert "Rule=DMS_Level3_Base" in text
        assert "mosaic with 2 members" in text

    def test_both_spellings_of_the_format(self, asn):
        assert asn.dump() == asn.dump("json") == asn.dump(fmt="json") == asn.dump(format="json")

    def test_unknown_format(self, asn):
        with pytest.raises(AssociationError, match="json or yaml, not as 'toml'"):
            asn.dump("toml")

    def test_what_cannot_be_written(self, asn):
        asn["products"][0]["members"][0]["x"] = object()
        with pytest.raises(AssociationNotValidError, match=r"products\[0\]\.members\[0\]\.x is a object"):
            asn.dump()


def test_generation_is_not_built(asn):
    for call in (lambda: asn.add({}), lambda: DMS_Level3_Base.create({}), asn.finalize):
        with pytest.raises(StpipeException, match="not part of this release; make associations with"):
            call()


def test_errors_are_those_of_the_framework():
    assert issubclass(AssociationNotValidError, AssociationError | InputError)
    assert issubclass(AssociationError, StpipeException)


def test_is_equal_to_associations_only(asn):
    assert asn == copy.deepcopy(asn)
    assert asn != asn.data
    assert (asn == 3) is False


def test_members_can_be_sent_to_other_processes():
    member = pickle.loads(pickle.dumps(Member({"expname": "a", "exptype": "science"}, item="x")))
    assert member == {"expname": "a", "exptype": "science"}
    assert member.item == "x"
    assert Member(member).item == "x"


@pytest.mark.parametrize("rule", AssociationRegistry(include_bases=True).values(), ids=lambda rule: rule.__name__)
def test_associations_can_be_sent_to_other_processes(rule):
    asn = asn_from_list(["a_rate.fits"], rule=rule, product_name="x")
    for again in (pickle.loads(pickle.dumps(asn)), copy.deepcopy(asn)):
        assert again == asn
        assert again.asn_name == asn.asn_name
        assert again.is_valid is asn.is_valid
        for test in again.validity.values():
            assert isinstance(test["check"]({"expname": "b", "exptype": "science"}), bool)
            owner = getattr(test["check"], "__self__", again)
            assert owner is again


words = st.text("abcXYZ019_-.äß ", min_size=1, max_size=12).filter(str.strip)
kinds = st.sampled_from(["science", "background", "psf", "SCIENCE", "imprint", ""])


@given(st.lists(st.tuples(words, kinds), max_size=5), words)
def test_what_is_dumped_is_what_is_loaded(items, name):
    asn = asn_from_list([*items, ("last", "science")], product_name=name, with_exptype=True)
    text = asn.dump()[1]
    tree = load_asn(text)
    assert tree == asn.data
    assert tree["products"][0]["name"] == name
    again = DMS_Level3_Base()
    again.adopt(tree)
    assert again == asn
    assert again.dump()[1] == text
