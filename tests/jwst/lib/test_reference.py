"""References: lazy reading, cutting to the subarray, flag translation, clear errors."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels as dm

from jwst.lib import dqflags
from jwst.lib.reference import open_reference
from stpipe.exceptions import InputError


def make_science(*, corner=(3, 2), shape=(1, 1, 3, 4)):
    model = dm.RampModel(shape)
    model.meta.instrument.name = "NIRCAM"
    model.meta.subarray.xstart, model.meta.subarray.ystart = corner
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape[-2:]
    return model


def make_mask(dq=None, *, corner=(1, 1)):
    if dq is None:
        dq = np.arange(64, dtype=np.uint32).reshape(8, 8)
    model = dm.MaskModel(dq=dq)
    model.meta.subarray.xstart, model.meta.subarray.ystart = corner
    model.meta.subarray.ysize, model.meta.subarray.xsize = dq.shape
    return model


@pytest.fixture(params=["file", "model"])
def as_source(request, tmp_path):
    """A reference model as a step gets it: a file, or the model itself."""

    def convert(model):
        if request.param == "model":
            return model
        path = str(tmp_path / "reference.fits")
        model.save(path)
        return path

    return convert


def test_dqflags_are_those_of_the_data_models():
    pixel = dm.dqflags.pixel
    assert all(getattr(dqflags, name) == pixel[name] for name in dqflags.__all__)
    assert len(dqflags.__all__) >= 12


def test_mask_is_cut_to_the_subarray(as_source):
    with open_reference(as_source(make_mask()), make_science(), "mask") as mask:
        assert mask.dq().tolist() == [[10, 11, 12, 13], [18, 19, 20, 21], [26, 27, 28, 29]]
        assert mask.dq(cut=False).shape == (8, 8)


def test_matching_reference_is_used_whole(as_source):
    science = make_science(corner=(1, 1), shape=(1, 1, 8, 8))
    with open_reference(as_source(make_mask()), science, "mask") as mask:
        assert mask.dq().tolist() == np.arange(64).reshape(8, 8).tolist()


@pytest.mark.parametrize(
    ("xstart", "message"),
    [
        (7, "Bad reference file slice indexes"),
        (0, "Bad subarray corners"),
        (None, "Can't determine science file subarray properties"),
    ],
)
def test_misplaced_science_is_refused(as_source, xstart, message):
    science = make_science()
    science.meta.subarray.xstart = xstart
    with open_reference(as_source(make_mask()), science, "mask") as mask, pytest.raises(ValueError, match=message):
        mask.dq()


def test_reference_without_keywords_must_be_full_frame(as_source):
    reference = make_mask()
    reference.meta.subarray.xstart = None
    with (
        open_reference(as_source(reference), make_science(), "mask") as mask,
        pytest.raises(ValueError, match="Can't determine ref file subarray properties"),
    ):
        mask.dq()


@pytest.mark.parametrize("case", [str.upper, str.title], ids=["upper case", "mixed case"])
def test_flag_table_of_a_file_is_applied(tmp_path, case):
    reference = make_mask(np.array([[1, 2], [4, 15]], np.uint32))
    names = [(0, 1, "DO_NOT_USE", ""), (1, 2, "HOT", ""), (2, 4, "REFERENCE_PIXEL", "")]
    path = tmp_path / "mask.fits"
    reference.save(path)
    from astropy.io import fits

    columns = fits.FITS_rec.from_columns(
        [
            fits.Column(case("BIT"), "J", array=[row[0] for row in names]),
            fits.Column(case("VALUE"), "J", bzero=2**31, array=np.array([row[1] for row in names], np.uint32)),
            fits.Column(case("NAME"), "40A", array=[row[2] for row in names]),
            fits.Column("DESCRIPTION", "80A", array=[row[3] for row in names]),
        ]
    )
    with fits.open(path, mode="append") as hdulist:
        hdulist.append(fits.BinTableHDU(columns, name="DQ_DEF"))
    science = make_science(corner=(1, 1), shape=(1, 1, 2, 2))
    with open_reference(str(path), science, "mask") as mask:
        assert mask.dq().tolist() == [[1, 2048], [2147483648, 2147485697]]


def test_arrays_are_private_and_native(as_source):
    bias = dm.SuperBiasModel(data=np.ones((8, 8), np.float32))
    bias.meta.subarray.xstart = bias.meta.subarray.ystart = 1
    bias.meta.subarray.xsize = bias.meta.subarray.ysize = 8
    with open_reference(as_source(bias), make_science(), "superbias") as reference:
        array = reference.array("data")
        assert array.shape == (3, 4)
        assert array.dtype == np.float32
        assert array.dtype.isnative
        array += 5
        assert reference.array("data").max() == 1
        assert reference.shape() == (8, 8)
        assert reference.array("err") is None or reference.array("err").shape == (3, 4)
        assert not reference.dq().any()
    assert bias.data.max() == 1


def test_planes_of_a_dark(as_source):
    dark = dm.DarkModel(data=np.arange(5 * 4 * 6, dtype=np.float32).reshape(5, 4, 6))
    dark.meta.exposure.nframes = 1
    with open_reference(as_source(dark), make_science(), "dark") as reference:
        assert np.array_equal(reference.planes("data", 1, 3), dark.data[1:3])
        assert reference.meta("exposure.nframes") == 1
        assert reference.meta("exposure.groupgap", 7) == 7


def test_planes_of_a_dark_of_several_integrations(as_source):
    dark = dm.DarkMIRIModel(data=np.arange(2 * 3 * 8 * 8, dtype=np.float32).reshape(2, 3, 8, 8))
    with open_reference(as_source(dark), make_science(), "dark") as reference:
        found = reference.planes("data", 2, 5)
    assert found.shape == (3, 8, 8)
    assert np.array_equal(found, dark.data.reshape(6, 8, 8)[2:5])


def test_missing_truncated_and_foreign_files(tmp_path):
    science = make_science()
    with pytest.raises(FileNotFoundError, match="mask reference"):
        open_reference(str(tmp_path / "no.fits"), science, "mask")
    (tmp_path / "text.fits").write_text("hello")
    with pytest.raises(InputError, match="cannot be read as a FITS file"):
        open_reference(str(tmp_path / "text.fits"), science, "mask")
    big = dm.SuperBiasModel(data=np.ones((512, 512), np.float32))
    big.save(tmp_path / "big.fits")
    short = tmp_path / "short.fits"
    short.write_bytes((tmp_path / "big.fits").read_bytes()[: 512 * 512 * 2])
    with pytest.raises(InputError, match="short.fits"):
        open_reference(str(short), science, "superbias")


def test_default_flags_of_a_linearity_model_are_one_plane():
    reference = dm.LinearityModel(coeffs=np.ones((3, 8, 8), np.float32))
    reference.meta.subarray.xstart = reference.meta.subarray.ystart = 1
    reference.meta.subarray.xsize = reference.meta.subarray.ysize = 8
    with open_reference(reference, make_science(), "linearity") as linearity:
        assert linearity.dq().shape == (3, 4)


@pytest.mark.parametrize(("detector", "warned"), [("NRCB1", True), ("NRCA1", False), ("ANY", False), (None, False)])
def test_a_reference_of_another_detector_is_warned_of(caplog, detector, warned):
    science, mask = make_science(), make_mask()
    science.meta.instrument.name, science.meta.instrument.detector = "NIRCAM", "NRCA1"
    mask.meta.instrument.name, mask.meta.instrument.detector = "NIRCAM", detector
    with open_reference(mask, science, "mask") as reference:
        reference.warn_of_other_detector()
    assert [("is one of NRCB1, and the exposure one of NRCA1" in text) for text in caplog.messages] == [True] * warned
