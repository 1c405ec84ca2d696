"""Read image arrays of FITS files fast: only the part that is needed, converted while it is in the cache.

`astropy.io.fits` parses the headers and says where the data lie; the bytes are read straight into the result and
swapped in pieces of `CHUNK` bytes. Images that are stored in an unusual way (compressed, scaled by BSCALE) are left to
astropy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from stpipe.exceptions import InputError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = ["check_complete", "plain_layout", "read_block", "read_image", "read_window"]

CHUNK = 1 << 19
_STORED = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_UNSIGNED = {16: ("u2", 0x8000), 32: ("u4", 0x80000000)}


def check_complete(hdu: Any, *, path: str) -> None:
    """Make sure that the data of an HDU lie within its file.

    Parameters
    ----------
    hdu : astropy HDU of an open file
    path : str
        The file, for the message.

    Raises
    ------
    InputError
        The file ends before the data do.
    """
    import os

    header = hdu.header
    size = abs(int(header["BITPIX"])) // 8
    for axis in range(1, int(header["NAXIS"]) + 1):
        size *= int(header[f"NAXIS{axis}"])
    if int(header["NAXIS"]) and hdu.fileinfo()["datLoc"] + size > os.path.getsize(path):
        raise InputError(
            f"{path} is truncated: its extension {hdu.name or 'PRIMARY'} ends after the end of the file. "
            "Copy or download the file again."
        )


def read_image(hdu: Any, *, path: str, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Read a whole image extension.

    Parameters
    ----------
    hdu : astropy image HDU of an open file
    path : str
        The file that the HDU belongs to.
    dtype : dtype
        Type of the result, native byte order.

    Returns
    -------
    ndarray
        A new C-contiguous array with the shape of the extension.

    Raises
    ------
    InputError
        The file is truncated.
    """
    return read_window(hdu, path=path, dtype=dtype)


def read_window(
    hdu: Any,
    *,
    path: str,
    dtype: DTypeLike = np.float32,
    window: tuple[slice, slice] | None = None,
    planes: slice | None = None,
) -> np.ndarray:
    """Read a window of every plane of an image extension, and nothing else from the disk than the rows it needs.

    Parameters
    ----------
    hdu : astropy image HDU of an open file
    path : str
        The file that the HDU belongs to.
    dtype : dtype
        Type of the result, native byte order.
    window : (slice of rows, slice of columns), optional
        Cut of the last two axes; whole planes by default.
    planes : slice, optional
        Which planes of an image of three or more axes: all axes before the last two count as one.

    Returns
    -------
    ndarray
        A new C-contiguous array.

    Raises
    ------
    InputError
        The file is truncated.
    """
    check_complete(hdu, path=path)
    dtype = np.dtype(dtype)
    shape = tuple(hdu.shape)
    if len(shape) < 3:
        planes = None
    if _is_special(hdu) or len(shape) < 2:
        data = np.asarray(hdu.data)
        if planes is not None:
            data = data.reshape(-1, *shape[-2:])[planes]
        if window is not None:
            data = data[..., window[0], window[1]]
        return np.array(data, dtype=dtype, order="C")

    leading = shape[:-2]
    first, count = 0, math.prod(leading)
    if planes is not None:
        first, stop, _ = planes.indices(count)
        count = max(0, stop - first)
        leading = (count,)
    return _read_planes(hdu, path, dtype, _Request(leading, first, count, window))


def plain_layout(hdu: Any) -> tuple[str, str, int] | None:
    """How the samples of an image extension are stored, where that is simple.

    Parameters
    ----------
    hdu : astropy image HDU of an open file

    Returns
    -------
    (stored, dtype, flip) or None
        Type in the file, native type of the values, and the sign bit by which unsigned integers are shifted, or 0. None
        where astropy has to read the extension.
    """
    bitpix = int(hdu.header["BITPIX"])
    if _is_special(hdu) or bitpix not in _STORED:
        return None
    stored = np.dtype(_STORED[bitpix])
    if not hdu.header.get("BZERO", 0):
        return stored.str, stored.newbyteorder("=").str, 0
    unsigned, flip = _UNSIGNED[bitpix]
    return stored.str, np.dtype(unsigned).str, flip


