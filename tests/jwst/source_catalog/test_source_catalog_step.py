"""The source_catalog step: results of the released pipeline, products, quiet outcomes, bad input."""

from __future__ import annotations

import functools
import importlib.util
import logging
from pathlib import Path

import numpy as np
import pytest
from astropy.table import QTable
from stdatamodels.jwst import datamodels

from jwst.source_catalog import SourceCatalogStep
from jwst.source_catalog.columns import catalog_columns
from jwst.stpipe import Pipeline
from stpipe.exceptions import InputError, ParameterError

PARITY = Path(__file__).parents[2] / "parity"


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("catalog_scenes")
VECTORS = np.load(PARITY / "source_catalog.npz")
LABELS = ("label", "nn_label", "is_extended", "isophotal_area")
SINGLE = {"roundness": 4e-7, "sharpness": 1e-5, "ellipticity": 3e-7, "orientation": 2e-3, "sky_orientation": 2e-3}
"""Absolute differences of what the released pipeline works out in single precision."""


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
    monkeypatch.chdir(tmp_path)


@functools.cache
def usual():
    """The image that the step does not change, and its references."""
    return MAKE.image(), {"override_apcorr": MAKE.apcorr(), "override_abvegaoffset": MAKE.offsets()}


def run(model=None, **parameters):
    """The step on an image of NIRCam, with its references."""
    image, references = usual()
    return SourceCatalogStep.call(image if model is None else model, **references | {"bkg_boxsize": 60} | parameters)


def changed(**values):
    """The image with other metadata, given by dotted names with two underscores for the dot."""
    model = MAKE.image()
    for name, value in values.items():
        *nodes, last = name.split("__")
        node = model.meta
        for one in nodes:
            node = getattr(node, one)
        setattr(node, last, value)
    return model


@pytest.mark.parametrize("name", MAKE.CASES)
def test_agrees_with_the_released_pipeline(name):
    case = MAKE.CASES[name]
    instrument = case["picture"].get("instrument", "NIRCAM")
    references = {
        "override_apcorr": MAKE.apcorr(instrument),
        "override_abvegaoffset": MAKE.offsets(instrument),
    }
    catalog = SourceCatalogStep.call(MAKE.image(**case["picture"]), **references, **case["parameters"])
    found = MAKE.numbers(catalog)
    wanted = {key.split(".")[1]: VECTORS[key] for key in VECTORS.files if key.startswith(f"{name}.")}
    assert list(found) == list(wanted)
    for column, values in wanted.items():
        if name == "half_pixels" and column == "sky_orientation":
            assert np.isnan(values).all()  # the released pipeline looks for North outside of the image
            values = (found["orientation"] + 180 - 89.5) % 360
        assert found[column].shape == values.shape
        if column in LABELS:
            np.testing.assert_array_equal(found[column], values, err_msg=column)
        else:
            np.testing.assert_allclose(found[column], values, rtol=2e-6, atol=SINGLE.get(column, 0), err_msg=column)


def test_columns_units_formats_and_meta():
    catalog = run()
    columns = catalog_columns((30, 50, 70))
    assert catalog.colnames == [column.name for column in columns]
    assert len(catalog.colnames) == 54
    assert catalog["aper_bkg_flux"].unit == catalog["aper30_flux"].unit == catalog["isophotal_flux_err"].unit == "Jy"
    assert (catalog["nn_dist"].unit, catalog["isophotal_area"].unit) == ("pix", "pix2")
    assert catalog["orientation"].unit == catalog["sky_orientation"].unit == "deg"
    assert (catalog["xcentroid"].info.format, catalog["aper70_flux"].info.format) == (".4f", ".6e")
    assert (catalog["aper_total_abmag_err"].info.format, catalog["CI_70_30"].info.format) == (".6f", ".4f")
    assert all(catalog[name].info.description for name in catalog.colnames)
    assert list(catalog.meta) == [
        "date", "version", "local_bkg_width", "aperture_mask_method", "kron_params", "aperture_params", "abvega_offset",
    ]  # fmt: skip
    assert set(catalog.meta["version"]) == {"Python", "numpy", "scipy", "astropy", "photutils", "gwcs", "jwst"}
    assert catalog.meta["aperture_params"] == {
        "aperture_ee": [30, 50, 70],
        "aperture_radii": [1.25, 1.8, 3.1],
        "aperture_corrections": [3.3, 2.0, 1.43],
        "bkg_aperture_inner_radius": 8.0,
        "bkg_aperture_outer_radius": 13.0,
    }
    assert catalog.meta["abvega_offset"] == 1.7


