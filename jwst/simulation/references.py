"""Reference files made from the truth about a detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, NO_FLAT_FIELD, NO_LIN_CORR, NO_SAT_CHECK, REFERENCE_PIXEL
from jwst.simulation.detector import DetectorTruth
from jwst.simulation.readout import Readout
from jwst.simulation.settings import NoiseSettings
from jwst.simulation.subarrays import Subarray, find_detector

if TYPE_CHECKING:
    from stdatamodels.jwst.datamodels import JwstDataModel

__all__ = ["MAKERS", "REFERENCE_META", "ReferenceRequest", "dq_def_table", "write_reference"]

USEAFTER = "2022-01-01T00:00:00"
DEAD = 1024
HOT = 2048
REFERENCE_META = {
    "description": "Made from the truth of a simulated detector.",
    "author": "jwst.simulation",
    "pedigree": "DUMMY",
    "useafter": USEAFTER,
    "telescope": "JWST",
}
RESIDUAL_ONE_OVER_F = 0.8
FLAT_ERROR = 0.001
WITHOUT_SUBARRAY = ("area", "ipc", "trappars")
IPC_SHARE = 0.0055
TRAP_FAMILIES = ((180.0, -0.0079, 0.0, -0.0046), (50.0, -0.0008, 0.0, -0.0006), (90.0, -0.00011, 0.0, -0.00009))


@dataclass(frozen=True, eq=False)
class ReferenceRequest:
    """Which reference to make.

    Parameters
    ----------
    detector : DetectorTruth
        Truth of the rectangle that the reference covers.
    readout : Readout
        For dark and read noise: the readout pattern they belong to.
    ngroups : int
        Groups of the dark.
    inverse_linearity : bool
        Give the linearity reference inverse coefficients too, which switches on the correction read by read.
    filter : str
        Filter of the flat field.
    """

    detector: DetectorTruth
    readout: Readout
    ngroups: int = 10
    inverse_linearity: bool = False
    filter: str = "F200W"

    @property
    def region(self) -> Subarray:
        """The rectangle."""
        return self.detector.subarray


def dq_def_table(names: dict[str, int]) -> np.ndarray:
    """Return a table that explains DQ values given in standard bits.

    Parameters
    ----------
    names : dict of str to int
        Flag names and their standard values.

    Returns
    -------
    structured ndarray
        Columns BIT, VALUE, NAME, DESCRIPTION.
    """
    rows = [(value.bit_length() - 1, value, name, name.replace("_", " ").lower()) for name, value in names.items()]
    return np.array(rows, dtype=[("BIT", "<i4"), ("VALUE", "<u4"), ("NAME", "S40"), ("DESCRIPTION", "S80")])


def _where(flag: int, pixels: np.ndarray) -> np.ndarray:
    return np.where(pixels, np.uint32(flag), np.uint32(0))


def _mask(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import MaskModel

    truth = request.detector
    dq = _where(REFERENCE_PIXEL, truth.reference) | _where(DEAD | DO_NOT_USE, truth.dead)
    dq |= _where(HOT, truth.hot) | _where(DO_NOT_USE, truth.very_hot)
    names = {"DO_NOT_USE": DO_NOT_USE, "DEAD": DEAD, "HOT": HOT, "REFERENCE_PIXEL": REFERENCE_PIXEL}
    return MaskModel(dq=dq, dq_def=dq_def_table(names))


def _gain(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import GainModel

    return GainModel(data=request.detector.gain)


def _readnoise(request: ReferenceRequest) -> JwstDataModel:
    """Noise of the difference of two reads, with the part of the 1/f noise that the reference pixels leave."""
    from stdatamodels.jwst.datamodels import ReadnoiseModel

    left_over = RESIDUAL_ONE_OVER_F * NoiseSettings().one_over_f
    noise = np.sqrt(2 * (request.detector.read_noise**2 + np.float32(left_over**2)))
    model = ReadnoiseModel(data=noise)
    model.meta.exposure.readpatt = request.readout.name
    return model


def _saturation(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import SaturationModel

    truth = request.detector
    model = SaturationModel(data=truth.saturation, dq_def=dq_def_table({"NO_SAT_CHECK": NO_SAT_CHECK}))
    model.dq = _where(NO_SAT_CHECK, truth.reference)
    return model


def _superbias(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import SuperBiasModel

    model = SuperBiasModel(data=request.detector.bias)
    model.meta.exposure.readpatt = "ANY"
    return model


def _linearity(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import LinearityModel

    truth = request.detector
    model = LinearityModel(coeffs=truth.coeffs, dq_def=dq_def_table({"NO_LIN_CORR": NO_LIN_CORR}))
    model.dq = _where(NO_LIN_CORR, truth.reference)
    if request.inverse_linearity:
        c2, c3 = truth.coeffs[2].astype(np.float64), truth.coeffs[3].astype(np.float64)
        series = (0 * c2, 0 * c2 + 1, -c2, 2 * c2**2 - c3, 5 * c2 * c3 - 5 * c2**3)
        model.inv_coeffs = np.stack(series).astype(np.float32)
    return model


def _dark(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import DarkModel

    truth, readout = request.detector, request.readout
    frame = np.array([readout.mean_frame(group) for group in range(request.ngroups)], np.float32)
    current = truth.dark / truth.gain * np.float32(request.region.frame_time)
    model = DarkModel(data=frame[:, None, None] * current, dq_def=dq_def_table({"HOT": HOT}))
    model.dq = _where(HOT, truth.hot)
    model.meta.exposure.readpatt = readout.name
    model.meta.exposure.nframes, model.meta.exposure.groupgap = readout.nframes, readout.groupgap
    model.meta.exposure.ngroups = request.ngroups
    model.meta.exposure.noutputs = request.region.noutputs
    model.meta.exposure.type = "NRC_DARK"
    return model


def _ipc(request: ReferenceRequest) -> JwstDataModel:
    """First-order inverse of a kernel that gives each neighbour half a per cent."""
    from stdatamodels.jwst.datamodels import IPCModel

    kernel = np.zeros((3, 3), np.float32)
    kernel[1, :] = kernel[:, 1] = -IPC_SHARE
    kernel[1, 1] = 1 + 4 * IPC_SHARE
    return IPCModel(data=kernel)


def _flat(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import FlatModel

    truth = request.detector
    blind = truth.dead | truth.reference
    names = {"DO_NOT_USE": DO_NOT_USE, "NO_FLAT_FIELD": NO_FLAT_FIELD}
    model = FlatModel(data=np.where(blind, np.float32(1), truth.flat), dq_def=dq_def_table(names))
    model.err = np.full(truth.flat.shape, FLAT_ERROR, np.float32)
    model.dq = _where(NO_FLAT_FIELD | DO_NOT_USE, blind)
    model.meta.instrument.filter, model.meta.instrument.pupil = request.filter, "CLEAR"
    return model


def _area(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import PixelAreaModel

    scale = find_detector(request.detector.detector).pixel_scale
    model = PixelAreaModel(data=np.ones(request.detector.flat.shape, np.float32))
    model.meta.photometry.pixelarea_arcsecsq = scale**2
    model.meta.photometry.pixelarea_steradians = (scale * np.pi / 648000) ** 2
    return model


def _trapdensity(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import TrapDensityModel

    truth = request.detector
    density = np.where(truth.reference, np.float32(0), 1 + 10 * (truth.flat - 1))
    model = TrapDensityModel(data=np.clip(density, 0, 3), dq_def=dq_def_table({"DO_NOT_USE": DO_NOT_USE}))
    model.dq = _where(DO_NOT_USE, truth.reference | truth.dead)
    return model


def _persat(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import PersistenceSatModel

    truth = request.detector
    model = PersistenceSatModel(data=truth.full_well / truth.gain, dq_def=dq_def_table({"DO_NOT_USE": DO_NOT_USE}))
    model.dq = _where(DO_NOT_USE, truth.reference)
    return model


def _trappars(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import TrapParsModel

    names = ("capture0", "capture1", "capture2", "decay_param")
    return TrapParsModel(trappars_table=np.array(list(TRAP_FAMILIES), dtype=[(name, "<f8") for name in names]))


MAKERS: dict[str, Callable[[ReferenceRequest], Any]] = {
    "mask": _mask,
    "gain": _gain,
    "readnoise": _readnoise,
    "saturation": _saturation,
    "superbias": _superbias,
    "linearity": _linearity,
    "dark": _dark,
    "ipc": _ipc,
    "flat": _flat,
    "area": _area,
    "trapdensity": _trapdensity,
    "trappars": _trappars,
    "persat": _persat,
}
"""What makes the model of each reference type."""


def write_reference(path: Path, reftype: str, request: ReferenceRequest) -> None:
    """Make a reference and write it.

    Parameters
    ----------
    path : Path
        The file.
    reftype : str
        A key of `MAKERS`.
    request : ReferenceRequest
        Detector, readout and so on.
    """
    sca, region = find_detector(request.detector.detector), request.region
    with MAKERS[reftype](request) as model:
        for name, value in REFERENCE_META.items():
            setattr(model.meta, name, value)
        model.meta.reftype = reftype.upper()
        model.meta.instrument.name, model.meta.instrument.detector = "NIRCAM", sca.name
        model.meta.instrument.channel, model.meta.instrument.module = sca.channel, sca.module
        if reftype not in WITHOUT_SUBARRAY:
            model.meta.subarray.name = "GENERIC" if region.is_full and reftype != "dark" else region.name
            model.meta.subarray.xstart, model.meta.subarray.ystart = region.xstart, region.ystart
            model.meta.subarray.xsize, model.meta.subarray.ysize = region.xsize, region.ysize
            model.meta.subarray.fastaxis, model.meta.subarray.slowaxis = sca.fastaxis, sca.slowaxis
        model.meta.filename = path.name
        model.save(path, overwrite=True)
