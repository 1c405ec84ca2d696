"""Statements of the specification: the functions of `config_parser` (spec framework.md §2.6)."""

from __future__ import annotations

import collections

import pytest
from configobj import ConfigObj, Section

from stpipe import Step, config_parser
from stpipe.config_file import StepConfig, write_parameter_file
from stpipe.exceptions import ParameterError, ValidationError

INI = "# head\nname = det\nclass = pkg.Det\nsave = true # why\nboxes = 1, 2\n[steps]\n[[jump]]\nlimit = 3\n"


@pytest.fixture(autouse=True)
def quiet(workdir):
    """Run in an empty folder."""


@pytest.fixture
def spec():
    lines = ["a = integer(default=3) # x", "b = float()", "[sub]", "c = string(default='q')"]
    return ConfigObj(lines, list_values=False, interpolation=False)


class TestLoading:
    def test_a_missing_file(self):
        with pytest.raises(ValueError, match=r"^Config file nope.asdf not found\.$"):
            config_parser.load_config_file("nope.asdf")

    @pytest.mark.parametrize("name", ["p.asdf", "p.cfg", "p"])
    def test_asdf_by_its_content_under_any_name(self, name):
        jump = StepConfig("pkg.Jump", "jump", {"limit": 3.0})
        write_parameter_file(name, StepConfig("pkg.Det", "det", {"save": True}, [jump]))
        config = config_parser.load_config_file(name)
        assert isinstance(config, ConfigObj)
        assert isinstance(config["steps"]["jump"], Section)
        assert config.dict() == {
            "class": "pkg.Det", "name": "det", "save": True,
            "steps": {"jump": {"class": "pkg.Jump", "name": "jump", "limit": 3.0}},
        }  # fmt: skip
        assert config.filename is None  # or .write() would put INI text into it

    @pytest.mark.parametrize("name", ["p.cfg", "p.asdf", "p"])
    def test_ini_as_it_is_under_any_name(self, workdir, name):
        (workdir / name).write_text(INI)
        config = config_parser.load_config_file(name)
        assert list(config) == ["name", "class", "save", "boxes", "steps"]
        assert config.dict() == {
            "name": "det", "class": "pkg.Det", "save": "true", "boxes": ["1", "2"], "steps": {"jump": {"limit": "3"}},
        }  # fmt: skip
        assert (config.initial_comment, config.inline_comments["save"]) == (["# head"], "# why")
        assert config.filename == name

    @pytest.mark.parametrize(
        ("name", "text"), [("p.cfg", "no equals sign\n[[x]\n"), ("p.asdf", "#ASDF 1.0.0\nclass: [")]
    )
    def test_a_file_that_is_neither(self, workdir, name, text):
        (workdir / name).write_text(text)
        with pytest.raises(ValidationError, match=rf"{name}'.* (cannot be read|truncated)"):
            config_parser.load_config_file(name)

    def test_the_key_of_a_section_counts_whatever_name_is_in_it(self, workdir, fakes):
        (workdir / "p.cfg").write_text("[steps]\n[[a]]\nname = other\npar = 5\n")
        legacy = "parameters:\n  steps:\n    a: {name: other, par: 5}\n"
        (workdir / "p.asdf").write_text(f"#ASDF 1.0.0\n%YAML 1.1\n---\n{legacy}...\n")
        for name in ("p.cfg", "p.asdf"):
            pipeline = fakes.FakePipeline.from_config_file(name)
            assert (pipeline.a.name, pipeline.a.par) == ("a", 5)


