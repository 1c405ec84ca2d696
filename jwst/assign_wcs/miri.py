"""World coordinates of MIRI images: what users and other steps import. Source: spec assign_wcs_imaging.md."""

from __future__ import annotations

from jwst.assign_wcs.imaging import Images, first_of_filter

__all__ = ["create_pipeline", "imaging"]

_IMAGES = Images("MIRI", first_of_filter)

imaging = _IMAGES.imaging
create_pipeline = _IMAGES.create_pipeline
