"""Rows of small exposures shared with a worker process, and random exposures with everything in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np

from stpipe import parallel
from stpipe.parallel_crew import crew

__all__ = ["exposure", "share_rows", "waited_for"]


@contextmanager
def share_rows(backend: str = "processes", *, slices: int = 8) -> Iterator[list]:
    """Share even the smallest work, in about so many slices for each core; gives a list that grows with each share."""
    shares: list = []
    cut = parallel._cut

    def counted(work, cores):
        found = cut(work, cores)
        shares.append((work.name, cores, len(found)))
        return found

    with (
        mock.patch.object(parallel, "MINIMUM_BYTES", 0),
        mock.patch.object(parallel, "LEAST_BYTES", 0),
        mock.patch.object(parallel, "SLICES_PER_CORE", slices),
        mock.patch.object(parallel, "BACKEND", backend),
        mock.patch.object(parallel, "available_cores", return_value=2),
        mock.patch.object(parallel, "_cut", counted),
    ):
        yield shares


def waited_for(call) -> None:
    """Call until a worker is ready."""
    end = time.monotonic() + 20
    while not crew.pids and time.monotonic() < end:
        call()
        time.sleep(0.01)
    assert crew.pids


def exposure(seed: int, *, nints: int, ngroups: int, shape: tuple[int, int] = (31, 37), flagged: float = 0.02) -> dict:
    """Ramps with cosmic rays, saturation and flags of all kinds, with detector planes of which some values are bad."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(2.0, 15.0, shape)
    steps = rng.normal(rate, np.sqrt(rate), (nints, ngroups, *shape))
    hits = rng.random(steps.shape) < 0.01
    steps[hits] += rng.exponential(400.0, int(hits.sum()))
    data = (steps.cumsum(axis=1) + rng.normal(0.0, 8.0, steps.shape)).astype(np.float32)
    groupdq = np.zeros(data.shape, np.uint8)
    saturated = rng.random((nints, 1, *shape)) < 0.02
    groupdq[saturated & (np.arange(ngroups)[:, None, None] >= rng.integers(1, ngroups + 1, shape))] |= 2
    some = rng.random(data.shape) < flagged
    groupdq[some] |= rng.choice([1, 4, 16, 32, 128, 129], int(some.sum())).astype(np.uint8)
    gain, readnoise = rng.normal(1.8, 0.1, shape).astype(np.float32), rng.normal(9.0, 1.0, shape).astype(np.float32)
    gain[3, 4], gain[5, 5], readnoise[7, 7], data[0, -1, 8, 8] = np.nan, -1, 0, np.nan
    pixeldq = (rng.random(shape) < 0.01).astype(np.uint32)
    return {"data": data, "groupdq": groupdq, "pixeldq": pixeldq, "gain": gain, "readnoise": readnoise}
