"""Order statistics of which most is never sorted: the same answers as sorting everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.lib import sample as module
from jwst.lib.sample import float32_above, float32_below, ordered, with_sample
from jwst.lib.small_products import product


@pytest.fixture
def small_limits(monkeypatch):
    """Use zones for small samples too."""
    monkeypatch.setattr(module, "LARGE", 2000)
    monkeypatch.setattr(module, "REHEARSAL", 1000)
    monkeypatch.setattr(module, "_TILE", 700)


def questions(sample):
    """Medians, ranks and moments of a sample and of a part of it less a constant."""
    low, high = sample.middle(0, sample.count)
    mean, deviation = sample.moments(0, sample.count)
    first = sample.rank(float(low) - 2.5 * deviation, inclusive=False)
    last = sample.rank(float(low) + 2.5 * deviation, inclusive=True)
    part = sample.shifted(first, last, np.float32(low))
    return (sample.count, low, high, first, last, *part.middle(0, part.count)), (
        mean,
        deviation,
        *part.moments(0, part.count),
    )


def numbers(seed, size=6000):
    rng = np.random.default_rng(seed)
    values = rng.normal(100, 10, size).astype(np.float32)
    values[rng.random(size) < 0.02] += np.float32(1e6)
    return values, rng.random(size) < 0.9


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("seed", range(5))
def test_zones_answer_like_sorted_numbers(seed, monkeypatch):
    values, used = numbers(seed)
    monkeypatch.setattr(module, "_UnsortedError", _Fail) if seed == 0 else None
    exact, close = with_sample(values, used, questions)
    wanted_exact, wanted_close = questions(ordered(values[used]))
    assert exact == wanted_exact
    np.testing.assert_allclose(close, wanted_close, rtol=1e-6)


class _Fail(BaseException):
    """Raised in place of what would sort everything: the zones must have been enough."""


@pytest.mark.usefixtures("small_limits")
def test_questions_that_the_rehearsal_did_not_ask_sort_everything():
    values, used = numbers(1)
    asked = []

    def compute(sample):
        asked.append(sample)
        ranks = np.array([0.02, 0.5, 0.98] if len(asked) == 1 else [0.2]) * sample.count
        return [sample.value(int(rank)) for rank in ranks][0]

    assert with_sample(values, used, compute) == np.sort(values[used])[int(0.2 * np.count_nonzero(used))]
    assert [len(sample.zones) for sample in asked] == [1, 5, 1]


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.99])
def test_one_rank_without_sums(fraction):
    values, used = numbers(3)
    seen = []

    def compute(sample):
        seen.append(sample)
        return sample.value(int(fraction * sample.count))

    wanted = np.sort(values[used])[int(fraction * np.count_nonzero(used))]
    assert with_sample(values, used, compute, sums=False) == wanted
    assert len(seen) == 2
    assert any(zone.values is None for zone in seen[1].zones)


@pytest.mark.usefixtures("small_limits")
def test_few_used_numbers_are_sorted():
    values, used = numbers(2)
    used[:] = False
    used[[3, 500, 1000]] = True
    assert with_sample(values, used, lambda sample: sample.value(1)) == np.sort(values[used])[1]
    assert with_sample(values, np.zeros_like(used), lambda sample: sample.count) == 0


@settings(max_examples=50)
@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=60), st.floats(-1e3, 1e3))
def test_ranks_count_values(values, bound):
    values = np.array(values, np.float32)
    sample = ordered(values)
    assert sample.rank(bound, inclusive=False) == np.count_nonzero(values.astype(float) < bound)
    assert sample.rank(bound, inclusive=True) == np.count_nonzero(values.astype(float) <= bound)
    mean, deviation = sample.moments(0, sample.count)
    np.testing.assert_allclose([mean, deviation], [values.mean(dtype=float), values.std(dtype=float)], atol=1e-4)


@given(st.floats(-1e30, 1e30))
def test_neighbours_in_single_precision(bound):
    above, below = float32_above(bound), float32_below(bound)
    assert below <= bound <= above
    assert np.float32(above) == above
    assert np.float32(below) == below
    assert np.nextafter(np.float32(below), np.float32(np.inf)) >= above


def test_nothing_is_below_nan():
    assert ordered(np.arange(3, dtype=np.float32)).rank(np.nan, inclusive=True) == 0


def test_no_such_rank():
    with pytest.raises(IndexError):
        ordered(np.zeros(2, np.float32)).value(2)


@pytest.mark.parametrize("shapes", [((1, 3), (3, 5)), ((400, 40), (40, 700)), ((3, 2000), (2000, 300))])
def test_products_in_blocks(shapes):
    rng = np.random.default_rng(0)
    left, right = (rng.random(shape) for shape in shapes)
    np.testing.assert_allclose(product(left, right), left @ right)
