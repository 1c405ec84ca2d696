"""Reference files made from the truth about a detector."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, NO_FLAT_FIELD, NO_LIN_CORR, NO_SAT_CHECK, REFERENCE_PIXEL
from jwst.simulation import references_miri, references_nirspec, references_photom
from jwst.simulation.irs2 import IRS2_LINES, full_bias, irs2_coefficients, normal_rows
from jwst.simulation.physics import PHYSICS
from jwst.simulation.reference_request import REFERENCE_META, ReferenceRequest, dq_def_table, flag_where
from jwst.simulation.settings import NoiseSettings

if TYPE_CHECKING:
    from stdatamodels.jwst.datamodels import JwstDataModel

__all__ = ["MAKERS", "TYPES", "write_reference"]

DEAD = 1024
HOT = 2048
RESIDUAL_ONE_OVER_F = 0.8
FLAT_ERROR = 0.001
WITHOUT_SUBARRAY = ("area", "photom", "ipc", "trappars", "rscd", "emicorr", "refpix", "pictureframe")
IPC_SHARE = 0.0055
DARK_TYPES = {
    "NIRCAM": "NRC_DARK",
    "NIRSPEC": "NRS_DARK",
    "NIRISS": "NIS_DARK",
    "FGS": "FGS_DARK",
    "MIRI": "MIR_DARKIMG",
}
TRAP_FAMILIES = ((180.0, -0.0079, 0.0, -0.0046), (50.0, -0.0008, 0.0, -0.0006), (90.0, -0.00011, 0.0, -0.00009))


def _mask(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import MaskModel

    truth = request.detector
    dq = flag_where(REFERENCE_PIXEL, truth.reference) | flag_where(DEAD | DO_NOT_USE, truth.dead)
    dq |= flag_where(HOT, truth.hot) | flag_where(DO_NOT_USE, truth.very_hot)
    if request.readout.irs2:
        pixels, dq = dq, np.full((IRS2_LINES, dq.shape[1]), REFERENCE_PIXEL, np.uint32)
        dq[normal_rows(request.sca)] = pixels
    names = {"DO_NOT_USE": DO_NOT_USE, "DEAD": DEAD, "HOT": HOT, "REFERENCE_PIXEL": REFERENCE_PIXEL}
    return MaskModel(dq=dq, dq_def=dq_def_table(names))


def _gain(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import GainModel

    model = GainModel(data=request.detector.gain)
    if request.sca.instrument == "NIRSPEC":
        model.meta.exposure.gain_factor = request.detector.gain_factor
    return model


def _left_over(request: ReferenceRequest) -> float:
    """Return the rms of the correlated noise that the reference pixels leave in a frame, DN."""
    noise = NoiseSettings()
    if request.readout.irs2:
        return irs2_coefficients(noise).left_over
    if request.sca.instrument == "MIRI":
        return noise.one_over_f * PHYSICS["MIRI"].correlated
    return RESIDUAL_ONE_OVER_F * noise.one_over_f


def _readnoise(request: ReferenceRequest) -> JwstDataModel:
    """Noise of the difference of two reads, with the part of the 1/f noise that the reference pixels leave."""
    from stdatamodels.jwst.datamodels import ReadnoiseModel

    noise = np.sqrt(2 * (request.detector.read_noise**2 + np.float32(_left_over(request) ** 2)))
    model = ReadnoiseModel(data=noise)
    model.meta.exposure.readpatt = request.readout.name
    return model


def _saturation(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import SaturationModel

    truth = request.detector
    model = SaturationModel(data=truth.saturation, dq_def=dq_def_table({"NO_SAT_CHECK": NO_SAT_CHECK}))
    model.dq = flag_where(NO_SAT_CHECK, truth.reference)
    return model


def _superbias(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import SuperBiasModel

    irs2 = request.readout.irs2
    model = SuperBiasModel(data=full_bias(request.detector, request.sca) if irs2 else request.detector.bias)
    model.meta.exposure.readpatt = request.readout.name if irs2 else "ANY"
    return model


def _linearity(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import LinearityModel

    truth = request.detector
    model = LinearityModel(coeffs=truth.coeffs, dq_def=dq_def_table({"NO_LIN_CORR": NO_LIN_CORR}))
    model.dq = flag_where(NO_LIN_CORR, truth.reference)
    if request.inverse_linearity:
        c2, c3 = truth.coeffs[2].astype(np.float64), truth.coeffs[3].astype(np.float64)
        series = (0 * c2, 0 * c2 + 1, -c2, 2 * c2**2 - c3, 5 * c2 * c3 - 5 * c2**3)
        model.inv_coeffs = np.stack(series).astype(np.float32)
    return model


def _straight_dark(request: ReferenceRequest) -> JwstDataModel:
    """Return a dark that rises with time alone."""
    from stdatamodels.jwst.datamodels import DarkModel, DarkNirspecModel

    truth, readout = request.detector, request.readout
    frame = np.array([readout.mean_frame(group) for group in range(request.ngroups)], np.float32)
    current = truth.dark / truth.gain * np.float32(request.frame_time)
    kind = DarkNirspecModel if request.sca.instrument == "NIRSPEC" else DarkModel
    model = kind(data=frame[:, None, None] * current, dq_def=dq_def_table({"HOT": HOT}))
    model.dq = flag_where(HOT, truth.hot)
    return model


def _dark(request: ReferenceRequest) -> JwstDataModel:
    sca, readout = request.sca, request.readout
    model = references_miri.make_dark(request) if sca.instrument == "MIRI" else _straight_dark(request)
    model.meta.exposure.readpatt = readout.name
    model.meta.exposure.nframes, model.meta.exposure.groupgap = readout.nframes, readout.groupgap
    model.meta.exposure.ngroups = request.ngroups
    model.meta.exposure.noutputs = request.region.noutputs
    model.meta.exposure.type = DARK_TYPES[sca.instrument]
    return model


def _ipc(request: ReferenceRequest) -> JwstDataModel:
    """First-order inverse of a kernel that gives each neighbour half a per cent."""
    from stdatamodels.jwst.datamodels import IPCModel

    kernel = np.zeros((3, 3), np.float32)
    kernel[1, :] = kernel[:, 1] = -IPC_SHARE
    kernel[1, 1] = 1 + 4 * IPC_SHARE
    if request.kernels:
        share = (1 + 0.1 * (request.detector.gain / np.mean(request.detector.gain) - 1)).astype(np.float32)
        kernel = kernel[:, :, None, None] * share
        kernel[1, 1] += 1 - kernel.sum(axis=(0, 1))
    return IPCModel(data=kernel)


def _flat(request: ReferenceRequest) -> JwstDataModel:
    """In DN, so that differences of the gain are part of it; the photometric reference has the typical gain."""
    from stdatamodels.jwst.datamodels import FlatModel

    truth = request.detector
    blind = truth.dead | truth.reference
    names = {"DO_NOT_USE": DO_NOT_USE, "NO_FLAT_FIELD": NO_FLAT_FIELD}
    response = truth.flat * (np.float32(references_photom.typical_gain(truth.gain)) / truth.gain)
    model = FlatModel(data=np.where(blind, np.float32(1), response), dq_def=dq_def_table(names))
    model.err = np.full(truth.flat.shape, FLAT_ERROR, np.float32)
    model.dq = flag_where(NO_FLAT_FIELD | DO_NOT_USE, blind)
    for name, value in vars(request.optics).items():
        if value is not None:
            setattr(model.meta.instrument, name, value)
    return model


def _trapdensity(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import TrapDensityModel

    truth = request.detector
    density = np.where(truth.reference, np.float32(0), 1 + 10 * (truth.flat - 1))
    model = TrapDensityModel(data=np.clip(density, 0, 3), dq_def=dq_def_table({"DO_NOT_USE": DO_NOT_USE}))
    model.dq = flag_where(DO_NOT_USE, truth.reference | truth.dead)
    return model


def _persat(request: ReferenceRequest) -> JwstDataModel:
    from stdatamodels.jwst.datamodels import PersistenceSatModel

    truth = request.detector
    model = PersistenceSatModel(data=truth.full_well / truth.gain, dq_def=dq_def_table({"DO_NOT_USE": DO_NOT_USE}))
    model.dq = flag_where(DO_NOT_USE, truth.reference)
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
    "area": references_photom.make_area,
    "photom": references_photom.make_photom,
    "trapdensity": _trapdensity,
    "trappars": _trappars,
    "persat": _persat,
    "reset": references_miri.make_reset,
    "rscd": references_miri.make_rscd,
    "emicorr": references_miri.make_emicorr,
    "refpix": references_nirspec.make_refpix,
    "pictureframe": references_nirspec.make_pictureframe,
}
"""What makes the model of each reference type."""

_COMMON = ("mask", "gain", "readnoise", "saturation", "linearity", "dark", "ipc", "flat", "area")
_TRAPS = ("trapdensity", "trappars", "persat")
TYPES = {
    "NIRCAM": (*_COMMON, "photom", "superbias", *_TRAPS),
    "NIRSPEC": (*_COMMON, "superbias", "refpix", "pictureframe"),
    "NIRISS": (*_COMMON, "photom", "superbias"),
    "FGS": (*_COMMON, "photom", "superbias"),
    "MIRI": (*_COMMON, "photom", "reset", "rscd", "emicorr"),
}
"""Reference types of each instrument."""


def write_reference(path: Path, reftype: str, request: ReferenceRequest) -> None:
    """Make a reference and write it.

    Parameters
    ----------
    path : Path
        The file; ASDF for "emicorr", else FITS.
    reftype : str
        A key of `MAKERS`.
    request : ReferenceRequest
        Detector, readout and so on.
    """
    sca, region = request.sca, request.region
    with MAKERS[reftype](request) as model:
        for name, value in REFERENCE_META.items():
            setattr(model.meta, name, value)
        model.meta.reftype = reftype.upper()
        model.meta.instrument.name, model.meta.instrument.detector = sca.instrument, sca.name
        for name in ("channel", "module"):
            if getattr(sca, name) is not None:
                setattr(model.meta.instrument, name, getattr(sca, name))
        if reftype not in WITHOUT_SUBARRAY:
            whole = region.name == "FULL" and reftype not in ("dark", "reset")
            model.meta.subarray.name = "GENERIC" if whole else region.name
            model.meta.subarray.xstart, model.meta.subarray.ystart = region.xstart, region.ystart
            model.meta.subarray.xsize, model.meta.subarray.ysize = region.xsize, region.ysize
            model.meta.subarray.fastaxis, model.meta.subarray.slowaxis = sca.fastaxis, sca.slowaxis
        model.meta.filename = path.name
        model.save(path, **({} if path.suffix == ".asdf" else {"overwrite": True}))
