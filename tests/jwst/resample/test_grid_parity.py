"""Output grids and footprints against those of the released pipeline; see tests/parity/make_grid.py."""

from __future__ import annotations

import json
import pathlib
from copy import deepcopy

import numpy as np
import pytest

from jwst.assign_wcs.assign_wcs import load_wcs
from jwst.resample.footprint import union_region
from jwst.resample.grid import GridRequest, load_grid, make_grid
from jwst.resample.pixmap import pixel_map
from jwst.resample.polygons import intersection, signed_area
from jwst.resample.regions import polygons_of

PARITY = pathlib.Path(__file__).parents[2] / "parity"
MADE = (
    *("one", "half", "scale", "rotation", "crpix", "crval", "shape", "large", "two", "turned", "pieces", "copies"),
    *("pole", "zero", "beside", "miri"),
)
STEPS = ("miri", "miri_steps", "miri_cubic")
CUSTOM = (
    *("custom", "custom_scale", "custom_area", "custom_shape", "custom_file_shape", "custom_pixel_shape"),
    "custom_box",
)
PIXEL = 1e-8


@pytest.fixture(scope="module")
def scenes():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PARITY))
        import grid_scenes

        yield grid_scenes


@pytest.fixture(scope="module")
def peer():
    with np.load(PARITY / "grid.npz") as file:
        return {**json.loads(str(file["cases"])), **{key: file[key] for key in file.files if key != "cases"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("grid")


@pytest.fixture(scope="module")
def made(scenes, folder):
    """Makes the exposures of a case, their footprints and the grid."""
    kept = {}

    def make(name):
        if name not in kept:
            models = []
            for model, references in scenes.exposures(name, folder):
                load_wcs(model, references)
                models.append(model)
            options = {key: value for key, value in scenes.CASES[name][1].items() if not key.startswith("pixmap")}
            regions = [model.meta.wcsinfo.s_region for model in models]
            first = models[0].meta
            kept[name] = models, regions, make_grid(regions, first.wcs, first.wcsinfo.instance, GridRequest(**options))
        return kept[name]

    return make


def check_wcs(grid, wanted):
    """Positions on a grid, shape, box and frames."""
    ny, nx = grid.shape
    assert list(grid.shape) == wanted["shape"]
    assert list(grid.wcs.pixel_shape) == wanted["pixel_shape"]
    assert grid.wcs.available_frames == wanted["frames"]
    places = np.array([(0.0, 0.0), (nx - 1.0, 0.0), (0.3 * nx, 0.7 * ny), (0.0, ny - 1.0)])
    found = np.array(grid.wcs.invert(*np.array(wanted["sky"]), with_bounding_box=False)).T
    np.testing.assert_allclose(found, places, rtol=0, atol=PIXEL)


def on_plane(region, wcs):
    """Outlines in pixels, counter-clockwise."""
    loops = [np.array(wcs.invert(*sky.T, with_bounding_box=False)).T for sky in polygons_of(region)]
    return [loop if signed_area(loop) > 0 else loop[::-1] for loop in loops]


def area(loops):
    return sum(signed_area(loop) for loop in loops)


def check_region(region, wanted, wcs):
    """Both cover the same: areas, and what they have in common."""
    found, theirs = on_plane(region, wcs), on_plane(wanted, wcs)
    assert sorted(len(loop) for loop in found) == sorted(len(loop) for loop in theirs)
    assert area(found) == pytest.approx(area(theirs), rel=1e-5)
    common = sum(area(intersection([loop], other)) for loop in found for other in theirs)
    assert common == pytest.approx(area(theirs), rel=1e-5)


def test_every_case_is_compared(scenes):
    assert set(MADE) | set(STEPS) == set(scenes.CASES)
    assert set(CUSTOM) == set(scenes.CUSTOM)


@pytest.mark.parametrize("name", MADE)
def test_grids(made, peer, name):
    _, regions, grid = made(name)
    wanted = peer[name]
    check_wcs(grid, wanted)
    assert grid.pixel_scale_ratio == pytest.approx(wanted["ratio"], rel=1e-5)  # their mean area is noisy
    assert grid.pixel_scale**2 == pytest.approx(wanted["pixelarea_arcsecsq"], rel=1e-12)
    transform = grid.wcs.forward_transform
    values = [transform.crpix.value + 1, transform.crval.value, transform.cdelt.value, transform.pc.value.ravel()]
    np.testing.assert_allclose(np.concatenate(values), wanted["info"], rtol=1e-14, atol=1e-13)
    if name != "beside":  # theirs is a box without an inside
        assert [list(pair) for pair in grid.wcs.bounding_box.bounding_box(order="F")] == wanted["box"]


@pytest.mark.parametrize("name", MADE)
def test_footprints(made, peer, name):
    _, regions, grid = made(name)
    found, wanted = union_region(regions, grid.wcs, grid.shape), peer[name]["s_region"]
    if wanted is None:
        assert found is None
        return
    check_region(found, wanted, grid.wcs)


@pytest.mark.parametrize("name", CUSTOM)
def test_custom_grids(made, scenes, peer, name):
    models, regions, one = made("one")
    tree, options = scenes.custom_tree(deepcopy(one.wcs), name)
    grid = load_grid(tree, pixelarea_steradians=models[0].meta.photometry.pixelarea_steradians, **options)
    wanted = peer[name]
    check_wcs(grid, wanted)
    tolerance = 1e-12 if {"pixel_scale", "pixel_area"} & set(tree) else 2e-4
    assert grid.pixel_scale_ratio == pytest.approx(wanted["ratio"], rel=tolerance)
    assert grid.pixel_scale**2 == pytest.approx(wanted["pixelarea_arcsecsq"], rel=2 * tolerance)
    found = union_region(regions, grid.wcs, grid.shape)
    if grid.shape == one.shape:
        check_region(found, wanted["s_region"], grid.wcs)
    else:  # theirs goes on beyond the pixels of the output
        ny, nx = grid.shape
        edges = np.array([(-0.5, -0.5), (nx - 0.5, -0.5), (nx - 0.5, ny - 0.5), (-0.5, ny - 0.5)])
        cut = [piece for loop in on_plane(wanted["s_region"], grid.wcs) for piece in intersection([loop], edges)]
        assert area(on_plane(found, grid.wcs)) == pytest.approx(area(cut), rel=1e-5)


@pytest.mark.parametrize("name", STEPS)
def test_pixel_maps(made, scenes, peer, name):
    """Weights of a flat image tell where its pixels fell, and how much of each output pixel they fill."""
    from drizzle.resample import Drizzle

    models, _, grid = made("miri")
    shape = models[0].data.shape
    spacing = {key.removeprefix("pixmap_"): value for key, value in scenes.CASES[name][1].items()}
    positions = pixel_map(models[0].meta.wcs, shape, grid.wcs, **spacing)
    exact = pixel_map(models[0].meta.wcs, shape, grid.wcs)
    assert (np.abs(positions - exact).max() > 1e-4) == (name != "miri")
    drizzle = Drizzle(kernel="square", fillval="NAN", out_shape=grid.shape)
    flat = np.ones(shape, np.float32)
    drizzle.add_image(flat, exptime=1.0, pixmap=positions, weight_map=flat, pixfrac=1.0)
    np.testing.assert_allclose(drizzle.out_wht[::16, ::16], peer[f"{name}_weight"], rtol=0, atol=1e-6)
    assert (drizzle.out_wht == 0).sum() == peer[name]["missing"]
