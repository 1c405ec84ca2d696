"""Open slits of NIRSpec: identifiers, fixed slits, and the MSA metadata file."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from stdatamodels.jwst.transforms.models import Slit

from jwst.assign_wcs import nirspec
from jwst.assign_wcs.nirspec_wcs import slits_on_detector
from jwst.assign_wcs.util import MSAFileError, NoDataOnDetectorError
from stpipe.exceptions import InputError

NAMES = ["S200A1", "S200A2", "S400A1", "S1600A1", "S200B1"]


@pytest.fixture
def mos(scenes, tmp_path):
    """Makes a MOS exposure with the rows of its file."""

    def make(rows=None, **changes):
        path = scenes.msa_file(tmp_path / "msa.fits", scenes.SHUTTERS if rows is None else rows)
        options = {"instrument_msa_metadata_file": path, "instrument_msa_metadata_id": scenes.MSA_ID}
        options |= {"dither_position_number": scenes.DITHER, "observation_program_number": "01234"}
        return scenes.exposure("NRS_MSASPEC", shape=(8, 8), **(options | changes))

    return make


def test_fixed_slit_numbers():
    assert [nirspec.nrs_fs_slit_id(name) for name in NAMES] == [-101, -102, -103, -104, -105]
    assert nirspec.nrs_fs_slit_id("s200b1") == -105
    assert nirspec.nrs_fs_slit_id("x") == -100
    assert [nirspec.nrs_fs_slit_name(number) for number in (-101, -104, -105)] == ["S200A1", "S1600A1", "S200B1"]
    assert [nirspec.nrs_fs_slit_name(number) for number in (-100, -106, 0, 3)] == ["NONE"] * 4


def test_fixed_slits_of_a_full_frame(scenes, folder):
    model = scenes.exposure(shape=(8, 8), instrument_fixed_slit="S1600A1")
    slits = nirspec.get_open_slits(model, scenes.references(folder))
    assert [slit.slit_id for slit in slits] == [-101, -102, -103, -104]  # S200B1 is not on NRS1
    assert [slit.source_id for slit in slits] == [41, 42, 43, 1]
    assert [slit.shutter_id for slit in slits] == [0, 1, 2, 3]
    assert [slit.name for slit in nirspec.get_open_slits(model)] == NAMES


@pytest.mark.parametrize(
    ("subarray", "names"),
    [("SUBS200A1", ["S200A1"]), ("SUBS200B1", ["S200B1"]), ("SUB1024A", ["S1600A1"]), ("ALLSLITS", NAMES)],
)
def test_subarrays_choose_slits(scenes, subarray, names):
    model = scenes.exposure(shape=(8, 8), subarray_name=subarray, instrument_fixed_slit=None)
    slits = nirspec.get_open_slits(model)
    assert [slit.name for slit in slits] == names
    assert [slit.source_id for slit in slits] == [NAMES.index(name) + 1 for name in names]


def test_slits_have_the_ends_that_are_asked_for(scenes):
    slit = nirspec.get_open_slits(scenes.exposure("NRS_BRIGHTOBJ", shape=(8, 8)), None, (-0.4, 0.7))[0]
    assert (slit.name, slit.ymin, slit.ymax, slit.source_id) == ("S1600A1", -0.4, 0.7, 1)


def test_an_exposure_without_a_subarray_name(scenes):
    with pytest.raises(InputError, match="SUBARRAY"):
        nirspec.get_open_slits(scenes.exposure(shape=(8, 8), subarray_name=None))


def test_an_exposure_without_slits(scenes):
    with pytest.raises(InputError, match="NRS_IFU.*have no slits"):
        nirspec.get_open_slits(scenes.exposure("NRS_IFU", shape=(8, 8)))


def test_slitlets_of_the_file(mos, caplog):
    slits = {slit.slit_id: slit for slit in nirspec.get_open_slits(mos())}
    assert list(slits) == [1, 2, 3, 4, 5, -103]
    first, background, virtual = slits[1], slits[2], slits[3]
    assert (first.shutter_id, first.shutter_state, first.source_id) == (31225, "1x1", 11)
    assert (first.ymin, first.ymax) == pytest.approx((-2.2, 2.2))
    assert (first.source_xpos, first.source_ypos) == pytest.approx((-0.19, 0.12))
    assert (background.ycen, background.shutter_id, background.shutter_state) == (61, 300 + 60 * 365, "1x11")
    assert (background.ymin, background.ymax) == pytest.approx((-2.2, 3.35))
    assert (background.source_name, background.source_alias) == ("1234_BKG2", "BKG2")
    assert (virtual.shutter_state, virtual.source_name, virtual.source_id) == ("x01", "1234_VRT3", -5)
    assert (virtual.ymin, virtual.ymax) == pytest.approx((-1.05, 3.35))
    assert (slits[-103].name, slits[-103].quadrant) == ("S400A1", 5)
    assert "S200A2" in caplog.text  # a fixed slit without a source is left out


def test_files_without_a_column_of_fixed_slits(scenes, mos, tmp_path):
    rows = [row for row in scenes.SHUTTERS if row[-1] == "NONE"]
    path = scenes.msa_file(tmp_path / "old.fits", rows, fixed=False)
    slits = nirspec.get_open_slits(mos(instrument_msa_metadata_file=path))
    assert [slit.slit_id for slit in slits] == [1, 2, 3, 4, 5]


def test_the_scale_of_shutters_is_that_of_the_reference(scenes, folder, mos):
    slits = nirspec.get_open_slits(mos(), scenes.references(folder))
    scale = (slits[0].slit_xscale, slits[0].slit_yscale)
    assert scale == pytest.approx((1.05e-4 / 7.8e-5, 2.04e-4 / 1.78e-4), rel=1e-6)
    assert {slit.slit_xscale for slit in nirspec.get_open_slits(mos())} == {1.35}


NO_ROW = (9, 1, 10, 10, 1, "N", 0.5, 0.5, "Y", "NONE")


@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        (None, {"instrument_msa_metadata_id": None}, r"MSAMETID"),
        (None, {"dither_position_number": None}, r"PATT_NUM"),
        (None, {"instrument_msa_metadata_file": None}, r"MSAMETFL.*required"),
        (None, {"instrument_msa_metadata_file": "N/A"}, r"MSAMETFL.*required"),
        (None, {"instrument_msa_metadata_file": "nowhere_msa.fits"}, r"Missing MSA meta \(MSAMETFL\) file nowhere_msa"),
        (None, {"instrument_msa_metadata_id": 5}, r"no shutters for msa_metadata_id 5.*it has \[\(76, 1\)"),
        (None, {"dither_position_number": 3}, r"dither position 3"),
        ([NO_ROW, NO_ROW], {}, r"more than 1 shutter with primary source"),
        ([(9, 1, 10, 10, 1, "Y", 0.5, 0.5, "Y", "NONE")], {}, r"slitlet 9.*background"),
        ([NO_ROW, (9, 5, 0, 0, 1, "N", 0.5, 0.5, "N", "S200A1")], {}, r"unsupported fixed slit configuration"),
    ],
)
def test_bad_msa_files(mos, rows, changes, message):
    with pytest.raises(MSAFileError, match=message):
        nirspec.get_open_slits(mos(rows, **changes))


def test_files_that_are_no_msa_files(mos, tmp_path):
    model = mos()
    for name, content in {"text.fits": b"no FITS file", "empty.fits": b""}.items():
        (tmp_path / name).write_bytes(content)
        model.meta.instrument.msa_metadata_file = str(tmp_path / name)
        with pytest.raises(MSAFileError, match="Unable to read MSA FITS file"):
            nirspec.get_open_slits(model)
    for name, tables in {"none.fits": [], "columns.fits": ["SHUTTER_INFO", "SOURCE_INFO"]}.items():
        column = fits.Column(name="slitlet_id", format="I", array=[1])
        hdus = [fits.PrimaryHDU(), *(fits.BinTableHDU.from_columns([column], name=table) for table in tables)]
        fits.HDUList(hdus).writeto(tmp_path / name)
        model.meta.instrument.msa_metadata_file = str(tmp_path / name)
        with pytest.raises(MSAFileError, match="Unable to read MSA FITS file"):
            nirspec.get_open_slits(model)


def test_slits_beside_the_detector(scenes, folder, caplog):
    references = scenes.references(folder)
    model = scenes.exposure(shape=(8, 8), subarray_name="SUBS200B1", instrument_fixed_slit="S200B1")
    assert nirspec.get_open_slits(model, references) == []
    slits = nirspec.get_open_slits(model)
    assert slits_on_detector(model, references, slits) == []
    whole = nirspec.wcs_of_slits(model, references, slits)  # its box is empty, and that is no error
    box = nirspec.nrs_wcs_set_input(whole, "S200B1").bounding_box
    assert box["x"][0] > box["x"][1]
    from jwst.assign_wcs.assign_wcs import load_wcs

    with pytest.raises(NoDataOnDetectorError, match="No open slits fall on detector NRS1") as error:
        load_wcs(model, references)
    assert error.value.exit_status == 64


def test_slits_by_hand(scenes, folder):
    """What msa_flagging makes of shutters that do not close."""
    references = scenes.references(folder)
    model = scenes.exposure("NRS_IFU", shape=(8, 8))
    slits = [
        Slit(n, x + (y - 1) * 365, xcen=x, ycen=y, ymin=-0.5, ymax=0.5, quadrant=q, slit_id=n)
        for n, (q, x, y) in enumerate([(3, 200, 86), (1, 365, 171)], 1)
    ]
    whole = nirspec.wcs_of_slits(model, references, slits, refine=False)
    assert sorted(whole.get_transform("gwa", "slit_frame").slit_ids) == [1, 2]
    wcs = nirspec.nrs_wcs_set_input(whole, 1)
    (x_low, x_high), (y_low, y_high) = (wcs.bounding_box[name] for name in "xy")
    y, x = np.mgrid[int(y_low) : int(y_high) + 1, int(x_low) : int(x_high) + 1]
    lit = np.isfinite(wcs(x, y)[0])
    assert 3 <= lit.any(axis=1).sum() <= 8
    with pytest.raises(InputError, match="no open slits"):
        nirspec.slitlets_wcs(model, references, [])
    beyond = slits[0]._replace(shutter_id=70000)
    with pytest.raises(InputError, match="shutter 70000 of quadrant 3"):
        nirspec.slitlets_wcs(model, references, [beyond])
