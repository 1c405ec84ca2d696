"""Borrowing and shelving, in memory and on disk: spec framework.md §17."""

from __future__ import annotations

import gc
import json
import os
import pickle
from pathlib import Path

import pytest

from stpipe.library import BorrowError, ClosedLibraryError


def folders():
    return sorted(path.name for path in Path().iterdir() if path.is_dir())


def test_outside_of_a_with_block(library):
    uses = [lambda: library.borrow(0), lambda: library.shelve(None, 0), lambda: next(iter(library))]
    for use in uses:
        with pytest.raises(ClosedLibraryError, match="FakeLibrary is not open"):
            use()
    with library:
        pass
    with pytest.raises(ClosedLibraryError):
        library.borrow(0)


def test_borrowing_twice(library):
    with library:
        model = library.borrow(0)
        for index in (0, -3):
            with pytest.raises(BorrowError, match="double-borrow"):
                library.borrow(index)
        library.shelve(model)


def test_shelving_what_was_not_borrowed(library, library_fakes):
    with library:
        model = library.borrow(0)
        with pytest.raises(BorrowError, match="unknown model"):
            library.shelve(library_fakes.LibraryModel())
        with pytest.raises(BorrowError, match="non-borrowed index"):
            library.shelve(model, 1)
        library.shelve(model)
        with pytest.raises(BorrowError, match="unknown model"):
            library.shelve(model)


@pytest.mark.parametrize("index", [3, -4])
def test_no_such_member(library, index):
    with library:
        with pytest.raises(IndexError, match="FakeLibrary has 3 models"):
            library.borrow(index)
        with pytest.raises(TypeError):
            library.borrow("0")


def test_leaving_with_borrowed_models(library):
    library.__enter__()
    library.borrow(0)
    library.borrow(2)
    with pytest.raises(BorrowError, match=r"FakeLibrary has 2 un-returned models.*\(here 0, 2\)"):
        library.__exit__(None, None, None)
    assert len(library.contents()) == 3


def test_an_exception_on_its_way_is_not_hidden(library):
    def fail():
        with library:
            library.borrow(0)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert len(library.contents()) == 3


def test_nested_blocks(library):
    with library:
        model = library.borrow(0)
        with library:
            other = library.borrow(1)
        library.shelve(other)
        library.shelve(model)


def test_iteration_borrows(library):
    with library:
        for index, model in enumerate(library):
            with pytest.raises(BorrowError):
                library.borrow(index)
            library.shelve(model)
    with pytest.raises(BorrowError, match="3 un-returned models"), library:
        list(library)


def test_another_model_needs_a_borrowed_index(library, library_fakes):
    other = library_fakes.LibraryModel("other.json", 17)
    with library:
        library.borrow(1)
        library.shelve(other, -2)
    assert [content["value"] for content in library.contents()] == [0, 17, 2]


def test_another_model_is_not_kept_without_modify(library, library_fakes):
    before = library.contents()
    with library:
        library.borrow(1)
        library.shelve(library_fakes.LibraryModel("other.json", 17), 1, modify=False)
    assert library.contents() == before


def test_one_model_twice_in_a_list(library_class, library_fakes):
    model = library_fakes.LibraryModel("m.json")
    library = library_class([model, model])
    with library:
        assert library.borrow(0) is library.borrow(1) is model
        library.shelve(model)
        library.shelve(model)


def test_map_function(library):
    def change(model, index):
        model.value += 10 * index
        return index

    assert list(library.map_function(change)) == [0, 1, 2]
    assert [content["value"] for content in library.contents()] == [0, 11, 22]


def test_map_function_in_an_open_library_leaves_it_open(library):
    with library:
        for index in library.map_function(lambda model, index: index):
            if index == 1:
                break
        library.shelve(library.borrow(1))


