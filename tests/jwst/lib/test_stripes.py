"""Which lines stripe readouts deliver, and which part of a reference belongs to them (spec common_detector.md §7)."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdatamodels.jwst import datamodels

from jwst.lib.orientation import FULL_SIZE, Orientation
from jwst.lib.reference import open_reference
from jwst.lib.stripes import StripeReadout, integrations, is_striped, plane_of, stripe_readout, superstripes
from stpipe.exceptions import InputError

KEYS = (
    "multistripe_reads1",
    "multistripe_skips1",
    "multistripe_reads2",
    "multistripe_skips2",
    "repeat_stripe",
    "interleave_reads1",
    "superstripe_step",
    "num_superstripe",
)
SUPERSTRIPE = (2, 5, 6, 0, 1, 0, 6, 3)
NORTH = Orientation(1, 2)


def subarray(stripes=SUPERSTRIPE, *, axes=(1, 2), corner=(1, 1), shape=(8, 8), name="SUB64"):
    values = dict(zip(KEYS, stripes, strict=True))
    values |= {"xstart": corner[0], "ystart": corner[1], "xsize": shape[1], "ysize": shape[0], "name": name}
    return SimpleNamespace(fastaxis=axes[0], slowaxis=axes[1], **values)


def science(nints=6, **where):
    """What the reference and the steps look at of an exposure."""
    found = subarray(**where)
    instrument = SimpleNamespace(name="NIRISS")
    meta = SimpleNamespace(subarray=found, instrument=instrument)
    return SimpleNamespace(meta=meta, data=np.zeros((nints, 2, found.ysize, found.xsize), np.float32))


def mask(shape, corner=(1, 1), axis=0):
    """A mask that has the index of its line in every pixel."""
    line = np.arange(shape[axis], dtype=np.uint32)
    model = datamodels.MaskModel(dq=np.array(np.broadcast_to(line[:, None] if axis == 0 else line, shape)))
    model.meta.subarray.xstart, model.meta.subarray.ystart = corner
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape
    return model


@pytest.fixture(params=["model", "file"])
def as_source(request, tmp_path):
    def make(model):
        if request.param == "model":
            return model
        path = tmp_path / "reference.fits"
        model.save(path)
        return str(path)

    return make


def cut(source, exposure):
    with open_reference(source, exposure, "mask") as reference:
        return reference.dq()


def test_superstripe_planes(as_source):
    planes = cut(as_source(mask((25, 8))), science())
    assert planes.shape == (3, 8, 8)
    assert planes.flags.c_contiguous
    assert planes[:, :, 5].tolist() == [[0, 1, *range(start, start + 6)] for start in (7, 13, 19)]


def test_superstripe_planes_of_a_detector_that_is_read_sideways_and_backwards(as_source):
    exposure = science(axes=(-2, -1), corner=(FULL_SIZE, 1))
    planes = cut(as_source(mask((8, FULL_SIZE), axis=1)), exposure)
    assert planes[:, 3].tolist() == [[*range(start, start + 6), 2046, 2047] for start in (2035, 2029, 2023)]


@pytest.mark.parametrize(
    ("repeat", "interleave", "size", "expected"),
    [
        (0, 0, 11, [0, 1, 7, 8, 9, 14, 15, 16, 21, 22, 23]),
        (1, 1, 15, [0, 1, 7, 8, 9, 0, 1, 14, 15, 16, 0, 1, 21, 22, 23]),
        (1, 0, 15, [0, 1, 7, 8, 9] * 3),
    ],
    ids=["on", "interleaved", "repeated"],
)
def test_sub_stripes(as_source, repeat, interleave, size, expected):
    exposure = science(stripes=(2, 5, 3, 4, repeat, interleave, 0, 0), shape=(size, 8))
    plane = cut(as_source(mask((30, 8))), exposure)
    assert plane.shape == (size, 8)
    assert plane[:, 0].tolist() == expected


def test_cubes_are_cut_for_sub_stripes():
    model = datamodels.LinearityModel(coeffs=np.arange(30, dtype=np.float32)[:, None] * np.ones((3, 1, 8), np.float32))
    model.meta.subarray.xstart = model.meta.subarray.ystart = 1
    model.meta.subarray.ysize, model.meta.subarray.xsize = 30, 8
    exposure = science(stripes=(2, 5, 3, 4, 0, 0, 0, 0), shape=(11, 8))
    with open_reference(model, exposure, "linearity") as reference:
        coeffs = reference.array("coeffs")
    assert coeffs.shape == (3, 11, 8)
    assert coeffs[2, :, 4].tolist() == [0, 1, 7, 8, 9, 14, 15, 16, 21, 22, 23]


def test_cubes_are_refused_for_superstripes():
    model = datamodels.LinearityModel(coeffs=np.zeros((3, 30, 8), np.float32))
    model.meta.subarray.xstart = model.meta.subarray.ystart = 1
    model.meta.subarray.ysize, model.meta.subarray.xsize = 30, 8
    with (
        open_reference(model, science(), "linearity") as reference,
        pytest.raises(InputError, match="reference images only.*run refpix first"),
    ):
        reference.array("coeffs")


def test_the_fast_axis_is_cut():
    reference = mask((25, 20), axis=1)
    planes = cut(reference, science(corner=(5, 1)))
    assert planes[1, 4].tolist() == list(range(4, 12))


def test_a_reference_that_is_a_subarray_itself():
    exposure = science(corner=(5, 9))
    assert cut(mask((25, 8), corner=(5, 9)), exposure)[0, :, 0].tolist() == [0, 1, *range(7, 13)]


def test_flags_without_a_dq_array_are_zeros():
    model = datamodels.SuperBiasModel(data=np.ones((25, 8), np.float32))
    model.meta.subarray.xstart = model.meta.subarray.ystart = 1
    model.meta.subarray.ysize, model.meta.subarray.xsize = 25, 8
    del model.dq
    with open_reference(model, science(), "superbias") as reference:
        assert reference.dq().shape == (3, 8, 8)
        assert not reference.dq().any()
        assert reference.array("data").shape == (3, 8, 8)


@pytest.mark.parametrize("corner", [(1, 5), (2, 1)], ids=["lines", "pixels"])
def test_a_reference_that_is_too_small(corner):
    with pytest.raises(InputError, match=r"Bad reference file slice indexes.*mask reference"):
        cut(mask((25, 8)), science(corner=corner))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"multistripe_skips1": None}, "MSTR_SK1"),
        ({"fastaxis": None}, "Can't determine science file subarray properties.*FASTAXIS"),
        ({"xsize": None}, "SUBSIZE1"),
        ({"ystart": 0}, "Bad subarray corners"),
        ({"fastaxis": 2}, "FASTAXIS"),
    ],
    ids=["skips", "axis", "size", "corner", "axes"],
)
def test_keywords_that_are_not_possible(changes, message):
    found = subarray()
    for key, value in changes.items():
        setattr(found, key, value)
    with pytest.raises(InputError, match=message):
        stripe_readout(found)


def test_lines_that_do_not_fill_the_exposure():
    with pytest.raises(InputError, match="Stripe readout does not match science array shape"):
        stripe_readout(subarray(shape=(10, 8))).ranges()


def test_nothing_is_read():
    with pytest.raises(InputError, match="MSTR_RD2=0"):
        stripe_readout(subarray((2, 5, 0, 0, 0, 0, 0, 0))).ranges()


def test_without_reads2_a_superstripe_is_as_wide_as_its_step():
    given_reads, by_step = subarray(SUPERSTRIPE), subarray((2, 5, 0, 0, 1, 0, 6, 3))
    assert stripe_readout(by_step).ranges(1) == stripe_readout(given_reads).ranges(1)


def test_a_backward_readout_from_1_starts_at_the_first_line(caplog):
    assert stripe_readout(subarray(axes=(1, -2))).start == 0
    assert "SLOWAXIS=-2" in caplog.text


def test_dhs_starts_at_the_first_line(caplog):
    assert stripe_readout(subarray(corner=(1, 33), name="SUB41STRIPE1_DHS")).start == 0
    assert "SUB41STRIPE1_DHS" in caplog.text
    assert stripe_readout(subarray(corner=(1, 33))).start == 32


def test_integrations_of_superstripes():
    assert list(integrations(science())) == [(slice(i, i + 1), i % 3) for i in range(6)]
    assert superstripes(science()) == 3


def test_integrations_of_other_exposures():
    plain = science(stripes=(None,) * 8)
    assert list(integrations(plain)) == [(slice(None), None)]
    assert not is_striped(plain)
    planes = np.arange(6).reshape(3, 2)
    assert plane_of(planes, None) is planes
    assert plane_of(planes, 1).tolist() == [2, 3]


def test_an_incomplete_superstripe_is_refused():
    with pytest.raises(InputError, match="5 integrations are no whole number of superstripes of SSTR_NST=3"):
        list(integrations(science(nints=5)))


@given(
    st.integers(0, 4),
    st.integers(0, 5),
    st.integers(1, 6),
    st.integers(0, 5),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
)
def test_ranges_fill_the_exposure_without_gap(reads1, skips1, reads2, skips2, count, repeat, interleave):
    """However the ranges lie on the detector, they tile the exposure in order."""
    size = reads1 + reads2 + (count - 1) * (reads2 + (reads1 if repeat else 0))
    readout = StripeReadout(NORTH, 3, size, reads1, skips1, reads2, skips2, repeat, interleave)
    ranges = readout.ranges()
    assert [item.target for item in ranges] == np.cumsum([0, *(item.number for item in ranges[:-1])]).tolist()
    assert len(readout.lines()) == size
    assert len(readout.science_ranges()) == count
    moved = replace(readout, start=10).lines()
    assert (moved - readout.lines() == 7).all()
