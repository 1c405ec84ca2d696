"""Reading files: formats, places in messages, and what is refused."""

from __future__ import annotations

import io
import json
import logging
import os

import pytest
import yaml

from jwst.associations import Association, AssociationNotValidError, AssociationRegistry, load_asn
from jwst.associations.lib.rules_level3_base import DMS_Level3_Base


@pytest.fixture
def tree():
    members = [{"expname": "a_cal.fits", "exptype": "science"}, {"expname": "b_cal.fits", "exptype": "science"}]
    return {"asn_type": "image3", "asn_rule": "Asn_Lv3Image", "products": [{"name": "mosaic", "members": members}]}


@pytest.fixture
def written(tree, tmp_path):
    """Writes the tree to a file, and gives its path."""

    def write(name="asn.json", text=None):
        path = tmp_path / "folder" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(tree) if text is None else text)
        return path

    return write


class TestSources:
    def test_text(self, tree):
        assert load_asn(json.dumps(tree)) == tree

    def test_path(self, tree, written):
        path = written()
        assert load_asn(path) == load_asn(str(path)) == tree

    @pytest.mark.parametrize("mode", ["r", "rb"])
    def test_open_file(self, tree, written, mode):
        with open(written(), mode) as file:
            assert load_asn(file) == tree

    def test_stream_without_a_name(self, tree):
        assert load_asn(io.StringIO(json.dumps(tree))) == tree

    def test_yaml_text(self, tree):
        with pytest.warns(DeprecationWarning, match="YAML"):
            assert load_asn(yaml.dump(tree)) == tree

    def test_yaml_is_logged_too(self, tree, written, caplog):
        path = written("asn.yaml", yaml.dump(tree))
        with caplog.at_level(logging.WARNING), pytest.warns(DeprecationWarning, match="YAML"):
            assert load_asn(path) == tree
        assert f"{path} is read as YAML" in caplog.text

    def test_json_forced_to_be_yaml(self, tree):
        with pytest.warns(DeprecationWarning, match="YAML"):
            assert load_asn(json.dumps(tree), fmt="yaml") == tree

    def test_no_such_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"nope\.json"):
            load_asn(tmp_path / "nope.json")
        with pytest.raises(FileNotFoundError, match=r"nope\.json"):
            load_asn(str(tmp_path / "nope.json"))

    def test_load_of_a_rule(self, tree):
        assert DMS_Level3_Base.load(json.dumps(tree)) == tree
        assert Association.load('{"a": 1}') == {"a": 1}
        assert DMS_Level3_Base.load('{"a": 1}', validate=False) == {"a": 1}
        with pytest.raises(AssociationNotValidError, match="has no 'products'"):
            DMS_Level3_Base.load('{"a": 1}')


class TestRefused:
    def test_corrupt_json_says_where(self, written):
        path = written(text='{"products": [\n {"name": "x", "members": [')
        with pytest.raises(AssociationNotValidError, match=r'Cannot translate ".*asn.json" to an association.*line 2'):
            load_asn(path)

    @pytest.mark.parametrize("text", ["", "[1, 2]", '"hello"', "null", "3"])
    @pytest.mark.parametrize("validate", [True, False])
    def test_no_mapping(self, written, text, validate):
        with pytest.raises(
            AssociationNotValidError, match=r"asn\.json is not valid: it has to be a mapping, and holds"
        ):
            load_asn(written(text=text), validate=validate)

    def test_binary(self, written):
        path = written()
        path.write_bytes(b"SIMPLE  = \xff\xfe\x00")
        with pytest.raises(AssociationNotValidError, match=r"asn\.json.*no text"):
            load_asn(path)

    @pytest.mark.parametrize("fmt", ["json", "yaml"])
    def test_nested_without_end(self, fmt):
        with pytest.raises(AssociationNotValidError, match="nested too deeply"):
            load_asn('{"a":' + "[" * 20_000, fmt=fmt)

    @pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['true']", "!!python/name:os.system"])
    def test_yaml_runs_no_code(self, tag):
        with pytest.raises(AssociationNotValidError, match="Cannot translate"):
            load_asn(f"products: {tag}\n")

    @pytest.mark.parametrize(
        ("change", "place"),
        [
            (lambda tree: tree.pop("products"), "the document has no 'products'"),
            (lambda tree: tree.update(products=[]), "list of products is empty"),
            (lambda tree: tree.update(products={}), r"products has to be array, not \{\}"),
            (lambda tree: tree["products"][0].pop("members"), r"products\[0\] has no 'members'"),
            (lambda tree: tree["products"][0].update(members=[]), r"products\[0\] \(mosaic\) has no members"),
            (
                lambda tree: tree["products"][0]["members"][1].pop("expname"),
                r"products\[0\]\.members\[1\] has no 'expname'",
            ),
            (
                lambda tree: tree["products"][0]["members"][1].pop("exptype"),
                r"products\[0\]\.members\[1\] has no 'exptype'",
            ),
            (lambda tree: tree["products"][0]["members"][1].update(expname=""), r"members\[1\]\.expname is empty"),
            (
                lambda tree: tree["products"][0]["members"][1].update(expname=None),
                r"expname has to be string, not None",
            ),
            (lambda tree: tree["products"][0]["members"].append({}), r"members\[2\] has no 'expname'.*'exptype'"),
            (
                lambda tree: tree["products"][0]["members"].append("x.fits"),
                r"members\[2\] has to be object, not 'x.fits'",
            ),
            (lambda tree: tree.update(asn_id=3), "asn_id has to be string, not 3"),
        ],
    )
    def test_file_and_place_are_named(self, tree, written, change, place):
        change(tree)
        with pytest.raises(AssociationNotValidError, match=rf"asn\.json is not valid: .*{place}"):
            load_asn(written())

    def test_every_problem_is_named(self, tree):
        tree["program"] = 3
        del tree["products"][0]["members"][0]["exptype"]
        with pytest.raises(AssociationNotValidError, match="program.*members"):
            load_asn(json.dumps(tree))

    def test_without_validation_a_mapping_is_enough(self, caplog):
        assert load_asn('{"a": 1}', validate=False) == {"a": 1}
        assert load_asn('{"a": 1}', validate=False, first=False) == [{"a": 1}]
        with caplog.at_level(logging.WARNING):
            assert load_asn('{"a": 1}', registry=None) == {"a": 1}
        assert "is not checked" in caplog.text


