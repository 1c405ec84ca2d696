"""Spec texts to parameters and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stpipe.exceptions import ParameterError
from stpipe.parameters import Param, declared_parameters
from stpipe.spec import load_spec, parse_spec, spec_text
from stpipe.spec_text import parse_check_text, split_comment

TEXTS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=12)
WORDS = st.text("abcdefgh", min_size=1, max_size=6)
DOCS = st.lists(WORDS, max_size=4).map(" ".join)


def _writable(text: str) -> bool:
    return not ("'" in text and '"' in text)


@st.composite
def params(draw: st.DrawFn) -> Param:
    """Draw a native declaration of any kind."""
    kind = draw(st.sampled_from(["int", "float", "bool", "str", "choice", "numbers", "texts", "tuple", "none", "file"]))
    doc, unit = draw(DOCS), draw(st.none() | WORDS)
    if kind == "int":
        value = draw(st.integers(-9, 9))
        return Param(value, doc, unit=unit, ge=draw(st.none() | st.just(-9)), lt=draw(st.none() | st.just(10)))
    if kind == "float":
        value = draw(st.floats(0, 1e9))
        return Param(value, doc, unit=unit, ge=0.0, gt=draw(st.none() | st.just(-1.0)))
    if kind == "bool":
        return Param(draw(st.booleans()), doc)
    if kind == "str":
        return Param(draw(TEXTS.filter(_writable)), doc, type=draw(st.sampled_from([str, str | None])), max_length=99)
    if kind == "choice":
        helped = draw(st.dictionaries(WORDS, WORDS, min_size=1, max_size=3))
        choices = helped if draw(st.booleans()) else list(helped)
        return Param(next(iter(helped)), doc, choices=choices, unit=unit)
    if kind == "numbers":
        return Param(draw(st.lists(st.integers(), max_size=3)), doc, type=list[int], max_length=3)
    if kind == "texts":
        return Param(draw(st.lists(TEXTS.filter(_writable), max_size=3)), doc, type=list[str])
    if kind == "tuple":
        return Param(tuple(draw(st.lists(st.integers() | WORDS, max_size=3))), doc)
    if kind == "none":
        return Param(None, doc, type=draw(st.sampled_from([int, float, bool, str, list, list[float], list[bool]])))
    return Param(
        None, doc, kind=draw(st.sampled_from(["input_file", "output_file", "datamodel", "string_or_datamodel"]))
    )


@given(st.lists(params(), min_size=1, max_size=4))
def test_params_survive_the_spec_language(declared):
    cls = type("Declared", (), {f"par{index}": param for index, param in enumerate(declared)})
    before = declared_parameters(cls)
    assert parse_spec(spec_text(before), where="here") == before


def test_the_text_made_from_params():
    class Jump:
        rejection_threshold = Param(4.0, "CR rejection threshold", ge=0.0, unit="sigma")
        algorithm = Param("mingrad", "replacement", choices={"mingrad": "minimum gradient", "fit": "profile fit"})
        count: int | None = Param(3, "how many", gt=0)
        needed = Param(None, "has to be given", type=str, required=True)
        method = Param("median", "background", choices={"median": "one value; quick", None: "none"})

    assert spec_text(declared_parameters(Jump)).splitlines() == [
        "rejection_threshold = float(default=4.0, min=0.0)  # CR rejection threshold [sigma]",
        "algorithm = option('mingrad', 'fit', default='mingrad')"
        "  # replacement {mingrad: minimum gradient; fit: profile fit}",
        "count = integer(default=3, above=0, none=True)  # how many",
        "needed = string()  # has to be given",
        "method = option('median', 'None', default='median')  # background {median: one value; quick; None: none}",
    ]
    params = declared_parameters(Jump)
    assert parse_spec(spec_text(params), where="here") == params


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ("x = string(default='a#b')  # help", "a#b"),
        ('x = string(default="it\'s, (so)")  # help', "it's, (so)"),
        ("x = string(default=None)# help", None),
        ("x = string(default='None')# help", "None"),
        ("x = string(default='')  # help", ""),
        ("x = list(default=list())  # help", []),
        ("x = force_list(default=list(a,b))  # help", ["a", "b"]),
        ("x = float_list(min=2, max=3, default=list(1,2))# help", [1.0, 2.0]),
        ("x = integer(0, 5, default=2)#help", 2),
        ("x = option('a', None, default='a') #help", "a"),
        ('x = "boolean(default=True)"  # help', True),
        ("'x' = boolean(default=no)  # help", False),
    ],
)
def test_defaults_and_comments(text, default):
    param = parse_spec(text, where="here")["x"]
    assert param.default == default
    assert param.doc == "help"


def test_the_check_is_shown_as_it_was_written():
    assert parse_spec("x = float_list(min=2,max=3,default=list(1,2))", where="here")["x"].check == (
        "float_list(min=2,max=3,default=list(1,2))"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = flaot(default=1.0)", r"unknown check 'flaot' \(did you mean 'float'\?\)"),
        ("x = float(default=abc)", 'the value "abc" is of the wrong type'),
        ("x = integer(default=1, mn=3)", "unexpected argument 'mn'"),
        ("x = boolean(min=3)", "unexpected argument 'min'"),
        ("x = integer(1, 2, 3)", "at most min and max"),
        ("just words", "line 1: 'just words' is not of the form"),
        ("x = float(default=1.0", "is not of the form"),
        ("[section]", "is not of the form"),
        ("x = mixed_list('integer', 'foo')", "unknown check foo"),
        ("x = float(default='1' '2')", "unexpected text"),
    ],
)
def test_what_cannot_be_understood(text, message):
    with pytest.raises(ParameterError, match=message):
        parse_spec(text, where="spec of T")


def test_every_bad_line_is_named():
    with pytest.raises(ParameterError) as caught:
        parse_spec("a = foo()\nb = integer()\nc = bar()", where="spec of T")
    assert [line[:17] for line in str(caught.value).splitlines()] == ["spec of T, line 1", "spec of T, line 3"]


def test_pieces_of_a_check():
    call = parse_check_text("option('a', \"b c\", None, default=list(1, '2'))")
    assert [token.value for token in call.args] == ["a", "b c", None]
    assert [token.text for token in call.kwargs[0][1]] == ["1", "2"]
    assert split_comment("integer() # a # b") == ("integer()", "# a # b")


def test_load_spec_is_a_configobj_with_comments_and_sub_steps(fakes):
    from configobj import ConfigObj

    config = load_spec(fakes.FakePipeline)
    assert isinstance(config, ConfigObj)
    key = next(iter(fakes.FakePipeline.step_defs))
    section = config["steps"][key]
    assert section["config_file"] == "string(default=None)"
    assert section["class"] == "string(default='')"
    assert config["skip"] == "boolean(default=False)"
    assert config.inline_comments["skip"] == "# Skip this step"
    lines = config.write()
    assert "[steps]" in lines
    assert any(line.startswith("skip = boolean(default=False)") and line.endswith("# Skip this step") for line in lines)


def test_the_spec_of_every_fake_step_round_trips(fakes):
    for cls in (fakes.Step, fakes.FakeStep, fakes.FakePipeline):
        before = declared_parameters(cls)
        assert parse_spec(spec_text(before), where="here") == before
