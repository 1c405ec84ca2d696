"""The quick search for bright pixels gives what double precision gives, whatever the tiles and threads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwst.jump import shower_ratio, shower_search
from jwst.jump.differences import Ramps, bad_planes, signed_median
from jwst.jump.shower_ratio import Differences, Expected
from jwst.jump.shower_search import LEFT_OUT, Scene, bright_pixels
from jwst.jump.showers import ShowerParameters, flag_showers
from jwst.jump.smoothing import Ring

FLAGS = np.array([0] * 40 + [1, 2, 3, 4, 5, 8, 12, 16], np.uint8)
USUAL = Ring(1.0, 3.6)
DAMAGE = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e33, 1e-40, 1e25)


def exposure(seed, *, nints=1, ngroups=12, shape=(21, 26), kind="noise"):
    """Ramps with flags, pixels that are left out, damaged values, or the same difference everywhere."""
    rng = np.random.default_rng(seed)
    npixels = shape[0] * shape[1]
    data = np.cumsum(rng.normal(20, 8, (nints, ngroups, npixels)), axis=1).astype(np.float32)
    gain = rng.uniform(0.5, 4, npixels).astype(np.float32)
    readnoise = rng.uniform(2, 10, npixels).astype(np.float32)
    if kind == "even":
        data[:] = 40 * (np.arange(ngroups) % 2)[:, None]
        gain[:], readnoise[:] = 1, 10
    if kind == "bright":
        data *= np.float32(10.0) ** rng.integers(0, 7, npixels).astype(np.float32)
    groupdq = rng.choice(FLAGS, data.shape)
    groupdq[:, 0] = 1
    if kind == "damaged":
        for array in (data, gain, readnoise):
            places = rng.integers(0, array.size, 6)
            array.reshape(-1)[places] = rng.choice(DAMAGE, 6)
        readnoise[rng.integers(0, npixels, 4)] = 0
        data[..., rng.integers(0, npixels, 4)] = 0
    bad_pixels = rng.random(shape) < 0.05
    ramps = Ramps(data, groupdq, gain, readnoise, 1, bad_planes(groupdq))
    return ramps, bad_pixels


def scene_of(ramps, bad_pixels, *, ring=USUAL, threshold=1.2, minimum=100, workers=1):
    with np.errstate(all="ignore"):
        return Scene(ramps, Expected(ramps, minimum, workers=workers), bad_pixels, ring, threshold, workers)


def by_definition(scene, i, g):
    """Bright pixels of a group from the whole image in double precision."""
    ny, nx = scene.bad_pixels.shape
    with np.errstate(all="ignore"):
        ratio = scene.expected.ratio(i, g, slice(0, ny * nx)).reshape(ny, nx)
        left_out = (scene.ramps.groupdq[i, g].reshape(ny, nx) & LEFT_OUT) != 0
        ratio[left_out | scene.bad_pixels] = np.nan
        return np.flatnonzero(scene.ring.mean(np.pad(ratio, scene.ring.radius)) > scene.threshold)


def assert_as_defined(scene):
    nints, ngroups = scene.ramps.data.shape[:2]
    groups = [g for g in range(2, ngroups) if g != 5]
    for i in range(nints):
        for g, pixels in bright_pixels(scene, i, groups):
            np.testing.assert_array_equal(pixels, by_definition(scene, i, g))


@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["noise", "even", "bright", "damaged"]),
    ring=st.sampled_from([(1.0, 3.6), (0.0, 2.0), (2.0, 2.5), (0.0, 0.5), (1.0, 1.0), (0.2, 0.8), (2.0, 6.3)]),
    threshold=st.sampled_from([1.2, 0.9, 0.5, 0.0, -1.0, 3.0, 1e7]),
    minimum=st.sampled_from([100, 2]),
)
def test_equal_to_double_precision(seed, kind, ring, threshold, minimum):
    """Also where scatters come from the integrations."""
    nints = 3 if minimum == 2 else 1
    ramps, bad_pixels = exposure(seed, nints=nints, kind=kind)
    assert_as_defined(scene_of(ramps, bad_pixels, ring=Ring(*ring), threshold=threshold, minimum=minimum))


@pytest.mark.parametrize("tile", [1 << 12, 1 << 14])
@pytest.mark.parametrize("workers", [1, 3])
def test_tiles_and_threads_do_not_matter(tile, workers, monkeypatch):
    ramps, bad_pixels = exposure(1, shape=(70, 33))
    scene = scene_of(ramps, bad_pixels, threshold=0.85)
    whole = [pixels for _, pixels in bright_pixels(scene, 0, list(range(2, 12)))]
    monkeypatch.setattr(shower_search, "TILE_BYTES", tile)
    monkeypatch.setattr(shower_ratio, "TILE_BYTES", tile)
    again = scene_of(ramps, bad_pixels, threshold=0.85, workers=workers)
    tiled = [pixels for _, pixels in bright_pixels(again, 0, list(range(2, 12)))]
    assert len(whole) == len(tiled) == 10
    assert sum(map(len, whole)) > 100
    for one, other in zip(whole, tiled):
        np.testing.assert_array_equal(one, other)


def test_doubt_is_settled_in_double_precision(monkeypatch):
    """A threshold that is the mean over a ring of some pixels: single precision cannot tell, and says so."""
    ramps, bad_pixels = exposure(7)
    scene = scene_of(ramps, bad_pixels)
    with np.errstate(all="ignore"):
        ratio = scene.expected.ratio(0, 3, slice(0, bad_pixels.size)).reshape(bad_pixels.shape)
        ratio[((ramps.groupdq[0, 3].reshape(ratio.shape) & LEFT_OUT) != 0) | bad_pixels] = np.nan
        means = scene.ring.mean(np.pad(ratio, scene.ring.radius))
    exact, calls = shower_search._exact, []
    monkeypatch.setattr(shower_search, "_exact", lambda *given: calls.append(given) or exact(*given))
    for mean in np.sort(means[np.isfinite(means)])[::40]:
        edges = [
            len(next(bright_pixels(replace(scene, threshold=t), 0, [3]))[1]) for t in (mean, np.nextafter(mean, 0))
        ]
        assert edges[1] == edges[0] + 1
    assert len(calls) >= 20


def test_values_beyond_single_precision_are_bright():
    ramps, bad_pixels = exposure(5)
    ramps.groupdq[:, 3:5], bad_pixels[:] = 0, False
    ramps.data[0, 4, 10 * 26 + 12] = 1e33
    scene = scene_of(ramps, bad_pixels)
    (_, pixels), expected = next(bright_pixels(scene, 0, [4])), by_definition(scene, 0, 4)
    assert pixels.size >= scene.ring.size
    np.testing.assert_array_equal(pixels, expected)


def test_usual_pixels_need_no_double_precision(monkeypatch):
    """Nor do flags, pixels that are left out and values that are not finite."""
    ramps, bad_pixels = exposure(11, shape=(40, 50))
    ramps.data[0, 4, ::90] = np.nan
    scene = scene_of(ramps, bad_pixels)
    expected = {g: by_definition(scene, 0, g) for g in range(2, 12)}
    monkeypatch.setattr(shower_search, "_exact", None)
    assert any(pixels.size for pixels in expected.values())
    for g, pixels in bright_pixels(scene, 0, list(range(2, 12))):
        np.testing.assert_array_equal(pixels, expected[g])


@given(
    seed=st.integers(0, 2**32 - 1),
    ngroups=st.sampled_from([11, 12, 43]),
    kind=st.sampled_from(["noise", "damaged"]),
    first_used=st.sampled_from([0.0, 0.1, 1.0]),
)
def test_median_of_columns_with_and_without_gaps(seed, ngroups, kind, first_used):
    """Some pixels may use the first group, which most do not use (MIRI)."""
    ramps, _ = exposure(seed, ngroups=ngroups, shape=(8, 9), kind=kind)
    ramps.groupdq[0, 0, np.random.default_rng(seed).random(72) < first_used] = 0
    ramps = replace(ramps, excluded=bad_planes(ramps.groupdq))
    with np.errstate(all="ignore"):
        differences = Differences(ramps).all(slice(0, 72))
        median, _ = Expected(ramps, 100).of(3, slice(0, 72))
        np.testing.assert_array_equal(median, signed_median(differences))


def test_no_two_neighbouring_groups_find_nothing():
    """Ten differences by count, but every other group is DO_NOT_USE everywhere."""
    ramps, bad_pixels = exposure(3, nints=2, ngroups=20)
    groupdq = ramps.groupdq.reshape(2, 20, *bad_pixels.shape)
    groupdq[:, ::2] = 1
    ramps = replace(ramps, excluded=bad_planes(groupdq))
    before = groupdq.copy()
    pixeldq = bad_pixels.astype(np.uint32)
    assert flag_showers(ramps, groupdq, pixeldq=pixeldq, parameters=ShowerParameters()) == 0
    np.testing.assert_array_equal(groupdq, before)
