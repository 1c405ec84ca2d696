"""Persistence flags: the statements of the specification, the released pipeline's results, and invariants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.persistence import persistence as core
from jwst.persistence.persistence import DataSet, PersistenceWindow, epoch_of, flag_persistence
from jwst.persistence.state import WindowEnds, read_window_ends, write_window_ends

VECTORS = Path(__file__).parents[2] / "parity" / "persistence.npz"
WINDOWS = {
    "short": PersistenceWindow(25),
    "long": PersistenceWindow(100, None, True),
    "counts": PersistenceWindow(15, 50.0),
    "chained": PersistenceWindow(200, 90.0),
}
START = epoch_of(60000.0)


def flags_after(window, *, saturated=((2, 3, 4), ()), high=((), ()), start=START, ends=None):
    """Group flags of one pixel in two integrations of five groups, 60 s apart, and the ends of its windows."""
    data = np.zeros((2, 5, 1, 1), np.float32)
    flags = np.zeros((2, 5, 1, 1), np.uint8)
    for index in range(2):
        flags[index, list(saturated[index])] = 2
        data[index, list(high[index])] = 100
    ends = flag_persistence(DataSet(data, flags, (start, start + 60), 10.0), window, ends)
    return flags[:, :, 0, 0].tolist(), ends


@pytest.mark.parametrize(
    ("seconds", "first"),
    [
        (5, [0, 0, 34, 2, 2]),
        (10, [0, 0, 34, 34, 2]),
        (11, [0, 0, 34, 34, 2]),
        (15, [0, 0, 34, 34, 2]),
        (25, [0, 0, 34, 34, 34]),
    ],
)
def test_windows_inside_an_integration(seconds, first):
    assert flags_after(PersistenceWindow(seconds))[0] == [first, [0] * 5]


@pytest.mark.parametrize(("seconds", "second"), [(60, [32, 32, 32, 0, 0]), (1000, [32] * 5)])
def test_windows_reach_into_the_next_integration(seconds, second):
    assert flags_after(PersistenceWindow(seconds))[0][1] == second


def test_do_not_use_goes_along_if_asked_for():
    assert flags_after(PersistenceWindow(25, do_not_use=True))[0][0] == [0, 0, 35, 35, 35]


@pytest.mark.parametrize(
    ("seconds", "high", "expected"), [(25, (1,), [0, 32, 32, 32, 0]), (15, (1, 2, 3), [0, 32, 32, 32, 32])]
)
def test_counts_open_windows_too(seconds, high, expected):
    flags, _ = flags_after(PersistenceWindow(seconds, 50.0), saturated=((), ()), high=(high, ()))
    assert flags[0] == expected


def test_saturation_in_both_integrations():
    flags, _ = flags_after(PersistenceWindow(25), saturated=((2, 3, 4), (2, 3, 4)))
    assert flags == [[0, 0, 34, 34, 34]] * 2


def test_windows_are_written_and_read(tmp_path):
    _, ends = flags_after(PersistenceWindow(200))
    assert ends.tolist() == [[1677283430.0]]
    path = write_window_ends(tmp_path / "pa.fits", "NRCALONG", WindowEnds("jw1.fits", ends, 200))
    assert path == tmp_path / "pa.asdf"
    write_window_ends(path, "NRCBLONG", WindowEnds("jw2.fits", ends + 1, 200))
    for detector, extra in (("NRCALONG", 0), ("NRCBLONG", 1)):
        again = read_window_ends(path, detector, shape=(1, 1), seconds=200)
        assert again.tolist() == [[1677283430.0 + extra]]
    assert read_window_ends(path, "NIS", shape=(1, 1), seconds=200) is None
    assert read_window_ends(path, "NRCALONG", shape=(1, 1), seconds=100) is None
    assert read_window_ends(tmp_path / "no.asdf", "NIS", shape=(1, 1), seconds=100) is None
    assert [file.name for file in tmp_path.iterdir()] == ["pa.asdf"]


def test_file_of_a_larger_array_is_refused(tmp_path):
    path = write_window_ends(tmp_path / "p.asdf", "NIS", WindowEnds("a", np.ones((4, 4)), 9))
    with pytest.raises(ValueError, match="same subarray"):
        read_window_ends(path, "NIS", shape=(2, 2), seconds=9)


@pytest.mark.parametrize(("later", "expected"), [(130, [[32] * 5, [32, 32, 32, 0, 0]]), (-500, [[0] * 5, [0] * 5])])
def test_windows_reach_into_the_next_exposure_but_not_into_earlier_ones(later, expected):
    _, ends = flags_after(PersistenceWindow(200))
    before = ends.copy()
    flags, _ = flags_after(PersistenceWindow(200), saturated=((), ()), start=epoch_of(60000 + later / 86400), ends=ends)
    assert flags == expected if later > 0 else not np.any(flags)
    np.testing.assert_array_equal(ends, before)


@pytest.mark.parametrize("case", sorted(WINDOWS))
def test_agrees_with_the_released_pipeline(case):
    vectors, window = np.load(VECTORS), WINDOWS[case]
    flags = vectors[f"{case}_groupdq"]
    starts = [START + 60 * index for index in range(len(flags))]
    ends = flag_persistence(DataSet(vectors[f"{case}_data"], flags, starts, 10.0), window)
    np.testing.assert_array_equal(flags, vectors[f"{case}_result"])
    np.testing.assert_array_equal(ends, vectors[f"{case}_ends"])
    start = epoch_of(60000.0 + 190.0 / 86400)
    second = np.zeros_like(flags)
    starts = [start + 60 * index for index in range(len(flags))]
    flag_persistence(DataSet(vectors[f"{case}_data"], second, starts, 10.0), PersistenceWindow(window.seconds), ends)
    np.testing.assert_array_equal(second, vectors[f"{case}_second"])


@given(seed=st.integers(0, 2**32 - 1), seconds=st.integers(1, 200), part=st.integers(1, 50))
@settings(max_examples=25, deadline=None)
def test_flags_only_grow_and_pixels_do_not_matter_to_each_other(seed, seconds, part):
    rng = np.random.default_rng(seed)
    data = rng.uniform(0, 100, (2, 4, 5, 6)).astype(np.float32)
    before = rng.choice([0, 0, 0, 1, 2, 4], data.shape).astype(np.uint8)
    window = PersistenceWindow(seconds, 95.0)
    results = []
    for size in (part, 10**6):
        flags = before.copy()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(core, "CANDIDATES", size)
            flag_persistence(DataSet(data, flags, (START, START + 50), 10.0), window)
        results.append(flags)
    np.testing.assert_array_equal(results[0], results[1])
    assert set(np.unique(results[0] ^ before)) <= {0, 32}
