"""Cubes for tests of outlier detection in coronagraphic exposures and time series; of spec outlier_detection_other.md.

Used by the tests and by make_outlier_detection_cubes.py, with whichever `jwst` is installed.
"""

from __future__ import annotations

import numpy as np

CASES = {
    "tso_25": ("NRC_TSIMAGE", {}),
    "tso_10": ("NRC_TSIMAGE", {"rolling_window_width": 10}),
    "tso_0": ("NRC_TSIMAGE", {"rolling_window_width": 0}),
    "tso_59": ("NRC_TSIMAGE", {"rolling_window_width": 59}),
    "tso_60": ("NRC_TSIMAGE", {"rolling_window_width": 60}),
    "tso_low": ("NRC_TSIMAGE", {"snr": "2.0 1.5"}),
    "tso_bits": ("NRC_TSIMAGE", {"good_bits": "DO_NOT_USE", "maskpt": 0.9}),
    "coron": ("NRC_CORON", {}),
    "coron_low": ("MIR_LYOT", {"snr": "2.0 1.5"}),
    "coron_bits": ("MIR_4QPM", {"good_bits": "0", "snr": "2.0 1.5"}),
}


def cube(exp_type):
    """An exposure of 60 integrations with waves, spikes, flags and a NaN."""
    from stdatamodels.jwst.datamodels import CubeModel

    k, y, x = np.mgrid[:60, :20, :20].astype(float)
    model = CubeModel((60, 20, 20))
    data = 10 + np.sin(1.3 * k + 0.5 * x + 0.9 * y)
    for place, value in {(30, 10, 10): 30, (0, 5, 5): 20, (59, 6, 6): -5, (40, 2, 2): np.nan}.items():
        data[place] = value
    model.data = data.astype(np.float32)
    model.err = np.full(data.shape, 0.5, np.float32)
    model.err[7, 8, 9] = np.nan
    model.dq = np.zeros(data.shape, np.uint32)
    model.dq[20, 3, 3] = 1
    model.dq[20:40, 4, 4] = 4
    model.meta.exposure.type = exp_type
    model.meta.exposure.nints = 60
    model.meta.filename = "jw01234001001_02101_00001_nrca1_calints.fits"
    return model
