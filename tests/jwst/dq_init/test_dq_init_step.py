"""The dq_init step: cutting, flag tables, flags of the user, guide-star models."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.dq_init import DQInitStep


def _exposures():
    path = Path(__file__).parents[2] / "parity" / "exposures.py"
    spec = importlib.util.spec_from_file_location("exposures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXPOSURES = _exposures()


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")


def mask(dq, **options):
    model = datamodels.MaskModel(dq=np.array(dq, np.uint32), **options)
    return EXPOSURES.reference(model, (1, 1), model.dq.shape)


@pytest.fixture
def numbered():
    """A mask of 8x8 pixels that are numbered, and a 3x4 exposure at column 3 and row 2 of it."""
    return EXPOSURES.ramp(np.ones((1, 2, 3, 4)), corner=(3, 2)), mask(np.arange(64).reshape(8, 8))


CUT = [[10, 11, 12, 13], [18, 19, 20, 21], [26, 27, 28, 29]]


def test_the_mask_is_cut_to_the_exposure(numbered):
    result = DQInitStep.call(numbered[0], override_mask=numbered[1])
    np.testing.assert_array_equal(result.pixeldq, CUT)
    np.testing.assert_array_equal(result.groupdq[0, 1], np.array(CUT) & 1)
    assert result.meta.cal_step.dq_init == "COMPLETE"
    assert not numbered[0].groupdq.any(), "the input of the caller was changed"


def test_flags_of_the_user_are_added(numbered, tmp_path):
    from astropy.io import fits

    path = str(tmp_path / "user.fits")
    fits.PrimaryHDU(np.full((3, 4), 4, np.int32)).writeto(path)
    result = DQInitStep.call(numbered[0], override_mask=numbered[1], user_supplied_dq=path)
    np.testing.assert_array_equal(result.pixeldq[0], [14, 15, 12, 13])


def test_flags_of_the_user_must_fit(numbered, tmp_path):
    from astropy.io import fits

    path = str(tmp_path / "user.fits")
    fits.PrimaryHDU(np.zeros((8, 8), np.int32)).writeto(path)
    with pytest.raises(ValueError, match="user_dq has shape"):
        DQInitStep.call(numbered[0], override_mask=numbered[1], user_supplied_dq=path)


def test_a_missing_user_file_is_named(numbered):
    with pytest.raises(Exception, match="nowhere.fits"):
        DQInitStep.call(numbered[0], override_mask=numbered[1], user_supplied_dq="nowhere.fits")


def test_bits_of_a_file_are_translated(tmp_path):
    rows = [
        (bit, value, name, "")
        for bit, (value, name) in enumerate([(1, "DO_NOT_USE"), (2, "HOT"), (4, "REFERENCE_PIXEL")])
    ]
    reference = mask([[0, 0], [0, 0]])
    reference.dq_def = np.array(rows, reference.get_dtype("dq_def"))
    reference.dq = np.array([[1, 2048], [2**31, 0]], np.uint32)
    path = tmp_path / "mask.fits"
    reference.save(path)
    model = EXPOSURES.ramp(np.ones((1, 1, 2, 2)))
    model.pixeldq[:] = 16
    result = DQInitStep.call(model, override_mask=str(path))
    np.testing.assert_array_equal(result.pixeldq, [[17, 2064], [2147483664, 16]])
    np.testing.assert_array_equal(result.groupdq[0, 0], [[1, 0], [0, 0]])


def test_no_mask_means_skipped():
    result = DQInitStep.call(EXPOSURES.ramp(np.ones((1, 1, 2, 2))), override_mask="N/A")
    assert result.meta.cal_step.dq_init == "SKIPPED"
    assert not result.pixeldq.any()


def test_guide_star_exposures_have_one_plane():
    model = datamodels.GuiderRawModel(data=np.ones((2, 2, 8, 8), np.float32))
    model.meta.instrument.name, model.meta.instrument.detector = "FGS", "GUIDER1"
    model.meta.exposure.type = "FGS_ACQ1"
    EXPOSURES.place(model, 1, 1, (8, 8))
    result = DQInitStep.call(model, override_mask=mask(np.arange(64).reshape(8, 8)))
    assert isinstance(result, datamodels.GuiderRawModel)
    np.testing.assert_array_equal(result.dq[0], np.arange(8))
    assert result.dq.dtype == np.uint32
    assert result.meta.cal_step.dq_init == "COMPLETE"
