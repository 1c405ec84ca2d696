"""The rule that keeps the planes of a product consistent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwst.lib.invalid import FLOAT_PLANES, sync_invalid, sync_invalid_arrays
from jwst.lib.tiles import flat_pixels, pixel_tiles


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
@pytest.mark.parametrize("name", FLOAT_PLANES)
def test_nan_in_any_plane_spreads_to_all(shape, name):
    planes = {plane: np.ones(shape, np.float32) for plane in FLOAT_PLANES}
    planes[name][..., 1, 2] = np.nan
    dq = np.full(shape, 4, np.uint32)
    sync_invalid_arrays(planes, dq)
    for plane in planes.values():
        assert np.isnan(plane[..., 1, 2]).all()
        assert np.isnan(plane).sum() == np.isnan(planes["data"]).sum() == (dq == 5).sum()
    assert set(np.unique(dq)) == {4, 5}


def test_flag_spreads_but_infinity_does_not():
    planes = {"data": np.array([[1, np.inf, 3]], np.float32), "err": np.ones((1, 3), np.float32)}
    dq = np.array([[1, 0, 2]], np.uint32)
    sync_invalid_arrays(planes, dq)
    assert np.isnan(planes["err"]).tolist() == [[True, False, False]]
    assert dq.tolist() == [[1, 0, 2]]


def test_plane_of_another_shape_is_left_alone(caplog):
    planes = {"data": np.full((2, 2, 2), np.nan, np.float32), "err": np.ones((2, 2), np.float32)}
    dq = np.zeros((2, 2), np.uint32)
    sync_invalid_arrays(planes, dq)
    assert planes["err"].min() == 1
    assert not dq.any()
    assert [record.args[0] for record in caplog.records] == ["err", "dq"]


def test_object_without_an_image():
    with pytest.raises(TypeError, match="no single image"):
        sync_invalid(object())


@given(npixels=st.integers(0, 300), size=st.integers(1, 100))
def test_tiles_cover_every_pixel_once(npixels, size):
    tiles = list(pixel_tiles(npixels, size))
    covered = np.concatenate([np.arange(npixels)[tile] for tile in tiles]) if tiles else np.arange(0)
    assert covered.tolist() == list(range(npixels))
    assert all(tile.stop - tile.start <= size for tile in tiles)


def test_flat_pixels_are_views():
    ramp = np.zeros((2, 3, 4, 5), np.float32)
    flat_pixels(ramp)[4] = 1
    assert ramp[1, 1].min() == 1
    assert flat_pixels(ramp, 2).shape == (2, 3, 20)
    assert flat_pixels(ramp, 1).shape == (6, 20)
    assert flat_pixels(ramp[0, 0], 0).shape == (20,)
