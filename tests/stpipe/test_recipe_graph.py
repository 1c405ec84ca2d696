"""Recipes and graphs share names (running.md G22)."""

from __future__ import annotations

import pytest

import stpipe
from stpipe.exceptions import ContextKeyError, MissingResourceError
from stpipe.graph import Graph


@pytest.fixture
def graph():
    """The current graph: ``mean`` and ``excess`` of ``total`` and ``count``; ``graph.calls`` are the steps that ran."""
    graph = Graph()
    graph.calls = []

    @graph.step(provides="mean")
    async def mean(total, count):
        graph.calls.append("mean")
        return total / count

    @graph.step(provides="report")
    def report(mean, title="none"):
        graph.calls.append("report")
        return f"{title}: {mean}"

    with graph:
        yield graph


def test_G22_an_entry_pulls_what_it_requires(recipes, graph):
    text = "steps:\n- {step: set, requires: [report], in: {set: {text: '{report}!'}}}\n"
    context = recipes.run(text, dict_in={"total": 6, "count": 4, "title": "t"})
    assert (context["text"], context["mean"], graph.calls) == ("t: 1.5!", 1.5, ["mean", "report"])
    assert not graph.ready("mean")


def test_G22_an_entry_satisfies_a_step(recipes, here, graph):
    here.halve = lambda context: 0.5
    text = "steps:\n- {step: here.halve, provides: mean}\n- {step: echo, requires: report, in: {text: '{report}'}}\n"
    assert recipes.run(text)["report"] == "none: 0.5"
    assert graph.calls == ["report"]


def test_G22_a_new_value_is_seen_and_an_old_one_is_kept(recipes, graph):
    text = """
steps:
- {step: echo, requires: mean, in: {text: '{mean}'}}
- {step: unset, in: {unset: mean}}
- {step: echo, requires: mean, in: {text: '{mean}'}}
- {step: set, in: {set: {total: 8, first: '{mean}'}}}
- {step: unset, in: {unset: mean}}
- {step: echo, requires: [mean], in: {text: '{mean}'}}
"""
    context = recipes.run(text, dict_in={"total": 6, "count": 4})
    assert (context["first"], context["mean"], graph.calls) == (1.5, 2.0, ["mean", "mean"])


def test_G22_values_given_to_the_graph_count(recipes, graph):
    graph.add_resources(total=10, count=5)
    assert recipes.run("steps:\n- {step: echo, requires: mean, in: {text: x}}\n")["mean"] == 2
    recipes.run("steps:\n- {step: echo, requires: mean, in: {text: x}}\n", dict_in={"total": 20})
    assert graph.present() == {"total": 10, "count": 5}


def test_G22_what_cannot_be_had(recipes, graph):
    with pytest.raises(MissingResourceError, match="total"):
        recipes.run("steps:\n- {step: echo, requires: mean, in: {text: x}}\n", dict_in={"count": 1})
    with Graph(), pytest.raises(ContextKeyError, match="has no 'mean'"):
        recipes.run("steps:\n- {step: echo, requires: mean, in: {text: x}}\n")


def test_G22_in_a_run(recipes, graph, tmp_path):
    path = tmp_path / "pull.yaml"
    path.write_text("steps:\n- {step: set, requires: [report], in: {set: {text: '{report}'}}}\n")
    runner = stpipe.run(str(path), context={"total": 3, "count": 2})
    assert (runner.status, runner.context["text"]) == ("successful", "none: 1.5")
    assert [event.step for event in runner.target_events("graph") if event.event == "step_start"] == ["mean", "report"]
