"""Pictures of mosaics and frames."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable, Table
from PIL import Image

from jwst.scripts.jwst_cli import main
from jwst.simulation.field_settings import FieldSettings
from jwst.simulation.field_view import true_wcs
from jwst.simulation.level1b import exposure_metadata
from jwst.simulation.picture_image import HEADER, MARGIN, MARK, SIZE, Marks, Sky, draw_image, picture_of_product
from stpipe.exceptions import InputError

GREY = (205, 205, 205)


def pixels_of(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_directions_and_scale():
    (frame,) = FieldSettings(("NRCB1",), window=64, exposures=1, roll=30.0).frames()
    sky = Sky.of(true_wcs(exposure_metadata(frame.settings), (64, 64)), (64, 64))
    assert sky.scale == pytest.approx(0.0307, rel=1e-3)
    assert np.degrees(np.arctan2(*sky.north)) == pytest.approx(30, abs=0.3)  # V3 is up, north to the right of it
    assert np.dot(sky.north, sky.east) == pytest.approx(0, abs=0.01)
    assert sky.east[0] < 0


def test_bright_pixels_and_missing_ones(tmp_path):
    rng = np.random.default_rng(2)
    image = rng.normal(1, 0.1, (40, 40))
    image[10:14, 30:34] = 50.0
    image[20:, :10] = np.nan
    draw_image(tmp_path / "a.png", image, title=("Title", "more"), unit="MJy/sr")
    pixels = pixels_of(tmp_path / "a.png")
    zoom = SIZE / 40
    across, down = MARGIN + int(31.5 * zoom), HEADER + int((40 - 11.5) * zoom)
    assert pixels[down, across].sum() > 600
    assert tuple(pixels[HEADER + int(10 * zoom), MARGIN + int(5 * zoom)]) == GREY
    assert pixels[HEADER + int(35 * zoom), MARGIN + int(5 * zoom)].sum() < 450


@pytest.mark.parametrize("image", [np.zeros((5, 9)), np.full((8, 8), np.nan), np.ones((1, 1))])
def test_images_without_contrast(image, tmp_path):
    draw_image(tmp_path / "a.png", image)
    assert pixels_of(tmp_path / "a.png").shape[1] == SIZE + 2 * MARGIN


def test_circles_are_around_sources(tmp_path):
    image = np.zeros((1101, 2203))  # two rows and three columns more than whole blocks
    marks = Marks(np.array([1000.0, np.nan]), np.array([500.0, 3.0]), np.array([20.0, 5.0]), np.zeros(2, bool))
    draw_image(tmp_path / "a.png", image, marks=marks)
    down, across = np.nonzero((pixels_of(tmp_path / "a.png") == MARK).all(axis=2))
    zoom = SIZE / 2202
    assert across.mean() == pytest.approx(MARGIN + 1000.5 * zoom, abs=1.5)
    assert np.ptp(across) == pytest.approx(2 * (20 * zoom + 2), abs=2)
    assert np.ptp(down) == pytest.approx(np.ptp(across), abs=1)


def test_marks_of_catalogues():
    place = SkyCoord([1.0, 2.0] * u.deg, [3.0, 4.0] * u.deg)
    table = QTable({"xcentroid": [1.0, 2.0] * u.pix, "ycentroid": [5.0, 6.0] * u.pix, "sky_centroid": place})
    table["semimajor_sigma"] = [4.0, np.nan] * u.pix
    table["is_extended"] = [True, False]
    marks = Marks.of(table)
    assert (list(marks.x), list(marks.radius), list(marks.extended)) == ([1, 2], [12, 5], [True, False])
    assert len(Marks.of(Table({"x": [1.0], "y": [2.0]})).x) == 1
    with pytest.raises(InputError, match="no columns xcentroid"):
        Marks.of(Table({"flux": [1.0]}))


def product(path, image, **more):
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(image, name="SCI")]
    hdus[0].header["INSTRUME"] = "NIRCAM"
    hdus[1].header["BUNIT"] = "MJy/sr"
    hdus += [fits.ImageHDU(plane, name=name) for name, plane in more.items()]
    fits.HDUList(hdus).writeto(path)
    return path


def test_command_draws_a_mosaic_with_its_catalogue(tmp_path, capsys):
    weights = np.ones((30, 40), np.float32)
    weights[:10] = 0
    path = product(tmp_path / "m_i2d.fits", np.ones((30, 40), np.float32), WHT=weights)
    Table({"xcentroid": [20.0], "ycentroid": [20.0]}).write(tmp_path / "m_cat.ecsv", format="ascii.ecsv")
    assert main(["picture", str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "m_i2d.png")
    pixels = pixels_of(tmp_path / "m_i2d.png")
    assert (pixels == MARK).all(axis=2).any()
    zoom = SIZE / 40
    assert tuple(pixels[HEADER + int(28 * zoom), MARGIN + int(5 * zoom)]) == GREY


def test_frames_have_no_catalogue(tmp_path):
    path = product(tmp_path / "a_cal.fits", np.ones((30, 40), np.float32))
    assert picture_of_product(path, tmp_path / "x.png") == tmp_path / "x.png"
    assert not (pixels_of(tmp_path / "x.png") == MARK).all(axis=2).any()


def test_products_that_are_no_image(tmp_path, capsys):
    path = product(tmp_path / "a_rateints.fits", np.ones((2, 3, 4), np.float32))
    assert main(["picture", str(path)]) != 0
    assert "one image" in capsys.readouterr().err
    assert main(["picture", str(tmp_path / "none.fits")]) == 1
