"""Images of exposures in temporary files, as a library on disk."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from typing import Any

__all__ = ["GroupFiles"]


class GroupFiles:
    """Writes images into a folder of their own, one at a time.

    Parameters
    ----------
    images : iterable of ImageModel
        Each with its file name. They are made one by one and not kept.
    folder : str, optional
        Where the folder is made; the current one by default.
    """

    def __init__(self, images: Iterable[Any], folder: str | None = None) -> None:
        self._folder = tempfile.mkdtemp(prefix="resample-", dir=folder or os.curdir)
        try:
            self._members = [self._written(image) for image in images]
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _written(self, image: Any) -> dict[str, Any]:
        path = os.path.abspath(os.path.join(self._folder, image.meta.filename))
        image.save(path)
        member = {"expname": path, "exptype": image.meta.asn.exptype or "science", "group_id": image.meta.group_id}
        return {name: value for name, value in member.items() if value is not None}

    def library(self) -> Any:
        """Make a library of them. The folder goes away with it.

        Returns
        -------
        ModelLibrary
        """
        from jwst.datamodels import ModelLibrary

        library = ModelLibrary({"products": [{"members": self._members}]}, on_disk=True)
        weakref.finalize(library, shutil.rmtree, self._folder, True)
        return library
