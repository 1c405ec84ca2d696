"""The step with the likelihood fit: when it is used, its products, bad input (spec ramp_fit.md §1, §6, §8, §10)."""

from __future__ import annotations

import numpy as np
import pytest

from stpipe.exceptions import InputError

SHAPE = (4, 5)


@pytest.fixture(autouse=True)
def _no_crds(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")


def place(model):
    model.meta.instrument.name, model.meta.instrument.detector = "NIRCAM", "NRCA1"
    model.meta.subarray.xstart = model.meta.subarray.ystart = 1
    model.meta.subarray.ysize, model.meta.subarray.xsize = SHAPE
    return model


def make_ramp(ngroups=10, **exposure):
    from stdatamodels.jwst.datamodels import RampModel

    data = np.broadcast_to(10.0 * np.arange(ngroups)[:, None, None], (1, ngroups, *SHAPE)).astype(np.float32)
    data[0, ngroups // 2 :, 2, 3] += 500
    model = place(RampModel(data=data))
    values = {"type": "NRC_IMAGE", "nints": 1, "ngroups": ngroups, "nframes": 1, "groupgap": 0}
    for name, value in (values | {"group_time": 10.0, "frame_time": 10.0} | exposure).items():
        setattr(model.meta.exposure, name, value)
    model.meta.filename = "some_uncal.fits"
    return model


def call(model, **parameters):
    """Run `process` itself: what a run adds to it needs a CRDS context and is tested with the framework."""
    from stdatamodels.jwst.datamodels import GainModel, ReadnoiseModel

    from jwst.ramp_fitting import RampFitStep

    plane = np.ones(SHAPE, np.float32)
    references = {
        "override_gain": place(GainModel(data=plane)),
        "override_readnoise": place(ReadnoiseModel(data=plane * 10)),
    }
    return RampFitStep(**(references | parameters)).process(model)


def test_likelihood_fit_finds_the_hit_and_leaves_the_input_alone():
    model = make_ramp()
    rate, rateints = call(model, algorithm="LIKELY")
    assert rate.data[0, 0] == pytest.approx(1.0)
    assert rate.err[0, 0] == pytest.approx(0.1345378, rel=1e-6)
    assert rate.dq[2, 3] == 4
    assert np.count_nonzero(rate.dq) == 1
    assert rateints.data.shape == (1, *SHAPE)
    assert rate.meta.cal_step.ramp_fit == rateints.meta.cal_step.ramp_fit == "COMPLETE"
    assert rate.meta.bunit_data == "DN/s"
    assert not model.groupdq.any()


def test_read_times_ask_for_the_likelihood_fit(caplog):
    times = [[10.0 * (group + 1)] for group in range(10)]
    model = make_ramp(read_times=times)
    rate, _ = call(model)
    assert "read times" in caplog.text
    assert rate.dq[2, 3] == 4
    np.testing.assert_array_equal(rate.err, call(make_ramp(), algorithm="LIKELY")[0].err)


@pytest.mark.parametrize("ngroups", [1, 3])
def test_few_groups_are_fitted_by_least_squares(ngroups):
    rate, _ = call(make_ramp(ngroups), algorithm="LIKELY")
    expected, _ = call(make_ramp(ngroups))
    for plane in ("data", "err", "dq", "var_poisson", "var_rnoise"):
        np.testing.assert_array_equal(getattr(rate, plane), getattr(expected, plane))


def test_the_choice_of_the_exposure_does_not_stick():
    from jwst.ramp_fitting import RampFitStep

    step = RampFitStep(algorithm="LIKELY")
    assert step._algorithm(make_ramp(3)) == "OLS_C"
    assert step.algorithm == "LIKELY"


@pytest.mark.parametrize(("ngroups", "suffix"), [(10, "likely_chisq"), (3, "fitopt")])
def test_optional_product(ngroups, suffix, tmp_path):
    from stdatamodels.jwst import datamodels

    call(make_ramp(ngroups), algorithm="LIKELY", save_opt=True, output_dir=str(tmp_path))
    (path,) = tmp_path.iterdir()
    assert path.name == f"some_{suffix}.fits"
    if suffix == "likely_chisq":
        with datamodels.open(path) as product:
            assert isinstance(product, datamodels.ImageModel)
            assert product.data.shape == SHAPE
            assert product.data[0, 0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", ["nframes", "frame_time", "groupgap"])
def test_missing_times_are_named(name):
    with pytest.raises(InputError, match=name):
        call(make_ramp(**{name: None}), algorithm="LIKELY")


def test_read_times_of_other_groups_are_refused():
    with pytest.raises(InputError, match="10 groups, but read times"):
        call(make_ramp(read_times=[[1.0], [2.0]]))
