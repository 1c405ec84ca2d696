"""Darks of several integrations: equal to the released pipeline (vectors made by tests/parity/make_miri.py)."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.dark_current import DarkCurrentStep
from jwst.lib.reference import FileReference
from stpipe.exceptions import InputError
from tests.parity import miri as MIRI

pytestmark = pytest.mark.usefixtures("offline")


@pytest.mark.parametrize("as_file", [False, True], ids=["model", "file"])
@pytest.mark.parametrize("name", MIRI.CASES["dark_current"])
def test_equal_to_the_released_pipeline(name, as_file, tmp_path):
    model, references, _ = MIRI.exposure("dark_current", name, **MIRI.CASES["dark_current"][name])
    source = references["dark"]
    if as_file:
        source = str(tmp_path / "dark.fits")
        references["dark"].save(source)
    MIRI.check(DarkCurrentStep.call(model, override_dark=source), "dark_current_miri", name)


def test_only_the_planes_that_are_needed_are_read(tmp_path, monkeypatch):
    model, references, _ = MIRI.exposure("dark_current", "lazy", shape=(1, 3, 8, 9), references={"dark_groups": 20})
    path = str(tmp_path / "dark.fits")
    references["dark"].save(path)
    read, planes = [], FileReference.planes
    monkeypatch.setattr(
        FileReference, "planes", lambda self, name, start, stop: read.append(start) or planes(self, name, start, stop)
    )
    DarkCurrentStep.call(model, override_dark=path)
    assert read == [0, 1, 2]


def test_a_dark_of_two_axes_is_refused():
    flat = datamodels.GainModel(data=np.ones((8, 9), np.float32))
    with pytest.raises(InputError, match=r"3 axes, or 4 for MIRI; its shape is \(8, 9\)"):
        DarkCurrentStep.call(MIRI.ramp(np.ones((1, 3, 8, 9))), override_dark=flat)


def test_a_dark_of_another_subarray_is_refused():
    _, references, _ = MIRI.exposure("dark_current", "shape", shape=(1, 3, 8, 9))
    with pytest.raises(ValueError, match=r"\(8, 9\).*\(8, 8\)"):
        DarkCurrentStep.call(MIRI.ramp(np.ones((1, 3, 8, 8))), override_dark=references["dark"])


def test_a_dark_of_nan_subtracts_nothing():
    _, references, _ = MIRI.exposure("dark_current", "nan", shape=(2, 3, 8, 9))
    references["dark"].data[:] = np.nan
    references["dark"].data[0, 0, 0, 0] = 0  # one without any number is refused
    result = DarkCurrentStep.call(MIRI.ramp(np.ones((2, 3, 8, 9))), override_dark=references["dark"])
    assert (result.data == 1).all()
