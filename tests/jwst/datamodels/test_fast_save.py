"""Saving without copies gives the files that `stdatamodels` writes."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from stdatamodels.jwst import datamodels as stdm

from jwst.datamodels.fast_save import save
from jwst.stpipe import Step


@pytest.fixture(autouse=True)
def frozen_clock(tmp_path, monkeypatch):
    """Two files have the same date."""
    clock = SimpleNamespace(now=lambda: SimpleNamespace(isot="2026-01-01T00:00:00.000"))
    monkeypatch.setattr("stdatamodels.jwst.datamodels.model_base.Time", clock)
    monkeypatch.chdir(tmp_path)


def image():
    model = stdm.ImageModel(np.linspace(-1, 1, 500 * 700, dtype=np.float32).reshape(500, 700))
    model.dq = np.arange(model.data.size, dtype=np.uint32).reshape(model.data.shape) * np.uint32(12345)
    model.err = np.full(model.data.shape, np.nan, np.float32)
    model.meta.target.catalog_name = "T"
    return model


def swapped():
    model = image()
    model._instance["data"] = model.data.astype(">f4")
    model._instance["err"] = np.asfortranarray(model.err)
    return model


def read_only():
    model = image()
    model.data.flags.writeable = False
    return model


def with_table():
    model = stdm.SpecModel()
    model.spec_table = np.zeros(4, dtype=model.get_dtype("spec_table"))
    model.spec_table["WAVELENGTH"] = 1.5
    return model


MODELS = {
    "image": image,
    "other orders of bytes and axes": swapped,
    "read-only": read_only,
    "ramps of small integers": lambda: stdm.RampModel((2, 3, 40, 50)),
    "cube": lambda: stdm.CubeModel(np.ones((3, 33, 35), np.float32)),
    "table": with_table,
    "empty": stdm.ImageModel,
    "no axis long": lambda: stdm.ImageModel((0, 5)),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_same_files(make):
    for folder in ("usual", "fast"):
        Path(folder).mkdir()
    make().save("usual/x_cal.fits")
    model = make()
    before = {key: np.array(value) for key, value in model._instance.items() if type(value) is np.ndarray}
    assert save(model, "fast/x_cal.fits") == "fast/x_cal.fits"
    assert Path("usual/x_cal.fits").read_bytes() == Path("fast/x_cal.fits").read_bytes()
    for key, value in before.items():
        np.testing.assert_array_equal(np.asarray(model._instance[key]), value)
    assert model.meta.filename == "x_cal.fits"


def test_other_extensions():
    save(image(), "x.asdf")
    assert stdm.open("x.asdf").meta.target.catalog_name == "T"
    with pytest.raises(ValueError, match="unknown filetype"):
        save(image(), "x.txt")


def test_a_class_with_a_way_of_its_own():
    class Own(stdm.ImageModel):
        def save(self, path, *args, **kwargs):
            Path(path).write_text("mine")

    save(Own(), "x.fits")
    assert Path("x.fits").read_text() == "mine"


def test_steps_save_this_way(monkeypatch):
    monkeypatch.setattr("jwst.datamodels.fast_save.save", lambda model, path: Path(path).write_text("fast"))
    Step().save_model(image(), suffix="cal", output_file="a", force=True)
    assert Path("a_cal.fits").read_text() == "fast"


def test_arrays_go_away_with_the_model():
    """At once, without a garbage collection."""
    model = image()
    save(model, "x.fits")
    array = weakref.ref(model.data)
    gc.disable()
    try:
        del model
        assert array() is None
    finally:
        gc.enable()


def test_a_failure_leaves_the_arrays_as_they_are(monkeypatch):
    model = image()
    expected = model.data.copy()

    def fail(self, array):
        raise OSError("disk full")

    monkeypatch.setattr("astropy.io.fits.file._File.writearray", fail)
    with pytest.raises(OSError, match="disk full"):
        save(model, "x.fits")
    np.testing.assert_array_equal(model.data, expected)
