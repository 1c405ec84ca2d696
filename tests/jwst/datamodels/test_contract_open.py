"""Statements of spec jwst_base.md §7, row by row, and the public names of `jwst.datamodels` (§1)."""

from __future__ import annotations

import json
import pkgutil
from importlib import import_module
from pathlib import Path

import asdf
import numpy as np
import pytest
from astropy.io import fits
from stdatamodels.exceptions import NoTypeWarning
from stdatamodels.jwst import datamodels as stdm

from jwst import datamodels
from jwst.datamodels import ModelContainer

PLANE = (3, 3)
# name: shapes of the SCI extensions, keywords, whether there is a DQ extension, class
GUESSES = {
    "no SCI": ([], {}, False, "JwstDataModel"),
    "image": ([PLANE], {}, False, "ImageModel"),
    "two images": ([PLANE, PLANE], {}, False, "MultiSlitModel"),
    "cube": ([(2, *PLANE)], {}, False, "CubeModel"),
    "ramp": ([(1, 2, *PLANE)], {}, False, "RampModel"),
    "quad": ([(1, 2, *PLANE)], {}, True, "QuadModel"),
    "reference without SCI": ([], {"REFTYPE": "DARK"}, False, "ReferenceFileModel"),
    "reference image": ([PLANE], {"REFTYPE": "DARK"}, False, "ReferenceImageModel"),
    "reference cube": ([(2, *PLANE)], {"REFTYPE": "DARK"}, False, "ReferenceCubeModel"),
    "reference quad": ([(1, 2, *PLANE)], {"REFTYPE": "DARK"}, True, "ReferenceQuadModel"),
}


def hdulist(shapes, keywords, dq):
    """Plain FITS extensions, as no data model has written them."""
    arrays = [np.zeros(shape, np.float32) for shape in shapes]
    hdus = [fits.ImageHDU(array, name="SCI", ver=number) for number, array in enumerate(arrays, start=1)]
    if dq:
        hdus.append(fits.ImageHDU(np.zeros(PLANE, np.int32), name="DQ"))
    return fits.HDUList([fits.PrimaryHDU(header=fits.Header(keywords)), *hdus])


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("shapes", "keywords", "dq", "expected"), GUESSES.values(), ids=GUESSES)
@pytest.mark.parametrize("extension", [".fits", ".fits.gz"])
def test_a_fits_file_without_a_class(shapes, keywords, dq, expected, extension):
    name = f"x{extension}"
    hdulist(shapes, keywords, dq).writeto(name)
    with pytest.warns(NoTypeWarning, match=f"Opening {name} as a {expected}"), datamodels.open(name) as model:
        assert type(model).__name__ == expected
    with pytest.raises(TypeError, match="guessing has been disabled"):
        datamodels.open(name, guess=False)


@pytest.mark.parametrize("name", ["CubeModel", "SlitModel", "DarkModel"])
def test_the_class_that_a_file_names(name):
    hdulist([], {"DATAMODL": name}, False).writeto("x.fits")
    with datamodels.open(Path("x.fits"), guess=False) as model:
        assert type(model) is getattr(stdm, name)


def test_asdf():
    asdf.AsdfFile({"meta": {"model_type": "ImageModel"}}).write_to("named.asdf")
    asdf.AsdfFile({"meta": {}}).write_to("plain.asdf")
    with datamodels.open("named.asdf") as model:
        assert type(model) is stdm.ImageModel
    with (
        pytest.warns(NoTypeWarning, match="Opening plain.asdf as a JwstDataModel"),
        datamodels.open("plain.asdf") as one,
    ):
        assert type(one) is stdm.JwstDataModel


def test_a_model_comes_back_as_one_that_shares_its_arrays():
    model = stdm.CubeModel((2, 3, 3))
    again = datamodels.open(model)
    assert (type(again), again is model) == (stdm.CubeModel, False)
    again.data[0, 1, 1] = 5
    assert model.data[0, 1, 1] == 5


@pytest.mark.parametrize("kind", ["file", "dict", "names", "models", "mixed"])
def test_containers(kind):
    model = stdm.ImageModel(PLANE)
    model.save("a_cal.fits")
    asn = {"asn_id": "a", "asn_pool": "p", "products": [{"members": [{"expname": "a_cal.fits", "exptype": "science"}]}]}
    Path("x_asn.json").write_text(json.dumps(asn))
    inits = {
        "file": "x_asn.json",
        "dict": asn,
        "names": ["a_cal.fits"],
        "models": [model],
        "mixed": [model, "a_cal.fits"],
    }
    with datamodels.open(inits[kind]) as container:
        assert type(container) is ModelContainer
        assert {type(one) for one in container} == {stdm.ImageModel}


@pytest.mark.parametrize(
    ("init", "error"),
    [
        ("noextension", ValueError),
        ("x.txt", ValueError),
        ("missing.fits", FileNotFoundError),
        ("missing.asdf", FileNotFoundError),
        ("missing.json", FileNotFoundError),
        ({"asn_id": "a"}, TypeError),
        ({"asn_pool": "p", "products": []}, TypeError),
        (None, TypeError),
        (("a_cal.fits",), TypeError),
        (b"a_cal.fits", TypeError),
    ],
)
def test_what_cannot_be_opened(init, error):
    with pytest.raises(error):
        datamodels.open(init)


class TestNames:
    """What the package offers besides ``open``."""

    def test_everything_public_of_the_data_models(self):
        assert {name: getattr(datamodels, name) for name in stdm.__all__} == {
            name: getattr(stdm, name) for name in stdm.__all__
        }

    def test_every_public_submodule(self):
        names = [one.name for one in pkgutil.iter_modules(stdm.__path__) if not one.name.startswith("_")]
        assert {"dqflags", "ramp", "schema"} & set(names) >= {"dqflags", "ramp"}
        for name in names:
            assert import_module(f"jwst.datamodels.{name}") is import_module(f"stdatamodels.jwst.datamodels.{name}")

    def test_homes_of_the_containers(self):
        homes = {"container": "ModelContainer", "library": "ModelLibrary", "source_container": "SourceModelContainer"}
        for module, name in homes.items():
            assert getattr(import_module(f"jwst.datamodels.{module}"), name) is getattr(datamodels, name)
        assert callable(import_module("jwst.datamodels.utils").attrs_to_group_id)