def test_map_function_that_fails_gives_the_model_back(library):
    with library:
        with pytest.raises(ZeroDivisionError):
            list(library.map_function(lambda model, index: 1 // index))
        library.shelve(library.borrow(0))


def test_finalize_result(library):
    class Finalizer:
        def finalize_result(self, model, references):
            model.meta.finalized = references

    library.finalize_result(Finalizer(), [["flat", "f.asdf"]])
    assert [content["meta"]["finalized"] for content in library.contents()] == [[["flat", "f.asdf"]]] * 3


# In memory and on disk


def test_in_memory_the_model_is_the_same_object(library_class, asn_path):
    library = library_class(asn_path)
    with library:
        model = library.borrow(0)
        library.shelve(model)
        assert library.borrow(0) is model
        library.shelve(model)
    assert len(library_class.opened) == 1
    assert folders() == ["in"]


def test_on_disk_only_changes_are_written(library_class, asn_path):
    library = library_class(asn_path, on_disk=True)
    with library:
        library.shelve(library.borrow(0), modify=False)
        assert folders() == ["in"]
        model = library.borrow(1)
        model.value = 5
        library.shelve(model)
        (folder,) = set(folders()) - {"in"}
        assert sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*")) == ["1", "1/b.json"]
        again = library.borrow(1)
        assert again is not model
        assert again.content() == model.content()
        library.shelve(again, modify=False)
    assert json.loads((asn_path.parent / "b.json").read_text())["value"] == 1


def test_on_disk_changes_are_lost_without_modify(library_class, asn_path):
    library = library_class(asn_path, on_disk=True)
    with library:
        model = library.borrow(0)
        model.value = 5
        library.shelve(model, modify=False)
    assert library.contents()[0]["value"] == 0


def test_the_temporary_folder_goes_away_with_the_library(library_class, asn_path, monkeypatch):
    library = library_class(asn_path, on_disk=True)
    monkeypatch.chdir("in")
    list(library.map_function(lambda model, _: None))
    monkeypatch.chdir("..")
    assert len(folders()) == 2
    del library
    gc.collect()
    assert folders() == ["in"]


def test_libraries_share_a_temporary_directory(library_class, asn_path, workdir):
    libraries = [library_class(asn_path, on_disk=True, temp_directory=workdir / "scratch") for _ in range(2)]
    for number, library in enumerate(libraries):
        list(library.map_function(lambda model, _, number=number: setattr(model, "value", number)))
    assert [library.contents()[0]["value"] for library in libraries] == [0, 1]
    assert len(list(Path("scratch").iterdir())) == 2
    del libraries, library
    gc.collect()
    assert folders() == ["in", "scratch"]
    assert list(Path("scratch").iterdir()) == []


def test_no_file_name_leads_out_of_the_temporary_folder(library_class, asn_path):
    library = library_class(asn_path, on_disk=True)
    with library:
        model = library.borrow(0)
        model.meta.filename = "../../escaped.json"
        library.shelve(model)
        again = library.borrow(0)
        assert again.meta.filename == "../../escaped.json"
        library.shelve(again, modify=False)
    assert not list(Path().glob("escaped.json"))


def test_names_of_members_follow_the_model(library, library_fakes):
    """A new name, none at all, the name of a product that was written: the same in memory and on disk."""
    with library:
        model = library.borrow(0)
        model.meta.filename = "new.json"
        library.shelve(model)
        library.borrow(1)
        library.shelve(library_fakes.LibraryModel(None, 7), 1)
        model = library.borrow(2)
        model.save("product.json")
        library.shelve(model, modify=False)
    assert [content["meta"]["filename"] for content in library.contents()] == ["new.json", None, "product.json"]


def test_an_older_file_of_a_member_does_not_stay(library_class, asn_path):
    library = library_class(asn_path, on_disk=True)
    for name in ("one.json", "two.json"):
        with library:
            model = library.borrow(0)
            model.meta.filename = name
            library.shelve(model)
    (folder,) = set(folders()) - {"in"}
    assert [path.name for path in Path(folder).rglob("*.json")] == ["two.json"]


def test_a_model_that_cannot_be_written_stays_borrowed(library_class, asn_path):
    library = library_class(asn_path, on_disk=True)
    with library:
        model = library.borrow(0)
        model.value = 1
        library.shelve(model)
        model = library.borrow(0)
        model.value, model.fail = 2, OSError("disk full")
        with pytest.raises(OSError, match="disk full"):
            library.shelve(model)
        with pytest.raises(BorrowError, match="double-borrow"):
            library.borrow(0)
        library.shelve(model, modify=False)
    assert library.contents()[0]["value"] == 1


def test_save(library, library_class, library_fakes):
    """The saved association gives the same library, models of one name included."""
    with library:
        library.borrow(1)
        library.shelve(library_fakes.LibraryModel("a.json", 17), 1)
    before = [(content["value"], content["meta"]["filename"]) for content in library.contents()]
    path = library._save("saved")
    assert sorted(os.listdir("saved")) == ["a.json", "a_1.json", "asn.json", "c.json"]
    saved = library_class(path)
    assert saved.asn["asn_id"] == "a1"
    assert (saved.group_indices, saved.exptypes) == (library.group_indices, library.exptypes)
    assert [content["value"] for content in saved.contents()] == [0, 17, 2]
    assert saved.asn["products"][0]["members"][2]["tweakreg_catalog"] == os.path.abspath("in/c.ecsv")
    assert [(content["value"], content["meta"]["filename"]) for content in library.contents()] == before


def test_a_library_in_memory_can_be_pickled(library_class, library_fakes):
    library = library_class([library_fakes.LibraryModel("m.json", 5)])
    assert pickle.loads(pickle.dumps(library)).contents() == library.contents()
