"""Fast opening of ramps and images gives what the data models give."""

from __future__ import annotations

import os

import numpy as np
import pytest
from astropy.io import fits
from stdatamodels.jwst import datamodels as dm

from jwst.datamodels.fast_fits import open_any, open_ramp
from stpipe.exceptions import InputError


@pytest.fixture
def uncal(tmp_path):
    """A level 1b file large enough for the fast path, with a zero frame."""
    rng = np.random.default_rng(1)
    model = dm.Level1bModel((2, 3, 160, 160))
    model.data = rng.integers(0, 65536, model.data.shape, dtype=np.uint16)
    model.zeroframe = rng.integers(0, 65536, (2, 160, 160), dtype=np.uint16)
    model.meta.instrument.name = "NIRCAM"
    model.meta.exposure.readpatt = "RAPID"
    path = tmp_path / "jw00017001001_01101_00001_nrca1_uncal.fits"
    model.save(path)
    return path


def test_same_as_the_data_model(uncal):
    fast, slow = open_ramp(uncal, dm.RampModel), dm.RampModel(uncal)
    for name in ("data", "zeroframe", "groupdq", "pixeldq"):
        ours, theirs = getattr(fast, name), getattr(slow, name)
        assert ours.dtype == theirs.dtype, name
        assert ours.dtype.isnative
        assert ours.flags.writeable
        assert np.array_equal(ours, theirs), name
    assert fast.meta.filename == uncal.name
    ours, theirs = (model.to_flat_dict(include_arrays=False) for model in (fast, slow))
    del ours["meta.filename"]
    theirs.pop("meta.filename")
    assert ours == theirs


def test_ramp_products_too(uncal, tmp_path):
    ramp = open_ramp(uncal, dm.RampModel)
    ramp.data += np.float32(0.5)
    ramp.groupdq[0, 1] = 4
    path = tmp_path / "x_ramp.fits"
    ramp.save(path)
    again = open_ramp(path, dm.RampModel)
    assert np.array_equal(again.data, ramp.data)
    assert np.array_equal(again.groupdq, ramp.groupdq)


def test_bad_files(uncal, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing_uncal.fits"):
        open_ramp(tmp_path / "nothing_uncal.fits", dm.RampModel)
    with pytest.raises(InputError, match="directory"):
        open_ramp(tmp_path, dm.RampModel)
    text = tmp_path / "text_uncal.fits"
    text.write_text("not an exposure")
    with pytest.raises(InputError, match="text_uncal.fits cannot be read as a FITS file"):
        open_ramp(text, dm.RampModel)
    whole = uncal.read_bytes()
    for size in (len(whole) // 2, 5000):
        short = tmp_path / "short_uncal.fits"
        short.write_bytes(whole[:size])
        with pytest.raises(InputError, match="short_uncal.fits"):
            open_ramp(short, dm.RampModel)


def test_invalid_metadata_are_warned_about_as_by_the_data_model(uncal):
    from astropy.io import fits
    from stdatamodels.exceptions import ValidationWarning

    with fits.open(uncal, mode="update") as hdulist:
        hdulist[0].header["NGROUPS"] = "many"
    with pytest.warns(ValidationWarning, match="ngroups"):
        model = open_ramp(uncal, dm.RampModel)
    assert model.meta.exposure.ngroups is None
    assert model._validate_on_assignment


def test_a_keyword_taken_out_keeps_its_value_in_the_asdf_extension_as_in_the_data_model(uncal):
    from astropy.io import fits

    with fits.open(uncal, mode="update") as hdulist:
        del hdulist[0].header["READPATT"]
    assert (
        open_ramp(uncal, dm.RampModel).meta.exposure.readpatt == dm.RampModel(uncal).meta.exposure.readpatt == "RAPID"
    )


# Images and cubes


def plain_metadata_of(model):
    left_out = ("_fits_hash", "history", "asdf_library")
    flat = model.to_flat_dict(include_arrays=False)
    return {name: value for name, value in flat.items() if not name.startswith(left_out)}


def an_image(kind, shape):
    model = getattr(dm, kind)(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    model.err = np.ones(shape, np.float32)
    model.dq = np.full(shape, 2**31 + 5, np.uint32)
    model.var_flat = np.full(shape, np.nan, np.float32)
    model.meta.instrument.name, model.meta.exposure.type = "NIRCAM", "NRC_IMAGE"
    model.meta.wcsinfo.spectral_region = [1, 2]
    model.cal_logs = {"calwebb_detector1": ["a line"]}
    return model


@pytest.mark.parametrize(
    ("kind", "shape"), [("ImageModel", (300, 310)), ("CubeModel", (2, 200, 210)), ("ImageModel", (3, 4))], ids=repr
)
@pytest.mark.parametrize("foreign", [False, True], ids=["ours", "with other keywords"])
def test_images_are_the_same_models(tmp_path, kind, shape, foreign):
    path = tmp_path / "x_rate.fits"
    an_image(kind, shape).save(path)
    if foreign:
        with fits.open(path, mode="update") as file:
            file[0].header["FOREIGN"] = ("yes", "a keyword that no schema knows")
            file["SCI"].header["OTHER"] = 3
            file.append(fits.ImageHDU(np.zeros((3, 3), np.int16), name="EXTRA"))
    with dm.open(path) as expected:
        found = open_any(str(path))
        assert type(found) is type(expected)
        assert plain_metadata_of(found) == plain_metadata_of(expected)
        assert found.meta.filename == "x_rate.fits"
        for name in ("data", "err", "dq", "var_flat"):
            array = getattr(found, name)
            np.testing.assert_array_equal(array, getattr(expected, name))
            assert array.dtype == getattr(expected, name).dtype.newbyteorder("=")
            assert array.flags.writeable
        assert found._instance.keys() == expected._instance.keys()
        found.save(tmp_path / "first.fits")
        expected.save(tmp_path / "other.fits")
    with fits.open(tmp_path / "first.fits") as left, fits.open(tmp_path / "other.fits") as right:
        assert [hdu.name for hdu in left] == [hdu.name for hdu in right]
        for one, other in zip(left, right):
            ignored = ("DATE", "FILENAME", "NAXIS1")
            cards = [
                [(card.keyword, card.value) for card in hdu.header.cards if card.keyword not in ignored]
                for hdu in (one, other)
            ]
            assert cards[0] == cards[1]


def test_nothing_of_an_image_stays_open(tmp_path):
    path = tmp_path / "x_rate.fits"
    an_image("ImageModel", (300, 310)).save(path)
    model = open_any(path)
    path.unlink()
    assert not [name for name in os.listdir("/proc/self/fd") if "x_rate" in os.path.realpath(f"/proc/self/fd/{name}")]
    assert model.data[1, 1] == 311


def test_other_files_are_opened_the_usual_way(tmp_path):
    table = dm.SlitModel(np.zeros((4, 5), np.float32))
    table.save(tmp_path / "x.fits")
    assert type(open_any(tmp_path / "x.fits")) is dm.SlitModel
    table.save(tmp_path / "x.asdf")
    assert type(open_any(str(tmp_path / "x.asdf"))) is dm.SlitModel
    with pytest.raises(FileNotFoundError):
        open_any("no_rate.fits")
    (tmp_path / "bad.fits").write_bytes(b"SIMPLE  = no")
    with pytest.raises(InputError, match="bad.fits cannot be read"):
        open_any(str(tmp_path / "bad.fits"))


def test_arguments_reach_the_model(tmp_path):
    an_image("ImageModel", (3, 4)).save(tmp_path / "x.fits")
    assert open_any(tmp_path / "x.fits", strict_validation=True)._strict_validation
