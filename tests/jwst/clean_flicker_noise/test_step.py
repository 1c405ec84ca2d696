"""The clean_flicker_noise step: statuses, refusals, bad input, products, pipelines."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.clean_flicker_noise import CleanFlickerNoiseStep
from jwst.ramp_fitting.ramp_fit_step import RampFitStep
from stpipe.exceptions import InputError, NotBuiltError, ParameterError


def _script(name):
    path = Path(__file__).parents[2] / "parity" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("make_clean_flicker_noise")
STATUS = "clean_flicker_noise"


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")


@pytest.fixture
def draft(monkeypatch):
    """Gain and read noise of draft rates."""

    def override(step, reftype):
        cls = {"gain": datamodels.GainModel, "readnoise": datamodels.ReadnoiseModel}[reftype]
        model = cls(data=np.full((64, 64), 5, np.float32))
        MAKE.place(model.meta, (64, 64))
        return model

    monkeypatch.setattr(RampFitStep, "get_ref_override", override)


def exposure(shape=(6, 8), where=MAKE.NIRCAM, seed=1, **more):
    return MAKE.model_of(seed, {"shape": shape, "where": where, "sources": 0, **more})


def ones(shape, path="mask_of_user.fits"):
    cls = datamodels.ImageModel if len(shape) == 2 else datamodels.CubeModel
    cls(data=np.ones(shape, np.float32)).save(path)
    return path


def call(model, **options):
    return CleanFlickerNoiseStep.call(model, skip=False, **{"override_flat": "N/A", **options})


def check_failed(result, model, caplog, *words):
    assert getattr(result.meta.cal_step, STATUS) == "FAILED"
    np.testing.assert_array_equal(result.data, model.data)
    for word in words:
        assert word in caplog.text


@pytest.mark.parametrize(
    ("where", "options", "words"),
    [
        (MAKE.MIRI | {"type": "MIR_LRS-FIXEDSLIT"}, {}, "MIR_LRS-FIXEDSLIT"),
        (MAKE.NIRCAM, {"fit_method": "fft"}, "use 'median'"),
        (MAKE.NRS1 | {"type": "NRS_LAMP"}, {"fit_method": "fft"}, "NRS_LAMP"),
        (MAKE.NIRISS | {"type": "NIS_SOSS"}, {"background_method": "median_image"}, "SUB64"),
        (MAKE.TSO, {"background_method": "median_image"}, "more than one integration"),
    ],
    ids=["miri spectra", "fft of nircam", "fft of lamps", "soss full", "one integration"],
)
def test_exposures_that_cannot_be_cleaned(where, options, words, caplog):
    model = exposure(where=where)
    check_failed(call(model, **options), model, caplog, words, "leaves this exposure as it is")


@pytest.mark.parametrize("shape", [(5, 8), (6, 8, 1), (3, 6, 8)], ids=str)
def test_masks_of_a_wrong_shape(shape, caplog):
    model = exposure((2, 6, 8))
    check_failed(call(model, user_mask=ones(shape)), model, caplog, "The mask has")


def test_cube_mask_for_an_image(caplog):
    model = exposure()
    check_failed(call(model, user_mask=ones((2, 6, 8))), model, caplog, "2 integrations")
    assert call(model, user_mask=ones((1, 6, 8))).meta.cal_step.clean_flicker_noise == "COMPLETE"


def test_no_rate_for_a_median_image(caplog):
    model = exposure((3, 6, 8), where=MAKE.TSO)
    model.data[:] = np.nan
    check_failed(call(model, background_method="median_image"), model, caplog, "no median image")


@pytest.mark.parametrize("kind", ["NaN", "zero", "DO_NOT_USE", "mask"])
def test_nothing_usable(kind, caplog):
    model = exposure((1, 3, 6, 8)) if kind in ("DO_NOT_USE", "mask") else exposure()
    options = {}
    if kind == "DO_NOT_USE":
        model.groupdq[:] = 1
        options["user_mask"] = ones((6, 8))
    elif kind == "mask":
        datamodels.ImageModel(data=np.zeros((6, 8), np.float32)).save("empty.fits")
        options["user_mask"] = "empty.fits"
    else:
        model.data[:] = np.nan if kind == "NaN" else 0
    result = call(model, **options)
    assert result.meta.cal_step.clean_flicker_noise == "COMPLETE"
    np.testing.assert_array_equal(result.data, model.data)
    assert "No usable background" in caplog.text


@pytest.mark.usefixtures("draft")
def test_a_ramp_without_any_rate(caplog):
    model = exposure((1, 4, 6, 8))
    model.groupdq[:] = 2
    result = call(model)
    assert result.meta.cal_step.clean_flicker_noise == "COMPLETE"
    np.testing.assert_array_equal(result.data, model.data)
    assert "No usable background" in caplog.text


def test_one_group_needs_no_correction():
    model = exposure((2, 1, 6, 8))
    result = call(model, user_mask=ones((6, 8)))
    assert result.meta.cal_step.clean_flicker_noise == "COMPLETE"
    np.testing.assert_array_equal(result.data, model.data)


def test_a_missing_flat_is_a_warning(caplog):
    result = call(exposure(), apply_flat_field=True)
    assert "no flat" in caplog.text
    np.testing.assert_array_equal(result.data, call(exposure()).data)


def test_a_flat_of_another_size():
    flat = MAKE.flat_model((4, 4), "NIRCAM")
    with pytest.raises(InputError, match="flat"):
        call(exposure(), apply_flat_field=True, override_flat=flat)


def test_a_rate_without_flags_is_cleaned():
    model = exposure()
    bare = datamodels.ImageModel(data=model.data)
    bare.update(model)
    np.testing.assert_array_equal(call(bare).data, call(model).data)


@pytest.mark.parametrize(
    ("path", "keyword"),
    [("exposure.type", "EXP_TYPE"), ("instrument.name", "INSTRUME"), ("instrument.detector", "DETECTOR")]
    + [("subarray.name", "SUBARRAY"), ("subarray.slowaxis", "SLOWAXIS")],
)
def test_missing_keywords(path, keyword):
    model = exposure()
    section, name = path.split(".")
    setattr(getattr(model.meta, section), name, None)
    with pytest.raises(InputError, match=keyword):
        call(model)


def test_missing_mask_file():
    with pytest.raises(FileNotFoundError, match=r"nothing\.fits"):
        call(exposure(), user_mask="nothing.fits")


def test_mask_file_without_an_image():
    datamodels.RampModel((1, 2, 6, 8)).save("ramp.fits")
    with pytest.raises(InputError, match="user_mask"):
        call(exposure(), user_mask="ramp.fits")


def test_data_that_are_no_exposure():
    with pytest.raises(InputError, match="ramps and rates"):
        call(datamodels.ImageModel())


def test_a_box_of_no_pixels():
    with pytest.raises(InputError, match="background_box_size"):
        call(exposure((32, 40)), background_method="model", background_box_size=[0, 4])
    with pytest.raises(ParameterError):
        call(exposure(), background_box_size=[4])


def test_a_box_that_does_not_divide_the_image(caplog):
    call(exposure((32, 40)), background_method="model", background_box_size=[5, 7])
    assert "do not divide" in caplog.text


@pytest.mark.parametrize(
    ("where", "options", "step"),
    [
        (MAKE.NIRISS | {"type": "NIS_SOSS"}, {"background_method": "median_image"}, "bkg_subtract"),
        (MAKE.NRS1 | {"type": "NRS_BRIGHTOBJ"}, {"background_method": "median_image"}, "white_light"),
        (MAKE.NIRCAM | {"type": "NRC_TSGRISM"}, {"background_method": "median_image"}, "extract_2d"),
        (MAKE.NIRCAM | {"type": "NRC_TSIMAGE"}, {"background_method": "median_image"}, "tso_photometry"),
    ],
    ids=["soss", "bright object", "grism series", "image series"],
)
def test_what_needs_a_step_that_is_not_built(where, options, step):
    model = exposure((2, 6, 8), where=where, subarray="SUBSTRIP256")
    with pytest.raises(NotBuiltError, match=step):
        call(model, **options)
    planned = CleanFlickerNoiseStep(**options).planned_refusal({"meta.exposure.type": where["type"]})
    assert step in planned
    assert f"exposures of type {where['type']}," in planned
    assert "Use background_method='model'" in planned


def test_a_time_series_of_miri_is_not_built():
    model = exposure((2, 6, 8), where=MAKE.MIRI)
    assert call(model, background_method="median_image").meta.cal_step.clean_flicker_noise == "COMPLETE"
    model.meta.visit.tsovisit = True
    with pytest.raises(NotBuiltError, match="tso_photometry"):
        call(model, background_method="median_image")


def test_the_user_knows_the_science_regions_of_a_spectrum():
    result = call(exposure(where=MAKE.NRS1), mask_science_regions=True, user_mask=ones((6, 8)))
    assert result.meta.cal_step.clean_flicker_noise == "COMPLETE"
    assert CleanFlickerNoiseStep().planned_refusal({}) == ""


def test_open_shutters_are_no_background():
    model = exposure((6, 8), where=MAKE.NRS1 | {"type": "NRS_IMAGE"})
    model.dq[2] = 2**29
    result = call(model, mask_science_regions=True, save_mask=True, n_sigma=0)
    with datamodels.open("exposure_mask.fits") as mask:
        assert not mask.data[2].any()
        assert mask.data[3].sum() == np.isfinite(result.data[3]).sum()


@pytest.mark.parametrize("position", [None, 240.0])
def test_an_unknown_position_of_the_pupil_wheel(position):
    model = exposure((96, 64), where=MAKE.NIRISS | {"type": "NIS_SOSS"}, subarray="SUBSTRIP96")
    model.meta.instrument.pupil_position = position
    with pytest.raises(InputError, match="PWCPOS"):
        call(model, mask_science_regions=True, override_pastasoss=MAKE.trace_model())


def test_no_traces():
    model = exposure((96, 64), where=MAKE.NIRISS | {"type": "NIS_SOSS"}, subarray="SUBSTRIP96")
    with pytest.raises(InputError, match="PASTASOSS"):
        call(model, mask_science_regions=True, override_pastasoss="N/A")


def test_options_that_do_not_fit(caplog):
    call(exposure(), fit_by_channel=True)
    assert "fit_by_channel is only for full frames" in caplog.text
    call(exposure((2, 6, 8), where=MAKE.TSO), background_method="median_image")
    assert "single_mask is set to False" in caplog.text
    call(exposure(where=MAKE.MIRI), autoparam=True)
    assert "autoparam knows no rules" in caplog.text


def test_the_word_none_is_none():
    step = CleanFlickerNoiseStep(background_method=None, user_mask="None")
    options = step._options()
    assert options.background_method is None
    assert options.user_mask is None


def test_products(caplog):
    caplog.set_level(logging.INFO)
    model = exposure((2, 4, 6, 8))
    saving = {"save_mask": True, "save_background": True, "save_noise": True, "save_results": True}
    result = call(model, user_mask=ones((6, 8)), **saving)
    for suffix, cls, shape in (
        ("mask", datamodels.ImageModel, (6, 8)),
        ("flicker_bkg", datamodels.RampModel, (2, 4, 6, 8)),
        ("flicker_noise", datamodels.RampModel, (2, 4, 6, 8)),
    ):
        with datamodels.open(f"exposure_{suffix}.fits") as product:
            assert type(product) is cls
            assert product.data.shape == shape
            assert product.data.dtype.newbyteorder("=") == np.float32
            if suffix == "flicker_noise":
                np.testing.assert_array_equal(product.data, result.data - model.data)
    model.save("exposure_ramp.fits")
    plan = CleanFlickerNoiseStep.plan("exposure_ramp.fits", **saving)
    names = {Path(product.path).name: product.exists for product in plan.products}
    assert names == {
        "exposure_mask.fits": True,
        "exposure_flicker_bkg.fits": True,
        "exposure_flicker_noise.fits": True,
        "exposure_cleanflickernoisestep.fits": True,
    }


def test_files_of_ramps_and_rates():
    ramp, rate = exposure((1, 3, 6, 8)), exposure()
    ramp.save("ramp.fits")
    rate.save("rate.fits")
    mask = ones((6, 8))
    for path, model in (("ramp.fits", ramp), ("rate.fits", rate)):
        np.testing.assert_array_equal(call(path, user_mask=mask).data, call(model, user_mask=mask).data)


def test_raw_data_must_be_opened_as_ramps():
    raw = datamodels.Level1bModel(data=np.zeros((1, 3, 6, 8), np.uint16))
    with pytest.raises(TypeError, match="RampModel"):
        call(raw)


def test_stripes_must_be_joined_before():
    model = datamodels.SuperstripeRampModel(data=np.ones((2, 3, 6, 8), np.float32))
    model.pixeldq = np.zeros((2, 6, 8), np.uint32)
    model.update(exposure((2, 3, 6, 8)))
    model.meta.subarray.num_superstripe = 2
    with pytest.raises(InputError, match="refpix"):
        call(model, user_mask=ones((6, 8)))


def test_ifu_rates_stay_ifu_rates():
    model = exposure(where=MAKE.NRS1 | {"type": "NRS_IFU"})
    ifu = datamodels.IFUImageModel(data=model.data, dq=model.dq)
    ifu.update(model)
    result = call(ifu)
    assert type(result) is datamodels.IFUImageModel
    np.testing.assert_array_equal(result.data, call(model).data)


def test_defaults():
    values = CleanFlickerNoiseStep().get_pars()
    expected = {
        "autoparam": False,
        "fit_method": "median",
        "fit_by_channel": False,
        "background_method": "median",
        "background_box_size": None,
        "mask_science_regions": False,
        "apply_flat_field": False,
        "n_sigma": 2.0,
        "fit_histogram": False,
        "single_mask": True,
        "user_mask": None,
        "save_mask": False,
        "save_background": False,
        "save_noise": False,
        "skip": True,
    }
    assert {key: values[key] for key in expected} == expected


def test_references_in_use():
    assert CleanFlickerNoiseStep.reference_file_types == ["flat", "pastasoss"]
    assert CleanFlickerNoiseStep().reference_file_types == []
    assert CleanFlickerNoiseStep(autoparam=True).reference_file_types == ["flat"]
    step = CleanFlickerNoiseStep(mask_science_regions=True)
    assert step.planned_references({"meta.exposure.type": "NIS_SOSS"}) == ["pastasoss"]
    assert step.planned_references({"meta.exposure.type": "NIS_IMAGE"}) == []


@pytest.mark.parametrize("shape", [(64, 64), (2, 64, 64), (2, 5, 64, 64)], ids=["rate", "rateints", "ramp"])
def test_the_model_of_the_caller_stays_as_it_was(shape):
    model = exposure(shape)
    flags = "groupdq" if len(shape) == 4 else "dq"
    data, dq = model.data.copy(), getattr(model, flags).copy()
    result = call(model, user_mask=ones((64, 64)))
    assert getattr(result.meta.cal_step, STATUS) == "COMPLETE"
    assert not np.array_equal(result.data, data)
    assert not np.shares_memory(result.data, model.data)
    np.testing.assert_array_equal(model.data, data)
    np.testing.assert_array_equal(getattr(model, flags), dq)
    assert getattr(model.meta.cal_step, STATUS) is None
