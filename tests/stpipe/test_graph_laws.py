"""Laws of the resource graph: random acyclic graphs, failures and cancellations against a simple model."""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stpipe.graph import Graph

SIZE = 10


class VirtualLoop(asyncio.SelectorEventLoop):
    """Event loop in which waiting takes no time: the clock jumps to the next thing to do."""

    def __init__(self):
        super().__init__(selectors.DefaultSelector())
        self.now = 0.0
        select = self._selector.select

        def jump(timeout=None):
            if timeout:
                self.now += timeout
            return select(0)

        self._selector.select = jump

    def time(self):
        return self.now


def run(coroutine):
    """Run in a loop with virtual time; nothing is left behind."""

    async def main():
        value = await coroutine
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return value

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


@dataclass(frozen=True)
class Spec:
    """A step ``s<i>``: resources it wants, how many it provides, how long it takes, whether it is a coroutine."""

    wants: tuple[str, ...]
    provides: tuple[str, ...]
    seconds: float = 0.0
    coroutine: bool = True


@st.composite
def specs(draw, *, functions=True):
    """Steps that want resources of earlier ones only."""
    found, names = [], []
    for place in range(draw(st.integers(1, SIZE))):
        wants = tuple(draw(st.lists(st.sampled_from(names), unique=True, max_size=4))) if names else ()
        provides = tuple(f"r{place}{letter}" for letter in "ab"[: draw(st.integers(1, 2))])
        coroutine = draw(st.booleans()) if functions else True
        found.append(Spec(wants, provides, draw(st.integers(0, 5)) if coroutine else 0, coroutine))
        names += provides
    return found


class Bench:
    """A graph made of specs, with a record of what its steps did; ``broken`` steps raise, their time over."""

    def __init__(self, steps):
        self.steps = steps
        self.graph = Graph()
        self.log = []
        self.broken = set()
        for place in range(len(steps)):
            self._add(place)

    def _add(self, place):
        spec = self.steps[place]

        def work(*args):
            if place in self.broken:
                self.log.append(("fail", place))
                raise ValueError(place)
            self.log.append(("end", place))
            values = tuple((name, *args) for name in spec.provides)
            return values if len(values) > 1 else values[0]

        async def coroutine(*args):
            self.log.append(("start", place))
            await asyncio.sleep(spec.seconds)
            return work(*args)

        def function(*args):
            self.log.append(("start", place))
            return work(*args)

        space = {"body": coroutine if spec.coroutine else function}
        arguments = ", ".join(spec.wants)
        waits = ("async ", "await ") if spec.coroutine else ("", "")
        exec(f"{waits[0]}def s{place}({arguments}): return {waits[1]}body({arguments})", space)
        self.graph.step(space[f"s{place}"], provides=spec.provides)

    @property
    def names(self):
        return [name for spec in self.steps for name in spec.provides]

    def count(self, what, place):
        return self.log.count((what, place))

    def maker(self, name):
        return next(place for place, spec in enumerate(self.steps) if name in spec.provides)


def value_of(bench, name, presets):
    """What a resource is, worked out afresh: its name and the values of what it is made of."""
    if name in presets:
        return presets[name]
    spec = bench.steps[bench.maker(name)]
    return (name, *(value_of(bench, want, presets) for want in spec.wants))


def needed(bench, name, presents):
    """Steps that have to run."""
    if name in presents:
        return set()
    place = bench.maker(name)
    return {place}.union(*(needed(bench, want, presents) for want in bench.steps[place].wants))


@given(st.data())
def test_each_needed_provider_runs_once_and_after_what_it_wants(data):
    bench = Bench(data.draw(specs()))
    names = data.draw(st.lists(st.sampled_from(bench.names), max_size=3, unique=True))
    presets = {name: ("preset", name) for name in names}
    bench.graph.add_resources(**presets)
    wanted = data.draw(st.lists(st.sampled_from(bench.names), min_size=1, max_size=4))
    plans = [bench.graph.plan(name) for name in wanted]

    async def main():
        return await asyncio.gather(*(bench.graph.resource(name) for name in wanted))

    assert run(main()) == [value_of(bench, name, presets) for name in wanted]
    due = set().union(*(needed(bench, name, presets) for name in wanted))
    assert sorted(bench.log) == sorted([("start", place) for place in due] + [("end", place) for place in due])
    for place in due:
        for want in set(bench.steps[place].wants) - set(presets):
            assert bench.log.index(("end", bench.maker(want))) < bench.log.index(("start", place))
    for name, plan in zip(wanted, plans, strict=True):
        assert {f"s{place}" for place in needed(bench, name, presets)} == set(plan)
        assert len(plan) == len(set(plan))
        for step in plan:
            before = {f"s{bench.maker(want)}" for want in bench.steps[int(step[1:])].wants if want not in presets}
            assert before <= set(plan[: plan.index(step)])


@given(specs(functions=False), st.data())
def test_the_time_taken_is_that_of_the_critical_path(steps, data):
    bench = Bench(steps)
    wanted = data.draw(st.sampled_from(bench.names))

    def length(name):
        spec = steps[bench.maker(name)]
        return spec.seconds + max(map(length, spec.wants), default=0)

    async def main():
        await bench.graph.resource(wanted)
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(length(wanted), abs=1e-6)


