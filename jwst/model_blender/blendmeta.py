"""Blending of models that are all at hand (spec model_blender.md §1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jwst.model_blender.blender import ModelBlender

__all__ = ["blendmodels"]


def blendmodels(product: Any, inputs: Iterable[Any], ignore: Sequence[str] | None = None) -> None:
    """Give a product the blended metadata of its inputs, and the table of them.

    Parameters
    ----------
    product : data model
        Changed in place.
    inputs : iterable of data models
        All of one class. Of an iterator no more than one model is held at a time.
    ignore : sequence of str, optional
        Metadata that are left as they are; see `jwst.model_blender.blender.ModelBlender`.

    Raises
    ------
    ValueError
        The inputs are of different classes, or there is none.
    TypeError
        Texts where numbers are to be averaged or added.
    """
    blender = ModelBlender(blend_ignore_attrs=ignore)
    for model in inputs:
        blender.accumulate(model)
    blender.finalize_model(product)
