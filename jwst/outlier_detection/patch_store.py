"""Where the images of the groups wait for the median: in memory, or in temporary files."""

from __future__ import annotations

import math
import os
import tempfile
from typing import Self

import numpy as np
from numpy.typing import NDArray

from jwst.outlier_detection.median import Patch

__all__ = ["PatchStore"]


class PatchStore:
    """Patches of the common grid, and planes of its size.

    Parameters
    ----------
    on_disk : bool
        Keep them in files, mapped into memory, in a private folder below the current one; it is removed at the end of
        the ``with`` block.
    """

    def __init__(self, *, on_disk: bool) -> None:
        self.patches: list[Patch] = []
        self._on_disk = on_disk
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._files = 0

    def __enter__(self) -> Self:
        if self._on_disk:
            self._folder = tempfile.TemporaryDirectory(prefix="outlier_detection_", dir=os.getcwd())
        return self

    def __exit__(self, *error: object) -> None:
        self.patches.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, data: NDArray[np.float32], corner: tuple[int, int], *, outside: float = math.nan) -> None:
        """Keep an image.

        Parameters
        ----------
        data : (ny, nx) ndarray of float32
            Not copied in memory.
        corner : (int, int)
            Row and column of its first pixel on the common grid.
        outside : float, optional
            Value of all other pixels of the grid.
        """
        if self._on_disk and data.size:
            kept = self.plane((data.shape[0], data.shape[1]))
            kept[...] = data
            data = kept
        self.patches.append(Patch(corner[0], corner[1], data, outside))

    def plane(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Make an array of undefined values."""
        if self._folder is None:
            return np.empty(shape, dtype=np.float32)
        self._files += 1
        path = os.path.join(self._folder.name, f"plane{self._files:04d}.dat")
        return np.memmap(path, dtype=np.float32, mode="w+", shape=shape)
