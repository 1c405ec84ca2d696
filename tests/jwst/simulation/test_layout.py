"""Subarrays, readout patterns, settings."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.simulation.cosmic_rays import group_of_frame
from jwst.simulation.detectors import DETECTORS, find_detector
from jwst.simulation.readout import READOUT_PATTERNS, find_readout
from jwst.simulation.settings import ExposureSettings
from jwst.simulation.subarrays import Subarray, check_fit, find_subarray, subarray_names
from stpipe.exceptions import InputError


@pytest.mark.parametrize(
    ("detector", "name", "readpatt", "seconds"),
    [
        ("NRCA1", "FULL", "RAPID", 10.73677),
        ("NRCB1", "SUB64P", "RAPID", 0.05016),
        ("NRCA1", "SUB160", "DEEP8", 0.27864),
        ("NRCALONG", "SUBGRISM64", "RAPID", 0.34061),
        ("NIS", "SUB80", "NISRAPID", 0.07544),
        ("NIS", "SUBSTRIP256", "NISRAPID", 5.494),
        ("NRS1", "SUB2048", "NRSRAPID", 0.902),
        ("NRS2", "FULL", "NRSIRS2", 14.58889),
        ("MIRIMAGE", "FULL", "FASTR1", 2.77504),
        ("MIRIFULONG", "FULL", "SLOWR1", 23.88992),
        ("MIRIMAGE", "SUB64", "FASTR1", 0.08512),
        ("MIRIMAGE", "SLITLESSPRISM", "FASTR1", 0.15904),
    ],
)
def test_frame_times_are_those_of_the_instrument(detector, name, readpatt, seconds):
    settings = ExposureSettings(detector=detector, subarray=name, readpatt=readpatt)
    assert settings.frame_time == pytest.approx(seconds, abs=1e-9)


def test_every_subarray_of_every_detector_fits():
    regions = [find_subarray(name, detector) for detector in DETECTORS for name in subarray_names(detector)]
    assert len(regions) > 90
    for detector in DETECTORS:
        for name in subarray_names(detector):
            check_fit(find_subarray(name, detector), find_detector(detector))


def test_small_subarrays_lie_towards_the_centre_of_the_module():
    corners = {
        name: (find_subarray("SUB160", name).xstart, find_subarray("SUB160", name).ystart)
        for name in ("NRCA1", "NRCB1")
    }
    assert corners == {"NRCA1": (1889, 1889), "NRCB1": (1, 1)}


@pytest.mark.parametrize(
    ("instrument", "name"), [(instrument, name) for instrument, known in READOUT_PATTERNS.items() for name in known]
)
def test_first_group_that_sees_a_hit(instrument, name):
    readout = find_readout(name, instrument)
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
        ({"nints": 3, "segments": 4}, "at most 3 segments"),
        ({"detector": "NRS1", "subarray": "SUB32", "readpatt": "NRSIRS2"}, "full frames only"),
        ({"detector": "MIRIMAGE", "subarray": "SUB64", "readpatt": "SLOWR1"}, "fast patterns only"),
        ({"detector": "NIS", "readpatt": "FASTR1"}, "NISRAPID"),
        ({"detector": "MIRIMAGE", "subarray": Subarray("MINE", 1, 1, 2048, 4)}, "does not fit on MIRIMAGE"),
        ({"detector": "MIRIMAGE", "subarray": Subarray("MINE", 1, 1, 66, 64, 4)}, "multiples of 4"),
        ({"subarray": Subarray("MINE", 1, 1, 64, 64, 4)}, "full width"),
    ],
)
def test_wrong_settings_say_what_is_possible(change, word):
    with pytest.raises(InputError, match=word):
        ExposureSettings(**change)


def test_subarray_must_fit():
    with pytest.raises(InputError, match="do not fit"):
        Subarray("MINE", 2000, 1, 64, 64)
    with pytest.raises(InputError, match="1 or 4"):
        Subarray("MINE", 1, 1, 64, 64, 3)