def test_radii_are_in_pixels_of_the_image():
    radii = run(MAKE.image(ratio=0.5)).meta["aperture_params"]
    assert radii["aperture_radii"] == [2.5, 3.6, 6.2]
    assert (radii["bkg_aperture_inner_radius"], radii["bkg_aperture_outer_radius"]) == (16.0, 26.0)


def test_names_follow_the_energies():
    rows = ((0.2, 1.0, 4.0), (0.45, 1.7, 2.2), (0.8, 4.0, 1.2))
    catalog = run(override_apcorr=MAKE.apcorr(rows=rows), aperture_ee1=20, aperture_ee2=45, aperture_ee3=80)
    assert {"aper20_flux", "aper45_vegamag", "CI_45_20", "CI_80_45", "CI_80_20"} < set(catalog.colnames)
    np.testing.assert_allclose(catalog["aper_total_flux"], 1.2 * catalog["aper80_flux"], rtol=1e-7)


def test_the_input_stays_as_it_is():
    model = MAKE.image()
    before = {name: getattr(model, name).copy() for name in MAKE.PLANES}
    metadata = model.to_flat_dict()
    run(model, save_results=True)
    for name, values in before.items():
        np.testing.assert_array_equal(getattr(model, name), values)
    np.testing.assert_equal(model.to_flat_dict(), metadata)


