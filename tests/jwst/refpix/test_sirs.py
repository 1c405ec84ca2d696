"""SIRS in refpix: parity with the released pipeline, kernels, bad input."""

from __future__ import annotations

import sys
from pathlib import Path

import asdf
import numpy as np
import pytest

from jwst.refpix import RefPixStep
from jwst.refpix.sirs import SirsKernels, SirsSettings, sirs_kernels, sirs_signal
from stpipe.exceptions import InputError

PARITY = Path(__file__).parents[2] / "parity"
FULL = 2048


@pytest.fixture(scope="module")
def make():
    sys.path.insert(0, str(PARITY))
    try:
        import make_refpix_irs2
    finally:
        sys.path.remove(str(PARITY))
    return make_refpix_irs2


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")


def exposure(data, pixeldq, axes=(1, -2), subarray="FULL"):
    sys.path.insert(0, str(PARITY))
    try:
        from exposures import ramp
    finally:
        sys.path.remove(str(PARITY))
    model = ramp(data, subarray=subarray, axes=axes, noutputs=4)
    model.pixeldq = pixeldq
    return model


def call(model, reference, **options):
    options = {"refpix_algorithm": "sirs", "override_refpix": "N/A"} | options
    return RefPixStep.call(model, override_sirskernel=reference, **options)


@pytest.mark.parametrize("name", ["sirs", "sirs mirrored", "sirs no parity", "sirs elsewhere"])
def test_parity(name, make):
    case = make.SIRS_CASES[name]
    with np.load(PARITY / "refpix_irs2.npz") as vectors:
        data, sums = vectors[f"{name}/data"], vectors[f"{name}/sums"]
    model = exposure(*make.build_sirs(name), axes=case["axes"])
    result = call(model, make.sirs_reference(case.get("detector", "nrca1")), **case.get("options", {}))
    np.testing.assert_allclose(result.data[..., make.ROWS, make.COLUMNS], data, rtol=2e-7, atol=2e-5)
    assert (result.data[..., make.ROWS, make.COLUMNS] == data).mean() > 0.999, "later groups are in double precision"
    np.testing.assert_allclose(make.irs2_sums(result.data), sums, rtol=0, atol=64 * FULL * 2e-5)


@pytest.fixture
def small(make):
    """A frame with side columns that differ from the rest."""
    data = np.zeros((1, 1, FULL, FULL), np.float32)
    data[..., :4] = data[..., -4:] = np.sin(np.arange(FULL) / 50)[:, None]
    return exposure(data, np.zeros((FULL, FULL), np.uint32), axes=(1, 2))


def test_a_file_is_as_good_as_a_model(make, small, tmp_path):
    reference = make.sirs_reference("nrca1")
    path = tmp_path / "kernels.asdf"
    asdf.AsdfFile({"nrca1": reference.instance["nrca1"]}).write_to(path)
    from_file = call(small, str(path)).data
    np.testing.assert_array_equal(from_file, call(small, reference).data)
    assert from_file.any()


@pytest.mark.parametrize("reference", ["N/A", "another detector"])
def test_without_kernels_the_running_median_is_used(make, small, reference):
    expected = call(small, "N/A", refpix_algorithm="median").data
    result = call(small, "N/A" if reference == "N/A" else make.sirs_reference("nrs1"))
    np.testing.assert_array_equal(result.data, expected)
    assert result.meta.cal_step.refpix == "COMPLETE"


def test_subarrays_keep_the_running_median(make):
    rng = np.random.default_rng(1)
    data = rng.standard_normal((1, 1, 16, FULL)).astype(np.float32)
    model = exposure(data, np.zeros((16, FULL), np.uint32), subarray="SUBGRISM64")
    results = [call(model, make.sirs_reference("nrca1"), refpix_algorithm=name).data for name in ("sirs", "median")]
    np.testing.assert_array_equal(*results)


def test_the_side_gain_has_no_effect(make, small):
    results = [call(small, make.sirs_reference("nrca1"), side_gain=gain).data for gain in (1.0, 0.2)]
    np.testing.assert_array_equal(*results)


def test_a_flat_transfer_function_gives_a_narrow_kernel():
    kernels = sirs_kernels(np.ones((4, 65)), 2 * np.ones((4, 65)), SirsSettings(gaussmooth=0.1, halfwidth=5))
    np.testing.assert_allclose(kernels.left[0], np.eye(11)[5], atol=1e-12)
    np.testing.assert_allclose(kernels.right[3], 2 * np.eye(11)[5], atol=1e-12)


def test_outliers_do_not_count():
    rng = np.random.default_rng(2)
    left = rng.standard_normal((1, FULL, 4)).astype(np.float32)
    kernel = np.ones((4, 11)) / 11
    kernels = SirsKernels(kernel, 0 * kernel + 1e-300)
    clean = sirs_signal(left, np.zeros_like(left), kernels, 8.0)
    left[0, 1000, 2] = 1e6
    spoiled = sirs_signal(left, np.zeros_like(left), kernels, 8.0)
    assert abs(spoiled - clean).max() < 0.3
    assert abs(np.delete(spoiled - clean, np.s_[995:1006], axis=-1)).max() < 1e-12


@pytest.mark.parametrize(
    ("gamma", "settings", "message"),
    [
        pytest.param(np.ones((3, 65)), SirsSettings(), "4 channels", id="channels"),
        pytest.param(np.ones((4, 20)), SirsSettings(), "halfwidth", id="too few"),
        pytest.param(np.ones((4, 65)), SirsSettings(gaussmooth=0), "gaussmooth", id="no width"),
    ],
)
def test_bad_coefficients_are_an_error(gamma, settings, message):
    with pytest.raises(InputError, match=message):
        sirs_kernels(gamma, gamma, settings)


def test_a_file_that_is_no_reference_is_an_error(small, tmp_path):
    path = tmp_path / "kernels.asdf"
    path.write_text("nothing")
    with pytest.raises(InputError, match="Cannot read"):
        call(small, str(path))


def test_a_detector_without_coefficients_is_an_error(make, small):
    reference = make.sirs_reference("nrca1")
    del reference.instance["nrca1"]["zeta"]
    with pytest.raises(InputError, match="gamma and zeta"):
        call(small, reference)
