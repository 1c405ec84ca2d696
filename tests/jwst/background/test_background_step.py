"""The background step: results of the released pipeline, lists of backgrounds, refusals, bad input."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.background import BackgroundStep
from jwst.background.background_sub import average_background, background_sub
from stpipe.exceptions import InputError, NotBuiltError

PARITY = Path(__file__).parents[2] / "parity"


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("background_cases")
VECTORS = np.load(PARITY / "background.npz")
PRODUCT = "jw01234001001_02101_00001_combinedbackground.fits"
DEFECTS = ("later",)


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def files():
    """A science exposure of 10 and backgrounds of 1 and 2."""
    for name, value in {"s": 10, "a": 1, "b": 2}.items():
        MAKE.exposure(value).save(f"{name}_rate.fits")


def write_asn(*products, name="x_asn.json"):
    """An association of products, each a list of (name, exptype)."""
    entries = [
        {"name": f"p{number}", "members": [{"expname": path, "exptype": kind} for path, kind in members]}
        for number, members in enumerate(products)
    ]
    asn = {"asn_type": "image2", "asn_rule": "Asn_Lv2Image", "asn_pool": "x", "program": "1234", "asn_id": "a3001"}
    Path(name).write_text(json.dumps(asn | {"products": entries}))
    return name


def compare(model, name, planes):
    for plane in planes:
        np.testing.assert_array_equal(getattr(model, plane), VECTORS[f"{name}_{plane}"], err_msg=plane)


@pytest.mark.parametrize("name", [name for name in MAKE.CASES if name not in DEFECTS])
def test_agrees_with_the_released_pipeline(name):
    science, backgrounds, parameters = MAKE.CASES[name]()
    result = BackgroundStep.call(science, backgrounds, save_combined_background=True, **parameters)
    assert result.meta.cal_step.bkg_subtract == "COMPLETE"
    compare(result, name, MAKE.PLANES)
    with datamodels.open(PRODUCT) as combined:
        assert type(combined) is datamodels.ImageModel
        for plane in MAKE.COMBINED:
            np.testing.assert_array_equal(getattr(combined, plane), VECTORS[f"{name}_combined_{plane}"], err_msg=plane)


@pytest.mark.parametrize("name", ["random13", "larger", "cubes_random"])
def test_files_give_what_models_give(name):
    science, backgrounds, parameters = MAKE.CASES[name]()
    science.save("s_rate.fits")
    paths = [f"b{number}_rate.fits" for number in range(len(backgrounds))]
    for model, path in zip(backgrounds, paths, strict=True):
        model.save(path)
    compare(BackgroundStep.call("s_rate.fits", ",".join(paths), **parameters), name, MAKE.PLANES)


@pytest.mark.parametrize("name", ["random13", "cubes_random"])
def test_pieces_of_any_size_give_the_same(name, monkeypatch):
    monkeypatch.setattr("jwst.background.average.BAND", 1)
    science, backgrounds, parameters = MAKE.CASES[name]()
    compare(BackgroundStep.call(science, backgrounds, **parameters), name, MAKE.PLANES)


def test_background_that_begins_later_is_put_in_its_place():
    """The released pipeline puts it at the origin of the science exposure: 9 8 7 10 10."""
    science, backgrounds, _ = MAKE.CASES["later"]()
    assert BackgroundStep.call(science, backgrounds).data[0].tolist() == [10, 10, 9, 8, 7]


def test_inputs_are_not_changed():
    science, backgrounds = MAKE.exposure(10), [MAKE.exposure(1), MAKE.exposure(2)]
    result = BackgroundStep.call(science, backgrounds)
    assert (result.data == 8.5).all()
    assert (science.data == 10).all()
    assert (backgrounds[0].data == 1).all()


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("listed", "parameter", "expected"),
    [
        (["a_rate.fits"], None, 9),
        ("a_rate.fits, b_rate.fits,", None, 8.5),
        ("b_rate.fits", ["a_rate.fits"], 8),
        (None, ["a_rate.fits", "b_rate.fits"], 8.5),
        (Path("a_rate.fits"), None, 9),
    ],
)
def test_lists(listed, parameter, expected):
    result = BackgroundStep.call("s_rate.fits", listed, bkg_list=parameter)
    assert (result.data == expected).all()
    assert (BackgroundStep.call("s_rate.fits", MAKE.exposure(3)).data == 7).all()


@pytest.mark.parametrize("backgrounds", [None, [], "", ",", [""]])
def test_no_backgrounds(backgrounds, caplog):
    result = BackgroundStep.call(MAKE.exposure(10), backgrounds)
    assert result.meta.cal_step.bkg_subtract == "SKIPPED"
    assert (result.data == 10).all()
    assert "no background exposures" in caplog.text


@pytest.mark.usefixtures("files")
def test_association(caplog):
    members = [("s_rate.fits", "science"), ("a_rate.fits", "Background")]
    result = BackgroundStep.call(write_asn(members), "b_rate.fits", save_results=True, save_combined_background=True)
    assert (result.data == 9).all()
    assert Path("x_asn_backgroundstep.fits").exists()
    assert Path("x_asn_combinedbackground.fits").exists()
    assert not caplog.records or "first one" not in caplog.text
    result = BackgroundStep.call(write_asn([*members, ("b_rate.fits", "science")], [("b_rate.fits", "science")]))
    assert (result.data == 9).all()
    assert "has 2 products" in caplog.text
    assert "has 2 science exposures" in caplog.text


@pytest.mark.usefixtures("files")
def test_association_without_background_is_skipped():
    result = BackgroundStep.call(write_asn([("s_rate.fits", "science")]))
    assert type(result) is datamodels.ImageModel
    assert result.meta.cal_step.bkg_subtract == "SKIPPED"


@pytest.mark.usefixtures("files")
def test_association_without_science():
    with pytest.raises(InputError, match="no science exposure"):
        BackgroundStep.call(write_asn([("a_rate.fits", "background")]))


@pytest.mark.parametrize("exp_type", ["NRC_WFSS", "NIS_SOSS"])
def test_not_built(exp_type):
    with pytest.raises(NotBuiltError, match=exp_type):
        BackgroundStep.call(MAKE.exposure(10, exp_type=exp_type), [MAKE.exposure(1)])


@pytest.mark.parametrize("other", [0.1, 0.1 + 2e-8, None])
def test_tilt_of_the_grating_wheel(other):
    science, background = MAKE.exposure(10), MAKE.exposure(1)
    for model, tilt in ((science, 0.1), (background, other)):
        model.meta.instrument.name, model.meta.exposure.type = "NIRSPEC", "NRS_FIXEDSLIT"
        model.meta.instrument.detector = "NRS1"
        model.meta.instrument.gwa_xtilt = tilt
        model.meta.instrument.gwa_ytilt = 0.3
    background.save("b.fits")
    for source in (background, "b.fits"):
        result = BackgroundStep.call(science, [source])
        assert result.meta.cal_step.bkg_subtract == ("COMPLETE" if other == 0.1 else "SKIPPED")
        assert result.data[0, 0] == (9 if other == 0.1 else 10)


@pytest.mark.parametrize("shapes", [((4, 5), (3, 4, 5)), ((3, 4, 5), (4, 5))])
def test_images_and_cubes_do_not_mix(shapes):
    science, background = (MAKE.exposure(1, shape=shape) for shape in shapes)
    with pytest.raises(InputError, match="images .* for an image and cubes"):
        BackgroundStep.call(science, [background])


def test_backgrounds_of_other_sizes():
    small = MAKE.exposure(2, shape=(3, 3))
    result = BackgroundStep.call(MAKE.exposure(10), [MAKE.exposure(1), small])
    assert result.data[0].tolist() == [8.5, 8.5, 8.5, 9, 9]
    small.meta.subarray.xsize = 5
    with pytest.raises(InputError, match="SUBSIZE1"):
        BackgroundStep.call(MAKE.exposure(10), [small])


def test_place_is_unknown():
    background = MAKE.exposure(1)
    background.meta.subarray.xstart = None
    with pytest.raises(InputError, match="set SUBSTRT1"):
        BackgroundStep.call(MAKE.exposure(10), [background])


@pytest.mark.parametrize("saved", [True, False])
def test_units_differ(saved):
    background = MAKE.exposure(1)
    background.meta.bunit_data = "MJy/sr"
    background.save("b_cal.fits")
    with pytest.raises(InputError, match="in MJy/sr and the science exposure in DN/s"):
        BackgroundStep.call(MAKE.exposure(10), ["b_cal.fits" if saved else background])


def test_background_of_another_detector(caplog):
    background = MAKE.exposure(1)
    background.meta.instrument.detector = "NRCA2"
    assert (BackgroundStep.call(MAKE.exposure(10), [background]).data == 9).all()
    assert "is one of NRCA2" in caplog.text


def test_all_nan_background_changes_nothing():
    result = BackgroundStep.call(MAKE.exposure(10), [MAKE.exposure(np.nan)] * 3)
    assert (result.data == 10).all()


def test_missing_file():
    with pytest.raises(FileNotFoundError, match="nofile"):
        BackgroundStep.call(MAKE.exposure(10), ["nofile.fits"])


def test_other_input_is_refused():
    ramp = datamodels.RampModel((1, 2, 4, 5))
    ramp.meta.exposure.type = "NRC_IMAGE"
    with pytest.raises(InputError, match="RampModel"):
        BackgroundStep.call(ramp, [MAKE.exposure(1)])


def test_functions_of_the_module():
    backgrounds = [MAKE.exposure(value, err=err) for value, err in ((1, 0.2), (1.1, 0.4), (0.9, 0.6))]
    science = MAKE.exposure(10)
    average = average_background(science, backgrounds, 3.0, None)
    assert average.err[0, 0] == pytest.approx(0.24944383)
    assert (science.data == 10).all()
    average, result = background_sub(science, backgrounds, 3.0, None)
    assert average.data[0, 0] == pytest.approx(1)
    assert result is science
    assert result.data[0, 0] == 9


@pytest.mark.usefixtures("files")
def test_list_on_the_command_line(capsys):
    from stpipe.cli.strun import main

    assert main(["bkg_subtract", "s_rate.fits", "a_rate.fits,b_rate.fits"]) == 0
    with datamodels.open("s_backgroundstep.fits") as result:
        assert (result.data == 8.5).all()
    assert main(["bkg_subtract", "s_rate.fits", "a_rate.fits,c_rate.fits"]) != 0
    assert "no input file 'c_rate.fits'" in capsys.readouterr().out


def test_a_step_alone_leaves_the_models_of_the_caller_as_they_were():
    science, backgrounds = MAKE.exposure(10), [MAKE.exposure(1), MAKE.exposure(2)]
    before = [(model.data.copy(), model.to_flat_dict(include_arrays=False)) for model in (science, *backgrounds)]
    result = BackgroundStep(skip=False).run(science, backgrounds)
    for model, (data, metadata) in zip((science, *backgrounds), before, strict=True):
        np.testing.assert_array_equal(model.data, data)
        assert model.to_flat_dict(include_arrays=False) == metadata
    assert result is not science
    assert not np.shares_memory(result.data, science.data)
    assert result.meta.cal_step.bkg_subtract == "COMPLETE"
    assert not np.array_equal(result.data, science.data)
