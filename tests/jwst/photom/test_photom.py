"""Photometry without steps: arrays, tables, corrections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwst.photom.photom import MatchFitsTableRowError, find_row
from jwst.photom.photom_arrays import convert
from jwst.photom.time_dependence import exponential_correction, linear_correction, powerlaw_correction
from stpipe.exceptions import InputError

TABLE = np.array(
    [("f200w ", "CLEAR"), ("F150W", "CLEAR"), ("F150W", "CLEAR")], dtype=[("FILTER", "S12"), ("pupil", "S12")]
)


def test_find_row(caplog):
    assert find_row(TABLE, {"filter": "F200W", "pupil": "clear"}) == 0
    assert find_row(TABLE, {"filter": "F444W"}) is None
    assert "filter F444W" in caplog.text
    with pytest.raises(MatchFitsTableRowError, match="filter F150W"):
        find_row(TABLE, {"filter": "F150W"})
    with pytest.raises(InputError, match="no column 'order'"):
        find_row(TABLE, {"order": "1"})


@given(factor=st.floats(0.01, 100), inverse=st.booleans(), kind=st.sampled_from([np.float32, np.float64]))
def test_convert(factor, inverse, kind):
    rng = np.random.default_rng(1)
    planes = {name: rng.uniform(1, 2, (3, 4)).astype(np.float32) for name in ("data", "err", "var_flat")}
    before = {name: plane.copy() for name, plane in planes.items()}
    convert(planes, kind(factor), inverse=inverse)
    scale = 1 / factor if inverse else factor
    for name, plane in planes.items():
        assert plane.dtype == np.float32
        np.testing.assert_allclose(plane, before[name] * scale ** (2 if name == "var_flat" else 1), rtol=1e-6)


@pytest.mark.parametrize("days", [0.0, 365.0])
def test_corrections_at_known_times(days):
    columns = {
        name: np.array([value], np.float32)
        for name, value in {
            "t0": 60000,
            "lossperyear": 0.02,
            "amplitude": 0.1,
            "tau": 365,
            "const": 0.9,
            "year1value": 0.95,
            "tsoft": 10,
            "alpha": -0.02,
        }.items()
    }
    time = 60000.0 + days
    assert linear_correction(columns, time)[0] == pytest.approx(1 if days == 0 else 0.98)
    assert exponential_correction(columns, time)[0] == pytest.approx(1 if days == 0 else 0.9 + 0.1 / np.e)
    power = powerlaw_correction(columns, time)[0]
    assert power == pytest.approx(0.95 * (10 / 375) ** -0.02 if days == 0 else 0.95)
