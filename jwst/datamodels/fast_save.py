"""Save models to FITS files: the same files as `stdatamodels` writes, with less copying."""

from __future__ import annotations

import math
import os
from types import MethodType
from typing import Any

__all__ = ["save"]

CHUNK = 1 << 19
_SIGN = {"u2": 0x8000, "u4": 0x80000000}
_PLAIN = ("f4", "f8", "i2", "i4", "i8", *_SIGN)


def save(model: Any, path: str) -> str:
    """Save a model.

    Parameters
    ----------
    model : JwstDataModel
        As with ``model.save``, ``meta.filename``, ``meta.date`` and ``meta.model_type`` are set.
    path : str
        The file; what is there is overwritten.

    Returns
    -------
    str
        Path of the file.

    Notes
    -----
    Arrays are swapped in pieces of `CHUNK` bytes on their way to the file, not whole and in place, and unsigned ones
    are not copied; nothing holds on to the arrays afterwards. Models of a class with a way of its own, and other files
    than FITS, are saved by ``model.save``.
    """
    from stdatamodels import DataModel

    kind = type(model)
    if not str(path).endswith(".fits") or kind.save is not DataModel.save or kind.to_fits is not DataModel.to_fits:
        return model.save(path)
    import warnings

    from stdatamodels import fits_support

    from jwst.datamodels.asdf_schemas import keep_schemas

    keep_schemas()
    path = os.fspath(path)
    model.on_save(path)
    hdulist = fits_support.to_fits(model._instance, model._schema)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Card is too long")
        if model._no_asdf_extension and "ASDF" in hdulist:
            del hdulist["ASDF"]
        plain = [hdu for hdu in hdulist if _is_plain(hdu)]
        for hdu in plain:
            hdu._writedata_internal = MethodType(_write_plain, hdu)
        try:
            hdulist.writeto(path, overwrite=True)
        finally:
            for hdu in plain:
                del hdu._writedata_internal
    hdulist.clear()  # functions inside of stdatamodels hold on to the list until the garbage collector comes
    return path


def _is_plain(hdu: Any) -> bool:
    """Whether the samples of an extension are written as they are, but for the order of their bytes."""
    import numpy as np
    from astropy.io import fits

    data = hdu.data if type(hdu) is fits.ImageHDU and hasattr(hdu, "_writedata_internal") else None
    if type(data) is not np.ndarray or not data.flags.c_contiguous or not data.dtype.isnative:
        return False
    return data.size > 0 and data.dtype.str[1:] in _PLAIN and np.little_endian


def _write_plain(hdu: Any, file: Any) -> int:
    """Write the samples of an extension; return the number of bytes."""
    import numpy as np

    samples = hdu.data.reshape(-1)
    sign = _SIGN.get(samples.dtype.str[1:], 0)
    unsigned = np.dtype(f"u{samples.itemsize}")
    scratch = np.empty(min(samples.size, CHUNK // samples.itemsize), unsigned)
    for begin in range(0, samples.size, scratch.size):
        part = samples[begin : begin + scratch.size].view(unsigned)
        raw = scratch[: part.size]
        if sign:
            np.bitwise_xor(part, unsigned.type(sign), out=raw)
            raw.byteswap(inplace=True)
        else:
            np.copyto(raw.view(unsigned.newbyteorder(">")), part)
        file.writearray(raw)
    return math.prod(hdu.data.shape) * samples.itemsize
