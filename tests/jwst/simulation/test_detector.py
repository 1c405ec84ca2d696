"""The truth about a detector, and the response of its pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwst.simulation.detector import amplifier_map, make_detector
from jwst.simulation.response import averaging_offset, linearize, respond
from jwst.simulation.scene import Scene, render_scene
from jwst.simulation.subarrays import Subarray
from stpipe.exceptions import InputError

OUTER = Subarray("OUTER", 1, 41, 80, 60)
INNER = Subarray("INNER", 11, 61, 20, 10)
CUT = np.s_[..., 20:30, 10:30]


def test_a_pixel_is_the_same_in_every_rectangle():
    outer = {
        name: value for name, value in vars(make_detector("NRCA2", OUTER)).items() if isinstance(value, np.ndarray)
    }
    inner = vars(make_detector("NRCA2", INNER))
    assert len(outer) == 11
    for name, value in outer.items():
        if name != "flat":
            np.testing.assert_array_equal(value[CUT], inner[name], err_msg=name)
    np.testing.assert_allclose(outer["flat"][CUT], inner["flat"], rtol=1e-6)


def test_detectors_differ():
    assert not np.array_equal(make_detector("NRCA1", INNER).gain, make_detector("NRCA2", INNER).gain)


def test_truth_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        make_detector("NRCA1", INNER).bias[0, 0] = 0


def test_reference_pixels_are_blind():
    truth = make_detector("NRCA2", OUTER)
    assert truth.reference[:, :4].all()
    assert not truth.reference[:, 4:].any()
    assert not truth.flat[truth.reference].any()
    assert not truth.dark[truth.reference].any()
    np.testing.assert_array_equal(truth.coeffs[:, 5, 2], [0, 1, 0, 0])


def test_columns_are_counted_in_the_order_of_readout():
    whole = Subarray("WHOLE", 1, 1, 2048, 8, 4)
    forward, backward = (amplifier_map(name, whole) for name in ("NRCA2", "NRCA1"))
    assert forward[0][0, [0, 511, 512, 2047]].tolist() == [0, 0, 1, 3]
    np.testing.assert_array_equal(forward[0][:, ::-1], backward[0])
    np.testing.assert_array_equal(forward[1][:, ::-1], backward[1])


@given(st.floats(0, 60000), st.floats(5e-7, 2e-6), st.floats(0, 8e-12))
def test_response_is_undone_by_linearity(signal, c2, c3):
    coeffs = np.array([0, 1, c2, c3], np.float32)[:, None]
    linear = np.array([signal], np.float32)
    raw = respond(linear, coeffs)
    assert raw[0] <= linear[0] * 1.000001
    np.testing.assert_allclose(linearize(raw, coeffs), linear, rtol=2e-6, atol=1e-3)


def test_mean_of_frames_is_not_the_response_to_the_mean():
    coeffs = np.array([0, 1, 1e-6, 4e-12])
    frames = np.array([20000.0, 22000, 24000, 26000])
    at_mean = respond(frames.mean(), coeffs)
    exact = respond(frames, coeffs[:, None]).mean()
    assert abs(exact - at_mean) > 3
    assert averaging_offset(at_mean, coeffs, frames.var()) == pytest.approx(exact - at_mean, rel=1e-3)


def test_scene_of_a_rectangle_is_part_of_the_whole():
    scene = Scene(stars=20000, galaxies=3000)
    outer, inner = render_scene(scene, OUTER), render_scene(scene, INNER)
    np.testing.assert_allclose(outer[CUT], inner, rtol=1e-5)
    assert outer.max() > 20 * scene.sky


def test_light_of_a_star_is_its_flux():
    scene = Scene(sky=0, stars=1, galaxies=0, star_flux=(999.0, 1001.0))
    assert render_scene(scene, Subarray("ALL", 1, 1, 2048, 2048, 4)).sum() == pytest.approx(1000, rel=0.03)


def test_a_scene_without_sense_is_refused():
    with pytest.raises(InputError, match="scene"):
        Scene(star_flux=(5.0, 1.0))
