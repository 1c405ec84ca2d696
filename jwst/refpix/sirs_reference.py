"""Read SIRS kernels of a detector from a reference. Source: spec refpix.md, "Interface"."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from jwst.refpix.sirs import SirsKernels, SirsSettings, sirs_kernels
from stpipe.exceptions import InputError

__all__ = ["read_kernels"]

log = logging.getLogger(__name__)

_FALL_BACK = "the running median is used instead"


def read_kernels(source: Any, detector: str | None, settings: SirsSettings) -> SirsKernels | None:
    """Read the coefficients of a detector and make kernels of them.

    Parameters
    ----------
    source : str, Path or SIRSKernelModel
        The ASDF file, or the model; "N/A" for none.
    detector : str or None
        DETECTOR of the exposure.
    settings : SirsSettings

    Returns
    -------
    SirsKernels or None
        None, with a warning, where there is no reference or it does not have this detector.

    Raises
    ------
    InputError
        The file cannot be read, or what it has of this detector is not a pair of coefficients.
    """
    if isinstance(source, str) and source in ("N/A", ""):
        log.warning("There is no SIRSKERNEL reference for this exposure; %s", _FALL_BACK)
        return None
    coefficients = _coefficients(source, (detector or "").lower())
    if coefficients is None:
        log.warning("The SIRSKERNEL reference has no kernels of %s; %s", detector, _FALL_BACK)
        return None
    return sirs_kernels(*coefficients, settings)


def _coefficients(source: Any, detector: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Arrays gamma and zeta of a detector."""
    if not (isinstance(source, str) or hasattr(source, "__fspath__")):
        return _pair(source.instance, detector, "the SIRSKERNEL reference")
    import asdf

    try:
        with asdf.open(source, memmap=False) as file:
            return _pair(file.tree, detector, str(source))
    except (OSError, ValueError) as error:
        if isinstance(error, (FileNotFoundError, InputError)):
            raise
        raise InputError(f"Cannot read the SIRSKERNEL reference {source} ({error})") from error


def _pair(tree: Any, detector: str, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Arrays gamma and zeta of a detector in a tree; None where it has not this detector."""
    if not detector or detector not in tree:
        return None
    entry = tree[detector]
    try:
        return np.array(entry["gamma"], np.complex128), np.array(entry["zeta"], np.complex128)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{name} has no arrays gamma and zeta of {detector}: it is no SIRSKERNEL reference") from error
