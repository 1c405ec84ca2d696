"""Drizzle onto windows of a mosaic, and sums of variances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.resample.drizzling import KERNELS, DrizzleRule, Mosaic, Placement, Window, input_limits
from jwst.resample.variances import VARIANCES, InputVariances, VarianceSums, drizzle_variances
from stpipe.exceptions import InputError

SHAPE = (17, 21)


def placement(x=3.3, y=5.7, angle=2.0, scale=1.0, shape=SHAPE):
    """An input that is turned and moved."""
    rows, columns = np.indices(shape, dtype=float)
    turn = np.deg2rad(angle)
    positions = [
        scale * (np.cos(turn) * columns - np.sin(turn) * rows) + x,
        scale * (np.sin(turn) * columns + np.cos(turn) * rows) + y,
    ]
    return Placement(np.moveaxis(np.array(positions), 0, -1).copy(), (0, shape[1] - 1, 0, shape[0] - 1))


def values(seed, shape=SHAPE):
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.5, 2, shape).astype(np.float32)
    weight[rng.integers(0, shape[0], 9), rng.integers(0, shape[1], 9)] = 0
    return rng.normal(3, 1, shape).astype(np.float32), weight


def by_library(images, shape, rule):
    """The same with the class of the library."""
    from drizzle.resample import Drizzle

    drizzle = Drizzle(kernel=rule.kernel, fillval="NaN", out_shape=shape, max_ctx_id=len(images) - 1)
    for (data, weight), place in images:
        drizzle.add_image(
            data, 1.0, place.pixmap, weight_map=weight, pixfrac=rule.pixfrac, pixel_scale_ratio=rule.pixel_scale_ratio
        )
    return drizzle


@pytest.mark.parametrize(
    ("box", "limits"),
    [
        (None, (0, 20, 0, 16)),
        (((-0.5, 20.5), (-0.5, 16.5)), (0, 20, 0, 16)),
        (((2.4, 30.0), (3.6, 9.4)), (2, 20, 4, 9)),
    ],
)
def test_limits_of_an_input(box, limits):
    assert input_limits(box, SHAPE) == limits


@pytest.mark.parametrize("kernel", ["square", "turbo", "point"])
def test_mosaic_is_that_of_the_library(kernel):
    rule = DrizzleRule(kernel, 0.9)
    mosaic = Mosaic((40, 45), rule, inputs=2)
    images = [(values(1), placement()), (values(2), placement(12.1, 9.4, -1.0))]
    for (data, weight), place in images:
        assert mosaic.add(data, weight, place)
    mosaic.fill(np.nan)
    expected = by_library(images, (40, 45), rule)
    np.testing.assert_array_equal(mosaic.data, expected.out_img)
    np.testing.assert_array_equal(mosaic.weight, expected.out_wht)
    np.testing.assert_array_equal(mosaic.context, expected.out_ctx)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [0.6, 1.0, 1.7])
def test_a_window_holds_all_that_an_input_reaches(kernel, scale):
    rule = DrizzleRule(kernel, 1.0, 1 / scale)
    data, weight = values(3)
    whole = Mosaic((90, 95), rule)
    place = placement(30.2, 24.9, 7.0, scale)
    whole.add(data, weight, place)
    window = place.window((90, 95), rule.margin)
    place.move_into(window)
    part = Mosaic(window.shape, rule)
    part.add(data, weight, place)
    inside = np.zeros(whole.data.shape, bool)
    inside[window.index] = True
    assert not whole.weight[~inside].any()
    np.testing.assert_allclose(whole.weight[window.index], part.weight, rtol=3e-7, atol=1e-12)
    np.testing.assert_allclose(whole.data[window.index], part.data, rtol=3e-7, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.floats(-30, 60), st.floats(-30, 60), st.floats(-180, 180))
def test_weights_are_kept_and_constants_stay(x, y, angle):
    place = placement(x, y, angle)
    mosaic = Mosaic((40, 45))
    mosaic.add(np.full(SHAPE, 2.5, np.float32), np.ones(SHAPE, np.float32), place)
    assert mosaic.weight.sum() <= SHAPE[0] * SHAPE[1] * (1 + 1e-6)
    np.testing.assert_allclose(mosaic.data[mosaic.weight > 0], 2.5, rtol=1e-6)
    window = place.window((40, 45), 2)
    assert window is not None or not mosaic.weight.any()


@pytest.mark.parametrize(
    "place", [placement(100.0), placement(-60.0), Placement(np.full((*SHAPE, 2), np.nan), (0, 20, 0, 16))]
)
def test_an_input_beside_the_mosaic_adds_nothing_but_counts(place):
    mosaic = Mosaic((40, 45), inputs=2, flags=True)
    data, weight = values(1)
    assert not mosaic.add(data, weight, place)
    assert not mosaic.weight.any()
    assert mosaic.add(data, weight, placement(), dq=np.full(SHAPE, 4, np.uint32))
    assert np.unique(mosaic.context).tolist() == [0, 2]
    assert np.unique(mosaic.dq).tolist() == [0, 4]


def test_an_input_of_one_row_is_passed_over():
    place = Placement(placement().pixmap, (0, 20, 3, 3))
    assert not Mosaic((40, 45)).add(*values(1), place)


def test_context_planes_of_many_inputs():
    mosaic = Mosaic((40, 45), inputs=34)
    data, weight = values(1)
    for _ in range(34):
        mosaic.add(data, weight, placement())
    assert mosaic.context.shape == (2, 40, 45)
    assert np.unique(mosaic.context[0]).tolist() == [-1, 0]
    assert np.unique(mosaic.context[1]).tolist() == [0, 3]
    for _ in range(30):
        mosaic.add(data, weight, placement())
    with pytest.raises(InputError, match="one more"):
        mosaic.add(data, weight, placement())


def test_arrays_that_do_not_fit():
    data, weight = values(1)
    with pytest.raises(InputError, match="must be equal"):
        Mosaic((40, 45)).add(data[:-1], weight, placement())


def variances(seed, shape=SHAPE):
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(0.5, 2, shape).astype(np.float32) for name in VARIANCES}


def one_by_one(planes, weight, place, rule, window):
    """Each variance by a call of its own."""
    found = {}
    for name, plane in planes.items():
        mosaic = Mosaic(window.shape, rule)
        with np.errstate(invalid="ignore"):
            mosaic.add(np.sqrt(plane), weight, place)
        mosaic.fill(np.nan)
        found[name] = mosaic.data**2
    return found


def _spoilt(name, number):
    planes = variances(5)
    planes[name][4:7, 4:7] = number
    return planes


@pytest.mark.parametrize(
    "planes",
    [
        variances(5),
        {name: variances(5)[name] for name in VARIANCES[:2]},
        {**variances(5), "var_flat": np.zeros(SHAPE, np.float32)},
        dict.fromkeys(VARIANCES, np.zeros(SHAPE, np.float32)),
        _spoilt("var_rnoise", 0),
        _spoilt("var_rnoise", -1),
        _spoilt("var_poisson", -1),
        _spoilt("var_flat", np.nan),
    ],
    ids=["three", "two", "no flat", "zeros", "zero noise", "negative noise", "negative photons", "nan"],
)
def test_variances_in_pairs_are_those_one_by_one(planes):
    _, weight = values(2)
    window, rule = Window(slice(0, 40), slice(0, 45)), DrizzleRule()
    expected = one_by_one(planes, weight, placement(), rule, window)
    found = drizzle_variances(planes, weight, placement(), rule, window).planes
    assert found.keys() == planes.keys()
    for name, plane in expected.items():
        np.testing.assert_allclose(found[name], plane, rtol=2e-6, err_msg=name)


def test_unusable_pixels_do_not_spoil_pairs():
    planes, (_, weight) = variances(5), values(2)
    for plane in planes.values():
        plane[weight == 0] = np.nan
    window = Window(slice(0, 40), slice(0, 45))
    found = drizzle_variances(planes, weight, placement(), DrizzleRule(), window).planes
    covered = Mosaic(window.shape)
    covered.add(weight, weight, placement())
    for plane in found.values():
        np.testing.assert_array_equal(np.isfinite(plane), covered.weight > 0)


@pytest.mark.parametrize("constant", [None, 7.0])
def test_sums_of_variances(constant):
    """Two exposures of constant variances, one over the other: inverse-variance or constant weights."""
    sums, window = VarianceSums((40, 45)), Window(slice(0, 40), slice(0, 45))
    weight = np.ones(SHAPE, np.float32)
    for noise, photons in ((0.5, 1.0), (0.25, 3.0)):
        planes = {"var_rnoise": np.full(SHAPE, noise, np.float32), "var_poisson": np.full(SHAPE, photons, np.float32)}
        sums.add(drizzle_variances(planes, weight, placement(), DrizzleRule(), window), constant)
    first, second = (2.0, 4.0) if constant is None else (7.0, 7.0)
    expected = {
        "var_rnoise": (0.5 * first**2 + 0.25 * second**2) / (first + second) ** 2 / 4,
        "var_poisson": (first**2 + 3 * second**2) / (first + second) ** 2 / 4,
    }
    for name, value in expected.items():
        plane = sums.result(name, 2.0)
        np.testing.assert_allclose(plane[np.isfinite(plane)], value, rtol=1e-6)
        assert np.isnan(plane[0, 0])
    assert np.isnan(sums.result("var_flat", 2.0)).all()


@pytest.mark.parametrize("order", [1, -1])
def test_sums_of_variances_that_are_not_all_there(order):
    """A pixel without one of the variances, and an exposure without another, count for the others only."""
    window, shape = Window(slice(1, 5), slice(2, 8)), (6, 9)
    first = {"var_rnoise": np.full((4, 6), 0.5, np.float32), "var_poisson": np.full((4, 6), 2.0, np.float32)}
    first["var_poisson"][1, 1] = np.nan
    second = {"var_rnoise": np.full((4, 6), 0.5, np.float32), "var_flat": np.full((4, 6), 3.0, np.float32)}
    sums = VarianceSums(shape)
    for planes in (first, second)[::order]:
        sums.add(InputVariances(window, {name: plane.copy() for name, plane in planes.items()}))
    noise, photons, flat = (sums.result(name, 1.0)[window.index] for name in ("var_rnoise", "var_poisson", "var_flat"))
    np.testing.assert_allclose(noise, 0.25, rtol=1e-6)
    assert np.isnan(photons[1, 1])
    np.testing.assert_allclose(np.delete(photons.ravel(), 7), 2.0, rtol=1e-6)
    np.testing.assert_allclose(flat, 3.0, rtol=1e-6)


def test_variances_from_sums_are_the_same():
    window, weight = Window(slice(0, 4), slice(0, 5)), np.full((4, 5), 4.0, np.float32)
    weight[0, 0] = 0
    direct, summed = VarianceSums((4, 5)), VarianceSums((4, 5))
    deviations = {"var_rnoise": np.float32(0.5), "var_poisson": np.float32(3.0)}
    planes = {name: np.where(weight > 0, one**2, np.float32(np.nan)) for name, one in deviations.items()}
    direct.add(InputVariances(window, planes))
    summed.add(InputVariances(window, {name: one * weight for name, one in deviations.items()}), sums=weight)
    for name in deviations:
        np.testing.assert_array_equal(summed.result(name, 1.0), direct.result(name, 1.0))
