"""The rscd step: equal to the released pipeline (vectors made by tests/parity/make_miri.py), and when it is skipped."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from astropy.io import fits
from stdatamodels.jwst import datamodels

from jwst.rscd import RscdStep
from stpipe.exceptions import InputError
from tests.parity import miri as MIRI

pytestmark = pytest.mark.usefixtures("offline")


def call(model, rows=(("SUB64", "FASTR1", 2, 4),), **options):
    return RscdStep.call(model, override_rscd=MIRI.rscd(list(rows)), **options)


def exposure(nints=2, ngroups=10, **where):
    return MIRI.ramp(np.ones((nints, ngroups, 2, 2)), **where)


def flagged(result):
    return (result.groupdq[:, :, 1, 1] & 1).sum(axis=1).tolist()


@pytest.mark.parametrize("as_file", [False, True], ids=["model", "file"])
@pytest.mark.parametrize("name", MIRI.CASES["rscd"])
def test_equal_to_the_released_pipeline(name, as_file, tmp_path):
    model, references, _ = MIRI.exposure("rscd", name, **MIRI.CASES["rscd"][name])
    source = references["rscd"]
    if as_file:
        source = str(tmp_path / "rscd.fits")
        references["rscd"].save(source)
    MIRI.check(RscdStep.call(model, override_rscd=source), "rscd", name)


def test_keywords():
    meta = call(exposure()).meta.rscd
    assert (meta.ngroups_skip_int1, meta.ngroups_skip_int2p) == (2, 4)
    assert (meta.keep_groups_saturation_int1, meta.keep_groups_saturation_int2p) == (0, 0)
    assert (meta.keep_bright_firstgroup_int1, meta.keep_bright_firstgroup_int2p) == (0, 0)


def test_one_integration_has_no_keywords_of_others():
    result = call(exposure(nints=1))
    assert flagged(result) == [2]
    assert result.meta.rscd.ngroups_skip_int2p is None


def test_a_later_segment_has_no_first_integration():
    model = exposure()
    model.meta.exposure.integration_start, model.meta.exposure.nints = 3, 6
    result = call(model)
    assert flagged(result) == [4, 4]
    assert result.meta.rscd.ngroups_skip_int1 is None


@pytest.mark.parametrize("nints", [None, 1])
def test_the_array_counts_where_nints_is_missing_or_wrong(nints):
    model = exposure()
    model.meta.exposure.nints = nints
    assert flagged(call(model)) == [2, 4]


def test_the_old_name_of_a_subarray():
    assert flagged(call(exposure(subarray="SUBPRISM"), [("SLITLESSPRISM", "FASTR1", 1, 3)])) == [1, 3]


def test_old_references_are_used_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        assert flagged(call(exposure(), [("SUB64", "FASTR1", -1, 4)])) == [1, 4]
    assert "old" in caplog.text


def test_an_old_file_without_the_column(tmp_path):
    columns = [
        fits.Column("subarray", "17A", array=["SUB64"]),
        fits.Column("readpatt", "12A", array=["FASTR1"]),
        fits.Column("group_skip", "J", array=[3]),
    ]
    path = str(tmp_path / "old.fits")
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="RSCD_GROUP_SKIP")]).writeto(path)
    assert flagged(RscdStep.call(exposure(), override_rscd=path)) == [1, 3]


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        (exposure(ngroups=2), [("SUB64", "FASTR1", 2, 4)]),
        (exposure(ngroups=1), [("SUB64", "FASTR1", 2, 4)]),
        (exposure(subarray="SUB128"), [("SUB64", "FASTR1", 2, 4)]),
        (exposure(readpatt="SLOWR1"), [("SUB64", "FASTR1", 2, 4)]),
        (exposure(subarray=None), [("SUB64", "FASTR1", 2, 4)]),
    ],
    ids=["two groups", "one group", "other subarray", "other pattern", "no name"],
)
def test_skipped(model, rows):
    result = call(model, rows)
    assert result.meta.cal_step.rscd == "SKIPPED"
    assert not result.groupdq.any()
    assert not result.meta.rscd.instance


def test_three_groups_are_too_few_to_lose_one():
    result = call(exposure(ngroups=3))
    assert flagged(result) == [0, 0]
    assert result.meta.cal_step.rscd == "COMPLETE"


def test_all_groups_saturated():
    model = exposure()
    model.groupdq[:] = 2
    assert flagged(call(model)) == [2, 4]
    assert not call(model).pixeldq.any()


def test_other_instruments_are_skipped_before_a_reference_is_looked_for():
    model = exposure()
    model.meta.instrument.name, model.meta.instrument.detector = "NIRCAM", "NRCA1"
    assert RscdStep.call(model).meta.cal_step.rscd == "SKIPPED"


def test_without_a_reference_it_is_skipped():
    assert RscdStep.call(exposure(), override_rscd="N/A").meta.cal_step.rscd == "SKIPPED"


def test_a_reference_without_the_table_is_refused():
    with pytest.raises(InputError, match="RSCD_GROUP_SKIP"):
        RscdStep.call(exposure(), override_rscd=datamodels.GainModel(data=np.ones((2, 2), np.float32)))
