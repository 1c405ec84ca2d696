"""Steps and pipelines on model libraries: names, saving, skip marking, finalising (spec framework.md §8 to §10)."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from stpipe import Skip
from stpipe.library import BorrowError

ASSOCIATION = "in/x_asn.json"
SAVED = {"save_results": True}


@pytest.fixture(autouse=True)
def association(library_fakes, workdir):
    """Two models, ``jw001_rate.json`` and ``jw002_rate.json``, and an association of them, in a folder of their own."""
    folder = workdir / "in"
    folder.mkdir()
    names = ["jw001_rate.json", "jw002_rate.json"]
    for number, name in enumerate(names):
        library_fakes.LibraryModel(value=number).save(str(folder / name))
    members = [{"expname": name, "exptype": "science"} for name in names]
    (folder / "x_asn.json").write_text(json.dumps({"asn_id": "c1000", "products": [{"members": members}]}))
    return folder / "x_asn.json"


@pytest.fixture(params=[False, True], ids=["in memory", "on disk"])
def on_disk(request):
    return request.param


@pytest.fixture
def step_class(library_fakes):
    return type("S1", (library_fakes.LibraryStep,), {})


def products(folder: Path) -> list[str]:
    """Every file below ``folder`` that is no input and in no temporary folder of a library."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if not path.parts[0].startswith(("in", "stpipe-library-")))


def read(name: str) -> dict:
    return json.loads(Path(name).read_text())


def metas(library) -> list[dict]:
    return list(library.map_function(lambda model, _: model.content()["meta"], modify=False))


NAMES = {
    "not saved": ({}, []),
    "saved": (SAVED, ["x_asn_0_s1.json", "x_asn_1_s1.json"]),
    "output_file": ({"output_file": "foo"}, ["foo_0_s1.json", "foo_1_s1.json"]),
    "output_dir": ({"output_dir": "d"}, ["d/x_asn_0_s1.json", "d/x_asn_1_s1.json"]),
    "suffix": ({**SAVED, "suffix": "cal"}, ["x_asn_0_cal.json", "x_asn_1_cal.json"]),
    "output_use_model": ({**SAVED, "output_use_model": True}, ["jw001_s1.json", "jw002_s1.json"]),
    "not searching": ({**SAVED, "search_output_file": False}, ["jw001_s1.json", "jw002_s1.json"]),
    "no index": ({**SAVED, "output_use_index": False}, ["jw001_s1.json", "jw002_s1.json"]),
    "asn id": ({**SAVED, "asn_id": "c1000"}, ["x_asn_c1000_0_s1.json", "x_asn_c1000_1_s1.json"]),
    "asn id, output_file": (
        {"output_file": "foo", "asn_id": "c1000"},
        ["foo_c1000_0_s1.json", "foo_c1000_1_s1.json"],
    ),
    "asn id, output_use_model": (
        {**SAVED, "output_use_model": True, "asn_id": "c1000"},
        ["jw001_c1000_s1.json", "jw002_c1000_s1.json"],
    ),
    "asn id, not searching": (
        {**SAVED, "search_output_file": False, "asn_id": "c1000"},
        ["jw001_c1000_s1.json", "jw002_c1000_s1.json"],
    ),
}


@pytest.mark.parametrize(("pars", "expected"), NAMES.values(), ids=NAMES.keys())
@pytest.mark.parametrize("how", ["call", "run"])
def test_names_with_an_association_as_input(step_class, workdir, on_disk, pars, expected, how):
    pars = {**pars, "on_disk": on_disk}
    library = step_class.call(ASSOCIATION, **pars) if how == "call" else step_class(**pars).run(ASSOCIATION)
    assert products(workdir) == expected
    assert [read(name)["value"] for name in expected] == [1, 2][: len(expected)]
    names = [Path(name).name for name in expected] or ["jw001_rate.json", "jw002_rate.json"]
    assert [meta["filename"] for meta in metas(library)] == names


def test_an_asn_id_is_for_one_run(step_class, workdir):
    step = step_class(save_results=True, asn_id="c1000")
    step.run(ASSOCIATION)
    step.asn_id = None
    step.run(ASSOCIATION)
    assert products(workdir) == [
        "x_asn_0_s1.json",
        "x_asn_1_s1.json",
        "x_asn_c1000_0_s1.json",
        "x_asn_c1000_1_s1.json",
    ]


def test_names_with_a_library_as_input(step_class, library_fakes, workdir, on_disk):
    library = library_fakes.FakeLibrary(ASSOCIATION, on_disk=on_disk)
    assert step_class(save_results=True).run(library) is library
    assert products(workdir) == ["step_S1_0_s1.json", "step_S1_1_s1.json"]


def test_names_with_a_list_as_input(step_class, workdir):
    step_class(save_results=True).run(["in/jw001_rate.json", "in/jw002_rate.json"])
    assert products(workdir) == ["jw001_s1.json", "jw002_s1.json"]


def test_equal_names_of_members_get_an_index(step_class, workdir):
    step_class(save_results=True, output_use_model=True).run(["in/jw001_rate.json", "in/jw001_rate.json"])
    assert products(workdir) == ["jw001_0_s1.json", "jw001_1_s1.json"]