@given(st.data())
def test_a_failure_comes_out_and_what_needs_it_does_not_run(data):
    bench = Bench(data.draw(specs()))
    bench.broken = data.draw(st.sets(st.integers(0, len(bench.steps) - 1), min_size=1, max_size=2))
    wanted = data.draw(st.lists(st.sampled_from(bench.names), min_size=1, max_size=3))

    async def main():
        return await asyncio.gather(*(bench.graph.resource(name) for name in wanted), return_exceptions=True)

    for name, outcome in zip(wanted, run(main()), strict=True):
        culprits = needed(bench, name, ()) & bench.broken
        if culprits:
            assert isinstance(outcome, ValueError)
            assert outcome.args[0] in culprits
        else:
            assert outcome == value_of(bench, name, {})
    for place, spec in enumerate(bench.steps):
        makers = set().union(*(needed(bench, want, ()) for want in spec.wants))
        assert not (makers & bench.broken and bench.count("start", place))
        assert not any(bench.graph.ready(name) and not bench.count("end", place) for name in spec.provides)
        assert bench.count("start", place) <= 1 or place in bench.broken
    stored = {bench.maker(name) for name in bench.names if bench.graph.ready(name)}
    bench.broken = set()
    assert run(bench.graph.resource(wanted[0])) == value_of(bench, wanted[0], {})
    assert all(bench.count("end", place) == 1 for place in stored)


@given(st.data())
def test_cancelled_calls_harm_no_other(data):
    bench = Bench(data.draw(specs(functions=False)))
    calls = data.draw(
        st.lists(
            st.tuples(st.sampled_from(bench.names), st.integers(0, 6), st.none() | st.integers(0, 8)),
            min_size=1,
            max_size=5,
        )
    )

    async def one(name, start, patience):
        await asyncio.sleep(start)
        if patience is None:
            return await bench.graph.resource(name)
        with suppress(TimeoutError):
            return await asyncio.wait_for(bench.graph.resource(name), patience + 0.5)

    async def main():
        found = await asyncio.gather(*(one(*call) for call in calls))
        return found, asyncio.get_running_loop().time()

    found, _ = run(main())
    for (name, _, patience), value in zip(calls, found, strict=True):
        if patience is None or value is not None:
            assert value == value_of(bench, name, {})
    for place, spec in enumerate(bench.steps):
        assert bench.count("end", place) <= 1
        assert all(bench.graph.ready(name) == bool(bench.count("end", place)) for name in spec.provides)
        lasting = [name for name, _, patience in calls if patience is None]
        if all(patience is None for _, _, patience in calls):
            assert bench.count("start", place) == (place in set().union(*(needed(bench, n, ()) for n in lasting)))
    assert not bench.graph._flow.table  # nothing is left in flight
    for name in bench.names:  # and the store can go on
        assert run(bench.graph.resource(name)) == value_of(bench, name, {})
    assert all(bench.count("end", place) == 1 for place in range(len(bench.steps)))


def test_calls_from_several_loops_that_end_at_any_time():
    """Threads with short-lived loops share a graph; whatever a call gets is right, and none waits for ever."""
    wants = {place: [place - back for back in (1, 2, 5) if place - back >= 0] for place in range(12)}
    steps = [
        Spec(tuple(f"r{want}a" for want in wants[place]), (f"r{place}a",), 0.002 * (place % 3), place % 4 != 1)
        for place in range(len(wants))
    ]
    bench, random, wrong, ends = Bench(steps), Random(1), [], time.monotonic() + 0.5

    async def one(name, patience):
        with suppress(TimeoutError):
            value = await asyncio.wait_for(bench.graph.resource(name), patience)
            wrong.extend([name] if value != value_of(bench, name, {}) else [])

    async def some():
        names = random.choices(bench.names, k=3)
        tasks = [asyncio.ensure_future(one(name, random.choice([0.001, 0.01, None]))) for name in names]
        if random.random() < 0.3:
            bench.graph.clear()
        if random.random() < 0.3:
            await asyncio.sleep(0.002)  # and leave the tasks to the end of the loop
        else:
            await asyncio.wait_for(asyncio.gather(*tasks), 10)

    def work():
        try:
            while time.monotonic() < ends:
                asyncio.run(some())
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert run(bench.graph.resource("r11a")) == value_of(bench, "r11a", {})
    assert not bench.graph._flow.table


class Model:
    """What a graph holds, by the simplest means: presets, and computed values with all that they were made from."""

    def __init__(self, bench):
        self.bench = bench
        self.presets = {}
        self.computed = {}

    def preset(self, name, value):
        self.presets[name] = value
        self.computed.pop(name, None)
        self.computed = {key: made for key, made in self.computed.items() if name not in made[1]}

    def get(self, name):
        if name in self.presets:
            return self.presets[name], set()
        if name not in self.computed:
            spec = self.bench.steps[self.bench.maker(name)]
            parts = [(want, *self.get(want)) for want in spec.wants]
            sources = {want for want, _, _ in parts}.union(*(made for _, _, made in parts))
            for output in spec.provides:
                if output not in self.presets:
                    value = (output, *(value for _, value, _ in parts))
                    self.computed.setdefault(output, (value, sources))
        return self.computed[name]


@given(st.data())
def test_the_store_is_that_of_the_model(data):
    bench = Bench(data.draw(specs()))
    model = Model(bench)
    names = st.sampled_from(bench.names)
    ways = st.tuples(st.sampled_from(["get", "get", "preset", "clear", "broken"]), names)
    for number, (way, name) in enumerate(data.draw(st.lists(ways, min_size=1, max_size=12))):
        if way == "preset":
            bench.graph.add_resources(**{name: number})
            model.preset(name, number)
        elif way == "clear":
            bench.graph.clear()
            model.computed.clear()
        elif way == "get":
            assert run(bench.graph.resource(name)) == model.get(name)[0]
        elif not bench.graph.ready(name):
            bench.broken = {bench.maker(name)}
            with pytest.raises(ValueError):
                run(bench.graph.resource(name))
            bench.broken = set()
            for want in bench.steps[bench.maker(name)].wants:
                model.get(want)
        ready = {name for name in bench.names if bench.graph.ready(name)}
        assert ready == model.presets.keys() | model.computed.keys()
