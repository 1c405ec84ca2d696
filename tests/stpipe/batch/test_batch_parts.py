"""Parts of a batch: manifest, memory, admission, what killed runs leave behind, what is shown."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from stpipe import Batch, BatchOptions, events
from stpipe.batch_files import ExposureFiles, Leftovers
from stpipe.batch_inputs import BatchTarget, batch_targets, biggest_first
from stpipe.batch_report import BatchReport
from stpipe.batch_view import BatchBars, BatchView, time_text
from stpipe.exceptions import InputError, ParameterError
from stpipe.executors.manifest import Manifest, ManifestInUse, ReadManifest, read_manifest
from stpipe.executors.stored import PrivateFolder, this_computer
from stpipe.tasks import Outcome


def record(number: int, status: str = "done", **more: object) -> dict[str, object]:
    return {"name": f"n{number}", "step": "s", "input": f"/raw/{number}", "status": status, **more}


def test_the_last_line_of_an_exposure_counts(tmp_path):
    manifest = Manifest(str(tmp_path))
    manifest.begin({"what": "s"})
    manifest.add(record(1, "running"))
    manifest.add(record(2, "running"))
    manifest.add(record(1, "done", key="k", text="größer\n"))
    assert manifest.status("s", "/raw/1") == "done"
    assert manifest.status("other", "/raw/1") is None
    assert manifest.find("s", "/raw/1")["text"] == "größer\n"
    assert manifest.with_status("s", "running") == ["/raw/2"]
    before = read_manifest(tmp_path)
    manifest.compact()
    assert read_manifest(tmp_path) == before
    assert len(Path(manifest.path).read_text().splitlines()) == 3
    assert manifest.find("s", "/raw/1")["key"] == "k"
    manifest.add(record(3))
    manifest.close()
    again = Manifest(str(tmp_path))
    assert again.find("s", "/raw/3") == record(3)
    assert again.find("s", "/raw/4") is None
    again.close()
    assert ReadManifest(str(tmp_path)).with_status("s", "done") == ["/raw/1", "/raw/3"]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_broke_off_loses_no_other(tmp_path, cut):
    manifest = Manifest(str(tmp_path))
    manifest.begin({"what": "s"})
    manifest.add(record(1))
    manifest.add(record(2))
    manifest.close()
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert [one["name"] for one in read_manifest(tmp_path)[1]] == (["n1"] if cut > 1 else ["n1", "n2"])
    again = Manifest(str(tmp_path))
    again.add(record(3))
    again.close()
    assert [one["name"] for one in read_manifest(path)[1]][-1] == "n3"
    assert [one["name"] for one in read_manifest(path)[1]][0] == "n1"


def test_a_manifest_belongs_to_one_batch(tmp_path):
    manifest = Manifest(str(tmp_path))
    with pytest.raises(ManifestInUse, match="another batch is at work"):
        Manifest(str(tmp_path))
    manifest.close()
    Manifest(str(tmp_path)).close()


def test_leftovers_of_killed_runs_are_swept_but_no_others(tmp_path, monkeypatch):
    for name in (".stpipe-old", ".stpipe-open", ".stpipe-new", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half.fits").touch()
    (tmp_path / ".stpipe_state.json").touch()
    for name in (".stpipe-old", ".stpipe-open", "other"):
        os.utime(tmp_path / name / "half.fits", (1, 1))
        os.utime(tmp_path / name, (1, 1))
    leftovers = Leftovers(str(tmp_path))
    with open(tmp_path / ".stpipe-open" / "half.fits"):
        assert leftovers.sweep() == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            ".stpipe-new", ".stpipe-open", ".stpipe_state.json", "other",
        ]  # fmt: skip
    assert leftovers.sweep() == 1
    later = time.time() + 10
    monkeypatch.setattr(time, "time", lambda: later)
    assert leftovers.sweep() == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".stpipe_state.json", "other"]


def test_the_folder_of_a_run_that_is_quiet_stays(tmp_path: Path) -> None:
    folder_of_this_run = PrivateFolder(str(tmp_path))
    mine = Path(folder_of_this_run.path)
    other = tmp_path / mine.name.replace(this_computer(), "elsewhere")
    gone = tmp_path / f".stpipe-run-{this_computer()}-{2**30}-abcdefgh"
    for folder in (mine, other, gone):
        folder.mkdir(exist_ok=True)
        os.utime(folder, (1.0, 1.0))
    assert Leftovers(str(tmp_path)).sweep() == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({mine.name, other.name} - {gone.name})


def test_files_of_an_exposure(tmp_path):
    files = ExposureFiles(str(tmp_path))
    log, error = files.write("b/a.fits", "text\n", "Traceback")
    assert Path(log).read_text() == "text\n"
    assert Path(error).read_text() == "Traceback\n"
    assert os.path.dirname(log) == os.path.join(tmp_path, "logs")
    assert files.write("b/a.fits", "text\n", "")[1] is None
    assert not os.path.exists(error)


def test_the_biggest_come_first_and_the_order_is_always_the_same(tmp_path):
    for number, size in enumerate((10, 30, 20, 30)):
        (tmp_path / f"{number}_uncal.fits").write_bytes(b"x" * size)
    found = biggest_first(batch_targets(str(tmp_path)))
    assert [one.name[0] for one in found] == ["1", "3", "2", "0"]


def test_inputs_that_are_no_files_are_refused(tmp_path):
    from stpipe import Inventory

    (tmp_path / "a_uncal.fits").touch()
    inventory = Inventory(([str(tmp_path / "a_uncal.fits")], {"output_dir": "x"}))
    (target,) = batch_targets(inventory)
    assert (target.name, dict(target.data)) == ("a_uncal.fits", {"output_dir": "x"})
    with pytest.raises(InputError, match="save it first"):
        batch_targets([SimpleNamespace()])
    twice = [str(tmp_path / "a_uncal.fits"), str(tmp_path / "." / "a_uncal.fits")]
    assert len(batch_targets(twice)) == 1


def test_jobs():
    from stpipe.parallel import available_cores

    cores = available_cores()
    assert BatchOptions(jobs="all").workers() == cores
    assert BatchOptions(jobs="quarter").workers() == max(1, cores // 4)
    assert BatchOptions(jobs=7).workers() == BatchOptions(jobs="7").workers() == 7
    with pytest.raises(ParameterError):
        BatchOptions(jobs="-1").workers()


def target(name: str, size: int) -> BatchTarget:
    found = BatchTarget(name, f"/nowhere/{name}")
    found.file_size = size
    return found


def test_lines_tell_how_far_it_is(monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    stream = io.StringIO()
    view = BatchView(stream)
    view.begin([target("a", 999), target("b", 1999), target("c", 0)])
    view.ended(target("a", 999), "done", "", Outcome(duration=3.21, rss_max=820_000_000))
    view.ended(target("b", 1999), "failed", "ValueError: bad\nmore")
    view.ended(target("c", 0), "up to date", "")
    assert stream.getvalue().splitlines() == [
        "[1/3] a done in 3.2 s (820 MB); about 40.0 s left",
        "[2/3] b failed: ValueError: bad; about 0.0 s left",
        "[3/3] c up to date",
    ]


def test_bars_follow_the_events():
    progress = pytest.importorskip("rich.progress")
    console = pytest.importorskip("rich.console").Console(file=io.StringIO(), width=120)
    with progress.Progress(progress.TextColumn("{task.description} {task.fields[now]}"), console=console) as shown:
        view = BatchBars(shown)
        view.begin([target("a", 10), target("b", 10)])
        stream = events.EventStream()
        stream.subscribe(view.event)
        start = stream.emit("step_target_start", step="p", target="a", event_data={"steps": ["x", "y"]})
        stream.emit("step_target_start", step="x", target="a", parent_uuid=start.uuid)
        assert [task.description for task in shown.tasks] == ["exposures", "  a"]
        assert shown.tasks[1].fields["now"] == "x"
        stream.emit("step_target_success", step="x", target="a", parent_uuid=start.uuid)
        assert (shown.tasks[1].completed, shown.tasks[1].total) == (1, 2)
        view.ended(target("a", 10), "failed", "ValueError: bad")
        assert [task.completed for task in shown.tasks] == [1]
        assert "1 failed" in shown.tasks[0].fields["now"]
        view.end()
    assert "a failed: ValueError: bad" in console.file.getvalue()


def test_times():
    assert [time_text(one) for one in (3.21, 245, 7830)] == ["3.2 s", "4 min 5 s", "2 h 10 min"]


def test_the_report_names_what_failed():
    failures = tuple((f"e{number}", "ValueError: bad", None) for number in range(30))
    text = str(BatchReport(2, 100, {"done": 60, "failed": 30}, 75.0, "out/manifest.jsonl", failures))
    assert text.startswith("100 exposures: 60 done, 30 failed, 10 not begun in 1 min 15 s")
    assert text.count("failed: e") == 20
    assert "and 10 more" in text


def test_a_batch_from_python(desk):
    desk.expose(2)
    batch = Batch("steps_for_batches.Counted", "raw", BatchOptions(jobs=2, pattern="*.json"), output_dir="out")
    assert [one.action for one in batch.preview()] == ["run", "run"]
    report = batch.run()
    assert (report.rc, dict(report.counts), report.left) == (0, {"done": 2}, 0)
    again = Batch("steps_for_batches.Counted", "raw", BatchOptions(resume=True, pattern="*.json"), output_dir="out")
    assert [one.action for one in again.preview()] == ["up to date", "up to date"]
    with pytest.raises(ParameterError, match="amuont"):
        Batch("steps_for_batches.Counted", "raw/e00_uncal.json", amuont=3).run()


def test_nothing_of_very_many_exposures_is_kept(desk, monkeypatch):
    import gc

    from stpipe.events import Event
    from stpipe.step_result import StepResult

    desk.expose(30)
    most = 0
    from stpipe.batch_book import BatchBook

    plain = BatchBook.ended

    def counting(self, *args):
        nonlocal most
        if self.counts["done"] == 28:
            kept = gc.get_objects()
            most = sum(issubclass(type(one), Event | StepResult | Outcome) for one in kept)
        return plain(self, *args)

    monkeypatch.setattr(BatchBook, "ended", counting)
    gc.collect()
    assert desk.strun("steps_for_runs.Add", "raw/*", "--output_dir=out", "-j2")[0] == 0
    assert 0 < most < 25


def test_a_run_that_keeps_no_records_hands_them_on(desk):
    import steps_for_batches as steps

    import stpipe

    paths = desk.expose(2)
    told, texts = [], []
    runner = stpipe.run(
        steps.Counted, paths, keep_records=False, event_handler=lambda event: told.append(event.event),
        output_handler=lambda *text: texts.append(text), output_dir="out", save_results=True,
    )  # fmt: skip
    assert runner.status == "successful"
    assert told.count("step_target_success") == 2
    assert list(runner.events) == []
    assert runner.stdout.read() == ""
    assert any(name == "e01_uncal.json" and "adding 1" in text for name, text in texts)
    assert "adding 1" in runner.results["e01_uncal.json"][0].stdout
    with pytest.raises(TypeError, match="output_handler has to be a function"):
        stpipe.run(steps.Counted, paths, output_handler="x")


def test_an_output_handler_that_fails_stops_nothing(desk):
    import steps_for_batches as steps

    import stpipe

    (path,) = desk.expose(1)
    runner = stpipe.run(steps.Counted, path, output_handler=lambda name, text: 1 / 0)
    assert runner.status == "successful"
    assert runner.stdout.read().count("output_handler failed and is not called again: ZeroDivisionError") == 1
