"""Statements of the specification: declaring, converting and naming parameters (spec framework.md §2.1-2.4)."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from configobj import ConfigObj

from stpipe import Param, Step
from stpipe.exceptions import ParameterError
from stpipe.parameters import class_parameters, declared_parameters
from stpipe.spec import parse_check, parse_spec, spec_text


class Mixed:
    """Both forms; the class after it declares anew and adds."""

    spec = """
    # a comment, then a line that stays
    alpha = integer(default=1)  # one
    beta = float(default=2.0)   # two
    """
    gamma = Param("c", "three")


class Later(Mixed):
    spec = """
    delta = list(default=list(a, 'b,c'))
    alpha = float(default=1.5)  # again
    """


def failure(check, value, **options):
    with pytest.raises(ParameterError) as caught:
        parse_check(check, name="NAME").convert(value, **options)
    return str(caught.value)


class TestDeclaring:
    def test_a_derived_line_replaces_in_place(self):
        assert list(declared_parameters(Later)) == ["alpha", "beta", "gamma", "delta"]
        assert declared_parameters(Later)["alpha"].check == "float(default=1.5)"
        assert declared_parameters(Later)["alpha"].doc == "again"
        assert list(class_parameters(Later)) == ["delta", "alpha"]

    def test_list_values_are_not_taken_apart(self):
        assert declared_parameters(Later)["delta"].default == ["a", "b,c"]
        spec = ConfigObj(spec_text(declared_parameters(Later)).splitlines(), list_values=False, interpolation=False)
        assert spec["delta"] == "list(default=list(a, 'b,c'))"

    def test_a_comment_line_declares_nothing(self):
        assert "comment" not in spec_text(declared_parameters(Mixed))

    def test_every_argument_of_param(self):
        class All:
            number = Param(4.0, "a number", ge=0, gt=-1, le=9, lt=10, unit="sigma")
            text = Param("ab", "a text", min_length=1, max_length=3)
            chosen = Param("a", choices={"a": "first", "b": "second"})
            listed = Param("a", choices=["a", "b"])
            needed = Param(None, "has to be given", type=int, required=True)
            typed = Param(None, type=float)
            noted: int | None = Param(3)

        params = declared_parameters(All)
        number = params["number"]
        assert (number.ge, number.gt, number.le, number.lt, number.unit) == (0, -1, 9, 10, "sigma")
        assert (params["text"].min_length, params["text"].max_length) == (1, 3)
        assert params["chosen"].choices == params["listed"].choices == ("a", "b")
        assert params["chosen"].choice_help == {"a": "first", "b": "second"}
        assert params["needed"].required
        assert (params["needed"].type, params["typed"].type, params["noted"].type) == (int, float, int)

    @pytest.mark.parametrize(
        ("bound", "bad", "reason"),
        [
            ({"ge": 1}, 0, "small"), ({"gt": 0}, 0, "small"), ({"le": 9}, 10, "big"), ({"lt": 10}, 10, "big"),
        ],
    )  # fmt: skip
    def test_bounds(self, bound, bad, reason):
        cls = type("Bound", (), {"NAME": Param(5, **bound)})
        with pytest.raises(ParameterError, match=f"is too {reason}"):
            declared_parameters(cls)["NAME"].convert(bad)

    @pytest.mark.parametrize(
        "declared",
        [int, float, bool, str, list, tuple, list[int], list[float], list[bool], list[str], int | None, list | None],
        ids=str,
    )
    def test_types_that_are_supported(self, declared):
        params = declared_parameters(type("T", (), {"x": Param(None, type=declared)}))
        assert params["x"].type == (declared if "None" not in str(declared) else declared.__args__[0])
        assert params["x"].optional

    @pytest.mark.parametrize("kind", ["input_file", "output_file", "datamodel", "string_or_datamodel"])
    def test_kinds(self, kind):
        check = declared_parameters(type("T", (), {"x": Param(None, kind=kind)}))["x"].check_name
        assert check == {"datamodel": "is_datamodel", "string_or_datamodel": "is_string_or_datamodel"}.get(kind, kind)

    def test_the_annotation_wins_over_type_and_default(self):
        class Noted:
            x: float = Param(3, type=int)

        assert declared_parameters(Noted)["x"].type is float
        assert declared_parameters(Noted)["x"].default == 3.0

    def test_a_none_default_without_a_type_is_an_error_at_class_creation(self):
        with pytest.raises(TypeError, match="annotation or type="):
            type("Bad", (Step,), {"x": Param(None)})


class TestSpecOfAClass:
    def test_values_are_check_texts_with_inline_comments(self, fakes):
        spec = fakes.FakeStep.load_spec_file()
        assert isinstance(spec, ConfigObj)
        assert spec["par"] == "integer(default=3, min=0, max=100)"
        assert spec.inline_comments["par"] == "# what to add"

    def test_printing_writes_it_to_the_binary_buffer(self, fakes, monkeypatch):
        buffer = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=buffer))
        fakes.FakePipeline.print_configspec()
        printed = ConfigObj(buffer.getvalue().decode().splitlines(), interpolation=False, list_values=False)
        assert printed["steps"]["a"]["par"] == '"integer(default=3, min=0, max=100)"'  # as the released framework
        assert ConfigObj(buffer.getvalue().decode().splitlines(), interpolation=False) == (
            fakes.FakePipeline.load_spec_file()
        )

    def test_what_is_printed_compiles_to_equal_parameters(self, fakes):
        class Odd(fakes.FakeStep):
            pair = Param([1, 2], "two, numbers")
            quoted = Param("it's", "a text")
            both = Param('a "b", it\'s'.replace("'", "`"), choices=['a "b", it`s', "c"])

        lines = Odd.load_spec_file().write()
        assert parse_spec("\n".join(lines), where="here") == declared_parameters(Odd)

    def test_declared_parameters_is_one_mapping_for_both_forms(self, fakes):
        class Both(fakes.FakeStep):
            spec = "old = integer(default=1)  # of the text"
            new = Param(2, "of the class")

        declared = Both.declared_parameters()
        assert list(declared)[-2:] == ["old", "new"]
        assert all(isinstance(param, Param) for param in declared.values())
        assert (Both().old, Both().new) == (1, 2)

    def test_a_param_wins_over_a_spec_line_of_its_class(self, fakes):
        class Both(fakes.FakeStep):
            spec = "limit = integer(default=1)"
            limit = Param(2.5, "wins")

        assert Both().limit == 2.5
        assert Both.load_spec_file()["limit"] == "float(default=2.5)"


CONVERTED = [
    ("integer()", [(3, 3), ("3", 3), (" 4 ", 4), (True, True), ("-5", -5)]),
    ("float()", [("3", 3.0), ("1e3", 1000.0), ("inf", np.inf), (3, 3), (" 2.5 ", 2.5)]),
    ("boolean()", [(text, True) for text in ("true", "on", "1", "yes", "TRUE", "On", "YeS")]),
    ("boolean()", [(text, False) for text in ("false", "off", "0", "no", "FALSE", "Off", "nO")]),
    ("boolean()", [(True, True), (False, False), (1, 1), (0, 0)]),
    ("string(min=0, max=3)", [("", ""), ("abc", "abc")]),
    ("option('a','b',None)", [("a", "a"), ("None", "None")]),
    ("list()", [([1, "x"], [1, "x"]), ((1,), [1])]),
    ("int_list()", [(["1", 2], [1, 2]), ((3,), [3])]),
    ("float_list()", [(["1", 2], [1.0, 2])]),
    ("string_list()", [(("a",), ["a"])]),
    ("bool_list()", [(["on", False], [True, False])]),
    ("force_list()", [("a", ["a"]), (3, [3]), (["a"], ["a"])]),
    ("mixed_list('integer','string')", [(("1", "x"), [1, "x"])]),
    ("tuple()", [([1, 2], (1, 2)), ((1,), (1,))]),
    ("ip_addr()", [("1.2.3.4", "1.2.3.4")]),
    ("ip_addr_list()", [(["1.2.3.4"], ["1.2.3.4"])]),
    ("pass()", [(3, 3), ("x", "x")]),
    ("is_string_or_datamodel()", [("x", "x")]),
]
NATIVE = [
    ("integer()", np.int16(7), int), ("float()", np.float32(0.5), float), ("float()", 3, float),
    ("integer()", True, int), ("boolean()", np.bool_(True), bool), ("boolean()", 1, bool),
    ("string()", Path("a/b"), str), ("is_string_or_datamodel()", Path("x.fits"), str),
    ("float_list()", np.array([1.0, 2.0]), list), ("output_file()", Path("x.fits"), str),
]  # fmt: skip
REFUSED = [
    ("integer()", [3.0, 3.7, "3.7", "x", "0x10", "", "None"]),
    ("float()", ["x", [1.0], "", "None"]),
    ("boolean()", ["t", "f", "y", "n", "maybe", 2, " true "]),
    ("string()", [3, ["a"], True]),
    ("option('a','b',None)", ["A", "c", 3]),
    ("list()", ["a", "", 3]),
    ("int_list()", ["1,2", [1.5], ["x"]]),
    ("float_list(min=2, max=3)", ["1", ["x", "y"], [1], [1, 2, 3, 4]]),
    ("string_list()", ["a", [1]]),
    ("bool_list()", ["true", ["maybe"]]),
    ("mixed_list('integer','string')", [[1], [1, "x", 3], [1, 2]]),
    ("tuple()", ["a", 3]),
    ("ip_addr()", ["1.2.3.400", "x", 3]),
    ("is_datamodel()", ["x", 3]),
    ("is_string_or_datamodel()", [3, 2.5]),
]


class TestChecks:
    @pytest.mark.parametrize(("check", "pairs"), CONVERTED, ids=lambda item: item if isinstance(item, str) else "")
    def test_accepted_by_the_table(self, check, pairs):
        for value, expected in pairs:
            assert parse_check(check).convert(value) == expected, value

    def test_nan_is_a_float(self):
        assert np.isnan(parse_check("float()").convert("nan"))

    @pytest.mark.parametrize(("check", "values"), REFUSED, ids=lambda item: item if isinstance(item, str) else "")
    def test_refused_by_the_table(self, check, values):
        for value in values:
            failure(check, value)

    @pytest.mark.parametrize(("check", "value", "kind"), NATIVE)
    def test_the_result_has_the_declared_type(self, check, value, kind, workdir):
        assert type(parse_check(check).convert(value)) is kind

    def test_models_count_by_their_members(self, fakes):
        model = fakes.FakeModel()
        for check in ("is_datamodel()", "is_string_or_datamodel()"):
            assert parse_check(check).convert(model) is model
        failure("is_datamodel()", SimpleNamespace(save=1))

    def test_files_are_absolute_and_belong_to_the_current_folder(self, workdir):
        (workdir / "in.fits").touch()
        assert parse_check("input_file()").convert("in.fits") == str(workdir / "in.fits")
        assert parse_check("output_file()").convert("new/out.fits") == str(workdir / "new/out.fits")
        assert not (workdir / "new").exists()

    def test_files_in_a_parameter_file_belong_to_its_folder(self, fakes, workdir):
        class Files(fakes.FakeStep):
            given = Param(None, kind="input_file")

        (workdir / "sub").mkdir()
        (workdir / "sub/in.fits").touch()
        (workdir / "sub/pars.cfg").write_text("given = in.fits\noutput_file = out.fits\n")
        for step in (Files.from_config_file("sub/pars.cfg"), Files.configured(config_file="sub/pars.cfg")):
            assert step.given == str(workdir / "sub/in.fits")
            assert step.output_file == str(workdir / "sub/out.fits")
        with pytest.raises(ParameterError, match=r"Path '.*in.fits' does not exist"):
            Files.configured(given="in.fits")


class TestMessages:
    @pytest.mark.parametrize(
        ("check", "value", "text"),
        [
            ("float()", "x", 'the value "x" is of the wrong type.'),
            ("option('a')", "b", 'the value "b" is unacceptable.'),
            ("float(min=0)", -1, 'the value "-1.0" is too small.'),
            ("integer(max=3)", 4, 'the value "4" is too big.'),
            ("string(min=2)", "a", 'the value "a" is too short.'),
            ("list(max=1)", [1, 2], 'the value "[1, 2]" is too long.'),
            ("input_file()", "/nope/x.fits", "Path '/nope/x.fits' does not exist"),
        ],
    )
    def test_text(self, check, value, text):
        assert failure(check, value) == f"Config parameter 'NAME': {text}"

    def test_name_in_a_pipeline(self, fakes):
        with pytest.raises(ParameterError, match=r"^Config parameter 'steps/a/par': the value \"-1\" is too small\."):
            fakes.FakePipeline(steps={"a": {"par": -1}})

    def test_one_line_per_unknown_key_with_near_names(self, fakes):
        with pytest.raises(ParameterError) as caught:
            fakes.FakePipeline(xyz=1, sufix="q", steps={"aa": {}, "a": {"pra": 1, "qqqq": 2}})
        assert {line for line in str(caught.value).splitlines() if "Extra" in line} == {
            "Extra value 'xyz' in root",
            "Extra value 'sufix' in root (did you mean 'suffix'?)",
            "Extra value 'aa' in steps (did you mean 'a'?)",
            "Extra value 'pra' in steps/a (did you mean 'par'?)",
            "Extra value 'qqqq' in steps/a",
        }

    def test_missing(self, fakes):
        class Needs(fakes.FakeStep):
            spec = "needed = integer()"

        with pytest.raises(ParameterError, match="^Config parameter 'needed': missing$"):
            Needs()
        assert Needs(needed=3).needed == 3


BUILT_IN = {
    "pre_hooks": "list(default=list())",
    "post_hooks": "list(default=list())",
    "output_file": "output_file(default=None)",
    "output_dir": "string(default=None)",
    "output_ext": "string()",
    "output_use_model": "boolean(default=False)",
    "output_use_index": "boolean(default=True)",
    "save_results": "boolean(default=False)",
    "skip": "boolean(default=False)",
    "suffix": "string(default=None)",
    "search_output_file": "boolean(default=True)",
    "input_dir": "string(default=None)",
}


class TestBuiltIn:
    def test_names_checks_and_order(self):
        assert list(Step.load_spec_file().items()) == list(BUILT_IN.items())

    def test_overrides_are_appended(self, fakes):
        class Refs(fakes.FakeStep):
            reference_file_types = ["dark", "gain"]

        spec = Refs.load_spec_file()
        assert list(spec)[-2:] == ["override_dark", "override_gain"]
        assert spec["override_dark"] == "is_string_or_datamodel(default=None)"
        assert spec.inline_comments["override_gain"] == "# Override the gain reference file"
        assert Refs().override_dark is None

    def test_a_reference_type_has_to_be_an_identifier(self, fakes):
        with pytest.raises(ValueError, match="'not-good'"):
            type("Refs", (fakes.FakeStep,), {"reference_file_types": ["not-good"]})()

    def test_sections_of_sub_steps(self, fakes):
        spec = fakes.FakePipeline.load_spec_file()
        assert list(spec)[-1] == "steps"
        assert list(spec["steps"]) == ["a", "b"]
        own = list(fakes.S1.load_spec_file())
        assert list(spec["steps"]["a"]) == [*own, "config_file", "name", "class"]
        assert all(spec["steps"]["a"][name].startswith("string(") for name in ("config_file", "name", "class"))
