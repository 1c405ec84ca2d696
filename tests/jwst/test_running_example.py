"""The recipe and the graph of docs/running.md on simulated exposures (issue 5)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import stpipe
from jwst.simulation import ExposureSettings, cache_for, simulate
from stpipe import Inventory

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
ROOT = "jw00017001001_01101_0000{}"
SETTINGS = {
    "image": ExposureSettings(root=ROOT.format(1), detector="NRCB1", subarray="SUB64P", readpatt="RAPID", ngroups=6),
    "series": ExposureSettings(
        root=ROOT.format(2), detector="NRCB1", subarray="SUB64P", readpatt="RAPID", ngroups=6, nints=3, seed=3
    ),
    "without": ExposureSettings(root=ROOT.format(3), detector="NRCA1", subarray="SUB160", readpatt="RAPID", ngroups=4),
}


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Folder with three exposures, an association of them, and references for two."""
    folder = tmp_path_factory.mktemp("night")
    cache_for(folder / "crds", [SETTINGS["image"], SETTINGS["series"]])
    members = []
    for settings in SETTINGS.values():
        path = simulate(settings, folder).path
        members.append({"expname": path.name, "exptype": "science"})
    association = {"asn_type": "detector1", "products": [{"name": "night", "members": members}]}
    (folder / "night_asn.json").write_text(json.dumps(association))
    return folder


@pytest.fixture
def place(night, tmp_path, monkeypatch, offline):
    """An empty output folder, with the cache in force and the examples importable."""
    monkeypatch.setenv("CRDS_PATH", str(night / "crds"))
    (context,) = (night / "crds" / "mappings" / "jwst").glob("*.pmap")
    monkeypatch.setenv("CRDS_CONTEXT", context.name)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    sys.modules.pop("night_steps", None)
    yield tmp_path
    sys.modules.pop("night_steps", None)


def test_the_recipe_does_the_real_thing(night, place):
    inventory = Inventory.from_association(night / "night_asn.json")
    values = {"archive": "the archive", "output_dir": str(place), "threshold": 5.0}
    runner = stpipe.run(str(EXAMPLES / "night.yaml"), inventory, context=values)

    image, series, without = inventory.names if hasattr(inventory, "names") else map(str, inventory)
    assert (runner.status, runner.rc, runner.failed_targets) == ("failed", 2, [without]), runner.exception
    # each exposure was staged at the second attempt
    for name in (image, series, without):
        told = [event.event for event in runner.target_events(name) if event.step == "fetch"]
        assert told == ["step_start", "step_target_start", "step_target_retry", "step_target_success", "step_end"]
    # the branches
    assert set(runner.facts(image)) >= {"sky", "noise", "bad_percent", "ExposureType"}
    assert "scatter_percent" in runner.facts(series)
    assert "scatter_percent" not in runner.facts(image)
    assert runner.facts(series)["Integrations"] == 3
    # the products, and the report of the failure
    products = sorted(path.name for path in place.glob("*.fits"))
    stem = "{}_nrcb1_rate.fits"
    assert {stem.format(ROOT.format(1)), stem.format(ROOT.format(2))} <= set(products)
    (failure,) = json.loads((place / "failed.json").read_text())
    assert (failure["exposure"], failure["step"]) == (without, "calwebb_detector1")
    assert "reference" in failure["error"]
    # parameters reached the step in the pipeline
    starts = [event for event in runner.target_events(image) if event.step == "jump"]
    assert starts[0].parent_uuid is not None
    assert "NRC_IMAGE with" in runner.stdout.read()


def test_the_graph_resumes_from_a_rate(night, place):
    from night_steps import make_graph

    from jwst import datamodels

    uncal = str(next(night.glob(f"{ROOT.format(1)}*_uncal.fits")))
    graph = make_graph(str(place))
    graph.add_resources(uncal=uncal)
    assert graph.plan("summary")[0] == "calwebb_detector1"
    whole = stpipe.run(graph, "summary")
    assert whole.status == "successful", whole.exception
    assert whole.stats["ok"] == {"graph": 4}

    with datamodels.open(next(place.glob("*_rate.fits"))) as rate:
        again = make_graph(str(place))
        resumed = stpipe.run(again, "summary", context={"rate": rate})
    assert resumed.result == whole.result
    assert resumed.stats["ok"] == {"graph": 3}
    assert "calwebb_detector1" not in {event.step for event in resumed.events}


