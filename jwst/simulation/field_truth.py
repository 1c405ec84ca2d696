"""The truth about a frame of a simulated field."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jwst.simulation.truth import read_archive

__all__ = ["OUTLIERS", "FrameTruth", "frame_truth_path"]

OUTLIERS = np.dtype([("y", np.int32), ("x", np.int32), ("rate", np.float32)])
"""One pixel with too much light: row and column from 0, and how much (DN/s)."""


@dataclass(frozen=True, eq=False)
class FrameTruth:
    """What a frame really contains.

    Parameters
    ----------
    brightness : (ny, nx) ndarray of float32, MJy/sr
        What the calibrated product should be.
    usable : (ny, nx) ndarray of bool
        Pixels that see the sky and work.
    outliers : (n,) ndarray of `OUTLIERS`
        Pixels hit by something that no flag marks.
    x, y : (m,) ndarray of float64, pixels
        Where the sources of the field are, from 0; also those outside of the frame.
    background, pedestal : float, MJy/sr
        Light between the sources, and what only this exposure has more.
    error : (3,) ndarray of float64
        Pointing error: east and north (arcsec), roll (deg).
    reference : (5,) ndarray of float64
        True V2 and V3 (arcsec), right ascension, declination and roll (deg) of the reference point of the keywords.
    """

    brightness: np.ndarray
    usable: np.ndarray
    outliers: np.ndarray
    x: np.ndarray
    y: np.ndarray
    background: float
    pedestal: float
    error: np.ndarray
    reference: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write a numpy archive."""
        with open(path, "wb") as file:
            np.savez(file, **vars(self))

    @classmethod
    def load(cls, path: str | Path) -> FrameTruth:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path
            The archive, or a product of the frame beside which it lies.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        InputError
            The file holds something else.
        """
        path = Path(path)
        if path.suffix != ".npz":
            path = frame_truth_path(path)
        scalars = {"background": float, "pedestal": float}
        return read_archive(path, cls, what="the truth of a frame of a field", scalars=scalars)


def frame_truth_path(product: str | Path) -> Path:
    """Return where the truth of a frame lies: ``<exposure>_<detector>_frame.npz`` beside its products.

    Names of exposures end with the detector, the fourth part between underscores.
    """
    product = Path(product)
    return product.with_name("_".join(product.stem.split("_")[:4]) + "_frame.npz")
