"""Metadata from a header alone."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from stdatamodels import schema as schema_tools
from stdatamodels.jwst import datamodels

from jwst.stpipe.header_parameters import file_parameters, header_keywords


def test_table_is_that_of_the_core_schema():
    found = {}

    def collect(node, path, *_):
        if isinstance(node, dict) and node.get("fits_hdu", "PRIMARY") == "PRIMARY" and "fits_keyword" in node:
            found[node["fits_keyword"]] = ".".join(map(str, path))

    schema_tools.walk_schema(datamodels.JwstDataModel().schema, collect)
    table = header_keywords()
    assert table == {keyword: found[keyword] for keyword in table}
    wanted = ("meta.instrument.", "meta.exposure.", "meta.observation.", "meta.subarray.", "meta.visit.")
    assert {keyword for keyword, path in found.items() if path.startswith(wanted)} <= set(table)


def test_same_as_the_model(tmp_path):
    model = datamodels.RampModel(np.zeros((1, 2, 4, 4), np.float32))
    model.meta.instrument.name = "NIRCAM"
    model.meta.instrument.detector = "NRCA1"
    model.meta.exposure.type = "NRC_IMAGE"
    model.meta.exposure.ngroups = 2
    model.meta.exposure.group_time = 10.5
    model.meta.exposure.zero_frame = True
    model.meta.observation.program_number = "01019"
    model.meta.observation.date = "2022-04-27"
    model.meta.subarray.xstart = 1
    path = tmp_path / "a_uncal.fits"
    model.save(str(path))
    with datamodels.open(path) as opened:
        expected = opened.get_crds_parameters()
    found = file_parameters(path)
    assert found.items() <= expected.items()
    sections = ("meta.instrument.", "meta.exposure.", "meta.observation.", "meta.subarray.")
    assert {name for name in expected if name.startswith(sections)} <= set(found)


def test_asdf(tmp_path):
    model = datamodels.JwstDataModel()
    model.meta.instrument.name = "MIRI"
    path = tmp_path / "a.asdf"
    model.save(str(path))
    assert file_parameters(path)["meta.instrument.name"] == "MIRI"


def test_compressed(tmp_path):
    path = tmp_path / "a.fits.gz"
    fits.PrimaryHDU(header=fits.Header([("INSTRUME", "FGS")])).writeto(path)
    assert file_parameters(path) == {"meta.instrument.name": "FGS"}


def test_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        file_parameters(tmp_path / "none.fits")
    (tmp_path / "bad.fits").write_text("no")
    with pytest.raises(OSError):
        file_parameters(tmp_path / "bad.fits")
    (tmp_path / "bad.txt").write_text("no")
    with pytest.raises(ValueError):
        file_parameters(tmp_path / "bad.txt")
