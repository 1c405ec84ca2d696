"""``stpipe run --dask`` (issue 6)."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import pytest

from stpipe.cli.main import main

pytest.importorskip("distributed", reason="the extra 'dask' is not installed")

import steps_for_runs as steps  # noqa: E402  which the conftest has made importable

RECIPE = """
steps:
  - step: steps_for_runs.Add
    in: {amount: 5, save_results: true, output_dir: out}
"""


@pytest.fixture
def arguments(inputs: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command for two files."""
    from stpipe import exposure

    monkeypatch.setattr(exposure, "default_door", lambda: steps.Base)
    monkeypatch.setattr(sys, "argv", ["stpipe"])
    Path("recipe.yaml").write_text(RECIPE)
    return ["run", "recipe", "--dir", str(Path(steps.__file__).parent), "--input", *inputs[:2]]


def test_a_recipe_runs_on_a_cluster(arguments, client, cluster):
    assert main([*arguments, "--dask", cluster.scheduler_address, "--dask-folder", "shared"]) == 0
    values = {path.name: json.loads(path.read_text())["value"] for path in Path("out").glob("v*.json")}
    assert values == {"v1_add.json": 6, "v2_add.json": 7}
    gc.collect()  # the results of a recipe wait as long as the run is there
    assert Path("shared").is_dir()
    assert not list(Path("shared").iterdir())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--dask", "head:8786"], "--dask wants the address of a scheduler, as tcp://head:8786"),
        (["--dask", "tcp://127.0.0.1:9"], "there is no dask scheduler at tcp://127.0.0.1:9"),
        (["--dask", "tcp://127.0.0.1:9", "-j", "2"], "leave out --executor and --jobs"),
        (["--dask-folder", "out"], "--dask-folder is for --dask=ADDRESS"),
    ],
)
def test_options_that_cannot_be_used(arguments, capsys, monkeypatch, options, text):
    from stpipe.executors import dask

    monkeypatch.setattr(dask, "_CONNECT_SECONDS", 0.3)
    assert main([*arguments, *options]) == 4
    assert text in capsys.readouterr().err
    assert not Path("out").exists()
