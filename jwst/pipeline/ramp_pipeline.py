"""What pipelines on ramps have in common: which steps run, their references, and refusals before anything runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from jwst.lib.irs2 import is_irs2
from jwst.lib.stripes import is_striped
from jwst.pipeline.segments import check_segment
from jwst.refpix.refpix_step import RefPixStep
from jwst.stpipe import Pipeline
from jwst.stpipe.inputs import GUIDE_TYPES, refuse_empty, refuse_several
from jwst.stpipe.not_built import NotBuiltStep
from stpipe.exceptions import InputError, NotBuiltError

__all__ = ["RampPipeline", "steps_to_linearity"]

log = logging.getLogger(__name__)

_MIRI = (
    "group_scale",
    "dq_init",
    "emicorr",
    "saturation",
    "ipc",
    "firstframe",
    "lastframe",
    "reset",
    "linearity",
    "rscd",
)
_NEAR_INFRARED = ("group_scale", "dq_init", "saturation", "ipc", "superbias", "refpix", "linearity")

_FOR_GUIDERS = ("group_scale", "dq_init")


def steps_to_linearity(instrument: str | None) -> tuple[str, ...]:
    """Keys of the steps that all pipelines on ramps begin with, in order; for darks these are all.

    Parameters
    ----------
    instrument : str or None
        ``meta.instrument.name``; anything but MIRI means near infrared.
    """
    return _MIRI if instrument == "MIRI" else _NEAR_INFRARED


class RampPipeline(Pipeline):
    """A pipeline on ramps whose steps depend on the instrument. A subclass says in `planned_steps` which they are."""

    refpix: RefPixStep

    _instrument: str | None = None

    def run(self, *args: Any) -> Any:
        """Run this instance as it is on one exposure, and return the result of `process`."""
        try:
            return super().run(*args)
        finally:
            self._instrument = None

    def prefetch(self, *args: Any) -> None:
        """Look up the references of the steps that will run for this exposure, in one go.

        Raises
        ------
        InputError
            The exposure is one of guide stars.
        NotBuiltError
            One of these steps, or an option of it, is not part of this release.
        """
        parameters = self._parameters_of(args[0]) if args else {}
        self._instrument = parameters.get("meta.instrument.name")
        if self._instrument is not None:
            self._refuse(parameters)
        super().prefetch(*args)

    def _parameters_of(self, dataset: Any) -> Mapping[str, Any]:
        """Metadata of an input without opening a model; empty if they cannot be read, which `process` will explain."""
        try:
            return self._get_crds_parameters(self.make_input_path(dataset))[0]
        except (OSError, TypeError, ValueError, KeyError):
            return {}

    def _active_steps(self) -> Iterator[Any]:
        """Yield the sub-steps that run for the instrument of this run; all before one is known."""
        if self._instrument is None:
            return super()._active_steps()
        keys = set(self.planned_steps({"meta.instrument.name": self._instrument}))
        return (step for step in super()._active_steps() if step.name in keys)

    @property
    def reference_file_types(self) -> list[str]:  # type: ignore[override]
        """Reference types of the steps that run, without those that refpix uses for other readouts only."""
        unused = set()
        if self._instrument is not None:
            unused = {"refpix"} if self._instrument != "NIRSPEC" else set()
            if self.refpix.refpix_algorithm != "sirs":
                unused.add("sirskernel")
        return [kind for kind in super().reference_file_types if kind not in unused]

    def _open_ramp(self, dataset: Any) -> Any:
        """Open the input as ramps of the pipeline's own, and refuse it if it cannot be processed to the end."""
        refuse_several(dataset, type(self).__name__)
        ramp = self.prepare_output(dataset, open_as_ramp=True)
        self._instrument = ramp.meta.instrument.name
        refuse_empty(ramp)
        check_segment(ramp)
        _warn_of_other_sizes(ramp)
        self._refuse(self._get_crds_parameters(ramp)[0])
        return ramp

    def _refuse(self, parameters: Mapping[str, Any]) -> None:
        """Refuse an exposure that could not be processed to the end, before anything runs; see `prefetch`."""
        steps = [getattr(self, key) for key in self.planned_steps(parameters)]
        active = [step for step in steps if not step.skip]
        exp_type = parameters.get("meta.exposure.type")
        if exp_type in GUIDE_TYPES and any(step.name not in _FOR_GUIDERS for step in active):
            raise InputError(f"{self.class_alias} is not for guide stars (EXP_TYPE {exp_type}); use calwebb_guider")
        missing = [step.name for step in active if isinstance(step, NotBuiltStep)]
        reasons = [self._missing_text(missing)] if missing else []
        reasons += [step.planned_refusal(parameters) for step in active if step.name not in missing]
        if any(reasons):
            raise NotBuiltError("\n".join(filter(None, reasons)))

    def _missing_text(self, missing: list[str]) -> str:
        """Name steps that are not part of this release, and how to do without them."""
        switches = ", ".join(f"'{name}': {{'skip': True}}" for name in missing)
        options = " ".join(f"--steps.{name}.skip=true" for name in missing)
        return (
            f"This release does not have the steps that {self.class_alias} would run on this exposure: "
            f"{', '.join(missing)}. Switch them off with steps={{{switches}}} or {options}"
        )


def _warn_of_other_sizes(ramp: Any) -> None:
    """Warn if the array has another shape than the keywords of the exposure say."""
    for what, keyword, said, found in (*_numbers(ramp), *_sizes(ramp)):
        if said is not None and found != said:
            log.warning("The exposure has %d %s but should have %d (%s); the array is used", found, what, said, keyword)


def _numbers(ramp: Any) -> Iterator[tuple[str, str, int | None, int]]:
    """Yield what the groups and integrations are called, their keywords, and how many there should be and are."""
    exposure, (nints, ngroups) = ramp.meta.exposure, ramp.data.shape[:2]
    stated = exposure.nints
    if exposure.integration_start is not None and exposure.integration_end is not None:
        stated = exposure.integration_end - exposure.integration_start + 1
    yield "groups", "NGROUPS", exposure.ngroups, ngroups
    if not is_striped(ramp):
        yield "integrations", "NINTS, or INTSTART and INTEND", stated, nints


def _sizes(ramp: Any) -> Iterator[tuple[str, str, int | None, int]]:
    """Yield the same of columns and rows, for frames that are neither IRS2 nor in stripes."""
    subarray, shape = ramp.meta.subarray, ramp.data.shape
    if not is_striped(ramp) and not is_irs2(shape):
        yield "columns", "SUBSIZE1", subarray.xsize, shape[-1]
        yield "rows", "SUBSIZE2", subarray.ysize, shape[-2]
