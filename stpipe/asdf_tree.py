"""One node of the YAML tree of an ASDF file, or of the ASDF extension of a FITS file; no array is read."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["read_node"]

_EXTENSION = "ASDF"


def read_node(path: str, key: str) -> Any:
    """Read one top-level node.

    Parameters
    ----------
    path : str
        ASDF file, or FITS file.
    key : str
        Name of the node.

    Returns
    -------
    object
        Plain mappings, lists and values; None where there is no such node, or no ASDF extension.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        The file is neither an ASDF nor a FITS file.
    """
    from stpipe.exceptions import InputError

    if not os.path.isfile(path):
        raise FileNotFoundError(f"There is no file {path!r}")
    with open(path, "rb") as stream:
        start = stream.read(9)
    if start.startswith(b"#ASDF"):
        from asdf.util import load_yaml

        return load_yaml(path).get(key)
    if start == b"SIMPLE  =":
        tree = _tree_in_fits(path)
        return None if tree is None else tree.get(key)
    raise InputError(f"{path!r} is neither a FITS nor an ASDF file")


def _tree_in_fits(path: str) -> Any:
    from io import BytesIO

    from asdf.util import load_yaml
    from astropy.io import fits

    with fits.open(path) as hdulist:
        if _EXTENSION not in hdulist:
            return None
        return load_yaml(BytesIO(hdulist[_EXTENSION].data.tobytes()))
