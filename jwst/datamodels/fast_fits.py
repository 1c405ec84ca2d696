"""Open ramps and images without the detours: samples are converted while they are read, the rest is stdatamodels'."""

from __future__ import annotations

import logging
import math
import os
from typing import Any

__all__ = ["open_any", "open_fits", "open_ramp"]

log = logging.getLogger(__name__)

LARGE = 1 << 16
RAMP_AXES = 4
_FLOAT32 = ("SCI", "ZEROFRAME", "REFOUT", "AVDRKCUR")
_IMAGES = ("ImageModel", "CubeModel")
_STORED = {-32: "f4", -64: "f8"}


def open_ramp(path: str, cls: type) -> Any:
    """Open a FITS file of ramps as a given model class.

    The same model as ``cls(path)``, but large image arrays are read and converted in one pass.

    Parameters
    ----------
    path : str or Path
        An exposure: level 1b (uint16 samples) or ramp (float32 samples).
    cls : type
        ``RampModel``, ``SuperstripeRampModel`` or ``GuiderRawModel`` of `stdatamodels`.

    Returns
    -------
    cls
        Writable native-endian arrays; nothing of the file stays open.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        The file is no FITS file, it is truncated, it has no SCI extension, or no ramps in it.

    Notes
    -----
    `astropy.io.fits` HDUs keep their data in a lazily filled attribute ``data``. It is filled here with the converted
    array before `stdatamodels` asks for it, which leaves the headers as they are in the file.
    """
    from astropy.io import fits

    from jwst.datamodels.asdf_schemas import keep_schemas
    from jwst.lib.fits_arrays import read_image
    from stpipe.exceptions import InputError

    keep_schemas()
    path = str(path)
    with open_fits(path) as hdulist:
        if "SCI" not in hdulist:
            raise InputError(f"The input file {path} has no SCI extension: it is not an exposure")
        axes = len(hdulist["SCI"].shape)
        if axes != RAMP_AXES:
            raise InputError(
                f"The SCI extension of {path} has {axes} axes; ramps have {RAMP_AXES} (integration, group, row, "
                "column). Give the uncalibrated exposure, ..._uncal.fits, or ramps made from it"
            )
        for hdu in hdulist:
            if not isinstance(hdu, (fits.ImageHDU, fits.PrimaryHDU)) or not hdu.shape:
                continue
            if hdu.name in _FLOAT32 and math.prod(hdu.shape) >= LARGE:
                hdu.__dict__["data"] = read_image(hdu, path=path)
        return _made_of(hdulist, cls, path)


def open_any(init: Any, **kwargs: Any) -> Any:
    """Open a model as `stdatamodels.jwst.datamodels.open` does, images and cubes by a faster way.

    Parameters
    ----------
    init : str, Path or anything else that can be opened
        A FITS file that says it is an ImageModel or a CubeModel is read in one pass.
    **kwargs
        For the model; with any the usual way is taken.

    Returns
    -------
    data model
        The same model. Of images the floating-point arrays are native-endian, writable and nobody else's, and nothing
        of the file stays open.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        A FITS file cannot be read, or is truncated.

    Notes
    -----
    Unlike the usual way it does not hold the arrays twice when they are swapped.
    """
    from jwst.datamodels.asdf_schemas import keep_schemas

    keep_schemas()
    name = str(init) if isinstance(init, str | os.PathLike) else ""
    if not kwargs and name.endswith(".fits"):
        model = _open_image(name)
        if model is not None:
            return model
    from stdatamodels.jwst.datamodels import open as open_model

    return open_model(init, **kwargs)


def _open_image(path: str) -> Any:
    """Open an image or a cube; None for any other model, and for one whose extensions do not fit together."""
    from astropy.io import fits
    from stdatamodels.jwst import datamodels

    from jwst.lib.fits_arrays import read_image

    with open_fits(path) as hdulist:
        kind = hdulist[0].header.get("DATAMODL")
        if kind not in _IMAGES or "SCI" not in hdulist:
            return None
        for hdu in hdulist:
            dtype = _STORED.get(hdu.header.get("BITPIX", 0)) if type(hdu) is fits.ImageHDU and hdu.shape else None
            if dtype:
                hdu.__dict__["data"] = read_image(hdu, path=path, dtype=dtype)
        try:
            return getattr(datamodels, kind)(hdulist)
        except KeyError as error:
            log.debug("%s is opened the usual way: %s", path, error)
            return None


def _made_of(hdulist: Any, cls: type, path: str) -> Any:
    """Make a model; without the ASDF extension where that names an extension which has been taken out of the file."""
    try:
        return cls(hdulist)
    except KeyError as error:
        if "ASDF" not in hdulist:
            raise
        log.warning(
            "The ASDF extension of %s does not fit its other extensions (%s): it is not used, metadata come from the "
            "keywords alone",
            path,
            error.args[0] if error.args else error,
        )
        del hdulist["ASDF"]
        return cls(hdulist)


def open_fits(path: str, what: str = "input file") -> Any:
    """Open a FITS file and read every header.

    Parameters
    ----------
    path : str
        The file.
    what : str
        What the file is to the user, for messages.

    Returns
    -------
    astropy.io.fits.HDUList

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        It is no FITS file, or it is truncated.
    """
    import warnings

    from astropy.io import fits
    from astropy.utils.exceptions import AstropyUserWarning

    from jwst.lib.fits_arrays import check_complete
    from stpipe.exceptions import InputError

    if not os.path.exists(path):
        raise FileNotFoundError(f"The {what} {path} does not exist")
    if os.path.isdir(path):
        raise InputError(f"The {what} {path} is a directory")
    stream = open(path, "rb")  # noqa: SIM115 - the list of extensions closes it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyUserWarning)
            hdulist = fits.open(stream, memmap=False)
    except (OSError, AstropyUserWarning) as error:
        stream.close()
        raise InputError(f"The {what} {path} cannot be read as a FITS file: {error}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyUserWarning)
            for hdu in hdulist:
                check_complete(hdu, path=path)
        info = hdulist[-1].fileinfo()
        if info["datLoc"] + info["datSpan"] < os.path.getsize(path):
            raise OSError("it ends within an extension, or bytes follow its last one; copy or download it again")
    except (OSError, InputError, ValueError, KeyError) as error:
        hdulist.close()
        if isinstance(error, InputError):
            raise
        raise InputError(f"The {what} {path} cannot be read as a FITS file: {error}") from error
    return hdulist
