"""``Step.explain``, ``strun --explain`` and the HTML view: every parameter, its value, and who set it."""

from __future__ import annotations

import html.parser
from pathlib import Path

import pytest

from stpipe import Param, Step
from stpipe.cli.strun import main
from stpipe.exceptions import ParameterError
from stpipe.explain import ParameterFact, aligned, input_text, value_text
from stpipe.html_view import details, escape, table
from tests.stpipe.cli_steps import CALLS, Chain, Scale

ROOT = Path(__file__).parents[2]
SCALE = "tests.stpipe.cli_steps.Scale"
CHAIN = "tests.stpipe.cli_steps.Chain"


@pytest.fixture(autouse=True)
def clean(workdir, monkeypatch):
    """Empty folder, no calls yet, steps that can be imported."""
    CALLS.clear()
    monkeypatch.setenv("HOME", str(workdir))
    monkeypatch.syspath_prepend(str(ROOT))
    return workdir


@pytest.fixture
def files(workdir):
    """A parameter file for the pipeline, which names one for its first step."""
    (workdir / "first.asdf").write_text("class: scale\nname: first\nparameters: {factor: 5.0, fast: true}\n")
    text = f"class: {CHAIN}\nparameters: {{}}\nsteps:\n- {{class: scale, name: first, parameters: {{fast: false}}, "
    (workdir / "chain.asdf").write_text(f"{text}config_file: first.asdf}}\n")
    return workdir


class TestLayers:
    def test_defaults(self):
        explanation = Scale.explain()
        assert explanation["factor"] == ParameterFact("factor", 2.0, "default", "Factor to multiply by", "DN")
        assert explanation.changed() == {}
        assert list(explanation.flat()) == list(Scale.declared_parameters())
        assert (
            str(explanation).splitlines()[-1] == f"All {len(explanation.flat())} parameters have their default values."
        )

    def test_each_layer_is_named(self, files):
        explanation = Chain.explain(
            config_file=str(files / "chain.asdf"), steps={"second": {"factor": 4}}, save_results=True
        )
        own = f"file:{files / 'chain.asdf'}"
        expected = {
            "save_results": (True, "keyword"),
            "steps.first.factor": (5.0, f"file:{files / 'first.asdf'}"),
            "steps.second.factor": (4.0, "keyword"),
        }
        assert {name: (fact.value, fact.source) for name, fact in explanation.changed().items()} == expected
        again = explanation["steps.first.fast"]
        assert (again.value, again.source, again.same, again.differs) == (False, own, True, False)
        assert "= fast " in str(explanation)
        assert str(explanation).splitlines()[-1] == "1 was set to the default value (=)."

    def test_an_exported_file_does_not_look_like_a_changed_one(self, workdir):
        Scale(factor=3.0).export_config("all.asdf")
        explanation = Scale.explain(config_file="all.asdf")
        assert list(explanation.changed()) == ["factor"]
        assert explanation["input_dir"].source.startswith("file:")

    def test_reference_service(self, monkeypatch):
        pars = {"factor": 9.0}
        monkeypatch.setattr(Scale, "get_config_from_reference", classmethod(lambda *args, **kwargs: dict(pars)))
        assert Scale.explain("x")["factor"].value == 9.0
        assert Scale.explain("x")["factor"].source.startswith("crds:")
        assert Scale.explain()["factor"].source == "default"

    def test_unknown_names_in_a_reference_become_a_note(self, monkeypatch):
        pars = {"factr": 9.0}
        monkeypatch.setattr(Scale, "get_config_from_reference", classmethod(lambda *args, **kwargs: dict(pars)))
        (note,) = Scale.explain("x").notes
        assert "factr" in note
        assert f"warning: {note}" in str(Scale.explain("x"))

    def test_wrong_values_are_errors_as_in_a_call(self):
        with pytest.raises(ParameterError, match="factor"):
            Scale.explain(factor="abc")

    def test_instance_is_explained_as_it_is(self):
        step = Scale(factor=3)
        step.fast = True
        explanation = step.explain()
        assert (explanation["factor"].source, explanation["fast"].source) == ("keyword", "attribute")
        with pytest.raises(TypeError, match=r"Scale\.explain"):
            step.explain(factor=4)

    def test_nothing_is_run_or_written(self, files):
        before = sorted(files.iterdir())
        Chain.explain("x.fits", save_results=True, output_dir="new")
        assert CALLS == []
        assert sorted(files.iterdir()) == before

    def test_unknown_name(self):
        with pytest.raises(KeyError, match=r"steps\.first\.factr.*did you mean 'steps\.first\.factor'"):
            Chain.explain()["steps.first.factr"]


