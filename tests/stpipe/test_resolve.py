"""Layers of parameters: precedence, sources, strictness."""

from __future__ import annotations

import collections
import itertools
import logging
import os

import pytest
from configobj import ConfigObj

from stpipe.allowed import allowed_values
from stpipe.command_values import parse_value
from stpipe.exceptions import ParameterError, ValidationError
from stpipe.parameters import Param
from stpipe.resolve import Layer, merge_layers, resolve_call, resolve_cmdline, resolve_file

CRDS: dict[str, dict] = {}
ASKED: list[object] = []


class FakeStep:
    """What `resolve` needs of a step; parameters from the reference service are in ``CRDS``."""

    class_alias: str | None = None
    step_defs: dict = {}

    @classmethod
    def get_config_reftype(cls):
        return f"pars-{cls.__name__.lower()}"

    @classmethod
    def get_config_from_reference(cls, dataset, disable=None):
        if disable:
            return ConfigObj()
        ASKED.append(cls)
        if isinstance(dataset, Exception):
            raise dataset
        config = ConfigObj(CRDS.get(cls.get_config_reftype(), {}))
        config.filename = f"/cache/{cls.get_config_reftype()}.asdf"
        return config


class Jump(FakeStep):
    class_alias = "jump"
    threshold = Param(4.0, "", ge=0)
    boxes = Param([1, 2])
    label = Param(None, type=str)


class Ramp(FakeStep):
    class_alias = "ramp_fit"
    algorithm = Param("ols", choices=["ols", "gls"])
    count: int | None = Param(3)


class Detector(FakeStep):
    class_alias = "det1"
    step_defs = {"jump": Jump, "ramp_fit": Ramp}
    save = Param(False)
    out = Param(None, kind="output_file")


class Outer(FakeStep):
    step_defs = {"detector": Detector}


class Needing(FakeStep):
    need = Param(None, type=int, required=True)


