"""The trap model against the numbers of spec persistence_traps.md §8, and invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.persistence import traps as core
from jwst.persistence.trap_tables import Timing, TrapFamily, capture_table, families_of
from jwst.persistence.traps import (
    TrapExposure,
    TrapModel,
    age_traps,
    clean_density,
    clean_full_well,
    follow_traps,
    ramp_slope,
)

ONE = (TrapFamily(100, -0.01, 10, -0.005),)
THREE = (*ONE, TrapFamily(30, -0.03, 5, -0.0005), TrapFamily(250, -0.002, 40, -0.01))
RELEASE_ONLY = tuple(TrapFamily(0, -0.01, 0, decay) for decay in (-0.005, -0.0005, -0.00005))
HIT = [100, 200, 300, 800, 900, 1000]
HIT_TWICE = [100, 210, 330, 800, 950, 1150]


class Pixel:
    """One pixel after an exposure: its ramps, its filled traps and its flags."""

    def __init__(self, values, flags=None, *, families=ONE, filled=0.0, full_well=1000.0, timing=None, **options):
        data = np.array(values, np.float32, ndmin=2)[:, :, None, None]
        dq = np.zeros(data.shape, np.uint8)
        if flags is not None:
            dq[:] = np.array(flags, np.uint8, ndmin=2)[:, :, None, None]
        traps = np.zeros((len(families), 1, 1), np.float32)
        traps[:] = np.array(filled, np.float32, ndmin=1)[:, None, None]
        age_traps(traps, families, options.get("gap", 0.0))
        planes = [np.full((1, 1), value, np.float32) for value in (options.get("density", 1.0), full_well)]
        pixeldq = np.zeros((1, 1), np.uint32)
        released = np.empty_like(data)
        model = TrapModel(*planes, families, options.get("cutoff", 40.0))
        timing = timing or Timing(10.0, 2.0, 1, 1)
        follow_traps(TrapExposure(data, dq, pixeldq, timing), model, traps, released)
        self.data, self.released = data[:, :, 0, 0], released[:, :, 0, 0]
        self.filled, self.pixeldq = traps[:, 0, 0], int(pixeldq[0, 0])


def about(values):
    return pytest.approx(values, rel=1e-5)


def test_01_release_of_a_filled_map():
    pixel = Pixel([0] * 5, filled=1000)
    assert pixel.data[0].tolist() == about([-48.770576, -95.16258, -139.29202, -181.26926, -221.19922])
    assert pixel.filled[0] == about(778.8008)
    assert pixel.pixeldq == 32
    np.testing.assert_array_equal(pixel.released, -pixel.data)


@pytest.mark.parametrize(
    ("resets", "second", "left"),
    [
        (0, (-41.977222, -81.907196, -119.889755), 740.8182),
        (1, (-41.55954, -81.0922, -118.69683), 733.44696),
        (5, (-39.92997, -77.91253, -114.04266), 704.68805),
    ],
)
@pytest.mark.parametrize("at_start", [0, 1, 3])
def test_02_resets_between_integrations(resets, second, left, at_start):
    pixel = Pixel(np.zeros((2, 3)), filled=1000, timing=Timing(10.0, 2.0, at_start, resets))
    assert pixel.data[0].tolist() == about([-48.770576, -95.16258, -139.29202])
    assert pixel.data[1].tolist() == about(second)
    assert pixel.filled[0] == about(left)


def test_03_families_age_by_their_own_times():
    pixel = Pixel([0, 0], families=RELEASE_ONLY, filled=[1000, 500, 200], gap=864.0)
    assert pixel.data[0].tolist() == about([-2.3633628, -4.6869683])
    assert pixel.filled.tolist() == about([12.034216, 321.37482, 191.35251])
    backwards = Pixel([0, 0], families=RELEASE_ONLY, filled=[1000, 500, 200], gap=-432.0)
    assert backwards.filled.tolist() == about([7845.97, 614.3766, 204.16272])
    assert backwards.data[0, 0] == about(-426.09357)


@pytest.mark.parametrize(
    ("ngroups", "at_start", "left"),
    [
        (5, 1, 2.6195617),
        (5, 0, 2.3647995),
        (5, 3, 3.1783068),
        (2, 1, 0.28464666),
        (1, 1, 0.06354445),
        (3, 1, 0.7418364),
    ],
)
def test_04_smooth_ramps(ngroups, at_start, left):
    values = 50.0 * np.arange(1, ngroups + 1)
    pixel = Pixel(values, timing=Timing(10.0, 2.0, at_start, 1))
    assert pixel.filled[0] == about(left)
    np.testing.assert_array_equal(pixel.data[0], values)
    assert pixel.pixeldq == 0


def test_05_second_integration_loses_what_the_first_filled():
    pixel = Pixel([50.0 * np.arange(1, 6)] * 2, timing=Timing(10.0, 2.0, 1, 4))
    assert pixel.filled[0] == about(5.4430933)
    assert pixel.data[1].tolist() == about([49.87725, 99.76049, 149.64943, 199.54378, 249.44327])


@pytest.mark.parametrize(
    ("values", "flags", "full_well", "left"),
    [
        ([200, 400, 600, 800, 1100, 1300], None, 1000, 43.736546),
        ([200, 400, 600, 800, 1100, 1300], [0, 0, 0, 0, 2, 2], 1000, 39.606503),
        ([1200, 1400, 1600, 1800, 2100, 2300], None, 1000, 55.118835),
        ([1200, 400, 600, 800, 900, 950], None, 1000, 12.838161),
        ([1000] * 6, None, 1000, 0),
        ([100, 200, 1000], None, 1000, 60.088753),
        ([100, 200, 1000.001], None, 1000, 31.330206),
        ([600], None, 500, 19.516258),
    ],
)
def test_06_saturation(values, flags, full_well, left):
    assert Pixel(values, flags, full_well=full_well).filled[0] == about(left)


def test_07_saturation_is_that_after_the_subtraction():
    values = [900, 980, 1020, 1060]
    assert Pixel(values).filled[0] == about(20.204775)
    pixel = Pixel(values, filled=1000)
    assert pixel.data[0].tolist() == about([851.22943, 884.8374, 880.70795, 878.7308])
    assert pixel.filled[0] == about(820.4389)


@pytest.mark.parametrize(
    ("values", "flags", "full_well", "left"),
    [
        (HIT, [0] * 6, 1000, 53.712708),
        (HIT, [0, 0, 0, 4, 0, 0], 1000, 25712.516),
        (HIT, [0, 0, 0, 4, 0, 0], 1e6, 25695.938),
        (HIT, [4, 0, 0, 0, 0, 0], 1000, 16.577997),
        (HIT, [2, 0, 0, 0, 0, 0], 1000, 53.712708),
        ([100, 200, 300, 250, 350, 450], [0, 0, 0, 4, 0, 0], 1000, 6.475781),
        (HIT_TWICE, [0, 0, 0, 4, 2, 2], 1e6, 22805.145),
        (HIT_TWICE, [0, 6, 0, 6, 0, 6], 1e6, 46315.73),
        (HIT_TWICE, [4, 4, 4, 4, 4, 0], 1e6, 57031.152),
        (HIT_TWICE, [4, 0, 0, 0, 0, 2], 1e6, 2.6598475e-05),
    ],
)
def test_08_cosmic_rays(values, flags, full_well, left):
    assert Pixel(values, flags, full_well=full_well).filled[0] == about(left)


def test_08_cosmic_ray_without_slow_capture():
    pixel = Pixel(HIT, [0, 0, 0, 4, 0, 0], families=(TrapFamily(100, 0.0, 10, -0.005),))
    assert pixel.filled[0] == about(8000)


@pytest.mark.parametrize(
    ("filled", "cutoff", "flag"),
    [(100, 40, 0), (400, 40, 32), (820, 40, 32), (-2000, 40, 0), (10000, 40, 32), (400, 100, 0), (820, 100, 32)]
    + [(10000, 100, 32), (290, 40, 32), (0, 0, 32)],
)
def test_09_flag(filled, cutoff, flag):
    assert Pixel([0, 0, 0], filled=filled, cutoff=float(cutoff)).pixeldq == flag


@pytest.mark.parametrize(
    ("values", "flags", "full_well", "density", "left"),
    [
        ([0, 100, 200, 300, 400], None, 1000.0, 1.0, 10.478247),
        ([0, 100, 200, 300, 400], None, 1000.0, np.nan, 0),
        ([0, 100, 200, 300, 400], None, "DO_NOT_USE", 1.0, 0),
        ([100, 200, 300, 400, 500, 600], None, np.nan, 1.0, 1.6578e-07),
        ([0, 1000, 2500, 3500, 4500], [0, 0, 4, 0, 0], 1000.0, 1.0, 32232.781),
        ([0, 1000, 2500, 3500, 4500], [0, 0, 4, 0, 0], np.nan, 1.0, 32119.922),
        ([0, 1000, 2500, 3500, 4500], [0, 0, 4, 0, 0], "DO_NOT_USE", 1.0, 32119.922),
    ],
)
def test_10_bad_reference_pixels(values, flags, full_well, density, left):
    dq = np.array([[1 if full_well == "DO_NOT_USE" else 1 << 24]], np.uint32)
    well = np.array([[np.nan if full_well == "DO_NOT_USE" else full_well]], np.float32)
    dense = clean_density(np.array([[density]], np.float32), np.array([[2]], np.uint32))
    pixel = Pixel(values, flags, full_well=clean_full_well(well, dq)[0, 0], density=dense[0, 0])
    assert pixel.filled[0] == pytest.approx(left, rel=1e-4)


def test_10_density_that_is_not_to_be_used_still_releases():
    assert clean_density(np.ones((1, 1), np.float32), np.ones((1, 1), np.uint32))[0, 0] == 0
    pixel = Pixel([0, 100, 200, 300, 400], filled=1000, density=0.0)
    assert pixel.filled[0] == about(778.8008)
    assert pixel.released[0, 0] == about(48.770576)


@pytest.mark.parametrize(
    ("flag", "second", "left"),
    [
        (0, (15.490959, 83.121078, 152.72353, 224.14563, 297.24768, 371.90167), (248.58884, 950.99841, 105.99476)),
        (
            4,
            (-2272.4458, -4303.5444, -6160.2212, -7857.8525, -9410.4111, -10830.595),
            (8510.9141, 8036.6304, 9953.7920),
        ),
    ],
)
def test_12_everything_at_once(flag, second, left):
    pixel = Pixel(
        [[100, 300, 500, 900, 1100, 1300], [50, 150, 250, 350, 450, 550]],
        [[0, 0, 0, flag, 0, 2], [0] * 6],
        families=THREE,
        filled=[500, 1000, 200],
        gap=86.4,
        timing=Timing(10.0, 2.0, 2, 1),
    )
    assert pixel.data[0].tolist() == about([71.370506, 244.30029, 418.67896, 794.40479, 971.38416, 1149.5308])
    assert pixel.data[1].tolist() == about(second)
    assert pixel.filled.tolist() == about(left)
    assert pixel.pixeldq == 32


def test_13_chain_of_two_exposures():
    first = Pixel([1200, 1400, 1600, 1800, 2100, 2300])
    second = Pixel([0, 0, 0], filled=first.filled, gap=129.6)
    assert second.data[0].tolist() == about([-1.4061611, -2.743743, -4.0160904])
    assert second.filled[0] == about(24.816072)


def test_nan_ends_in_its_own_pixel():
    data = np.tile(np.arange(1, 6, dtype=np.float32)[None, :, None, None] * 50, (1, 1, 2, 2))
    data[0, 2, 0, 1] = np.nan
    filled = np.zeros((1, 2, 2), np.float32)
    ones = np.ones((2, 2), np.float32)
    exposure = TrapExposure(data, np.zeros(data.shape, np.uint8), np.zeros((2, 2), np.uint32), Timing(10.0, 2.0, 1, 1))
    follow_traps(exposure, TrapModel(ones, ones * 1000, ONE, 40.0), filled)
    assert np.isnan(filled[0]).tolist() == [[False, True], [False, False]]
    assert filled[0, 1, 1] == about(2.6195617)


def test_fewer_planes_than_families():
    with pytest.raises(IndexError, match="2 families"):
        follow_traps(
            TrapExposure(*(np.zeros((1, 1, 1, 1), kind) for kind in ("f4", "u1")), np.zeros((1, 1), "u4"), None),
            TrapModel(np.ones((1, 1)), np.ones((1, 1)), ONE * 2, 40.0),
            np.zeros((1, 1, 1), np.float32),
        )


def test_empty_table_of_parameters(caplog):
    names = ["capture0", "capture1", "capture2", "decay_param"]
    table = np.zeros(1, [(name, "f8") for name in names])
    with pytest.raises(IndexError, match="empty"):
        families_of(table[:0])
    assert families_of(table) == (TrapFamily(0, 0, 0, 0),)
    assert "capture1 of trap family 1 is zero" in caplog.text


def test_capture_of_very_slow_traps_does_not_cancel():
    table = capture_table(TrapFamily(100, -1e-6, 0, -0.005), Timing(10.0, 2.0, 1, 1), ngroups=10, integration=0)
    assert table.ramp[0] == pytest.approx(100 * 102.0**3 * 1e-6 / 3, rel=1e-2)


@given(seed=st.integers(0, 2**32 - 1), ngroups=st.integers(2, 8))
@settings(max_examples=30, deadline=None)
def test_slope_is_the_mean_of_the_smallest_differences(seed, ngroups):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 100, (ngroups, 12)).astype(np.float32)
    dq = rng.choice([0, 0, 0, 1, 2, 4, 6], x.shape).astype(np.uint8)
    slope, _ = ramp_slope(x, dq)
    for pixel in range(x.shape[1]):
        flags = dq[:, pixel]
        saturated = (flags[1:] & 2) != 0
        count = ngroups - 1 - saturated.sum() - ((flags & 4) != 0).sum()
        kept = np.sort(np.diff(x[:, pixel].astype(float))[~saturated])[: max(count, 0)]
        assert slope[pixel] == pytest.approx(kept.mean() if count > 0 else 0, rel=1e-4, abs=1e-3)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_result_does_not_depend_on_the_tiles(seed):
    rng = np.random.default_rng(seed)
    shape = (2, 4, 50, 60)
    data = np.cumsum(rng.uniform(0, 500, shape), axis=1).astype(np.float32)
    flags = rng.choice([0, 0, 0, 2, 4], shape).astype(np.uint8)
    density = rng.uniform(0, 2, shape[2:]).astype(np.float32)
    before = rng.uniform(-100, 1000, (3, *shape[2:])).astype(np.float32)
    results = []
    for samples in (1, 10**7):
        ramp, filled, pixeldq = data.copy(), before.copy(), np.zeros(shape[2:], np.uint32)
        model = TrapModel(density, np.full(shape[2:], 900, np.float32), THREE, 40.0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(core, "TILE_SAMPLES", samples)
            follow_traps(TrapExposure(ramp, flags, pixeldq, Timing(10.0, 2.0, 1, 1)), model, filled)
        results.append((ramp, filled, pixeldq))
    for one, other in zip(*results):
        np.testing.assert_array_equal(one, other)
