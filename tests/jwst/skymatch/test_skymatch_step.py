"""The skymatch step: results of the released pipeline, inputs of all kinds, bad input."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from jwst.datamodels import ModelContainer, ModelLibrary
from jwst.skymatch import SkyMatchStep
from stpipe.exceptions import InputError, ParameterError

PARITY = Path(__file__).parents[2] / "parity"


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("sky_fields")
VECTORS = np.load(PARITY / "skymatch.npz")
DIFFERENT = ("local_midpt_wider", "stepsize")
COMMON = [name for name in MAKE.CASES if name not in DIFFERENT]


@pytest.fixture(autouse=True)
def _here(offline, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def models_of(library):
    with library:
        models = list(library)
        for index, model in enumerate(models):
            library.shelve(model, index, modify=False)
    return models


def levels(library):
    found = [model.meta.background.level for model in models_of(library)]
    return [np.nan if level is None else level for level in found]


def statuses(library):
    return [model.meta.cal_step.skymatch for model in models_of(library)]


def processed(models, **parameters):
    """A library of models, after the step."""
    return SkyMatchStep(**parameters).process(ModelLibrary(models))


@pytest.fixture(scope="module")
def made():
    """Images and parameters of a case; images that several cases share are made once, and put back as they were."""
    kept = {}

    def make(name):
        build, parameters = MAKE.CASES[name]
        if build not in kept:
            models = build()
            kept[build] = models, [(model.data.copy(), dict(model.meta.background.instance)) for model in models]
        for model, (data, background) in zip(*kept[build], strict=True):
            model.data = data.copy()
            model.meta.background.instance.clear()
            model.meta.background.instance.update(background)
            model.meta.cal_step.skymatch = None
        if parameters.get("skymethod") == "user":
            Path("sky.txt").write_text(MAKE.USER_LIST)
            parameters = parameters | {"skylist": "sky.txt"}
        return kept[build][0], parameters

    return make


@pytest.mark.parametrize("name", COMMON)
def test_agrees_with_the_released_pipeline(name, made):
    models, parameters = made(name)
    before = [model.data.copy() for model in models]
    processed(models, **parameters)
    found = [np.nan if (level := model.meta.background.level) is None else level for model in models]
    np.testing.assert_allclose(found, VECTORS[f"{name}_levels"], rtol=1e-6, atol=2e-6)
    assert [model.meta.cal_step.skymatch for model in models] == VECTORS[f"{name}_statuses"].tolist()
    facts = [model.meta.background for model in models]
    assert [f"{fact.subtracted} {fact.method}" for fact in facts] == VECTORS[f"{name}_facts"].tolist()
    for model, data, shift in zip(models, before, VECTORS[f"{name}_shifts"], strict=True):
        if np.isfinite(shift):
            assert np.nanmean(data - model.data, dtype=float) == pytest.approx(shift, rel=1e-6, abs=2e-6)


def test_a_midpoint_in_one_bin_is_no_number_of_pixels():
    """The released pipeline gives the number of pixels, 11998, as the sky."""
    models, parameters = MAKE.make("local_midpt_wider")
    found = levels(processed(models, **parameters))
    np.testing.assert_allclose(found, VECTORS["local_mode_wider_levels"], rtol=1e-6)
    assert VECTORS["local_midpt_wider_levels"][0] == 11998


def test_points_of_outlines_on_each_other():
    """The sides of these images lie 0.0005 pixels apart; the released pipeline takes points of either for both."""
    found = levels(processed(MAKE.row(), stepsize=10))
    np.testing.assert_allclose(found, VECTORS["stepsize_levels"], atol=2e-5)
    assert found != pytest.approx(VECTORS["three_levels"], abs=5e-4)  # the step matters


def test_levels_of_the_specification():
    assert levels(processed(MAKE.row())) == pytest.approx([0.1821305, 0.4940621, 0], abs=1e-7)
    models = MAKE.row()
    processed(models, subtract=True)
    assert [np.median(model.data) for model in models] == pytest.approx([4.8171306, 4.8056917, 4.7988896], abs=2e-7)


def test_a_call_leaves_its_input_alone():
    models = MAKE.row()
    before = [model.data.copy() for model in models]
    result = SkyMatchStep.call(models, subtract=True)
    assert statuses(result) == ["COMPLETE"] * 3
    for model, data in zip(models, before, strict=True):
        np.testing.assert_array_equal(model.data, data)
        assert (model.meta.background.level, model.meta.cal_step.skymatch) == (None, None)
    assert not np.array_equal(models_of(result)[0].data, before[0])


def test_only_the_data_change():
    model = MAKE.row((5.0,))[0]
    model.err = np.full(model.data.shape, 0.5, np.float32)
    model.dq[3, 4] = 4
    processed([model], skymethod="local", subtract=True)
    assert (model.err == 0.5).all()
    assert model.dq.sum() == 4
    assert model.data.dtype == np.float32


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an association file of three images."""
    folder = tmp_path_factory.mktemp("images")
    members = []
    for model in MAKE.row():
        model.save(folder / model.meta.filename)
        members.append({"expname": model.meta.filename, "exptype": "science"})
    tree = {"asn_id": "a3001", "asn_pool": "pool", "products": [{"name": "p", "members": members}]}
    (folder / "a_asn.json").write_text(json.dumps(tree))
    return folder


@pytest.fixture
def asn(folder):
    """The association file, in the folder to work in."""
    for path in folder.iterdir():
        Path(path.name).symlink_to(path)
    return "a_asn.json"


