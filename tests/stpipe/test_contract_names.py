"""The table of names, for classes declared by attributes and by spec text (spec framework.md §9)."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stpipe import Param, Pipeline, Step

INPUT = "in/jw001_rate.fits"
ASSOCIATION = "in/x_asn.json"
LIST = ["in/jw001_rate.fits", "in/jw002_rate.fits"]
S = {"save_results": True}
ID = {**S, "asn": "c1000"}
OWN = ["jw001_c1000_s1.fits", "jw002_c1000_s1.fits"]
SPEC = """
    output_ext = string(default='.fits')  # extension
    asn = string(default=None)  # id of an association
"""


@pytest.fixture(params=["Param", "spec"])
def classes(request, fakes):
    """Step ``S1``, its variants, and pipeline ``P``, declared in one of the two ways."""
    if request.param == "Param":
        own = {"output_ext": Param(".fits", "extension"), "asn": Param(None, "id of an association", type=str)}
    else:
        own = {"spec": SPEC}

    def container(self, init):
        """One model for one input, a container for several."""
        if self.asn:
            self.set_output_component("asn_id", self.asn)
        opened = self.open_model(init)
        many = isinstance(opened, fakes.FakeContainer)
        return fakes.FakeContainer(map(copied, opened)) if many else copied(opened)

    def copied(model):
        return fakes.FakeModel(model.meta.filename, model.value)

    def process(function, **more):
        return type("S1", (fakes.MissionMixin, Step), {**own, "process": function, **more})

    def sets_suffix(self, init):
        self.suffix = "cal"
        return container(self, init)

    step = process(container)
    steps = {"a": step, "b": step}
    run = {"process": lambda self, init: self.b.run(self.a.run(init)), "step_defs": steps}
    return SimpleNamespace(
        S1=step,
        Two=process(lambda self, init: tuple(copied(self.open_model(init)) for _ in range(2))),
        Listed=process(lambda self, init: list(container(self, init))),
        One=process(lambda self, init: [container(self, init)]),
        Sets=process(sets_suffix),
        P=type("P", (fakes.MissionMixin, Pipeline), {**own, **run}),
    )


@pytest.fixture(autouse=True)
def folder(workdir, monkeypatch):
    """Inputs in a folder of their own."""
    (workdir / "in").mkdir()
    for name in ("jw001_rate.fits", "jw002_rate.fits", "my_special.fits", "odd-cal.fits", "jw003_rate.fits.gz"):
        (workdir / "in" / name).write_text('{"value": 1}')
    (workdir / "in" / "x_asn.json").write_text(json.dumps(["jw001_rate.fits", "jw002_rate.fits"]))
    monkeypatch.setenv("MYD", "value")
    return workdir


def products(folder: Path) -> list[str]:
    """Every file that is not an input."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.parts[0] != "in")


def saved_by(cls: Any, how: str, init: Any, options: dict[str, Any], folder: Path) -> list[str]:
    """Run in one of the ways; return the files."""
    if how == "call":
        cls.call(init, configure_log=False, **options)
    else:
        cls(**options).run(init)
    return products(folder)


