"""Precedence of the sources of parameters, on real steps, by every way in (spec framework.md §5)."""

from __future__ import annotations

import collections
import copy
import datetime
import itertools
import logging
from pathlib import Path
from typing import Any, ClassVar

import asdf
import pytest

from stpipe import Param, Pipeline, Step
from stpipe._config import _validate_asdf
from stpipe.exceptions import ParameterError, ValidationError
from stpipe.references import ReferenceSession

PIPE = f"{__name__}.Pipe"
WARNING = "Input dataset is not an instance of AbstractDataModel."
CALLED = ["crds step", "crds pipeline", "file of step", "main file", "keyword file", "keyword"]
META = (
    "author", "date", "description", "instrument", "origin", "pedigree", "reftype", "telescope", "useafter"
)  # fmt: skip
TYPED = ["crds step", "crds pipeline", "file of step", "main file", "command line"]


def subsets(levels: list[str]) -> list[tuple[str, ...]]:
    """Every choice of levels."""
    return [chosen for count in range(len(levels) + 1) for chosen in itertools.combinations(levels, count)]


class Base(Step):
    """Declares a default that the derived class changes."""

    output_ext = Param(".fits", "extension")
    of_base = Param(1.0, "set by the base")
    both = Param(1.0, "set by both")


class Works(Base):
    """Has a parameter that every level sets, and one for each level."""

    both = Param(2.0, "set by both")
    x = Param(0.0, "set by every level")
    spec = "\n".join(f"p{number} = float(default=-1.0)" for number in range(6))

    @classmethod
    def _get_crds_parameters(cls, dataset: Any) -> tuple[dict[str, Any], str]:
        if "unusable" in str(dataset):
            raise OSError(f"cannot open {dataset}")
        return {"META.X": str(dataset)}, "fake"

    def process(self, init: Any = None) -> Any:
        """Do nothing."""


class Pipe(Pipeline):
    """Gives the parameters of its step as they are in a run."""

    output_ext = Param(".fits", "extension")
    z = Param(0.0, "of the pipeline")
    step_defs: ClassVar = {"a": Works, "b": Works}
    _get_crds_parameters = Works.__dict__["_get_crds_parameters"]

    def process(self, init: Any = None) -> Any:
        """Return ``{name: (value, source)}`` of step ``a``."""
        return self.a.parameter_sources()