RECIPE = """
description: stage 1 and a quick look
parser: keyvaluepairs
steps:
  - step: echo
    in: {text: "reducing {uncal} with threshold {threshold}"}
  - step: calwebb_detector1
    input: "{uncal}"
    in: {save_results: true, steps: {jump: {rejection_threshold: "{threshold}"}}}
    retry: {max: 2, sleep: 5, stop_on: [ValidationError]}
    provides: rate
  - step: set
    in: {set: {summary: {exp_type: "{rate.meta.exposure.type}", done: true}}}
on_failure:
  - step: echo
    in: {text: "failed: {run_errors[0][exception]}"}
"""


@pytest.fixture
def named(night, place, monkeypatch):
    """The current folder, with the exposures under the names of the specification's examples."""
    monkeypatch.chdir(place)
    uncal = next(night.glob(f"{ROOT.format(1)}*_uncal.fits"))
    for name in ("a_uncal.fits", "jw01_uncal.fits"):
        shutil.copy(uncal, name)
    return place


def test_the_example_of_the_runner(named, capsys):
    """Spec running.md §2.1."""
    r = stpipe.run(
        "calwebb_detector1", "jw01_uncal.fits", steps={"jump": {"rejection_threshold": 12.0}}, save_results=True
    )
    print(f"{r.status}: {r.rc}")
    for ev in r.events:
        print(ev["event"], ev["step"], ev["target"])
    print(r.stats)
    model = r.result
    printed = capsys.readouterr().out
    assert printed.startswith("successful: 0\nrun_start None None\n")
    assert "step_target_success jump jw01_uncal.fits" in printed
    assert (model.meta.filename, r.stats["changed"]) == ("jw01_rate.fits", {"jw01_uncal.fits": 1})
    stpipe.run(
        "calwebb_detector1", "jw01_uncal.fits", steps={"jump": {"save_results": True}, "ramp_fit": {"skip": True}}
    )

    stop = threading.Event()
    ramp = shutil.copy("jw01_jump.fits", "jw01_ramp.fits")
    thread, r = stpipe.run_async("jump", ramp, cancel_callback=lambda: stop.is_set(), timeout=600)
    while r.status in ("unstarted", "starting", "running"):
        assert set(r.stats["ok"]) <= {"jw01_ramp.fits"}
        time.sleep(0.01)
    thread.join()
    assert (r.status, r.stats["ok"]) == ("successful", {"jw01_ramp.fits": 1})


def test_the_example_of_recipes(named):
    """Spec running.md §4.1, and the same from the command line."""
    Path("reduce.yaml").write_text(RECIPE)
    ctx = stpipe.run_recipe("reduce", args_in=["uncal=a_uncal.fits", "threshold=12"])
    again = stpipe.run_recipe("reduce", dict_in={"uncal": "a_uncal.fits", "threshold": 12})
    assert ctx["summary"] == again["summary"] == {"exp_type": "NRC_IMAGE", "done": True}
    r = stpipe.run("reduce", context={"uncal": "a_uncal.fits", "threshold": 12})
    assert (r.status, r.context["summary"]["exp_type"]) == ("successful", "NRC_IMAGE")
    command = [sys.executable, "-m", "stpipe", "run", "reduce", "uncal=a_uncal.fits", "threshold=12"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, "reducing a_uncal.fits with threshold 12" in done.stderr + done.stdout) == (0, True)
    bad = subprocess.run([*command[:-2], "uncal=none_uncal.fits", "threshold=12"], capture_output=True, text=True)
    assert bad.returncode == 2
    assert "failed: " in bad.stderr + bad.stdout
