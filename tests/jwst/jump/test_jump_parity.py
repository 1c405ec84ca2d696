"""Flags equal those of the released pipeline on random scenes (made by tests/parity/make_jump.py)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from jwst.jump.after_jump import AfterJump, Neighbours
from jwst.jump.jump import Detector, JumpParameters, detect_jumps
from jwst.jump.large_events import SnowballParameters
from jwst.jump.twopoint import Thresholds

PARITY = Path(__file__).parents[2] / "parity"


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("make_jump")


def parameters(options, workers):
    """Parameters of the core for those of the step."""
    options, time = dict(options), MAKE.GROUP_TIME
    after = [options.pop(f"after_jump_flag_{key}", 0.0) for key in ("dn1", "time1", "dn2", "time2")]
    lasting = int(options.pop("snowball_time_masked_next_int", 4000) // time)
    neighbours = Neighbours() if options.pop("flag_4_neighbors", True) else None
    thresholds = Thresholds(options.pop("rejection_threshold", 4.0))
    snowballs = None
    if options.pop("expand_large_events", False):
        names = SnowballParameters.__dataclass_fields__.keys() & options.keys()
        snowballs = SnowballParameters(next_integration_groups=lasting, **{name: options.pop(name) for name in names})
    return JumpParameters(
        thresholds=thresholds,
        neighbours=neighbours,
        after_jump=AfterJump(after[0], int(after[1] // time), after[2], int(after[3] // time)),
        snowballs=snowballs,
        workers=workers,
        **options,
    )


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", MAKE.CASES)
def test_equal_to_the_released_pipeline(name, workers):
    case = MAKE.CASES[name]
    scene = MAKE.build(list(MAKE.CASES).index(name), **case)
    pixeldq = np.zeros(scene["gain"].shape, np.uint32)
    found = detect_jumps(
        scene["data"],
        scene["groupdq"],
        pixeldq=pixeldq,
        detector=Detector(scene["gain"], scene["readnoise"], case.get("nframes", 1)),
        parameters=parameters(case.get("options", {}), workers),
    )
    with np.load(PARITY / "jump.npz") as expected:
        np.testing.assert_array_equal(scene["groupdq"], expected[f"{name}/groupdq"])
        np.testing.assert_array_equal(pixeldq, expected[f"{name}/pixeldq"])
        np.testing.assert_allclose(found.rates(MAKE.GROUP_TIME), expected[f"{name}/rates"], rtol=1e-12)
        assert np.count_nonzero(scene["groupdq"] & 4) > 0
