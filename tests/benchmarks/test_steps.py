"""Benchmarks of the framework and of the cores, with pytest-benchmark: ``pytest tests/benchmarks --benchmark-only``.

They assert nothing about time. `detector1_table.py` beside this file compares whole reductions with the released
pipeline.
"""

from __future__ import annotations

import numpy as np
import pytest

from jwst.jump.jump import Detector, JumpParameters, detect_jumps
from jwst.linearity.linearity import linearize
from jwst.ramp_fitting.ramp_fit import fit_ramps
from jwst.ramp_fitting.ramp_inputs import Ramps, RampTimes
from stpipe import Pipeline, Step


class NoOpStep(Step):
    """Do nothing."""

    spec = "output_ext = string(default='.fits')"

    def process(self, data):
        return data


class NoOpPipeline(Pipeline):
    """Twenty steps that do nothing."""

    spec = "output_ext = string(default='.fits')"
    step_defs = {f"s{index}": NoOpStep for index in range(20)}

    def process(self, data):
        for name in self.step_defs:
            data = getattr(self, name).run(data)
        return data


@pytest.fixture
def ramps():
    """Ramps of 10 groups of 512 x 2048 pixels, 0.3 % of the samples flagged."""
    rng = np.random.default_rng(0)
    shape = (1, 10, 512, 2048)
    data = np.cumsum(rng.normal(30, 8, shape).astype(np.float32), axis=1, dtype=np.float32)
    groupdq = np.where(rng.random(shape, np.float32) < 0.003, np.uint8(4), np.uint8(0))
    plane = np.ones(shape[2:], np.float32)
    return Ramps(data, groupdq, np.zeros(shape[2:], np.uint32), plane * 1.8, plane * 8, plane * 0)


def test_no_op_run(benchmark):
    step = NoOpStep()
    benchmark(step.run, 1)


def test_no_op_call(benchmark):
    benchmark(NoOpStep.call, 1)


def test_no_op_pipeline(benchmark):
    benchmark(NoOpPipeline().run, 1)


def test_ramp_fit(benchmark, ramps):
    benchmark(fit_ramps, ramps, RampTimes(53.7, 10.7, 4))


def test_jump(benchmark, ramps):
    detector = Detector(ramps.gain, ramps.readnoise, 4)

    def run():
        detect_jumps(
            ramps.data, ramps.groupdq.copy(), pixeldq=ramps.pixeldq, detector=detector, parameters=JumpParameters()
        )

    benchmark(run)


def test_linearity(benchmark, ramps):
    coeffs = np.zeros((6, *ramps.gain.shape), np.float32)
    coeffs[1] = 1
    benchmark(linearize, ramps.data, ramps.groupdq, coeffs)
