"""Exposures in stripes through the detector steps, against the released pipeline, and how they are put together."""

from __future__ import annotations

import importlib.util
import json
import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.dq_init import DQInitStep
from jwst.ipc import IPCStep
from jwst.lib.orientation import Orientation
from jwst.lib.stripes import StripeReadout
from jwst.linearity import LinearityStep
from jwst.pipeline import DarkPipeline
from jwst.refpix import RefPixStep
from jwst.refpix.read_times import LineClock, read_times
from jwst.refpix.reference_pixels import RefPixSettings
from jwst.refpix.stripes import correct_stripes
from jwst.refpix.superstripe import assemble, assembly_of, merged_times
from jwst.superbias import SuperBiasStep
from stpipe.exceptions import InputError

PARITY = Path(__file__).parents[2] / "parity"
REFERENCE = 2**31
NAN = np.nan


def _exposures():
    spec = importlib.util.spec_from_file_location("stripe_exposures", PARITY / "stripe_exposures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXPOSURES = _exposures()
CASES = [name for name in EXPOSURES.CASES if name != "uneven"]
OWN_READ_TIMES = ("gaps",)
OWN_NUMBERS = ("segment",)


@pytest.fixture(scope="module")
def vectors():
    with np.load(PARITY / "stripes.npz") as file:
        return dict(file)


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
    monkeypatch.setattr(DarkPipeline, "prefetch_references", False)


def reduce(name, last="linearity"):
    """Run the steps up to one of them on the exposure of a case."""
    keys = ["group_scale", "dq_init", "saturation", "ipc", "superbias", "refpix", "linearity"]
    steps = EXPOSURES.references(name)
    off = keys[keys.index(last) + 1 :] + (["ipc"] if EXPOSURES.values(name)["start"] == EXPOSURES.FULL else [])
    steps |= {key: {"skip": True} for key in off}
    return DarkPipeline(steps=steps).run(EXPOSURES.exposure(name))


def check_arrays(result, vectors, prefix):
    for part in ("data", "pixeldq", "groupdq", "zeroframe"):
        if f"{prefix}/{part}" in vectors:
            np.testing.assert_array_equal(getattr(result, part), vectors[f"{prefix}/{part}"], err_msg=part)


def check_metadata(result, vectors, name):
    expected = json.loads(str(vectors[f"{name}/refpix/meta"]))
    assert type(result).__name__ == expected.pop("class")
    found = {
        f"{branch}.{key}": value
        for branch in ("subarray", "exposure")
        for key, value in getattr(result.meta, branch).instance.items()
    }
    times = "exposure.read_times"
    ours, theirs = found.pop(times, None), expected.pop(times, None)
    if name not in OWN_READ_TIMES:
        assert (ours is None) == (theirs is None)
        assert ours is None or np.array(ours) == pytest.approx(np.array(theirs), rel=1e-12)
    assert found == {key: value for key, value in expected.items() if key in found}
    assert all(value is None for key, value in expected.items() if key not in found)


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_released_pipeline(vectors, name):
    result = reduce(name, "refpix")
    check_arrays(result, vectors, f"{name}/refpix")
    check_metadata(result, vectors, name)
    for table in ("int_times", "int_times_stripe"):
        if f"{name}/refpix/{table}" in vectors and name not in OWN_NUMBERS:
            expected, rows = vectors[f"{name}/refpix/{table}"], np.asarray(getattr(result, table))
            for column in expected.dtype.names:
                np.testing.assert_array_equal(rows[column], expected[column], err_msg=column)
    assert result.meta.cal_step.refpix == "COMPLETE"


@pytest.mark.parametrize("last", ["saturation", "superbias", "linearity"])
@pytest.mark.parametrize("name", ["three", "turned", "substripes turned", "repeats"])
def test_every_step_agrees_with_the_released_pipeline(vectors, name, last):
    assert f"{name}/{last}/data" in vectors
    check_arrays(reduce(name, last), vectors, f"{name}/{last}")


def simple(nints=6, ngroups=2, shape=(8, 8), **keywords):
    """The superstripe exposure of spec common_detector.md §7: three stripes of six lines after two reference lines."""
    model = datamodels.SuperstripeRampModel(np.ones((nints, ngroups, *shape), np.float32))
    model.pixeldq = np.zeros((3, *shape), np.uint32)
    model.meta.instrument.name, model.meta.instrument.detector = "NIRISS", "NIS"
    model.meta.exposure.type = "NIS_SOSS"
    where = model.meta.subarray
    where.xstart = where.ystart = 1
    where.ysize, where.xsize = shape
    where.fastaxis, where.slowaxis = 1, 2
    keys = ("multistripe_reads1", "multistripe_skips1", "multistripe_reads2", "multistripe_skips2")
    for key, value in zip(keys, (2, 5, 6, 0), strict=True):
        setattr(where, key, value)
    where.repeat_stripe, where.interleave_reads1, where.superstripe_step, where.num_superstripe = 1, 0, 6, 3
    model.meta.exposure.noutputs, model.meta.exposure.nints = 1, nints
    for key, value in keywords.items():
        setattr(where, key, value)
    return model


def full(model, shape=(25, 8)):
    """Give a reference its place."""
    model.meta.subarray.xstart = model.meta.subarray.ystart = 1
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape
    return model


def call_refpix(model, **options):
    return RefPixStep.call(model, override_refpix="N/A", override_sirskernel="N/A", **options)


def test_do_not_use_of_a_stripe_goes_to_its_integrations():
    mask = np.zeros((25, 8), np.uint32)
    mask[14, 3] = 1
    result = DQInitStep.call(simple(), override_mask=full(datamodels.MaskModel(dq=mask)))
    assert result.pixeldq.shape == (3, 8, 8)
    flagged = result.groupdq[:, :, 3, 3]
    assert flagged.tolist() == [[0, 0], [1, 1], [0, 0], [0, 0], [1, 1], [0, 0]]
    assert np.count_nonzero(result.groupdq) == flagged.sum()


def test_missing_flags_start_as_a_plane_for_each_stripe():
    model = simple()
    model.pixeldq = np.zeros((2, 8, 8), np.uint32)
    result = DQInitStep.call(model, override_mask=full(datamodels.MaskModel(dq=np.zeros((25, 8), np.uint32))))
    assert result.pixeldq.shape == (3, 8, 8)


def test_each_integration_has_the_bias_of_its_stripe():
    bias = np.broadcast_to(np.arange(25, dtype=np.float32)[:, None], (25, 8))
    result = SuperBiasStep.call(simple(), override_superbias=full(datamodels.SuperBiasModel(data=np.array(bias))))
    lines = [(1 - result.data[i, 1, :, 4]).tolist() for i in range(4)]
    assert lines == [[0, 1, *range(start, start + 6)] for start in (7, 13, 19, 7)]


def test_zero_frames_have_the_bias_of_their_stripe():
    model = simple()
    model.meta.exposure.zero_frame = True
    model.zeroframe = np.ones((6, 8, 8), np.float32)
    bias = np.broadcast_to(np.arange(25, dtype=np.float32)[:, None], (25, 8))
    result = SuperBiasStep.call(model, override_superbias=full(datamodels.SuperBiasModel(data=np.array(bias))))
    assert (1 - result.zeroframe[4, :, 0]).tolist() == [0, 1, *range(13, 19)]


def test_the_stripes_are_put_together():
    model = simple()
    model.data[:] = np.arange(6)[:, None, None, None]
    result = call_refpix(model)
    assert type(result) is datamodels.RampModel
    assert (result.data.shape, result.pixeldq.shape) == ((2, 2, 18, 8), (18, 8))
    assert result.data[:, 1, :, 0].tolist() == [[0] * 6 + [1] * 6 + [2] * 6, [3] * 6 + [4] * 6 + [5] * 6]
    where = result.meta.subarray
    assert (where.ystart, where.ysize, where.xstart, where.xsize) == (8, 18, 1, 8)
    assert where.num_superstripe is where.multistripe_reads1 is None
    assert result.meta.exposure.nints == 2
    assert not result.meta.exposure.read_times
    assert model.data.shape == (6, 2, 8, 8), "the input of the caller was changed"


def test_lines_without_data_are_blank():
    result = call_refpix(simple(superstripe_step=8))
    assert result.data.shape == (2, 2, 22, 8)
    assert np.isnan(result.data[0, 0, 6:8]).all()
    assert (result.pixeldq[6:8] == REFERENCE).all()
    assert not result.groupdq.any()


def test_some_subarrays_become_full_frames():
    result = call_refpix(simple(name="SUB60STRIPE_SOSS"))
    assert result.data.shape == (2, 2, 2048, 8)
    assert (result.meta.subarray.ystart, result.meta.subarray.ysize) == (1, 2048)
    assert np.count_nonzero(~np.isnan(result.data[0, 0, :, 0])) == 18
    assert (result.data[0, 0, 7:25] == 1).all()


def test_repeated_ranges_become_groups():
    model = simple(ngroups=2, shape=(16, 8))
    model.data[:] = np.arange(16)[:, None]
    model.meta.exposure.ngroups = 2
    result = call_refpix(model)
    assert result.data.shape == (2, 4, 18, 8)
    assert result.data[0, :, 0, 0].tolist() == [2, 10, 2, 10]
    assert result.meta.exposure.ngroups == 4
    assert len(result.meta.exposure.read_times) == 4


def test_reference_pixels_of_an_amplifier_are_used():
    model = simple()
    model.pixeldq[:, :2] = REFERENCE
    model.data[:, :, :2, 0::2], model.data[:, :, :2, 1::2] = 10, 20
    model.data[:, :, 2:] = 100
    result = call_refpix(model)
    assert result.data[0, 0, 5].tolist() == [90, 80] * 4
    assert (call_refpix(model, odd_even_columns=False).data[0, 0, 5] == 85).all()


def test_columns_are_counted_from_each_amplifier():
    data, dq = np.zeros((1, 4, 20), np.float32), np.zeros((4, 20), np.uint32)
    dq[0] = REFERENCE
    data[:, :, :7], data[:, :, 7:] = 1, 3
    dq[0, 7::2] = 0
    settings = RefPixSettings(odd_even_columns=True)
    correct_stripes(data, dq, orientation=Orientation(1, 2), first=505, settings=settings)
    assert (data[0, 1, :7] == 0).all()
    assert (data[0, 1, 7:] == 3).all(), "one parity of this amplifier has no reference pixel"


def test_without_reference_pixels_nothing_is_subtracted():
    result = call_refpix(simple())
    assert (result.data == 1).all()
    assert result.meta.cal_step.refpix == "COMPLETE"


def test_nan_among_the_reference_pixels_spreads():
    model = simple()
    model.pixeldq[:, :2] = REFERENCE
    model.data[0, 0, 0, 0] = NAN
    result = call_refpix(model)
    assert np.isnan(result.data[0, 0, :6, 0::2]).all()
    assert not np.isnan(result.data[0, 0, :6, 1::2]).any()


def test_a_file_is_opened_with_a_plane_of_flags_for_each_stripe(tmp_path):
    path = tmp_path / "a_uncal.fits"
    model = datamodels.Level1bModel(np.ones((6, 2, 8, 8), np.uint16))
    model.update(simple())
    model.save(path)
    result = DQInitStep.call(str(path), override_mask=full(datamodels.MaskModel(dq=np.zeros((25, 8), np.uint32))))
    assert type(result) is datamodels.SuperstripeRampModel
    assert result.pixeldq.shape == (3, 8, 8)
    assert call_refpix(result).data.shape == (2, 2, 18, 8)


def test_linearity_needs_stripes_that_are_put_together():
    coeffs = full(datamodels.LinearityModel(coeffs=np.ones((3, 25, 8), np.float32)))
    with pytest.raises(InputError, match="run refpix first"):
        LinearityStep.call(simple(), override_linearity=coeffs)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (simple(nints=5), "5 integrations are no whole number of superstripes"),
        (simple(superstripe_step=1100), "lead to line 2213 of a detector"),
        (simple(multistripe_skips1=None), "MSTR_SK1"),
        (simple(xstart=None), "Can't determine science file subarray properties.*SUBSTRT1"),
        (simple(ysize=9), "SUBSIZE2 say 9 lines, but the array is 8 x 8"),
        (simple(multistripe_reads2=5), "Stripe readout does not match"),
    ],
    ids=["integrations", "detector", "keyword", "corner", "size", "lines"],
)
def test_exposures_that_are_not_possible(model, message):
    with pytest.raises(InputError, match=message):
        call_refpix(model)


