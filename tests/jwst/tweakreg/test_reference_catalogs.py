"""Catalogues of true places: files, and a catalogue service."""

from __future__ import annotations

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

import jwst.tweakreg.reference_catalogs as reference_catalogs
from jwst.tweakreg import TweakRegStep
from jwst.tweakreg.reference_catalogs import (
    CatalogServiceError,
    ReferenceColumnsError,
    Region,
    find_region,
    read_gaia,
    read_table_of_places,
)
from stpipe.exceptions import InputError, ParameterError

HERE = Region(80.0, -69.5, 0.01, "2023-07-01")


@pytest.fixture
def service(monkeypatch):
    """A catalogue service on this machine: give it an answer, and look at what it was asked."""

    class Service(BaseHTTPRequestHandler):
        asked: list[str] = []
        status = 200
        answer = ""
        wait = 0.0

        def do_GET(self):
            self.asked.append(self.path)
            time.sleep(self.wait)
            self.send_response(self.status)
            self.end_headers()
            self.wfile.write(self.answer.encode())

        def log_message(self, *_):
            """Be quiet."""

    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    monkeypatch.setenv("ASTROMETRIC_CATALOG_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield Service
    server.shutdown()
    thread.join()
    server.server_close()


def test_gaia(service, scenes, shared, taken, here):
    """As the released step with the same service."""
    from astropy.table import Table

    service.answer = scenes.gaia_answer()
    parameters = {"abs_refcat": "GAIADR3", "save_abs_catalog": True, "abs_minobj": 10}
    result = taken(TweakRegStep.call(shared(), **parameters))
    table = Table.read("fit_gaiadr3_ref.ecsv")
    with np.load(scenes.__file__.replace("tweakreg_scenes.py", "tweakreg.npz")) as released:
        for index, model in enumerate(result):
            numbers = scenes.numbers_of(model)
            np.testing.assert_array_equal(numbers["texts"], released[f"gaia_{index}_texts"])
            np.testing.assert_allclose(numbers["sky"], released[f"gaia_{index}_sky"], rtol=0, atol=1e-11)
        assert table.colnames == ["RA", "DEC", "mag", "objID", "epoch"]
        for name in table.colnames:
            np.testing.assert_array_equal(table[name], released[f"gaia_catalog_{name}"])
        (theirs,), (ours,) = released["gaia_asked"], service.asked
    theirs, ours = urlsplit(str(theirs)), urlsplit(ours)
    assert ours.path == theirs.path
    theirs, ours = parse_qs(theirs.query), parse_qs(ours.query)
    assert list(ours) == list(theirs)
    for name in ("RA", "DEC", "EPOCH", "SR"):
        assert float(ours.pop(name)[0]) == pytest.approx(float(theirs.pop(name)[0]), abs=1e-7)
    assert ours == theirs


def test_no_stars(service, scenes, shared, taken, caplog):
    service.answer = "No data records found\n"
    result = taken(TweakRegStep.call(shared()[:2], abs_refcat="GAIADR2"))
    assert [model.meta.cal_step.tweakreg for model in result] == ["FAILED"] * 2
    assert all("v2v3corr" not in model.meta.wcs.available_frames for model in result)
    assert "has 0 sources, and abs_minobj asks for 15" in caplog.text


@pytest.mark.parametrize("name", ["gaiadr3", "GAIADR1", "GAIAREFCAT", "GAIADR3_S3"])
def test_names_of_gaia(name, service, scenes):
    service.answer = scenes.gaia_answer()
    assert len(read_gaia(name, HERE)) == 58
    assert service.asked[-1].endswith(f"CAT={name.upper()}")


def test_service_that_fails(service, scenes, shared, caplog):
    service.status = 500
    with pytest.raises(CatalogServiceError, match="ASTROMETRIC_CATALOG_URL"):
        read_gaia("GAIADR3", HERE)
    assert issubclass(CatalogServiceError, OSError)
    assert "give the path of a catalogue" in caplog.text
    service.status, service.answer = 200, '"an open quotation'
    with pytest.raises(CatalogServiceError, match="answer of the catalogue service"):
        read_gaia("GAIADR3", HERE)


def test_service_that_is_not_there(shared, monkeypatch):
    monkeypatch.setenv("ASTROMETRIC_CATALOG_URL", "http://127.0.0.1:9")
    models = shared()[:1]
    with pytest.raises(OSError, match="cannot be asked"):
        TweakRegStep.call(models, abs_refcat="GAIADR3")
    monkeypatch.setenv("ASTROMETRIC_CATALOG_URL", "nonsense")
    with pytest.raises(CatalogServiceError, match="nonsense"):
        read_gaia("GAIADR3", HERE)


def test_service_that_does_not_answer(service, monkeypatch):
    monkeypatch.setattr(reference_catalogs, "_TIMEOUT", 0.05)
    service.wait = 0.4
    with pytest.raises(CatalogServiceError, match="timed out"):
        read_gaia("GAIADR3", HERE)


def test_day_of_the_observation(service):
    with pytest.raises(InputError, match="observation.date"):
        read_gaia("GAIADR3", Region(80.0, -69.5, 0.01, ""))


def test_region_across_the_origin(scenes):
    """A square of 9.36 arcsec about 0, 0."""
    info = {"v2_ref": 120.0, "v3_ref": -527.0, "ra_ref": 0.0, "dec_ref": 0.0, "roll_ref": 0.0, "v3yangle": 0.0}
    worlds = [scenes.wcs_of((0.0, 0.0, 0.0), (300, 300), va=1.0)]
    region = find_region(worlds, info | {"vparity": -1}, "2023-07-01")
    assert (region.ra + 180) % 360 - 180 == pytest.approx(0, abs=1e-5)
    assert region.dec == pytest.approx(0, abs=1e-5)
    assert region.radius * 3600 == pytest.approx(4.68 * np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("names", [("RA", "DEC"), ("ra", "Dec"), ("sky_centroid",), ("Ra", "dec", "sky_centroid")])
def test_columns_of_a_file(names, here, caplog):
    from astropy.coordinates import SkyCoord
    from astropy.table import QTable

    table = QTable({name: [80.1, 80.2] if name[0] in "Rr" else [-69.1, -69.2] for name in names if name[0] != "s"})
    if "sky_centroid" in names:
        table["sky_centroid"] = SkyCoord([80.1, 80.2], [-69.1, -69.2], unit="deg")
    table["flux"] = [1.0, 2.0]
    table.write("ref.ecsv")
    found = read_table_of_places("ref.ecsv")
    assert set(found.colnames) == {"RA", "DEC", "flux"}
    np.testing.assert_allclose(found["RA"], [80.1, 80.2])
    np.testing.assert_allclose(found["DEC"], [-69.1, -69.2])
    assert ("sky_centroid of" in caplog.text) is (len(names) == 3)


@pytest.mark.parametrize(
    ("names", "text"),
    [(("a", "b"), "no columns RA and DEC"), (("RA", "ra", "DEC"), "2 columns"), (("RA",), "no column for DEC")],
    ids=["none", "twice", "one"],
)
def test_columns_that_say_nothing(names, text, here):
    from astropy.table import Table

    Table({name: [1.0] for name in names}).write("ref.ecsv")
    with pytest.raises(KeyError, match=text) as caught:
        read_table_of_places("ref.ecsv")
    assert isinstance(caught.value, ReferenceColumnsError)
    assert not str(caught.value).startswith(("'", '"'))


def test_files_that_cannot_be_used(shared, here):
    with pytest.raises(ParameterError, match="GAIADR3, GAIADR2"):
        TweakRegStep.call(shared()[:1], abs_refcat="no.ecsv")
    (here / "junk.ecsv").write_bytes(b"\x00\x01 garbage")
    with pytest.raises(InputError, match="cannot be read as a table"):
        TweakRegStep.call(shared()[:1], abs_refcat=os.path.join(here, "junk.ecsv"))
