"""``strun batch``: inputs, options, products, manifest, logs, exit codes (issue 6 part 2, running.md §2.5 and §8)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from stpipe.cli.arguments import UsageError
from stpipe.cli.batch import main
from stpipe.cli.batch_options import OPTIONS, memory_of, split_options

ADD = "steps_for_runs.Add"
OUT = "--output_dir=out"


def test_products_manifest_logs_and_tracebacks(desk):
    paths = desk.expose(6, first=0)
    code, out, error = desk.strun(ADD, *paths, OUT, "--amount=10", "-j2")
    assert code == 2
    assert sorted(path.name for path in Path("out").glob("e*")) == [
        f"e{number:02d}_uncal_add.json" for number in (0, 1, 2, 5)
    ]
    assert desk.value("out/e05_uncal_add.json") == 15
    assert desk.statuses() == {"done": 4, "failed": 1, "skipped": 1}
    failed = desk.records()["e04_uncal.json"]
    assert failed["error"] == {"type": "ValueError", "message": "four"}
    assert failed["input"] == os.path.abspath(paths[4])
    assert 'raise ValueError("four")' in Path(failed["traceback"]).read_text()
    assert "adding 10" in Path(failed["log"]).read_text()
    assert "value 5" in Path("out/logs/e05_uncal.json.log").read_text()
    assert len(list(Path("out/logs").glob("*.log"))) == 6
    assert len(list(Path("out/logs").glob("*.error.txt"))) == 1
    done = desk.records()["e05_uncal.json"]
    (product,) = done["outputs"]
    assert product["path"] == os.path.abspath("out/e05_uncal_add.json")
    assert product["size"] == os.path.getsize(product["path"])
    assert done["attempts"] == 1
    assert done["rss_max"] > 1e6
    assert done["seconds"] > 0
    assert "6 exposures: " in out
    assert "failed: e04_uncal.json: ValueError: four" in out
    assert "[6/6]" in error
    assert "e04_uncal.json failed: four" in error


def test_a_good_batch_ends_with_zero(desk):
    code, out, _ = desk.strun(ADD, *desk.expose(2), OUT, "--progress=none")
    assert code == 0
    assert "2 exposures: 2 done" in out
    assert desk.strun(ADD, "raw", "--pattern=*.json", OUT, "--quiet") == (0, "", "")


def test_parameters_of_sub_steps_and_parameter_files(desk):
    paths = desk.expose(2)
    assert desk.strun("steps_for_runs.Two", *paths, OUT, "--steps.first.amount=5", "--steps.second.amount", "7")[0] == 0
    assert desk.value("out/e00_uncal_two.json") == 22
    Path("my.asdf").write_text(
        "#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n---\nclass: steps_for_runs.Add\nname: add\n"
        "parameters: {amount: 30}\n...\n"
    )
    assert desk.strun("my.asdf", *paths, "--output_dir=other")[0] == 0
    assert desk.value("other/e00_uncal_add.json") == 40


@pytest.mark.parametrize("kind", ["folder", "glob", "association", "list", "yaml", "input_dir"])
def test_inputs_of_every_kind(desk, kind):
    desk.expose(3)
    Path("raw/other.txt").write_text("no exposure")
    members = [{"expname": f"e{number:02d}_uncal.json", "exptype": "science"} for number in range(3)]
    Path("raw/my_asn.json").write_text(json.dumps({"products": [{"name": "p", "members": members}]}))
    Path("list.txt").write_text("raw/e00_uncal.json\n# no\nraw/e0[12]_uncal.json\n")
    Path("list.yaml").write_text(
        "exposures: [raw/e00_uncal.json, raw/e01_uncal.json, {raw/e02_uncal.json: {amount: 5}}]"
    )
    given = {
        "folder": ["raw", "--pattern", "*_uncal.json"],
        "glob": ["raw/e*_uncal.json"],
        "association": ["raw/my_asn.json"],
        "list": ["list.txt"],
        "yaml": ["list.yaml"],
        "input_dir": ["--input_dir=raw", "e00_uncal.json", "e01_uncal.json", "e02_uncal.json"],
    }[kind]
    assert desk.strun(ADD, *given, OUT)[0] == 0
    assert sorted(desk.records()) == ["e00_uncal.json", "e01_uncal.json", "e02_uncal.json"]
    assert desk.value("out/e02_uncal_add.json") == (17 if kind == "yaml" else 13)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([ADD, "gone.json"], 1, "There is no input file 'gone.json'"),
        ([ADD, "gone*.json"], 1, "no file matches gone*.json"),
        ([ADD, "raw"], 1, "say which with --pattern"),
        ([ADD], 1, "there is no input"),
        (["no_such_step", "raw/e00_uncal.json"], 1, "no_such_step"),
        ([ADD, "raw/e00_uncal.json", "--amount=many"], 4, "amount"),
        ([ADD, "raw/e00_uncal.json", "--jobs=few"], 4, "jobs is a number, quarter, half or all"),
        ([ADD, "raw/e00_uncal.json", "--jobs=0"], 4, "at least 1"),
        ([ADD, "raw/e00_uncal.json", "--timeout=-1"], 4, "timeout"),
        ([ADD, "raw/e00_uncal.json", "--retries=some"], 2, "'some' is no number"),
        ([ADD, "raw/e00_uncal.json", "--memory=much"], 2, "'much' is no size"),
        ([ADD, "raw/e00_uncal.json", "--resume=yes"], 2, "takes no value"),
        ([ADD, "raw/e00_uncal.json", "--unknown"], 2, "--unknown"),
        ([ADD, "raw/e00_uncal.json", "--jobs"], 2, "expected one argument"),
        ([ADD, "raw/e00_uncal.json", "--debug"], 2, "not for a batch"),
        ([], 2, "a STEP is required"),
    ],
)
def test_wrong_use_is_told_and_nothing_is_run(desk, arguments, code, text):
    desk.expose(1)
    found, _, error = desk.strun(*arguments, OUT)
    assert (found, text in error) == (code, True), error
    assert not list(Path("out").glob("e*"))


def test_a_file_that_cannot_be_read_fails_alone(desk):
    desk.expose(2)
    Path("raw/e00_uncal.json").write_text("{broken")
    Path("list.txt").write_text("raw/e00_uncal.json\nraw/e01_uncal.json\nraw/gone.json\n")
    code, out, _ = desk.strun(ADD, "list.txt", OUT)
    assert code == 2
    assert desk.statuses() == {"done": 1, "failed": 2}
    assert "gone.json" in desk.records()["gone.json"]["error"]["message"]
    assert "2 failed" in out
    assert len(list(Path("out/logs").glob("*.error.txt"))) == 2


def test_two_exposures_with_one_product_are_refused_before_anything_runs(desk):
    desk.expose(3)
    desk.expose(2, folder="more")
    code, _, error = desk.strun("steps_for_batches.Counted", "raw/e*", "more/e*", OUT)
    assert code == 4
    assert "nothing was run" in error
    assert os.path.abspath("more/e01_uncal.json") in error
    assert "e02" not in error
    assert desk.runs() == []
    assert desk.strun("steps_for_batches.Counted", "raw/e*", OUT, "--output_file=one")[0] == 4
    Path("list.yaml").write_text("exposures: [raw/e00_uncal.json, {more/e00_uncal.json: {output_dir: elsewhere}}]")
    assert desk.strun("steps_for_batches.Counted", "list.yaml")[0] == 0
    assert desk.value("elsewhere/e00_uncal_counted.json") == desk.value("e00_uncal_counted.json") == 11
    assert sorted(desk.records(".")) == ["more/e00_uncal.json", "raw/e00_uncal.json"]


def test_dry_run_tells_and_writes_nothing(desk):
    desk.expose(2)
    Path("raw/e01_uncal.json").write_text("{broken")
    before = sorted(desk.folder.rglob("*"))
    code, out, _ = desk.strun(ADD, "raw/e*", OUT, "--dry-run")
    assert code == 0
    assert "run         e00_uncal.json  -> out/e00_uncal_add.json" in out
    assert sorted(desk.folder.rglob("*")) == before


def test_help_tells_every_option_and_strun_of_batches(desk):
    for arguments in (["--help"], [ADD, "-h"]):
        code, out, _ = desk.strun(*arguments)
        assert code == 0
        assert [name for name in OPTIONS if f"--{name}" not in out] == []
        assert "--dry-run" in out
        assert "exit code: 0 all are done" in out
    from stpipe.cli.strun import main as strun

    assert strun(["--help"]) == 0
    assert "strun batch" in desk.capture.readouterr().out


def test_strun_of_one_step_knows_nothing_of_batches(desk):
    from stpipe.cli.strun import main as strun

    (path,) = desk.expose(1)
    counted = "steps_for_batches.Counted"
    assert strun([counted, path, OUT, "--log-stream=null"]) == 0
    assert os.listdir("out") == ["e00_uncal_counted.json"]
    assert strun([counted, path, "--resume"]) == 2


def test_the_log_of_all_is_shown_where_that_is_asked_for(desk):
    (path,) = desk.expose(1)
    assert "adding 1" not in "".join(desk.strun(ADD, path, OUT)[1:])
    assert "adding 1" in "".join(desk.strun(ADD, path, OUT, "--log-level=INFO", "--log-stream=stdout")[1:])


def test_options_are_taken_wherever_they_stand():
    found, rest = split_options(["-j", "3", "step", "--resume", "a.fits", "--memory=2G", "--x=1", "--", "--jobs", "4"])
    assert found == {"jobs": "3", "resume": True, "memory": "2G"}
    assert rest == ["step", "a.fits", "--x=1", "--", "--jobs", "4"]
    assert split_options(["-j4"])[0] == split_options(["--jobs=4"])[0] == {"jobs": "4"}


def test_sizes_of_memory():
    assert memory_of("8GB") == memory_of("8 g") == 8_000_000_000
    assert memory_of("1.5GiB") == 3 << 29
    assert memory_of("100000000") == 100_000_000
    for text in ("", "GB", "0", "-1G", "1X"):
        with pytest.raises(UsageError, match="no size"):
            memory_of(text)


def test_main_is_what_strun_calls(desk):
    assert main(["--help"]) == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["ba"], ["batch"]),
        (["batch", ADD, "--ret"], ["--retries=", "--retry-failed"]),
        (["batch", ADD, "--jobs=h"], ["--jobs=half"]),
        (["batch", ADD, "--jobs", "a"], ["all"]),
        (["batch", "--resume", ADD, "--amo"], ["--amount="]),
        ([ADD, "--ret"], []),
    ],
)
def test_the_shell_completes_options_of_batches(desk, line, words):
    from stpipe.cli.completion import candidates

    assert [one.word for one in candidates(["strun", *line]).words] == words


def test_a_disk_that_is_full_ends_the_batch_and_is_told(desk, monkeypatch):
    from stpipe.executors.manifest import Manifest

    plain = Manifest.add

    def add(self: Manifest, record: dict[str, object]) -> None:
        if record["name"] == "e02_uncal.json":
            raise OSError(28, "No space left on device")
        plain(self, record)

    paths = desk.expose(5)
    with monkeypatch.context() as patch:
        patch.setattr(Manifest, "add", add)
        code, _, error = desk.strun("steps_for_batches.Counted", *paths, OUT, "-j1")
    assert code != 0
    assert "No space left on device" in error
    assert desk.statuses()["done"] >= 1
    assert desk.strun("steps_for_batches.Counted", *paths, OUT, "--resume")[0] == 0
    assert desk.statuses() == {"done": 5}
