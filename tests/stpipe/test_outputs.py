from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stpipe import Param, Skip
from stpipe.exceptions import OutputError
from stpipe.resolve import Resolved

INPUT = "in/jw001_rate.fits"
ASSOCIATION = "in/x_asn.json"


@pytest.fixture(autouse=True)
def inputs(workdir):
    """Inputs in a folder of their own."""
    folder = workdir / "in"
    folder.mkdir()
    for name in ("jw001_rate.fits", "jw002_rate.fits", "my_special.fits", "odd-cal.fits"):
        (folder / name).write_text('{"value": 1}')
    (folder / "x_asn.json").write_text(json.dumps(["jw001_rate.fits", "jw002_rate.fits"]))
    return workdir


def products(folder: Path) -> list[str]:
    """Every file below ``folder`` that is not an input, hidden ones included."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.parts[0] != "in")


CALLS = {
    "not saved": (INPUT, {}, []),
    "saved": (INPUT, {"save_results": True}, ["jw001_s1.fits"]),
    "unknown suffix is replaced": ("in/my_special.fits", {"save_results": True}, ["my_special_s1.fits"]),
    "separator is kept": ("in/odd-cal.fits", {"save_results": True}, ["odd-s1.fits"]),
    "suffix": (INPUT, {"save_results": True, "suffix": "cal"}, ["jw001_cal.fits"]),
    "empty suffix": (INPUT, {"save_results": True, "suffix": ""}, ["jw001.fits"]),
    "no suffix": (INPUT, {"save_results": True, "suffix": False}, ["jw001_rate.fits"]),
    "output_file": (INPUT, {"output_file": "out.fits"}, ["out_s1.fits"]),
    "output_file with a suffix": (INPUT, {"output_file": "out_rate.fits"}, ["out_s1.fits"]),
    "output_file with an extension": (INPUT, {"output_file": "out.asdf"}, ["out_s1.asdf"]),
    "output_file against output_ext": (INPUT, {"output_file": "o.asdf", "output_ext": "fits"}, ["o_s1.fits"]),
    "output_file with a foreign extension": (INPUT, {"output_file": "out.txt"}, ["out_s1.fits"]),
    "output_file in a folder": (INPUT, {"output_file": "sub/out.fits"}, ["sub/out_s1.fits"]),
    "output_file against output_dir": (INPUT, {"output_file": "s/o.fits", "output_dir": "d"}, ["d/o_s1.fits"]),
    "output_ext": (INPUT, {"save_results": True, "output_ext": "asdf"}, ["jw001_s1.asdf"]),
    "output_ext with dot": (INPUT, {"save_results": True, "output_ext": ".asdf"}, ["jw001_s1.asdf"]),
    "output_dir": (INPUT, {"save_results": True, "output_dir": "newd"}, ["newd/jw001_s1.fits"]),
    "output_dir alone": (INPUT, {"output_dir": "newd"}, ["newd/jw001_s1.fits"]),
    "output_dir with a variable": (INPUT, {"output_dir": "$MYD"}, ["value/jw001_s1.fits"]),
    "output_dir, explicitly not saved": (INPUT, {"output_dir": "newd", "save_results": False}, []),
    "output_file, not saved": (INPUT, {"output_file": "foo", "save_results": False}, ["foo_s1.fits"]),
    "output_use_model": (INPUT, {"save_results": True, "output_use_model": True}, ["jw001_s1.fits"]),
    "search_output_file": (INPUT, {"save_results": True, "search_output_file": False}, ["jw001_s1.fits"]),
    "skip standalone": (INPUT, {"save_results": True, "skip": True}, ["jw001_s1.fits"]),
    "list": (["in/jw001_rate.fits", "in/jw002_rate.fits"], {"save_results": True}, ["jw001_s1.fits", "jw002_s1.fits"]),
    "list with output_file": (
        ["in/jw001_rate.fits", "in/jw002_rate.fits"],
        {"output_file": "foo"},
        ["foo_0_s1.fits", "foo_1_s1.fits"],
    ),
    "list, twice the same": ([INPUT, INPUT], {"save_results": True}, ["step_S1_0_s1.fits", "step_S1_1_s1.fits"]),
    "association": (ASSOCIATION, {"save_results": True}, ["x_asn_0_s1.fits", "x_asn_1_s1.fits"]),
    "association, own names": (
        ASSOCIATION,
        {"save_results": True, "output_use_model": True},
        ["jw001_s1.fits", "jw002_s1.fits"],
    ),
    "association, not searching": (
        ASSOCIATION,
        {"save_results": True, "search_output_file": False},
        ["jw001_s1.fits", "jw002_s1.fits"],
    ),
    "association, no index": (
        ASSOCIATION,
        {"save_results": True, "output_use_index": False},
        ["jw001_s1.fits", "jw002_s1.fits"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("init", "pars", "expected"), CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("how", ["call", "run"])
def test_names_of_a_step(fakes, workdir, monkeypatch, init, pars, expected, how):
    monkeypatch.setenv("MYD", "value")
    if how == "call":
        fakes.S1.call(init, **pars)
    else:
        fakes.S1(**pars).run(init)
    assert products(workdir) == expected
    for path in expected:
        assert fakes.read(path)["filename"] == os.path.basename(path)


@pytest.mark.parametrize(("filename", "expected"), [("jw001_rate.fits", "jw001_s1.fits"), (None, "step_S1_s1.fits")])
def test_names_after_an_input_model(fakes, workdir, filename, expected):
    fakes.S1.call(fakes.FakeModel(filename), save_results=True)
    assert products(workdir) == [expected]


@pytest.mark.parametrize(
    ("pars", "expected"),
    [
        ({}, ["jw001_0_two.fits", "jw001_1_two.fits"]),
        ({"output_file": "foo.fits"}, ["foo_0_two.fits", "foo_1_two.fits"]),
        ({"output_use_model": True}, ["jw001_0_two.fits", "jw001_1_two.fits"]),
        ({"search_output_file": False}, ["jw001_0_two.fits", "jw001_1_two.fits"]),
    ],
)
def test_names_of_two_results(fakes, workdir, pars, expected):
    fakes.Two.call(INPUT, save_results=True, **pars)
    assert products(workdir) == expected
    assert [fakes.read(path)["value"] for path in expected] == [1.0, 2.0]


def test_no_index_with_equal_names_adds_it_with_a_warning(fakes, workdir, caplog):
    fakes.Two.call(INPUT, save_results=True, output_use_index=False)
    assert products(workdir) == ["jw001_0_two.fits", "jw001_1_two.fits"]
    assert "output_use_index=False needs results with different names" in caplog.text


def test_names_of_a_plain_list_of_results(fakes, workdir):
    fakes.Lists.call(["in/jw001_rate.fits", "in/jw002_rate.fits"], save_results=True)
    assert products(workdir) == ["jw001_lists.fits", "jw002_lists.fits"]


@pytest.mark.parametrize(
    ("pars", "expected"),
    [
        ({}, ["x_asn_c1000_0_s1.fits", "x_asn_c1000_1_s1.fits"]),
        ({"output_file": "foo"}, ["foo_c1000_0_s1.fits", "foo_c1000_1_s1.fits"]),
        ({"output_use_model": True}, ["jw001_c1000_s1.fits", "jw002_c1000_s1.fits"]),
        ({"search_output_file": False}, ["jw001_c1000_s1.fits", "jw002_c1000_s1.fits"]),
    ],
)
def test_names_with_an_association_id(fakes, workdir, pars, expected):
    def process(self, init):
        self.set_output_component("asn_id", "c1000")
        return fakes.S1.process(self, init)

    step = type("S1", (fakes.S1,), {"process": process})(save_results=True, **pars)
    step.run(ASSOCIATION)
    assert products(workdir) == expected
    assert step.output_components == {}


def test_a_suffix_set_by_process_counts_for_that_run_only(fakes, workdir):
    def process(self, init):
        self.suffix = "cal"
        return fakes.S1.process(self, init)

    step = type("S1", (fakes.S1,), {"process": process})(save_results=True)
    step.run(INPUT)
    assert products(workdir) == ["jw001_cal.fits"]
    assert step.suffix is None


SAVED = {"save_results": True}
PIPELINES = {
    "saved": (SAVED, ["jw001_p.fits"]),
    "only a": ({"steps": {"a": SAVED}}, ["jw001_a.fits"]),
    "only a, by output_dir": ({"steps": {"a": {"output_dir": "sd"}}}, ["sd/jw001_a.fits"]),
    "all": (
        {**SAVED, "steps": {"a": SAVED, "b": {**SAVED, "suffix": "cal"}}},
        ["jw001_a.fits", "jw001_cal.fits", "jw001_p.fits"],
    ),
    "suffix of the pipeline": ({**SAVED, "suffix": "rate", "steps": {"a": SAVED}}, ["jw001_a.fits", "jw001_rate.fits"]),
    "output_file of a": ({"steps": {"a": {"output_file": "aa"}}}, ["aa_a.fits"]),
    "output_file": ({"output_file": "zz.fits", "steps": {"a": SAVED}}, ["zz_a.fits", "zz_p.fits"]),
    "output_file in a folder": ({"output_file": "d/z.fits", "steps": {"a": SAVED}}, ["d/z_a.fits", "d/z_p.fits"]),
    "output_dir": ({"output_dir": "pd"}, ["pd/jw001_p.fits"]),
    "output_dir of both": (
        {**SAVED, "output_dir": "pd", "steps": {"a": {**SAVED, "output_dir": "sd"}}},
        ["pd/jw001_p.fits", "sd/jw001_a.fits"],
    ),
    "output_dir of the pipeline": ({"output_dir": "pd", "steps": {"a": SAVED}}, ["pd/jw001_a.fits", "pd/jw001_p.fits"]),
    "a skipped": ({"steps": {"a": {**SAVED, "skip": True}}}, []),
}


@pytest.mark.parametrize(("pars", "expected"), PIPELINES.values(), ids=PIPELINES.keys())
@pytest.mark.parametrize("how", ["call", "run"])
def test_names_of_a_pipeline(fakes, workdir, pars, expected, how):
    pipeline = type("P", (fakes.FakePipeline,), {})
    if how == "call":
        pipeline.call(INPUT, **pars)
    else:
        pipeline(**pars).run(INPUT)
    assert products(workdir) == expected


@pytest.mark.parametrize(
    ("args", "keywords", "expected"),
    [
        (("x_rate.fits",), {}, "x_a.fits"),
        (("x_rate.fits",), {"suffix": False}, "x_rate.fits"),
        (("x_rate.fits",), {"suffix": ""}, "x.fits"),
        (("x_rate.fits",), {"ext": ".asdf", "suffix": "cal"}, "x_cal.asdf"),
        (("dir/x_rate.fits",), {"idx": 3, "foo": None, "bar": "z"}, "x_3_z_a.fits"),
        ((Path("dir/x_rate.fits"),), {}, "x_a.fits"),
        (("x_cal_rate",), {}, "x_cal_a.fits"),
        ((), {}, "step_A_a.fits"),
    ],
)
def test_make_output_path(fakes, args, keywords, expected):
    step = type("A", (fakes.FakeStep,), {})()
    assert step.make_output_path(*args, **keywords) == expected


def test_the_outermost_parent_may_make_the_paths(fakes):
    def make(step, basepath=None, ext=None, suffix=None, **components):
        return f"{step.name}-{basepath}"

    pipeline = type("P", (fakes.FakePipeline,), {"_make_output_path": staticmethod(make)})()
    assert pipeline.a.make_output_path("x") == "a-x"


ATTRIBUTES = {
    "output_dir": (lambda step: setattr(step, "output_dir", "d"), ["d/jw001_s1.fits"]),
    "output_file": (lambda step: setattr(step, "output_file", "o"), ["o_s1.fits"]),
    "a later False wins": (
        lambda step: (setattr(step, "output_dir", "d"), setattr(step, "save_results", False)),
        [],
    ),
}


@pytest.mark.parametrize(("change", "expected"), ATTRIBUTES.values(), ids=ATTRIBUTES.keys())
def test_saving_by_attributes(fakes, workdir, change: Callable, expected):
    step = fakes.S1()
    change(step)
    step.run(INPUT)
    assert products(workdir) == expected


def test_a_lower_false_gives_way_to_output_dir(fakes, workdir):
    step = fakes.S1(save_results=False)
    step.output_dir = "d"
    step.run(INPUT)
    assert products(workdir) == ["d/jw001_s1.fits"]


def source_of(**sources: str) -> Callable:
    """Step whose output_dir and save_results come from the given layers."""
    return lambda cls: cls.from_resolved(Resolved(values={"output_dir": "d", "save_results": False}, sources=sources))


@pytest.mark.parametrize(
    ("sources", "saved"),
    [
        ({"output_dir": "crds:x.asdf"}, False),
        ({"output_dir": "file:/x.asdf"}, True),
        ({"output_dir": "file:/x.asdf", "save_results": "file:/x.asdf"}, False),
        ({"output_dir": "keyword", "save_results": "file:/x.asdf"}, True),
        ({"output_dir": "command line", "save_results": "command line"}, False),
    ],
)
def test_layers_of_output_dir_and_save_results(fakes, workdir, sources, saved):
    source_of(**sources)(fakes.S1).run(INPUT)
    assert bool(products(workdir)) is saved


def test_false_on_the_command_line_is_obeyed_for_output_file(fakes, workdir):
    values = {"output_file": str(workdir / "o.fits"), "save_results": False}
    resolved = Resolved(values=values, sources=dict.fromkeys(values, "command line"))
    fakes.S1.from_resolved(resolved).run(INPUT)
    assert products(workdir) == []


def test_a_bare_output_file_in_a_parameter_file_means_the_current_folder(fakes, workdir):
    values = {"output_file": "/pars/o.fits"}
    resolved = Resolved(values=values, sources={"output_file": "file:/pars/s1.asdf"})
    fakes.S1.from_resolved(resolved).run(INPUT)
    assert products(workdir) == ["o_s1.fits"]


def test_save_model_is_silent_unless_saving_is_wanted(fakes, workdir):
    model = fakes.FakeModel("m_rate.fits")
    assert fakes.S1().save_model(model) is None
    assert fakes.S1().save_model(model, suffix="fitopt", force=True) == "step_S1_fitopt.fits"
    assert products(workdir) == ["step_S1_fitopt.fits"]
    assert fakes.S1().save_model(None, force=True) is None


def test_save_model_order_of_components(fakes, workdir):
    path = fakes.S1().save_model(fakes.FakeModel(), "median", 2, "x.fits", band="b", asn_id="a3001")
    assert path == "x_2_b_a3001_median.fits"


def test_save_model_of_a_list(fakes, workdir):
    models = [fakes.FakeModel("m1_rate.fits"), fakes.FakeModel("m2_rate.fits")]
    assert fakes.S1(output_file="x").save_model(models) == ["x_0_s1.fits", "x_1_s1.fits"]


def test_products_of_a_run_that_saves_extra_ones(fakes, workdir):
    def process(self, init):
        self.save_model(fakes.FakeModel("other.fits"), suffix="fitopt", force=True)
        return fakes.S1.process(self, init)

    type("S1", (fakes.S1,), {"process": process})().run(INPUT)
    assert products(workdir) == ["jw001_fitopt.fits"]


def test_other_objects_are_saved_by_their_own_save(fakes, workdir):
    class Table:
        def save(self, path, overwrite=False):
            assert overwrite
            Path(path).write_text("table")

    step = type("S1", (fakes.S1,), {"process": lambda self, init: Table()})(save_results=True)
    step.run(INPUT)
    assert Path("jw001_s1.fits").read_text() == "table"


def test_objects_without_save_are_not_saved(fakes, workdir):
    type("S1", (fakes.S1,), {"process": lambda self, init: 17})(save_results=True).run(INPUT)
    type("S1", (fakes.S1,), {"process": lambda self, init: None})(save_results=True).run(INPUT)
    assert products(workdir) == []


def test_a_result_that_is_none_leaves_the_index_of_the_other(fakes, workdir):
    process = lambda self, init: (fakes.FakeModel(), None)  # noqa: E731
    type("S1", (fakes.S1,), {"process": process})(save_results=True).run(INPUT)
    assert products(workdir) == ["jw001_0_s1.fits"]


def test_skip_raised_by_process_saves_the_input_as_it_is(fakes, workdir):
    def process(self, init):
        raise Skip("nothing to do")

    model = fakes.FakeModel("jw001_rate.fits", 5.0)
    type("S1", (fakes.S1,), {"process": process})(save_results=True).run(model)
    assert fakes.read("jw001_s1.fits") == {
        "filename": "jw001_s1.fits",
        "value": 5.0,
        "cal_step": {"fake_step": "SKIPPED"},
    }


def test_a_failing_save_leaves_nothing(fakes, workdir):
    def process(self, init):
        model = fakes.FakeModel()
        model.fail = RuntimeError("disk")
        return model

    with pytest.raises(RuntimeError, match="disk"):
        type("S1", (fakes.S1,), {"process": process})(output_dir="new/deep").run(INPUT)
    assert products(workdir) == []
    assert sorted(path.name for path in workdir.iterdir()) == ["in"]


def test_a_failing_save_leaves_the_older_product(fakes, workdir):
    Path("jw001_s1.fits").write_text("older")

    def process(self, init):
        model = fakes.FakeModel()
        model.fail = KeyboardInterrupt()
        return model

    with pytest.raises(KeyboardInterrupt):
        type("S1", (fakes.S1,), {"process": process})(save_results=True).run(INPUT)
    assert Path("jw001_s1.fits").read_text() == "older"
    assert products(workdir) == ["jw001_s1.fits"]


def test_no_folder_is_made_when_nothing_is_saved(fakes, workdir):
    fakes.S1(output_dir="d", save_results=False).run(INPUT)
    assert not Path("d").exists()


def test_a_file_in_place_of_the_output_folder_is_one_clear_error(fakes, workdir):
    Path("d").write_text("a file")
    with pytest.raises(OutputError, match=r"Cannot write to 'd': .*output_dir"):
        fakes.S1(output_dir="d").run(INPUT)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that nobody can write to")
def test_an_output_folder_that_cannot_be_written_is_one_clear_error(fakes, workdir):
    with pytest.raises(OutputError, match="Cannot write to '/proc"):
        fakes.S1(output_dir="/proc/self").run(INPUT)


def test_a_folder_in_place_of_the_product_is_one_clear_error(fakes, workdir):
    Path("jw001_s1.fits").mkdir()
    with pytest.raises(OutputError, match="a folder of that name"):
        fakes.S1(save_results=True).run(INPUT)


def test_a_symbolic_link_is_written_through(fakes, workdir):
    Path("real").mkdir()
    Path("jw001_s1.fits").symlink_to("real/target.fits")
    fakes.S1(save_results=True).run(INPUT)
    assert Path("jw001_s1.fits").is_symlink()
    assert fakes.read("real/target.fits")["filename"] == "jw001_s1.fits"


def test_file_mode_is_that_of_an_ordinary_new_file(fakes, workdir):
    Path("plain").write_text("")
    fakes.S1(save_results=True).run(INPUT)
    assert Path("jw001_s1.fits").stat().st_mode == Path("plain").stat().st_mode


def test_forbid_stops_before_the_step_runs(fakes, workdir, monkeypatch):
    ran = []
    step = type("S1", (fakes.S1,), {"process": lambda self, init: ran.append(init)})(save_results=True)
    Path("jw001_s1.fits").write_text("older")
    monkeypatch.setenv("STPIPE_OVERWRITE", "forbid")
    with pytest.raises(FileExistsError, match="jw001_s1.fits"):
        step.run(INPUT)
    assert ran == []


def test_forbid_stops_before_writing_names_known_late(fakes, workdir, monkeypatch):
    Path("jw001_1_two.fits").write_text("older")
    monkeypatch.setenv("STPIPE_OVERWRITE", "forbid")
    with pytest.raises(FileExistsError, match="jw001_1_two.fits"):
        fakes.Two(save_results=True).run(INPUT)
    assert Path("jw001_1_two.fits").read_text() == "older"


@pytest.mark.parametrize(("policy", "warned"), [("warn", True), ("allow", False), ("", False)])
def test_overwriting_warns_when_asked_to(fakes, workdir, monkeypatch, caplog, policy, warned):
    Path("jw001_s1.fits").write_text("older")
    monkeypatch.setenv("STPIPE_OVERWRITE", policy)
    fakes.S1(save_results=True).run(INPUT)
    assert ("Overwriting jw001_s1.fits" in caplog.text) is warned
    assert fakes.read("jw001_s1.fits")["value"] == 4.0


def test_an_unknown_policy_is_an_error(fakes, workdir, monkeypatch):
    monkeypatch.setenv("STPIPE_OVERWRITE", "never")
    with pytest.raises(OutputError, match="allow, warn, forbid"):
        fakes.S1(save_results=True).run(INPUT)


def test_overwriting_the_own_input_warns_once(fakes, workdir, caplog):
    Path("jw001_rate.fits").write_text('{"value": 1}')
    fakes.S1(save_results=True, suffix="rate").run("jw001_rate.fits")
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings] == [
        "Overwriting jw001_rate.fits, which is an input of this run."
    ]


def test_overwriting_a_product_of_the_same_run_warns_once(fakes, workdir, caplog):
    pars = {"save_results": True, "suffix": "x"}
    fakes.FakePipeline(steps={"a": pars, "b": pars}).run(INPUT)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == ["Overwriting jw001_x.fits, which this run has already written: two results have the same name."]


def test_a_second_run_overwrites_silently(fakes, workdir, caplog):
    step = fakes.S1(save_results=True)
    step.run(INPUT)
    step.run(INPUT)
    assert not [record for record in caplog.records if record.levelno == logging.WARNING]


def test_a_mission_layer_may_write_in_its_own_way(fakes, workdir):
    def save(self, model, path):
        Path(path).write_text("fast")
        return path

    step = type("S1", (fakes.S1,), {"_save": save, "twice": Param(1, "unused")})(save_results=True)
    step.run(INPUT)
    assert Path("jw001_s1.fits").read_text() == "fast"