def test_flags_without_a_plane_for_each_stripe_are_refused():
    model = simple()
    model.pixeldq = np.zeros((1, 8, 8), np.uint32)
    with pytest.raises(InputError, match="run dq_init"):
        call_refpix(model)


def test_read_times_need_the_number_of_outputs():
    model = simple(shape=(16, 8))
    model.meta.exposure.noutputs = None
    with pytest.raises(InputError, match="NOUTPUTS"):
        call_refpix(model)


def times_table(count):
    model = datamodels.RampModel()
    table = np.zeros(count, model.get_dtype("int_times"))
    table["integration_number"] = np.arange(1, count + 1)
    for offset, column in enumerate(("int_start", "int_mid", "int_end")):
        for scale in ("MJD_UTC", "BJD_TDB"):
            table[f"{column}_{scale}"] = 10 * np.arange(count) + 4 * offset
    return table


def test_times_of_stripes_are_merged():
    whole, stripes = merged_times(times_table(6), 3, first=5)
    assert whole["integration_number"].tolist() == [5, 6]
    assert whole["int_start_MJD_UTC"].tolist() == [0, 30]
    assert whole["int_end_BJD_TDB"].tolist() == [28, 58]
    assert whole["int_mid_MJD_UTC"].tolist() == [14, 44]
    assert stripes["stripe_number"].tolist() == [1, 2, 3] * 2
    assert stripes["integration_number"].tolist() == [5, 5, 5, 6, 6, 6]
    assert stripes["int_mid_BJD_TDB"].tolist() == [4, 14, 24, 34, 44, 54]


