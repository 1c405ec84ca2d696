"""The recipe and the graph of docs/running.md on simulated exposures (issue 5)."""

from __future__ import annotations

import json
import sys
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
