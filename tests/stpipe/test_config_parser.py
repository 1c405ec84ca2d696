"""The ConfigObj functions of `stpipe.config_parser`."""

from __future__ import annotations

import collections

import pytest
from configobj import ConfigObj, Section

from stpipe import config_parser
from stpipe.exceptions import ParameterError, ValidationError


@pytest.fixture
def spec():
    lines = ["a = integer(default=3) # x", "b = float()", "[sub]", "c = string(default='q')"]
    return ConfigObj(lines, list_values=False, interpolation=False)


def test_reexports():
    assert config_parser.ConfigObj is ConfigObj
    assert config_parser.Section is Section
    assert config_parser.ValidationError is ValidationError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("True", True),
        ("fAlse", False),
        ("3", 3),
        ("3.5", 3.5),
        ("1e3", 1000.0),
        ("None", "None"),
        ("yes", "yes"),
        ("", ""),
        (["1", "x"], [1, "x"]),
        (3, 3),
    ],
)
def test_types_are_guessed_without_a_spec(text, value):
    config = config_parser.config_from_dict({"a": text, "s": {"b": text}})
    assert isinstance(config, ConfigObj)
    assert config["a"] == value
    assert type(config["a"]) is type(value)
    assert config["s"]["b"] == value


def test_validation_converts_and_adds_defaults(spec):
    config = config_parser.config_from_dict({"b": "2"}, spec)
    assert config.dict() == {"a": 3, "b": 2.0, "sub": {"c": "q"}}
    assert (config.defaults, config["sub"].defaults) == (["a"], ["c"])


def test_missing_values(spec):
    with pytest.raises(ParameterError, match="^Config parameter 'b': missing$"):
        config_parser.config_from_dict({}, spec)
    assert config_parser.config_from_dict({}, spec, allow_missing=True)["b"] == "float()"


def test_all_problems_in_one_error(spec):
    with pytest.raises(ParameterError) as caught:
        config_parser.config_from_dict({"b": "x", "zz": 1, "subb": {}, "sub": {"yy": 2, "d": 1}}, spec)
    assert str(caught.value).splitlines() == [
        "Config parameter 'b': the value \"x\" is of the wrong type.",
        "Extra value 'zz' in root",
        "Extra value 'subb' in root (did you mean 'sub'?)",
        "Extra value 'yy' in sub",
        "Extra value 'd' in sub",
    ]


def test_a_section_given_as_a_value(spec):
    with pytest.raises(ParameterError, match="'sub': Section 'sub' was provided as a single value"):
        config_parser.config_from_dict({"b": 1, "sub": 3}, spec)


def test_the_whole_is_validated_whichever_section_is_given(spec):
    config = ConfigObj({"b": "2", "sub": {"c": "w"}})
    assert config_parser.validate(config, spec, section=config["sub"]) is config
    assert config.dict() == {"a": 3, "b": 2.0, "sub": {"c": "w"}}
    config = ConfigObj({"b": "no float", "sub": {"d": 1}})
    with pytest.raises(ParameterError, match="'b': the value .* is of the wrong type.\nExtra value 'd' in sub"):
        config_parser.validate(config, spec, section=config["sub"])


def test_a_validator_of_the_caller_takes_over():
    from configobj.validate import Validator

    validator = Validator({"even": lambda value: int(value) // 2 * 2})
    spec = ConfigObj(["a = even()", "b = integer(default=4)"], list_values=False)
    assert config_parser.validate(ConfigObj({"a": "5"}), spec, validator=validator).dict() == {"a": 4, "b": 4}
    with pytest.raises(ParameterError, match="'a': missing"):
        config_parser.validate(ConfigObj({}), spec, validator=validator)


def test_relative_files_belong_to_root_dir(tmp_path):
    spec = ConfigObj(["f = output_file(default=None)"], list_values=False)
    config = config_parser.config_from_dict({"f": "x.fits"}, spec, root_dir=str(tmp_path))
    assert config["f"] == str(tmp_path / "x.fits")


def test_merge_values_and_comments_but_not_defaults(spec):
    into = ConfigObj({"a": 1, "s": {"q": 1}})
    config_parser.merge_config(into, config_parser.config_from_dict({"b": "2"}, spec))
    assert into.dict() == {"a": 1, "s": {"q": 1}, "b": 2.0, "sub": {}}
    config_parser.merge_config(into, ConfigObj(["# top", "a = 2 # inline"]))
    assert into["a"] == "2"
    assert into.inline_comments["a"] == "# inline"


def test_merge_is_recursive_and_only_dicts_become_sections():
    into = ConfigObj({"a": 1, "s": {"q": 1, "t": 2}})
    mapping = collections.UserDict(z=1)
    config_parser.merge_config(into, {"a": {"new": 1}, "s": {"q": 3, "r": collections.defaultdict(dict)}, "m": mapping})
    assert into["a"].dict() == {"new": 1}
    assert into["s"].dict() == {"q": 3, "t": 2, "r": {}}
    assert isinstance(into["s"]["r"], Section)
    assert into["m"] is mapping


def test_load_config_file(tmp_path):
    with pytest.raises(ValueError, match=r"Config file nope.cfg not found\."):
        config_parser.load_config_file("nope.cfg")
    path = tmp_path / "x.cfg"
    path.write_text('name = "nm" # c\nclass = "pkg.X"\na = 1,2\nb = "x#y"\n[steps]\n[[jump]]\nc = 3\n')
    config = config_parser.load_config_file(path)
    assert isinstance(config, ConfigObj)
    assert config.dict() == {
        "name": "nm", "class": "pkg.X", "a": ["1", "2"], "b": "x#y", "steps": {"jump": {"c": "3"}},
    }  # fmt: skip
    assert config.inline_comments["name"] == "# c"
    assert config.filename == str(path)


def test_steps_without_a_name_need_a_known_pipeline(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("steps:\n- class: jump\n  parameters: {a: 1}\n")
    with pytest.raises(ValidationError, match="need the class of the pipeline"):
        config_parser.load_config_file(path)


def test_specs_of_a_class(fakes):
    own = config_parser.load_spec_file(fakes.FakeStep)
    merged = config_parser.get_merged_spec_file(fakes.FakeStep)
    assert set(own) < set(merged)
    assert list(merged)[:2] == ["pre_hooks", "post_hooks"]
    with pytest.warns(DeprecationWarning, match="preserve_comments is deprecated"):
        config_parser.get_merged_spec_file(fakes.FakeStep, preserve_comments=True)