class TestFolders:
    """Members with a folder are legal and warned about; relative names must not lead out of that of the association."""

    @pytest.mark.parametrize("name", ["../x_cal.fits", "sub/../../x_cal.fits", "../folder2/x_cal.fits"])
    @pytest.mark.filterwarnings("ignore:The association names members:UserWarning")
    def test_outside(self, tree, written, name):
        tree["products"][0]["members"][1]["expname"] = name
        path = written()
        with pytest.raises(
            AssociationNotValidError, match=rf"asn\.json.*products\[0\]\.members\[1\] is {name}, which leads"
        ):
            load_asn(path)
        assert load_asn(path, allow_outside=True) == load_asn(path.read_text()) == tree

    def test_the_current_folder_counts(self, tree, written, monkeypatch):
        tree["products"][0]["members"][1]["expname"] = "../x_cal.fits"
        monkeypatch.chdir(written().parent)
        with (
            pytest.warns(UserWarning, match="bare file names"),
            pytest.raises(AssociationNotValidError, match="which leads out"),
        ):
            load_asn("asn.json")

    @pytest.mark.parametrize("name", ["sub/x_cal.fits", "./x_cal.fits", "sub/../x_cal.fits", "/data/x_cal.fits"])
    def test_inside_or_plainly_said(self, tree, written, name):
        tree["products"][0]["members"][1]["expname"] = name
        with pytest.warns(UserWarning, match="bare file names"):
            assert load_asn(written()) == tree

    def test_bare_names_are_not_warned_about(self, written):
        load_asn(written())


class TestRegistry:
    def test_rules(self):
        registry = AssociationRegistry()
        assert len(registry) == 44
        assert set(AssociationRegistry(include_bases=True)) - set(registry) == {"DMSLevel2bBase", "DMS_Level3_Base"}
        assert "mine_Asn_Lv2Image" in AssociationRegistry(name="mine")

    def test_rule_of_a_document(self):
        registry = AssociationRegistry()
        assert registry.rule_of({"asn_rule": "candidate_Asn_Lv2Image"}) is registry["Asn_Lv2Image"]
        assert registry.rule_of({"asn_rule": "Nope"}) is None

    def test_all_matching(self, tree):
        assert load_asn(json.dumps(tree), first=False) == [tree] * 44

    def test_no_rules(self):
        with pytest.raises(Exception, match="No rule definition files specified"):
            AssociationRegistry(include_default=False)

    def test_rule_file(self, tmp_path, tree):
        path = tmp_path / "rules.py"
        path.write_text(
            "from jwst.associations import RegistryMarker\n"
            "from jwst.associations.lib.rules_level3_base import DMS_Level3_Base\n"
            "@RegistryMarker.rule\n"
            "class Mine(DMS_Level3_Base):\n    pass\n"
        )
        registry = AssociationRegistry([str(path)], include_default=False)
        assert list(registry) == ["Mine"]
        assert load_asn(json.dumps(tree), registry=registry) == tree

    @pytest.mark.parametrize("text", ["x = (", "raise ValueError('no')"])
    def test_broken_rule_file(self, tmp_path, text):
        path = tmp_path / "rules.py"
        path.write_text(text)
        with pytest.raises(Exception, match=r"rule file .*rules\.py cannot be used"):
            AssociationRegistry([str(path)])


def test_rules_are_imported_from_where_notebooks_do():
    from jwst.associations.lib.rules_level3 import Asn_Lv3Image, DMS_Level3_Base  # noqa: F401
    from jwst.associations.load_asn import load_asn as same

    assert same is load_asn
    assert os.path.basename(load_asn.__code__.co_filename) == "load_asn.py"


@pytest.mark.parametrize(
    "name", ["generate", "AssociationPool", "ProcessList", "ListCategory", "libpath", "Main", "main"]
)
def test_names_of_the_generator_can_be_imported_and_refuse(name):
    import jwst.associations
    from stpipe.exceptions import NotBuiltError

    value = getattr(jwst.associations, name)
    with pytest.raises(NotBuiltError, match=f"{name} of jwst.associations is not part of this release"):
        value()
    with pytest.raises(NotBuiltError, match=name):
        _ = value.read


def test_unknown_names_are_no_attributes():
    import jwst.associations

    assert not hasattr(jwst.associations, "nope")
