"""What an exposure is for: its type and the elements in the light path."""

from __future__ import annotations

from dataclasses import dataclass

from jwst.simulation.detectors import Detector

__all__ = ["Optics", "default_exposure_type", "default_optics", "default_readout"]


@dataclass(frozen=True)
class Optics:
    """Elements in the light path; None where an instrument has no such thing.

    Parameters
    ----------
    filter, pupil, grating, band : str or None
        Values of the keywords.
    """

    filter: str | None = None
    pupil: str | None = None
    grating: str | None = None
    band: str | None = None


_READOUTS = {"NIRCAM": "SHALLOW4", "NIRSPEC": "NRSRAPID", "NIRISS": "NISRAPID", "FGS": "FGSRAPID", "MIRI": "FASTR1"}
_OPTICS = {
    "NRC_IMAGE": Optics("F200W", "CLEAR"),
    "NRC_TSIMAGE": Optics("F200W", "CLEAR"),
    "NRS_IFU": Optics("F290LP", None, "G395H"),
    "NRS_MSASPEC": Optics("F290LP", None, "G395M"),
    "NRS_FIXEDSLIT": Optics("F290LP", None, "G395H"),
    "NRS_BRIGHTOBJ": Optics("CLEAR", None, "PRISM"),
    "NIS_IMAGE": Optics("CLEAR", "F150W"),
    "NIS_AMI": Optics("F480M", "NRM"),
    "NIS_SOSS": Optics("CLEAR", "GR700XD"),
    "FGS_IMAGE": Optics(),
    "MIR_IMAGE": Optics("F770W"),
    "MIR_LRS-SLITLESS": Optics("P750L"),
    "MIR_MRS": Optics(None, None, None, "SHORT"),
}


def default_readout(detector: Detector) -> str:
    """Return the readout pattern that an instrument uses most."""
    return _READOUTS[detector.instrument]


def default_exposure_type(detector: Detector, subarray: str, *, time_series: bool = False) -> str:
    """Return the usual value of the EXP_TYPE keyword.

    Parameters
    ----------
    detector : Detector
        The detector.
    subarray : str
        Name of the subarray.
    time_series : bool
        The exposure is one of a time series.

    Returns
    -------
    str
    """
    if detector.instrument == "MIRI":
        imager = "MIR_LRS-SLITLESS" if subarray == "SLITLESSPRISM" else "MIR_IMAGE"
        return imager if detector.name == "MIRIMAGE" else "MIR_MRS"
    if detector.instrument == "NIRSPEC":
        slits = "NRS_BRIGHTOBJ" if time_series else "NRS_FIXEDSLIT"
        return "NRS_IFU" if subarray == "FULL" else slits
    if detector.instrument == "NIRISS":
        if subarray.startswith("SUBSTRIP") or subarray.endswith("_SOSS"):
            return "NIS_SOSS"
        return "NIS_IMAGE" if subarray == "FULL" else "NIS_AMI"
    if detector.instrument == "FGS":
        return "FGS_IMAGE"
    return "NRC_TSIMAGE" if time_series else "NRC_IMAGE"


def default_optics(exposure_type: str) -> Optics:
    """Return usual elements for a type of exposure; none for a type that the table lacks."""
    return _OPTICS.get(exposure_type, Optics())
