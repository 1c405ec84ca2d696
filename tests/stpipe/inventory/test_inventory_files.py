"""Statements of the specification: inventories from associations and files (spec running.md I1)."""

from __future__ import annotations

import json

import pytest

from stpipe import Inventory
from stpipe.exceptions import InputError


def member(name, kind="science"):
    return {"expname": name, "exptype": kind}


ASN = {
    "asn_type": "image2",
    "products": [
        {"name": "one", "members": [member("a_rate.fits"), member("b_rate.fits", "BACKGROUND")]},
        {"name": "two", "members": [member("b_rate.fits"), member("sub/c_rate.fits")]},
    ],
}


@pytest.fixture
def asn(workdir):
    """An association in a folder of its own; writes any mapping with ``asn(mapping, name)``."""
    (workdir / "in").mkdir()

    def write(content=ASN, name="x_asn.json"):
        (workdir / "in" / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return f"in/{name}"

    return write


def members(inventory):
    return {one.name: one.groups for one in inventory}


def test_i1_association(asn, workdir):
    inventory = Inventory.from_association(asn())
    expected = {"a_rate.fits": ("science",), "b_rate.fits": ("science", "background"), "c_rate.fits": ("science",)}
    assert members(inventory) == expected
    assert inventory.groups == ("science", "background")
    assert inventory.get("c_rate.fits").path == str(workdir / "in/sub/c_rate.fits")


def test_i1_one_product_of_an_association(asn):
    path = asn()
    assert members(Inventory.from_association(path, "two")) == {
        "b_rate.fits": ("science",),
        "c_rate.fits": ("science",),
    }
    assert members(Inventory.from_association(path, product=-1)) == members(Inventory.from_association(path, "two"))
    for wanted in ("tow", 2):
        with pytest.raises(InputError, match=rf"in/x_asn.json has no product {wanted!r}; there is .*two"):
            Inventory.from_association(path, wanted)


def test_i1_association_as_a_mapping(workdir):
    inventory = Inventory.from_association({"products": [{"members": [member("/data/a.fits"), member("b.fits")]}]})
    assert [one.path for one in inventory] == ["/data/a.fits", str(workdir / "b.fits")]


def test_i1_association_in_yaml(asn):
    import yaml

    assert members(Inventory.from_association(asn(yaml.safe_dump(ASN), "x_asn.yaml"))) == members(
        Inventory.from_association(asn())
    )


@pytest.mark.parametrize("name", ["../a.fits", "/tmp/a.fits", "sub/../../a.fits", "$HOME/a.fits", "~/a.fits"])
def test_i1_members_outside_of_the_folder_are_refused(asn, name):
    path = asn({"products": [{"name": "p", "members": [member(name)]}]})
    with pytest.raises(InputError, match="lies outside of the folder of the association; give allow_outside=True"):
        Inventory.from_association(path)
    with pytest.raises(InputError, match="lies outside"):
        Inventory.load(path)
    assert len(Inventory.from_association(path, allow_outside=True)) == 1
    assert len(Inventory.load(path, allow_outside=True)) == 1


def test_i1_paths_that_stay_inside(asn, workdir):
    names = ["sub/../a.fits", str(workdir / "in/b.fits"), "s3://bucket/c.fits"]
    path = asn({"products": [{"name": "p", "members": [member(name) for name in names]}]})
    assert list(members(Inventory.from_association(path))) == ["a.fits", "b.fits", "c.fits"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"a": 1}, "no list of products"),
        ([1], "no list of products"),
        ("{", "not JSON"),
        ({"products": [1]}, "no list of members"),
        ({"products": [{"members": {"a": 1}}]}, "no list of members"),
        ({"products": [{"members": [{"expname": "a.fits"}]}]}, "needs expname and exptype"),
        ({"products": [{"members": ["a.fits"]}]}, "needs expname and exptype"),
    ],
)
def test_i1_what_is_no_association(asn, content, text):
    with pytest.raises(InputError, match=text):
        Inventory.from_association(asn(content))


def test_i1_missing_files(workdir):
    for make in (Inventory.from_association, Inventory.load):
        with pytest.raises(FileNotFoundError, match="none.json"):
            make("none.json")
    (workdir / "x.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="no text"):
        Inventory.load("x.txt")


YAML = """
exposures:
- a.fits
- b.fits: {maximum_cores: none}
- [c.fits, {k: 1}]
data: {output_dir: out}
groups:
  background:
    exposures: [b.fits, d.fits]
    data: {k: 2}
  first: [a.fits]
"""


@pytest.mark.parametrize("name", ["x.yaml", "inventory"])
def test_i1_yaml(asn, workdir, name):
    inventory = Inventory.load(asn(YAML, name))
    expected = {"a.fits": ("first",), "b.fits": ("background",), "c.fits": (), "d.fits": ("background",)}
    assert members(inventory) == expected
    assert dict(inventory.get("b.fits").data) == {"output_dir": "out", "k": 2, "maximum_cores": "none"}
    assert dict(inventory.get("c.fits").data) == {"output_dir": "out", "k": 1}
    assert inventory.get("d.fits").path == str(workdir / "in/d.fits")


def test_i1_yaml_list_and_association(asn):
    assert list(members(Inventory.load(asn("- a.fits\n- b.fits\n", "x.yml")))) == ["a.fits", "b.fits"]
    assert members(Inventory.load(asn())) == members(Inventory.from_association("in/x_asn.json"))


@pytest.mark.parametrize("name", ["x.txt", "inventory"])
def test_i1_list_of_names_and_globs(asn, workdir, name):
    for one in ("p1_uncal.fits", "p2_uncal.fits"):
        (workdir / "in" / one).touch()
    path = asn("# the first night\n*_uncal.fits\n\nq.fits  # alone\n", name)
    assert list(members(Inventory.load(path))) == ["p1_uncal.fits", "p2_uncal.fits", "q.fits"]
    with pytest.raises(InputError, match="no file matches in/z"):
        Inventory.load(asn("z*.fits\n", name))


def test_i1_the_file_name_of_a_listed_exposure_is_enough_in_a_group(asn, workdir):
    inventory = Inventory.load(asn("exposures: [deep/a.fits]\ngroups: {g: [a.fits]}\n", "x.yaml"))
    assert members(inventory) == {"a.fits": ("g",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exposure: [a.fits]", "unknown key 'exposure'; there is exposures"),
        ("exposures: [a.fits]\ngroups: [a]", "'groups' has to be a mapping"),
        ("exposures: 5", "'exposures' has to be a list"),
        ("exposures: [5]", "an exposure is a name"),
        ("exposures: [{a.fits: 5}]", "an exposure is a name"),
        ("groups: {g: {exposures: [a.fits], dat: {}}}", "group g: unknown key 'dat'; there is data"),
        ("data: 5", "'data' a mapping"),
        ("5", "has to be a list of exposures"),
        ("a: [", "is not YAML"),
    ],
)
def test_i1_yaml_that_cannot_be_used(asn, text, message):
    with pytest.raises(InputError, match=message):
        Inventory.load(asn(text, "x.yaml"))


def test_i1_yaml_makes_no_objects(asn):
    with pytest.raises(InputError, match="is not YAML"):
        Inventory.load(asn("!!python/object/apply:os.getcwd []", "x.yaml"))
