"""Jump detection: the testable statements of spec jump.md §11."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.jump.after_jump import AfterJump, Neighbours
from jwst.jump.jump import Detector, JumpParameters, detect_jumps
from jwst.jump.large_events import SnowballParameters
from jwst.lib.dqflags import DO_NOT_USE, NO_GAIN_VALUE

FLAGGED, CLEAN = True, False


def detect(data, groupdq=None, *, gain=1.0, readnoise=10.0, nframes=1, **parameters):
    """Flags, (PRIMECRS, EXTNCRS) for groups of 10 s, and pixel flags; a list of numbers is the ramp of one pixel."""
    ramps = np.array(data, dtype=np.float32)
    if ramps.ndim == 1:
        ramps = ramps[None, :, None, None]
    flags = np.zeros(ramps.shape, np.uint8)
    if groupdq is not None:
        flags[...] = np.reshape(groupdq, (1, -1, 1, 1)) if np.ndim(groupdq) == 1 else groupdq
    plane = np.ones(ramps.shape[2:], np.float32)
    pixeldq = np.zeros(plane.shape, np.uint32)
    found = detect_jumps(
        ramps,
        flags,
        pixeldq=pixeldq,
        detector=Detector(plane * np.float32(gain), plane * np.float32(readnoise), nframes),
        parameters=JumpParameters(**parameters),
    )
    return flags, found.rates(10.0), pixeldq


def ramp(ngroups, *steps):
    """Ten counts for each group, and (group, height) steps."""
    groups = np.arange(ngroups)
    return 10.0 * groups + sum(height * (groups >= group) for group, height in steps)


def image(ngroups, *steps, shape=(7, 7), at=(3, 3)):
    data = np.broadcast_to(ramp(ngroups)[None, :, None, None], (1, ngroups, *shape)).copy()
    data[0, :, at[0], at[1]] = ramp(ngroups, *steps)
    return data


@pytest.mark.parametrize(
    ("ngroups", "group", "height", "expected"),
    [
        (3, 2, 62.90, CLEAN),
        (3, 2, 62.95, FLAGGED),
        (4, 2, 52.4, CLEAN),
        (4, 2, 52.5, FLAGGED),
        (5, 3, 41.9, CLEAN),
        (5, 3, 42.0, FLAGGED),
        (5, 3, -60.0, CLEAN),
        (5, 3, -62.5, FLAGGED),
        (11, 3, 41.9, CLEAN),
        (11, 3, 42.0, FLAGGED),
        (11, 3, -41.9, CLEAN),
        (11, 3, -42.0, FLAGGED),
    ],
)
def test_step_is_flagged_above_the_threshold_of_its_number_of_differences(ngroups, group, height, expected):
    flags = detect(ramp(ngroups, (group, height)))[0].ravel()
    np.testing.assert_array_equal(flags, 4 * expected * (np.arange(ngroups) == group))


@pytest.mark.parametrize(("ngroups", "group", "rate"), [(3, 2, 50.0), (5, 3, 25.0)])
def test_rate_counts_hits_per_pixel_and_1000_seconds(ngroups, group, rate):
    assert detect(ramp(ngroups, (group, 100.0)))[1] == (pytest.approx(rate), 0)


@pytest.mark.parametrize(("ngroups", "rate"), [(11, 20.0), (10, 22.2222222)])
def test_two_hits_are_found_in_one_pass_or_one_after_the_other(ngroups, rate):
    flags, rates, _ = detect(ramp(ngroups, (3, 500.0), (7, 60.0)))
    assert np.flatnonzero(flags).tolist() == [3, 7]
    assert rates[0] == pytest.approx(rate)


@pytest.mark.parametrize(("height", "expected"), [(23.61, CLEAN), (23.71, FLAGGED)])
def test_averaged_frames_lower_the_read_noise(height, expected):
    assert detect(ramp(8, (4, height)), nframes=4)[0].any() == expected


@pytest.mark.parametrize(("height", "expected"), [(40.9, CLEAN), (41.05, FLAGGED)])
def test_gain_turns_counts_into_electrons(height, expected):
    assert detect(ramp(8, (4, height)), gain=2.0)[0].any() == expected


def test_hit_in_an_unusable_group_does_not_hide_the_next():
    flags = detect(ramp(8, (4, 500.0), (6, 9e4)), [0, 0, 0, 0, 1, 0, 0, 0])[0]
    assert flags.ravel().tolist() == [0, 0, 0, 0, 1, 0, 4, 0]


def test_flags_of_the_input_stay_and_count():
    flags, rates, _ = detect(ramp(8), [0, 0, 4, 0, 0, 0, 0, 0])
    assert flags.ravel().tolist() == [0, 0, 4, 0, 0, 0, 0, 0]
    assert rates[0] == pytest.approx(14.2857, rel=1e-5)


@pytest.mark.parametrize(("given", "left"), [(5, 1), (6, 2), (7, 3)])
def test_unusable_group_is_no_jump(given, left):
    assert detect(ramp(8), [0, 0, given, 0, 0, 0, 0, 0])[0].ravel().tolist() == [0, 0, left, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(("height", "pixels"), [(104, 1), (106, 5), (10480, 5), (10500, 1)])
def test_neighbours_of_hits_within_limits_are_flagged(height, pixels):
    flags, rates, _ = detect(image(10, (5, height)))
    assert np.count_nonzero(flags) == np.count_nonzero(flags[0, 5, 2:5, 2:5]) == pixels
    assert flags[0, 5, 2, 2] == 0
    assert rates[0] == pytest.approx(0.226757, rel=1e-5)


def test_neighbours_can_be_left_alone():
    assert np.count_nonzero(detect(image(10, (5, 500.0)), neighbours=None)[0]) == 1


def test_unusable_neighbours_keep_their_flags():
    given = np.zeros((1, 10, 7, 7), np.uint8)
    given[0, 5, 3, 2], given[0, 5, 2, 3] = 1, 2
    flags = detect(image(10, (5, 500.0)), given)[0]
    assert (flags[0, 5, 3, 2], flags[0, 5, 2, 3], flags[0, 5, 3, 4], flags[0, 5, 4, 3]) == (1, 2, 4, 4)


@pytest.mark.parametrize("at", [(0, 0), (0, 6), (6, 0), (6, 6)])
def test_neighbours_end_at_the_edge(at):
    assert np.count_nonzero(detect(image(10, (5, 500.0), at=at))[0]) == 3


@pytest.mark.parametrize(
    ("height", "groups"), [(95, [3]), (400, [3, 4, 5]), (1500, [3, 4, 5, 6, 7, 8, 9]), (-1500, [3])]
)
def test_groups_after_a_large_jump_are_flagged(height, groups):
    after_jump = AfterJump(dn1=200, groups1=2, dn2=1000, groups2=6)
    flags = detect(image(10, (3, height)), after_jump=after_jump)[0]
    assert np.flatnonzero(flags[0, :, 3, 3]).tolist() == groups
    assert np.flatnonzero(flags[0, :, 3, 2]).tolist() == ([3] if abs(height) > 100 else [])


def test_after_jump_passes_over_an_unusable_group():
    flags = detect(ramp(8, (3, 60.0)), [0, 0, 0, 0, 1, 0, 0, 0], after_jump=AfterJump(groups1=2))[0]
    assert flags.ravel().tolist() == [0, 0, 0, 4, 1, 4, 0, 0]


def clip_scene():
    data = 10.0 * np.arange(4)[None, :, None, None] + np.random.default_rng(1).normal(0, 0.5, (25, 4, 2, 2))
    data[7, 2:, 1, 1] += 100
    return data


def test_clipping_compares_one_group_across_integrations():
    flags, rates, _ = detect(clip_scene(), minimum_sigclip_groups=25)
    assert np.argwhere(flags).tolist() == [[7, 2, 1, 1]]
    assert rates[0] == pytest.approx(0.33333, rel=1e-4)


def test_clipping_gives_up_a_group_in_which_no_pixel_is_left():
    flags, rates, _ = detect(clip_scene()[:, :, 1:, 1:], minimum_sigclip_groups=25)
    assert not flags.any()
    assert rates[0] == 0


def test_equal_largest_hits_of_two_integrations_are_both_flagged():
    data = np.array([[0, 10, 120, 130, 140], [0, 10, 20, 130, 140]])[:, :, None, None]
    assert detect(data)[0].reshape(2, 5).tolist() == [[0, 0, 4, 0, 0], [0, 0, 0, 4, 0]]


@pytest.mark.parametrize(("height", "expected"), [(41, CLEAN), (45, FLAGGED)])
def test_differences_of_all_integrations_choose_the_threshold(height, expected):
    data = np.array([[0, 10, 20], [0, 10, 20 + height]])[:, :, None, None]
    assert detect(data)[0].any() == expected


@pytest.mark.parametrize("gain", [np.nan, -1.0, 0.0])
def test_pixels_without_gain_are_not_used(gain):
    flags, rates, pixeldq = detect(ramp(8), gain=gain)
    assert not flags.any()
    assert rates == (0, 0)
    assert pixeldq[0, 0] == NO_GAIN_VALUE | DO_NOT_USE == 524289


def test_no_scatter_no_jump():
    assert not detect([0, 0, 0, 0, 50, 50, 50], readnoise=0.0)[0].any()


def test_detection_needs_three_usable_groups():
    flags, rates, _ = detect(ramp(4, (2, 500.0)), [1, 4, 5, 1])
    assert flags.ravel().tolist() == [1, 4, 1, 1]
    assert rates is None or rates[0] < 0


def test_two_usable_groups_give_the_count_of_a_detection_that_did_not_run():
    assert detect(ramp(4), [1, 0, 0, 1])[1] == (pytest.approx(-9900.0), 0)


def disk(radius, *, at=(50, 50)):
    row, column = np.mgrid[:100, :100]
    return (row - at[0]) ** 2 + (column - at[1]) ** 2 <= radius**2


def snowball(*, radius, core, at=(50, 50), nints=2, **parameters):
    data = np.broadcast_to(ramp(5)[None, :, None, None], (nints, 5, 100, 100)).copy()
    given = np.zeros(data.shape, np.uint8)
    data[0, 2:, disk(radius, at=at)] += 300
    if core:
        given[0, 2:, disk(core, at=at)] = 2
    flags, rates, _ = detect(data, given, snowballs=SnowballParameters(next_integration_groups=400, **parameters))
    counts = [[np.count_nonzero(flags[i, g] & bit) for bit in (2, 4)] for i in range(nints) for g in range(5)]
    return flags, rates, counts


def test_snowball_grows_and_its_core_stays_in_the_next_integration():
    flags, rates, counts = snowball(radius=8, core=4)
    assert counts == [[0, 0], [0, 0], [69, 936], [69, 0], [69, 0], [0, 0], [0, 25], [0, 25], [0, 25], [0, 25]]
    assert (flags[1, 1:, 48:53, 48:53] == 4).all()
    assert rates[1] == pytest.approx(1.25)


def test_snowball_without_required_core_leaves_the_next_integration_alone():
    counts = snowball(radius=8, core=4, sat_required_snowball=False)[2]
    assert counts[2] == [49, 956]
    assert counts[5:] == [[0, 0]] * 5


def test_snowball_core_stays_for_a_limited_time():
    data = np.broadcast_to(ramp(5)[None, :, None, None], (2, 5, 100, 100)).copy()
    given = np.zeros(data.shape, np.uint8)
    given[0, 2:, disk(4)] = 2
    flags = detect(data, given, snowballs=SnowballParameters(next_integration_groups=2))[0]
    assert [np.count_nonzero(flags[1, g]) for g in range(5)] == [0, 25, 0, 0, 0]


@pytest.mark.parametrize(
    ("at", "pixels", "rate"),
    [
        ((50, 50), 149, 0.0),
        ((50, 25), 149, 0.0),
        ((50, 75), 149, 0.0),
        ((50, 24), 517, 2.5),
        ((50, 76), 517, 2.5),
        ((20, 50), 517, 2.5),
    ],
)
def test_only_events_near_the_edge_need_no_core(at, pixels, rate):
    _, rates, counts = snowball(radius=6, core=0, at=at, nints=1)
    assert counts[2] == [0, pixels]
    assert rates[1] == pytest.approx(rate)


@pytest.mark.parametrize("nframes", [0, -1])
def test_frames_must_be_positive(nframes):
    with pytest.raises(ValueError, match="positive number of frames"):
        detect(ramp(5), nframes=nframes)


def test_ramps_must_be_four_dimensional():
    plane = np.ones((4, 4), np.float32)
    with pytest.raises(ValueError, match="4-D"):
        detect_jumps(
            np.zeros((5, 4, 4), np.float32),
            np.zeros((5, 4, 4), np.uint8),
            pixeldq=np.zeros((4, 4), np.uint32),
            detector=Detector(plane, plane, 1),
            parameters=JumpParameters(neighbours=Neighbours()),
        )
