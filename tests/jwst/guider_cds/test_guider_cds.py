"""Guider rates: the statements of the specification and the released pipeline's results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jwst.guider_cds.guider_cds import group_differences, guider_rates

VECTORS = Path(__file__).parents[2] / "parity" / "guider_cds.npz"
MODES = ["FGS_FINEGUIDE", "FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK", "FGS_ID-IMAGE", "FGS_ID-STACK"]


def rates(exp_type, integrations, gain=2.0):
    """Rates and errors of one pixel with t = 2 s and R = 3 DN."""
    data = np.array(integrations, np.float32)[:, :, None, None]
    rate, err = guider_rates(group_differences(data, exp_type), 2.0, gain=gain, readnoise=3.0)
    assert rate.dtype == err.dtype == np.float32
    return rate, err


@pytest.mark.parametrize("exp_type", ["FGS_ID-IMAGE", "FGS_ID-STACK"])
@pytest.mark.parametrize("extra", [[], [[0, 1]]])
def test_identification_takes_the_smaller_of_two(exp_type, extra):
    rate, err = rates(exp_type, [[10, 30], [12, 26], *extra])
    assert rate.shape == (1, 1, 1)
    assert rate[0, 0, 0] == 7
    assert err[0, 0, 0] == pytest.approx(2.828427)


@pytest.mark.parametrize("exp_type", ["FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK"])
def test_acquisition_and_track_take_every_integration(exp_type):
    rate, err = rates(exp_type, [[10, 30], [12, 6]])
    assert rate.ravel().tolist() == [10, -3]
    assert err.ravel().tolist() == pytest.approx([3.082207, 2.121320])


def test_fine_guide_averages_four_groups_at_either_end():
    rate, err = rates("FGS_FINEGUIDE", [[1, 2, 3, 4, 11, 12, 13, 18]])
    assert rate.ravel().tolist() == [5.5]
    assert err.ravel().tolist() == pytest.approx([2.692582])


def test_gain_of_zero_gives_an_infinite_error():
    assert np.isinf(rates("FGS_TRACK", [[10, 30]], gain=0.0)[1]).all()


@pytest.mark.parametrize(
    ("exp_type", "shape", "message"),
    [
        ("FGS_ID-IMAGE", (1, 2, 1, 1), "two integrations"),
        ("FGS_TRACK", (2, 1, 1), "4 dimensions"),
        ("FGS_TRACK", (2, 1, 1, 1), "at least 2 groups"),
        ("FGS_FINEGUIDE", (2, 3, 1, 1), "at least 4 groups"),
    ],
)
def test_unusable_data_are_refused(exp_type, shape, message):
    with pytest.raises(ValueError, match=message):
        group_differences(np.zeros(shape, np.float32), exp_type)


@pytest.mark.parametrize("exp_type", MODES)
def test_agrees_with_the_released_pipeline(exp_type):
    vectors = np.load(VECTORS)
    differences = group_differences(vectors[f"{exp_type}_in"], exp_type)
    time = float(vectors["group_time"])
    rate, err = guider_rates(differences, time, gain=vectors["gain"], readnoise=vectors["readnoise"])
    np.testing.assert_array_equal(rate, vectors[f"{exp_type}_data"])
    np.testing.assert_array_equal(err, vectors[f"{exp_type}_err"])