class TestMerging:
    def test_values_and_comments_of_the_new_one_win(self):
        into = ConfigObj(["a = 1 # old", "keep = 2 # kept", "[s]", "x = 1", "y = 2"])
        assert config_parser.merge_config(into, ConfigObj(["a = 5 # new", "[s]", "x = 7"])) is None
        assert into.dict() == {"a": "5", "keep": "2", "s": {"x": "7", "y": "2"}}
        assert (into.inline_comments["a"], into.inline_comments["keep"]) == ("# new", "# kept")

    def test_defaults_of_the_new_one_do_not_win(self, spec):
        into = ConfigObj({"a": 9, "sub": {"c": "mine"}})
        config_parser.merge_config(into, config_parser.config_from_dict({"b": 1}, spec))
        assert into.dict() == {"a": 9, "sub": {"c": "mine"}, "b": 1.0}

    def test_only_true_dicts_become_sections(self):
        into = ConfigObj({"s": {"x": 1}})
        other = collections.UserDict(z=1)
        config_parser.merge_config(into, {"s": {"d": collections.defaultdict(dict)}, "m": other})
        assert isinstance(into["s"]["d"], Section)
        assert into["m"] is other
        assert into["s"]["x"] == 1


class TestConverting:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("True", True), ("fALSE", False), ("3", 3), (" 4 ", 4), ("3.5", 3.5), ("1e3", 1000.0), ("text", "text"),
            ("None", "None"), ("yes", "yes"), (" true ", " true "), ("", ""), (["1", "x", "true"], [1, "x", True]),
        ],
    )  # fmt: skip
    def test_types_are_guessed_without_a_spec(self, text, value):
        config = config_parser.config_from_dict({"a": text, "s": {"t": {"b": text}}})
        for found in (config["a"], config["s"]["t"]["b"]):
            assert found == value
            assert type(found) is type(value)
        section = ConfigObj({"a": text})
        config_parser.string_to_python_type(section, "a")
        assert section["a"] == value

    def test_with_a_spec_it_is_validated(self, spec):
        assert config_parser.config_from_dict({"b": "2"}, spec).dict() == {"b": 2.0, "a": 3, "sub": {"c": "q"}}
        with pytest.raises(ParameterError, match=r"^Config parameter 'b': missing$"):
            config_parser.config_from_dict({}, spec)

    def test_missing_values_may_be_allowed(self, spec):
        assert config_parser.config_from_dict({}, spec, allow_missing=True)["b"] == "float()"
        config = ConfigObj()
        assert config_parser.validate(config, spec, allow_missing=True) is config
        assert config["b"] == "float()"

    def test_root_dir(self, workdir):
        checks = ConfigObj(["f = output_file(default=None)", "[s]", "g = output_file(default=None)"], list_values=False)
        values = {"f": "x.fits", "s": {"g": "y.fits"}}
        config = config_parser.config_from_dict(values, checks, root_dir=str(workdir / "in"))
        assert config.dict() == {"f": str(workdir / "in/x.fits"), "s": {"g": str(workdir / "in/y.fits")}}


class TestSpecs:
    def test_of_the_class_itself(self, fakes):
        class Nothing(fakes.FakeStep):
            pass

        class Empty(fakes.FakeStep):
            spec = ""

        assert list(config_parser.load_spec_file(fakes.FakeStep)) == ["output_ext", "par"]
        assert config_parser.load_spec_file(Nothing) is None
        assert config_parser.load_spec_file(Empty) == {}

    def test_merged_is_without_overrides_and_sub_steps(self, fakes):
        class Refs(fakes.FakeStep):
            reference_file_types = ["dark"]

        merged = config_parser.get_merged_spec_file(Refs)
        assert list(merged) == [*Step.load_spec_file(), "par"]
        assert "override_dark" in Refs.load_spec_file()
        assert "steps" not in config_parser.get_merged_spec_file(fakes.FakePipeline)

    @pytest.mark.parametrize("value", [True, False])
    def test_preserve_comments_is_deprecated_anywhere(self, fakes, value):
        functions = (config_parser.load_spec_file, config_parser.get_merged_spec_file)
        for function in (*functions, lambda cls, **options: cls.load_spec_file(**options)):
            with pytest.warns(DeprecationWarning, match="preserve_comments is deprecated"):
                assert isinstance(function(fakes.FakeStep, preserve_comments=value), ConfigObj)
