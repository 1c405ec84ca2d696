"""The saturation step: references, options, zero frame."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.saturation import SaturationStep
from stpipe.exceptions import InputError


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


def limits(shape=(5, 5), level=100):
    model = datamodels.SaturationModel(data=np.full(shape, level, np.float32), dq=np.zeros(shape, np.uint32))
    return EXPOSURES.reference(model, (1, 1), shape)


def exposure(values, **options):
    data = np.full((1, len(values), 5, 5), 10)
    data[0, :, 2, 2] = values
    return EXPOSURES.ramp(data, nframes=4, **options)


def call(model, **options):
    options = {"override_saturation": limits(), "override_superbias": "N/A"} | options
    return SaturationStep.call(model, **options)


def test_partly_saturated_groups_are_flagged_only_with_the_pattern():
    model = exposure([10, 20, 88, 110, 110])
    assert list(call(model).groupdq[0, :, 2, 2]) == [0, 0, 1, 2, 2]
    assert list(call(model, use_readpatt=False).groupdq[0, :, 2, 2]) == [0, 0, 0, 2, 2]
    assert not model.groupdq.any(), "the input of the caller was changed"


def test_growth_is_an_option():
    assert (call(exposure([10, 110])).groupdq != 0).sum() == 9
    assert (call(exposure([10, 110]), n_pix_grow_sat=0).groupdq != 0).sum() == 1


def test_the_superbias_is_used_and_optional():
    bias = datamodels.SuperBiasModel(data=np.full((5, 5), 5, np.float32))
    bias = EXPOSURES.reference(bias, (1, 1), (5, 5))
    model = exposure([21, 60, 110, 110])
    assert list(call(model).groupdq[0, :, 2, 2]) == [0, 0, 2, 2]
    assert list(call(model, override_superbias=bias).groupdq[0, :, 2, 2]) == [0, 1, 2, 2]


def test_flags_of_the_reference_and_nan_thresholds_reach_the_pixels():
    reference = limits()
    reference.data[0, 0], reference.dq[1, 1] = np.nan, 2048
    result = call(exposure([10, 20]), override_saturation=reference)
    assert (result.pixeldq[0, 0], result.pixeldq[1, 1]) == (2097152, 2048)
    assert result.meta.cal_step.saturation == "COMPLETE"


def test_the_zero_frame_is_blanked_only_where_the_exposure_says_it_has_one():
    frames = np.full((1, 5, 5), 20)
    frames[0, 0, 0] = 200
    model = exposure([10, 20], zeroframe=frames)
    assert (call(model).zeroframe == 0).sum() == 4
    model.meta.exposure.zero_frame = False
    assert (call(model).zeroframe == frames).all()


def test_no_thresholds_mean_skipped():
    result = call(exposure([10, 110]), override_saturation="N/A")
    assert result.meta.cal_step.saturation == "SKIPPED"
    assert not result.groupdq.any()


def irs2(detector, ngroups=1):
    model = EXPOSURES.ramp(np.full((1, ngroups, 3200, 2048), 1000, np.float32), nframes=5, axes=(2, 1), subarray="FULL")
    model.meta.instrument.name, model.meta.instrument.detector = "NIRSPEC", detector
    model.meta.subarray.ysize = 2048
    return model


@pytest.mark.parametrize(("detector", "row"), [("NRS1", 645), ("NRS2", 5)])
def test_irs2_flags_of_the_reference_go_to_the_rows_of_pixels(detector, row):
    reference = limits((2048, 2048), 60000)
    reference.dq[5, 5] = 2097152
    model = irs2(detector)
    model.data[0, 0, [700 if detector == "NRS1" else 40, row], 5] = 65535
    bias = datamodels.SuperBiasModel(data=np.zeros((3200, 2048), np.float32))
    EXPOSURES.reference(bias, (1, 1), (2048, 2048))
    result = call(model, override_saturation=reference, override_superbias=bias)
    assert np.argwhere(result.pixeldq).tolist() == [[row, 5]]
    assert result.groupdq[0, 0, 700 if detector == "NRS1" else 40, 5] == 2
    assert result.groupdq[0, 0, row, 5] == 0
    assert result.meta.cal_step.saturation == "COMPLETE"


def test_irs2_of_another_detector_is_an_error():
    with pytest.raises(InputError, match="NRS1 and NRS2"):
        call(irs2("NRCA1"), override_saturation=limits((2048, 2048)))
