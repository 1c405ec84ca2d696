"""World coordinates of FGS images: what users and other steps import. Source: spec assign_wcs_imaging.md."""

from __future__ import annotations

from jwst.assign_wcs.imaging import Images, without_offset

__all__ = ["create_pipeline", "imaging"]

_IMAGES = Images("FGS", without_offset)

imaging = _IMAGES.imaging
create_pipeline = _IMAGES.create_pipeline
