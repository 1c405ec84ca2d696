"""`maximum_cores` of the ramp fit: rates, flags and optional products are those of one core in every bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.ramp_fitting.columns import column_products, column_sums
from jwst.ramp_fitting.ramp_fit import fit_ramps
from jwst.ramp_fitting.ramp_inputs import FitOptions, Ramps, RampTimes
from stpipe.exceptions import ParameterError
from tests.jwst.ramp_fitting.test_likely_step import call, make_ramp
from tests.jwst.sharing import exposure, share_rows, waited_for

TIMES = RampTimes(10.73, 2.68, 4, 1)


def fit(scene, **options):
    ramps = Ramps(**{**scene, "groupdq": scene["groupdq"].copy(), "pixeldq": scene["pixeldq"].copy()})
    return fit_ramps(ramps, TIMES, FitOptions(**options)), ramps.groupdq


def assert_same_bits(one, two):
    assert vars(one).keys() == vars(two).keys()
    for name, plane in vars(one).items():
        other = vars(two)[name]
        assert (plane.shape, plane.dtype) == (other.shape, other.dtype), name
        np.testing.assert_array_equal(plane.view(np.uint32), other.view(np.uint32), err_msg=name)


def check(scene, backend="processes", slices=8, **options):
    before = {name: plane.copy() for name, plane in scene.items()}
    one, flags = fit(scene, **options)
    with share_rows(backend, slices=slices) as shares:
        two, flags_of_two = fit(scene, **options, cores=2)
    assert [share[:2] for share in shares] == [("ramp_fit", 2)]
    assert shares[0][2] > 1
    assert_same_bits(one.exposure, two.exposure)
    assert_same_bits(one.integrations, two.integrations)
    np.testing.assert_array_equal(flags, flags_of_two)
    assert (one.optional is None) == (two.optional is None)
    if one.optional is not None:
        assert_same_bits(one.optional, two.optional)
    for name, plane in scene.items():
        np.testing.assert_array_equal(plane, before[name], err_msg=name)
    return one


@pytest.fixture(scope="module", autouse=True)
def worker():
    scene = exposure(0, nints=1, ngroups=5)
    with share_rows():
        waited_for(lambda: fit(scene, cores=2))


@pytest.mark.parametrize("slices", [1, 50])
@pytest.mark.parametrize("backend", ["processes", "threads"])
@pytest.mark.parametrize("ngroups", [1, 2, 3, 10, 24])
@pytest.mark.parametrize("nints", [1, 3])
def test_rates_are_those_of_one_core(nints, ngroups, backend, slices):
    scene = exposure(nints + ngroups, nints=nints, ngroups=ngroups)
    rates = check(scene, backend, slices).exposure
    assert np.isfinite(rates.slope).mean() > 0.5


@pytest.mark.parametrize("flagged", [0.0, 0.3])
@pytest.mark.parametrize("suppress", [True, False])
def test_zero_frames_and_dark(flagged, suppress):
    scene = exposure(5, nints=2, ngroups=6, flagged=flagged)
    rng = np.random.default_rng(1)
    shape = scene["pixeldq"].shape
    scene["zeroframe"] = rng.choice([0, 5], (2, *shape)).astype(np.float32)
    scene["dark"] = rng.random(shape).astype(np.float32)
    check(scene, suppress_one_group=suppress)


@pytest.mark.parametrize("ngroups", [1, 2, 7, 21])
def test_optional_results(ngroups):
    scene = exposure(7, nints=2, ngroups=ngroups, flagged=0.05)
    scene["groupdq"][:, :, 20:] = 0  # slices that have fewer segments and no jump
    results = check(scene, optional_results=True).optional
    assert results.slope.shape[1] == (1 if ngroups < 3 else results.slope.shape[1])
    if ngroups > 2:
        assert results.slope.shape[1] > 1
        assert results.crmag.shape[1] > 0


def test_optional_results_without_any_jump():
    scene = exposure(7, nints=1, ngroups=5)
    scene["groupdq"][...] = 0
    assert check(scene, optional_results=True).optional.crmag.shape[1] == 0


def test_first_and_last_groups_of_miri():
    scene = exposure(9, nints=3, ngroups=12)
    scene["groupdq"][:, [0, 1, -1]] |= 1
    scene["groupdq"][0, 1, 4] &= 254
    for miri in (True, False):
        check(scene, miri=miri)


def test_charge_loss_and_range_of_groups():
    scene = exposure(11, nints=2, ngroups=9)
    scene["groupdq"][:, 6:, ::3, ::4] |= 129
    check(scene, firstgroup=1, lastgroup=7)


@pytest.mark.parametrize("rows", [3, 20])
def test_slices_in_which_most_pixels_are_unusual(rows):
    """Which way a pixel is fitted is decided for the whole image."""
    scene = exposure(13, nints=1, ngroups=8)
    scene["groupdq"][0, 4, -rows:] |= 4
    check(scene, slices=4)


def test_nothing_to_fit_is_nothing_on_two_cores():
    scene = exposure(1, nints=1, ngroups=5)
    scene["groupdq"][...] = 2
    assert fit(scene)[0] is None
    with share_rows():
        assert fit(scene, cores=2)[0] is None


@given(
    length=st.integers(1, 40), width=st.integers(1, 70), offset=st.integers(0, 40), fortran=st.booleans(),
    seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=60)
def test_columns_do_not_depend_on_their_neighbours(length, width, offset, fortran, seed):
    rng = np.random.default_rng(seed)
    columns, matrix = rng.normal(0, 1000, (length, 200)), rng.normal(0, 1, (6, length))
    part = np.array(columns[:, offset : offset + width], order="F" if fortran else "C")
    where = slice(offset, offset + width)
    np.testing.assert_array_equal(column_products(matrix, part), column_products(matrix, columns)[:, where])
    np.testing.assert_array_equal(column_products(matrix[0], part), column_products(matrix[0], columns)[where])
    np.testing.assert_array_equal(column_sums(part), column_sums(columns)[where])
    np.testing.assert_allclose(column_products(matrix, part), matrix @ part, rtol=1e-9, atol=1e-6)


def test_the_step_hands_the_number_of_cores_on(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    one = call(make_ramp())
    with share_rows() as shares:
        two = call(make_ramp(), maximum_cores="all")
    assert [share[:2] for share in shares] == [("ramp_fit", 2)]
    for product, other in zip(one, two, strict=True):
        for name in ("data", "dq", "err", "var_poisson", "var_rnoise"):
            np.testing.assert_array_equal(getattr(product, name), getattr(other, name), err_msg=name)


def test_the_likelihood_fit_says_that_it_uses_one_core(monkeypatch, caplog):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    with share_rows() as shares, caplog.at_level("INFO"):
        call(make_ramp(), maximum_cores="all", algorithm="LIKELY")
    assert not shares
    assert "The likelihood fit is done on one core" in caplog.text


@pytest.mark.parametrize("cores", ["0", "-1"])
def test_no_core_is_an_error(monkeypatch, cores):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    with pytest.raises(ParameterError, match=f"maximum_cores must be at least 1, not '{cores}'"):
        call(make_ramp(), maximum_cores=cores)
