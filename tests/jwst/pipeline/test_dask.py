"""calwebb_detector1 on a dask cluster of two processes: the products are those of one process (issue 6, R30)."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pytest

import stpipe
from tests.jwst.pipeline.product_contents import contents, different_copies

distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")


@pytest.fixture
def exposures(place, tmp_path: Path) -> list[str]:
    """Two exposures of different counts."""
    return different_copies(place.uncal, tmp_path, 2)


def native(array: np.ndarray) -> bytes:
    """Content of an array, whatever its byte order; that of a file is another than that of memory."""
    return array.astype(array.dtype.newbyteorder("=")).tobytes()


def test_r30_products_and_unsaved_models_are_equal_bit_by_bit(exposures):
    found = {}
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=False
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        for how, executor in (("inline", "inline"), ("dask", client)):
            runner = stpipe.run("calwebb_detector1", exposures, executor=executor, save_results=True, output_dir=how)
            assert runner.status == "successful", runner.exception
            assert not [name for name in os.listdir(how) if name.startswith(".stpipe-run")]
            runner = stpipe.run("calwebb_detector1", exposures, executor=executor)
            assert runner.status == "successful", runner.exception
            found[how] = {}
            for name, model in runner.result.items():
                found[how][name] = (type(model), model.meta.filename, native(model.data), native(model.dq))
                model.close()
    assert len(found["inline"]) == 2
    assert found["dask"] == found["inline"]
    one, other = contents("inline"), contents("dask")
    assert len(one) == 4
    assert other == one
    del runner, model
    gc.collect()
    assert not [name for name in os.listdir() if name.startswith(".stpipe-run")]
