"""Blobs of flagged pixels and their ellipses: spec jump.md §7.1 and §7.2."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from jwst.jump import blobs
from jwst.jump.blobs import draw_ellipse, find_blobs, flagged_pixels


def of(mask, minimum=1):
    mask = np.asarray(mask, np.uint8)
    return find_blobs(flagged_pixels(mask), mask.shape, minimum=minimum)


def drawn(shape, *args, **kwargs):
    mask = np.zeros(shape, bool)
    mask.reshape(-1)[draw_ellipse(*args, shape=shape, **kwargs)] = True
    return mask


def padded(mask):
    return np.pad(np.asarray(mask, np.uint8), 3)


@pytest.mark.parametrize(
    ("mask", "short", "long", "angle"),
    [
        (np.ones((1, 1)), -1.0, -1.0, -np.pi / 4),
        (np.ones((1, 5)), -1.0, 4.657, np.pi / 2),
        (np.ones((5, 1)), -1.0, 4.657, 0.0),
        (np.ones((3, 3)), 2.266, 2.266, -np.pi / 4),
        ([[1, 1, 0], [1, 1, 1], [0, 1, 1]], 4 * np.sqrt(2 / 7) - 1, 4 * np.sqrt(6 / 7) - 1, np.pi / 4),
    ],
)
def test_axes_come_from_second_moments(mask, short, long, angle):
    found = of(padded(mask))
    ((centre, *outline),) = found.outlines()
    np.testing.assert_allclose(outline, [short, long, angle], atol=1e-3)
    np.testing.assert_allclose([found.short[0], found.long[0], found.angle[0]], outline, atol=1e-12)
    assert centre == pytest.approx(((np.shape(mask)[1] - 1) / 2 + 3, (np.shape(mask)[0] - 1) / 2 + 3))


@pytest.mark.parametrize("crowded", [0, 10**9])
def test_components_join_at_corners_and_come_in_raster_order(monkeypatch, crowded):
    monkeypatch.setattr(blobs, "CROWDED", crowded)
    mask = np.random.default_rng(2).random((40, 37)) < 0.2
    label, count = ndimage.label(mask, structure=np.ones((3, 3)))
    number = np.arange(1, count + 1)
    first = ndimage.minimum(np.arange(mask.size).reshape(mask.shape), label, number)
    centres = np.array(ndimage.center_of_mass(mask, label, number[np.argsort(first)]))
    found = of(mask)
    np.testing.assert_allclose(np.stack([found.y, found.x], axis=1), centres)
    assert found.area.sum() == np.count_nonzero(mask)


def test_pixels_at_opposite_edges_do_not_touch():
    mask = np.zeros((4, 6))
    mask[0, 5] = mask[1, 0] = mask[2, 5] = mask[3, 0] = 1
    assert len(of(mask)) == 4


def test_holes_count_as_area_unless_a_corner_opens_them():
    ring = np.ones((3, 3))
    ring[1, 1] = 0
    assert len(of(padded(ring), minimum=9)) == 1
    ring[0, 0] = 0
    assert len(of(padded(ring), minimum=8)) == 0


def test_no_flag_no_blob():
    found = of(np.zeros((5, 5)))
    assert len(found) == 0
    assert not found.contains_any(of(np.ones((2, 2)))).size


def test_containment_looks_at_every_point():
    found = of(padded(np.ones((5, 9))))
    inside, outside = of(drawn((20, 20), (7.0, 5.0), (1, 1), 0.0)), of(drawn((20, 20), (15.0, 15.0), (1, 1), 0.0))
    assert found.contains_any(inside).tolist() == [True]
    assert found.contains_any(outside).tolist() == [False]
    assert found.contains_any(inside[np.array([], np.intp)]).tolist() == [False]


def test_containment_does_not_depend_on_how_pairs_are_divided(monkeypatch):
    rng = np.random.default_rng(5)
    found, points = of(rng.random((60, 60)) < 0.25), of(rng.random((60, 60)) < 0.1)
    expected = found.contains_any(points)
    monkeypatch.setattr(blobs, "PAIRS", 7)
    np.testing.assert_array_equal(found.contains_any(points), expected)
    assert 0 < expected.sum() < len(found)


def test_ellipse_is_wide_along_its_angle():
    upright = drawn((21, 21), (10.0, 10.0), (3, 7), 0.0)
    assert np.count_nonzero(upright[:, 10]) == 13
    assert np.count_nonzero(upright[10]) == 5
    np.testing.assert_array_equal(drawn((21, 21), (10.0, 10.0), (3, 7), np.pi / 2), upright.T)


@pytest.mark.parametrize("semi_axes", [(0, 5), (5, 0), (0, 0)])
def test_ellipse_without_an_axis_is_empty(semi_axes):
    assert not drawn((9, 9), (4.0, 4.0), semi_axes, 0.0).any()


def test_negative_axis_of_a_thin_blob_narrows_the_box():
    assert drawn((9, 9), (4.0, 4.0), (-1, 2), np.pi / 4).nonzero()[0].tolist() == [4, 4, 4]
    assert not drawn((9, 9), (4.0, 4.0), (-2, 1), np.pi / 2).any()


def test_ellipse_is_cut_at_the_edge_and_centred_on_the_nearest_even_pixel():
    assert np.count_nonzero(drawn((9, 9), (0.0, 0.0), (3, 3), 0.0)) < np.count_nonzero(
        drawn((9, 9), (4.0, 4.0), (3, 3), 0.0)
    )
    np.testing.assert_array_equal(drawn((9, 9), (4.5, 3.5), (2, 2), 0.0), drawn((9, 9), (4.0, 4.0), (2, 2), 0.0))


def test_flagged_pixels_of_any_length():
    flags = (np.random.default_rng(3).random(77) < 0.1).astype(np.uint8) * 4
    np.testing.assert_array_equal(flagged_pixels(flags), np.flatnonzero(flags))


def test_holes_of_small_blobs_count():
    """Blobs below the minimum that enclose enough background pass; the same blobs with a gap do not."""
    from scipy.ndimage import binary_fill_holes, label

    rng = np.random.default_rng(3)
    image = rng.random((200, 211)) < 0.42
    image[50:60, 50:60] = True
    image[51:59, 51:59] = False
    labels, count = label(image, structure=np.ones((3, 3)))
    for minimum in (9, 12, 15, 40):
        expected = 0
        for index in range(1, count + 1):
            filled = (
                binary_fill_holes(labels == index, structure=np.ones((3, 3)))
                if (labels == index).sum() > 7
                else labels == index
            )
            expected += filled.sum() >= minimum
        blobs = find_blobs(np.flatnonzero(image), image.shape, minimum=minimum)
        assert len(blobs) == expected


def test_few_and_many_pairs_give_the_same_components(monkeypatch):
    import jwst.jump.blobs as blobs

    image = np.random.default_rng(8).random((40, 37)) < 0.25
    results = []
    for limit in (0, 10_000):
        monkeypatch.setattr(blobs, "FEW_PAIRS", limit)
        results.append(blobs.find_blobs(np.flatnonzero(image), image.shape, minimum=1))
    few, many = results
    np.testing.assert_array_equal(few.area, many.area)
    np.testing.assert_array_equal(few.members, many.members)
