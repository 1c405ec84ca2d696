"""Open ramps and images without the detours: samples are converted while they are read, the rest is stdatamodels'."""

from __future__ import annotations

import logging
import math
import os
from typing import Any

__all__ = ["open_any", "open_fits", "open_lazily", "open_ramp"]

log = logging.getLogger(__name__)

LARGE = 1 << 16
RAMP_AXES = 4
_FLOAT32 = ("SCI", "ZEROFRAME", "REFOUT", "AVDRKCUR")
_IMAGES = ("ImageModel", "CubeModel")
_READ = ("f4", "f8", "u4")


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


def open_lazily(init: Any) -> Any:
    """Open a model as `open_any` does, but read the large arrays of an image or a cube when they are asked for.

    Parameters
    ----------
    init : str, Path or anything else that can be opened

    Returns
    -------
    data model
        Its tree is a `jwst.datamodels.stored_planes.LazyTree` if it is read from a FITS file of an image or a cube.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        A FITS file cannot be read, or is truncated. Also when an array is read from a file that has been changed.
    """
    from jwst.datamodels.asdf_schemas import keep_schemas

    keep_schemas()
    name = str(init) if isinstance(init, str | os.PathLike) else ""
    model = _open_image(name, lazily=True) if name.endswith(".fits") else None
    return open_any(init) if model is None else model


def _open_image(path: str, *, lazily: bool = False) -> Any:
    """Open an image or a cube; None for any other model, and for one whose extensions do not fit together."""
    from stdatamodels.jwst import datamodels

    from jwst.datamodels.model_trees import free_source

    with open_fits(path) as hdulist:
        kind = hdulist[0].header.get("DATAMODL")
        if kind not in _IMAGES or "SCI" not in hdulist:
            return None
        planes = _fill_lazily(hdulist, path) if lazily else []
        _fill(hdulist, path)
        try:
            model = getattr(datamodels, kind)(hdulist)
        except KeyError as error:
            log.debug("%s is opened the usual way: %s", path, error)
            return None
    free_source(model, hdulist)
    if planes:
        _make_lazy(model, planes)
    return model


def _fill(hdulist: Any, path: str) -> None:
    """Read the images of a list of extensions, except for those that have data already."""
    from astropy.io import fits

    from jwst.lib.fits_arrays import plain_layout, read_image

    for hdu in hdulist:
        if type(hdu) is fits.ImageHDU and hdu.shape and "data" not in hdu.__dict__:
            layout = plain_layout(hdu)
            if layout is not None and layout[1][1:] in _READ:
                hdu.__dict__["data"] = read_image(hdu, path=path, dtype=layout[1])


def _fill_lazily(hdulist: Any, path: str) -> list[tuple[Any, Any]]:
    """Give each large image an array that takes no memory; return these, each with the place of its values."""
    import numpy as np
    from astropy.io import fits

    from jwst.datamodels.stored_planes import file_state, stored_image

    state, planes = file_state(path), []
    for hdu in hdulist:
        plane = stored_image(hdu, path, state) if type(hdu) is fits.ImageHDU else None
        if plane is not None and plane.dtype[1:] in _READ:
            hdu.__dict__["data"] = np.broadcast_to(np.zeros((), plane.dtype), plane.shape)
            planes.append((hdu.__dict__["data"], plane))
    return planes


def _make_lazy(model: Any, planes: list[tuple[Any, Any]]) -> None:
    """Put the places of arrays into a model instead of the arrays that stand for them."""
    from jwst.datamodels.stored_planes import LazyTree

    places = {id(array): plane for array, plane in planes}

    def filled(node: Any) -> Any:
        if isinstance(node, dict):
            for key, value in node.items():
                node[key] = filled(value)
        elif isinstance(node, list):
            node[:] = [filled(value) for value in node]
        elif id(node) in places:
            return places[id(node)].read()
        return node

    tree = LazyTree()
    for key, value in model._instance.items():
        tree[key] = places[id(value)] if id(value) in places else filled(value)
    model._instance = model._asdf._tree = tree


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
