"""Flag the last group of integrations. Source: spec lastframe.md."""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE

__all__ = ["flag_last_group"]


def flag_last_group(groupdq: np.ndarray) -> None:
    """Flag the last group of every integration as DO_NOT_USE, in place.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Updated in place; flags that are there stay. No other group is touched.
    """
    last = groupdq[:, -1:]
    np.bitwise_or(last, np.uint8(DO_NOT_USE), out=last)
