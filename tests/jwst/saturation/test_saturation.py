"""The core of saturation: spec saturation.md, "Testable statements"."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.saturation import saturation
from jwst.saturation.saturation import (
    FramePattern,
    blank_zeroframe,
    count_flagged,
    flag_saturation,
    saturation_limits,
)

PARITY = Path(__file__).parents[2] / "parity"


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("make_saturation")


def limits(shape, level=60.0):
    return saturation_limits(np.full(shape, level, np.float32), np.zeros(shape, np.uint32))


def flagged(values, *, level=100.0, nframes=4, size=5, grow=1, groupdq=None, bias=None):
    """Flags of a size x size image that is 10 but for the centre, which has the given values; and the whole cube."""
    data = np.full((1, len(values), size, size), 10, np.float32)
    data[0, :, size // 2, size // 2] = values
    if groupdq is None:
        groupdq = np.zeros(data.shape, np.uint8)
    pattern = None if nframes is None else FramePattern(nframes)
    flag_saturation(data, groupdq, limits((size, size), level), grow=grow, pattern=pattern, bias=bias)
    return list(groupdq[0, :, size // 2, size // 2]), groupdq[0]


def test_saturation_lasts_and_reaches_the_neighbours():
    _, cube = flagged([10, 10, 100, 50], level=60, nframes=1)
    block = np.zeros((5, 5), np.uint8)
    block[1:4, 1:4] = 2
    assert not cube[:2].any()
    np.testing.assert_array_equal(cube[2], block)
    np.testing.assert_array_equal(cube[3], block)


@pytest.mark.parametrize("grow", [0, 2])
def test_a_sample_at_the_threshold_is_saturated_and_growth_is_clipped_at_the_edge(grow):
    data, groupdq = np.full((1, 2, 6, 6), 10, np.float32), np.zeros((1, 2, 6, 6), np.uint8)
    data[0, 1, 0, 0] = 60
    flag_saturation(data, groupdq, limits((6, 6)), grow=grow)
    expected = np.zeros((6, 6), np.uint8)
    expected[: grow + 1, : grow + 1] = 2
    np.testing.assert_array_equal(groupdq[0], [np.zeros((6, 6)), expected])


def test_the_floor_is_flagged_in_its_own_group_only():
    centre, cube = flagged([10, 0, -3], level=60, nframes=1)
    assert centre == [0, 65, 65]
    cube[:, 2, 2] = 0
    assert not cube.any()


@pytest.mark.parametrize(("value", "unchecked"), [(65535, 0), (70000, 2)])
def test_pixels_without_threshold_saturate_at_65536(value, unchecked):
    level, dq = np.full((3, 3), 60, np.float32), np.zeros((3, 3), np.uint32)
    level[0, 0], dq[2, 2], dq[1, 1] = np.nan, 2097152, 2048
    ready = saturation_limits(level, dq)
    groupdq = np.zeros((1, 1, 3, 3), np.uint8)
    flag_saturation(np.full((1, 1, 3, 3), value, np.float32), groupdq, ready, grow=0)
    expected = np.full((3, 3), 2)
    expected[0, 0] = expected[2, 2] = unchecked
    np.testing.assert_array_equal(groupdq[0, 0], expected)
    np.testing.assert_array_equal(ready.dq, [[2097152, 0, 0], [0, 2048, 0], [0, 0, 2097152]])
    assert not dq[0, 0], "the reference was changed"


@pytest.mark.parametrize(
    ("values", "nframes", "flags"),
    [
        pytest.param([10, 20, 86, 110, 110], 4, [0, 0, 0, 2, 2], id="below the diluted threshold"),
        pytest.param([10, 20, 88, 110, 110], 4, [0, 0, 1, 2, 2], id="above the diluted threshold"),
        pytest.param([10, 20, 88, 110, 110], None, [0, 0, 0, 2, 2], id="pattern switched off"),
        pytest.param([65, 85, 110, 110, 110], 4, [0, 1, 2, 2, 2], id="no chaining"),
        pytest.param([10, 82, 95, 110, 110], 4, [0, 0, 1, 2, 2], id="only the last clean group"),
        pytest.param([10, 32, 110, 110], 4, [0, 0, 2, 2], id="second group: small step"),
        pytest.param([10, 33, 110, 110], 4, [0, 1, 2, 2], id="second group: large step"),
        pytest.param([21, 60, 110, 110], 4, [0, 0, 2, 2], id="second group: saturation was expected"),
        pytest.param([10, 95, 110], 1, [0, 0, 2], id="one frame: small step"),
        pytest.param([10, 101, 110], 1, [0, 2, 2], id="one frame: saturated"),
        pytest.param([10, np.nan, 20], 4, [0, 0, 0], id="NaN"),
    ],
)
def test_centre_pixel(values, nframes, flags):
    assert flagged(values, nframes=nframes)[0] == flags


def test_partial_saturation_reaches_the_neighbours_but_the_second_group_test_does_not():
    block = np.zeros((5, 5), np.uint8)
    block[1:4, 1:4] = 1
    np.testing.assert_array_equal(flagged([10, 20, 88, 110, 110])[1][2], block)
    assert flagged([10, 33, 110, 110])[1][1, 1, 1] == 0


def test_the_bias_counts_in_the_second_group_test():
    assert flagged([21, 60, 110, 110], bias=np.full((5, 5), 5, np.float32))[0] == [0, 1, 2, 2]
    assert flagged([10, 40, 110], bias=np.full((5, 5), np.nan, np.float32))[0] == [0, 0, 2]


@pytest.mark.parametrize(("before", "after"), [(4, 5), (1, 1)])
def test_flags_from_before_in_a_partly_saturated_group(before, after):
    groupdq = np.zeros((1, 3, 5, 5), np.uint8)
    groupdq[0, 1, 2, 2] = before
    centre, cube = flagged([10, 82, 110], groupdq=groupdq)
    assert centre == [0, after, 2]
    assert cube[1, 1, 1] == (before == 4)


def test_a_neighbour_saturated_by_growth_alone_counts():
    data, groupdq = np.full((1, 3, 3, 3), 30, np.float32), np.zeros((1, 3, 3, 3), np.uint8)
    data[0, 2, 1, 1], data[0, 1, 0, 0] = 110, 82
    flag_saturation(data, groupdq, limits((3, 3), 100), pattern=FramePattern(4))
    np.testing.assert_array_equal(groupdq[0, 1], [[1, 1, 0], [1, 1, 0], [0, 0, 0]])


def test_bad_pixels_of_the_zero_frame_become_zero():
    zeroframe = np.full((1, 4, 4), 20, np.float32)
    zeroframe[0, 0, 0], zeroframe[0, 3, 3] = 200, -1
    blank_zeroframe(zeroframe, limits((4, 4)))
    expected = np.full((4, 4), 20)
    expected[:2, :2] = expected[3, 3] = 0
    np.testing.assert_array_equal(zeroframe[0], expected)


def test_saturation_from_before_grows_in_its_own_group():
    groupdq = np.zeros((1, 3, 5, 5), np.uint8)
    groupdq[0, 1, 2, 2] = 2
    _, cube = flagged([10, 10, 10], groupdq=groupdq)
    expected = np.zeros((5, 5), np.uint8)
    expected[1:4, 1:4] = 2
    np.testing.assert_array_equal(cube[1], expected)
    assert not cube[[0, 2]].any()


def test_flagged_pixels_are_counted_once():
    groupdq = np.zeros((2, 3, 4, 4), np.uint8)
    groupdq[:, 1:, 1, 1], groupdq[0, 0, 2, 2], groupdq[1, 0, 3, 3] = 2, 3, 65
    assert (count_flagged(groupdq, 2), count_flagged(groupdq, 64)) == (2, 1)


def test_ramps_of_more_than_255_groups():
    data, groupdq = np.full((1, 300, 3, 3), 10, np.float32), np.zeros((1, 300, 3, 3), np.uint8)
    data[0, 5, 1, 1] = 70
    flag_saturation(data, groupdq, limits((3, 3)), grow=0)
    np.testing.assert_array_equal(groupdq[0, :, 1, 1], [0] * 5 + [2] * 295)


scenes = st.tuples(st.integers(0, 200), st.integers(1, 6), st.integers(0, 3), st.sampled_from([None, 1, 2, 4]))


@settings(max_examples=40)
@given(scene=scenes, tile=st.integers(1, 600), flags=st.booleans())
def test_flags_only_grow_and_do_not_depend_on_tiles(scene, tile, flags):
    seed, ngroups, grow, nframes = scene
    arrays = MAKE.build(seed, ngroups=ngroups, flagged=0.01 * flags)
    ready, before = saturation_limits(arrays["level"], arrays["dq"]), arrays["groupdq"]
    options = {"grow": grow, "pattern": nframes and FramePattern(nframes), "bias": arrays["bias"]}
    whole, tiled = before.copy(), before.copy()
    flag_saturation(arrays["data"], whole, ready, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saturation, "_TILE_PIXELS", tile)
        patch.setattr(saturation, "_BLOCK_PIXELS", 1)
        flag_saturation(arrays["data"], tiled, ready, **options)
    np.testing.assert_array_equal(whole, tiled)
    assert ((whole & before) == before).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 200), grow=st.integers(0, 30))
def test_saturation_without_flags_from_before_never_ends(seed, grow):
    arrays = MAKE.build(seed)
    groupdq = np.zeros_like(arrays["groupdq"])
    flag_saturation(arrays["data"], groupdq, saturation_limits(arrays["level"], arrays["dq"]), grow=grow)
    saturated = (groupdq & 2) != 0
    assert (saturated[:, 1:] >= saturated[:, :-1]).all()


@pytest.mark.parametrize("name", MAKE.CASES)
def test_agrees_with_the_released_pipeline(name):
    vectors, case = np.load(PARITY / "saturation.npz"), MAKE.CASES[name]
    arrays = MAKE.build(list(MAKE.CASES).index(name), **case)
    ready, grow = saturation_limits(arrays["level"], arrays["dq"]), case.get("grow", 1)
    flag_saturation(
        arrays["data"],
        arrays["groupdq"],
        ready,
        grow=grow,
        pattern=FramePattern(case["nframes"]) if case.get("use_readpatt", True) else None,
        bias=arrays["bias"] if case.get("bias", True) else None,
    )
    blank_zeroframe(arrays["zeroframe"], ready, grow=grow)
    np.testing.assert_array_equal(arrays["groupdq"], vectors[f"{name}/groupdq"])
    np.testing.assert_array_equal(ready.dq, vectors[f"{name}/pixeldq"])
    np.testing.assert_array_equal(arrays["zeroframe"], vectors[f"{name}/zeroframe"])
