"""IRS2 in refpix: parity with the released pipeline, spec refpix.md "Testable statements", laws of the core."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.lib.recfunctions
import pytest

from jwst.refpix import RefPixStep
from jwst.refpix.irs2 import correct_irs2, irs2_filters
from jwst.refpix.irs2_bad import find_bad_lines, replace_lines
from jwst.refpix.irs2_layout import line_slots, normal_lines, sampled_lines
from jwst.refpix.irs2_transform import SERIES, SLOTS, Transformer, cyclic_places, new_series, transfer
from stpipe.exceptions import InputError

PARITY = Path(__file__).parents[2] / "parity"
LINES, FULL = 3200, 2048


@pytest.fixture(scope="module")
def make():
    sys.path.insert(0, str(PARITY))
    try:
        import make_refpix_irs2
    finally:
        sys.path.remove(str(PARITY))
    return make_refpix_irs2


@pytest.fixture(scope="module")
def table(make):
    return make.irs2_table()


@pytest.fixture(scope="module")
def still(make):
    """A table of zeros: nothing but drifts is subtracted."""
    return np.zeros_like(make.irs2_table())


@pytest.fixture(scope="module")
def filters(still):
    return irs2_filters(still)


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
    monkeypatch.syspath_prepend(str(PARITY))


@pytest.fixture(scope="module")
def vectors():
    with np.load(PARITY / "refpix_irs2.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", ["nrs1", "integrations", "one group", "mean", "preserved", "zeros"])
def test_parity(name, make, table, vectors):
    case = make.IRS2_CASES[name]
    model = make.nirspec(*make.build_irs2(name, **case), case["sca"])
    reference = make.irs2_reference(table, case.get("masks", {}))
    result = RefPixStep.call(model, override_refpix=reference, **case.get("options", {}))
    assert result.meta.cal_step.refpix == "COMPLETE"
    np.testing.assert_allclose(result.data[..., make.ROWS, make.COLUMNS], vectors[f"{name}/data"], rtol=2e-7, atol=3e-4)
    np.testing.assert_allclose(make.irs2_sums(result.data), vectors[f"{name}/sums"], rtol=0, atol=64 * FULL * 5e-5)
    bad = np.flatnonzero((result.pixeldq & 131073) == 131073)[::97]
    np.testing.assert_array_equal(bad, vectors[f"{name}/bad"])
    sums = [result.pixeldq.sum(dtype=np.int64), *result.groupdq.shape[-2:]]
    np.testing.assert_array_equal(sums, vectors[f"{name}/flags"])


@pytest.mark.parametrize("ngroups", [2, 3])
def test_the_drift_has_the_rounding_of_the_release(ngroups, make, still, vectors):
    """Which samples equal it exactly, and so count as missing, is a matter of the last bit."""
    name = f"whole numbers {ngroups}"
    case = make.STILL_CASES[name]
    data, pixeldq = make.build_whole(name, **case)
    model = make.nirspec(data.copy(), pixeldq, case["sca"])
    result = RefPixStep.call(model, override_refpix=make.irs2_reference(still, {}), **case["options"]).data
    missing = make.missing_samples(data, result)
    assert [missing.size, missing.sum()] == vectors[f"{name}/missing"].tolist()
    np.testing.assert_array_equal(result[:, :, 640:][..., make.ROWS, make.COLUMNS], vectors[f"{name}/data"])
    sums = make.irs2_sums(result)[..., :10]
    np.testing.assert_allclose(sums, vectors[f"{name}/sums"], rtol=0, atol=64 * FULL * 5e-5)


def test_a_filter_is_what_fourier_transforms_of_the_series_in_time_make():
    rng = np.random.default_rng(1)
    series = rng.standard_normal(SERIES).astype(np.float32)
    factors = rng.standard_normal((SERIES, 2)).astype(np.float32).view(np.complex64)[:, 0]
    places = cyclic_places(np.arange(SLOTS)).T.ravel()
    assert (np.sort(places) == np.arange(SERIES)).all()
    arranged, filtered = new_series(), new_series()
    arranged.ravel()[places] = series
    transformer = Transformer()
    transformer.filtered([(transformer.spectrum(arranged), transfer(factors))], filtered)
    expected = np.fft.ifft(np.fft.fft(series.astype(np.float64)) * factors).real
    np.testing.assert_allclose(filtered.ravel()[places], expected, atol=1e-5)


def test_the_clock_of_a_line():
    slots = line_slots()
    assert slots[:14].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15]
    assert (np.diff(slots) > 0).all()
    assert slots[-1] == 703
    assert normal_lines()[:10].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 12, 13]
    assert sampled_lines()[:5].tolist() == [8, 10, 9, 11, 28]


def test_differences_between_groups_that_are_a_drift_are_removed(filters):
    data = np.zeros((1, 2, LINES, FULL), np.float32)
    data[:, 0], data[:, 1] = 100, 200
    data[0, 1, 700, 1000] += 30
    result = correct_irs2(data, filters)
    assert result.shape == (1, 2, FULL, FULL)
    np.testing.assert_allclose(result[0, :, 48, 1000], [150, 180], atol=1e-4)
    others = np.delete(result.reshape(2, -1), 48 * FULL + 1000, axis=1)
    np.testing.assert_allclose(others, 150, atol=1e-4)


def test_one_group_only_loses_its_reference_pixels(filters):
    data = np.full((1, 1, LINES, FULL), 100, np.float32)
    data[0, 0, 700, 1000] = 130
    result = correct_irs2(data, filters)
    assert result[0, 0, 48, 1000] == 130
    assert (np.delete(result.ravel(), 48 * FULL + 1000) == 100).all()


def test_noise_of_the_reference_output_is_subtracted(still):
    for output in range(4):
        still = still.copy()
        still[f"alpha_{output}"][::2] = 1
    data = np.full((1, 2, LINES, FULL), 100, np.float32)
    data[:, 1] += (100 + 20 * np.cos(2 * np.pi * 8 * np.arange(FULL) / FULL)).astype(np.float32)
    result = correct_irs2(data, irs2_filters(still))
    expected = 150 + 10 * np.cos(2 * np.pi * 8 * np.arange(FULL) / FULL)
    np.testing.assert_allclose(result[0, :, 17], np.broadcast_to(expected, (2, FULL)), atol=1e-3)


def test_both_detectors_are_the_same_seen_in_readout_order(table):
    rng = np.random.default_rng(3)
    data = rng.standard_normal((1, 2, LINES, FULL), dtype=np.float32)
    filters = irs2_filters(table)
    turned = correct_irs2(np.ascontiguousarray(data[..., ::-1, ::-1]), filters, backwards=True)
    np.testing.assert_array_equal(turned[..., ::-1, ::-1], correct_irs2(data, filters))


def test_pairs_that_stand_out_are_bad():
    rng = np.random.default_rng(4)
    data = rng.normal(1000, 5, (1, 1, LINES, 64)).astype(np.float32)
    data[..., 708:710, :] += 200
    data[..., 1310:1312, :] += rng.normal(0, 100, (2, 64))
    data[..., 1948, :] += rng.normal(0, 60, 64)
    pixeldq = np.zeros((LINES, 64), np.uint32)
    pixeldq[2570, 3] = 131072
    bad = np.flatnonzero(find_bad_lines(data, pixeldq, 6.0))
    assert bad.tolist() == [708, 709, 1310, 1311, 1948, 1949, 2570]


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        pytest.param([708], (688 + 728) / 2, id="both neighbours"),
        pytest.param([648], 668, id="at the start of a sector"),
        pytest.param([708, 728], 688, id="one neighbour"),
        pytest.param([708, 688, 728], 710, id="the other pair"),
        pytest.param([708, 688, 728, 710], 0, id="nothing"),
    ],
)
def test_bad_lines_are_replaced_by_their_neighbours(bad, expected):
    planes = np.repeat(np.arange(LINES, dtype=np.float32)[:, None], 3, axis=1)
    flags = np.zeros(LINES, bool)
    flags[bad] = True
    replace_lines(planes, flags, np.array(bad[:1]))
    assert (planes[bad[0]] == expected).all()


def exposure(make, ngroups=1, **changes):
    model = make.nirspec(np.zeros((1, ngroups, LINES, FULL)), np.zeros((LINES, FULL), np.uint32), make.NRS1)
    for path, value in changes.items():
        group, name = path.split("__")
        setattr(getattr(model.meta, group), name, value)
    return model


def test_no_reference_means_skipped_with_all_rows(make):
    result = RefPixStep.call(exposure(make), override_refpix="N/A")
    assert result.meta.cal_step.refpix == "SKIPPED"
    assert result.data.shape == (1, 1, LINES, FULL)


@pytest.mark.parametrize("length", [0, SERIES, 2 * SERIES - 2, 2 * SERIES + 2])
def test_a_table_of_another_length_is_an_error(make, still, length):
    reference = make.irs2_reference(np.resize(still, length), {})
    with pytest.raises(InputError, match=rf"IRS2 table of .* has {length} rows; 2916352 are needed: use another"):
        RefPixStep.call(exposure(make), override_refpix=reference)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("column", ["alpha_0", "beta_3"])
def test_coefficients_that_are_no_numbers_are_an_error(make, still, column, value):
    table = still.copy()
    table[column][[10, 12]] = value
    with pytest.raises(InputError, match=f"2 coefficients {column} of .* are NaN or infinite"):
        RefPixStep.call(exposure(make), override_refpix=make.irs2_reference(table, {}))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param((5, 1, 1), r"Column output .* holds \[5\]; only 0 to 4", id="output"),
        pytest.param((1, 0, 1), r"Column odd_even .* holds \[0\]; only 1 to 2", id="no parity"),
        pytest.param((1, 3, 1), r"Column odd_even .* holds \[3\]; only 1 to 2", id="parity"),
    ],
)
def test_a_dq_table_of_other_pixels_is_an_error(make, still, row, message):
    reference = make.irs2_reference(still, {})
    reference.dq_table = np.array([row], reference.dq_table.dtype)
    with pytest.raises(InputError, match=message):
        RefPixStep.call(exposure(make), override_refpix=reference)


@pytest.mark.parametrize("missing", ["alpha_2", "mask"])
def test_a_table_without_a_column_is_an_error(make, still, missing, tmp_path):
    """In a file; a model refuses it itself."""
    from astropy.io import fits

    with fits.HDUList([fits.PrimaryHDU()]) as file:
        for name, table in (("IRS2", still), ("DQ", make.dq_table({}))):
            columns = [column for column in table.dtype.names if column.lower() != missing]
            file.append(fits.BinTableHDU(np.lib.recfunctions.repack_fields(table[columns]), name=name))
        file.writeto(tmp_path / "irs2.fits")
    with pytest.raises(InputError, match=rf"table of .*irs2.fits has no columns {missing}"):
        RefPixStep.call(exposure(make), override_refpix=str(tmp_path / "irs2.fits"))


def test_the_reference_output_may_be_listed(make, still):
    """Output 0 of the DQ table, as in the released pipeline; outputs that are not listed have no bad pixels."""
    data = np.zeros((1, 1, LINES, FULL), np.float32)
    data[..., 8:10, :] = 100
    model = make.nirspec(data, np.zeros((LINES, FULL), np.uint32), make.NRS1)
    reference = make.irs2_reference(still, {})
    reference.dq_table = np.array([(0, 2, 1)], reference.dq_table.dtype)
    result = RefPixStep.call(model, override_refpix=reference, preserve_irs2_refpix=True, ovr_corr_mitigation_ftr=1e9)
    assert (result.data == 0).all()


def test_a_reference_without_a_dq_table_is_used(make, still):
    from stdatamodels.jwst import datamodels

    result = RefPixStep.call(exposure(make), override_refpix=datamodels.IRS2Model(irs2_table=still))
    assert result.meta.cal_step.refpix == "COMPLETE"


def test_a_reference_of_another_type_is_an_error(make):
    from stdatamodels.jwst import datamodels

    with pytest.raises(InputError, match="no refpix reference"):
        RefPixStep.call(exposure(make), override_refpix=datamodels.GainModel(data=np.ones((4, 4), np.float32)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"exposure__nrs_normal": 8}, "NRS_NORM is 8", id="normal"),
        pytest.param({"exposure__nrs_reference": 2}, "NRS_REF is 2", id="reference"),
        pytest.param({"instrument__detector": "NRCA1"}, "Only NRS1 and NRS2", id="detector"),
    ],
)
def test_a_readout_that_is_none_is_an_error(make, still, changes, message):
    with pytest.raises(InputError, match=message):
        RefPixStep.call(exposure(make, **changes), override_refpix=make.irs2_reference(still, {}))


def test_a_frame_of_another_shape_is_an_error(make, still):
    model = make.nirspec(np.zeros((1, 1, LINES, 4)), np.zeros((LINES, 4), np.uint32), make.NRS1)
    with pytest.raises(InputError, match="3200 x 2048"):
        RefPixStep.call(model, override_refpix=make.irs2_reference(still, {}))


def test_keywords_that_are_missing_have_their_usual_values(make, still):
    model = exposure(make, exposure__nrs_normal=None, exposure__nrs_reference=None)
    result = RefPixStep.call(model, override_refpix=make.irs2_reference(still, {}))
    assert result.meta.cal_step.refpix == "COMPLETE"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_but_nan_stays_nan(make, still, value):
    """Without a warning of numpy; infinite samples become NaN."""
    model = exposure(make, ngroups=2)
    model.data[:] = value
    result = RefPixStep.call(model, override_refpix=make.irs2_reference(still, {}))
    assert result.data.shape == (1, 2, FULL, FULL)
    assert np.isnan(result.data).all()