def test_products(tmp_path):
    MAKE.image().save("tt_i2d.fits")
    catalog = run("tt_i2d.fits", save_results=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tt_cat.ecsv", "tt_i2d.fits", "tt_segm.fits"]
    again = QTable.read("tt_cat.ecsv")
    assert again.colnames == catalog.colnames
    np.testing.assert_array_equal(again["aper_total_flux"], catalog["aper_total_flux"])
    assert again.meta["aperture_params"] == catalog.meta["aperture_params"]
    with datamodels.open("tt_segm.fits") as segments:
        assert type(segments).__name__ == "SegmentationMapModel"
        assert segments.data.dtype == np.uint32
        assert np.unique(segments.data).tolist() == [0, 1, 2, 3]
        assert np.bincount(segments.data.ravel())[1:].tolist() == again["isophotal_area"].value.tolist()
        assert segments.meta.source_catalog == "tt_cat.ecsv"
        assert segments.meta.wcsinfo.crpix1 == 60.5
        assert segments.meta.instrument.filter == "F200W"
        assert segments.meta.wcs(3.0, 4.0) == MAKE.image().meta.wcs(3.0, 4.0)


class Cataloguing(Pipeline):
    """A pipeline of this step alone."""

    step_defs = {"source_catalog": SourceCatalogStep}

    def process(self, model):
        self.source_catalog.save_results = self.save_results
        self.source_catalog.run(model)
        return model


def test_a_pipeline_finds_the_names_in_the_image(tmp_path):
    model = MAKE.image()
    before = model.data.copy()
    references = {"override_apcorr": MAKE.apcorr(), "override_abvegaoffset": MAKE.offsets()}
    steps = {"source_catalog": {"bkg_boxsize": 60, **references}}
    result = Cataloguing.call(model, save_results=True, output_file="mosaic", suffix="i2d", steps=steps)
    assert (result.meta.source_catalog, result.meta.segmentation_map) == ("mosaic_cat.ecsv", "mosaic_segm.fits")
    assert {path.name for path in tmp_path.iterdir()} == {"mosaic_cat.ecsv", "mosaic_segm.fits", "mosaic_i2d.fits"}
    np.testing.assert_array_equal(result.data, before)


def test_no_map_of_star_finders(tmp_path):
    catalog = run(starfinder="iraf", snr_threshold=10.0, save_results=True, output_file="stars")
    assert [path.name for path in tmp_path.iterdir()] == ["stars_cat.ecsv"]
    for name in ("isophotal_area", "ellipticity", "semimajor_sigma", "sky_bbox_ur", "isophotal_flux_err"):
        assert np.isnan(catalog[name]).all()
    assert np.isfinite(catalog["sky_orientation"]).all()
    assert np.isfinite(catalog["isophotal_flux"]).all()


def test_an_interrupted_save_leaves_the_old_catalogue(monkeypatch, tmp_path):
    run(save_results=True)
    before = Path("tt_cat.ecsv").read_bytes()

    def fail(self, path, **_):
        Path(path).write_text("half a")
        raise OSError("disk full")

    monkeypatch.setattr(QTable, "write", fail)
    with pytest.raises(OSError, match="disk full"):
        run(save_results=True)
    assert Path("tt_cat.ecsv").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tt_cat.ecsv", "tt_segm.fits"]


def test_the_plan_tells_the_products():
    MAKE.image().save("tt_i2d.fits")
    plan = SourceCatalogStep.plan("tt_i2d.fits", save_results=True)
    assert {Path(product.path).name for product in plan.products} == {"tt_cat.ecsv", "tt_segm.fits"}


def no_data(planes):
    planes["data"][:] = planes["err"][:] = np.nan


def not_seen(planes):
    planes["wht"][:] = 0


def blank(planes):
    planes["data"][:] = np.nan


def flat(planes):
    planes["data"][:] = 1


QUIET = {
    "no_source": ({}, {"npixels": 1000}, "no source"),
    "nothing_bright": ({}, {"snr_threshold": 1000.0}, "no source"),
    "no_stars": ({"sources": ()}, {"starfinder": "iraf", "snr_threshold": 50.0}, "no source"),
    "all_nan": ({"scene": no_data}, {}, "no source"),
    "data_nan": ({"scene": blank}, {}, "no source"),
    "no_exposure": ({"scene": not_seen}, {}, "no source"),
    "constant": ({"scene": flat}, {}, "no source"),
    "unknown_energy": ({}, {"aperture_ee1": 20}, "0 rows for an encircled energy of 20 percent"),
}


@pytest.mark.parametrize("name", QUIET)
def test_no_catalogue(name, caplog, tmp_path):
    picture, parameters, text = QUIET[name]
    with caplog.at_level(logging.WARNING, "jwst.source_catalog"):
        assert run(MAKE.image(**picture), save_results=True, **parameters) is None
    assert text in caplog.text
    assert list(tmp_path.iterdir()) == []


ROWS = {
    "other_filter": (lambda: changed(instrument__filter="F444W"), {}, "no row for filter F444W, pupil CLEAR"),
    "no_filter": (lambda: changed(instrument__filter=None), {}, "no row for filter None"),
    "two_offsets": (MAKE.image, {"override_abvegaoffset": lambda: MAKE.offsets(rows=2)}, "2 rows"),
    "two_circles": (MAKE.image, {"override_apcorr": lambda: MAKE.apcorr(rows=MAKE.APERTURES * 2)}, "2 rows"),
    "two_rings": (MAKE.image, {"override_apcorr": lambda: two_rings()}, "2 values of skyin"),
    "no_offset": (
        lambda: changed(instrument__pupil="F162M"),
        {"override_apcorr": lambda: other_pupil()},
        "abvegaoffset",
    ),
}


def two_rings():
    reference = MAKE.apcorr()
    reference.apcorr_table["skyin"][1] = 7
    return reference


def other_pupil():
    return MAKE.apcorr(key=("F200W", "F162M"))


@pytest.mark.parametrize("name", ROWS)
def test_references_without_the_rows(name, caplog):
    model, overrides, text = ROWS[name]
    with caplog.at_level(logging.WARNING, "jwst.source_catalog"):
        assert run(model(), **{key: make() for key, make in overrides.items()}) is None
    assert text in caplog.text


BAD = {
    "units": (lambda: changed(bunit_data="DN/s"), {}, "a catalogue needs MJy/sr"),
    "units_of_errors": (lambda: changed(bunit_err="DN/s"), {}, "a catalogue needs MJy/sr"),
    "no_units": (lambda: changed(bunit_data=None, bunit_err=None), {}, "not given"),
    "no_area": (lambda: changed(photometry__pixelarea_steradians=None), {}, "PIXAR_SR"),
    "negative_area": (lambda: changed(photometry__pixelarea_steradians=-1.0), {}, "PIXAR_SR"),
    "no_instrument": (lambda: changed(instrument__name=None), {}, "INSTRUME"),
    "spectra": (lambda: changed(instrument__name="NIRSPEC"), {}, "NIRSPEC"),
    "scale": (lambda: changed(resample__pixel_scale_ratio=0.0), {}, "PXSCLRT"),
    "cube": (lambda: datamodels.CubeModel((2, 9, 9)), {}, "SCI"),
    "no_errors": (lambda: datamodels.ImageModel(data=np.ones((9, 9), np.float32)), {}, "ERR"),
    "no_data": (lambda: datamodels.ImageModel(), {}, "SCI"),
    "no_apcorr": (MAKE.image, {"override_apcorr": "N/A"}, "no apcorr reference"),
    "no_offset": (MAKE.image, {"override_abvegaoffset": "N/A"}, "no abvegaoffset reference"),
    "list": (lambda: [MAKE.image(), MAKE.image()], {}, "one exposure at a time"),
}


def test_an_image_without_wcs(caplog):
    model = MAKE.image()
    del model.meta.wcs
    with caplog.at_level(logging.WARNING, "jwst.source_catalog"):
        catalog = run(model, save_results=True)
    assert "has no WCS" in caplog.text
    for name in ("sky_centroid", "sky_orientation", "sky_bbox_ul"):
        assert np.isnan(catalog[name]).all()
    np.testing.assert_array_equal(catalog["aper30_flux"], run()["aper30_flux"])
    assert QTable.read("tt_cat.ecsv").colnames == catalog.colnames


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name, tmp_path):
    model, parameters, text = BAD[name]
    with pytest.raises(InputError, match=text):
        run(model(), save_results=True, **parameters)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("energies", [(60, 50, 70), (30, 30, 70), (0, 50, 70), (30, 50, 100), (-5, 50, 70)])
