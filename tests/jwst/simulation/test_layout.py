"""Subarrays, readout patterns, settings."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.simulation.cosmic_rays import group_of_frame
from jwst.simulation.readout import READOUT_PATTERNS, find_readout
from jwst.simulation.settings import ExposureSettings
from jwst.simulation.subarrays import DETECTORS, Subarray, find_subarray, subarray_names
from stpipe.exceptions import InputError


@pytest.mark.parametrize(
    ("detector", "name", "seconds"),
    [
        ("NRCA1", "FULL", 10.73677),
        ("NRCB1", "SUB64P", 0.05016),
        ("NRCA1", "SUB160", 0.27864),
        ("NRCALONG", "SUBGRISM64", 0.34061),
    ],
)
def test_frame_times_are_those_of_the_instrument(detector, name, seconds):
    assert find_subarray(name, detector).frame_time == pytest.approx(seconds, abs=1e-9)


def test_every_subarray_of_every_detector_fits():
    regions = [find_subarray(name, detector) for detector in DETECTORS for name in subarray_names(detector)]
    assert len(regions) > 50
    assert all(region.xstart + region.xsize <= 2049 and region.ystart + region.ysize <= 2049 for region in regions)


def test_small_subarrays_lie_towards_the_centre_of_the_module():
    corners = {
        name: (find_subarray("SUB160", name).xstart, find_subarray("SUB160", name).ystart)
        for name in ("NRCA1", "NRCB1")
    }
    assert corners == {"NRCA1": (1889, 1889), "NRCB1": (1, 1)}


@pytest.mark.parametrize("name", READOUT_PATTERNS)
def test_first_group_that_sees_a_hit(name):
    readout = find_readout(name)
    groups = [[group * readout.period + frame for frame in range(readout.nframes)] for group in range(5)]
    frames = np.arange(readout.frames(5))
    expected = [next(g for g, members in enumerate(groups) if members[-1] >= frame) for frame in frames]
    assert group_of_frame(frames, readout.period, readout.nframes).tolist() == expected
    assert readout.mean_frame(2) == np.mean(groups[2]) + 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"detector": "NRCA9"}, "NRCA1"),
        ({"subarray": "SUB99"}, "SUB160"),
        ({"readpatt": "FAST"}, "SHALLOW4"),
        ({"ngroups": 0}, "group"),
        ({"seed": -1}, "seed"),
    ],
)
def test_wrong_settings_say_what_is_possible(change, word):
    with pytest.raises(InputError, match=word):
        ExposureSettings(**change)


def test_subarray_must_fit():
    with pytest.raises(InputError, match="do not fit"):
        Subarray("MINE", 2000, 1, 64, 64)
    with pytest.raises(InputError, match="full width"):
        Subarray("MINE", 1, 1, 64, 64, 4)
