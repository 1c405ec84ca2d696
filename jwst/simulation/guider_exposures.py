"""Raw exposures of the FGS guiders in every mode of guiding, with a star of known brightness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jwst.simulation.guiders import AXES, GAIN, GUIDERS, READ_NOISE
from stpipe.exceptions import InputError

if TYPE_CHECKING:
    from stdatamodels.jwst.datamodels import GuiderRawModel

__all__ = ["GUIDER_MODES", "GuiderMode", "guider_exposure"]

BIAS = 1000.0
STAR_WIDTH = 1.2
READ_SCALE = READ_NOISE / np.sqrt(2.0)
TABLES = {
    "FGS_ID-IMAGE": ("planned_star_table", "flight_star_table"),
    "FGS_ID-STACK": ("planned_star_table", "flight_star_table"),
    "FGS_ACQ1": ("pointing_table",),
    "FGS_ACQ2": ("pointing_table",),
    "FGS_TRACK": ("pointing_table", "centroid_table", "track_sub_table"),
    "FGS_FINEGUIDE": ("pointing_table", "centroid_table"),
}


@dataclass(frozen=True)
class GuiderMode:
    """How a mode of guiding reads the detector.

    Parameters
    ----------
    shape : (nints, ngroups, ny, nx)
    subarray : str
        Value of SUBARRAY.
    corner : (int, int)
        First column and row, counted from 1.
    group_time : float, s
        Time between the reads whose difference is the signal.
    root : str
        What a file name says of the mode.
    """

    shape: tuple[int, int, int, int]
    subarray: str
    corner: tuple[int, int]
    group_time: float
    root: str


GUIDER_MODES = {
    "FGS_ID-IMAGE": GuiderMode((2, 2, 64, 2048), "FULL", (1, 641), 0.3406, "gs-id_1_image"),
    "FGS_ID-STACK": GuiderMode((2, 2, 64, 2048), "FULL", (1, 641), 0.3406, "gs-id_1_stacked"),
    "FGS_ACQ1": GuiderMode((6, 2, 128, 128), "128X128", (901, 501), 0.3406, "gs-acq1"),
    "FGS_ACQ2": GuiderMode((5, 2, 32, 32), "32X32", (949, 549), 0.0517, "gs-acq2"),
    "FGS_TRACK": GuiderMode((40, 2, 32, 32), "32X32", (949, 549), 0.0258, "gs-track"),
    "FGS_FINEGUIDE": GuiderMode((30, 8, 8, 8), "8X8", (961, 561), 0.0640, "gs-fg"),
}
"""The modes of guiding by EXP_TYPE."""


def guider_exposure(
    exp_type: str, *, guider: str = "GUIDER1", star: float = 2.0e4, sky: float = 20.0, seed: int = 1
) -> GuiderRawModel:
    """Make a raw exposure of a guider.

    Parameters
    ----------
    exp_type : str
        One of `GUIDER_MODES`.
    guider : str
        "GUIDER1" or "GUIDER2".
    star : float, DN/s
        Rate of the guide star, which stands in the middle.
    sky : float, DN/s
        Rate of each pixel.
    seed : int
        Of the noise.

    Returns
    -------
    GuiderRawModel
        With the tables of its mode. The eight reads of fine guiding are four before and four after the exposure.

    Raises
    ------
    InputError
        The mode or the guider is unknown.
    """
    for value, known in ((exp_type, GUIDER_MODES), (guider, GUIDERS)):
        if value not in known:
            raise InputError(f"{value!r} is not known to the simulator of guiders. Known: {', '.join(known)}.")
    mode = GUIDER_MODES[exp_type]
    rng = np.random.default_rng((GUIDERS[guider], list(GUIDER_MODES).index(exp_type), seed))
    nints, ngroups, ny, nx = mode.shape
    y, x = np.indices((ny, nx), sparse=True)
    profile = np.exp(-((y - (ny - 1) / 2) ** 2 + (x - (nx - 1) / 2) ** 2) / (2 * STAR_WIDTH**2))
    electrons = (star * profile / profile.sum() + sky) * mode.group_time * GAIN
    signal = rng.poisson(electrons, (nints, 1, ny, nx)) / GAIN
    after = np.arange(ngroups)[:, None, None] >= ngroups // 2
    data = BIAS + signal * after + rng.normal(0, READ_SCALE, mode.shape)
    return _model(np.rint(data), exp_type, guider)


def _model(data: np.ndarray, exp_type: str, guider: str) -> GuiderRawModel:
    """A model with the metadata and the tables of a mode."""
    from stdatamodels.jwst.datamodels import GuiderRawModel

    mode = GUIDER_MODES[exp_type]
    model = GuiderRawModel(data=data.astype(np.float32))
    meta = model.meta
    meta.telescope, meta.filename = "JWST", f"jw00017001001_{mode.root}_2024001000000_uncal.fits"
    meta.instrument.name, meta.instrument.detector = "FGS", guider
    meta.exposure.type, meta.exposure.group_time = exp_type, mode.group_time
    meta.exposure.nints, meta.exposure.ngroups = data.shape[:2]
    meta.observation.date, meta.observation.time = "2024-01-01", "00:00:00"
    where = meta.subarray
    where.name, (where.xstart, where.ystart) = mode.subarray, mode.corner
    where.ysize, where.xsize = data.shape[-2:]
    where.fastaxis, where.slowaxis = AXES[guider]
    for name in TABLES[exp_type]:
        setattr(model, name, np.zeros(3, model.get_dtype(name)))
    return model
