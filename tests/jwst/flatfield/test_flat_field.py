"""Flat field: the statements of the specification, the released pipeline's results, and invariants."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdatamodels.jwst import datamodels

from jwst.flatfield import flat_arrays
from jwst.flatfield.flat_arrays import FlatPlanes, SciencePlanes, apply_flat
from jwst.flatfield.flat_field import apply_flat_field, do_correction
from stpipe.exceptions import InputError, NotBuiltError

VECTORS = Path(__file__).parents[2] / "parity" / "flat_field.npz"
PLANES = ("data", "err", "var_poisson", "var_rnoise", "var_flat", "dq")
VALUES = {"data": 8, "err": 1, "var_poisson": 0.004, "var_rnoise": 0.006}


def place(model, shape, corner=(1, 1)):
    model.meta.subarray.xstart, model.meta.subarray.ystart = corner
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape[-2:]
    return model


def make_science(shape=(4, 5), corner=(1, 1), cls=None):
    cls = cls or (datamodels.ImageModel if len(shape) == 2 else datamodels.CubeModel)
    model = place(cls(shape), shape, corner)
    names = ("data", "err") if cls is datamodels.GuiderCalModel else VALUES
    for name in names:
        setattr(model, name, np.full(shape, VALUES[name], np.float32))
    model.dq = np.zeros(shape[-2:] if cls is datamodels.GuiderCalModel else shape, np.uint32)
    model.meta.instrument.name, model.meta.exposure.type = "NIRCAM", "NRC_IMAGE"
    return model


def make_flat(value=2.0, shape=(4, 5)):
    data = np.full(shape, value, np.float32) if np.isscalar(value) else np.array(value, np.float32)
    flat = datamodels.FlatModel(data=data, err=np.full(data.shape, 0.1, np.float32), dq=np.zeros(data.shape, np.uint32))
    return place(flat, data.shape)


def at(model, place=(0, 0)):
    """Values of all planes at a pixel."""
    return {name: float(getattr(model, name)[place]) for name in PLANES}


@pytest.mark.parametrize("shape", [(4, 5), (2, 4, 5)])
def test_01_08_normal_pixels(shape):
    result, applied = do_correction(make_science(shape), make_flat())
    assert applied is not None
    for index in [()] if len(shape) == 2 else [(0,), (1,)]:
        values = at(result, (*index, 1, 1))
        assert values == pytest.approx(
            {"data": 4, "err": 0.20615529, "var_poisson": 0.001, "var_rnoise": 0.0015, "var_flat": 0.04, "dq": 0}
        )
    assert {getattr(result, name).dtype for name in PLANES[:-1]} == {np.dtype(np.float32)}
    assert result.var_flat.shape == shape
    assert result.meta.cal_step.flat_field == "COMPLETE"


@pytest.mark.parametrize(("value", "flag"), [(np.nan, 0), (0, 0), (2, 262144)])
def test_02_no_flat(value, flag):
    flat = make_flat()
    flat.data[0, 0], flat.dq[0, 0] = value, flag
    values = at(do_correction(make_science(), flat)[0])
    assert values.pop("dq") == 262145
    assert np.isnan(list(values.values())).all()


def test_03_negative_flat_is_used():
    flat = make_flat()
    flat.data[0, 0] = -1.5
    values = at(do_correction(make_science(), flat)[0])
    assert (values["data"], values["var_flat"], values["err"]) == pytest.approx((-5.3333335, 0.12641977, 0.3617516))
    assert values["dq"] == 0


@pytest.mark.parametrize(
    ("flag", "err", "data", "dq"), [(33554432, 0.1, 4, 33554432), (1, 0.1, None, 1)] + [(0, np.nan, None, 1)]
)
def test_04_flagged_flats(flag, err, data, dq):
    flat = make_flat()
    flat.dq[0, 0], flat.err[0, 0] = flag, err
    values = at(do_correction(make_science(), flat)[0])
    assert values["dq"] == dq
    assert values["data"] == data if data else np.isnan(values["data"])


@pytest.mark.parametrize(("value", "flag"), [(8, 1), (np.nan, 0)])
def test_05_unusable_science(value, flag):
    science = make_science()
    science.data[0, 0], science.dq[0, 0] = value, flag
    values = at(do_correction(science, make_flat())[0])
    assert values.pop("dq") == 1
    assert np.isnan(list(values.values())).all()


def test_06_inverse():
    science = make_science()
    science.data[0, 0] = np.nan
    forward, _ = do_correction(science, make_flat())
    back, _ = do_correction(forward, make_flat(), inverse=True)
    assert np.isnan(back.data[0, 0])
    assert at(back, (1, 1)) == pytest.approx(
        {"data": 8, "err": 0.1, "var_poisson": 0.004, "var_rnoise": 0.006, "var_flat": 0, "dq": 0}
    )


def test_07_subarray():
    flat = make_flat(np.arange(1, 21).reshape(4, 5))
    result, _ = do_correction(make_science((2, 3), (3, 2)), flat)
    assert result.data.tolist() == [
        [1, pytest.approx(8 / 9), pytest.approx(0.8)],
        pytest.approx([8 / 13, 8 / 14, 8 / 15]),
    ]


def test_09_skipped_and_refused(caplog):
    assert do_correction(make_science((6, 6)), make_flat())[0].meta.cal_step.flat_field == "SKIPPED"
    assert do_correction(make_science())[0].meta.cal_step.flat_field == "SKIPPED"
    extracted = make_science()
    extracted.meta.cal_step.extract_2d = "COMPLETE"
    result, applied = do_correction(extracted, make_flat())
    assert (result.meta.cal_step.flat_field, applied) == ("SKIPPED", None)
    assert (result.data == 8).all()
    assert len(caplog.records) == 3
    with pytest.raises(ValueError, match="Bad reference file slice indexes"):
        do_correction(make_science((2, 3), (4, 2)), make_flat())


def test_10_guider(caplog):
    flat = make_flat()
    flat.data[0, 0] = np.nan
    science = make_science((2, 4, 5), cls=datamodels.GuiderCalModel)
    science.err[:] = 0.3
    result, _ = do_correction(science, flat)
    assert result.data[1, 1, 1] == 4
    assert result.err[1, 1, 1] == pytest.approx(0.36055514)
    assert result.dq.shape == (4, 5)
    assert (result.dq[0, 0], result.data[0, 0, 0]) == (262145, 8)
    assert "dq has shape" not in caplog.text


def test_nirspec():
    science = make_science()
    science.meta.instrument.name, science.meta.exposure.type = "NIRSPEC", "NRS_IFU"
    with pytest.raises(NotBuiltError, match="skip"):
        do_correction(science, make_flat())
    assert do_correction(science, user_supplied_flat=make_flat())[0].meta.cal_step.flat_field == "COMPLETE"
    science.meta.exposure.type = "NRS_DARK"
    assert do_correction(science, make_flat())[0].meta.cal_step.flat_field == "SKIPPED"


def test_flat_of_the_user_is_not_changed():
    flat = make_flat()
    flat.data[0, 0] = np.nan
    do_correction(make_science(), flat)
    assert np.isnan(flat.data[0, 0])
    assert not flat.dq.any()


def test_ramps_are_refused():
    ramp = place(datamodels.RampModel((1, 2, 4, 5)), (4, 5))
    with pytest.raises(InputError, match="RampModel"):
        do_correction(ramp, make_flat())


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("kind", ["image", "cube", "guider"])
@pytest.mark.filterwarnings("ignore:.*shape")
def test_agrees_with_the_released_pipeline(kind, direction):
    vectors, key = np.load(VECTORS), f"{kind}_{direction}"
    name = "GuiderCalModel" if kind == "guider" else "SomeModel"
    inputs = {plane: vectors[f"{key}_in_{plane}"] for plane in PLANES if f"{key}_in_{plane}" in vectors}
    model = type(name, (SimpleNamespace,), {})(**inputs)
    flat = FlatPlanes(*(vectors[f"{key}_{plane}"] for plane in ("flat", "flat_err", "flat_dq")))
    apply_flat_field(model, flat, inverse=direction == "inverse")
    for plane in ("data", "err", "dq") if kind == "guider" else PLANES:
        np.testing.assert_array_equal(getattr(model, plane), vectors[f"{key}_{plane}"], err_msg=plane)


@given(seed=st.integers(0, 2**32 - 1), tile=st.integers(1, 60))
@settings(max_examples=20, deadline=None)
def test_inverse_undoes_the_division_whatever_the_bands(seed, tile):
    rng = np.random.default_rng(seed)
    shape = (2, 6, 7)
    planes = [rng.uniform(1, 9, shape).astype(np.float32) for _ in range(4)]
    before = [plane.copy() for plane in planes]
    science = SciencePlanes(planes[0], planes[1], np.empty(shape, np.float32), planes[2], planes[3])
    flat = FlatPlanes(rng.uniform(0.5, 2, shape[1:]).astype(np.float32), np.zeros(shape[1:], np.float32), None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flat_arrays, "TILE", tile)
        apply_flat(science, flat)
        apply_flat(science, flat, inverse=True)
    for index in (0, 2, 3):
        np.testing.assert_allclose(planes[index], before[index], rtol=1e-6)
    np.testing.assert_allclose(planes[1], np.sqrt(before[2] + before[3]), rtol=1e-6)
