"""Metadata of exposures read from headers alone are those of the models."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from stdatamodels import schema as schema_tools
from stdatamodels.jwst import datamodels

from jwst.stpipe import Step
from jwst.stpipe.exposure_header import metadata_keywords, read_header
from stpipe.exceptions import InputError


def keywords_of(model):
    """Keywords in the schema of a class of models, by extension."""
    found = {"PRIMARY": {}, "SCI": {}}

    def collect(node, path, *_):
        if isinstance(node, dict) and "fits_keyword" in node:
            found.setdefault(node.get("fits_hdu", "PRIMARY"), {})[node["fits_keyword"]] = ".".join(map(str, path))

    schema_tools.walk_schema(model().schema, collect)
    return found


def test_primary_keywords_are_those_of_the_core_schema():
    assert metadata_keywords()["PRIMARY"] == keywords_of(datamodels.JwstDataModel)["PRIMARY"]


def test_science_keywords_are_those_of_ramps_without_coefficients_of_distortion():
    coefficient = re.compile(r"(A|B|AP|BP)_(\d_\d|ORDER)$")
    for model in (datamodels.RampModel, datamodels.ImageModel):
        found = keywords_of(model)["SCI"]
        assert metadata_keywords()["SCI"] == {key: found[key] for key in found if not coefficient.match(key)}


@pytest.fixture
def exposure(tmp_path):
    """Path of a ramp with metadata of several sections."""
    model = datamodels.RampModel(np.zeros((1, 2, 4, 5), np.float32))
    model.meta.instrument.name = "NIRSPEC"
    model.meta.instrument.detector = "NRS1"
    model.meta.instrument.grating = "G140H"
    model.meta.exposure.type = "NRS_IFU"
    model.meta.exposure.group_time = 14.5
    model.meta.exposure.zero_frame = False
    model.meta.observation.program_number = "01019"
    model.meta.target.catalog_name = "It's a long name / with a slash, " * 4
    model.meta.target.ra = -1.5e-7
    model.meta.cal_step.dark_sub = "COMPLETE"
    model.meta.ref_file.dark.name = "crds://jwst_nirspec_dark_0001.fits"
    model.meta.ref_file.crds.context_used = "jwst_0001.pmap"
    model.meta.ephemeris.type = "Predicted"
    model.meta.exposure.effective_exposure_time = 29.0
    model.meta.wcsinfo.crval1 = 80.5
    model.meta.wcsinfo.ctype1 = "RA---TAN"
    model.meta.pointing.ra_v1 = 80.25
    path = tmp_path / "a_ramp.fits"
    model.save(str(path))
    return str(path)


def test_same_as_the_metadata_of_the_file(exposure):
    expected = {
        name: value
        for name, value in datamodels.read_metadata(exposure).items()
        if name.startswith("meta.") and isinstance(value, str | int | float)
    }
    header = read_header(exposure)
    assert dict(header) == expected
    assert header.shape == (1, 2, 4, 5)


def test_steps_and_pipelines_read_headers_this_way(exposure):
    assert Step._read_header(exposure) == read_header(exposure)


def test_asdf(tmp_path):
    model = datamodels.RampModel(np.zeros((1, 2, 4, 5), np.float32))
    model.meta.instrument.name = "MIRI"
    model.meta.exposure.type = "MIR_IMAGE"
    path = str(tmp_path / "a.asdf")
    model.save(path)
    header = read_header(path)
    assert (header["meta.instrument.name"], header["meta.exposure.type"]) == ("MIRI", "MIR_IMAGE")
    assert header.shape == (1, 2, 4, 5)
    assert all(name.startswith("meta.") for name in header)


def test_asdf_that_is_none(tmp_path):
    path = tmp_path / "a.asdf"
    path.write_bytes(b"no")
    with pytest.raises(OSError, match="no ASDF file"):
        read_header(str(path))
    path.write_bytes(b"#ASDF 1.0.0\n%YAML 1.1\n---\nmeta: {a: 1}\n")
    with pytest.raises(OSError, match="a.asdf has no complete tree"):
        read_header(str(path))
    with pytest.raises(FileNotFoundError):
        read_header(str(tmp_path / "none.asdf"))


def test_association(exposure, tmp_path):
    members = [{"expname": "b.fits", "exptype": "background"}, {"expname": "a_ramp.fits", "exptype": "science"}]
    path = tmp_path / "x_asn.json"
    path.write_text(json.dumps({"products": [{"name": "x", "members": members}]}))
    assert read_header(str(path)) == read_header(exposure)


def test_other_files(tmp_path):
    with pytest.raises(InputError, match=r"a\.txt is neither a FITS"):
        read_header(str(tmp_path / "a.txt"))
