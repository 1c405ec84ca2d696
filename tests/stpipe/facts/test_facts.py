"""Statements of the specification: facts of exposures (spec running.md F1-F5)."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from stpipe import Fact, Inventory, Step, get_facts
from stpipe.events import EventStream, listening
from stpipe.exceptions import InputError, ParameterError, PlanError
from stpipe.facts import BUILT_IN_FACTS, store_fact, storing
from stpipe.runner import run


class Groups2(Fact):
    """Number of groups, times a number; ``calls`` counts how often it was worked out."""

    calls = 0

    def process(self, exposure, times=1):
        """Return the number."""
        type(self).calls += 1
        return exposure.header["meta.exposure.ngroups"] * times


class Fails(Fact):
    """Fails for exposures with this filter."""

    def process(self, exposure, bad="F444W"):
        """Return the filter."""
        if exposure.header["meta.instrument.filter"] == bad:
            raise ValueError("not this one")
        return exposure.header["meta.instrument.filter"]


@pytest.fixture
def inventory(make_exposure):
    """Three exposures; the last has another filter and five groups."""
    Groups2.calls = 0
    names = ["a_uncal.fits", "b_uncal.fits", "c_uncal.fits"]
    for name in names[:2]:
        make_exposure(name)
    make_exposure(names[2], FILTER="F444W", NGROUPS=5, PUPIL=None, R_GAIN=None, S_DQINIT=None, S_IPC=None)
    return Inventory(names)


def by_name(facts):
    return {one.name: value for one, value in facts.items()}


def test_f1_a_fact_of_ones_own(inventory):
    facts = get_facts(inventory, Groups2)
    assert by_name(facts) == {"a_uncal.fits": 3, "b_uncal.fits": 3, "c_uncal.fits": 5}
    assert list(facts) == list(inventory)
    assert facts[inventory.get("c_uncal.fits")] == 5


def test_f1_arguments_are_part_of_its_identity(inventory):
    assert by_name(get_facts(inventory, Groups2, times=2))["c_uncal.fits"] == 10
    assert by_name(get_facts(inventory, Groups2, times=3))["c_uncal.fits"] == 15
    assert Groups2.calls == 6
    assert by_name(get_facts(inventory, Groups2, times=2))["c_uncal.fits"] == 10
    assert Groups2.calls == 6
    assert Groups2().identity == Groups2(times=1).identity != Groups2(times=2).identity
    assert (Groups2().label, Groups2(times=2).label) == ("Groups2", "Groups2(times=2)")


def test_f1_arguments_that_it_does_not_take(inventory):
    with pytest.raises(TypeError, match="fact Groups2: .*'time'"):
        get_facts(inventory, Groups2, time=2)
    with pytest.raises(TypeError, match="fact Filter: .*'x'"):
        get_facts(inventory, "Filter", x=2)
    for wrong in (len, Groups2(), Step):
        with pytest.raises(TypeError, match="a name or a class derived from stpipe.Fact"):
            get_facts(inventory, wrong)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(1.5), 1.5),
        (np.bool_(True), True),
        ({1: (np.int64(2), None)}, {"1": [2, None]}),
        ([Path], None),
        (np.zeros(3), None),
    ],
)
def test_f1_values_are_what_json_knows(inventory, value, expected):
    class Odd(Fact):
        def process(self, exposure):
            return value

    if expected is None:
        with pytest.raises(PlanError, match="the fact Odd is a (type|ndarray), which JSON does not know"):
            get_facts(inventory, Odd)
    else:
        found = next(iter(get_facts(inventory, Odd).values()))
        assert found == expected
        assert json.loads(json.dumps(found)) == expected


def test_f1_without_a_process_of_its_own(inventory):
    with pytest.raises(PlanError, match="NotImplementedError: Facts have to write their own"):
        get_facts(inventory, Fact)


EXPECTED = {
    "Instrument": "NIRCAM",
    "Detector": "NRCA1",
    "Filter": "F090W",
    "Pupil": "CLEAR",
    "Grating": None,
    "Subarray": "FULL",
    "ExposureType": "NRC_IMAGE",
    "Shape": [1, 3, 4, 5],
    "Integrations": 1,
    "Groups": 3,
    "AppliedSteps": {"dq_init": "COMPLETE", "ipc": "SKIPPED"},
    "ReferenceFiles": {"gain": "crds://jwst_nircam_gain_0001.fits"},
    "Context": "jwst_0001.pmap",
    "SoftwareVersion": "1.2.3",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_f2_built_in_facts(inventory, name):
    facts = get_facts(inventory, name)
    assert facts[inventory.get("a_uncal.fits")] == EXPECTED[name]
    assert json.loads(json.dumps(list(facts.values()))) == list(facts.values())


def test_f2_checksum(inventory):
    value = by_name(get_facts(inventory, "Checksum"))["a_uncal.fits"]
    assert value == hashlib.sha256(Path("a_uncal.fits").read_bytes()).hexdigest()


def test_f2_there_are_fifteen_and_classes_do_as_well(inventory):
    assert set(BUILT_IN_FACTS) == {*EXPECTED, "Checksum"}
    assert get_facts(inventory, BUILT_IN_FACTS["Filter"]) == get_facts(inventory, "Filter")


def test_f2_what_the_header_does_not_say(inventory):
    last = inventory.get("c_uncal.fits")
    assert get_facts(inventory, "Pupil")[last] is None
    assert get_facts(inventory, "AppliedSteps")[last] == get_facts(inventory, "ReferenceFiles")[last] == {}


def test_f2_unknown_names(inventory):
    with pytest.raises(ParameterError, match="no fact 'filter'; there is Filter"):
        get_facts(inventory, "filter")


def test_f2_of_a_plan_those_of_its_inventory(inventory):
    class Plan:
        pass

    plan = Plan()
    plan.inventory = inventory
    assert get_facts(plan, "Filter") == get_facts(inventory, "Filter")
    assert get_facts(Inventory([]), "Filter") == {}


def test_f2_of_anything_else(workdir):
    with pytest.raises(TypeError, match="of an Inventory or a Plan, not of a list"):
        get_facts(["a.fits"], "Filter")


def test_f2_of_open_models(workdir):
    from stdatamodels.jwst import datamodels

    model = datamodels.RampModel((1, 2, 3, 4))
    inventory = Inventory([model])
    assert list(get_facts(inventory, "Shape").values()) == [[1, 2, 3, 4]]
    model.meta.instrument.name = "MIRI"
    assert list(get_facts(inventory, "Instrument").values()) == ["MIRI"]
    with pytest.raises(PlanError, match="open model without a file"):
        get_facts(inventory, "Checksum")


def test_f3_headers_only(inventory, monkeypatch):
    from astropy.io import fits
    from stdatamodels.jwst import datamodels

    def refuse(*args, **kwargs):
        raise AssertionError("an array could be read")

    monkeypatch.setattr(fits, "open", refuse)
    monkeypatch.setattr(datamodels, "open", refuse)
    for name in BUILT_IN_FACTS:
        assert len(get_facts(inventory, name)) == 3


def test_f3_kept_until_the_file_changes(inventory, make_exposure):
    get_facts(inventory, Groups2)
    get_facts(inventory, Groups2)
    get_facts(inventory.subset(["a_uncal.fits"]), Groups2)
    assert Groups2.calls == 3
    make_exposure("a_uncal.fits", NGROUPS=9)
    os.utime("a_uncal.fits", ns=(1, 1))
    assert by_name(get_facts(inventory, Groups2)) == {"a_uncal.fits": 9, "b_uncal.fits": 3, "c_uncal.fits": 5}
    assert Groups2.calls == 4


def test_f3_a_changed_value_does_not_change_what_is_kept(inventory):
    get_facts(inventory, "AppliedSteps")[inventory.get("a_uncal.fits")]["jump"] = "COMPLETE"
    assert get_facts(inventory, "AppliedSteps")[inventory.get("a_uncal.fits")] == EXPECTED["AppliedSteps"]


def test_f4_a_failing_fact_marks_the_exposure(inventory):
    stream, told = EventStream(), []
    with listening(told.append, stream=stream):
        facts = get_facts(inventory, Fails)
    assert by_name(facts) == {"a_uncal.fits": "F090W", "b_uncal.fits": "F090W"}
    last = inventory.get("c_uncal.fits")
    assert not last.readable
    assert last.error == "fact Fails: ValueError: not this one"
    assert [(event.event, event.target) for event in told] == [("target_open_error", "c_uncal.fits")]
    assert told[0].event_data["exception"]["message"] == "fact Fails: ValueError: not this one"
    assert list(by_name(get_facts(inventory, "Filter"))) == ["a_uncal.fits", "b_uncal.fits"]


def test_f4_the_plan_that_opened_the_exposures_is_told(inventory):
    told = []
    inventory.open_all(lambda *event: told.append(event))
    told.clear()
    get_facts(inventory, Fails)
    ((event, exposure, error),) = told
    assert (event, exposure) == ("target_open_error", inventory.get("c_uncal.fits"))
    assert isinstance(error.__cause__, ValueError)


def test_f4_all_failed(inventory):
    with pytest.raises(PlanError, match=r"(?s)no exposures remaining.*a_uncal.fits: fact Fails\(bad='F090W'\): Value"):
        get_facts(inventory.subset(["a_uncal.fits", "b_uncal.fits"]), Fails, bad="F090W")
    with pytest.raises(PlanError, match="none.fits: fact Filter: FileNotFoundError"):
        get_facts(Inventory(["none.fits"]), "Filter")


class Measures(Step):
    """Stores a fact."""

    def process(self, init=None):
        """Store the number of letters of the input."""
        self.store_fact("letters", np.int64(7))
        self.store_fact("list", (1, 2))
        return init


def test_f5_facts_inside_a_block_are_stored(inventory):
    stored = {}

    def keep(target, name, value):
        stored.setdefault(target, {})[name] = value

    with storing(keep):
        get_facts(inventory, "Filter")
        get_facts(inventory, Groups2, times=2)
        get_facts(inventory, "Filter")
    get_facts(inventory, "Detector")
    assert stored["a_uncal.fits"] == {"Filter": "F090W", "Groups2(times=2)": 6}
    assert stored["c_uncal.fits"] == {"Filter": "F444W", "Groups2(times=2)": 10}


def test_f5_facts_of_steps(workdir):
    stored = []
    with storing(lambda *fact: stored.append(fact)):
        Measures(output_ext=".fits").run("in/a.fits")
        Measures(output_ext=".fits").run()
    assert stored[:2] == [("a.fits", "letters", 7), ("a.fits", "list", [1, 2])]
    assert stored[2][0] == "input"
    stored.clear()
    with storing(lambda *fact: stored.append(fact)), listening(stream=EventStream(target="the target")):
        Measures(output_ext=".fits").run("in/a.fits")
    assert [fact[0] for fact in stored] == ["the target", "the target"]


def test_f5_facts_of_steps_in_a_run_are_those_of_the_target(workdir, make_exposure):
    inventory = Inventory([make_exposure("n1/a.fits"), make_exposure("n2/a.fits")])
    runner = run(Measures, inventory, output_ext=".fits")
    assert runner.status == "successful"
    assert [runner.facts(one) for one in inventory] == [{"letters": 7, "list": [1, 2]}] * 2
    assert runner.facts("none") == {}


def test_f5_facts_got_in_a_run_are_those_of_each_exposure(workdir, make_exposure):
    inventory = Inventory([make_exposure("a.fits"), make_exposure("b.fits", FILTER="F444W")])

    def entry(model):
        get_facts(inventory, "Filter")

    runner = run(entry, inventory)
    assert (runner.facts("a.fits"), runner.facts("b.fits")) == ({"Filter": "F090W"}, {"Filter": "F444W"})


def test_f5_outside_of_a_run_nothing_is_kept_but_values_are_checked(workdir):
    assert Measures(output_ext=".fits").run("in/a.fits") == "in/a.fits"
    with pytest.raises(TypeError, match="the fact x is a object, which JSON does not know"):
        store_fact("x", object(), target="a")


def test_f5_stores_do_not_mix():
    outer, inner = [], []
    with storing(lambda *fact: outer.append(fact)):
        with storing(lambda *fact: inner.append(fact)):
            store_fact("x", 1, target="a")
        store_fact("y", 2, target="a")
    assert (outer, inner) == ([("a", "y", 2)], [("a", "x", 1)])


def test_input_errors_read_well(workdir):
    Path("a.txt").write_text("no")
    inventory = Inventory(["a.txt"])
    with pytest.raises(PlanError, match="neither a FITS"):
        inventory.open_all(lambda *told: None)
    assert inventory.get("a.txt").error.startswith(f"{Path.cwd()}/a.txt is neither")
    assert issubclass(InputError, ValueError)
