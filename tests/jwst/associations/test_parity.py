"""Associations against those that the released pipeline made of the same input (tests/parity/make_associations.py)."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import pytest

from jwst.associations import AssociationRegistry, load_asn
from jwst.associations.asn_from_list import asn_from_list
from jwst.associations.exceptions import AssociationNotValidError
from jwst.associations.lib.update_path import update_path
from jwst.associations.load_as_asn import LoadAsAssociation, LoadAsLevel2Asn

PEER = json.loads((Path(__file__).parents[2] / "parity" / "associations.json").read_text())
LISTS, FILES = PEER["lists"], PEER["files"]
RULES = AssociationRegistry(include_bases=True)
RATE = ["jw1_rate.fits", "jw2_rate.fits"]


def plain(asn):
    data = json.loads(json.dumps(asn.data))
    assert data.pop("code_version", None)
    return data


def numberless(name):
    return re.sub(r"_\d{5}_asn", "_NNNNN_asn", name)


def unversioned(text):
    return re.sub(r'"code_version": ".*"', '"code_version": ""', text)


def assert_same(asn, peer):
    assert json.dumps(plain(asn)) == json.dumps(peer["data"])  # the order of keys too
    if "validity" in peer:
        assert [(name, test["validated"]) for name, test in asn.validity.items()] == list(peer["validity"].items())
        assert asn.is_valid == peer["is_valid"]
        assert [asn.acid.id, asn.acid.type] == peer["acid"]
        assert numberless(asn.asn_name) == peer["name"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        if "dump_error" in peer:
            with pytest.raises(AssociationNotValidError, match="is not valid"):
                asn.dump()
        else:
            name, text = asn.dump()
            assert numberless(name) == peer["dump"]
            assert "text" not in peer or unversioned(text) == unversioned(peer["text"])


@pytest.mark.parametrize("case", LISTS)
def test_asn_from_list(case):
    given, peer = LISTS[case], LISTS[case]["result"]
    items = [tuple(item) if isinstance(item, list) else item for item in given["items"]]
    if "error" in peer:
        with pytest.raises(AssociationNotValidError) as caught:
            asn_from_list(items, rule=RULES[given["rule"]], **given["kwargs"])
        assert peer["error"] in {kind.__name__ for kind in type(caught.value).__mro__}
        return
    assert_same(asn_from_list(items, rule=RULES[given["rule"]], **given["kwargs"]), peer)


def test_registry():
    assert sorted(AssociationRegistry()) == PEER["registry"]


@pytest.mark.parametrize("name", FILES)
def test_load_asn(name, tmp_path):
    peer = FILES[name]
    path = tmp_path / name
    path.write_text(peer["text"])
    with warnings.catch_warnings(record=True) as caught, open(path) as file:
        warnings.simplefilter("always")
        if "error" in peer:
            with pytest.raises(AssociationNotValidError, match=re.escape(str(path))):
                load_asn(file)
        else:
            assert load_asn(file) == peer["tree"]
            assert sorted({one.category.__name__ for one in caught}) == peer["warnings"]


@pytest.mark.parametrize("name", ["file", "fits", "names", "asdf"])
@pytest.mark.parametrize("level", ["level2", "level3"])
def test_load_as(level, name, tmp_path):
    path = tmp_path / "good.json"
    path.write_text(FILES["good.json"]["text"])
    given = {"file": str(path), "fits": "in/x_rate.fits", "names": RATE, "asdf": "x_rate.asdf"}[name]
    asn = {"level2": LoadAsLevel2Asn, "level3": LoadAsAssociation}[level].load(given)
    peer = PEER[level][name]
    assert Path(asn.filename).name == peer["filename"] if "filename" in peer else not hasattr(asn, "filename")
    if (level, name) == ("level2", "file"):  # the release can neither validate nor dump it
        assert json.dumps(plain(asn)) == json.dumps(peer["data"])
        assert asn.is_valid
    else:
        assert_same(asn, peer)


def test_update_path():
    asn = asn_from_list(["in/a_cal.fits"], product_name="x")
    assert update_path(asn, "foo") is None
    assert asn["products"] == PEER["update_path"]


@pytest.mark.parametrize(("items", "name", "equal"), PEER["equal"])
def test_equality(items, name, equal):
    asn = asn_from_list(["a_cal.fits"], product_name="f_g")
    assert (asn == asn_from_list(items, product_name=name)) is equal
    assert (asn != asn_from_list(items, product_name=name)) is not equal


def test_yaml():
    with pytest.warns(DeprecationWarning, match="YAML"):
        name, text = asn_from_list(["jw1_cal.fits", "jw2_cal.fits"], product_name="foo").dump("yaml")
    assert name.endswith("_asn.yaml")
    assert re.sub("code_version: .*", "", text) == re.sub("code_version: .*", "", PEER["yaml"])
