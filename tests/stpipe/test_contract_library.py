"""Statements of spec framework.md §17 that the other tests of libraries leave open."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from types import GeneratorType

import pytest

from stpipe.library import AbstractModelLibrary


def test_signature():
    parameters = inspect.signature(AbstractModelLibrary.__init__).parameters
    defaults = {name: one.default for name, one in parameters.items() if one.default is not inspect.Parameter.empty}
    assert list(parameters)[1:6] == ["init", "asn_exptypes", "asn_n_members", "on_disk", "temp_directory"]
    assert defaults == {"asn_exptypes": None, "asn_n_members": None, "on_disk": False, "temp_directory": None}
    assert list(parameters.values())[-1].kind is inspect.Parameter.VAR_KEYWORD


def test_a_model_is_found_by_identity_when_it_is_shelved(library):
    """Also where two models are equal, and in another order than they were borrowed in."""
    with library:
        first, second, third = library
        first.value, second.value, third.value = 10, 20, 30
        for model in (third, first, second):
            library.shelve(model)
    assert [content["value"] for content in library.contents()] == [10, 20, 30]


def test_shelve_takes_index_and_modify_by_position(library, library_fakes):
    with library:
        library.borrow(2)
        library.shelve(library_fakes.LibraryModel("new.json", 9), 2, True)
        model = library.borrow(0)
        model.meta.filename = "kept.json"
        library.shelve(model, None, False)
    assert [content["value"] for content in library.contents()] == [0, 1, 9]


def test_map_function_is_lazy(library):
    calls = []
    results = library.map_function(lambda model, index: calls.append((model.value, index)) or f"r{index}")
    assert isinstance(results, GeneratorType)
    assert calls == []
    assert next(results) == "r0"
    assert calls == [(0, 0)]
    assert list(results) == ["r1", "r2"]
    assert calls == [(0, 0), (1, 1), (2, 2)]


def test_iteration_borrows_one_model_after_the_other(library_class, asn_path):
    library = library_class(asn_path)
    with library:
        models = iter(library)
        assert isinstance(models, Iterator)
        assert library_class.opened == []
        library.shelve(next(models), 0)
        assert [path.rpartition("/")[2] for path, _ in library_class.opened] == ["a.json"]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_length_is_that_of_the_members_that_were_chosen(library_class, asn_path, count):
    assert len(library_class(asn_path, asn_n_members=count)) == count


def test_the_temporary_folder_is_below_the_current_folder_unless_another_is_given(library_class, asn_path, workdir):
    for given, parent in ((None, workdir), (workdir / "scratch", workdir / "scratch")):
        library = library_class(asn_path, on_disk=True, temp_directory=given)
        with library:
            library.shelve(library.borrow(0))
        (path,) = parent.glob("stpipe-library-*/0/a.json")
        assert json.loads(path.read_text())["value"] == 0


def test_a_mission_may_say_how_models_are_described(library_fakes, asn_path):
    """The three hooks that have a default."""

    class Mission(library_fakes.FakeLibrary):
        def _model_to_filename(self, model):
            return f"m{model.value}.json"

        def _model_to_exptype(self, model):
            return "target"

        def _assign_member_to_model(self, model, member):
            model.meta.told = (member["expname"], member["exptype"])

    models = [library_fakes.LibraryModel(None, value) for value in (3, 4)]
    library = Mission(models)
    assert [dict(member) for member in library.asn["products"][0]["members"]] == [
        {"expname": "m3.json", "exptype": "target", "group_id": "exposure0001"},
        {"expname": "m4.json", "exptype": "target", "group_id": "exposure0002"},
    ]
    assert [model.meta.told for model in models] == [("m3.json", "target"), ("m4.json", "target")]
    assert not hasattr(models[0].meta, "asn")
    assert Mission(asn_path).contents()[0]["meta"]["told"] == ("a.json", "background")


def test_a_uri_is_passed_on_even_where_the_association_is_in_a_folder(library_class, asn_path):
    association = json.loads(asn_path.read_text())
    association["products"][0]["members"] = [{"expname": "https://host/f/x.json", "exptype": "science"}]
    asn_path.write_text(json.dumps(association))
    library = library_class(asn_path)
    library.contents()
    assert [name for name, _ in library_class.opened] == ["https://host/f/x.json"]
