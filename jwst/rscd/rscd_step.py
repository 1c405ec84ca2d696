"""The rscd step. Source: spec rscd.md."""

from __future__ import annotations

import logging
from typing import Any

from jwst.lib.miri import require_miri, unless_not_miri
from jwst.rscd.rscd_sub import BrightPixels, GroupSkips, find_skips, flag_first_groups
from jwst.stpipe import Step
from stpipe.exceptions import InputError, Skip

__all__ = ["RscdStep"]

log = logging.getLogger(__name__)

_FEWEST_GROUPS = 3
_TABLE = "rscd_group_skip_table"


class RscdStep(Step):
    """Flag the first groups of MIRI integrations, which the reset switch disturbs."""

    class_alias = "rscd"
    will_change = staticmethod(unless_not_miri)
    reference_file_types = ["rscd"]

    def process(self, input_model: Any) -> Any:
        """Flag the first groups of every integration as DO_NOT_USE, fewer in pixels that saturate early.

        Parameters
        ----------
        input_model : RampModel or str
            A ramp whose saturation is flagged. Exposures of other instruments, of readouts that the reference does not
            list, or of fewer than three groups, are left alone.

        Returns
        -------
        RampModel
        """
        with self.ramp(input_model) as ramp:
            require_miri(ramp, "rscd")
            with self.reference(ramp, "rscd") as reference:
                skips = _skips(ramp, reference)
            _flag(ramp, skips)
        return self.complete(ramp)


def _skips(ramp: Any, reference: Any) -> GroupSkips:
    """How many groups of an exposure to flag."""
    table = reference.table(_TABLE)
    if table is None:
        raise InputError(f"The rscd reference {reference.name} has no table {_TABLE} (RSCD_GROUP_SKIP)")
    subarray, readpatt = ramp.meta.subarray.name, ramp.meta.exposure.readpatt
    skips = find_skips(table, subarray, readpatt)
    if skips is None:
        raise Skip(f"the rscd reference has no row for SUBARRAY {subarray} and READPATT {readpatt}")
    ngroups = ramp.data.shape[1]
    if ngroups < _FEWEST_GROUPS:
        raise Skip(f"rscd needs {_FEWEST_GROUPS} groups; there are {ngroups}")
    if skips.first < 0:
        log.warning(
            "The rscd reference is an old one: it does not say how many groups of the first integration to skip"
        )
    return skips.limited(ngroups, several=_integrations(ramp) > 1)


def _integrations(ramp: Any) -> int:
    """Integrations of the exposure, of which the array may be a segment."""
    return max(int(ramp.meta.exposure.nints or 0), ramp.data.shape[0])


def _flag(ramp: Any, skips: GroupSkips) -> None:
    """Flag the groups of a ramp model and record how many."""
    has_first = (ramp.meta.exposure.integration_start or 1) == 1
    meta = ramp.meta.rscd
    if has_first:
        bright = _flag_block(ramp, slice(0, 1), skips.first)
        meta.ngroups_skip_int1 = skips.first
        meta.keep_groups_saturation_int1, meta.keep_bright_firstgroup_int1 = bright.fewer, bright.none
    if _integrations(ramp) > 1:
        bright = _flag_block(ramp, slice(1 if has_first else 0, None), skips.later)
        meta.ngroups_skip_int2p = skips.later
        meta.keep_groups_saturation_int2p, meta.keep_bright_firstgroup_int2p = bright.fewer, bright.none


def _flag_block(ramp: Any, integrations: slice, skip: int) -> BrightPixels:
    """Flag some integrations."""
    log.info("Flagging the first %d groups of integrations from %d on", skip, integrations.start + 1)
    return flag_first_groups(ramp.groupdq[integrations], ramp.pixeldq, skip)
