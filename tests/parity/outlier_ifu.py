"""Integral-field exposures for tests of outlier detection; of spec outlier_detection_other.md.

Used by the tests and by make_outlier_detection_ifu.py, with whichever `jwst` is installed.
"""

from __future__ import annotations

import numpy as np

CASES = {
    "miri": (("MIRI", ("MIRIFULONG", "MIRIFULONG")), {}),
    "second": (("MIRI", ("MIRIFULONG", "MIRIFULONG")), {"ifu_second_check": True}),
    "kernel": (("MIRI", ("MIRIFULONG", "MIRIFULONG")), {"kernel_size": "6 5", "threshold_percent": 99.0}),
    "nirspec": (("NIRSPEC", ("NRS1", "NRS1")), {}),
    "detectors": (("NIRSPEC", ("NRS2", "NRS1", "NRS1", "NRS2", "NRS1")), {"kernel_size": "3 9"}),
}


def exposure(number, instrument, detector):
    """One exposure: waves, two spikes that all have, one that only the first has, flags, NaN at an edge."""
    from stdatamodels.jwst.datamodels import IFUImageModel

    y, x = np.mgrid[:60, :64].astype(float)
    data = 10 + 3 * np.sin(0.4 * x + 0.1 * number) + np.cos(0.3 * y)
    data += np.random.default_rng(number).normal(0, 0.05, data.shape)
    data[20, 30] += 50
    data[40, 10] -= 30
    if number == 1:
        data[33, 33] += 80
    data[50, 50], data[:, :2] = np.nan, np.nan
    model = IFUImageModel((60, 64))
    model.data = data.astype(np.float32)
    model.err = np.full(data.shape, 0.5, np.float32)
    model.dq = np.zeros(data.shape, np.uint32)
    model.dq[10, 10], model.dq[:, :2], model.dq[5, 5:9] = 1, 1, 4
    model.meta.instrument.name, model.meta.instrument.detector = instrument, detector
    model.meta.exposure.type = "MIR_MRS" if instrument == "MIRI" else "NRS_IFU"
    model.meta.observation.exposure_number = str(number)
    model.meta.filename = f"jw01234001001_02101_{number:05d}_{detector.lower()}_cal.fits"
    return model


def exposures(instrument, detectors):
    """All exposures of a case."""
    return [exposure(number, instrument, detector) for number, detector in enumerate(detectors, start=1)]
