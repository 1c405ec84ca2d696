"""Simulated exposures of the guiders: what is in them comes out of calwebb_guider."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.pipeline import GuiderPipeline
from jwst.simulation.guider_exposures import GUIDER_MODES, TABLES, guider_exposure
from jwst.simulation.guiders import GAIN, READ_NOISE
from stpipe.exceptions import InputError

DEAD = (4, 6)
FLAT = 2.0


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
    monkeypatch.setattr(GuiderPipeline, "prefetch_references", False)


def references(raw):
    """Constant references of the place of an exposure, with one dead pixel."""
    shape = raw.data.shape[-2:]
    mask = np.zeros(shape, np.uint32)
    mask[DEAD] = 1024

    def put(model):
        model.meta.subarray = raw.meta.subarray
        model.meta.instrument.name = "FGS"
        return model

    gain = put(datamodels.GainModel(data=np.full(shape, GAIN, np.float32)))
    noise = put(datamodels.ReadnoiseModel(data=np.full(shape, READ_NOISE, np.float32)))
    flat = datamodels.FlatModel(data=np.full(shape, FLAT, np.float32))
    flat.err, flat.dq = np.zeros(shape, np.float32), np.zeros(shape, np.uint32)
    return {
        "dq_init": {"override_mask": put(datamodels.MaskModel(dq=mask))},
        "guider_cds": {"override_gain": gain, "override_readnoise": noise},
        "flat_field": {"override_flat": put(flat)},
    }


@pytest.mark.parametrize("exp_type", GUIDER_MODES)
def test_every_mode_from_raw_to_calibrated(exp_type, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = guider_exposure(exp_type, star=5e5)
    before = raw.data.copy()
    mode = GUIDER_MODES[exp_type]
    cal = GuiderPipeline.call(raw, steps=references(raw), save_results=True, suffix="zzz")
    assert [path.name for path in tmp_path.iterdir()] == [raw.meta.filename.replace("_uncal", "_cal")]
    assert type(cal) is datamodels.GuiderCalModel
    nints, _, ny, nx = mode.shape
    assert cal.data.shape == cal.err.shape == (1 if exp_type.startswith("FGS_ID") else nints, ny, nx)
    assert cal.dq.shape == (ny, nx)
    assert cal.dq[DEAD] == 1024
    assert np.count_nonzero(cal.dq) == 1
    assert cal.data.dtype == cal.err.dtype == np.float32
    status = cal.meta.cal_step
    assert status.dq_init == status.guider_cds == status.flat_field == "COMPLETE"
    assert cal.meta.bunit_data == "DN/s"
    for name in TABLES[exp_type]:
        assert len(getattr(cal, name)) == 3
    np.testing.assert_array_equal(raw.data, before)
    peak = np.unravel_index(np.argmax(cal.data.mean(axis=0)), (ny, nx))
    assert abs(peak[0] - (ny - 1) / 2) <= 1
    assert abs(peak[1] - (nx - 1) / 2) <= 1


@pytest.mark.parametrize("exp_type", ["FGS_ACQ1", "FGS_TRACK", "FGS_FINEGUIDE"])
def test_the_rate_of_the_star_is_recovered(exp_type):
    star, sky = 3e5, 50.0
    raw = guider_exposure(exp_type, star=star, sky=sky)
    cal = GuiderPipeline.call(raw, steps=references(raw))
    ny, nx = cal.data.shape[-2:]
    rate = FLAT * cal.data.astype(np.float64)
    total = rate.sum(axis=(1, 2)) - sky * ny * nx
    assert total.mean() == pytest.approx(star, rel=0.05)


def test_the_same_seed_gives_the_same_pixels():
    first, again, other = (guider_exposure("FGS_ACQ2", seed=seed).data for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("exp_type", "guider", "message"),
    [("NRC_IMAGE", "GUIDER1", "FGS_FINEGUIDE"), ("FGS_ACQ1", "GUIDER3", "GUIDER2")],
    ids=["mode", "guider"],
)
def test_unknown_modes_and_guiders(exp_type, guider, message):
    with pytest.raises(InputError, match=message):
        guider_exposure(exp_type, guider=guider)