@pytest.mark.parametrize(("rows", "first"), [(6, 3), (18, 1)], ids=["table of the segment", "table of the exposure"])
def test_integrations_of_a_segment_are_numbered_in_superstripes(rows, first):
    model = simple()
    exposure = model.meta.exposure
    exposure.nints, exposure.integration_start, exposure.integration_end = 18, 7, 12
    table = times_table(rows)
    table["integration_number"] += 6 if rows == 6 else 0
    model.int_times = table
    result = call_refpix(model)
    exposure = result.meta.exposure
    assert (exposure.nints, exposure.integration_start, exposure.integration_end) == (6, 3, 4)
    assert result.int_times["integration_number"].tolist() == list(range(first, first + rows // 3))
    assert len(result.int_times_stripe) == rows


def test_without_times_there_are_none():
    assert not call_refpix(simple()).hasattr("int_times_stripe")


@pytest.mark.parametrize(
    ("columns", "outputs", "lines", "frame"),
    [(12, 1, 8, 24 * 10), (6, 1, 8, 18 * 11), (12, 4, 8, 15 * 9 + 1), (12, 2, 8, 18 * 11)],
    ids=["one output", "few columns", "four outputs", "two outputs"],
)
def test_time_of_a_frame(columns, outputs, lines, frame):
    assert LineClock(columns, outputs).frame(lines) == pytest.approx(frame * 1e-5)


def test_read_times_of_averaged_groups():
    readout = StripeReadout(Orientation(1, 2), 0, 24, 2, 5, 6, 0, repeat=True, step=6, number=3)
    clock = LineClock(12, 1, nframes=2, groupgap=1)
    times = np.array(read_times(clock, readout, 2))
    reset, again, frame = clock.frame(8), clock.lines(8), clock.frame(24)
    first = np.array([reset, reset + again, reset + 2 * again])
    assert times[:3, 0] == pytest.approx(first)
    assert times[3:, 0] == pytest.approx(first[-1] + 2 * frame + first)
    assert np.diff(times, axis=1) == pytest.approx(np.full((6, 1), frame))


def test_assembly_is_the_same_for_all_orientations():
    where = simple().meta.subarray
    for axes, corner in (((1, -2), (1, 2048)), ((-2, -1), (2048, 1)), ((2, 1), (1, 1))):
        values = {key: value for key, value in where.instance.items() if key[:5] in ("multi", "super", "num_s")}
        values |= {"repeat_stripe": 1, "interleave_reads1": 0, "xsize": 8, "ysize": 8, "name": "SUB64"}
        node = SimpleNamespace(fastaxis=axes[0], slowaxis=axes[1], xstart=corner[0], ystart=corner[1], **values)
        assembly = assembly_of(node)
        assert (assembly.first, assembly.size, assembly.repeats) == (7, 18, 1)
        assert assembly.start == (8 if axes[1] > 0 else 2048 - 25 + 1)
        ramps = assembly.readout.orientation.to_science(np.arange(8.0)[:, None] * np.ones((3, 1, 1, 8)))
        whole = assembly.readout.orientation.to_detector(assembly.ramps(ramps, NAN))
        assert whole[0, 0, :, 0].tolist() == list(range(2, 8)) * 3


def test_assembly_logs_what_it_does(caplog):
    caplog.set_level(logging.INFO, logger="jwst")
    assemble(simple())
    assert "3 stripes are put together to 18 lines" in caplog.text


@pytest.mark.parametrize("start", [1, 2048], ids=["forwards", "backwards"])
def test_ipc_spares_the_first_lines_from_either_side(start):
    """The released pipeline fails for readouts that start at the last line."""
    model = simple(xstart=start, fastaxis=-2, slowaxis=1 if start == 1 else -1, ystart=101)
    kernel = datamodels.IPCModel(data=np.array([[0, 0, 0], [0, 2, 0], [0, 0, 0]], np.float32))
    line = IPCStep.call(model, override_ipc=kernel).data[0, 0, 5]
    assert line[:: 1 if start == 1 else -1].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