class Service:
    """Parameter references by type; ``questions`` are those that were asked."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.questions: list[list[str]] = []
        self.datasets: set[str] = set()

    def add(self, reftype: str, text: str) -> None:
        path = Path(f"{reftype}.yaml").resolve()
        path.write_text(text)
        self.files[reftype] = str(path)

    def answers(self, session: Any, parameters: Any, types: Any, observatory: str) -> dict[str, str]:
        assert observatory == "fake"
        self.questions.append(list(types))
        self.datasets.add(parameters["META.X"])
        return {name: self.files.get(name, "N/A") for name in types}


@pytest.fixture(autouse=True)
def service(workdir, monkeypatch):
    monkeypatch.delenv("STPIPE_DISABLE_CRDS_STEPPARS")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    found = Service()
    monkeypatch.setattr(ReferenceSession, "answers", lambda *args: found.answers(*args))
    (workdir / "cfg").mkdir()
    return found


def give(levels: tuple[str, ...], service: Service) -> tuple[str | None, dict[str, Any], dict[str, str]]:
    """Write the files of the levels; return the main file, the keywords for the step, and the source of each level."""
    rank = {level: number for number, level in enumerate(CALLED)}
    values = {level: f"{{x: {number + 10}, p{number}: {number}}}" for level, number in rank.items()}
    folder = Path("cfg").resolve()
    if "crds step" in levels:
        service.add("pars-works", f"parameters: {values['crds step']}\n")
    if "crds pipeline" in levels:
        service.add("pars-pipe", f"steps: {{a: {values['crds pipeline']}}}\n")
    own = values["main file"][1:-1] if "main file" in levels else ""
    if "file of step" in levels:
        (folder / "sub.yaml").write_text(f"parameters: {values['file of step']}\n")
        own += (", " if own else "") + "config_file: sub.yaml"
    (folder / "main.yaml").write_text(f"class: {PIPE}\nparameters: {{}}\nsteps: {{a: {{{own}}}}}\n")
    keywords: dict[str, Any] = {}
    if "keyword file" in levels:
        (folder / "kw.yaml").write_text(f"parameters: {values['keyword file']}\n")
        keywords["config_file"] = str(folder / "kw.yaml")
    if "keyword" in levels:
        keywords.update(x=15, p5=5)
    sources = {
        "crds step": "crds:pars-works.yaml",
        "crds pipeline": "crds:pars-pipe.yaml",
        "file of step": f"file:{folder / 'sub.yaml'}",
        "main file": f"file:{folder / 'main.yaml'}",
        "keyword file": f"file:{folder / 'kw.yaml'}",
        "keyword": "keyword",
    }
    return str(folder / "main.yaml") if own else None, keywords, sources


def expected(levels: tuple[str, ...], sources: dict[str, str]) -> dict[str, tuple[float, str]]:
    """Value and source of ``x`` and of the parameter of each level."""
    facts = {"x": (0.0, "default"), **{f"p{number}": (-1.0, "default") for number in range(6)}}
    for number, level in enumerate(CALLED):
        if level in levels:
            facts |= {f"p{number}": (float(number), sources[level]), "x": (number + 10.0, sources[level])}
    return facts


def shown(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if name == "x" or (name[0] == "p" and name[1:].isdigit())}


@pytest.mark.parametrize("levels", subsets(CALLED), ids="+".join)
def test_every_subset_of_sources_by_call(levels, service):
    config_file, keywords, sources = give(levels, service)
    file = {"config_file": config_file} if config_file else {}
    facts = Pipe.call("data", steps={"a": keywords}, configure_log=False, **file)
    assert shown(facts) == expected(levels, sources)
    assert (facts["both"], facts["of_base"]) == ((2.0, "default"), (1.0, "default"))


@pytest.mark.parametrize("levels", subsets(TYPED), ids="+".join)
def test_every_subset_of_sources_by_the_command_line(levels, service):
    typed = ["--steps.a.x=15", "--steps.a.p5=5"] if "command line" in levels else []
    levels = tuple("keyword" if level == "command line" else level for level in levels)
    config_file, _, sources = give(levels, service)
    step = Step.from_cmdline([config_file or PIPE, "data", "--save_results=false", *typed])
    facts = step.parameter_sources()["steps"]["a"]
    assert shown(facts) == expected(levels, {**sources, "keyword": "command line"})


@pytest.mark.parametrize("levels", subsets(["keyword", "attribute"]), ids="+".join)
def test_every_subset_of_sources_by_the_constructor(levels, service):
    give(("crds step", "crds pipeline"), service)
    pipe = Pipe(steps={"a": {"x": 15}} if "keyword" in levels else None)
    if "attribute" in levels:
        pipe.a.x = 16
    best = {"keyword": (15.0, "keyword"), "attribute": (16.0, "attribute")}
    assert pipe.run("data")["x"] == (best[levels[-1]] if levels else (0.0, "default"))
    assert service.questions == []


class TestInput:
    def test_the_reference_service_is_asked_only_with_an_input(self, service, caplog):
        service.add("pars-works", "parameters: {x: 5.0}\n")
        with caplog.at_level(logging.INFO):
            assert Pipe.configured().a.x == 0.0
        assert service.questions == []
        assert ("INFO", "No filename given, cannot retrieve config from CRDS") in levels_and_texts(caplog)
        assert Pipe.configured("data").a.x == 5.0

    def test_the_first_argument_is_the_input(self, service):
        Pipe.configured("one", "two")
        assert service.datasets == {"one"}

    def test_an_input_that_cannot_be_used_is_warned_of_and_the_run_goes_on(self, service, caplog):
        service.add("pars-works", "parameters: {x: 5.0}\n")
        assert Pipe.call("unusable", configure_log=False, steps={"a": {"p1": 1}})["x"] == (0.0, "default")
        assert levels_and_texts(caplog) == [("WARNING", WARNING)]

    def test_strun_goes_on_too(self, service, caplog, workdir):
        service.add("pars-works", "parameters: {x: 5.0}\n")
        (workdir / "unusable.fits").touch()
        assert Step.from_cmdline([PIPE, "unusable.fits", "--save_results=false"]).a.x == 0.0
        assert ("WARNING", WARNING) in levels_and_texts(caplog)

    def test_strun_looks_in_input_dir(self, service, workdir):
        (workdir / "in").mkdir()
        (workdir / "in" / "data.fits").touch()
        Step.from_cmdline([PIPE, "data.fits", "--input_dir=in", "--save_results=false"])
        assert service.datasets == {"in/data.fits"}


def levels_and_texts(caplog) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_the_name_of_a_step_from_a_file(service):
    service.add("pars-pipe", "name: of_reference\nparameters: {}\n")
    for text, typed, called in (("", "p", "of_reference"), ("name: inside\n", "inside", "inside")):
        Path("p.yaml").write_text(f"{text}class: {PIPE}\nparameters: {{}}\n")
        assert Step.from_cmdline(["p.yaml", "data", "--save_results=false"]).name == typed
        assert Pipe.configured("data", config_file="p.yaml").name == called


class TestStepFiles:
    def write(self, path: str, name: str = "a") -> str:
        file = Path(path).resolve()
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"name: {name}\nclass: {__name__}.Works\nparameters: {{x: 8.0}}\n")
        return path

    def main(self, named: str) -> str:
        path = Path("cfg/main.yaml").resolve()
        path.write_text(f"class: {PIPE}\nparameters: {{}}\nsteps: {{a: {{config_file: {named}}}}}\n")
        return str(path)

    def test_those_named_in_a_file_belong_to_its_folder(self):
        self.write("cfg/deep/sub.yaml")
        path = self.main("deep/sub.yaml")
        assert Pipe.configured(config_file=path).a.x == 8.0
        assert Pipe.from_config_file(path).a.x == 8.0
        assert Step.from_cmdline([path, "--save_results=false"]).a.x == 8.0

    def test_those_given_to_call_belong_to_the_folder_of_the_main_file(self):
        self.write("cfg/one.yaml")
        path = self.main(self.write("cfg/other.yaml").removeprefix("cfg/"))
        assert Pipe.configured(config_file=path, steps={"a": {"config_file": "one.yaml"}}).a.x == 8.0
        self.write("here.yaml")
        for file in ({}, {"config_file": path}):
            assert Pipe.configured(steps={"a": {"config_file": "here.yaml"}}, **file).a.x == 8.0
        with pytest.raises(ValueError, match="nowhere.yaml not found"):
            Pipe.configured(steps={"a": {"config_file": "nowhere.yaml"}})

    def test_those_given_to_call_have_to_be_for_the_step(self):
        self.write("b.yaml", "b")
        with pytest.raises(ValueError, match="does not match step name in the 'steps' argument: it is 'b', not 'a'"):
            Pipe.configured(steps={"a": {"config_file": "b.yaml"}})

    def test_those_named_in_a_file_may_have_another_name(self):
        self.write("cfg/sub.yaml", "other")
        assert Pipe.configured(config_file=self.main("sub.yaml")).a.x == 8.0


def test_steps_may_be_any_kind_of_dict():
    steps: dict[str, dict[str, Any]] = collections.defaultdict(dict)
    steps["a"]["x"] = 9
    assert steps["b"] == {}
    assert Pipe.configured(steps=steps).a.x == 9.0
    assert Pipe.configured(steps=collections.OrderedDict(a=collections.OrderedDict(x=9), b={})).a.x == 9.0


class TestStrictness:
    @pytest.mark.parametrize("text", ["parameters: {bogus: 1}", "parameters: {}\nsteps: {a: {bogus: 1}}"])
    def test_unknown_names_in_a_file_are_errors(self, text):
        Path("p.yaml").write_text(f"class: {PIPE}\n{text}\n")
        for make in (Pipe.from_config_file, lambda path: Pipe.configured(config_file=path)):
            with pytest.raises(ParameterError, match="Extra value 'bogus' in (root|steps/a)"):
                make("p.yaml")

    @pytest.mark.parametrize("given", [{"bogus": 1}, {"steps": {"a": {"bogus": 1}}}, {"steps": {"bogus": {}}}])
    def test_unknown_keywords_are_errors(self, given):
        for make in (Pipe, Pipe.configured):
            with pytest.raises(ParameterError, match="Extra value 'bogus' in (root|steps)"):
                make(**given)

    def test_unknown_names_in_references_are_warned_of(self, service, caplog):
        service.add("pars-pipe", "parameters: {bogus: 1, z: 4}\nsteps: {gone: {x: 1}, a: {bogus: 2, x: 3}}\n")
        pipe = Pipe.configured("data")
        assert (pipe.z, pipe.a.x) == (4.0, 3.0)
        warnings = [text for level, text in levels_and_texts(caplog) if level == "WARNING"]
        assert len(warnings) == 3
        assert all(text.startswith("crds:pars-pipe.yaml: Extra value '") for text in warnings)


class TestViews:
    def test_explain_is_what_strun_explain_prints(self, capsys):
        Path("p.yaml").write_text(f"name: Pipe\nclass: {PIPE}\nparameters: {{z: 4}}\n")
        Step.from_cmdline(["p.yaml", "--explain", "--steps.a.x=3", "--save_results"])
        explained = Pipe.explain(config_file="p.yaml", save_results=True, steps={"a": {"x": 3}})
        assert capsys.readouterr().out == f"{explained}\n".replace("keyword", "command line")
        assert "set by every level" in explained._repr_html_()

    def test_plan_is_what_strun_dry_run_prints(self, capsys):
        Step.from_cmdline([PIPE, "data", "--dry-run", "--steps.b.skip"])
        plan = Pipe.plan("data", save_results=True, steps={"b": {"skip": True}})
        assert capsys.readouterr().out == f"{plan}\n".replace("keyword", "command line")
        assert "data_pipe.fits" in plan._repr_html_()

    def test_every_kind_of_source(self, service):
        service.add("pars-works", "parameters: {p0: 1}\n")
        Path("p.yaml").write_text("parameters: {}\nsteps: {a: {p1: 1}}\n")
        pipe = Pipe.configured("data", config_file="p.yaml", steps={"a": {"p2": 1}})
        pipe.a.p3 = 1
        sources = {name: source for name, (_, source) in pipe.parameter_sources()["steps"]["a"].items()}
        assert [sources[f"p{number}"] for number in range(5)] == [
            "crds:pars-works.yaml",
            f"file:{Path('p.yaml').resolve()}",
            "keyword",
            "attribute",
            "default",
        ]
        typed = Step.from_cmdline([PIPE, "--z=3", "--save_results=false"])
        assert typed.parameter_sources()["z"] == (3.0, "command line")


class TestFiles:
    """Formats of parameter files (§7)."""

    @pytest.mark.parametrize("strip", ["class", "parameters"])
    @pytest.mark.parametrize("where", ["top", "steps"])
    def test_what_the_schema_requires(self, strip, where):
        Pipe().export_config("p.asdf")
        tree = _tree("p.asdf")
        _validate_asdf(asdf.AsdfFile(tree))
        del (tree if where == "top" else tree["steps"][0])[strip]
        with pytest.raises(asdf.exceptions.ValidationError, match=strip):
            _validate_asdf(asdf.AsdfFile(tree))

    def test_metadata_template(self):
        before = datetime.datetime.now(datetime.UTC).replace(microsecond=0, tzinfo=None)
        Pipe().export_config("p.asdf", include_metadata=True)
        meta = _tree("p.asdf")["meta"]
        after = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        assert before <= datetime.datetime.fromisoformat(meta["date"]) <= after
        assert PIPE in meta["description"]
        blank = {name for name, value in meta.items() if value == "<SPECIFY>"}
        assert blank == {"author", "origin", "pedigree", "reftype", "telescope", "useafter"}
        assert meta["instrument"] == {"name": "<SPECIFY>"}

    @pytest.mark.parametrize("name", META)
    @pytest.mark.parametrize("value", [None, "<SPECIFY>", "at <SPECIFY> time"])
    def test_every_field_of_the_metadata_has_to_be_filled_in(self, name, value):
        meta: dict[str, Any] = {**dict.fromkeys(META, "known"), "instrument": {"name": "MIRI"}}
        meta |= {"date": "2026-01-01T00:00:00", "useafter": "2026-01-01T00:00:00"}
        tree = {"class": "x", "name": "x", "parameters": {}, "meta": meta}
        schema = "http://stsci.edu/schemas/stpipe/step_config_with_metadata-1.0.0"
        _validate_asdf(asdf.AsdfFile(tree), schema)
        owner, key = (meta["instrument"], "name") if name == "instrument" else (meta, name)
        owner.pop(key) if value is None else owner.update({key: value})
        with pytest.raises(asdf.exceptions.ValidationError):
            _validate_asdf(asdf.AsdfFile(tree), schema)

    def test_ini_with_a_file_for_a_step(self):
        Path("other.cfg").write_text("name = a\nx = 8\np1 = 8\n")
        Path("p.cfg").write_text(
            f"name = mine\nclass = {PIPE}\nz = 3\n[steps]\n[[a]]\nconfig_file = other.cfg\nx = 9\n"
        )
        for pipe in (Step.from_config_file("p.cfg"), Pipe.configured(config_file="p.cfg")):
            assert (pipe.name, pipe.z, pipe.a.x, pipe.a.p1, pipe.b.x) == ("mine", 3.0, 9.0, 8.0, 0.0)

    @pytest.mark.parametrize(
        "text",
        [
            "steps: {a: {x: 9}}",
            "steps:\n- {name: a, parameters: {x: 9}}",
            "parameters: {}\nsteps: {a: {x: 9}}",
            f"steps:\n- step: other\n- step: {PIPE}\n  in: {{steps: {{a: {{x: 9}}}}}}",
        ],
        ids=["only steps", "only steps as a list", "no class", "recipe"],
    )
    def test_yaml_for_a_class_that_is_known(self, text):
        Path("p.yaml").write_text(f"{text}\n")
        assert Pipe.configured(config_file="p.yaml").a.x == 9.0
        assert Pipe.from_config_file("p.yaml").a.x == 9.0

    def test_steps_without_names_get_the_key_of_their_class(self):
        single = type("Single", (Pipe,), {"step_defs": {"a": Works}})
        Path("p.yaml").write_text(f"steps:\n- {{class: {__name__}.Works, parameters: {{x: 9}}}}\n")
        assert single.configured(config_file="p.yaml").a.x == 9.0
        with pytest.raises(ValidationError, match="fits several sub-steps of Pipe.*one of: a, b"):
            Pipe.configured(config_file="p.yaml")
        Path("p.yaml").write_text("steps:\n- {class: x.Nothing, parameters: {x: 9}}\n")
        with pytest.raises(ValidationError, match="fits no sub-step of Pipe.*one of: a, b"):
            Pipe.configured(config_file="p.yaml")


def _tree(path: str) -> dict[str, Any]:
    with asdf.open(path) as file:
        return {
            name: value for name, value in copy.deepcopy(file.tree).items() if name not in ("asdf_library", "history")
        }
