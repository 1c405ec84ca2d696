"""Make tweakreg.npz with the released pipeline: ``peer python make_tweakreg.py`` in an empty folder."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import tweakreg_scenes as scenes
from astropy.table import Table

PORT = 18765
os.environ["ASTROMETRIC_CATALOG_URL"] = f"http://127.0.0.1:{PORT}"  # read when the released pipeline is imported

from jwst.tweakreg import TweakRegStep  # noqa: E402
from jwst.tweakreg.utils import adjust_wcs, transfer_wcs_correction  # noqa: E402

sys.tracebacklimit = 0
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"


def each(library):
    """Models of a library."""
    with library:
        for model in library:
            yield model
            library.shelve(model, modify=False)


def run(name, exposures, **parameters):
    """Vectors of one case."""
    result = TweakRegStep.call(exposures, **parameters)
    store = {}
    for index, model in enumerate(each(result)):
        store |= {f"{name}_{index}_{key}": value for key, value in scenes.numbers_of(model).items()}
    print(name, store[f"{name}_{index}_texts"])
    return store


def cases():
    store = {}
    scenes.write_references(Path())
    for name, (shots, more, parameters, reference) in scenes.CASES.items():
        if reference:
            parameters = parameters | {"abs_refcat": reference}
        saved = name in scenes.CATALOGS
        store |= run(name, scenes.models(shots, **more), save_catalogs=saved, **parameters)
        if saved:
            table = Table.read("jw01234001001_02101_00002_nrca1_cal_cat.ecsv")
            store |= {f"{name}_catalog_{column}": np.asarray(table[column]) for column in table.colnames}
            print(table.colnames, table.meta)
    return store


class Answer(BaseHTTPRequestHandler):
    """A catalogue service with stars of the field."""

    asked: list[str] = []

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(scenes.gaia_answer().encode())

    def log_message(self, *_):
        """Be quiet."""


def gaia():
    server = HTTPServer(("127.0.0.1", PORT), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    parameters = {"abs_refcat": "GAIADR3", "save_abs_catalog": True, "abs_minobj": 10}
    store = run("gaia", scenes.models(), **parameters)
    print(Answer.asked)
    table = Table.read("fit_gaiadr3_ref.ecsv")
    print(table[:3], table.meta)
    store |= {f"gaia_catalog_{name}": np.asarray(table[name]) for name in table.colnames}
    server.shutdown()
    return store | {"gaia_asked": np.array(Answer.asked)}


def custom():
    store = {}
    scenes.write_custom(Path())
    for name, (listed, parameters) in scenes.CUSTOM.items():
        store |= run(name, scenes.models(scenes.TWINS), catfile=listed, **parameters)
    store |= run("custom_meta", scenes.given(scenes.models(scenes.TWINS)), **scenes.CUSTOM["custom_close"][1])
    members = []
    for model, catalog in zip(scenes.models(scenes.TWINS), ("one.ecsv", "close.csv"), strict=True):
        model.save(model.meta.filename)
        members.append({"expname": model.meta.filename, "exptype": "science", "tweakreg_catalog": catalog})
    asn = {"asn_type": "image3", "asn_id": "a1", "products": [{"name": "out", "members": members}]}
    Path("asn.json").write_text(json.dumps(asn))
    return store | run("custom_asn", "asn.json", **scenes.CUSTOM["custom_close"][1])


def utilities():
    model = scenes.model(scenes.THREE[1])
    store = {"adjusted": scenes.on_grid(adjust_wcs(model.meta.wcs, 0.001, -0.002, 0.1))}
    store["scaled"] = scenes.on_grid(adjust_wcs(model.meta.wcs, 0.001, -0.002, 0.1, 1.001))
    models = list(each(TweakRegStep.call(scenes.models(scenes.MIDDLE))))
    store["corrected"] = scenes.on_grid(models[1].meta.wcs)
    for name, shot in (("same", scenes.MIDDLE[1]), ("other", scenes.GROUPS[3]), ("far", scenes.FOUR[3])):
        target = scenes.model(shot)
        transfer_wcs_correction(target, models[1])
        store[f"transferred_{name}"] = scenes.on_grid(target.meta.wcs)
        print(name, target.meta.wcsinfo.s_region, target.meta.wcsinfo.instance.get("cd1_1"))
    target = scenes.model(scenes.FOUR[3])
    transfer_wcs_correction(target, models[0], matrix=[[1, 1e-4], [-1e-4, 1]], shift=[0.3, -0.1])
    store["transferred_given"] = scenes.on_grid(target.meta.wcs)
    target = scenes.model(scenes.FOUR[3])
    transfer_wcs_correction(target, models[1], matrix=[[1, 1e-4], [-1e-4, 1]], shift=[0.3, -0.1])
    store["transferred_given_corrected"] = scenes.on_grid(target.meta.wcs)
    target = models[1].copy()
    transfer_wcs_correction(target, models[1])
    store["transferred_twice"] = scenes.on_grid(target.meta.wcs)
    return store


def main():
    logging.disable(logging.WARNING)
    store = cases() | custom() | gaia() | utilities()
    path = Path(__file__).with_name("tweakreg.npz")
    np.savez_compressed(path, **store)
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