@pytest.mark.parametrize("in_memory", [True, False])
def test_inputs_of_all_kinds_give_the_same(asn, in_memory):
    expected = levels(processed(MAKE.row(), subtract=True))
    names = sorted(str(path) for path in Path().glob("*_cal.fits"))
    for given in (asn, names, ModelContainer(names)):
        result = SkyMatchStep.call(given, subtract=True, in_memory=in_memory)
        assert isinstance(result, ModelLibrary)
        assert levels(result) == pytest.approx(expected, abs=1e-7)
        assert statuses(result) == ["COMPLETE"] * 3


def test_products_are_named_after_the_association(asn):
    SkyMatchStep.call(asn, save_results=True)
    assert sorted(str(path) for path in Path().glob("*_skymatchstep.fits")) == [
        f"a_asn_{number}_skymatchstep.fits" for number in range(3)
    ]


def test_one_image_at_a_time_is_borrowed(asn, monkeypatch):
    library = ModelLibrary(asn, on_disk=True)
    most = []
    borrow = ModelLibrary.borrow

    def watched(self, index):
        most.append(len(self._loans) + 1)
        return borrow(self, index)

    monkeypatch.setattr(ModelLibrary, "borrow", watched)
    SkyMatchStep().process(library)
    assert max(most) == 1
    assert levels(library) == pytest.approx([0.1821305, 0.4940621, 0], abs=1e-6)


def _without_wcs(model):
    model.meta.wcs = None


def _empty(model):
    model.data = np.zeros((0, 0), np.float32)


def _small_dq(model):
    model.dq = np.zeros((3, 3), np.uint32)


def _background(level, subtracted):
    def change(model):
        model.meta.background.level, model.meta.background.subtracted = level, subtracted

    return change


@pytest.mark.parametrize(
    ("change", "parameters", "text"),
    [
        pytest.param(_without_wcs, {}, "has no WCS: run assign_wcs", id="no WCS"),
        pytest.param(_empty, {}, "00001_nrca1_cal.fits is no image: its data", id="no pixels"),
        pytest.param(_small_dq, {}, r"flags \(DQ\) of shape \(3, 3\)", id="shape of flags"),
        pytest.param(_background(1.0, None), {}, "no meta.background.subtracted", id="level alone"),
        pytest.param(_background(None, False), {}, "no meta.background.level", id="subtracted alone"),
        pytest.param(_background(1.0, True), {}, "has been subtracted", id="subtracted before"),
        pytest.param(
            _background(1.0, False), {"subtract": True}, "was measured and not subtracted", id="measured before"
        ),
    ],
)
def test_an_image_that_cannot_be_used(change, parameters, text):
    models = MAKE.row()
    change(models[0])
    with pytest.raises(InputError, match=text):
        processed(models, **parameters)
    assert models[1].meta.cal_step.skymatch is None


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"dqbits": "~NO_FLAG_OF_THIS_NAME"}, "dqbits: '~NO_FLAG_OF_THIS_NAME' names no flags"),
        ({"dqbits": "3+5"}, "dqbits"),
        ({"stepsize": 0}, "stepsize: 0 pixels"),
        ({"lower": 3.0, "upper": 2.0}, "is above upper"),
        ({"skymethod": "user"}, "set skylist to a text file"),
    ],
)
def test_parameters_that_cannot_be_used(parameters, text):
    with pytest.raises(ParameterError, match=text):
        processed(MAKE.row(), **parameters)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1\n", "has 1 lines for 3 images"),
        ("", "has 0 lines for 3 images"),
        ("a 1\na_cal 2\nb 3\n", "has the image a more than once"),
        ("a 1\nb 2\nc 3\n", "does not have jw01234001001_02101_00001_nrca1_cal.fits"),
        ("a 1\nb x\n", "line 2 of sky.txt is no name of an image and its sky level: 'b x'"),
        ("a 1 2\n", "line 1 of sky.txt"),
        ("a nan\n", "line 1 of sky.txt gives the sky level nan"),
    ],
)
def test_a_list_that_cannot_be_used(text, message):
    Path("sky.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        processed(MAKE.row(), skymethod="user", skylist="sky.txt")


def test_a_list_that_is_not_there():
    with pytest.raises(InputError, match=r"nowhere\.txt \(skylist\) cannot be read"):
        processed(MAKE.row(), skymethod="user", skylist="nowhere.txt")


def test_a_user_is_told_of_a_sky_that_was_subtracted(caplog):
    models, parameters = MAKE.make("user_again")
    processed(models, **parameters)
    assert "A sky of 0.25 has been subtracted from jw01234001001_02101_00001_nrca1_cal.fits before" in caplog.text


def test_coordinates_that_are_nowhere(caplog):
    models = MAKE.row()
    models[2].meta.wcs = MAKE.make_wcs(np.nan)
    result = processed(models)
    assert statuses(result) == ["COMPLETE", "COMPLETE", "SKIPPED"]
    assert levels(result)[:2] == pytest.approx([0, 0.3119315], abs=1e-6)
    assert "gives no coordinates at its edges" in caplog.text


def test_no_image_has_good_pixels(caplog):
    models = MAKE.row()
    for model in models:
        model.data[:] = np.nan
    for method in ("match", "local", "global", "global+match"):
        assert statuses(processed(models, skymethod=method)) == ["SKIPPED"] * 3
    assert "No sky level was found for" in caplog.text


def test_islands_are_told(caplog):
    processed(MAKE.with_far(count=2))
    assert "they fall into 2 sets" in caplog.text


def test_a_missing_member():
    with pytest.raises(FileNotFoundError, match=r"nowhere_cal\.fits"):
        SkyMatchStep.call(["nowhere_cal.fits"])


def test_no_images():
    with pytest.raises(InputError, match="empty list"):
        SkyMatchStep.call([])
