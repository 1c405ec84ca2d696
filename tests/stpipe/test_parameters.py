"""Declaring, converting and checking parameters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stpipe.exceptions import ParameterError, ValidationError
from stpipe.parameters import Param, class_parameters, declared_parameters, validate_mapping
from stpipe.spec import parse_check


class Model:
    """A data model by protocol."""

    crds_observatory = "fake"

    def get_crds_parameters(self) -> dict:
        return {}

    def save(self, path: str) -> str:
        return path


MODEL = Model()

ACCEPTED = [
    ("integer()", 3, 3),
    ("integer()", " 4 ", 4),
    ("integer()", True, 1),
    ("integer()", np.int16(7), 7),
    ("float()", "3", 3.0),
    ("float()", "1e3", 1000.0),
    ("float()", "inf", float("inf")),
    ("float()", 3, 3.0),
    ("float()", np.float32(0.5), 0.5),
    ("boolean()", "TRUE", True),
    ("boolean()", "On", True),
    ("boolean()", "1", True),
    ("boolean()", "yes", True),
    ("boolean()", "no", False),
    ("boolean()", "oFF", False),
    ("boolean()", 0, False),
    ("boolean()", np.bool_(True), True),
    ("string()", "", ""),
    ("string()", Path("a/b"), "a/b"),
    ("option('a', 'b', None)", "b", "b"),
    ("option('a', 'b', None)", "None", "None"),
    ("list()", (1, "x"), [1, "x"]),
    ("int_list()", ["1", 2], [1, 2]),
    ("float_list()", ["1", 2], [1.0, 2.0]),
    ("float_list()", np.array([1.5, 2.0]), [1.5, 2.0]),
    ("bool_list()", ["on", 0], [True, False]),
    ("string_list()", ["a", "b"], ["a", "b"]),
    ("force_list()", "a", ["a"]),
    ("force_list()", ("a", 1), ["a", 1]),
    ("mixed_list('integer', 'string')", ["1", "x"], [1, "x"]),
    ("tuple()", [1, 2], (1, 2)),
    ("ip_addr()", "127.0.0.1", "127.0.0.1"),
    ("ip_addr_list()", ["1.2.3.4"], ["1.2.3.4"]),
    ("pass()", {"any": 1}, {"any": 1}),
    ("is_datamodel()", MODEL, MODEL),
    ("is_string_or_datamodel()", "N/A", "N/A"),
    ("is_string_or_datamodel()", MODEL, MODEL),
    ("integer(0, 5)", 5, 5),
]


@pytest.mark.parametrize(("check", "value", "expected"), ACCEPTED, ids=lambda item: str(item)[:30])
def test_accepted(check, value, expected):
    converted = parse_check(check, name="x").convert(value)
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize("value", [3.0, 3.7, "3.7", "x", "0x10", "", "None", [1]])
def test_integer_rejects(value):
    with pytest.raises(ParameterError, match="is of the wrong type"):
        parse_check("integer()").convert(value)


REJECTED = [
    ("float()", "x", "x", "of the wrong type"),
    ("float()", [1.0], "[1.0]", "of the wrong type"),
    ("boolean()", "t", "t", "of the wrong type"),
    ("boolean()", "maybe", "maybe", "of the wrong type"),
    ("boolean()", 2, "2", "of the wrong type"),
    ("string()", 3, "3", "of the wrong type"),
    ("string()", ["a"], "['a']", "of the wrong type"),
    ("string(min=1)", "", "", "too short"),
    ("string(max=3)", "abcd", "abcd", "too long"),
    ("option('a','b')", "A", "A", "unacceptable"),
    ("option('a','b')", 3, "3", "of the wrong type"),
    ("list()", "abc", "abc", "of the wrong type"),
    ("tuple()", "abc", "abc", "of the wrong type"),
    ("float_list(min=2, max=3)", [1], "[1]", "too short"),
    ("float_list(min=2, max=3)", [1, 2, 3, 4], "[1, 2, 3, 4]", "too long"),
    ("float_list()", ["x", 1], "x", "of the wrong type"),
    ("int_list()", "1", "1", "of the wrong type"),
    ("mixed_list('integer','string')", [1], "[1]", "too short"),
    ("mixed_list('integer','string')", [1, 2], "2", "of the wrong type"),
    ("float(min=0.0)", -1, "-1.0", "too small"),
    ("float(max=10)", "11", "11.0", "too big"),
    ("float(above=0)", 0, "0.0", "too small"),
    ("float(below=1)", 1, "1.0", "too big"),
    ("float(min=0)", "nan", "nan", "too small"),
    ("ip_addr()", "1.2.3.400", "1.2.3.400", "unacceptable"),
    ("is_string_or_datamodel()", 3, "3", "of the wrong type"),
    ("is_datamodel()", "x", "x", "of the wrong type"),
    ("integer(choices=list(1, 2))", 3, "3", "unacceptable"),
]


@pytest.mark.parametrize(("check", "value", "shown", "reason"), REJECTED, ids=lambda item: str(item)[:30])
def test_rejected_with_the_message_of_the_spec(check, value, shown, reason):
    with pytest.raises(ParameterError) as caught:
        parse_check(check, name="par").convert(value)
    assert str(caught.value) == f"Config parameter 'par': the value \"{shown}\" is {reason}."
    assert isinstance(caught.value, ValidationError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("check", [check for check, *_ in ACCEPTED])
def test_none_means_not_set(check):
    assert parse_check(check).convert(None) is None


def test_the_path_of_a_sub_step_is_in_the_message():
    with pytest.raises(ParameterError, match=r"Config parameter 'steps/jump/x': "):
        parse_check("integer()", name="x").convert("q", path="steps/jump/x")


def test_files_belong_to_the_folder_of_the_parameter_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "in.fits").touch()
    given, made = parse_check("input_file()", name="f"), parse_check("output_file()", name="o")
    assert given.convert("in.fits", root_dir=str(tmp_path / "sub")) == str(tmp_path / "sub" / "in.fits")
    with pytest.raises(ParameterError) as caught:
        given.convert("in.fits")
    assert str(caught.value) == f"Config parameter 'f': Path '{tmp_path / 'in.fits'}' does not exist"
    assert made.convert("new/out.fits") == str(tmp_path / "new" / "out.fits")
    assert not (tmp_path / "new").exists()


class Base:
    """Has a spec text."""

    spec = """
    # first
    alpha = integer(default=1)  # one
    beta = float(default=2.0, min=0)
    """
    reference_file_types = ["gain"]


class Derived(Base):
    """Has both forms."""

    spec = """
    gamma = string(default='c')
    beta = float(default=5.0)
    delta = integer(default=1)
    """
    delta = Param(7, "wins over the spec line", ge=0)
    threshold = Param(4.0, "CR rejection threshold", ge=0.0, unit="sigma")
    slits: list[str] | None = Param(None, "slits to extract")
    boxes = Param([1, 2], "sizes")


def test_merged_base_first_and_replaced_in_place():
    params = declared_parameters(Derived)
    names = ["alpha", "beta", "gamma", "delta", "threshold", "slits", "boxes", "override_gain"]
    assert list(params) == names
    assert params["beta"].default == 5.0
    assert params["delta"] is Derived.delta
    assert list(class_parameters(Derived)) == ["gamma", "beta", "delta", "threshold", "slits", "boxes"]
    assert params["override_gain"].doc == "Override the gain reference file"
    assert declared_parameters(Derived) is params


def test_on_an_instance_the_value_on_the_class_the_declaration():
    one, two = Derived(), Derived()
    assert isinstance(Derived.threshold, Param)
    assert one.threshold == 4.0
    one.boxes.append(3)
    assert two.boxes == [1, 2]
    one.threshold = 9.0
    assert (one.threshold, two.threshold) == (9.0, 4.0)


def test_types_from_annotation_argument_or_default():
    params = declared_parameters(Derived)
    assert params["slits"].type == list[str]
    assert params["slits"].optional
    assert params["boxes"].type == list[int]
    assert params["threshold"].type is float
    assert declared_parameters(type("T", (), {"x": Param(None, type=int)}))["x"].type is int


def test_wrong_declarations():
    with pytest.raises(TypeError, match="'x'.*annotation or type="):
        class_parameters(type("T", (), {"x": Param(None)}))
    with pytest.raises(TypeError, match="not supported"):
        class_parameters(type("T", (), {"x": Param(3j)}))
    with pytest.raises(ParameterError, match="too small"):
        class_parameters(type("T", (), {"x": Param(-1, ge=0)}))
    with pytest.raises(ValueError, match="kind"):
        Param(None, kind="file")
    with pytest.raises(ValueError, match="'not good' is not an identifier"):
        declared_parameters(type("T", (), {"reference_file_types": ["not good"]}))


def test_a_step_class_is_checked_when_it_is_made(fakes):
    with pytest.raises(TypeError, match="annotation or type="):
        type("Bad", (fakes.Step,), {"x": Param(None)})


def test_a_plain_value_that_hides_a_parameter_is_warned_of():
    with pytest.warns(UserWarning, match=r"threshold = 3.0 has no effect.*Param\(3.0"):
        class_parameters(type("Sub", (Derived,), {"threshold": 3.0}))


def test_spec_file_beside_the_source(tmp_path, monkeypatch):
    (tmp_path / "mod_with_spec.py").write_text("class Filed:\n    pass\n")
    (tmp_path / "Filed.spec").write_text("width = integer(default=3)  # from the file\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("mod_with_spec")
    assert declared_parameters(module.Filed)["width"].doc == "from the file"


def test_every_problem_at_once_with_near_names():
    params = declared_parameters(Derived)
    with pytest.raises(ParameterError) as caught:
        validate_mapping({"alpha": "x", "threshhold": 1, "zzz": 2, "beta": 3}, params, section="steps/jump")
    assert str(caught.value).splitlines() == [
        "Config parameter 'steps/jump/alpha': the value \"x\" is of the wrong type.",
        "Extra value 'threshhold' in steps/jump (did you mean 'threshold'?)",
        "Extra value 'zzz' in steps/jump",
    ]
    assert validate_mapping({"beta": "3", "zzz": 2}, params, ignore_unknown=True) == {"beta": 3.0}


@given(st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.text(), st.none()))
def test_converting_twice_changes_nothing(value):
    for check in ("integer()", "float()", "boolean()", "string()", "force_list()"):
        param = parse_check(check, name="x")
        try:
            once = param.convert(value)
        except ParameterError:
            continue
        assert param.convert(once) == once


def test_importing_parameters_is_cheap():
    heavy = "('numpy', 'configobj', 'asdf', 'yaml')"
    code = f"import sys, stpipe.parameters, stpipe.resolve; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
