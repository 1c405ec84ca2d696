"""What a library is made of and what it knows without opening a model: spec framework.md §17."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stpipe.exceptions import StpipeException
from stpipe.library import AbstractModelLibrary, BorrowError, ClosedLibraryError, LibraryError, NoGroupID
from stpipe.outputs import is_library


def test_association_file(library):
    assert len(library) == 3
    assert library.asn["table_name"] == "x_asn.json"
    assert library.asn["asn_id"] == "a1"
    assert library.asn_dir == os.path.abspath("in")
    assert library.exptypes == ["background", "SCIENCE", "science"]
    assert is_library(library)
    assert repr(library).startswith("<FakeLibrary of 3 models from x_asn.json")


@pytest.mark.parametrize("path", ["~/x_asn.json", "$MYASN/x_asn.json"])
def test_path_is_expanded(library_class, asn_path, monkeypatch, path):
    monkeypatch.setenv("HOME", str(asn_path.parent))
    monkeypatch.setenv("MYASN", "in")
    library = library_class(path)
    assert len(library) == 3
    assert library.asn_dir == str(asn_path.parent)


def test_association_mapping_is_copied_and_relative_to_the_current_folder(library_class, asn_path, monkeypatch):
    association = json.loads(asn_path.read_text())
    monkeypatch.chdir("in")
    library = library_class(association)
    association["products"][0]["members"][0]["expname"] = "changed"
    assert library.asn["products"][0]["members"][0]["expname"] == "a.json"
    assert "table_name" not in library.asn
    monkeypatch.chdir("..")
    assert [content["value"] for content in library.contents()] == [0, 1, 2]
    assert "group_id" not in association["products"][0]["members"][0]


def test_read_only_association_of_another_library_is_an_association(library, library_class, monkeypatch):
    monkeypatch.chdir("in")
    assert library_class(library.asn).contents() == library.contents()


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_models_and_names(library_class, library_fakes, asn_path, kind):
    model = library_fakes.LibraryModel("m.json", 5, group_id="g1")
    library = library_class(kind([model, "in/b.json", Path("in/a.json")]))
    assert [content["value"] for content in library.contents()] == [5, 1, 0]
    assert library.asn == {
        "products": (
            {
                "members": (
                    {"expname": "m.json", "exptype": "SCIENCE", "group_id": "g1"},
                    {"expname": "b.json", "exptype": "SCIENCE", "group_id": "exposure0002"},
                    {"expname": "a.json", "exptype": "SCIENCE", "group_id": "exposure0003"},
                )
            },
        )
    }
    with library:
        assert library.borrow(0) is model
        library.shelve(model)


def test_model_without_a_name_and_with_a_type(library_class, library_fakes):
    library = library_class([library_fakes.LibraryModel(exptype="psf")])
    assert library.asn["products"][0]["members"][0] == {
        "expname": "model.asdf",
        "exptype": "psf",
        "group_id": "exposure0001",
    }


@pytest.mark.parametrize("init", [None, 3, b"x_asn.json"])
def test_other_inits(library_class, init):
    with pytest.raises(ValueError, match="Invalid init"):
        library_class(init)


def test_a_library_or_a_single_model_is_no_init(library, library_class, library_fakes):
    for init in (library, library_fakes.LibraryModel("m.json")):
        with pytest.raises(ValueError, match="Invalid init"):
            library_class(init)


def test_a_list_cannot_be_on_disk(library_class):
    with pytest.raises(ValueError, match="on_disk cannot be used for a list of models"):
        library_class([], on_disk=True)


@pytest.mark.parametrize("products", [{}, {"products": []}])
def test_association_without_a_product(library_class, products):
    with pytest.raises(ValueError, match="no product"):
        library_class({"asn_id": "a1", **products})


@pytest.mark.parametrize("member", [{"expname": "a.json"}, {"exptype": "science"}])
def test_incomplete_member(library_class, member):
    with pytest.raises(ValueError, match="needs expname and exptype"):
        library_class({"products": [{"members": [member]}]})


def test_only_the_first_product_is_used(library_class, asn_path):
    association = json.loads(asn_path.read_text())
    association["products"].append({"name": "p2", "members": [{"expname": "no.json", "exptype": "science"}]})
    asn_path.write_text(json.dumps(association))
    library = library_class(asn_path)
    assert len(library) == len(library.contents()) == 3
    assert library.asn["products"][1]["name"] == "p2"


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({"asn_exptypes": ["science"]}, [1, 2]),
        ({"asn_exptypes": "Background"}, [0]),
        ({"asn_exptypes": ["psf"]}, []),
        ({"asn_n_members": 2}, [0, 1]),
        ({"asn_exptypes": ["Science"], "asn_n_members": 1}, [1]),
    ],
)
def test_choice_of_members(library_class, asn_path, options, values):
    library = library_class(asn_path, **options)
    assert [content["value"] for content in library.contents()] == values
    assert len(library.asn["products"][0]["members"]) == len(values)


def test_choice_among_models_closes_the_others_it_opened(library_class, library_fakes, asn_path, monkeypatch):
    opened = []
    original = library_class._datamodels_open

    def remember(self, *args, **kwargs):
        opened.append(original(self, *args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(library_class, "_datamodels_open", remember)
    model = library_fakes.LibraryModel("m.json", exptype="psf")
    library = library_class([model, "in/a.json", "in/b.json"], asn_exptypes=["science"], asn_n_members=1)
    assert [content["value"] for content in library.contents()] == [0]
    assert library.group_names == {"exposure0001"}
    assert [one.closed for one in (model, *opened)] == [False, False, True]


def test_models_are_closed_when_a_later_name_cannot_be_opened(library_class, library_fakes, asn_path, monkeypatch):
    opened = []
    original = library_class._datamodels_open

    def remember(self, *args, **kwargs):
        opened.append(original(self, *args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(library_class, "_datamodels_open", remember)
    given = library_fakes.LibraryModel("m.json")
    with pytest.raises(FileNotFoundError):
        library_class([given, "in/a.json", "missing.json"])
    assert [model.closed for model in (given, *opened)] == [False, True]


def test_open_options_are_passed_on(library_class, asn_path):
    library = library_class(asn_path, on_disk=True, memmap=True)
    library.contents()
    assert [options for _, options in library_class.opened] == [{"memmap": True}] * 3


def test_missing_association_or_member(library_class, asn_path):
    with pytest.raises(FileNotFoundError):
        library_class("in/no_asn.json")
    (asn_path.parent / "b.json").unlink()
    with pytest.raises(FileNotFoundError):
        library_class(asn_path)


# Where members are


def test_members_elsewhere(library_class, library_fakes, asn_path, workdir, monkeypatch):
    """Absolute paths, other folders, ``~`` and variables: whatever the user has written is read."""
    monkeypatch.setenv("HOME", str(workdir))
    names = [str(workdir / "in/a.json"), "../in/b.json", "~/in/c.json", "$HOME/in/a.json"]
    members = [{"expname": name, "exptype": "science"} for name in names]
    (workdir / "other").mkdir()
    (workdir / "other/y_asn.json").write_text(json.dumps({"products": [{"members": members}]}))
    library = library_class("other/y_asn.json")
    assert [content["value"] for content in library.contents()] == [0, 1, 2, 0]
    assert [member["expname"] for member in library.asn["products"][0]["members"]] == names


def test_a_uri_is_passed_through(library_class):
    name = "s3://bucket/a$B/x_cal.fits"
    library = library_class({"products": [{"members": [{"expname": name, "exptype": "science"}]}]})
    assert library.group_names == {"exposure0001"}
    library.contents()
    assert library_class.opened == [(name, {})]


# What is known without opening a model


def test_groups(library):
    assert library.group_names == {"exposure0001", "exposure0002", "g7"}
    assert library.group_indices == {"exposure0001": [0], "exposure0002": [1], "g7": [2]}
    assert library.opened == []


def test_group_ids_come_from_the_member_else_the_file_else_the_number(library_class, library_fakes, workdir):
    members = [{"group_id": 5}, {"group_id": None}, {"group_id": ""}, {}]
    path = library_fakes.write_association(workdir / "in", members)
    for name in ("a", "c", "d"):
        library_fakes.LibraryModel(group_id="stored").save(f"in/{name}.json")
    library = library_class(path)
    assert library.group_indices == {5: [0], "exposure0002": [1], "stored": [2, 3]}
    assert [content["meta"]["group_id"] for content in library.contents()] == [5, "exposure0002", "stored", "stored"]


def test_association_is_read_only(library):
    with pytest.raises(TypeError):
        library.asn["asn_id"] = "other"
    with pytest.raises(TypeError):
        library.asn["products"][0]["members"][0]["expname"] = "other"
    assert isinstance(library.asn["products"], tuple)
    assert isinstance(library.asn["products"][0]["members"], tuple)


def test_indices_for_exptype(library):
    assert library.indices_for_exptype("Science") == [1, 2]
    assert library.indices_for_exptype("psf") == []


def test_metadata_given_on_loading(library):
    first, second, third = (content["meta"] for content in library.contents())
    asn = {"table_name": "x_asn.json", "pool_name": "pool.csv"}
    assert (first["asn"], first["exptype"], first["group_id"]) == (asn, "background", "exposure0001")
    assert (third["asn"], third["exptype"], third["group_id"]) == (asn, "science", "g7")
    assert third["tweakreg_catalog"] == "c.ecsv"
    assert "tweakreg_catalog" not in second


def test_only_what_is_given_is_set(library_class, library_fakes):
    library = library_class([library_fakes.LibraryModel("m.json")])
    assert library.contents()[0]["meta"]["asn"] == {}


def test_crds_parameters(library, recwarn):
    assert library.get_crds_parameters() == {"meta.filename": "b.json", "value": 1}
    with library:
        model = library.borrow(1)
        model.value = 9
        assert library.get_crds_parameters()["value"] == 9
        library.shelve(model)
    assert library.get_crds_parameters()["value"] == 9
    assert not recwarn


def test_crds_parameters_without_science(library_class, asn_path):
    library = library_class(asn_path, asn_exptypes=["background"])
    with pytest.warns(UserWarning, match="failed to find any science members"):
        assert library.get_crds_parameters()["value"] == 0
    with pytest.raises(ValueError, match="is empty"):
        library_class(asn_path, asn_exptypes=["psf"]).get_crds_parameters()


# Errors, imports


def test_errors():
    for error in (BorrowError, ClosedLibraryError, NoGroupID):
        assert issubclass(error, LibraryError)
    assert issubclass(LibraryError, StpipeException)


def test_hooks_that_a_mission_must_write():
    assert AbstractModelLibrary.__abstractmethods__ == {
        "crds_observatory",
        "_datamodels_open",
        "_load_asn",
        "_filename_to_group_id",
        "_model_to_group_id",
    }


def test_import_is_light():
    code = "import sys, stpipe.library; print([n for n in ('numpy', 'asdf', 'astropy', 'crds') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
