"""Frames made of stripes, and superstripes."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.simulation import ExposureSettings, NoiseSettings, Scene, Subarray, Truth, make_detector, simulate
from jwst.simulation.detectors import find_detector
from jwst.simulation.stripes import Stripes
from jwst.simulation.subarrays import check_fit
from stpipe.exceptions import InputError

SUPER = Stripes(2, 5, 6, repeat=1, step=6, count=3)
QUIET = NoiseSettings(
    read_noise=0, one_over_f=0, ktc=0, amplifier_drift=0, odd_even_drift=0, cosmic_rays=0, snowballs=0
)


@pytest.mark.parametrize("stripe", [0, 1, 2])
def test_lines_of_superstripes(stripe):
    """Measured values of spec common_detector.md §7."""
    first = 7 + 6 * stripe
    assert SUPER.lines(8, stripe=stripe).tolist() == [0, 1, *range(first, first + 6)]
    backward = SUPER.places(8, find_detector("NIS"), stripe=stripe).tolist()
    assert backward == [*range(2035 - 6 * stripe, 2041 - 6 * stripe), 2046, 2047]


@pytest.mark.parametrize(
    ("repeat", "interleave", "lines"),
    [
        (0, 0, [0, 1, 7, 8, 9, 14, 15, 16, 21, 22, 23]),
        (1, 1, [0, 1, 7, 8, 9, 0, 1, 14, 15, 16, 0, 1, 21, 22, 23]),
        (1, 0, [0, 1, 7, 8, 9] * 3),
    ],
)
def test_lines_of_several_stripes_in_a_frame(repeat, interleave, lines):
    stripes = Stripes(2, 5, 3, 4, repeat, interleave)
    assert stripes.lines(len(lines)).tolist() == lines
    assert stripes.science(len(lines), find_detector("NRCA1")).sum() == (9 if repeat or interleave else len(lines) - 2)


def test_stripes_must_fill_the_frame():
    with pytest.raises(InputError, match="frame of 9 lines"):
        SUPER.lines(9)
    with pytest.raises(InputError, match="do not fit"):
        Stripes(4, 2040, 40).lines(44)


def test_superstripes_of_several_stripes_are_refused():
    region = Subarray("MINE", 1, 1, 2048, 16, 4, Stripes(2, 5, 6, repeat=1, step=6, count=3))
    with pytest.raises(InputError, match="one stripe per frame"):
        check_fit(region, find_detector("NRCA1"))


def test_superstripes_need_whole_cycles():
    with pytest.raises(InputError, match="multiple of 10"):
        ExposureSettings("NIS", "SUB204STRIPE_SOSS", nints=15)


def test_truth_of_stripes_is_that_of_the_lines():
    region = Subarray("MINE", 1, 9, 8, 16, 1, SUPER)
    sca = find_detector("NIS")
    whole = make_detector("NIS", region.parent(sca))
    part = make_detector("NIS", region, stripe=1)
    np.testing.assert_array_equal(part.bias[:, 0], whole.bias[:, 2029])
    np.testing.assert_array_equal(part.coeffs[..., -1], whole.coeffs[..., 2047])
    assert part.reference[:, -2:].all()
    assert not part.reference[:, :-2].any()


def test_superstripes_are_put_together(tmp_path):
    from stdatamodels.jwst import datamodels

    region = Subarray("SUB64", 1, 9, 8, 16, 1, Stripes(2, 5, 6, repeat=1, step=6, count=3))
    scene = Scene(sky=20000.0, stars=0, galaxies=0)
    settings = ExposureSettings("NIS", region, ngroups=2, nints=6, noise=QUIET, scene=scene)
    made = simulate(settings, tmp_path)
    truth = Truth.load(made.truth_path)
    product = region.product(settings.sca)
    assert (product.xstart, product.xsize) == (2024, 18)
    assert truth.rate.shape == (16, 18)
    with datamodels.open(made.path) as model:
        assert model.data.shape == (6, 2, 16, 8)
        assert model.meta.subarray.num_superstripe == 3
        assert model.meta.subarray.superstripe_step == 6
        steps = np.diff(model.data.astype(np.float32), axis=1)[:, 0]
    put = np.concatenate([steps[stripe, :, :6] for stripe in (2, 1, 0)], axis=1)
    np.testing.assert_allclose(put[truth.usable], (truth.rate * settings.group_time)[truth.usable], rtol=0.25, atol=20)
    assert abs((put / (truth.rate * settings.group_time))[truth.usable].mean() - 1) < 0.02
    assert (steps[:, :, 6:] == 0).all()
