"""Whole products of the imaging pipelines agree with those of the released pipeline (parity/make_imaging_runs.py)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

PARITY = Path(__file__).parents[2] / "parity"
sys.path.insert(0, str(PARITY))
import imaging_runs  # noqa: E402

FACTS = json.loads((PARITY / "imaging_runs.json").read_text())
pytestmark = pytest.mark.filterwarnings("ignore::stdatamodels.exceptions.ValidationWarning")


@pytest.fixture(scope="module")
def expected():
    with np.load(PARITY / "imaging_runs.npz") as file:
        return dict(file)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    return tmp_path


def check(key, folder, expected):
    arrays, facts = imaging_runs.found_in(folder)
    assert sorted(facts) == sorted(FACTS[key])
    for name, wanted in FACTS[key].items():
        for attribute, value in wanted.items():
            close = pytest.approx(value, rel=1e-7) if isinstance(value, float) else value
            assert facts[name].get(attribute) == close, (name, attribute)
    compared = [name for name in expected if name.startswith(f"{key}:")]
    for name in compared:
        found, wanted = arrays[name.removeprefix(f"{key}:")], expected[name]
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype), name
        if wanted.dtype.kind == "f":
            np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(found, wanted, err_msg=name)


@pytest.mark.parametrize("case", imaging_runs.IMAGE2)
def test_image2(case, here, expected):
    imaging_runs.run_image2(case, here)
    check(f"image2:{case}", here, expected)


@pytest.mark.parametrize("case", imaging_runs.IMAGE3)
def test_image3(case, here, expected):
    imaging_runs.run_image3(case, here)
    check(f"image3:{case}", here, expected)
