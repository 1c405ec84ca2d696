"""The step that flags cosmic-ray jumps. Source: spec jump.md."""

from __future__ import annotations

import logging
import time
from typing import Any

from jwst.stpipe import Step
from stpipe import Param
from stpipe.exceptions import InputError, MissingMetadataError, Skip

__all__ = ["JumpStep"]

log = logging.getLogger(__name__)

_FEWEST_GROUPS = 3


class JumpStep(Step):
    """Flag the groups in which a cosmic ray hit a pixel."""

    class_alias = "jump"
    reference_file_types = ["gain", "readnoise"]

    rejection_threshold = Param(4.0, "rejection threshold with four or more differences", ge=0.0, unit="sigma")
    three_group_rejection_threshold = Param(6.0, "rejection threshold with two differences", ge=0.0, unit="sigma")
    four_group_rejection_threshold = Param(5.0, "rejection threshold with three differences", ge=0.0, unit="sigma")
    maximum_cores = Param("1", "processes that share the rows: a number, 'quarter', 'half', 'all' or 'none'")
    flag_4_neighbors = Param(True, "flag the four pixels next to a hit")
    max_jump_to_flag_neighbors = Param(1000.0, "only hits below this flag their neighbours", unit="sigma")
    min_jump_to_flag_neighbors = Param(10.0, "only hits above this flag their neighbours", unit="sigma")
    after_jump_flag_dn1 = Param(0.0, "first amplitude from which groups after a hit are flagged", unit="DN")
    after_jump_flag_time1 = Param(0.0, "how long they are flagged", unit="s")
    after_jump_flag_dn2 = Param(0.0, "second amplitude from which groups after a hit are flagged", unit="DN")
    after_jump_flag_time2 = Param(0.0, "how long they are flagged", unit="s")
    expand_large_events = Param(False, "find snowballs and flag their halos")
    min_sat_area = Param(1.0, "smallest area of a saturated core", unit="pixel")
    min_jump_area = Param(5.0, "smallest area of a snowball", unit="pixel")
    expand_factor = Param(2.0, "growth of the ellipse around a snowball")
    use_ellipses = Param(False, "not used; ellipses always are")
    sat_required_snowball = Param(True, "a snowball away from the edge needs a saturated core")
    min_sat_radius_extend = Param(2.5, "cores whose short full axis exceeds this are grown", unit="pixel")
    sat_expand = Param(2, "growth of the radius of a saturated core", unit="pixel")
    edge_size = Param(25, "width of the border in which no saturated core is needed", unit="pixel")
    mask_snowball_core_next_int = Param(True, "flag the core in the next integration as well")
    snowball_time_masked_next_int = Param(4000, "how long it is flagged there", unit="s")
    find_showers = Param(False, "find MIRI showers and flag them")
    max_shower_amplitude = Param(4.0, "not used", unit="DN/s")
    extend_snr_threshold = Param(1.2, "smallest smoothed ratio of a shower")
    extend_min_area = Param(90, "smallest area of a shower", unit="pixel")
    extend_inner_radius = Param(1.0, "inner radius of the smoothing ring", unit="pixel")
    extend_outer_radius = Param(2.6, "width of the smoothing ring", unit="pixel")
    extend_ellipse_expand_ratio = Param(1.1, "growth of the ellipse around a shower")
    time_masked_after_shower = Param(15.0, "how long a shower is flagged", unit="s")
    min_diffs_single_pass = Param(10, "from this many differences on, all hits are found in one pass")
    max_extended_radius = Param(200, "largest radius of a grown event", unit="pixel")
    minimum_groups = Param(3, "not used; detection needs three groups")
    minimum_sigclip_groups = Param(100, "from this many integrations on, sigma clipping is used")
    only_use_ints = Param(True, "clip across integrations only, not over their groups as well")

    def process(self, input_model: Any) -> Any:
        """Flag the jumps of a ramp.

        Parameters
        ----------
        input_model : RampModel or str
            Ramps in DN.

        Returns
        -------
        RampModel
            With JUMP_DET in ``groupdq`` and the event rates in its metadata.

        Raises
        ------
        InputError
            The data are not 4-D, or the group time or the number of frames is missing or not positive.
        """
        from jwst.jump.jump import detect_jumps

        started = time.perf_counter()
        with self.ramp(input_model) as ramp:
            self._refuse(ramp)
            group_time = float(_needed(ramp, "group_time", "TGROUP"))
            if not group_time > 0:
                raise InputError(f"jump needs a positive TGROUP; meta.exposure.group_time is {group_time} here.")
            nframes = int(_needed(ramp, "nframes", "NFRAMES"))
            parameters = self._parameters(group_time, nrows=ramp.data.shape[2])
            with self.reference(ramp, "gain") as gain, self.reference(ramp, "readnoise") as readnoise:
                detector = _detector(gain, readnoise, nframes)
            found = detect_jumps(
                ramp.data, ramp.groupdq, pixeldq=ramp.pixeldq, detector=detector, parameters=parameters
            )
            rates = found.rates(group_time)
            if rates is not None:
                ramp.meta.exposure.primary_cosmic_rays, ramp.meta.exposure.extended_emission_events = rates
            log.info(
                "%d groups hit, %d large events, in %.2f s",
                found.hits,
                found.large_events,
                time.perf_counter() - started,
            )
        return self.complete(ramp)

    def _refuse(self, ramp: Any) -> None:
        """Raise for ramps and options that cannot be handled."""
        if ramp.data.ndim != 4:
            raise InputError(f"jump needs 4-D ramps; these data have {ramp.data.ndim} dimensions.")
        if ramp.data.shape[1] < _FEWEST_GROUPS:
            raise Skip(
                f"jump detection needs at least {_FEWEST_GROUPS} groups in an integration; there are "
                f"{ramp.data.shape[1]}"
            )

    def _parameters(self, group_time: float, *, nrows: int) -> Any:
        """Translate the parameters of the step: times become numbers of groups."""
        from jwst.jump.after_jump import AfterJump, Neighbours
        from jwst.jump.jump import JumpParameters
        from jwst.jump.twopoint import Thresholds
        from stpipe.parallel import cores_of

        spread = Neighbours(self.min_jump_to_flag_neighbors, self.max_jump_to_flag_neighbors)
        return JumpParameters(
            thresholds=Thresholds(
                self.rejection_threshold, self.four_group_rejection_threshold, self.three_group_rejection_threshold
            ),
            min_diffs_single_pass=self.min_diffs_single_pass,
            minimum_sigclip_groups=self.minimum_sigclip_groups,
            only_use_ints=self.only_use_ints,
            neighbours=spread if self.flag_4_neighbors else None,
            after_jump=AfterJump(
                self.after_jump_flag_dn1,
                int(self.after_jump_flag_time1 // group_time),
                self.after_jump_flag_dn2,
                int(self.after_jump_flag_time2 // group_time),
            ),
            snowballs=self._snowballs(group_time) if self.expand_large_events else None,
            showers=self._showers(group_time) if self.find_showers else None,
            workers=cores_of(self.maximum_cores, rows=nrows),
        )

    def _snowballs(self, group_time: float) -> Any:
        from jwst.jump.large_events import SnowballParameters

        lasting = int(self.snowball_time_masked_next_int // group_time) if self.mask_snowball_core_next_int else 0
        return SnowballParameters(
            min_sat_area=self.min_sat_area,
            min_jump_area=self.min_jump_area,
            expand_factor=self.expand_factor,
            sat_required_snowball=self.sat_required_snowball,
            min_sat_radius_extend=self.min_sat_radius_extend,
            sat_expand=self.sat_expand,
            edge_size=self.edge_size,
            max_extended_radius=self.max_extended_radius,
            next_integration_groups=lasting,
        )

    def _showers(self, group_time: float) -> Any:
        from jwst.jump.showers import ShowerParameters

        return ShowerParameters(
            extend_snr_threshold=self.extend_snr_threshold,
            extend_min_area=self.extend_min_area,
            extend_inner_radius=self.extend_inner_radius,
            extend_outer_radius=self.extend_outer_radius,
            extend_ellipse_expand_ratio=self.extend_ellipse_expand_ratio,
            max_extended_radius=self.max_extended_radius,
            groups_after=int(self.time_masked_after_shower // group_time),
            minimum_sigclip_groups=self.minimum_sigclip_groups,
            group_time=group_time,
        )


def _detector(gain: Any, readnoise: Any, nframes: int) -> Any:
    from jwst.jump.jump import Detector

    return Detector(gain.array("data"), readnoise.array("data"), nframes)


def _needed(ramp: Any, name: str, keyword: str) -> float:
    value = getattr(ramp.meta.exposure, name, None)
    if value is None:
        raise MissingMetadataError(
            f"jump needs meta.exposure.{name} ({keyword}), which this exposure does not have. "
            f"Set it, or switch jump off with steps={{'jump': {{'skip': True}}}}."
        )
    return value
