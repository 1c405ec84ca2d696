"""calwebb_detector1 on a dask cluster of two processes: the products are those of one process (issue 6, R30)."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import stpipe

distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")


@pytest.fixture
def exposures(place, tmp_path: Path) -> list[str]:
    """Two exposures of different counts."""
    paths = []
    for number in range(2):
        path = tmp_path / f"jw0001700100{number}_01101_00001_nrcb1_uncal.fits"
        shutil.copy(place.uncal, path)
        with fits.open(path, mode="update") as file:
            file["SCI"].data += np.uint16(7 * number)
        paths.append(str(path))
    return paths


def contents(folder: str) -> dict[str, dict[str, bytes]]:
    """Arrays of every product, and what its header says of references and steps."""
    found = {}
    for path in sorted(Path(folder).glob("*.fits")):
        with fits.open(path) as file:
            arrays = {hdu.name: hdu.data.tobytes() for hdu in file if hdu.data is not None and hdu.name != "ASDF"}
            cards = {key: value for key, value in file[0].header.items() if key.startswith(("R_", "S_"))}
        found[path.name] = {**arrays, "cards": repr(cards).encode()}
    return found


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
