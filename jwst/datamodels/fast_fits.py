"""Open ramps without the detours: raw samples become float32 while they are read, metadata come from stdatamodels."""

from __future__ import annotations

import logging
import math
from typing import Any

__all__ = ["open_fits", "open_ramp"]

log = logging.getLogger(__name__)

LARGE = 1 << 16
RAMP_AXES = 4
_FLOAT32 = ("SCI", "ZEROFRAME", "REFOUT", "AVDRKCUR")


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
    import os
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
