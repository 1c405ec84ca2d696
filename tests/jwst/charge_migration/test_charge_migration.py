"""Charge migration: the statements of the specification, the released pipeline's results, and invariants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.charge_migration import charge_migration as core
from jwst.charge_migration.charge_migration import flag_charge_migration

VECTORS = Path(__file__).parents[2] / "parity" / "charge_migration.npz"


def flags_of(samples, preset=None):
    """Group flags of a 4 x 4 exposure of five groups; ``samples`` maps (group, y, x) to counts."""
    data = np.ones((1, 5, 4, 4), np.float32)
    flags = np.zeros(data.shape, np.uint8)
    for place, value in samples.items():
        data[(0, *place)] = value
    for place, value in (preset or {}).items():
        flags[(0, *place)] = value
    flag_charge_migration(data, flags, 25000.0)
    return flags[0]


def test_pixel_and_edge_neighbours_are_flagged_from_the_trigger_on():
    flags = flags_of({(2, 1, 1): 30000})
    for y, x in ((1, 1), (1, 2), (0, 1), (1, 0), (2, 1)):
        assert flags[:, y, x].tolist() == [0, 0, 129, 129, 129]
    assert not flags[:, 2, 2].any()
    assert np.count_nonzero(flags) == 15


@pytest.mark.parametrize("value", [25000.0, np.nan])
def test_no_trigger(value):
    assert not flags_of({(2, 1, 1): value}).any()


def test_at_the_edge_with_other_flags():
    flags = flags_of({(3, 3, 0): 26000}, {(4, 3, 0): 2})
    assert flags[:, 3, 0].tolist() == [0, 0, 0, 129, 131]
    assert flags[:, 2, 0].tolist() == [0, 0, 0, 129, 129]


@pytest.mark.parametrize(("preset", "third"), [(2, 131), (3, 131), (4, 133), (5, 133)])
def test_flags_other_than_exactly_do_not_use_trigger(preset, third):
    flags = flags_of({(2, 1, 1): 30000}, {(2, 1, 1): preset})
    assert flags[:, 1, 1].tolist() == [0, 0, third, 129, 129]


def test_do_not_use_alone_does_not_trigger():
    flags = flags_of({(2, 1, 1): 30000}, {(2, 1, 1): 1})
    assert flags[:, 1, 1].tolist() == [0, 0, 1, 0, 0]
    assert np.count_nonzero(flags) == 1


@pytest.mark.parametrize("threshold", [25000.0, 12000.5])
def test_agrees_with_the_released_pipeline(threshold):
    vectors = np.load(VECTORS)
    flags = vectors["groupdq"]
    flag_charge_migration(vectors["data"], flags, threshold)
    np.testing.assert_array_equal(flags, vectors[f"result_{threshold}"])


@given(seed=st.integers(0, 2**32 - 1), tile=st.integers(1024, 4096))
@settings(max_examples=15, deadline=None)
def test_flags_only_grow_and_tiles_do_not_matter(seed, tile):
    rng = np.random.default_rng(seed)
    data = rng.uniform(0, 26000, (2, 4, 40, 40)).astype(np.float32)
    before = rng.integers(0, 8, data.shape).astype(np.uint8)
    results = []
    for size in (tile, 10**6):
        flags = before.copy()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(core, "TILE", size)
            flag_charge_migration(data, flags, 25000.0)
        results.append(flags)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0] & before, before)
    assert ((results[0] ^ before) & np.uint8(~np.uint8(129)) == 0).all()
