"""Catalogues of users that cannot be used, and utilities that cannot be applied."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from jwst.tweakreg import TweakRegStep
from jwst.tweakreg.custom_catalogs import for_alignment, read_catfile
from jwst.tweakreg.utils import adjust_wcs, transfer_wcs_correction
from stpipe.exceptions import InputError, ParameterError


def test_list_of_catalogs(tmp_path, caplog):
    path = tmp_path / "list.txt"
    path.write_text("# first\n\na.fits one.ecsv\n  b.fits\n/data/c.fits /cats/three.ecsv\n")
    folder = str(tmp_path)
    assert read_catfile(str(path)) == {"a.fits": f"{folder}/one.ecsv", "b.fits": "", "c.fits": "/cats/three.ecsv"}
    path.write_text("# nothing\n")
    assert read_catfile(str(path)) == {}
    assert "is empty" in caplog.text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a.fits one.ecsv more\n", "a line with 3 columns"),
        (b"\xff\xfe\x00", "cannot be read"),
        (None, "cannot be read"),
    ],
    ids=["three_columns", "binary", "missing"],
)
def test_lists_that_cannot_be_used(content, text, shared, here):
    if content is not None:
        (here / "list.txt").write_bytes(content)
    with pytest.raises(ParameterError, match=text):
        TweakRegStep.call(shared()[:2], use_custom_catalogs=True, catfile="list.txt")


@pytest.mark.parametrize(
    ("content", "text"),
    [("a,b\n1,2\n", "does not say where"), (None, "does not exist")],
    ids=["no_places", "missing"],
)
def test_catalogs_that_cannot_be_used(content, text, exposures, here):
    models = exposures()[:2]
    models[1].meta.tweakreg_catalog = "mine.csv"
    if content is not None:
        (here / "mine.csv").write_text(content)
    with pytest.raises(InputError, match=text):
        TweakRegStep.call(models, use_custom_catalogs=True)


def test_sources_outside_of_the_image(scenes):
    from astropy.table import MaskedColumn, Table

    wcs = scenes.wcs_of((80.0, -69.5, 0.0), (scenes.SIZE, scenes.SIZE))
    x = MaskedColumn([-0.5, -0.4, 299.4, 299.5, 10.0, np.nan, 5.0], mask=[0, 0, 0, 0, 0, 0, 1])
    table = Table({"x_centroid": x, "y_centroid": [5.0] * 4 + [400.0, 5.0, 5.0], "weight": np.arange(7)})
    kept = for_alignment(table, wcs, "mine")
    np.testing.assert_allclose(kept["x"], [-0.4, 299.4])
    assert kept.colnames == ["x", "y"]
    assert kept.meta["name"] == "mine"
    assert "x_centroid" in table.colnames


def test_saved_catalogs_are_not_those_of_users(scenes, shared, taken, here):
    scenes.write_custom(here)
    (here / "list.txt").write_text("jw01234001001_02101_00001_nrca1_cal.fits one.ecsv\n")
    library = TweakRegStep.call(shared(scenes.TWINS), use_custom_catalogs=True, catfile="list.txt", save_catalogs=True)
    assert [model.meta.tweakreg_catalog for model in taken(library)] == [
        None,
        "jw01234001001_02101_00002_nrca1_cal_cat.ecsv",
    ]
    assert len(list(here.glob("*_cat.ecsv"))) == 1


def test_adjusting_needs_the_rotation_to_the_sky(scenes):
    from gwcs.wcs import WCS

    wcs = scenes.wcs_of((80.0, -69.5, 0.0), (50, 50))
    plain = WCS([(wcs.input_frame, wcs.get_transform("detector", "world")), (wcs.output_frame, None)])
    with pytest.raises(ValueError, match="v23tosky"):
        adjust_wcs(plain, 0.1)


def test_transfer_between_files(scenes, exposures, here, caplog):
    caplog.set_level(logging.INFO)
    source, target = exposures(scenes.TWINS)
    source.save("source.fits")
    target.save("target.fits")
    with pytest.raises(ValueError, match="has no correction"):
        transfer_wcs_correction("target.fits", source)
    with pytest.raises(ValueError, match="both matrix and shift"):
        transfer_wcs_correction("target.fits", source, shift=[1, 2])
    transfer_wcs_correction(here / "target.fits", "source.fits", matrix=np.eye(2), shift=[0.1, 0.2])
    transfer_wcs_correction(target, source, matrix=np.eye(2), shift=[0.1, 0.2])
    from stdatamodels.jwst.datamodels import open as open_model

    with open_model("target.fits") as model:
        np.testing.assert_allclose(scenes.on_grid(model.meta.wcs), scenes.on_grid(target.meta.wcs), atol=1e-12)
        moved = (scenes.on_grid(model.meta.wcs) - scenes.on_grid(source.meta.wcs)) * 3600
        assert model.meta.wcsinfo.s_region == target.meta.wcsinfo.s_region
    assert np.hypot(moved[:, 0] * np.cos(np.deg2rad(scenes.DEC)), moved[:, 1]) == pytest.approx(
        np.hypot(0.1, 0.2), 1e-3
    )
    source.meta.wcs = None
    with pytest.raises(InputError, match="has no correction"):
        transfer_wcs_correction(target, source)
    with pytest.raises(InputError, match="run assign_wcs"):
        transfer_wcs_correction(target, source, matrix=np.eye(2), shift=[0, 0])
