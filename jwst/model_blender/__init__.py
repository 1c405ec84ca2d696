"""Blending of the metadata of several exposures into those of one product, and the table of all of them."""

from __future__ import annotations

__all__ = ["ModelBlender", "blendmodels"]


def __getattr__(name: str) -> object:
    if name == "ModelBlender":
        from jwst.model_blender.blender import ModelBlender

        return ModelBlender
    if name == "blendmodels":
        from jwst.model_blender.blendmeta import blendmodels

        return blendmodels
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
