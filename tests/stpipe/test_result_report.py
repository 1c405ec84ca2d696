"""What a result shows of itself: `stpipe.report`, and the HTML view in a notebook."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import stpipe
from stpipe import Param, Pipeline, Step, provenance
from stpipe.result_report import ArrayFact, Report, Reports, register_with_notebook
from tests.stpipe.cli_steps import Model

ROOT = Path(__file__).parents[2]


class ArrayModel(Model):
    """Model by protocol, with arrays."""

    def __init__(self, filename="jw01_<b>.fits"):
        super().__init__(filename=filename)
        self.data = np.zeros((2, 3), np.float32)
        self.catalog = np.zeros(5, [("x", float), ("label", "U4")])
        self.slits = [{"data": 1}, {"data": 2}]
        self.meta.bunit_data = "DN/s"
        self.meta.cal_step = SimpleNamespace(jump="COMPLETE", ipc="SKIPPED", dark=None)
        names = {
            "gain": SimpleNamespace(name="crds://gain_1.fits"),
            "crds": SimpleNamespace(context_used="jwst_1.pmap"),
        }
        self.meta.ref_file = SimpleNamespace(mask=SimpleNamespace(name=None), **names)


class Makes(Step):
    """Makes a model that knows what made it."""

    class_alias = "makes"
    output_ext = Param(".fits", "Extension")
    threshold = Param(4.0, "Threshold", unit="sigma")

    def process(self, init):
        return ArrayModel()


class Both(Pipeline):
    class_alias = "both"
    output_ext = Param(".fits", "Extension")
    step_defs = {"makes": Makes}

    def process(self, init):
        return self.makes.run(init)

    def finalize_result(self, result, reference_files_used):
        self.add_provenance(result)

    def add_provenance(self, model):
        model.provenance = provenance.append_run(None, provenance.record_run({"stpipe": "1"}))


@pytest.fixture
def made(workdir):
    return Both(steps={"makes": {"threshold": 5.0}}).run("x.fits")


class Texts(HTMLParser):
    """Texts of a page, and whether its elements are closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.texts = [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.texts.append(text)


def test_facts():
    report = stpipe.report(ArrayModel())
    assert (report.model_type, report.filename, report.context) == ("ArrayModel", "jw01_<b>.fits", "jwst_1.pmap")
    assert report.arrays == (
        ArrayFact("data", (2, 3), "float32", "DN/s"),
        ArrayFact("catalog", (5,), "x, label", ""),
    )
    assert report.parts == {"slits": 2}
    assert report.statuses == {"jump": "COMPLETE", "ipc": "SKIPPED"}
    assert report.references == {"gain": "crds://gain_1.fits"}
    assert report.provenance is None


def test_text_of_a_model_of_other_software():
    lines = repr(stpipe.report(ArrayModel())).splitlines()
    assert lines[0] == "ArrayModel: jw01_<b>.fits"
    assert "  data     2 x 3  float32   DN/s" in lines
    assert "  jump  COMPLETE" in lines
    assert "references (jwst_1.pmap):" in lines
    assert lines[-1] == "What made it is not recorded in it: no parameters, no times."


def test_text_of_a_result_tells_what_made_it(made):
    text = str(stpipe.report(made))
    assert "  steps.makes.threshold  5.0  keyword" in text
    for word in ("started", "recorded", "context", "versions", "x.fits"):
        assert word in text


def test_html(made):
    page = stpipe.report(made)._repr_html_()
    assert "<b>.fits" not in page
    texts = Texts(page).texts
    for text in ("ArrayModel", "jw01_<b>.fits", "2 x 3", "float32", "DN/s", "COMPLETE", "2 entries"):
        assert text in texts
    place = texts.index("steps.makes.threshold")
    assert texts[place : place + 3] == ["steps.makes.threshold", "5.0", "keyword"]
    assert any("output_dir=None" in text for text in texts)
    assert {"started", "recorded", "context", "makes", "done"} <= {text.strip() for text in texts}


def test_html_of_a_model_of_other_software():
    texts = Texts(stpipe.report(ArrayModel())._repr_html_()).texts
    assert "crds://gain_1.fits" in texts
    assert "What made it is not recorded in it: no parameters, no times." in texts


def test_nothing_is_made_in_the_model():
    model = ArrayModel()
    before = set(vars(model))
    stpipe.report(model)._repr_html_()
    assert set(vars(model)) == before


def test_an_empty_model():
    report = stpipe.report(Model(filename=None))
    assert isinstance(report, Report)
    assert str(report).splitlines()[0] == "Model: no file name"
    Texts(report._repr_html_())


def test_several():
    reports = stpipe.report([ArrayModel("a.fits"), ArrayModel("b.fits")])
    assert isinstance(reports, Reports)
    assert str(reports).count("ArrayModel: ") == 2
    assert {"a.fits", "b.fits", "2 models"} <= set(Texts(reports._repr_html_()).texts)
    assert str(stpipe.report([])) == "No models."


@pytest.mark.parametrize("value", [None, "a.fits", 3, object()])
def test_what_is_no_model(value):
    with pytest.raises(TypeError, match="A report needs a data model or a list of them"):
        stpipe.report(value)


class Formatter:
    """The part of IPython's HTML formatter that is used."""

    def __init__(self):
        self.known = {}

    def lookup_by_type(self, cls):
        for base in cls.__mro__:
            if base in self.known:
                return self.known[base]
        raise KeyError(cls)

    def for_type(self, cls, function):
        self.known[cls] = function


class TestNotebook:
    @pytest.fixture
    def formatter(self, monkeypatch):
        formatter = Formatter()
        display = SimpleNamespace(formatters={"text/html": formatter})
        ipython = ModuleType("IPython")
        ipython.get_ipython = lambda: SimpleNamespace(display_formatter=display, kernel=None)
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        return formatter

    def test_results_of_runs_show_themselves(self, formatter, workdir):
        result = Both.call("x.fits", configure_log=False)
        assert formatter.known[ArrayModel](result) == stpipe.report(result)._repr_html_()
        before = dict(formatter.known)
        Both.call("x.fits", configure_log=False)
        assert formatter.known == before

    def test_lists_too_and_others_not(self, formatter):
        register_with_notebook([ArrayModel(), 3, None])
        assert list(formatter.known) == [ArrayModel]

    def test_containers_show_their_models(self, formatter, fakes):
        models = fakes.FakeContainer([ArrayModel("a.fits"), ArrayModel("b.fits")])
        register_with_notebook(models)
        assert "2 models" in formatter.known[fakes.FakeContainer](models)

    def test_a_view_of_the_class_is_kept(self, formatter):
        class Shows(ArrayModel):
            def _repr_html_(self):
                return "own"

        register_with_notebook(Shows())
        formatter.known[Model] = "theirs"
        register_with_notebook(ArrayModel())
        assert formatter.known == {Model: "theirs"}

    def test_no_shell(self, monkeypatch):
        ipython = ModuleType("IPython")
        ipython.get_ipython = lambda: None
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        register_with_notebook(ArrayModel())

    def test_without_ipython_nothing_is_imported_for_it(self):
        code = (
            "import sys; from tests.stpipe.cli_steps import Scale; Scale().run('make')\n"
            "print([name for name in ('IPython', 'stpipe.result_report', 'stpipe.html_view') if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
        assert done.stdout == "[]\n"


def test_a_jwst_model(workdir):
    datamodels = pytest.importorskip("jwst.datamodels")
    model = datamodels.ImageModel((4, 5))
    model.meta.filename = "jw01_rate.fits"
    model.meta.bunit_data = "DN/s"
    model.meta.cal_step.jump = "COMPLETE"
    model.meta.ref_file.gain.name = "crds://gain.fits"
    names = set(model._instance)
    report = stpipe.report(model)
    assert ArrayFact("data", (4, 5), "float32", "DN/s") in report.arrays
    assert (report.statuses, report.references) == ({"jump": "COMPLETE"}, {"gain": "crds://gain.fits"})
    assert set(model._instance) == names
