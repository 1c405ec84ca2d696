"""Fast opening of ramps gives what the data model gives."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels as dm

from jwst.datamodels.fast_fits import open_ramp
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
