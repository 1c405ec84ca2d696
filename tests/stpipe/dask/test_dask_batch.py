"""``strun batch --dask`` (issue 6, parts 2 and 3)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stpipe.cli.strun import main
from stpipe.executors.manifest import read_manifest

pytest.importorskip("distributed", reason="the extra 'dask' is not installed")

import steps_for_runs as steps  # noqa: E402, F401  which the conftest has made importable

ADD = "steps_for_runs.Add"


def statuses() -> dict[str, str]:
    """Status of each exposure in the manifest."""
    return {one["name"]: one["status"] for one in read_manifest("out")[1]}


def test_a_batch_on_a_cluster_is_that_of_one_machine(inputs, client, cluster, capsys):
    options = [*inputs, "--output_dir=out", "--dask", cluster.scheduler_address]
    assert main(["batch", ADD, *options]) == 2
    assert statuses() == {
        "v1.json": "done",
        "v2.json": "done",
        "v3.json": "skipped",
        "v4.json": "failed",
        "v5.json": "done",
    }
    values = {path.name: json.loads(path.read_text())["value"] for path in Path("out").glob("v*.json")}
    assert values == {"v1_add.json": 2, "v2_add.json": 3, "v5_add.json": 6}
    assert "adding 1" in Path("out/logs/v1.json.log").read_text()
    assert not [path for path in Path("out").iterdir() if path.name.startswith(".stpipe-") and path.is_dir()]
    capsys.readouterr()
    assert main(["batch", ADD, *options, "--resume"]) == 2
    assert "4 up to date" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--dask=head:8786"], "argument --dask: wants the address of a scheduler, as tcp://head:8786"),
        (["--dask=tcp://head:8786", "-j2"], "--jobs: not with --dask"),
        (["--dask=tcp://head:8786", "--memory=1GB"], "--memory: not with --dask"),
        (["--dask-folder=out"], "argument --dask-folder: is for --dask=ADDRESS"),
    ],
)
def test_options_that_cannot_be_used(inputs, capsys, options, text):
    assert main(["batch", ADD, *inputs, "--output_dir=out", *options]) == 2
    assert text in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_cluster_that_is_not_there(inputs, capsys, monkeypatch):
    from stpipe.executors import dask

    monkeypatch.setattr(dask, "_CONNECT_SECONDS", 0.3)
    assert main(["batch", ADD, *inputs[:2], "--output_dir=out", "--dask=tcp://127.0.0.1:9"]) != 0
    assert "there is no dask scheduler at tcp://127.0.0.1:9" in capsys.readouterr().err
