"""World coordinates of NIRSpec exposures: what users and other steps import.

Source: spec assign_wcs_spectroscopy.md and assign_wcs_ifu.md §3.
"""

from __future__ import annotations

from jwst.assign_wcs.nirspec_selection import nrs_ifu_wcs, nrs_wcs_set_input
from jwst.assign_wcs.nirspec_slits import get_open_slits, nrs_fs_slit_id, nrs_fs_slit_name
from jwst.assign_wcs.nirspec_wcs import generate_compound_bbox, slitlets_wcs, wcs_of_slits

__all__ = [
    "generate_compound_bbox",
    "get_open_slits",
    "nrs_fs_slit_id",
    "nrs_fs_slit_name",
    "nrs_ifu_wcs",
    "nrs_wcs_set_input",
    "slitlets_wcs",
    "wcs_of_slits",
]
