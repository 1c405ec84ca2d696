"""What a run leaves in a folder, and reading it again (spec running.md §2.3, R23, R27, R28)."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from stpipe_test_run_steps import Base, Mixed, Plus, Twice, Works, add, fail, folder_of, loop

from stpipe.artifact_files import EventWriter, safe_name, target_name, write_whole
from stpipe.artifacts import load_runner
from stpipe.events import Event
from stpipe.policy import Policy
from stpipe.runner import run, run_async

pytestmark = pytest.mark.usefixtures("place")

FILES = {
    *("command", "status", "rc", "stdout", "stderr", "events", "facts", "logs", "errors"),
    *("parameters.yaml", "provenance.json"),
}


def test_the_folder_holds_everything(models):
    runner = run(Mixed, models, artifacts_dir="runs")
    folder = folder_of(runner)
    assert folder == Path("runs").resolve() / runner.ident
    assert {path.name for path in folder.iterdir()} == FILES
    assert (folder / "status").read_text() == "failed\n"
    assert (folder / "rc").read_text() == "2\n"
    assert (folder / "stdout").read_text() == runner.stdout.read()
    assert (folder / "stderr").read_text() == runner.stderr.read()
    assert sorted(path.name for path in (folder / "errors").iterdir()) == ["b_rate.fits.txt"]
    assert sorted(path.name for path in (folder / "logs").iterdir()) == [f"{name}_rate.fits.log" for name in "abc"]
    assert sorted(path.name for path in (folder / "facts").iterdir()) == [f"{name}_rate.fits.json" for name in "abc"]
    assert "Traceback" in (folder / "errors" / "b_rate.fits.txt").read_text()
    assert "ValueError: <no>" in (folder / "errors" / "b_rate.fits.txt").read_text()
    log = (folder / "logs" / "a_rate.fits.log").read_text()
    assert "at work on a_rate.fits" in log
    assert "at work on b_rate.fits" not in log
    assert json.loads((folder / "facts" / "c_rate.fits.json").read_text()) == {"value": 2}


def test_events_are_files_named_by_number_and_uuid(models):
    runner = run(Mixed, models, artifacts_dir="runs")
    names = sorted(path.name for path in (folder_of(runner) / "events").iterdir())
    events = list(runner.events)
    assert names == [f"{event.counter:06d}-{event.uuid}.json" for event in events]
    assert [json.loads((folder_of(runner) / "events" / name).read_text()) for name in names] == [
        json.loads(json.dumps(dict(event))) for event in events
    ]


def test_command_tells_what_was_asked_for(models):
    def handler(event):
        return None

    runner = run(
        Mixed, models[:1], bad="x", artifacts_dir=Path("runs"), event_handler=handler, policy=Policy(retries=1)
    )
    command = json.loads((folder_of(runner) / "command").read_text())
    assert command["what"] == f"{Mixed.__module__}.Mixed"
    assert command["inputs"] == ["<FakeModel>"]
    assert command["keywords"] == {
        "artifacts_dir": "runs",
        "bad": "x",
        "event_handler": f"{__name__}.test_command_tells_what_was_asked_for.<locals>.handler",
        "policy": {"retries": 1},
    }
    assert command["ident"] == runner.ident


def test_parameters_with_sources():
    runner = run(Twice, 1, steps={"first": {"amount": 5}}, artifacts_dir="runs")
    tree = yaml.safe_load((folder_of(runner) / "parameters.yaml").read_text())["parameters"]
    assert tree["steps"]["first"]["amount"] == {"value": 5, "source": "keyword"}
    assert tree["steps"]["second"]["amount"] == {"value": 1, "source": "default"}
    assert load_runner(runner.artifacts).parameters["steps"]["first"]["amount"] == (5, "keyword")


def test_parameters_that_differ_by_target(models):
    from stpipe.inventory import Inventory

    inventory = Inventory([(models[0], {"bad": "x"}), models[1], models[2]])
    runner = run(Mixed, inventory, artifacts_dir="runs")
    tree = yaml.safe_load((folder_of(runner) / "parameters.yaml").read_text())
    assert tree["parameters"]["bad"] == {"value": "x", "source": "inventory"}
    assert set(tree["targets"]) == {"b_rate.fits", "c_rate.fits"}
    assert tree["targets"]["c_rate.fits"]["Mixed"] == {"bad": {"value": "b_rate.fits", "source": "default"}}


def test_provenance(fakes, place):
    Path("in_rate.fits").write_text('{"value": 2.0}')
    runner = run(fakes.FakeStep, ["in_rate.fits"], par=4, save_results=True, artifacts_dir="runs")
    assert runner.status == "successful", runner.exception
    told = json.loads((folder_of(runner) / "provenance.json").read_text())
    assert {"python", "stpipe", "numpy"} <= set(told["versions"])
    for kind, name in (("inputs", "in_rate.fits"), ("outputs", "in_fakestep.fits")):
        (file,) = told[kind]
        assert file["file"] == str(place / name)
        assert file["sha256"] == hashlib.sha256((place / name).read_bytes()).hexdigest()
        assert file["size"] == (place / name).stat().st_size
    assert told["memory"]["rss_max"] > 1e6
    assert told["created"] <= told["started"] <= told["finished"]
    assert told["targets"]["in_rate.fits"][0]["status"] == "ok"
    assert told["references"] == []


def test_provenance_names_references_and_context(monkeypatch):
    from stpipe.references import current_session

    class Asks(Base):
        """Uses a reference."""

        def process(self, value):
            current_session().contexts["fake"] = "fake_0001.pmap"
            self._reference_files_used.append(("flat", "crds://flat_1.fits"))
            return value

    told = json.loads((folder_of(run(Asks, 1, artifacts_dir="runs")) / "provenance.json").read_text())
    assert told["contexts"] == {"fake": "fake_0001.pmap"}
    assert told["references"] == [{"type": "flat", "file": "crds://flat_1.fits"}]


def test_no_checksums_after_a_stop(place):
    Path("a_uncal.fits").write_text("x")
    runner = run(lambda path: loop(), [["a_uncal.fits"]], timeout=0.05, artifacts_dir="runs")
    (file,) = json.loads((folder_of(runner) / "provenance.json").read_text())["inputs"]
    assert (file["sha256"], file["size"]) == (None, 1)


def test_r27_everything_is_there_before_the_final_status(models):
    seen = {}

    def handle(data, runner):
        seen[data["status"]] = {path.name for path in folder_of(runner).iterdir()}
        if data["status"] == "failed":
            seen["events"] = len(list((folder_of(runner) / "events").glob("*.json")))
            seen["errors"] = len(list((folder_of(runner) / "errors").iterdir()))

    def last(runner):
        seen["finished"] = {path.name for path in folder_of(runner).iterdir()}

    runner = run(Mixed, models, artifacts_dir="runs", status_handler=handle, finished_callback=last)
    assert seen["failed"] == FILES - {"status", "rc"}
    assert seen["finished"] == FILES
    assert (seen["events"], seen["errors"]) == (len(list(runner.events)), 1)


def test_r27_no_reader_meets_half_a_file():
    """Whatever is there under its own name can be read whole, at any moment."""
    thread, runner = run_async(Works, 1, total=200, pause=0.0005, artifacts_dir="runs")
    seen = 0
    while not runner.is_final:
        for path in (folder_of(runner) / "events").glob("[0-9]*.json"):
            json.loads(path.read_text())
            seen += 1
    thread.join(10)
    assert seen > 0
    assert list(folder_of(runner).rglob(".*")) == []


def test_r27_a_file_that_cannot_be_written_does_not_fail_the_run(monkeypatch):
    import stpipe.artifacts

    monkeypatch.setattr(stpipe.artifacts, "_parameters_text", lambda *args: 1 / 0)
    runner = run(add, 1, artifacts_dir="runs")
    assert (runner.status, runner.rc) == ("successful", 0)
    assert [type(error).__name__ for error in runner.handler_errors] == ["ZeroDivisionError"]
    assert {path.name for path in folder_of(runner).iterdir()} == FILES - {"parameters.yaml"}


def test_r23_a_folder_of_that_name_is_refused():
    run(add, 1, artifacts_dir="runs", ident="mine")
    before = sorted(Path("runs").rglob("*"))
    with pytest.raises(FileExistsError, match="mine"):
        run(add, 1, artifacts_dir="runs", ident="mine")
    assert sorted(Path("runs").rglob("*")) == before


def test_a_folder_that_cannot_be_made():
    Path("runs").write_text("in the way")
    with pytest.raises(OSError, match="runs"):
        run(add, 1, artifacts_dir="runs")


def test_artifacts_dir_of_the_settings():
    from stpipe import settings

    settings.artifacts_dir = "from_settings"
    assert folder_of(run(add, 1)).parent.name == "from_settings"


@given(st.text(min_size=1))
def test_names_of_targets_are_safe_names_of_files(name):
    safe = safe_name(name)
    assert os.path.basename(safe) == safe
    assert safe not in ("", ".", "..")
    assert not safe.startswith(".")
    assert len(safe.encode("utf-8", "surrogatepass")) <= 255 - len(".json") - 10


@given(st.sets(st.text(alphabet="ab%/.\\\0é2E", min_size=1, max_size=12), min_size=2, max_size=6))
def test_names_that_differ_stay_different(names):
    assert len({safe_name(name) for name in names}) == len(names)
    assert {target_name(safe_name(name)) for name in names} == names


@pytest.mark.parametrize("name", ["a_uncal.fits", "jw01_nrca1 (2).fits", "Ünïcode.fits", "-x"])
def test_ordinary_names_stay_as_they_are(name):
    assert safe_name(name) == name


def test_long_names_stay_different():
    first, second = "x" * 300 + "a", "x" * 300 + "b"
    assert safe_name(first) != safe_name(second)
    assert len(safe_name(first)) < 220


def test_targets_of_one_name_in_two_folders(make_exposure):
    paths = [make_exposure("n1/a_uncal.fits"), make_exposure("n2/a_uncal.fits")]
    runner = run(lambda path: fail(text=str(path)), paths, artifacts_dir="runs")
    assert len(runner.failed_targets) == 2
    names = sorted(path.name for path in (folder_of(runner) / "errors").iterdir())
    assert names == sorted(f"{safe_name(target)}.txt" for target in runner.failed_targets)
    assert all("n1" in name or "n2" in name for name in names)


def test_names_and_texts_that_are_no_unicode():
    """A file name with bytes that cannot be decoded stands in logs, events, facts and errors."""
    odd = os.fsdecode(b"a\xff\xfe.fits") + "\ud800"

    class Odd(Base):
        """Logs, stores and raises an odd text."""

        def process(self, value):
            logging.getLogger("stpipe.test").info("at %s", odd)
            self.store_fact("name", odd)
            raise ValueError(odd)

    runner = run(Odd, 1, artifacts_dir="runs")
    assert (runner.status, runner.handler_errors) == ("failed", [])
    assert str(runner.exception) == odd
    loaded = load_runner(runner.artifacts)
    assert loaded.facts("input") == {"name": odd}
    assert [event.event_data for event in loaded.events] == [event.event_data for event in runner.events]
    assert "\\ud800" in loaded.stdout.read()


def test_a_file_is_written_whole_or_not_at_all(place):
    write_whole("a", "one")
    write_whole("a", "two")
    assert [path.name for path in place.iterdir()] == ["a"]
    assert Path("a").read_text() == "two"
    (place / "d").mkdir()
    with pytest.raises(OSError):
        write_whole("d", "no")
    assert sorted(path.name for path in place.iterdir()) == ["a", "d"]


def test_the_run_does_not_wait_for_the_disk(place):
    """Storing an event takes a small part of the 50 µs that its delivery may take."""
    writer = EventWriter("events")
    events = [Event("message", number, "run", event_data={"text": "x" * 200}) for number in range(300)]
    best = min(_seconds_each(writer.put, events[start : start + 60]) for start in range(0, 300, 60))
    writer.close()
    assert len(os.listdir("events")) == 300
    assert best < 25e-6


def _seconds_each(call, items):
    started = time.perf_counter()
    for item in items:
        call(item)
    return (time.perf_counter() - started) / len(items)


def test_errors_of_the_disk_are_told_and_do_not_stop_the_run(monkeypatch):
    def full(self, event):
        raise OSError("no space left")

    monkeypatch.setattr(EventWriter, "_write", full)
    runner = run(Works, 1, total=30, artifacts_dir="runs")
    assert runner.status == "successful"
    assert any("no space left" in str(error) for error in runner.handler_errors)
    assert load_runner(runner.artifacts).rc == 0


def test_a_writer_that_is_closed_writes_at_once(place):
    writer = EventWriter("events")
    writer.close()
    writer.put(Event("message", 1, "run"))
    assert len(os.listdir("events")) == 1
    assert threading.active_count() < 50


def test_the_acceptance_example(make_exposure, fakes):
    """Five inputs, one truncated: four products, one file in errors, five logs; the second run does that one."""
    from stpipe.inventory import Inventory

    class Opens(Plus):
        """Reads the file."""

        def process(self, path):
            from astropy.io import fits

            with fits.open(path) as hdus:
                return fakes.FakeModel(os.path.basename(path), float(hdus["SCI"].data.sum()))

    for name in "abcde":
        make_exposure(f"raw/{name}_uncal.fits")
    bad = Path("raw/c_uncal.fits")
    good = bad.read_bytes()
    bad.write_bytes(good[:1000])
    inventory = Inventory.from_glob("raw/*_uncal.fits")
    runner = run(Opens, inventory, save_results=True, output_dir="out", artifacts_dir="runs")
    assert (runner.status, runner.rc, runner.failed_targets) == ("failed", 2, ["c_uncal.fits"])
    assert len(list(Path("out").glob("*.fits"))) == 4
    assert [path.name for path in (folder_of(runner) / "errors").iterdir()] == ["c_uncal.fits.txt"]
    assert len(list((folder_of(runner) / "logs").iterdir())) == 5
    assert "c_uncal.fits" in {*runner.stats["unreadable"], *runner.stats["failed"]}
    bad.write_bytes(good)
    again = run(Opens, inventory.subset(runner.failed_targets), save_results=True, output_dir="out")
    assert again.status == "successful", again.exception
    assert list(again.results) == ["c_uncal.fits"]
    assert len(list(Path("out").glob("*.fits"))) == 5