PIPELINES = {
    "not saved": ({}, []),
    "pipeline": (SAVED, ["x_asn_0_p.json", "x_asn_1_p.json"]),
    "all": (
        {**SAVED, "steps": {"a": SAVED, "b": {**SAVED, "suffix": "cal"}}},
        [
            "x_asn_0_a.json",
            "x_asn_0_cal.json",
            "x_asn_0_p.json",
            "x_asn_1_a.json",
            "x_asn_1_cal.json",
            "x_asn_1_p.json",
        ],
    ),
    "own names": (
        {"steps": {"a": {**SAVED, "output_use_model": True, "asn_id": "c1"}}},
        ["jw001_c1_a.json", "jw002_c1_a.json"],
    ),
    "a skipped": ({"steps": {"a": {**SAVED, "skip": True}}}, []),
}


@pytest.mark.parametrize(("pars", "expected"), PIPELINES.values(), ids=PIPELINES.keys())
def test_names_of_a_pipeline(library_fakes, workdir, on_disk, pars, expected):
    pipeline = type("P", (library_fakes.LibraryPipeline,), {})
    pipeline.call(ASSOCIATION, on_disk=on_disk, **pars)
    assert products(workdir) == expected


def test_results_are_the_same_in_memory_and_on_disk(library_fakes, workdir):
    """Everything a pipeline that saves, skips and finalises leaves in files and in the library."""
    outcomes = []
    for on_disk in (False, True):
        folder = f"d{on_disk}"
        steps = {"a": {"skip": True}, "b": {"save_results": True}}
        library = library_fakes.LibraryPipeline.call(ASSOCIATION, on_disk=on_disk, output_dir=folder, steps=steps)
        files = [json.loads(path.read_text()) for path in sorted(Path(folder).iterdir())]
        outcomes.append((metas(library), files))
    assert outcomes[0] == outcomes[1]


def test_save_model_of_a_library(step_class, library_fakes, workdir, on_disk):
    library = library_fakes.FakeLibrary(ASSOCIATION, on_disk=on_disk)
    step = step_class()
    assert step.save_model(library) is None
    assert step.save_model(library, suffix="crf", force=True) == ["step_S1_0_crf.json", "step_S1_1_crf.json"]
    with library:
        assert step.save_model(library, output_file="x", suffix="crf") == ["x_0_crf.json", "x_1_crf.json"]
    assert metas(library)[0]["filename"] == "x_0_crf.json"


def test_a_failing_save_leaves_the_library_usable(step_class, library_fakes, workdir, on_disk):
    library = library_fakes.FakeLibrary(ASSOCIATION, on_disk=on_disk)
    (workdir / "x_1_crf.json").mkdir()
    with pytest.raises(OSError, match="a folder of that name"):
        step_class().save_model(library, output_file="x", suffix="crf")
    assert [meta["filename"] for meta in metas(library)] == ["x_0_crf.json", "jw002_rate.json"]


def test_a_skipped_sub_step_marks_every_member(library_fakes, on_disk):
    pipeline = library_fakes.LibraryPipeline(on_disk=on_disk, steps={"a": {"skip": True}})
    library = pipeline.run(ASSOCIATION)
    assert [meta["cal_step"] for meta in metas(library)] == [{"library_step": "SKIPPED"}] * 2
    assert list(library.map_function(lambda model, _: model.value)) == [1, 2]


def test_skip_raised_by_process_marks_every_member(step_class, library_fakes, on_disk, caplog):
    def process(self, init):
        raise Skip("nothing to do")

    library = library_fakes.FakeLibrary(ASSOCIATION, on_disk=on_disk)
    assert type("S2", (step_class,), {"process": process})().run(library) is library
    assert [meta["cal_step"] for meta in metas(library)] == [{"library_step": "SKIPPED"}] * 2
    assert "nothing to do" in caplog.text


def test_a_member_that_cannot_be_marked_is_named(step_class, library_fakes, caplog):
    caplog.set_level(logging.INFO)
    model = library_fakes.LibraryModel("m.json")
    del model.meta.cal_step

    def process(self, init):
        raise Skip("nothing to do")

    type("S2", (step_class,), {"process": process})().run(library_fakes.FakeLibrary([model]))
    assert "LibraryModel cannot record that step library_step was skipped" in caplog.text


def test_every_member_is_finalised(step_class, library_fakes, on_disk):
    def process(self, init):
        self._reference_files_used.append(("flat", "f.asdf"))
        return library_fakes.LibraryStep.process(self, init)

    library = type("S2", (step_class,), {"process": process})(on_disk=on_disk).run(ASSOCIATION)
    assert [meta["finalized"] for meta in metas(library)] == [["S2", ["flat", "f.asdf"]]] * 2


def test_a_model_that_process_did_not_give_back_is_an_error(step_class, library_fakes):
    def process(self, init):
        library = library_fakes.FakeLibrary(init)
        with library:
            library.borrow(1)
        return library

    with pytest.raises(BorrowError, match="1 un-returned models"):
        type("S2", (step_class,), {"process": process})().run(ASSOCIATION)
