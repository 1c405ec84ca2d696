"""The core of reset: spec reset.md, "Testable statements"."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.reset import reset_sub
from jwst.reset.reset_sub import subtract_reset
from stpipe.exceptions import InputError

REFERENCE = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
REFERENCE[0, 0, 0, 0] = np.nan


def corrected(nints, ngroups, *, reference=REFERENCE, shape=None, first=0, size=(2, 2)):
    data = np.full((nints, ngroups, *size), 100, np.float32)
    read = []

    def plane(integration, group):
        read.append((integration, group))
        return reference[integration, group].copy()

    subtract_reset(data, plane, shape=shape or reference.shape[:2], first=first)
    assert len(read) == len(set(read)), "a plane was read twice"
    return data


def test_the_last_integration_of_the_reference_stands_for_all_that_follow():
    data = corrected(3, 4)
    assert data[:, :, 0, 1].tolist() == [[99, 95, 91, 100], [87, 83, 79, 100], [87, 83, 79, 100]]
    assert data[0, :, 0, 0].tolist() == [100, 96, 92, 100], "NaN is no correction"


def test_a_segment_begins_with_its_own_integration():
    assert corrected(3, 4, first=1)[:, :, 0, 1].tolist() == [[87, 83, 79, 100]] * 3
    assert corrected(2, 4, first=7)[:, :, 0, 1].tolist() == [[87, 83, 79, 100]] * 2


def test_short_integrations():
    assert corrected(1, 2)[0, :, 0, 1].tolist() == [99, 95]


def test_fewer_groups_and_integrations_than_are_stored():
    assert corrected(2, 4, shape=(1, 2))[:, :, 0, 1].tolist() == [[99, 95, 100, 100]] * 2


def test_a_reference_of_nan_changes_nothing():
    assert (corrected(2, 3, reference=np.full((2, 3, 2, 2), np.nan, np.float32)) == 100).all()


def test_infinite_corrections_stay_infinite():
    assert np.isneginf(corrected(1, 1, reference=np.full((1, 1, 2, 2), np.inf, np.float32))).all()


def test_another_shape_is_refused():
    with pytest.raises(InputError, match=r"planes of \(2, 2\) but the exposure has \(3, 3\).*override_reset"):
        corrected(1, 2, size=(3, 3))


def test_an_empty_reference_is_refused():
    with pytest.raises(InputError, match="no integration"):
        corrected(1, 2, reference=REFERENCE[:0])


def test_the_result_does_not_depend_on_tiles(monkeypatch):
    reference = np.random.default_rng(1).normal(0, 9, (2, 3, 7, 5)).astype(np.float32)
    reference[reference > 9] = np.nan
    whole = corrected(3, 4, reference=reference, size=(7, 5))
    monkeypatch.setattr(reset_sub, "_TILE_PIXELS", 6)
    np.testing.assert_array_equal(corrected(3, 4, reference=reference, size=(7, 5)), whole)
