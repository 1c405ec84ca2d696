"""Which world coordinates an exposure gets. Source: spec assign_wcs_imaging.md, assign_wcs_spectroscopy.md.

`BUILDERS` says what makes them, by exposure type: add a mode there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

from stpipe.exceptions import InputError, NotBuiltError

__all__ = [
    "BUILDERS",
    "IMAGE_TYPES",
    "NO_WCS_TYPES",
    "SLIT_REFERENCES",
    "Builder",
    "Mode",
    "Settings",
    "image_types",
    "load_wcs",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Parameters of the step that the builders use.

    Attributes
    ----------
    slit_y_range : (float, float)
        Ends of NIRSpec slits in units of their height.
    by_slice : bool
        IFU: coordinates that are called with the number of the slice.
    """

    slit_y_range: tuple[float, float] = (-0.55, 0.55)
    by_slice: bool = False


@dataclass(frozen=True)
class Builder:
    """How the coordinates of a mode are made.

    Attributes
    ----------
    make : callable
        Called with the model, the references by type and the `Settings`; writes ``meta.wcs`` into the model.
    needs : tuple of str
        Types of the references that it cannot do without.
    """

    make: Callable[[Any, Mapping[str, Any], Settings], None]
    needs: tuple[str, ...]


_LAMP_TYPES = ("NRS_LAMP", "NRS_AUTOWAVE", "NRS_AUTOFLAT")
_LAMP_MODES = ("FIXEDSLIT", "BRIGHTOBJ", "MSASPEC", "IFU", "IMAGE")
NO_WCS_TYPES = frozenset(
    [f"NRC_{kind}" for kind in ("LED", "DARK", "FLAT", "GRISM")]
    + [f"MIR_{kind}" for kind in ("FLATMRS", "FLATIMAGE", "FLAT-MRS", "FLAT-IMAGE", "FLATMRS-EXT", "FLATIMAGE-EXT")]
    + ["MIR_DARK", "NIS_DARK", "NIS_LAMP", "FGS_SKYFLAT", "FGS_INTFLAT", "FGS_DARK", "NRS_DARK"]
)
_IMAGES = {
    "NIRCam": ("NRC", ("IMAGE", "TACQ", "TACONFIRM", "CORON", "FOCUS", "TSIMAGE")),
    "MIRI": ("MIR", ("IMAGE", "TACQ", "TACONFIRM", "LYOT", "4QPM", "CORONCAL")),
    "NIRISS": ("NIS", ("IMAGE", "AMI", "TACQ", "TACONFIRM", "FOCUS")),
    "FGS": ("FGS", ("IMAGE", "FOCUS")),
}


def image_types(instrument: str) -> tuple[str, ...]:
    """Types of the exposures of an instrument ("NIRCam", "MIRI", "NIRISS", "FGS") that are images."""
    prefix, kinds = _IMAGES[instrument]
    return tuple(f"{prefix}_{kind}" for kind in kinds)


IMAGE_TYPES: Mapping[str, str] = MappingProxyType(
    {exp_type: name.lower() for name in _IMAGES for exp_type in image_types(name)}
)
"""Module of the instrument by type of exposure."""


def _images(model: Any, references: Mapping[str, Any], settings: Settings) -> None:
    """Images, also of coronagraphs and target acquisition."""
    from jwst.assign_wcs.imaging import assign_images

    module = import_module(f"jwst.assign_wcs.{IMAGE_TYPES[Mode.of_model(model).exp_type]}")
    assign_images(model, module.create_pipeline(model, references))


def _slits(model: Any, references: Mapping[str, Any], settings: Settings) -> None:
    """NIRSpec fixed slits, bright object and MOS."""
    from jwst.assign_wcs.nirspec_exposures import assign_slits

    assign_slits(model, references, settings.slit_y_range)


def _ifu(model: Any, references: Mapping[str, Any], settings: Settings) -> None:
    """NIRSpec IFU."""
    from jwst.assign_wcs.nirspec_exposures import assign_ifu

    assign_ifu(model, references, settings.slit_y_range, by_slice=settings.by_slice)


SLIT_REFERENCES = ("wavelengthrange", "camera", "collimator", "disperser", "fore", "fpa", "msa", "ote")
_IFU_REFERENCES = (*(kind for kind in SLIT_REFERENCES if kind != "msa"), "ifupost", "ifufore", "ifuslicer")

