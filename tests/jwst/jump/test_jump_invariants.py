"""Laws that hold for jump detection on any ramp."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.jump import jump, sigma_clip, twopoint
from jwst.jump.after_jump import AfterJump
from jwst.jump.jump import Detector, JumpParameters, detect_jumps
from jwst.lib import selection

MODES = {
    "iterative": JumpParameters(min_diffs_single_pass=1000),
    "single pass": JumpParameters(min_diffs_single_pass=1, after_jump=AfterJump(50, 1, 500, 3)),
    "clip integrations": JumpParameters(minimum_sigclip_groups=1),
    "clip all": JumpParameters(minimum_sigclip_groups=1, only_use_ints=False),
}
modes = pytest.mark.parametrize("mode", MODES)
quick = settings(max_examples=15, deadline=None)


@st.composite
def scenes(draw, flagged=True):
    """Ramps of whole numbers with hits, and flags."""
    shape = draw(st.integers(1, 4)), draw(st.integers(3, 13)), draw(st.integers(1, 6)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rate = 10 ** rng.uniform(0, 3, shape[2:])
    data = np.cumsum(rng.poisson(rate, shape) + np.where(rng.random(shape) < 0.05, 800, 0), axis=1)
    data = data + np.round(rng.normal(0, 8, shape))
    flags = rng.choice(np.array([0] * 20 + [1, 2, 4, 5, 128], np.uint8), shape)
    return data.astype(np.float32), flags if flagged else np.zeros(shape, np.uint8)


def detect(data, flags, parameters):
    after, pixeldq = flags.copy(), np.zeros(data.shape[2:], np.uint32)
    plane = np.ones(pixeldq.shape, np.float32)
    counts = detect_jumps(
        data.copy(), after, pixeldq=pixeldq, detector=Detector(plane, plane * 8, 1), parameters=parameters
    )
    return after, counts


@modes
@given(scene=scenes())
@quick
def test_flags_grow_but_for_jumps_of_unusable_groups(mode, scene):
    before = scene[1]
    after, _ = detect(*scene, MODES[mode])
    unusable = (before & 3) != 0
    assert not (after[unusable] & 4).any()
    np.testing.assert_array_equal(after[unusable] | 4, before[unusable] | 4)
    assert not (before & ~after)[~unusable].any() or "clip" in mode
    assert not ((before ^ after) & ~np.uint8(4)).any()


@modes
@given(scene=scenes(), size=st.sampled_from([1, 40, 900]))
@quick
def test_result_does_not_depend_on_tiles_and_workers(mode, scene, size):
    expected = detect(*scene, MODES[mode])
    with (
        mock.patch.object(twopoint, "TILE_BYTES", size),
        mock.patch.object(sigma_clip, "TILE_BYTES", size),
        mock.patch.object(jump, "BATCH_BYTES", size),
        mock.patch.object(selection, "NETWORK_LIMIT", size % 10),
    ):
        after, counts = detect(*scene, MODES[mode])
    np.testing.assert_array_equal(after, expected[0])
    assert counts == expected[1]


@modes
@given(scene=scenes(), constant=st.integers(-1000, 1000))
@quick
def test_adding_a_constant_changes_nothing(mode, scene, constant):
    data, flags = scene
    np.testing.assert_array_equal(
        detect(data + np.float32(constant), flags, MODES[mode])[0], detect(data, flags, MODES[mode])[0]
    )


@modes
@given(shape=st.tuples(st.integers(1, 4), st.integers(3, 14)), rate=st.integers(0, 1000))
@quick
def test_clean_ramp_has_no_jump(mode, shape, rate):
    data = np.broadcast_to(rate * np.arange(shape[1], dtype=np.float32)[:, None, None], (*shape, 4, 5))
    after, counts = detect(data, np.zeros(data.shape, np.uint8), MODES[mode])
    assert not after.any()
    assert counts.hits == 0


@given(scene=scenes(), amplitude=st.floats(500, 1e6))
@quick
def test_large_hit_is_always_found(scene, amplitude):
    data, flags = scene[0] * 0, scene[1] * 0
    group = data.shape[1] // 2
    data[0, group:, 0, 0] += np.float32(amplitude)
    after, counts = detect(data, flags, MODES["iterative"])
    assert after[0, group, 0, 0] == 4
    assert counts.hits == 1


@given(scene=scenes(flagged=False))
@quick
def test_group_zero_is_never_a_jump(scene):
    for parameters in MODES.values():
        assert not detect(*scene, parameters)[0][:, 0].any()


@given(scene=scenes())
@quick
def test_screen_keeps_every_pixel_that_has_a_hit(scene):
    """The exact search of all pixels finds no more than that of the suspects."""
    for parameters in (MODES["iterative"], MODES["single pass"]):
        expected = detect(*scene, parameters)
        with mock.patch.object(twopoint, "MARGIN", np.float32(-1)):
            after, counts = detect(*scene, parameters)
        np.testing.assert_array_equal(after, expected[0])
        assert counts == expected[1]


def test_memory_stays_below_a_few_planes():
    import tracemalloc

    data = np.random.default_rng(0).normal(0, 5, (2, 5, 256, 1024)).astype(np.float32)
    flags, pixeldq = np.zeros(data.shape, np.uint8), np.zeros(data.shape[2:], np.uint32)
    plane = np.ones(pixeldq.shape, np.float32)
    tracemalloc.start()
    try:
        detect_jumps(data, flags, pixeldq=pixeldq, detector=Detector(plane, plane * 8, 1), parameters=JumpParameters())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * plane.nbytes


def test_clipping_without_a_usable_difference():
    data = np.array([401, 814, 1207], np.float32).reshape(1, 3, 1, 1)
    flags = np.array([2, 5, 0], np.uint8).reshape(data.shape)
    after, _ = detect(data, flags, MODES["clip all"])
    assert after.ravel().tolist() == [2, 1, 0]  # JUMP_DET is taken off the group that must not be used