ONE = {
    "save_results False": (INPUT, {}, []),
    "saved": (INPUT, S, ["jw001_s1.fits"]),
    "my_special": ("in/my_special.fits", S, ["my_special_s1.fits"]),
    "odd-cal": ("in/odd-cal.fits", S, ["odd-s1.fits"]),
    "compressed": ("in/jw003_rate.fits.gz", S, ["jw003_s1.fits"]),
    "suffix": (INPUT, {**S, "suffix": "cal"}, ["jw001_cal.fits"]),
    "suffix empty": (INPUT, {**S, "suffix": ""}, ["jw001.fits"]),
    "output_file": (INPUT, {"output_file": "out.fits"}, ["out_s1.fits"]),
    "output_file with suffix": (INPUT, {"output_file": "out_rate.fits"}, ["out_s1.fits"]),
    "output_file asdf": (INPUT, {"output_file": "out.asdf"}, ["out_s1.asdf"]),
    "output_file asdf, output_ext": (INPUT, {"output_file": "out.asdf", "output_ext": "fits"}, ["out_s1.fits"]),
    "output_file of no model": (INPUT, {"output_file": "out.txt"}, ["out_s1.fits"]),
    "output_file in a folder": (INPUT, {"output_file": "sub/out.fits"}, ["sub/out_s1.fits"]),
    "output_file in a folder, output_dir": (INPUT, {"output_file": "s/o.fits", "output_dir": "d"}, ["d/o_s1.fits"]),
    "output_ext": (INPUT, {**S, "output_ext": "asdf"}, ["jw001_s1.asdf"]),
    "output_ext with dot": (INPUT, {**S, "output_ext": ".asdf"}, ["jw001_s1.asdf"]),
    "output_dir": (INPUT, {**S, "output_dir": "newd"}, ["newd/jw001_s1.fits"]),
    "output_dir alone": (INPUT, {"output_dir": "newd"}, ["newd/jw001_s1.fits"]),
    "output_dir $MYD": (INPUT, {"output_dir": "$MYD"}, ["value/jw001_s1.fits"]),
    "output_dir, not saved": (INPUT, {"output_dir": "newd", "save_results": False}, []),
    "output_use_model": (INPUT, {**S, "output_use_model": True}, ["jw001_s1.fits"]),
    "search_output_file": (INPUT, {**S, "search_output_file": False}, ["jw001_s1.fits"]),
    "skip": (INPUT, {**S, "skip": True}, ["jw001_s1.fits"]),
}
SEVERAL = {
    "list": (LIST, S, ["jw001_s1.fits", "jw002_s1.fits"]),
    "list, output_file": (LIST, {"output_file": "foo"}, ["foo_0_s1.fits", "foo_1_s1.fits"]),
    "list of the same": ([INPUT, INPUT], S, ["step_S1_0_s1.fits", "step_S1_1_s1.fits"]),
    "association": (ASSOCIATION, S, ["x_asn_0_s1.fits", "x_asn_1_s1.fits"]),
    "id": (ASSOCIATION, ID, ["x_asn_c1000_0_s1.fits", "x_asn_c1000_1_s1.fits"]),
    "id, output_file": (ASSOCIATION, {**ID, "output_file": "foo"}, ["foo_c1000_0_s1.fits", "foo_c1000_1_s1.fits"]),
    "id, own names": (ASSOCIATION, {**ID, "output_use_model": True}, OWN),
    "id, not searching": (ASSOCIATION, {**ID, "search_output_file": False}, OWN),
}
TWO = {
    "saved": (S, ["jw001_0_s1.fits", "jw001_1_s1.fits"]),
    "output_file": ({"output_file": "foo.fits"}, ["foo_0_s1.fits", "foo_1_s1.fits"]),
    "output_use_model": ({**S, "output_use_model": True}, ["jw001_0_s1.fits", "jw001_1_s1.fits"]),
    "output_use_index": ({**S, "output_use_index": False}, ["jw001_0_s1.fits", "jw001_1_s1.fits"]),
}
PIPELINE = {
    "saved": (S, ["jw001_p.fits"]),
    "a": ({"steps": {"a": S}}, ["jw001_a.fits"]),
    "a, by output_dir": ({"steps": {"a": {"output_dir": "sd"}}}, ["sd/jw001_a.fits"]),
    "all": ({**S, "steps": {"a": S, "b": {**S, "suffix": "cal"}}}, ["jw001_a.fits", "jw001_cal.fits", "jw001_p.fits"]),
    "suffix": ({**S, "suffix": "rate", "steps": {"a": S}}, ["jw001_a.fits", "jw001_rate.fits"]),
    "output_file of a": ({"steps": {"a": {"output_file": "aa"}}}, ["aa_a.fits"]),
    "output_file": ({"output_file": "zz.fits", "steps": {"a": S}}, ["zz_a.fits", "zz_p.fits"]),
    "a does not search": (
        {"output_file": "zz.fits", "steps": {"a": {**S, "search_output_file": False}}},
        ["jw001_a.fits", "zz_p.fits"],
    ),
    "two folders": (
        {**S, "output_dir": "pd", "steps": {"a": {**S, "output_dir": "sd"}}},
        ["pd/jw001_p.fits", "sd/jw001_a.fits"],
    ),
    "folder of the pipeline": ({"output_dir": "pd", "steps": {"a": S}}, ["pd/jw001_a.fits", "pd/jw001_p.fits"]),
    "a skipped": ({"steps": {"a": {**S, "skip": True}}}, []),
}
BOTH_WAYS = pytest.mark.parametrize("how", ["call", "run"])


@BOTH_WAYS
@pytest.mark.parametrize(("init", "options", "files"), ONE.values(), ids=ONE)
def test_one_input(classes, folder, how, init, options, files):
    assert saved_by(classes.S1, how, init, options, folder) == files


