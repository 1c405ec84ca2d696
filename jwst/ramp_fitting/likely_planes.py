"""Where the likelihood fit writes its results: flat planes of one integration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.ramp_fitting.ramp_inputs import Rates

__all__ = ["LikelyPlanes"]


@dataclass(frozen=True)
class LikelyPlanes:
    """Results of one integration, pixels along one axis.

    Parameters
    ----------
    slope, var_poisson, var_rnoise, err : (npixels,) ndarray of float32
    dq : (npixels,) ndarray of uint32
    chisq : (npixels,) ndarray of float32 or None
        None where nobody wants it.
    """

    slope: np.ndarray
    dq: np.ndarray
    var_poisson: np.ndarray
    var_rnoise: np.ndarray
    err: np.ndarray
    chisq: np.ndarray | None

    @classmethod
    def of(cls, rates: Rates, index: int, chisq: np.ndarray | None) -> LikelyPlanes:
        """Look at the planes of an integration.

        Returns
        -------
        LikelyPlanes
        """
        planes = {name: getattr(rates, name)[index].reshape(-1) for name in rates.__dataclass_fields__}
        return cls(**planes, chisq=chisq)
