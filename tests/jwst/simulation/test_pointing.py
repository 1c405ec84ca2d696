"""Where the telescope looks."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.simulation.pointing import Pointing, PointingError
from stpipe.exceptions import InputError

HERE = Pointing(80.0, -69.5, 30.0, 120.0, -527.0)


def test_the_same_attitude_for_other_points():
    there = HERE.at(-450.0, -370.0)
    assert (there.v2, there.v3) == (-450.0, -370.0)
    distance = np.hypot((there.ra - HERE.ra) * np.cos(np.radians(HERE.dec)), there.dec - HERE.dec) * 3600
    assert distance == pytest.approx(np.hypot(570.0, 157.0), rel=1e-2)
    back = there.at(120.0, -527.0)
    assert (back.ra, back.dec, back.roll) == pytest.approx((80.0, -69.5, 30.0), abs=1e-9)
    assert there.roll != pytest.approx(30.0, abs=0.01)


def test_v3_points_where_the_roll_says():
    near = HERE.at(120.0, -526.0)
    east = (near.ra - HERE.ra) * np.cos(np.radians(HERE.dec)) * 3600
    north = (near.dec - HERE.dec) * 3600
    assert (east, north) == pytest.approx((np.sin(np.radians(30)), np.cos(np.radians(30))), abs=1e-4)


def test_errors_move_it():
    moved = HERE.moved(PointingError(0.1, -0.2, 0.5))
    assert (moved.ra - HERE.ra) * np.cos(np.radians(HERE.dec)) * 3600 == pytest.approx(0.1, abs=1e-6)
    assert (moved.dec - HERE.dec) * 3600 == pytest.approx(-0.2, abs=1e-6)
    assert moved.roll == pytest.approx(30.5)
    assert Pointing(0.0, 0.0).moved(PointingError(-1.0)).ra == pytest.approx(360 - 1 / 3600)


@pytest.mark.parametrize("values", [{"dec": 91.0}, {"aberration": 0.0}])
def test_what_makes_no_sense(values):
    with pytest.raises(InputError, match="pointing"):
        Pointing(**({"ra": 1.0, "dec": 2.0} | values))