@BOTH_WAYS
@pytest.mark.parametrize(("init", "options", "files"), SEVERAL.values(), ids=SEVERAL)
def test_several_inputs(classes, folder, how, init, options, files):
    assert saved_by(classes.S1, how, init, options, folder) == files


@BOTH_WAYS
@pytest.mark.parametrize(("options", "files"), TWO.values(), ids=TWO)
def test_two_results(classes, folder, how, options, files):
    assert saved_by(classes.Two, how, INPUT, options, folder) == files


@BOTH_WAYS
@pytest.mark.parametrize(("options", "files"), PIPELINE.values(), ids=PIPELINE)
def test_pipeline(classes, folder, how, options, files):
    assert saved_by(classes.P, how, INPUT, options, folder) == files


@pytest.mark.parametrize(("filename", "files"), [("jw001_rate.fits", ["jw001_s1.fits"]), (None, ["step_S1_s1.fits"])])
def test_models(classes, fakes, folder, filename, files):
    assert saved_by(classes.S1, "call", fakes.FakeModel(filename), S, folder) == files


def test_a_list_of_one(classes, folder):
    assert saved_by(classes.One, "run", INPUT, S, folder) == ["jw001_s1.fits"]
    assert saved_by(classes.Listed, "run", LIST[1:], S, folder) == ["jw001_s1.fits", "jw002_s1.fits"]


def test_a_plain_list_of_results(classes, folder):
    assert saved_by(classes.Listed, "run", LIST, S, folder) == ["jw001_s1.fits", "jw002_s1.fits"]


def test_suffix_set_by_process(classes, folder):
    assert saved_by(classes.Sets, "run", INPUT, S, folder) == ["jw001_cal.fits"]


def test_an_id_in_the_name_of_the_input_stays(classes, fakes, folder):
    """Ids stack where a product is named after a model that carries one, as in the released pipeline."""
    options = {**S, "asn": "c1000", "output_use_model": True}
    assert saved_by(classes.S1, "run", fakes.FakeModel("jw001_c1000_rate.fits"), options, folder) == [
        "jw001_c1000_c1000_s1.fits"
    ]


@pytest.mark.parametrize("value", ["o.fits", "sub/o.fits", "{cwd}/abs/o.fits"])
@pytest.mark.parametrize("how", ["call", "from_config_file", "command line"])
def test_output_file_in_a_parameter_file(fakes, folder, value, how):
    """A bare name means the current folder; a folder is honoured, a relative one counted from that of the file."""
    (folder / "cfg").mkdir()
    (folder / "cfg" / "p.yaml").write_text(f"name: s1\nparameters: {{output_file: '{value.format(cwd=folder)}'}}\n")
    if how == "call":
        fakes.S1.call(INPUT, config_file="cfg/p.yaml", configure_log=False)
    elif how == "from_config_file":
        fakes.S1.from_config_file("cfg/p.yaml").run(INPUT)
    else:
        from stpipe.resolve import resolve_cmdline

        fakes.S1.from_resolved(resolve_cmdline(fakes.S1, {}, config_file="cfg/p.yaml")).run(INPUT)
    (product,) = (path for path in products(folder) if path != "cfg/p.yaml")
    assert product == {"o": "o_s1.fits", "s": "cfg/sub/o_s1.fits", "{": "abs/o_s1.fits"}[value[0]]


