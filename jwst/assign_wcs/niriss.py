"""World coordinates of NIRISS images: what users and other steps import. Source: spec assign_wcs_imaging.md."""

from __future__ import annotations

from jwst.assign_wcs.imaging import Images, only_one_of_filter_and_pupil

__all__ = ["create_pipeline", "imaging"]

_IMAGES = Images("NIRISS", only_one_of_filter_and_pupil)

imaging = _IMAGES.imaging
create_pipeline = _IMAGES.create_pipeline
