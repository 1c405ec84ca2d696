"""What reference files call their arrays and keywords, and what their arrays hold."""

from __future__ import annotations

import logging

import numpy as np

__all__ = ["KEYWORDS", "hdu_name", "is_blank", "standard_flags"]

log = logging.getLogger(__name__)

_HDU_NAMES = {
    "data": "SCI",
    "average_dark_current": "AVDRKCUR",
    "rscd_group_skip_table": "RSCD_GROUP_SKIP",
    "trappars_table": "TRAPPARS",
    "irs2_table": "IRS2",
    "dq_table": "DQ",
    "phot_table": "PHOTOM",
    "apcorr_table": "APCORR",
}

KEYWORDS = {
    "exposure.nframes": "NFRAMES",
    "exposure.ngroups": "NGROUPS",
    "exposure.nints": "NINTS",
    "exposure.groupgap": "GROUPGAP",
    "exposure.readpatt": "READPATT",
    "exposure.gain_factor": "GAINFACT",
    "exposure.average_dark_current": "AVDRKCUR",
    "instrument.name": "INSTRUME",
    "instrument.detector": "DETECTOR",
    "instrument.gwa_xtilt": "GWA_XTIL",
    "instrument.gwa_ytilt": "GWA_YTIL",
    "subarray.name": "SUBARRAY",
    "subarray.xstart": "SUBSTRT1",
    "subarray.ystart": "SUBSTRT2",
    "subarray.xsize": "SUBSIZE1",
    "subarray.ysize": "SUBSIZE2",
    "subarray.fastaxis": "FASTAXIS",
    "subarray.slowaxis": "SLOWAXIS",
    "photometry.pixelarea_steradians": "PIXAR_SR",
    "photometry.pixelarea_arcsecsq": "PIXAR_A2",
    "bunit_data": "SCI.BUNIT",
}
"""Keywords by the path of the metadata below ``meta``: those of the primary header, or of the extension named."""

_SAMPLE = 997  # every so many values are looked at first: nearly always one of them is a number


def hdu_name(name: str) -> str:
    """Name of the extension that holds a model attribute."""
    return _HDU_NAMES.get(name, name.upper())


def is_blank(array: np.ndarray) -> bool:
    """Whether all values are NaN; an empty array is not blank."""
    if array.size == 0 or array.dtype.kind != "f":
        return False
    flat = array.reshape(-1)
    return bool(np.isnan(flat[::_SAMPLE]).all() and np.isnan(flat).all())


def standard_flags(raw: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Translate the bits of a file into standard flags; see `jwst.lib.reference.Reference.dq`."""
    from stdatamodels.jwst.datamodels.dqflags import pixel

    pairs, kept = [], 0
    columns = {column.upper(): column for column in table.dtype.names or ()}
    for row in table:
        name = row[columns["NAME"]]
        name = (name.decode() if isinstance(name, bytes) else str(name)).strip()
        if name not in pixel:
            log.warning("Keyword %s does not correspond to an existing DQ mnemonic, so will be ignored", name)
            continue
        value, standard = int(row[columns["VALUE"]]), int(pixel[name])
        if value == standard:
            kept |= value
        else:
            pairs.append((value, standard))
    flags = raw & np.uint32(kept)
    for value, standard in pairs:
        flags[(raw & np.uint32(value)) != 0] |= np.uint32(standard)
    return flags
