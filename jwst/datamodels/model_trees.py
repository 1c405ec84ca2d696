"""Models that do not hold on to what they were made of."""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["free_source", "model_of_tree"]


_SHARED = ("CubeModel", "ImageModel")
"""Classes whose schemas nothing writes to: they have no tables with columns of arrays."""


@cache
def _template(kind: type) -> Any:
    """Empty model, whose schema serves all models of its class that `model_of_tree` makes."""
    return kind()


def model_of_tree(kind: type, tree: dict[str, Any]) -> Any:
    """Make a model of a tree that was one of this class before.

    Parameters
    ----------
    kind : type
        Class of the model.
    tree : dict
        Becomes the tree of the model as it is.

    Returns
    -------
    JwstDataModel
        What ``kind(tree)`` gives, without reading and merging the schemas anew, which takes most of its time.
    """
    if kind.__name__ not in _SHARED:
        return kind(tree)
    from asdf import AsdfFile

    model: Any = object.__new__(kind)
    vars(model).update(vars(_template(kind)), _file_references=[], _asdf=AsdfFile())
    model._instance = model._asdf._tree = tree
    return model


def free_source(model: Any, hdulist: Any) -> None:
    """Take a model apart from the file that it was read from, so that its arrays go away with it.

    Parameters
    ----------
    model : JwstDataModel
        Changed in place; its content stays the same.
    hdulist : astropy.io.fits.HDUList
        Emptied, after it has been closed.

    Notes
    -----
    Functions inside of asdf refer to themselves, to the list of extensions and to the tree: the garbage collector would
    find these arrays some time later.
    """
    from asdf import AsdfFile

    hdulist.clear()
    source, model._asdf = model._asdf, AsdfFile()
    model._asdf._tree, source._tree = source._tree, type(source._tree)()
