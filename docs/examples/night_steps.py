"""Steps of the recipe ``night.yaml`` and of the graph beside it: ordinary functions."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np

from stpipe import Graph
from stpipe.facts import store_fact

ASKED = set()


def fetch(context, archive):
    """Copy the exposure from an archive that wants to be asked twice."""
    path = os.fspath(context["input"])
    if path not in ASKED:
        ASKED.add(path)
        raise OSError(f"{archive} is not ready: {os.path.basename(path)} is being staged")
    return {"input": shutil.copy(path, context["output_dir"])}


def image_quality(context):
    """Sky, noise and the share of bad pixels of a rate image; kept as facts of the exposure."""
    rate = context["rate"]
    good = (rate.dq & 1) == 0
    sky = float(np.median(rate.data[good]))
    quality = {
        "sky": round(sky, 4),
        "noise": round(float(1.4826 * np.median(np.abs(rate.data[good] - sky))), 4),
        "bad_percent": round(100.0 * float(1.0 - good.mean()), 2),
    }
    for name, value in quality.items():
        store_fact(name, value)
    context.setdefault("quality", {}).update(quality)


def series_quality(context):
    """Scatter of the brightest per cent of the pixels from integration to integration, in per cent."""
    from jwst import datamodels

    rate = context["rate"]
    name = rate.meta.filename.replace("_rate", "_rateints")
    bright = rate.data > np.nanpercentile(rate.data, 99)
    with datamodels.open(os.path.join(context["output_dir"], name)) as rateints:
        totals = np.nansum(rateints.data[:, bright], axis=1)
    scatter = round(100.0 * float(totals.std() / totals.mean()), 3)
    store_fact("scatter_percent", scatter)
    context.setdefault("quality", {})["scatter_percent"] = scatter


def write_report(context, path):
    """Write down what went wrong with an exposure, after what others have written."""
    report = Path(path)
    known = json.loads(report.read_text()) if report.exists() else []
    known += [
        {"exposure": os.path.basename(context["input"]), "step": error["step"], "error": error["description"]}
        for error in context["run_errors"]
        if not error["swallowed"]
    ]
    report.write_text(json.dumps(known, indent=1))


def make_graph(output_dir):
    """Return a graph from ``uncal`` to ``summary``: whoever has a ``rate`` already starts there."""
    from jwst.pipeline import Detector1Pipeline

    graph = Graph()
    graph.add_step(Detector1Pipeline, requires="uncal", provides="rate", save_results=True, output_dir=output_dir)

    @graph.step(provides="sky")
    def sky(rate):
        return float(np.median(rate.data[(rate.dq & 1) == 0]))

    @graph.step(provides="brightest")
    def brightest(rate):
        return float(np.nanmax(np.where(rate.dq & 1, np.nan, rate.data)))

    @graph.step(provides="summary")
    def summary(sky, brightest):
        return {"sky": round(sky, 4), "contrast": round(brightest / sky, 1)}

    return graph