class TestMakeOutputPath:
    @pytest.fixture
    def step(self, classes):
        return type("A", (classes.S1,), {})()

    def test_base(self, step, classes):
        assert step.make_output_path("dir/x_rate.fits") == "x_a.fits"
        assert step.make_output_path() == "step_A_a.fits"
        step.set_primary_input(INPUT)
        assert step.make_output_path() == "jw001_a.fits"
        pipe = classes.P(output_file="zz.fits")
        pipe.set_primary_input(INPUT)
        assert pipe.a.make_output_path() == "zz_a.fits"
        pipe.a.output_file = "aa"
        assert pipe.a.make_output_path() == "aa_a.fits"
        assert pipe.a.make_output_path("x_rate.fits") == "x_a.fits"
        alone = classes.P(output_file="zz.fits", steps={"a": {"search_output_file": False, "suffix": "cal"}}).a
        assert alone.make_output_path() == "step_cal.fits"  # "a" is a known suffix here

    def test_extension(self, step):
        assert step.make_output_path("x_rate.fits", ext=".asdf", suffix="cal") == "x_cal.asdf"
        assert step.make_output_path("x_rate.fits", ext="asdf") == "x_a.asdf"
        step.output_ext = "asdf"
        assert step.make_output_path("x_rate.fits") == "x_a.asdf"
        step.output_ext = None
        assert step.make_output_path("x_rate.ecsv") == "x_a.ecsv"

    def test_suffix(self, step, classes):
        assert step.make_output_path("x_rate.fits", suffix=False) == "x_rate.fits"
        assert step.make_output_path("x_rate.fits", suffix="") == "x.fits"
        assert step.make_output_path("x_cal_rate") == "x_cal_a.fits"
        assert step.make_output_path("odd-cal.fits", suffix="i2d") == "odd-i2d.fits"
        assert classes.P(suffix="q").a.make_output_path("x_rate.fits") == "x_q.fits"
        assert classes.P(suffix="q", steps={"a": {"suffix": "r"}}).a.make_output_path("x_rate.fits") == "x_r.fits"

    def test_components(self, step):
        assert step.make_output_path("dir/x_rate.fits", idx=3, foo=None, bar="z") == "x_3_z_a.fits"
        step.set_output_component("asn_id", "c1000")
        assert step.make_output_path("x_rate.fits", idx=0, b=1, a=2) == "x_c1000_0_1_2_a.fits"

    def test_folder(self, step, classes, monkeypatch):
        monkeypatch.setenv("HOME", "/home/me")
        assert step.make_output_path(INPUT) == "jw001_a.fits"
        pipe = classes.P(output_dir="~/$MYD")
        assert pipe.a.make_output_path(INPUT) == "/home/me/value/jw001_a.fits"
        pipe.a.output_dir = "sd"
        assert pipe.a.make_output_path(INPUT) == os.path.join("sd", "jw001_a.fits")


class TestPlan:
    """What `plan` tells of several inputs is what a run writes."""

    @pytest.mark.parametrize(
        "options",
        [{}, S, {"output_file": "foo"}, {"output_dir": "d"}, {**S, "output_use_model": True}],
        ids=["not saved", "saved", "output_file", "output_dir", "own names"],
    )
    @pytest.mark.parametrize("kind", ["list", "one", "same", "container", "Listed"])
    def test_lists(self, classes, fakes, folder, kind, options):
        inputs = {"one": LIST[:1], "same": [INPUT, INPUT]}.get(kind, LIST)
        if kind == "container":
            inputs = fakes.FakeContainer([fakes.FakeModel("jw001_rate.fits"), fakes.FakeModel("jw002_rate.fits")])
        step = classes.Listed if kind == "Listed" else classes.S1
        plan = step.plan(inputs, **options)
        assert saved_by(step, "call", inputs, options, folder) == sorted(product.path for product in plan.products)
        assert any(f"The input has {len(inputs)} members" in note for note in plan.notes) is bool(plan.products)

    def test_pipeline(self, classes, folder):
        options = {**S, "steps": {"a": S}}
        plan = classes.P.plan(LIST, **options)
        assert saved_by(classes.P, "call", LIST, options, folder) == sorted(product.path for product in plan.products)

    @pytest.mark.parametrize("options", [S, {"output_file": "foo"}, {**S, "output_use_model": True}])
    @pytest.mark.parametrize("kind", ["path", "library", "list", "mapping"])
    def test_associations_and_libraries(self, library_fakes, folder, kind, options):
        names = [f"in/{name}_rate.json" for name in ("jw001", "jw002")]
        for name in names:
            library_fakes.LibraryModel().save(name)
        association = {"products": [{"members": [{"expname": name, "exptype": "science"} for name in names]}]}
        Path("in/y_asn.json").write_text(json.dumps(association).replace("in/", ""))
        make = {"path": lambda: "in/y_asn.json", "list": lambda: list(names), "mapping": lambda: association}
        init = make.get(kind, lambda: library_fakes.FakeLibrary("in/y_asn.json"))
        plan = library_fakes.LibraryStep.plan(init(), **options)
        library_fakes.LibraryStep.call(init(), configure_log=False, **options)
        assert sorted(product.path for product in plan.products) == products(folder)
        assert len(plan.products) == 2

    def test_an_association_that_cannot_be_read_counts_as_one_input(self, classes):
        Path("in/z_asn.json").write_text("{")
        plan = classes.S1.plan("in/z_asn.json", **S)
        assert [product.path for product in plan.products] == ["z_asn_s1.fits"]


def test_no_index_with_equal_names_is_warned_of(classes, folder, caplog):
    saved_by(classes.Two, "run", INPUT, {**S, "output_use_index": False}, folder)
    (warning,) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert "output_use_index=False needs results with different names" in warning