BUILDERS: dict[str, Builder] = {
    "NRS_FIXEDSLIT": Builder(_slits, SLIT_REFERENCES),
    "NRS_BRIGHTOBJ": Builder(_slits, SLIT_REFERENCES),
    "NRS_MSASPEC": Builder(_slits, SLIT_REFERENCES),
    "NRS_IFU": Builder(_ifu, _IFU_REFERENCES),
    **dict.fromkeys(IMAGE_TYPES, Builder(_images, ("distortion",))),
}


@dataclass(frozen=True)
class Mode:
    """What decides how the coordinates of an exposure are made.

    Attributes
    ----------
    exp_type, lamp_mode, grating : str
        Upper case; empty where the exposure does not say.
    """

    exp_type: str
    lamp_mode: str
    grating: str

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Mode:
        """From metadata by dotted name, such as ``"meta.exposure.type"``."""
        keys = ("meta.exposure.type", "meta.instrument.lamp_mode", "meta.instrument.grating")
        return cls(*(str(values.get(key) or "").upper() for key in keys))

    @classmethod
    def of_model(cls, model: Any) -> Mode:
        """From a data model."""
        meta = model.meta
        values = (meta.exposure.type, meta.instrument.lamp_mode, meta.instrument.grating)
        return cls(*(str(value or "").upper() for value in values))

    @property
    def builder(self) -> Builder | None:
        """What makes the coordinates; None where it is not built."""
        if self.grating == "MIRROR":
            return None
        return BUILDERS.get(f"NRS_{self.lamp_mode}" if self.exp_type in _LAMP_TYPES else self.exp_type)

    @property
    def needs(self) -> tuple[str, ...]:
        """Types of the references without which the coordinates cannot be made."""
        return self.builder.needs if self.builder is not None else ()

    @property
    def without_wcs(self) -> str:
        """Why exposures of this mode get no world coordinates; empty if they do."""
        unknown_lamp = self.exp_type in _LAMP_TYPES and self.lamp_mode not in _LAMP_MODES
        if self.exp_type in NO_WCS_TYPES or unknown_lamp:
            return f"WCS for EXP_TYPE of {self.exp_type} is not implemented."
        return ""

    @property
    def not_built(self) -> str:
        """What to say of exposures whose coordinates this release cannot make; empty if it can."""
        if self.builder is not None:
            return ""
        what = f"{self.exp_type} with the mirror" if self.grating == "MIRROR" else self.exp_type or "unknown"
        return (
            f"World coordinates (assign_wcs) of {what} exposures are not part of this release; those of NIRCam, MIRI, "
            "NIRISS and FGS images and of NIRSpec fixed slits, bright objects, MOS and IFU are. Skip assign_wcs and "
            "the steps that need it, or run the public pipeline"
        )


def load_wcs(
    input_model: Any,
    reference_files: Mapping[str, Any],
    nrs_slit_y_range: Sequence[float] | None = None,
    nrs_ifu_slice_wcs: bool = False,
) -> Any:
    """Make the world coordinates of an exposure.

    Parameters
    ----------
    input_model : ImageModel, CubeModel or IFUImageModel
        Updated in place: ``meta.wcs``, ``meta.wcsinfo`` and the status.
    reference_files : mapping of str to (str, Path or data model)
        References by type; None or "N/A" for none.
    nrs_slit_y_range : sequence of 2 float, optional
        Ends of NIRSpec slits in units of their height; -0.55 and 0.55 without it.
    nrs_ifu_slice_wcs : bool
        NIRSpec IFU: coordinates that are called with the number of the slice.

    Returns
    -------
    data model
        The input.

    Raises
    ------
    InputError
        There is no reference, or one cannot be used, or the exposure lacks a keyword.
    MSAFileError
        The MSA metadata file is missing or does not describe the exposure.
    NoDataOnDetectorError
        No slit or slice is on the detector.
    MatchRowError
        More than one row of the FILTEROFFSET reference is for the filter of the exposure.
    NotBuiltError
        The mode is not part of this release.
    """
    from jwst.assign_wcs.reference_trees import is_absent

    known = {kind: source for kind, source in reference_files.items() if not is_absent(source)}
    if not known:
        log.critical("assign_wcs needs reference files to compute the WCS, none were passed")
        raise InputError(
            "assign_wcs needs reference files to compute the WCS, none were passed. "
            f"Looked up: {', '.join(reference_files)}"
        )
    mode = Mode.of_model(input_model)
    if mode.builder is None:
        raise NotBuiltError(mode.not_built)
    low, high = nrs_slit_y_range if nrs_slit_y_range is not None else (-0.55, 0.55)
    mode.builder.make(input_model, known, Settings((float(low), float(high)), nrs_ifu_slice_wcs))
    input_model.meta.cal_step.assign_wcs = "COMPLETE"
    return input_model