@pytest.fixture(autouse=True)
def _clean(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    CRDS.clear()
    ASKED.clear()


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


LEVELS = ["crds sub-step", "crds pipeline", "file of sub-step", "main file", "keyword file", "keyword"]


@pytest.mark.parametrize("present", [set(c) for n in range(7) for c in itertools.combinations(LEVELS, n)], ids=sorted)
def test_the_highest_layer_present_wins(present, tmp_path):
    value = {level: 10.0 + rank for rank, level in enumerate(LEVELS)}
    expected = dict.fromkeys(LEVELS, f"file:{tmp_path}/cfg/sub.yaml") | {
        "crds sub-step": "crds:pars-jump.asdf",
        "crds pipeline": "crds:pars-detector.asdf",
        "main file": f"file:{tmp_path}/cfg/main.yaml",
        "keyword file": f"file:{tmp_path}/kw.yaml",
        "keyword": "keyword",
    }
    kwargs, step = {}, {}
    if "crds sub-step" in present:
        CRDS["pars-jump"] = {"threshold": value["crds sub-step"]}
    if "crds pipeline" in present:
        CRDS["pars-detector"] = {"steps": {"jump": {"threshold": value["crds pipeline"]}}}
    main = []
    if "file of sub-step" in present:
        write(tmp_path / "cfg" / "sub.yaml", f"parameters: {{threshold: {value['file of sub-step']}}}\n")
        main.append("config_file: sub.yaml")
    if "main file" in present:
        main.append(f"threshold: {value['main file']}")
    if main:
        kwargs["config_file"] = write(tmp_path / "cfg" / "main.yaml", f"steps: {{jump: {{{', '.join(main)}}}}}\n")
    if "keyword file" in present:
        step["config_file"] = write(tmp_path / "kw.yaml", f"parameters: {{threshold: {value['keyword file']}}}\n")
    if "keyword" in present:
        step["threshold"] = value["keyword"]
    resolved = resolve_call(Detector, ("data",), {**kwargs, "steps": {"jump": step}})
    best = max(present, key=LEVELS.index, default=None)
    assert resolved.values["steps"]["jump"]["threshold"] == (value[best] if best else 4.0)
    assert resolved.sources["steps"]["jump"]["threshold"] == (expected[best] if best else "default")
    if "keyword file" not in present:
        options = {"steps.jump.threshold": str(value["keyword"])} if "keyword" in present else {}
        line = resolve_cmdline(Detector, options, dataset="data", config_file=kwargs.get("config_file"))
        assert line.values == resolved.values
        assert line.sources["steps"]["jump"]["threshold"] == (
            "command line" if options else expected.get(best, "default")
        )


def test_everything_has_a_value_and_a_source_of_the_same_shape():
    resolved = merge_layers(Detector, [Layer("keyword", {"save": "yes", "steps": {"jump": {"boxes": (5,)}}})])
    assert resolved.values == {
        "save": True,
        "out": None,
        "steps": {
            "jump": {"threshold": 4.0, "boxes": [5], "label": None},
            "ramp_fit": {"algorithm": "ols", "count": 3},
        },
    }
    assert resolved.sources["save"] == "keyword"
    assert resolved.sources["steps"]["jump"] == {"threshold": "default", "boxes": "keyword", "label": "default"}
    assert merge_layers(Detector, []).values["steps"]["jump"]["boxes"] is not Jump.boxes.default


def test_all_problems_of_the_user_in_one_error():
    values = {"sav": 1, "steps": {"jmp": {}, "jump": {"thresh": 1, "boxes": "x"}, "ramp_fit": 3}}
    with pytest.raises(ParameterError) as caught:
        merge_layers(Detector, [Layer("keyword", values)])
    assert set(str(caught.value).splitlines()) == {
        "Extra value 'sav' in root (did you mean 'save'?)",
        "Extra value 'jmp' in steps (did you mean 'jump'?)",
        "Extra value 'thresh' in steps/jump (did you mean 'threshold'?)",
        "Config parameter 'steps/ramp_fit': Section 'ramp_fit' was provided as a single value",
        "Config parameter 'steps/jump/boxes': the value \"x\" is of the wrong type.",
        f"    allowed: {allowed_values(Jump.boxes)}",
    }


def test_a_step_has_no_sub_steps():
    assert merge_layers(Jump, [Layer("keyword", {"steps": {}})]).values["threshold"] == 4.0
    with pytest.raises(ParameterError, match="Extra value 'steps' in root"):
        merge_layers(Jump, [Layer("keyword", {"steps": {"a": {}}})])


def test_unknown_names_in_references_are_warned_of_and_ignored(caplog):
    CRDS["pars-detector"] = {"zork": 1, "steps": {"old_step": {"x": 1}, "jump": {"gone": 2, "threshold": 7}}}
    resolved = resolve_call(Detector, ("data",), {})
    assert resolved.values["steps"]["jump"]["threshold"] == 7.0
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3
    for text in ("'zork' in root", "'old_step' in steps", "'gone' in steps/jump"):
        assert f"crds:pars-detector.asdf: Extra value {text}" in caplog.text


def test_a_bad_value_names_its_file_and_only_if_it_wins(tmp_path):
    path = write(tmp_path / "p.yaml", "parameters: {threshold: -1}\n")
    with pytest.raises(ParameterError, match=rf"'threshold': the value \"-1.0\" is too small. \(file:{path}\)"):
        resolve_call(Jump, (), {"config_file": path})
    assert resolve_call(Jump, (), {"config_file": path, "threshold": 2}).values["threshold"] == 2.0


def test_required_parameters():
    with pytest.raises(ParameterError, match="^Config parameter 'need': missing$"):
        merge_layers(Needing, [])
    assert merge_layers(Needing, [], check_required=False).values == {"need": None}
    assert merge_layers(Needing, [Layer("keyword", {"need": "4"})]).values == {"need": 4}


def test_any_kind_of_dict_for_steps():
    steps = collections.defaultdict(dict)
    steps["jump"]["threshold"] = 9
    steps["ramp_fit"] = None
    assert resolve_call(Detector, (), {"steps": steps}).values["steps"]["jump"]["threshold"] == 9.0
    assert resolve_call(Detector, (), {"jump": {"threshold": 8}}).values["steps"]["jump"]["threshold"] == 8.0


def test_a_sub_step_file_of_another_step(tmp_path):
    path = write(tmp_path / "p.yaml", "class: pkg.Jump\nname: other\nparameters: {}\n")
    with pytest.raises(ValueError, match="does not match step name in the 'steps' argument.*'other', not 'jump'"):
        resolve_call(Detector, (), {"steps": {"jump": {"config_file": path}}})
    with pytest.raises(ValueError, match="does not match step name"):
        resolve_call(Detector, (), {"jump": {"config_file": path}})


def test_file_names_belong_to_the_folder_of_their_file(tmp_path):
    path = write(tmp_path / "cfg" / "p.yaml", "parameters: {out: sub/o.fits}\n")
    assert resolve_call(Detector, (), {"config_file": path}).values["out"] == str(tmp_path / "cfg" / "sub" / "o.fits")
    assert resolve_call(Detector, (), {"out": "o.fits"}).values["out"] == str(tmp_path / "o.fits")


def test_pipelines_in_pipelines(tmp_path):
    CRDS["pars-jump"] = {"threshold": 5}
    file = write(tmp_path / "j.yaml", "parameters: {label: x}\n")
    given = {"steps": {"detector": {"save": True, "steps": {"jump": {"config_file": file}}}}}
    resolved = resolve_call(Outer, ("data",), given)
    jump = resolved.values["steps"]["detector"]["steps"]["jump"]
    assert (jump["threshold"], jump["label"]) == (5.0, "x")
    assert resolved.sources["steps"]["detector"]["steps"]["jump"]["label"] == f"file:{file}"
    with pytest.raises(ParameterError, match="'steps/detector/steps/jump/threshold'"):
        resolve_call(Outer, (), {"steps": {"detector": {"steps": {"jump": {"threshold": "x"}}}}})


def test_the_name_of_the_step(tmp_path):
    CRDS["pars-jump"] = {"name": "jump", "class": "pkg.Jump"}
    path = write(tmp_path / "p.yaml", "class: pkg.Jump\nname: mine\nparameters: {}\n")
    assert resolve_call(Jump, ("data",), {}).name == "jump"
    resolved = resolve_call(Jump, ("data",), {"config_file": path})
    assert (resolved.name, resolved.config_file) == ("mine", path)
    assert resolve_call(Jump, (), {}).name is None
    assert resolve_file(Jump, path).name == "mine"


def test_references_are_asked_only_with_an_input(caplog):
    caplog.set_level(logging.INFO)
    resolve_call(Detector, (), {})
    assert "No filename given" in caplog.text
    assert not ASKED
    resolve_call(Detector, ("data",), {})
    assert list(ASKED) == [Jump, Ramp, Detector]
    ASKED.clear()
    resolve_cmdline(Detector, {}, dataset="data", disable_crds=True)
    assert not ASKED


@pytest.mark.parametrize("error", [OSError("x"), TypeError("x"), ValueError("x")])
def test_an_input_that_cannot_be_used_is_warned_of(error, caplog):
    assert resolve_call(Detector, (error,), {"save": True}).values["save"] is True
    assert [record.getMessage() for record in caplog.records] == [
        "Input dataset is not an instance of AbstractDataModel."
    ]


def test_other_errors_of_the_lookup_go_through():
    with pytest.raises(ZeroDivisionError):
        resolve_call(Detector, (ZeroDivisionError(),), {})


def test_all_references_are_asked_for_in_one_go(tmp_path):
    path = write(tmp_path / "jump_ref.asdf", "class: pkg.Jump\nname: jump\nparameters: {threshold: 6.0}\n")
    asked = []

    class Batched(Detector):
        @classmethod
        def _parameter_reference_paths(cls, dataset, reftypes, disable=None):
            asked.append((dataset, tuple(reftypes), disable))
            return {"pars-jump": path}

    resolved = resolve_call(Batched, ("data",), {})
    assert asked == [("data", ("pars-batched", "pars-jump", "pars-ramp"), None)]
    assert not ASKED
    assert resolved.sources["steps"]["jump"]["threshold"] == "crds:jump_ref.asdf"

    os.remove(path)
    with pytest.raises(ValidationError, match="jump_ref.asdf not found"):
        resolve_call(Batched, ("data",), {})
    asked.pop()

    class Patched(Batched):
        @classmethod
        def get_config_from_reference(cls, dataset, disable=None):
            return ConfigObj({"save": "true"})

    Patched.get_config_from_reference.__func__.__module__ = "elsewhere"
    assert resolve_call(Patched, ("data",), {}).values["save"] is True
    assert len(asked) == 1


def test_the_command_line_looks_for_the_input_in_input_dir(monkeypatch):
    seen = []
    monkeypatch.setattr(
        Jump, "get_config_from_reference", classmethod(lambda cls, data, disable=None: seen.append(data))
    )
    monkeypatch.setattr(Jump, "input_dir", Param(None, type=str).settle(), raising=False)
    resolve_cmdline(Jump, {"threshold": "3"}, dataset="x.fits")
    assert seen == ["x.fits"]
    with pytest.raises(ParameterError, match="Extra value 'input_dri' in root"):
        resolve_cmdline(Jump, {"input_dri": "in"}, dataset="x.fits")


def test_unknown_options_of_sub_steps():
    with pytest.raises(ParameterError, match=r"Extra value 'jmp' in steps \(did you mean 'jump'\?\)"):
        resolve_cmdline(Detector, {"steps.jmp.threshold": "3"})


PLAIN = Jump.threshold
VALUES = [
    ("1,2", Jump.boxes, ["1", "2"]),
    ("a,", Jump.boxes, ["a"]),
    (",", Jump.boxes, []),
    ("[1,2]", Jump.boxes, ["1", "2"]),
    ("[]", Jump.boxes, []),
    ('"a,b",c', Jump.boxes, ["a,b", "c"]),
    ("1, 2", Jump.boxes, ["1", "2"]),
    ('"a,b"', Jump.label, "a,b"),
    ("a,b", Jump.label, "a,b"),
    ("", Jump.label, ""),
    ("x # why", Jump.label, "x"),
    ("x#y", Jump.label, "x#y"),
    ("it's", Jump.label, "it's"),
    ("None", Jump.label, None),
    ("None", Ramp.count, None),
    ("None", Ramp.algorithm, "None"),
    ("None", PLAIN, "None"),
    ("5", PLAIN, "5"),
    ("a,b", None, ["a", "b"]),
    ("a b", None, "a b"),
]


@pytest.mark.parametrize(("text", "param", "value"), VALUES)
def test_values_of_the_command_line(text, param, value):
    Jump.label.settle()
    Ramp.count.settle(type=int | None)
    assert parse_value(text, param) == value


def test_speed_of_a_pipeline_of_25_steps():
    import time

    step = type("Step", (FakeStep,), {f"par{index}": Param(float(index)) for index in range(20)})
    many = type("Many", (FakeStep,), {"step_defs": {f"s{index}": step for index in range(25)}})
    layers = [Layer("keyword", {"steps": {"s3": {"par4": 5}}})]
    best = min(_timed(merge_layers, many, layers, clock=time.perf_counter) for _ in range(5))
    assert best < 0.02, os.getloadavg()


def _timed(function, *args, clock):
    start = clock()
    function(*args)
    return clock() - start


@pytest.mark.parametrize(
    ("text", "value"),
    [("a # b", "a"), ("'a # b'", "a # b"), ('"a # b" # c', "a # b"), ("a#b", "a#b"), ("it's # b", "it's")],
)
def test_comments_end_values_outside_of_quotes(text, value):
    from stpipe.command_values import parse_value

    assert parse_value(text) == value