def read_block(file: BinaryIO, out: np.ndarray, stored: np.dtype, *, flip: int = 0) -> None:
    """Fill an array from the position of a file.

    Parameters
    ----------
    file : binary file
        Unbuffered.
    out : ndarray
        C-contiguous. Filled in place.
    stored : dtype
        Type in the file.
    flip : int, optional
        Sign bit by which unsigned integers are shifted.

    Raises
    ------
    InputError
        The file ends before.
    """
    flat = out.reshape(-1)
    if stored == out.dtype and not flip:
        _fill(file, flat)
    else:
        _read_into(file, flat, stored, flip)


class _Request:
    """Which planes of an extension are wanted, and which window of each."""

    def __init__(self, leading: tuple[int, ...], first: int, count: int, window: tuple[slice, slice] | None) -> None:
        self.leading, self.first, self.count, self.window = leading, first, count, window


def _is_special(hdu: Any) -> bool:
    """Whether astropy must read this extension: compressed, or scaled by more than the unsigned-integer convention."""
    bitpix = int(hdu.header["BITPIX"])
    zero, scale = hdu.header.get("BZERO", 0), hdu.header.get("BSCALE", 1)
    if hdu.__class__.__name__ not in ("ImageHDU", "PrimaryHDU") or scale != 1:
        return True
    return zero != 0 and not (bitpix in _UNSIGNED and zero == _UNSIGNED[bitpix][1])


def _read_planes(hdu: Any, path: str, dtype: np.dtype, request: _Request) -> np.ndarray:
    """Read the requested planes piece by piece."""
    ny, nx = hdu.shape[-2:]
    rows, columns = request.window or (slice(0, ny), slice(0, nx))
    y0, y1, _ = rows.indices(ny)
    x0, x1, _ = columns.indices(nx)
    out = np.empty((*request.leading, y1 - y0, x1 - x0), dtype)
    flat = out.reshape(request.count, y1 - y0, x1 - x0)
    stored = np.dtype(_STORED[int(hdu.header["BITPIX"])])
    flip = _UNSIGNED[int(hdu.header["BITPIX"])][1] if hdu.header.get("BZERO", 0) else 0
    start = hdu.fileinfo()["datLoc"]
    with open(path, "rb", buffering=0) as file:
        if (y0, y1, x0, x1) == (0, ny, 0, nx):
            file.seek(start + request.first * ny * nx * stored.itemsize)
            _read_into(file, flat.reshape(-1), stored, flip)
            return out
        rows_read = np.empty((y1 - y0) * nx, dtype)
        for plane in range(request.count):
            file.seek(start + ((request.first + plane) * ny + y0) * nx * stored.itemsize)
            _read_into(file, rows_read, stored, flip)
            flat[plane] = rows_read.reshape(y1 - y0, nx)[:, x0:x1]
    return out


def _read_into(file: BinaryIO, out: np.ndarray, stored: np.dtype, flip: int) -> None:
    """Fill a 1-D array from the position of a file, converting from the stored big-endian type."""
    native = stored.newbyteorder("=")
    unsigned = np.dtype(f"u{stored.itemsize}")
    direct = out.dtype == native or (flip and out.dtype == unsigned)
    step = CHUNK // stored.itemsize
    scratch = None if direct else np.empty(min(step, out.size), unsigned)
    for begin in range(0, out.size, step):
        part = out[begin : begin + step]
        raw = part.view(unsigned) if scratch is None else scratch[: part.size]
        _fill(file, raw)
        if raw.itemsize > 1:
            raw.byteswap(inplace=True)
        if flip:
            np.bitwise_xor(raw, unsigned.type(flip), out=raw)
        if not direct:
            np.copyto(part, raw if flip else raw.view(native), casting="unsafe")


def _fill(file: BinaryIO, raw: np.ndarray) -> None:
    """Read exactly as many bytes as the array holds."""
    view = memoryview(raw.view(np.uint8).data)
    done = 0
    while done < len(view):
        got = file.readinto(view[done:])  # type: ignore[attr-defined]
        if not got:
            raise InputError(f"{getattr(file, 'name', 'a file')} ended while its data were read")
        done += got
