"""The flat-field step on models in memory."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.flatfield import FlatFieldStep
from stpipe.exceptions import InputError, NotBuiltError

NONE = {f"override_{name}": "N/A" for name in ("fflat", "sflat", "dflat")}


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.chdir(tmp_path)


def place(model, shape):
    model.meta.instrument.name = "NIRCAM"
    model.meta.subarray.xstart = model.meta.subarray.ystart = 1
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape
    return model


def make_science(shape=(4, 5)):
    model = place(datamodels.ImageModel(shape), shape)
    for name, value in {"data": 8, "err": 1, "var_poisson": 0.004, "var_rnoise": 0.006}.items():
        setattr(model, name, np.full(shape, value, np.float32))
    model.dq = np.zeros(shape, np.uint32)
    model.meta.exposure.type, model.meta.filename = "NRC_IMAGE", "jw1_rate.fits"
    return model


def make_flat(shape=(4, 5)):
    model = datamodels.FlatModel(data=np.full(shape, 2, np.float32), err=np.full(shape, 0.1, np.float32))
    model.dq = np.zeros(shape, np.uint32)
    model.data[0, 0] = np.nan
    return place(model, shape)


def test_flat_of_crds():
    science, flat = make_science(), make_flat()
    result = FlatFieldStep.call(science, override_flat=flat, **NONE)
    assert (result.data[1, 1], result.dq[0, 0]) == (4, 262145)
    assert result.err[1, 1] == pytest.approx(0.20615529)
    assert result.meta.cal_step.flat_field == "COMPLETE"
    assert (science.data == 8).all()
    assert np.isnan(flat.data[0, 0])


def test_flat_of_the_user_is_used_and_saved(tmp_path):
    make_flat((8, 9)).save("userflat.fits")
    step = FlatFieldStep(user_supplied_flat="userflat.fits", save_interpolated_flat=True)
    assert step.reference_file_types == []
    assert FlatFieldStep.reference_file_types == ["flat", "fflat", "sflat", "dflat"]
    result = step.run(make_science())
    assert result.data[1, 1] == 4
    assert result.meta.ref_file.flat.name == "userflat.fits"
    with datamodels.open(tmp_path / "jw1_interpolatedflat.fits") as flat:
        assert type(flat) is datamodels.FlatModel
        assert flat.data.shape == (8, 9)
        assert np.isnan(flat.data[0, 0])


def test_inverse():
    forward = FlatFieldStep.call(make_science(), override_flat=make_flat(), **NONE)
    back = FlatFieldStep.call(forward, override_flat=make_flat(), inverse=True, **NONE)
    assert back.data[1, 1] == 8
    assert back.var_flat[1, 1] == 0


@pytest.mark.parametrize("reason", ["no flat", "too large", "extracted", "NIRSpec dark"])
def test_skipped(reason):
    science = make_science((6, 6) if reason == "too large" else (4, 5))
    if reason == "extracted":
        science.meta.cal_step.extract_2d = "COMPLETE"
    if reason == "NIRSpec dark":
        science.meta.instrument.name, science.meta.exposure.type = "NIRSPEC", "NRS_DARK"
    flat = "N/A" if reason == "no flat" else make_flat()
    result = FlatFieldStep.call(science, override_flat=flat, **NONE)
    assert result.meta.cal_step.flat_field == "SKIPPED"
    assert (result.data == 8).all()


def test_nirspec_spectra_are_not_built():
    science = make_science()
    science.meta.instrument.name, science.meta.exposure.type = "NIRSPEC", "NRS_MSASPEC"
    with pytest.raises(NotBuiltError, match="user_supplied_flat"):
        FlatFieldStep.call(science, override_flat=make_flat(), **NONE)


def test_flat_without_a_number():
    flat = make_flat()
    flat.data[:] = np.nan
    with pytest.raises(InputError, match="NaN throughout"):
        FlatFieldStep.call(make_science(), override_flat=flat, **NONE)


def test_flat_of_another_place():
    flat = make_flat((8, 9))
    flat.meta.subarray.xstart = 4
    with pytest.raises(InputError, match="Bad reference file slice"):
        FlatFieldStep.call(make_science(), override_flat=flat, **NONE)


def test_flags_of_another_size():
    flat = make_flat()
    flat.dq = np.zeros((3, 3), np.uint32)
    with pytest.raises(InputError, match="3 x 3 pixels"):
        FlatFieldStep.call(make_science(), override_flat=flat, **NONE)
