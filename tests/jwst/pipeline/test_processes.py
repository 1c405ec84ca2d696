"""calwebb_detector1 in worker processes: the products are those of one process (running.md R30)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

import stpipe
from jwst.stpipe.core import JwstStep
from tests.jwst.pipeline.product_contents import contents, different_copies

VARYING = {"DATE", "FILENAME", "CHECKSUM", "DATASUM"}


@pytest.fixture
def exposures(place, tmp_path: Path) -> list[str]:
    """Three exposures of different counts."""
    return different_copies(place.uncal, tmp_path, 3)


def test_r30_products_of_workers_are_equal_bit_by_bit(exposures):
    for how in ("inline", "processes"):
        runner = stpipe.run("calwebb_detector1", exposures, executor=how, workers=2, save_results=True, output_dir=how)
        assert runner.status == "successful"
        products = {name: model.meta.filename for name, model in runner.result.items()}
        for model in runner.result.values():
            model.close()
        assert list(products.values()) == [os.path.basename(path).replace("uncal", "rate") for path in exposures]
    one, other = contents("inline"), contents("processes")
    assert len(one) == 6
    assert other == one


def native(array: np.ndarray) -> bytes:
    """Content of an array, whatever its byte order; that of a file is another than that of memory."""
    return array.astype(array.dtype.newbyteorder("=")).tobytes()


def test_models_in_memory_and_overrides_reach_the_workers(exposures, place):
    flat = datamodels.GainModel(place.reference("gain"))
    found = {}
    for how in ("inline", "processes"):
        with datamodels.RampModel(exposures[0]) as model:
            model.data = np.array(model.data) + np.float32(3)  # in memory only
            runner = stpipe.run(
                "calwebb_detector1",
                model,
                executor=how,
                steps={"ramp_fit": {"override_gain": flat}, "jump": {"override_gain": flat}},
            )
            assert runner.status == "successful"
            assert model.meta.filename == os.path.basename(exposures[0])
            with runner.result as rate:
                reference = rate.meta.ref_file.gain.name
                found[how] = (type(rate), rate.meta.filename, reference, native(rate.data), native(rate.dq))
    flat_name = flat.meta.filename
    flat.close()
    assert found["inline"][2].endswith(flat_name)
    assert found["processes"] == found["inline"]


def test_the_forkserver_starts_with_what_steps_import_and_has_one_thread(exposures):
    from multiprocessing import forkserver

    stpipe.run("calwebb_detector1", exposures[0], executor="processes")
    status = Path(f"/proc/{forkserver._forkserver._forkserver_pid}/status").read_text()
    assert "Threads:\t1\n" in status
    (name,) = JwstStep.worker_imports
    __import__(name)
