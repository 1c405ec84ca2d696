"""Statements of the specification: the resource graph (spec running.md §5)."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import subprocess
import sys
import threading
import time

import pytest

import stpipe
from stpipe import Param, Step
from stpipe.engine import CancelToken, cancellable, checkpoint
from stpipe.events import listening
from stpipe.exceptions import (
    CanceledError,
    CycleError,
    MissingResourceError,
    ProvidesError,
    RunError,
    StepNotFoundError,
)
from stpipe.graph import Graph, add_resources, current_graph, resource, step
from stpipe.policy import Policy


@pytest.fixture
def graph():
    """The current graph of a test."""
    with Graph() as entered:
        yield entered


@pytest.fixture
def ran():
    """Names of the steps that ran."""
    return []


@pytest.fixture
def example(graph, ran):
    """The steps of the worked example."""

    @step(provides="total")
    async def default_total():
        ran.append("default_total")
        return 100

    @step(provides="mean")
    async def mean(total, count):
        ran.append("mean")
        return total / count

    @step(provides="excess")
    def excess(total, count):
        ran.append("excess")
        return total % count

    @step(provides=("upper", "lower"))
    async def limits(mean, excess):
        ran.append("limits")
        return mean + excess, mean - excess

    @step()
    async def summary(total, mean, excess):
        ran.append("summary")
        return total, mean, excess

    return limits, summary


def run(awaitable):
    """Run a coroutine in a loop of its own, of which nothing is left behind."""

    async def main():
        value = await awaitable
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return value

    return asyncio.run(main())


def calls(name, ran, *, value=None, seconds=0.0, error=None):
    """Coroutine function that notes that it ran, waits, and returns or raises."""

    async def function():
        ran.append(name)
        await asyncio.sleep(seconds)
        if error is not None:
            raise error
        return name if value is None else value

    function.__name__ = name
    return function


WORKED_EXAMPLE = """
import asyncio
from stpipe.graph import step, resource, add_resources

@step(provides="total")
async def default_total():
    print("default_total"); return 100

@step(provides="mean")
async def mean(total, count):
    print("mean"); return total / count

@step(provides="excess")
def excess(total, count):                       # ordinary functions work too
    print("excess"); return total % count

@step(provides=("upper", "lower"))
async def limits(mean, excess):
    print("limits"); return mean + excess, mean - excess

@step()
async def summary(total, mean, excess):
    print("summary"); return total, mean, excess

async def main():
    add_resources(total=38)                     # default_total will not run
    print(await summary(count=4))               # mean and excess in either order, summary, (38, 9.5, 2)
    print(await resource("count"))              # 4
    print(await limits())                       # only limits, then (11.5, 7.5)

