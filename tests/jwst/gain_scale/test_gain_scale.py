"""Gain scale: the statements of the specification and the released pipeline's results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jwst.gain_scale.gain_scale import scale_rates

VECTORS = Path(__file__).parents[2] / "parity" / "gain_scale.npz"


def test_rates_by_the_factor_and_variances_by_its_square():
    data, err, poisson, rnoise = (np.full((2, 2), value, np.float32) for value in (3, 2, 4, 5))
    scale_rates((data, err), (poisson, rnoise), factor=2.0)
    assert [plane[0, 0] for plane in (data, err, poisson, rnoise)] == [6, 4, 16, 20]


def test_missing_and_empty_planes_are_passed_over():
    data = np.full((2, 2), 3, np.float32)
    scale_rates((data, None), (np.empty((0, 0), np.float32), None), factor=3.0)
    assert data[0, 0] == 9


@pytest.mark.parametrize("name", ["data", "err", "var_poisson", "var_rnoise"])
def test_agrees_with_the_released_pipeline(name):
    vectors = np.load(VECTORS)
    plane = vectors[name]
    planes, variances = ((), (plane,)) if name.startswith("var") else ((plane,), ())
    scale_rates(planes, variances, factor=float(vectors["factor"]))
    np.testing.assert_array_equal(plane, vectors[f"result_{name}"])
