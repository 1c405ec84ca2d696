"""The emicorr step: skips, references, files, and input that is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.emicorr import EmiCorrStep
from stpipe.exceptions import InputError, MissingMetadataError, ParameterError

PARITY = Path(__file__).parents[2] / "parity"
SPEC = importlib.util.spec_from_file_location("make_emicorr", PARITY / "make_emicorr.py")
MAKE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MAKE)
CASE = {"shape": (1, 5, 16, 24), "subarray": "SUB64"}


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
    monkeypatch.chdir(tmp_path)


def exposure(shape=CASE["shape"], *, keywords=None, **where):
    case = CASE | {"shape": shape} | where
    model = MAKE.exposure(*MAKE.build(3, **case), **case)
    for path, value in (keywords or {}).items():
        *nodes, name = path.split(".")
        node = model.meta
        for part in nodes:
            node = getattr(node, part)
        setattr(node, name, value)
    return model


def reference(change=None):
    content = MAKE.waves()
    if change is not None:
        change(content)
    model = datamodels.EmiModel()
    for name, value in content.items():
        setattr(model, name, value)
    return model


def saved_reference(path):
    model = reference()
    model.meta.description, model.meta.author = "test", "test"
    model.meta.pedigree, model.meta.useafter = "DUMMY", "2020-01-01T00:00:00"
    model.save(path)
    return str(path)


def call(model, override=None, **options):
    override = reference() if override is None else override
    return EmiCorrStep.call(model, skip=False, override_emicorr=override, **options)


def changed(result, model):
    return not np.array_equal(result.data, model.data)


def test_parameters():
    values = EmiCorrStep().get_pars()
    expected = {
        "algorithm": "joint",
        "nints_to_phase": None,
        "nbins": None,
        "scale_reference": True,
        "onthefly_corr_freq": None,
        "use_n_cycles": 3,
        "fit_ints_separately": False,
        "user_supplied_reffile": None,
        "save_intermediate_results": False,
        "skip": True,
    }
    assert {name: values[name] for name in expected} == expected
    assert EmiCorrStep(onthefly_corr_freq=[390.6, 10]).onthefly_corr_freq == [390.6, 10.0]


def test_a_copy_is_corrected():
    model = exposure()
    before = model.data.copy()
    result = call(model)
    assert result.meta.cal_step.emicorr == "COMPLETE"
    assert result.meta.ref_file.emicorr.name.startswith("override://")
    np.testing.assert_array_equal(model.data, before)
    assert changed(result, model)


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"instrument.name": "NIRCAM"}, "MIRI only"),
        ({"instrument.name": None}, "MIRI only"),
        ({"exposure.readpatt": "FASTR100"}, "READPATT FASTR100"),
        ({"exposure.readpatt": "FASTGRPAVG"}, "READPATT FASTGRPAVG"),
        ({"exposure.readpatt": "SLOWR1"}, "no frequencies for SUB64"),
        ({"subarray.name": "MASK1065"}, "no frequencies for MASK1065"),
        (
            {"subarray.name": "FULL", "exposure.readpatt": "SLOW", "instrument.detector": "MIRIFULONG"},
            "no frequencies for FULL_SLOW",
        ),
    ],
)
def test_exposures_that_are_skipped(keywords, reason, caplog):
    model = exposure(keywords=keywords)
    result = call(model)
    assert result.meta.cal_step.emicorr == "SKIPPED"
    assert reason in caplog.text
    assert not changed(result, model)


@pytest.mark.parametrize("algorithm", ["joint", "sequential"])
@pytest.mark.parametrize("ngroups", [1, 2])
def test_too_few_groups_are_skipped(ngroups, algorithm):
    model = exposure((1, ngroups, 16, 24))
    result = call(model, algorithm=algorithm)
    assert result.meta.cal_step.emicorr == "SKIPPED"
    assert not changed(result, model)


def test_no_reference_is_a_skip():
    result = call(exposure(), "N/A")
    assert (result.meta.cal_step.emicorr, result.meta.ref_file.emicorr.name) == ("SKIPPED", "N/A")


def cases(change):
    return lambda content: change(content["subarray_cases"])


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("subarray_cases"),
        cases(lambda case: case.pop("SUB64")),
        cases(lambda case: case["SUB64"].pop("rowclocks")),
        cases(lambda case: case["SUB64"].pop("freqs")),
        cases(lambda case: case["SUB64"]["freqs"].update(FAST=[])),
    ],
)
def test_references_without_the_configuration_are_a_skip(change):
    model = exposure()
    result = call(model, reference(change))
    assert result.meta.cal_step.emicorr == "SKIPPED"
    assert not changed(result, model)


def wave(values):
    return lambda content: content["frequencies"]["Hz390"].update(phase_amplitudes=np.array(values, np.float32))


def frequency(value):
    return lambda content: content["frequencies"]["Hz390"].update(frequency=value)


@pytest.mark.parametrize("algorithm", ["joint", "sequential"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (wave(np.full((5, 100), 1.0)), r"shape \(5, 100\), not \(K,\)"),
        (wave([]), r"shape \(0,\)"),
        (wave([1.0]), r"shape \(1,\)"),
        (wave([1.0, np.nan, 3.0]), "1 of its 3 phase_amplitudes are not finite"),
        (wave(np.ones(50)), "all its phase_amplitudes are equal"),
        (frequency(0.0), "frequency is 0.0 Hz"),
        (frequency(float("nan")), "frequency is nan Hz"),
        (frequency(-4.0), "frequency is -4.0 Hz"),
        (lambda content: content["frequencies"]["Hz390"].pop("frequency"), "needs a frequency"),
        (lambda content: content["frequencies"].pop("Hz390"), "no frequency 'Hz390'"),
        (lambda content: content.pop("frequencies"), "no emicorr reference"),
    ],
)
def test_references_that_are_refused(change, message, algorithm):
    with pytest.raises(InputError, match=message):
        call(exposure(), reference(change), algorithm=algorithm)


def test_a_reference_of_another_kind_is_refused(tmp_path):
    assert call(exposure(), datamodels.MaskModel((4, 4))).meta.cal_step.emicorr == "SKIPPED"
    path = tmp_path / "no_reference.asdf"
    path.write_text("this is no ASDF file")
    with pytest.raises(InputError, match=r"no_reference.asdf cannot be read as an emicorr reference"):
        call(exposure(), str(path))


@pytest.mark.parametrize(
    ("keyword", "name", "options"),
    [
        ("exposure.readpatt", "READPATT", {}),
        ("subarray.name", "SUBARRAY", {}),
        ("exposure.nsamples", "NSAMPLES", {}),
        ("subarray.xsize", "SUBSIZE1", {"algorithm": "sequential"}),
        ("subarray.xstart", "SUBSTRT1", {"algorithm": "sequential"}),
    ],
)
def test_missing_keywords(keyword, name, options):
    with pytest.raises(MissingMetadataError, match=name):
        call(exposure(keywords={keyword: None}), **options)


def test_a_slow_readout_needs_the_detector():
    with pytest.raises(InputError, match="DETECTOR"):
        call(exposure(subarray="FULL", readpatt="SLOWR1", keywords={"instrument.detector": None}))


def test_joint_does_not_need_the_place_on_the_detector():
    result = call(exposure(keywords={"subarray.xsize": None, "subarray.xstart": None}))
    assert result.meta.cal_step.emicorr == "COMPLETE"


def test_columns_that_do_not_fit():
    with pytest.raises(InputError, match="multiple of 4"):
        call(exposure((1, 5, 16, 22)))


@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": "both"},
        {"nbins": 0},
        {"nints_to_phase": 0},
        {"use_n_cycles": 0},
        {"onthefly_corr_freq": [0.0]},
        {"onthefly_corr_freq": [390.625, -1.0]},
        {"onthefly_corr_freq": [60000.0]},
    ],
)
def test_parameters_that_are_refused(options):
    with pytest.raises(ParameterError):
        call(exposure(), **options)


def test_on_the_fly_needs_no_reference(caplog):
    model = exposure((1, 12, 64, 72))
    result = EmiCorrStep.call(model, skip=False, onthefly_corr_freq=[390.625])
    assert result.meta.cal_step.emicorr == "COMPLETE"
    assert "'sequential' is used" in caplog.text
    assert changed(result, model)
    assert result.meta.ref_file.emicorr.name is None


@pytest.mark.parametrize(("subarray", "frequencies"), [("SUB64_IP", [390.625]), ("SUB64", [])])
def test_on_the_fly_skips(subarray, frequencies):
    model = exposure(keywords={"subarray.name": subarray})
    result = EmiCorrStep.call(model, skip=False, onthefly_corr_freq=frequencies)
    assert result.meta.cal_step.emicorr == "SKIPPED"


def test_few_groups_are_said_to_be_few_for_sequential(caplog):
    call(exposure(), algorithm="sequential")
    assert "better below 10 groups" in caplog.text


@pytest.mark.parametrize(
    ("where", "case", "freqs"),
    [
        ({}, "SUB64", {"FASTR1": ["390.625", "218.52"]}),
        (
            {"subarray": "FULL", "readpatt": "SLOWR1"},
            "FULL",
            {"SLOWR1": {"MIRIMAGE": ["390.625", "218.52"]}},
        ),
    ],
)
def test_waves_are_saved_and_can_be_used_again(tmp_path, where, case, freqs):
    import asdf

    model = exposure((1, 12, 64, 72), **where, keywords={"filename": "jw01_uncal.fits"})
    options = {"onthefly_corr_freq": [390.625, 218.52], "nbins": 20, "output_dir": str(tmp_path)}
    EmiCorrStep.call(model, skip=False, save_results=False, save_intermediate_results=True, **options)
    path = tmp_path / "jw01_emi_ref_waves.asdf"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with asdf.open(path) as file:
        assert {name: entry["frequency"] for name, entry in file["frequencies"].items()} == {
            "390.625": 390.625,
            "218.52": 218.52,
        }
        assert file["frequencies"]["218.52"]["phase_amplitudes"].shape == (20,)
        clocks = (28, 8512) if case == "SUB64" else (2333, 2388992)
        entry = file["subarray_cases"][case]
        assert (entry["rowclocks"], entry["frameclocks"], entry["freqs"]) == (*clocks, freqs)
        meta = file["meta"]
        assert (meta["author"], meta["pedigree"], meta["reftype"]) == ("JWST calibration pipeline", "GROUND", "emicorr")
    again = call(model, str(path))
    assert again.meta.cal_step.emicorr == "COMPLETE"
    assert again.meta.ref_file.emicorr.name == str(path)
    assert np.abs(again.data - model.data).max() > 1


def test_nothing_is_saved_with_a_reference(tmp_path):
    call(exposure(), algorithm="sequential", save_intermediate_results=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("default:user_supplied_reffile")
def test_user_supplied_reffile_is_an_override(tmp_path, caplog):
    path = saved_reference(tmp_path / "waves.asdf")
    model = exposure()
    result = EmiCorrStep.call(model, skip=False, user_supplied_reffile=path)
    assert "DeprecationWarning: user_supplied_reffile is deprecated: use override_emicorr" in caplog.text
    np.testing.assert_array_equal(result.data, call(model).data)
    assert result.meta.ref_file.emicorr.name == path
    with pytest.raises(FileNotFoundError, match="nothere"):
        EmiCorrStep.call(model, skip=False, user_supplied_reffile=str(tmp_path / "nothere.asdf"))


def test_planning_tells_reference_and_products():
    miri = {"meta.instrument.name": "MIRI"}
    assert EmiCorrStep().planned_references(miri) == ["emicorr"]
    assert EmiCorrStep().planned_references({"meta.instrument.name": "NIRCAM"}) == []
    step = EmiCorrStep(onthefly_corr_freq=[390.625], save_intermediate_results=True, output_file="jw01_uncal.fits")
    assert step.planned_references(miri) == []
    assert [Path(path).name for path in step.planned_products(miri)][0] == "jw01_emi_ref_waves.asdf"