class TestText:
    def test_every_parameter_is_listed_and_set_ones_are_marked(self):
        lines = str(Chain.explain(steps={"first": {"factor": 4}})).splitlines()
        marked = [line.split() for line in lines if line.startswith("*")]
        assert marked == [["*", "factor", "4.0", "keyword"]]
        assert sum(line.startswith("  label ") for line in lines) == 2
        assert lines[-2:] == [
            f"1 of {len(Chain.explain().flat())} parameters are not defaults (*):",
            "  steps.first.factor  4.0  keyword",
        ]

    def test_repr_is_the_text(self):
        assert repr(Scale.explain()) == str(Scale.explain())

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "None"),
            ("a'b", '"a\'b"'),
            ([1, "x"], "[1, 'x']"),
            ((1.5,), "(1.5)"),
            (Scale, "Scale"),
            (object(), "<object>"),
        ],
    )
    def test_values(self, value, text):
        assert value_text(value) == text

    def test_inputs(self, fakes):
        assert input_text("a.fits") == "a.fits"
        assert input_text(fakes.FakeModel("jw1.fits")) == "<FakeModel jw1.fits>"
        assert input_text(["a", "b", "c", "d"]) == "4 inputs: a, b, c, …"

    def test_a_wide_cell_does_not_widen_the_column(self):
        rows = [("a", "x" * 60, "1"), ("b", "y", "2")]
        assert list(aligned(rows)) == [f"a  {'x' * 60}  1", "b  y  2"]


class TestCommandLine:
    def test_explain(self, capsys, files):
        assert main([str(files / "chain.asdf"), "--explain", "--steps.second.factor=7"]) == 0
        out = capsys.readouterr().out
        assert "steps.second.factor  7.0   command line" in out
        assert f"steps.first.factor   5.0   file:{files / 'first.asdf'}" in out
        assert "save_results         True  command line" in out
        assert CALLS == []

    def test_logs_stay_silent(self, capsys):
        assert main([SCALE, "--explain"]) == 0
        assert capsys.readouterr().err == ""

    def test_errors_are_those_of_a_run(self, capsys):
        assert main([SCALE, "--explain", "--factor=-1"]) == 1
        assert "too small" in capsys.readouterr().out
        assert main([SCALE, "--explain", "missing.fits"]) == 1

    def test_nothing_is_written(self, capsys, workdir):
        assert main([SCALE, "--explain", "--save-parameters=pars.asdf"]) == 0
        assert "ignored" in capsys.readouterr().err
        assert list(workdir.iterdir()) == []


class Text(html.parser.HTMLParser):
    """Collects tags and texts."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


class Angry(Step):
    """Has texts that would break HTML."""

    output_ext = Param(".fits", "Extension")
    mark = Param("</td><script>alert('x')</script>", 'less < than & "more" <b>')

    def process(self, *args):
        """Do nothing."""


class TestHtml:
    def test_texts_are_escaped_and_tags_balanced(self):
        page = Text(Angry()._repr_html_())
        assert page.open == []
        assert "script" not in {tag for tag, _ in page.tags}
        assert any("</td><script>" in text for text in page.texts)
        assert 'less < than & "more" <b>' in page.texts

    def test_colours_are_those_of_the_page(self):
        source = Chain()._repr_html_()
        for style in (attrs["style"] for _, attrs in Text(source).tags if "style" in attrs):
            colours = [part.split(":")[1] for part in style.split(";") if part.startswith(("color:", "background:"))]
            assert set(colours) <= {"inherit", "transparent"}

    def test_sub_steps_fold_and_those_with_set_values_are_open(self):
        pipe = Chain(steps={"second": {"factor": 4}})
        page = Text(pipe._repr_html_())
        is_open = ["open" in attrs for tag, attrs in page.tags if tag == "details"]
        assert is_open.count(True) == 1
        texts = "".join(page.texts)
        assert texts.index("first") < texts.index("second")
        assert "1 of" in texts

    def test_values_sources_and_help(self):
        step = Scale(factor=3)
        step.label = "star"
        texts = Text(step._repr_html_()).texts
        for text in ("factor", "3.0", "DN", "keyword", "Factor to multiply by", "'star'", "attribute"):
            assert text in texts

    def test_general_parameters_fold_until_they_are_set(self):
        folded = Text(Scale()._repr_html_())
        assert f"{len(Step.declared_parameters())} general parameters · all default" in folded.texts
        opened = Text(Scale(save_results=True)._repr_html_())
        assert f"{len(Step.declared_parameters()) - 1} general parameters · all default" in opened.texts

    def test_pieces(self):
        assert escape("<\"&'>") == "&lt;&quot;&amp;&#x27;&gt;"
        assert Text(table(("a<",), [("<b>1</b>",)])).texts == ["a<", "1"]
        assert "open" in Text(details("s", "b", is_open=True)).tags[0][1]
