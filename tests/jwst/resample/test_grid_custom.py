"""Output grids from files."""

from __future__ import annotations

import asdf
import numpy as np
import pytest

from jwst.resample.grid import UnsupportedWCSError, load_grid, make_grid
from jwst.resample.pixel_area import mean_pixel_area
from stpipe.exceptions import InputError
from tests.jwst.resample.worlds import SHAPE, image_wcs, info_of, tangent_footprint

RA, DEC = 80.0, -69.5


@pytest.fixture
def output():
    """Coordinates of a mosaic."""
    world = image_wcs(RA, DEC)
    return make_grid([tangent_footprint(world)], world, info_of(RA, DEC)).wcs


def test_from_a_file(output, tmp_path):
    path = tmp_path / "grid.asdf"
    asdf.AsdfFile({"wcs": output, "pixel_scale": 0.05}).write_to(path)
    grid = load_grid(path, pixelarea_steradians=2.29e-14)
    assert grid.shape == output.array_shape
    assert grid.pixel_scale == 0.05
    assert grid.pixel_scale_ratio == pytest.approx(0.05 / (3600 * np.rad2deg(np.sqrt(2.29e-14))))
    path.unlink()  # nothing is read later
    np.testing.assert_array_equal(grid.wcs(3.0, 4.0), output(3.0, 4.0))
    assert load_grid({"wcs": output}, output_shape=(20, 30)).shape == (30, 20)


SHAPES = {
    "parameter": ((7, 6), (5, 4), (3, 8), (9, 2), (6, 7)),
    "coordinates": (None, (5, 4), (3, 8), (9, 2), (5, 4)),
    "array_shape": (None, None, (3, 8), (9, 2), (3, 8)),
    "pixel_shape": (None, None, None, (9, 2), (2, 9)),
    "box": (None, None, None, None, (11, 21)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_which_shape(output, name):
    output_shape, own, array_shape, pixel_shape, wanted = SHAPES[name]
    output.array_shape = own
    output.bounding_box = ((-0.5, 20.5), (-0.5, 10.5))
    tree = {"wcs": output, "array_shape": array_shape, "pixel_shape": pixel_shape}
    grid = load_grid({key: value for key, value in tree.items() if value is not None}, output_shape=output_shape)
    assert grid.shape == wanted
    assert grid.wcs.array_shape == wanted


def test_no_shape(output):
    output.array_shape = output.bounding_box = None
    with pytest.raises(ValueError, match="how large the output is"):
        load_grid({"wcs": output})
    with pytest.raises(ValueError, match="needs 2 or more"):
        load_grid({"wcs": output}, output_shape=(1, 10))
    with pytest.raises(ValueError, match="3 axes"):
        load_grid({"wcs": output, "array_shape": (3, 4, 5)})


def test_scales(output):
    first = image_wcs(RA, DEC)
    grid = load_grid({"wcs": output}, first_wcs=first)
    own = 3600 * np.rad2deg(np.sqrt(mean_pixel_area(output, output.array_shape)))
    theirs = 3600 * np.rad2deg(np.sqrt(mean_pixel_area(first, SHAPE)))
    assert grid.pixel_scale == pytest.approx(own)
    assert grid.pixel_scale_ratio == pytest.approx(own / theirs)
    assert load_grid({"wcs": output}).pixel_scale_ratio == 1.0
    both = load_grid({"wcs": output, "pixel_scale": 0.1, "pixel_area": 4.0}, first_wcs=first)
    assert both.pixel_scale == 0.1
    assert load_grid({"wcs": output, "pixel_area": 4.0}).pixel_scale == 2.0
    first = image_wcs(RA, DEC, bend=0.0)
    theirs = 3600 * np.rad2deg(np.sqrt(mean_pixel_area(first, SHAPE)))
    first.array_shape = (40, 50)  # of a cut-out
    assert load_grid({"wcs": output}, first_wcs=first).pixel_scale_ratio == pytest.approx(own / theirs, rel=1e-4)


@pytest.mark.parametrize("tree", [{"pixel_scale": -1.0}, {"pixel_scale": np.nan}, {"pixel_area": 0.0}])
def test_scales_that_cannot_be(output, tree):
    with pytest.raises(InputError, match="positive number"):
        load_grid({"wcs": output} | tree)


def test_inputs_without_a_scale(output):
    with pytest.raises(InputError, match="pixelarea_steradians is 0"):
        load_grid({"wcs": output}, pixelarea_steradians=0.0)
    with pytest.raises(InputError, match="no bounding box"):
        load_grid({"wcs": output}, first_wcs=image_wcs(RA, DEC, box=False))


def test_files_that_cannot_be_used(output, tmp_path):
    with pytest.raises(InputError, match=r"no file .*absent\.asdf"):
        load_grid(tmp_path / "absent.asdf")
    text = tmp_path / "text.asdf"
    text.write_text("not ASDF")
    with pytest.raises(InputError, match="cannot be read as ASDF"):
        load_grid(str(text))
    with pytest.raises(InputError, match="has no 'wcs'"):
        load_grid({"pixel_scale": 1.0})
    with pytest.raises(UnsupportedWCSError, match="is a str"):
        load_grid({"wcs": "here"})


def test_coordinates_that_are_no_image():
    from astropy.modeling.models import Identity
    from gwcs import coordinate_frames as cf
    from gwcs import wcs

    frames = [cf.CoordinateFrame(3, ("SPATIAL",) * 3, (0, 1, 2), name=name, unit=("pix",) * 3) for name in "ab"]
    with pytest.raises(RuntimeError, match="from 3 to 3 axes"):
        load_grid({"wcs": wcs.WCS([(frames[0], Identity(3)), (frames[1], None)])})
