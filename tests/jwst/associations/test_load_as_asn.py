"""What steps make of their input: files, names, models, containers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jwst.associations import Association, AssociationNotValidError
from jwst.associations.asn_from_list import asn_from_list
from jwst.associations.lib.rules_level2_base import DMSLevel2bBase
from jwst.associations.lib.rules_level3_base import DMS_Level3_Base
from jwst.associations.load_as_asn import LoadAsAssociation, LoadAsLevel2Asn
from jwst.stpipe import Step


def products(asn):
    return [(one["name"], [(m["expname"], m["exptype"]) for m in one["members"]]) for one in asn["products"]]


@pytest.fixture
def written(tmp_path):
    """Writes an association of level 2 to a file, and gives its path."""

    def write(*names, folder="data"):
        items = [(name, "science" if index == 0 else "background") for index, name in enumerate(names)]
        members = [{"expname": name, "exptype": kind} for name, kind in items]
        tree = {
            "asn_type": "image2",
            "asn_id": "c1001",
            "program": "01386",
            "products": [{"name": "x", "members": members}],
        }
        path = tmp_path / folder / "asn.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(tree))
        return path

    return write


@pytest.fixture
def models():
    from stdatamodels.jwst.datamodels import ImageModel

    made = [ImageModel((2, 2)) for _ in range(2)]
    for number, model in enumerate(made, start=1):
        model.meta.filename = f"in/jw{number}_rate.fits"
    yield made
    for model in made:
        model.close()


class TestFiles:
    def test_content_over_the_defaults(self, written):
        path = written("a_rate.fits", "b_rate.fits")
        for given in (path, str(path)):
            asn = LoadAsLevel2Asn.load(given)
            assert isinstance(asn, DMSLevel2bBase)
            assert asn.filename == str(path)
            assert products(asn) == [("x", [("a_rate.fits", "science"), ("b_rate.fits", "background")])]
            assert asn["asn_pool"] == "none"
            assert asn.is_valid
            assert asn.dump()[0].startswith("jw01386-c1001_image2_")

    def test_level_3(self, written):
        asn = LoadAsAssociation.load(written("a_cal.fits"), rule=DMS_Level3_Base)
        assert isinstance(asn, DMS_Level3_Base)
        assert asn["target"] == "none"
        assert asn.is_valid

    @pytest.mark.parametrize("load", [LoadAsLevel2Asn.load, LoadAsAssociation.load])
    def test_a_broken_one_is_no_exposure(self, load, tmp_path):
        path = tmp_path / "asn.json"
        with pytest.raises(FileNotFoundError, match=r"asn\.json"):
            load(path)
        path.write_text("{")
        with pytest.raises(AssociationNotValidError, match=r"Cannot translate .*asn\.json"):
            load(path)
        path.write_text('{"products": []}')
        with pytest.raises(AssociationNotValidError, match=r"asn\.json is not valid: its list of products is empty"):
            load(path)

    @pytest.mark.filterwarnings("ignore:The association names members:UserWarning")
    def test_outside(self, written):
        path = written("../a_rate.fits")
        with pytest.raises(AssociationNotValidError, match="leads out of the folder"):
            LoadAsLevel2Asn.load(path)
        assert LoadAsLevel2Asn.load(path, allow_outside=True).is_valid
        with pytest.raises(AssociationNotValidError, match="leads out of the folder"):
            Step().load_as_level2_asn(path)

    def test_any_other_name_is_an_exposure(self, tmp_path):
        path = tmp_path / "notes.txt"
        path.write_text("no association")
        for given in (str(path), str(tmp_path / "missing.txt")):
            assert products(LoadAsLevel2Asn.load(given))[0][1] == [(given, "science")]

    def test_other_extension(self, written):
        path = written("a_rate.fits").rename(written("a_rate.fits").with_suffix(".asn"))
        with pytest.warns(DeprecationWarning, match="extension .json"):
            assert products(LoadAsLevel2Asn.load(path)) == [("x", [("a_rate.fits", "science")])]


class TestDocuments:
    def test_association(self):
        first = asn_from_list(["a_rate.fits"], rule=DMSLevel2bBase)
        asn = LoadAsLevel2Asn.load(first)
        assert asn == first
        asn["products"][0]["name"] = "other"
        assert first["products"][0]["name"] == "a"

    def test_mapping(self):
        tree = {"products": [{"name": "x", "members": [{"expname": "a", "exptype": "science"}]}]}
        assert products(LoadAsLevel2Asn.load(tree)) == [("x", [("a", "science")])]
        with pytest.raises(AssociationNotValidError, match="no 'products'"):
            LoadAsLevel2Asn.load({"a": 1})


class TestModels:
    def test_one(self, models):
        asn = LoadAsLevel2Asn.load(models[0])
        assert products(asn) == [("jw1_rate", [(models[0], "science")])]
        assert asn["program"] == asn["target"] == asn["asn_pool"] == asn.filename == "singleton"

    def test_several(self, models):
        assert [name for name, _ in products(LoadAsLevel2Asn.load(models))] == ["jw1_rate", "jw2_rate"]
        assert products(LoadAsLevel2Asn.load(tuple(models))) == products(LoadAsLevel2Asn.load(models))

    @pytest.mark.parametrize("basename", ["Out_cal.fits", "some/Out_cal", Path("Out_cal.fits")])
    def test_named_by_the_output_file(self, models, basename):
        for given in (models, ["a_rate.fits", "b_rate.fits"]):
            asn = LoadAsLevel2Asn.load(given, basename=basename)
            assert [name for name, _ in products(asn)] == ["Out_cal", "Out_cal_2"]
        assert products(LoadAsLevel2Asn.load("a_rate.fits", basename=basename))[0][0] == "Out_cal"

    def test_container(self, models):
        from jwst.datamodels import ModelContainer

        assert products(LoadAsLevel2Asn.load(ModelContainer(models)))[1] == ("jw2_rate", [(models[1], "science")])

    def test_container_of_an_association(self, written, models):
        from jwst.datamodels import ModelContainer

        path = written("a_rate.fits", "b_rate.fits")
        for name, model in zip(("a", "b"), models):
            model.save(path.parent / f"{name}_rate.fits")
        with ModelContainer(path) as container:
            asn = LoadAsLevel2Asn.load(container)
            assert products(asn) == [("x", [(container[0], "science"), (container[1], "background")])]
            assert asn["program"] == "01386"

    def test_library(self, models):
        from jwst.datamodels import ModelLibrary

        with pytest.raises(TypeError, match="library"):
            LoadAsLevel2Asn.load(ModelLibrary(models))

    def test_bare_association_keeps_items(self, models):
        asn = LoadAsAssociation.load(models)
        assert type(asn) is Association
        assert asn["members"] == models
        assert "products" not in asn


class TestSteps:
    def test_input_dir_goes_in_front_of_bare_names(self, models):
        step = Step(input_dir="some")
        assert products(step.load_as_level2_asn("x_rate.fits")) == [
            ("x", [(os.path.join("some", "x_rate.fits"), "science")])
        ]
        assert products(step.load_as_level2_asn("in/x_rate.fits"))[0][1] == [("in/x_rate.fits", "science")]
        assert products(step.load_as_level2_asn("/in/x_rate.fits"))[0][1] == [("/in/x_rate.fits", "science")]
        assert products(step.load_as_level2_asn(models))[0][1] == [(models[0], "science")]

    def test_input_dir_wins_over_the_folder_of_the_file(self, written):
        path = written("a_rate.fits")
        assert products(Step(input_dir="some").load_as_level2_asn(path))[0][1] == [("some/a_rate.fits", "science")]
        assert products(Step().load_as_level2_asn(path))[0][1] == [(str(path.parent / "a_rate.fits"), "science")]

    @pytest.mark.filterwarnings("ignore:The association names members:UserWarning")
    def test_members_below_the_folder_of_the_file(self, written):
        path = written("sub/a_rate.fits")
        assert products(Step().load_as_level3_asn(path))[0][1] == [("sub/a_rate.fits", "science")]
        (path.parent / "sub").mkdir()
        (path.parent / "sub" / "a_rate.fits").touch()
        assert products(Step().load_as_level3_asn(path))[0][1] == [(str(path.parent / "sub/a_rate.fits"), "science")]

    def test_level_3_of_a_file(self, written):
        path = written("a_cal.fits", "b_cal.fits")
        asn = Step(input_dir="some").load_as_level3_asn(str(path))
        assert products(asn) == [("x", [("some/a_cal.fits", "science"), ("some/b_cal.fits", "background")])]
        assert asn.filename == str(path)

    def test_output_file_names_products(self):
        step = Step(output_file="Out_cal.fits")
        assert [name for name, _ in products(step.load_as_level2_asn(["a_rate.fits", "b_rate.fits"]))] == [
            "Out_cal",
            "Out_cal_2",
        ]


def test_what_is_made_opens_as_library_and_container(tmp_path, models):
    from jwst.datamodels import ModelContainer, ModelLibrary

    for model in models:
        model.save(tmp_path / os.path.basename(model.meta.filename))
    items = [("jw1_rate.fits", "science"), ("jw2_rate.fits", "background")]
    asn = asn_from_list(items, product_name="mosaic", with_exptype=True)
    path = tmp_path / "asn.json"
    path.write_text(asn.dump()[1])
    library = ModelLibrary(path)
    assert library.exptypes == ["science", "background"]
    assert library.asn["asn_id"] == "a3001"
    assert library.asn["products"][0]["name"] == "mosaic"
    assert ModelLibrary(json.loads(path.read_text()) | {"products": [{"members": []}]}).exptypes == []
    with library:
        model = library.borrow(1)
        assert model.meta.asn.exptype == "background"
        assert model.meta.asn.table_name == "asn.json"
        assert model.meta.asn.pool_name == "none"
        library.shelve(model, 1, modify=False)
    with ModelContainer(path) as container:
        assert container.ind_asn_type("background") == [1]
        assert container.asn_table["asn_rule"] == "DMS_Level3_Base"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda tree: tree.pop("products"), "the document has no 'products'"),
        (
            lambda tree: tree["products"][0]["members"].append("x"),
            r"products\[0\]\.members\[2\] has to be object, not 'x'",
        ),
        (
            lambda tree: tree["products"][0]["members"][1].pop("expname"),
            r"products\[0\]\.members\[1\] has no 'expname'",
        ),
        (lambda tree: tree["products"][0]["members"][1].update(expname=None), "expname has to be string, not None"),
    ],
)
def test_library_and_container_name_file_and_place(written, change, place):
    from jwst.datamodels import ModelContainer, ModelLibrary

    path = written("a_cal.fits", "b_cal.fits")
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))
    for cls in (ModelLibrary, ModelContainer):
        with pytest.raises(OSError, match=rf"Cannot read ASN file\. .*asn\.json is not valid: .*{place}"):
            cls(path)


def test_associations_are_inputs_of_steps(tmp_path, models):
    for model in models:
        model.save(tmp_path / os.path.basename(model.meta.filename))
    asn = asn_from_list(sorted(tmp_path.iterdir()), product_name="mosaic")
    container = Step().prepare_output(asn)
    assert [model.meta.asn.exptype for model in container] == ["science", "science"]
    assert container.asn_table["products"][0]["name"] == "mosaic"
    container.close()
