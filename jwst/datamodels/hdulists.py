"""Models of FITS files that somebody has opened already, as lists of extensions (spec jwst_base.md §8)."""

from __future__ import annotations

from typing import Any

__all__ = ["model_of"]


def model_of(hdulist: Any, **kwargs: Any) -> Any:
    """Make the model that `jwst.datamodels.open` makes of the file of a list of extensions.

    Parameters
    ----------
    hdulist : astropy.io.fits.HDUList
        Stays open and belongs to the caller.
    **kwargs
        Passed on to the model class; ``guess=False`` refuses a list that does not name its class.

    Returns
    -------
    JwstDataModel

    Raises
    ------
    TypeError
        ``DATAMODL`` is missing and ``guess`` is false, or SCI has a number of axes that no model has.
    """
    guess = kwargs.pop("guess", True)
    from stdatamodels.jwst import datamodels

    named = getattr(datamodels, str(hdulist[0].header.get("DATAMODL")), None)
    if named is None and not guess:
        raise TypeError("Model type is not specifically defined and guessing has been disabled.")
    name = _guessed_name(hdulist) if named is None else None
    return (named or getattr(datamodels, str(name)))(hdulist, **kwargs)


def _guessed_name(hdulist: Any) -> str:
    """Name of the class by the axes of SCI, and by whether it is a reference (spec jwst_base.md §7)."""
    axes = len(hdulist["SCI"].shape) if "SCI" in hdulist else 0
    if axes == 4 and "DQ" not in hdulist:
        return "RampModel"
    kinds = {2: "Image", 3: "Cube", 4: "Quad"}
    if axes and axes not in kinds:
        raise TypeError(f"SCI has {axes} axes: no model has as many; give a list whose DATAMODL names its class")
    if "REFTYPE" in hdulist[0].header:
        return f"Reference{kinds.get(axes, 'File')}Model"
    if axes == 2 and ("SCI", 2) in hdulist:
        return "MultiSlitModel"
    return f"{kinds[axes]}Model" if axes else "JwstDataModel"
