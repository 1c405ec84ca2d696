"""`maximum_cores` of the jump step: the flags are those of one core, to the last one."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from jwst.jump.after_jump import AfterJump
from jwst.jump.jump import Detector, JumpParameters, detect_jumps
from jwst.jump.large_events import SnowballParameters
from jwst.jump.showers import ShowerParameters
from tests.jwst.sharing import exposure, share_rows, waited_for

PARAMETERS = {
    "iterative": JumpParameters(),
    "single pass": JumpParameters(min_diffs_single_pass=3),
    "clipped across integrations": JumpParameters(minimum_sigclip_groups=3),
    "clipped over all": JumpParameters(minimum_sigclip_groups=3, only_use_ints=False),
    "no neighbours": JumpParameters(neighbours=None),
    "after jumps": JumpParameters(after_jump=AfterJump(50.0, 2, 500.0, 4)),
    "snowballs": JumpParameters(snowballs=SnowballParameters(sat_required_snowball=False, min_jump_area=3)),
    "showers": JumpParameters(showers=ShowerParameters(extend_min_area=5, extend_snr_threshold=0.9)),
}


def detect(scene, parameters):
    groupdq, pixeldq = scene["groupdq"].copy(), scene["pixeldq"].copy()
    detector = Detector(scene["gain"], scene["readnoise"], 1)
    counts = detect_jumps(scene["data"], groupdq, pixeldq=pixeldq, detector=detector, parameters=parameters)
    return groupdq, pixeldq, counts


def check(scene, parameters, backend, slices):
    before = scene["data"].copy()
    one = detect(scene, parameters)
    with share_rows(backend, slices=slices) as shares:
        two = detect(scene, replace(parameters, workers=2))
    assert shares
    assert shares[0][:2] == ("jump", 2)
    assert shares[0][2] > 1
    np.testing.assert_array_equal(two[0], one[0])
    np.testing.assert_array_equal(two[1], one[1])
    assert two[2] == one[2]
    np.testing.assert_array_equal(scene["data"], before)
    return one


@pytest.fixture(scope="module", autouse=True)
def worker():
    scene = exposure(0, nints=1, ngroups=5)
    with share_rows():
        waited_for(lambda: detect(scene, JumpParameters(workers=2)))


@pytest.mark.parametrize("slices", [1, 50])
@pytest.mark.parametrize("backend", ["processes", "threads"])
@pytest.mark.parametrize("name", PARAMETERS)
def test_flags_are_those_of_one_core(name, backend, slices):
    scene = exposure(3, nints=3, ngroups=9)
    groupdq, _, counts = check(scene, PARAMETERS[name], backend, slices)
    assert counts.hits > 50
    assert (groupdq & ~scene["groupdq"] & 4).any()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ngroups", [6, 14])
def test_planes_that_are_bad_for_most_pixels(seed, ngroups):
    """First and last group as MIRI has them: some pixels use them, in some rows only."""
    scene = exposure(seed, nints=2, ngroups=ngroups, flagged=0.1)
    scene["groupdq"][:, [0, -1]] |= 1
    scene["groupdq"][:, 0, 10:13] &= 254
    scene["groupdq"][1, 2] |= 1
    check(scene, JumpParameters(), "processes", 5)


def test_a_hit_at_the_border_of_a_slice_spreads_over_it():
    scene = exposure(1, nints=1, ngroups=8, shape=(16, 9), flagged=0)
    scene["data"][...] = 10.0 * np.arange(8)[:, None, None]
    scene["groupdq"][...] = 0
    scene["data"][0, 4:, 7, 4] += 800  # rows 0 to 7 are the first slice
    groupdq = check(scene, JumpParameters(), "processes", 1)[0]
    assert (groupdq[0, 4, [6, 7, 8], 4] == 4).all()


def test_too_few_groups_are_not_searched():
    scene = exposure(1, nints=2, ngroups=5)
    scene["groupdq"][:, [1, 2, 3]] |= 1
    one = detect(scene, JumpParameters())
    with share_rows() as shares:
        two = detect(scene, JumpParameters(workers=2))
    assert not shares
    assert two[2] == one[2]
    assert two[2].hits == -99


def test_small_exposures_stay_in_the_process(caplog):
    scene = exposure(1, nints=1, ngroups=5)
    with caplog.at_level(logging.INFO, "stpipe.parallel"):
        detect(scene, JumpParameters(workers=2))
    assert "jump: " in caplog.text
    assert "too little to share among 2 cores" in caplog.text