asyncio.run(main())
"""


def test_the_worked_example():
    done = subprocess.run([sys.executable, "-c", WORKED_EXAMPLE], capture_output=True, text=True, check=True)
    lines = done.stdout.split("\n")
    assert sorted(lines[:2]) == ["excess", "mean"]
    assert lines[2:] == ["summary", "(38, 9.5, 2)", "4", "limits", "(11.5, 7.5)", ""]
    assert done.stderr == ""


def test_names_come_lazily_from_the_package():
    assert stpipe.Graph is Graph
    assert stpipe.resource is resource
    assert stpipe.add_resources is add_resources
    code = "import stpipe, sys; print('stpipe.graph' in sys.modules, 'asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_G1_functions_and_step_classes_are_registered(graph, fakes, workdir):
    class Doubled(fakes.FakeStep):
        requires = ("raw",)
        provides = "twice"

        def process(self, model):
            return fakes.FakeModel(value=2 * model.value + self.par)

    @graph.step(provides="raw")
    async def raw():
        return fakes.FakeModel("x.fits", 1.0)

    @step(provides=())
    def nothing(twice):
        return threading.current_thread().name, twice.value

    graph.add_step(Doubled, par=5)
    name, value = run(nothing())
    assert value == 7.0
    assert name.startswith("stpipe-graph")
    assert run(graph.resource("twice")).meta.filename is None


def test_G1_add_step_takes_names_parameters_and_aliases(graph, fakes, workdir):
    (workdir / "a.json").write_text('{"value": 1.0}')
    total = graph.add_step(fakes.FakeStep, requires="uncal", provides="rate", par=4)
    again = graph.add_step(fakes.FakeStep, provides="again")
    assert (total.provides, [name for name, _ in again.wants]) == (("rate",), ["init"])
    graph.add_resources(uncal="a.json")
    assert run(graph.resource("rate")).value == 5.0
    assert run(again(init="a.json")).value == 4.0
    assert graph.add_step("jwst::jump", requires="ramp", provides="jumps").name == "jump"
    with pytest.raises(StepNotFoundError, match="did you mean 'jump'"):
        graph.add_step("jumpp")
    for wrong in (3, dict):
        with pytest.raises(TypeError, match="Step class"):
            graph.add_step(wrong)
    for wrong in (3, dict):
        with pytest.raises(TypeError, match="graph.add_step"):
            graph.step(wrong)


@pytest.mark.parametrize("provides", [3, ("a", 3), ("",)])
def test_G1_names_are_texts(graph, provides):
    with pytest.raises(TypeError, match="provides must be a name"):
        graph.step(lambda: 1, provides=provides)
    with pytest.raises(ValueError, match="twice: a, a"):
        graph.step(lambda: 1, provides=("a", "a"))


def test_G1_a_function_that_returns_a_coroutine_is_awaited(graph):
    async def later(x):
        await asyncio.sleep(0)
        return x + 1

    graph.step(lambda x: later(x), provides="y")
    graph.add_resources(x=1)
    assert run(graph.resource("y")) == 2


def test_G1_parameters_by_name_only_are_wanted_too(graph):
    @step(provides="c")
    async def c(a, /, *rest, b, **more):
        return a, rest, b, more

    assert run(c(a=1, b=2)) == (1, (), 2, {})


def test_G2_given_values_are_preset_and_the_bare_value_comes_back(example, graph):
    _, summary = example
    assert run(summary(count=4, total=38)) == (38, 9.5, 2)
    assert graph.ready("count")

    @step(provides="single")
    async def single(count):
        return [count]

    assert run(single()) == [4]


def test_G3_what_is_present_is_not_produced_again(example, ran):
    limits, _ = example
    run(limits(count=3, mean=10.0))
    run(limits(excess=1))
    assert ran == ["default_total", "excess", "limits", "limits"]


def test_G4_two_resources_of_one_step_are_both_stored(example, graph, ran):
    limits, _ = example
    assert run(limits(total=38, count=4)) == (11.5, 7.5)
    assert (run(resource("upper")), run(resource("lower"))) == (11.5, 7.5)
    assert ran.count("limits") == 1


def test_G5_a_resource_is_computed_if_needed(example, ran):
    add_resources(count=8)
    assert run(resource("mean")) == 12.5
    assert run(resource("mean")) == 12.5
    assert ran == ["default_total", "mean"]


def test_G6_presets_replace_and_discard_what_was_computed_from_them(example, graph, ran):
    limits, _ = example
    assert run(limits(total=38, count=4)) == (11.5, 7.5)
    add_resources(mean=1.0)
    assert not graph.ready("upper")
    assert graph.ready("excess")
    assert run(resource("upper")) == 3.0
    assert run(limits(count=5)) == (4.0, -2.0)  # the mean stays preset, the excess is new
    assert ran.count("excess") == 2
    add_resources(upper=0)
    assert run(resource("lower")) == -2.0


def test_G6_a_value_given_for_an_optional_resource_counts_too(graph):
    @step(provides="scaled")
    async def scaled(x, factor=2):
        return x * factor

    assert run(scaled(x=3)) == 6
    add_resources(factor=5)
    assert run(resource("scaled")) == 15


def test_G6_a_preset_during_a_run_leaves_that_run_consistent(graph, ran):
    async def slow(base):
        ran.append(base)
        await asyncio.sleep(0.02)
        return base

    graph.step(slow, provides="slow")

    @step()
    async def both(base, slow):
        return base, slow

    async def main():
        first = asyncio.ensure_future(both(base=1))
        await asyncio.sleep(0.01)
        second = asyncio.ensure_future(both(base=2))
        assert await asyncio.gather(first, second) == [(1, 1), (2, 2)]
        assert await resource("slow") == 2

    run(main())
    assert ran == [1, 2]


def test_G7_a_second_call_runs_only_what_is_missing(example, ran):
    limits, summary = example
    run(summary(total=38, count=4))
    del ran[:]
    run(limits())
    assert ran == ["limits"]


def test_G8_a_shared_prerequisite_runs_once(graph, ran):
    graph.step(calls("base", ran, value=1, seconds=0.01), provides="base")
    graph.step(lambda base: base + 1, provides="left")
    graph.step(lambda base: base + 2, provides="right")
    graph.step(lambda left, right: left + right, provides="both")
    assert run(resource("both")) == 5
    assert ran == ["base"]


def test_G8_two_concurrent_calls_share_what_is_in_flight(graph, ran):
    graph.step(calls("base", ran, value=1, seconds=0.02), provides="base")
    graph.step(lambda base: base + 1, provides="left")
    graph.step(lambda base: base + 2, provides="right")

    async def main():
        first = asyncio.ensure_future(resource("left"))
        await asyncio.sleep(0.01)
        return await asyncio.gather(first, resource("right"), resource("base"))

    assert run(main()) == [2, 3, 1]
    assert ran == ["base"]


def test_G8_calls_from_two_event_loops_share_it_too(graph, ran):
    graph.step(calls("base", ran, value=1, seconds=0.05), provides="base")

    @graph.step(provides="next")
    async def after(base):
        return base + 1

    results = []
    threads = [threading.Thread(target=lambda: results.append(graph.run("next"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [2, 2, 2]
    assert ran == ["base"]


def test_G8_a_loop_that_ends_leaves_its_steps_to_the_other_calls(graph, ran):
    graph.step(calls("base", ran, value=1, seconds=0.08), provides="base")
    graph.step(lambda base: base + 1, provides="next")

    async def ends_early():
        task = asyncio.ensure_future(graph.resource("base"))
        await asyncio.sleep(0.04)
        assert len(ran) == 1
        return task  # the loop ends now, and cancels all its tasks

    results = []
    other = threading.Thread(target=lambda: (time.sleep(0.02), results.append(graph.run("next"))))
    other.start()
    asyncio.run(ends_early())
    other.join()
    assert results == [2]
    assert ran == ["base", "base"]


def test_G9_independent_steps_overlap(graph):
    for name in "ab":
        graph.step(calls(name, [], seconds=0.2), provides=name)
    graph.step(lambda: time.sleep(0.2), provides="c")
    graph.step(lambda: time.sleep(0.2), provides="d")
    both = graph.step(lambda a, b, c, d: (a, b, c, d))
    started = time.perf_counter()
    assert run(both()) == ("a", "b", None, None)
    assert 0.2 <= time.perf_counter() - started <= 0.3


def test_G9_a_step_starts_as_soon_as_its_own_prerequisites_are_there(graph, ran):
    graph.step(calls("slow", ran, seconds=0.1), provides="slow")
    graph.step(calls("quick", ran, seconds=0.01), provides="quick")

    @step(provides="after_quick")
    async def after_quick(quick):
        ran.append("after_quick")
        await asyncio.sleep(0.02)
        ran.append("end of after_quick")

    @step()
    async def last(slow, after_quick):
        ran.append("last")

    started = time.perf_counter()
    run(last())
    assert time.perf_counter() - started < 0.15
    assert ran[2:] == ["after_quick", "end of after_quick", "last"]


def test_G9_no_more_functions_at_once_than_workers():
    graph, running, most = Graph(workers=2), [], []

    def work():
        running.append(1)
        most.append(len(running))
        time.sleep(0.01)
        running.pop()

    for place in range(6):
        graph.step(lambda: work(), provides=f"r{place}")
    run(graph.step(lambda r0, r1, r2, r3, r4, r5: None)())
    assert max(most) == 2
    with pytest.raises(ValueError, match="at least 1"):
        Graph(workers=0)


def test_G10_every_missing_resource_is_named_before_anything_runs(example, ran):
    limits, summary = example
    with pytest.raises(MissingResourceError) as caught:
        run(summary())
    assert "'count' (wanted by mean, excess)" in str(caught.value) or "'count' (wanted by excess, mean)" in str(
        caught.value
    )

    @step()
    async def more(count, mean, light, dark):
        return None

    with pytest.raises(MissingResourceError, match=r"'count' \(wanted by more, mean\), 'light'.*'dark' \(wanted by mo"):
        run(more())
    with pytest.raises(MissingResourceError, match="'nobody'"):
        run(resource("nobody"))
    assert ran == []
    assert issubclass(MissingResourceError, RunError)


def test_G10_defaults_make_a_resource_optional(graph):
    @step(provides="y")
    async def y(x, factor=2, *, offset=1):
        return x * factor + offset

    assert run(y(x=3)) == 7
    graph.step(lambda: 10, provides="offset")
    graph.clear()
    assert run(y(x=3)) == 16


def test_G11_a_cycle_is_an_error_before_anything_runs(graph, ran):
    graph.step(calls("start", ran), provides="start")
    graph.step(lambda b, start: 1, provides="a")
    graph.step(lambda a, start: 1, provides="b")
    user = graph.step(lambda start, a: 2)
    for way, text in [(resource("a"), "a -> b -> a"), (resource("b"), "b -> a -> b"), (user(), "a -> b -> a")]:
        with pytest.raises(CycleError) as caught:
            run(way)
        assert str(caught.value) == text
    graph.step(lambda own: own, provides="own")
    with pytest.raises(CycleError, match="^own -> own$"):
        run(resource("own"))
    assert ran == []
    assert run(user(b=1)) == 2  # a preset breaks it


def test_G11_a_step_that_asks_for_what_waits_for_it_is_an_error(graph):
    @step(provides="a")
    async def a():
        return await resource("b")

    graph.step(lambda a: a, provides="b")
    for name in "ab":
        with pytest.raises(CycleError, match="a -> b -> a"):
            run(asyncio.wait_for(resource(name), 5))

    @step(provides="c")
    def c():
        return asyncio.run(resource("d"))

    @step(provides="d")
    async def d():
        return await resource("c")

    with pytest.raises(CycleError):
        run(asyncio.wait_for(resource("c"), 5))


def test_G11_a_step_may_ask_for_anything_else(graph):
    graph.step(calls("x", [], value=1, seconds=0.01), provides="x")

    @step(provides="y")
    async def y():
        return sum(await asyncio.gather(resource("x"), resource("x"))) + await resource("x")

    @step(provides="z")
    def z(y):
        return graph.run("x") + y

    assert run(resource("z")) == 4


@pytest.mark.parametrize("kind", ["coroutine", "function"])
def test_G12_the_exception_of_a_provider_comes_out_and_siblings_are_cancelled(graph, ran, kind):
    error = KeyError("broken")
    ended = []

    async def sibling():
        ran.append("sibling")
        try:
            await asyncio.sleep(5)
        finally:
            await asyncio.sleep(0.01)
            ended.append("sibling")

    def broken():
        ran.append("broken")
        if ran.count("broken") == 1:
            time.sleep(0.01)
            raise error
        return 1

    async def broken_too():
        await asyncio.sleep(0.01)
        return broken()

    graph.step(sibling, provides="sibling")
    graph.step(broken if kind == "function" else broken_too, provides="broken")
    graph.step(lambda broken: broken, provides="after")
    both = graph.step(lambda sibling, after: after)
    with pytest.raises(KeyError) as caught:
        run(both())
    assert caught.value is error
    assert ended == ["sibling"]
    assert not any(graph.ready(name) for name in ("broken", "after", "sibling"))
    assert run(both(sibling=0)) == 1
    assert ran.count("broken") == 2


def test_G12_calls_that_do_not_need_it_go_on(graph, ran):
    graph.step(calls("good", ran, seconds=0.03), provides="good")
    graph.step(calls("bad", ran, seconds=0.01, error=ValueError("bad")), provides="bad")
    both = graph.step(lambda good, bad: None)

    async def main():
        return await asyncio.gather(both(), resource("bad"), resource("good"), return_exceptions=True)

    first, second, third = run(main())
    assert isinstance(first, ValueError)
    assert second is first
    assert third == "good"
    assert sorted(ran) == ["bad", "good"]


def test_G13_a_call_of_a_step_whose_resources_are_present_returns_them(example, ran):
    limits, _ = example
    run(limits(total=38, count=4))
    del ran[:]
    assert run(limits()) == (11.5, 7.5)
    assert run(limits(upper=1, lower=2)) == (1, 2)
    single = step(calls("single", ran), provides="one")
    assert run(single(one=5)) == 5
    assert ran == []


@pytest.mark.parametrize("returned", [(1, 2, 3), [1, 2, 3], 5, "ab", None])
@pytest.mark.parametrize("coroutine", [True, False])
def test_G14_wrong_number_of_values(graph, returned, coroutine):
    async def later():
        return returned

    function = later if coroutine else lambda: returned
    function.__name__ = "x"
    graph.step(function, provides=("p", "q"))
    got = len(returned) if isinstance(returned, tuple | list) else 1
    for name in "pq":
        with pytest.raises(ProvidesError) as caught:
            run(resource(name))
        assert str(caught.value) == f"x should return 2 values, got {got}"
        assert not graph.ready(name)


def test_G14_one_resource_may_be_a_tuple(graph):
    graph.step(lambda: (1, 2), provides=("pair",))
    assert run(resource("pair")) == (1, 2)


def test_G15_the_first_provider_is_used(graph, ran, caplog):
    graph.step(calls("first", ran), provides="x")
    second = graph.step(calls("second", ran), provides=("x",))
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings] == [
        "'x' is provided by step first already, and second is not used for it; replace=True would take over"
    ]
    assert run(resource("x")) == "first"
    graph.step(calls("third", ran), provides="x", replace=True)
    assert run(resource("x")) == "third"
    assert len(warnings) == 1
    graph.clear()
    assert run(second()) == "second"


def test_G16_a_step_runs_for_the_resource_that_is_missing(example, ran):
    limits, _ = example
    add_resources(total=38, count=4, upper=0)
    assert run(resource("lower")) == 7.5
    assert run(resource("upper")) == 0
    assert ran.count("limits") == 1
    assert run(limits()) == (0, 7.5)


def test_G17_cancelling_the_call_cancels_providers(graph, ran):
    stopped = []

    async def slow():
        ran.append("slow")
        try:
            await asyncio.sleep(5 if len(ran) == 1 else 0)
        except asyncio.CancelledError:
            stopped.append("slow")
            raise
        return 1

    graph.step(slow, provides="slow")
    last = graph.step(lambda slow: slow + 1, provides="last")

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(last(), 0.02)
        assert stopped == ["slow"]
        assert not graph.ready("slow")
        return await last()

    assert run(main()) == 2
    assert ran == ["slow", "slow"]


def test_G17_one_of_two_calls_that_share_a_provider_is_cancelled(graph, ran):
    graph.step(calls("base", ran, value=1, seconds=0.04), provides="base")
    graph.step(calls("other", ran, seconds=5), provides="other")
    left = graph.step(lambda base, other: base)
    graph.step(lambda base: base + 2, provides="right")

    async def main():
        first = asyncio.ensure_future(left())
        await asyncio.sleep(0.01)
        second = asyncio.ensure_future(resource("right"))
        await asyncio.sleep(0.01)
        first.cancel()
        assert await second == 3
        assert first.cancelled()

    started = time.perf_counter()
    run(main())
    assert time.perf_counter() - started < 1
    assert sorted(ran) == ["base", "other"]


def test_G17_a_function_stops_at_its_checkpoint(graph):
    seen = []

    def works():
        try:
            for _ in range(500):
                time.sleep(0.01)
                checkpoint()
        except CanceledError as error:
            seen.append(str(error))
            raise

    graph.step(works, provides="x")

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(resource("x"), 0.03)
        assert seen == ["works is no longer wanted"]
        assert not graph.ready("x")

    run(main())


def test_G17_the_token_around_a_call_reaches_functions(graph):
    token = CancelToken()

    def works():
        token.cancel(CanceledError("stop"))
        checkpoint()

    graph.step(works, provides="x")
    with cancellable(token), pytest.raises(CanceledError, match="stop"):
        run(resource("x"))


def test_G17_a_second_cancellation_does_not_wait(graph):
    release = threading.Event()
    graph.step(lambda: release.wait(5), provides="x")

    async def main():
        task = asyncio.ensure_future(resource("x"))
        for _ in range(2):
            await asyncio.sleep(0.02)
            assert not task.done()
            task.cancel()
        await asyncio.sleep(0.02)
        assert task.cancelled()
        release.set()

    run(main())
    assert not graph.ready("x")


def test_G17_a_step_that_swallows_its_cancellation_stores_nothing(graph):
    async def stubborn():
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            return "kept going"

    graph.step(stubborn, provides="x")

    async def main():
        task = asyncio.ensure_future(resource("x"))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(main())
    assert not graph.ready("x")


def test_G18_positional_arguments_bind_in_order(graph):
    @step(provides="z")
    async def z(x, y):
        return x - y

    assert run(z(5, 3, other=1)) == 2
    assert run(resource("other")) == 1
    with pytest.raises(TypeError, match="takes 2 positional arguments, got 3"):
        run(z(1, 2, 3))
    with pytest.raises(TypeError, match="x both by position and by name"):
        run(z(1, x=2))


def test_G19_ready_clear_and_plan(example, graph, ran):
    limits, summary = example
    graph.clear()
    add_resources(count=4)
    assert sorted(graph.plan("upper")[1:3]) == ["excess", "mean"]
    assert graph.plan("upper")[::3] == ["default_total", "limits"]
    assert graph.plan(summary)[-1] == "summary"
    assert ran == []
    assert not graph.ready("upper")
    run(limits())
    assert graph.ready("upper")
    assert graph.plan("upper") == graph.plan(limits) == []
    graph.clear()
    assert (graph.ready("upper"), graph.ready("total"), graph.ready("count")) == (False, False, True)
    with pytest.raises(MissingResourceError):
        graph.plan("nobody")


def test_G19_clear_during_a_run_does_not_disturb_it(graph, ran):
    graph.step(calls("base", ran, value=1, seconds=0.03), provides="base")
    graph.step(lambda base: base + 1, provides="next")

    async def main():
        first = asyncio.ensure_future(resource("next"))
        await asyncio.sleep(0.01)
        graph.clear()
        assert await first == 2
        assert not graph.ready("base")
        assert await resource("next") == 2

    run(main())
    assert ran == ["base", "base"]


def test_G19_mermaid(example, graph):
    add_resources(total=38)
    graph.step(lambda upper, scale=1: 0, provides="mean")
    text = graph.mermaid()
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "flowchart LR"
    count = next(line.split("(")[0] for line in lines if line.endswith('(["count"])'))
    assert f"{count} --> s1" in lines  # the mean
    assert 'r0(["total"])' in lines
    assert 's0["default_total"]' in lines
    assert "s0 --> r0" in lines
    assert [line for line in lines if line.endswith("-.-> s5")] != []
    assert [line for line in lines if line.startswith("s5 -->")] == []  # not used for the mean
    assert lines[-1] == "class r0 present"


def test_G19_graphs_are_independent(graph):
    x = graph.step(lambda: 1, provides="x")
    assert run(graph.resource("x")) == 1
    other = Graph(steps_from=graph)
    assert not other.ready("x")
    other.step(lambda: 2, provides="x", replace=True)
    assert run(other.resource("x")) == 2
    assert run(graph.resource("x")) == 1
    with Graph() as third:
        assert current_graph() is third
        with pytest.raises(MissingResourceError):
            run(resource("x"))
        assert run(x()) == 1  # a step of another graph acts on that
        with other:
            assert run(x()) == 2
            assert run(resource("x")) == 2
        assert current_graph() is third
    assert current_graph() is graph


def test_G19_the_current_graph_is_local_to_its_context():
    first, second = Graph(), Graph()
    first.add_resources(x=1)
    second.add_resources(x=2)

    async def ask(graph):
        with graph:
            await asyncio.sleep(0.01)
            return await resource("x")

    async def main():
        return await asyncio.gather(ask(first), ask(second), ask(first))

    assert run(main()) == [1, 2, 1]


def test_G20_a_chain_of_5000_steps():
    graph = Graph()
    graph.add_resources(r0=0)
    space = {}
    for place in range(5000):
        kind = "async def" if place % 1000 else "def"
        exec(f"{kind} f(r{place}): return r{place} + 1", space)
        graph.step(space["f"], provides=f"r{place + 1}")
    assert run(graph.resource("r5000")) == 5000
    assert len(graph.plan("r5000")) == 0
    graph.clear()
    assert len(graph.plan("r5000")) == 5000

    async def cancelled():
        again = Graph(steps_from=graph)
        again.step(calls("wait", [], seconds=5), provides="r0")
        task = asyncio.ensure_future(again.resource("r5000"))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(cancelled())


def test_G21_steps_emit_events_of_the_target_graph(graph, fakes, workdir):
    graph.step(calls("base", [], value=fakes.FakeModel("x.fits")), provides="base")
    graph.step(lambda base: 1 / 0, provides="broken")
    graph.add_step(fakes.FakeStep, requires="base", provides="done")
    seen = []
    with listening(seen.append):
        run(resource("done"))
        with pytest.raises(ZeroDivisionError):
            run(resource("broken"))
    one = ["step_start", "step_target_start", "step_target_success", "step_end"]
    assert [event.event for event in seen] == [*one, *one, *one[:2], "step_target_error", "step_end"]
    assert [event.step for event in seen] == ["base"] * 4 + ["fake_step"] * 4 + ["<lambda>"] * 4
    assert {event.target for event in seen} == {"graph"}
    assert [event.counter for event in seen] == list(range(1, 13))
    assert seen[-2].event_data["exception"]["type"] == "ZeroDivisionError"
    assert {event.parent_uuid for event in seen} == {None}


def test_G21_a_graph_runs_without_a_loop_and_inside_one(graph):
    @graph.step(provides="y")
    async def y(x):
        return x + 1

    assert graph.run("y", x=1) == 2

    async def main():
        return graph.run("y", x=2)

    assert run(main()) == 3
    with pytest.raises(MissingResourceError):
        run(asyncio.to_thread(graph.run, "z"))


VARIABLE = contextvars.ContextVar("variable", default=0)


def test_steps_see_the_context_of_their_call_and_do_not_change_it(graph):
    @step(provides="a")
    async def a():
        VARIABLE.set(VARIABLE.get() + 1)
        return VARIABLE.get()

    @step(provides="b")
    def b(a):
        VARIABLE.set(VARIABLE.get() + 10)
        return a, VARIABLE.get()

    @step(provides="c")
    async def c(b):
        return *b, VARIABLE.get()

    async def main():
        VARIABLE.set(5)
        return await resource("c"), VARIABLE.get()

    assert run(main()) == ((6, 15, 5), 5)


def test_a_timeout_inside_a_step_is_its_own(graph):
    @step(provides="a")
    async def a():
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(5)
        except TimeoutError:
            return "in time"

    graph.step(calls("b", []), provides="b")
    assert run(step(lambda a, b: a + b)()) == "in timeb"


def test_a_step_that_raises_the_cancellation_itself_fails_its_call(graph):
    @step(provides="a")
    async def a():
        raise asyncio.CancelledError

    async def main():
        with pytest.raises(asyncio.CancelledError):
            await resource("a")

    run(main())
    assert not graph.ready("a")


def test_parameters_of_a_step_class_are_resolved_as_by_call(graph, fakes, workdir):
    class Plain(Step):
        output_ext = Param(".fits", "extension")
        par = Param(1, "a number", ge=0)

        def process(self, x, y=2):
            return x + y + self.par

    (workdir / "plain.yaml").write_text("class: Plain\nname: Plain\nparameters: {par: 7}\n")
    graph.add_step(Plain, provides="z", config_file="plain.yaml")
    assert graph.run("z", x=1) == 10
    graph.add_step(Plain, provides="bad", par=-1)
    with pytest.raises(ValueError, match="par"):
        graph.run("bad")


def _events_of(runner):
    return [(event.event, event.step, event.target) for event in runner.events]


def test_G21_a_run_of_a_graph():
    graph = Graph()

    @graph.step(provides="rate")
    async def rate(uncal):
        return uncal + 1

    @graph.step(provides="mean")
    def mean(rate):
        return rate / 2

    runner = stpipe.run(graph, "mean", context={"uncal": 3})
    assert (runner.status, runner.rc, runner.result) == ("successful", 0, 2)
    block = ["step_start", "step_target_start", "step_target_success", "step_end"]
    assert _events_of(runner) == [
        ("run_start", None, None), ("target_before_open", None, "graph"), ("target_open", None, "graph"),
        *((event, step, "graph") for step in ("rate", "mean") for event in block),
        ("target_close", None, "graph"), ("run_stats", None, None),
    ]  # fmt: skip
    assert runner.stats["ok"] == {"graph": 2}
    again = stpipe.run(graph, "mean")
    assert (again.result, again.stats["ok"]) == (2, {})


@pytest.mark.parametrize("is_async", [True, False])
def test_G21_steps_obey_a_policy(is_async):
    graph, calls = Graph(), []

    def flaky(uncal):
        calls.append(uncal)
        if len(calls) < 3:
            raise OSError("not yet")
        return len(calls)

    async def flaky_coroutine(uncal):
        return flaky(uncal)

    graph.step(flaky_coroutine if is_async else flaky, provides="rate")
    runner = stpipe.run(graph, "rate", context={"uncal": 3}, policy=Policy(retries=3))
    assert (runner.status, runner.result, len(calls)) == ("successful", 3, 3)
    counted = (event for event in runner.events if "retry_count" in event.event_data)
    told = [(event.event, event.event_data["retry_count"]) for event in counted]
    assert told == [("step_target_retry", 1), ("step_target_retry", 2), ("step_target_success", 2)]
    graph.clear()
    calls.clear()
    failed = stpipe.run(graph, "rate", policy=Policy(retries=1))
    assert (failed.status, failed.rc, str(failed.exception), len(calls)) == ("failed", 2, "not yet", 2)
    assert failed.stats["failed"] == {"graph": 1}
    assert [event.event for event in failed.events].count("step_target_start") == 1


def test_G21_time_of_an_attempt_and_of_the_run():
    graph = Graph()

    @graph.step(provides="never")
    async def never():
        await asyncio.sleep(10)

    started = time.monotonic()
    late = stpipe.run(graph, "never", policy=Policy(timeout=0.05))
    assert (late.status, type(late.exception).__name__) == ("failed", "RunTimeoutError")
    stopped = stpipe.run(graph, "never", timeout=0.05)
    assert (stopped.status, stopped.rc) == ("timeout", 254)
    assert time.monotonic() - started < 2
    assert not graph.ready("never")


@pytest.mark.parametrize(
    ("inputs", "keywords", "text"),
    [
        ("nothing", {}, "nothing"),
        (3, {}, "name of the wanted resource"),
        ("rate", {"gain": 2}, "context="),
    ],
)
def test_G21_a_run_that_cannot_start(inputs, keywords, text):
    graph = Graph()
    graph.step(lambda uncal: uncal, provides="rate")
    runner = stpipe.run(graph, inputs, **keywords)
    assert (runner.status, runner.rc) == ("failed", 4)
    assert text in str(runner.exception)