def test_energies_must_increase(energies):
    with pytest.raises(ParameterError, match="must increase"):
        run(**{f"aperture_ee{number}": value for number, value in enumerate(energies, 1)})


def test_references_that_are_no_references():
    Path("nothing.asdf").write_text("nothing")
    with pytest.raises(InputError, match=r"abvegaoffset reference .*nothing.asdf cannot be read"):
        run(override_abvegaoffset="nothing.asdf")
    MAKE.image().save("image.fits")
    with pytest.raises(InputError, match="no table APCORR"):
        run(override_apcorr="image.fits")
    with pytest.raises(FileNotFoundError):
        run(override_abvegaoffset="missing.asdf")
    with pytest.raises(InputError, match="no table abvega_offset"):
        run(override_abvegaoffset=datamodels.ABVegaOffsetModel({"abvega_offset": {}}))


def test_references_from_files():
    MAKE.apcorr().save("apcorr.fits")
    MAKE.offsets().save("offset.asdf")
    catalog = run(override_apcorr="apcorr.fits", override_abvegaoffset="offset.asdf")
    for name, values in MAKE.numbers(run()).items():
        np.testing.assert_array_equal(MAKE.numbers(catalog)[name], values)


def test_a_missing_scale_is_one(caplog):
    with caplog.at_level(logging.WARNING, "jwst.source_catalog"):
        catalog = run(changed(resample__pixel_scale_ratio=None))
    assert "PXSCLRT" in caplog.text
    assert catalog.meta["aperture_params"]["aperture_radii"] == [1.25, 1.8, 3.1]


def test_an_image_without_weights():
    model, other = MAKE.image(), MAKE.image()
    del model.wht
    np.testing.assert_array_equal(MAKE.numbers(run(model))["aper70_flux"], MAKE.numbers(run(other))["aper70_flux"])
    assert not model.hasattr("wht")
