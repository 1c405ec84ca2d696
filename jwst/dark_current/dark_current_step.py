"""The step that subtracts the dark current."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from jwst.dark_current.dark_sub import DarkRamp, Readout, average_dark, dark_groups, subtract_group
from jwst.stpipe import Step
from stpipe import Param
from stpipe.exceptions import InputError

__all__ = ["DarkCurrentStep"]

log = logging.getLogger(__name__)


class DarkCurrentStep(Step):
    """Subtract the dark current from each group of a ramp."""

    class_alias = "dark_current"
    cal_step = "dark_sub"
    reference_file_types = ["dark"]

    dark_output = Param(None, "file to save the dark that was subtracted", type=str, kind="output_file")
    average_dark_current = Param(
        None,
        "average dark current for the noise of the rates, instead of that of the reference",
        type=float,
        unit="e-/s",
    )

    def process(self, input_model: Any) -> Any:
        """Subtract the dark from a ramp.

        Parameters
        ----------
        input_model : RampModel or str

        Returns
        -------
        RampModel
            With ``average_dark_current`` set, and the dark subtracted if its sampling allows.
        """
        with self.ramp(input_model) as ramp, self.reference(ramp, "dark") as reference:
            self._set_average(ramp, reference)
            dark, science = _reference_readout(reference), _science_readout(ramp)
            if not science.fits(dark):
                log.warning(
                    "Not subtracted: the dark (nframes %d, groupgap %d) is coarser than the exposure (%d, %d)",
                    dark.nframes,
                    dark.groupgap,
                    science.nframes,
                    science.groupgap,
                )
                ramp.meta.cal_step.dark_sub = "SKIPPED"
                return ramp
            _check_size(reference, ramp)
            used = _Used(reference, dark, science)
            keep = self.dark_output is not None
            kept = used.subtract(ramp, keep=keep)
            used.reference.refuse_blank()
            ramp.pixeldq |= used.dq
            if keep:
                product = used.product(kept, ramp.meta.instrument.name)
                self.save_model(product, output_file=self.dark_output, suffix=False, force=True)
        return self.complete(ramp)

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the result and of the dark that was subtracted."""
        dark = [self.planned_path(output_file=self.dark_output, suffix=False)] if self.dark_output else []
        return [*dark, *super().planned_products(parameters)]

    def _set_average(self, ramp: Any, reference: Any) -> None:
        """Record the average dark current in the ramp."""
        shape = ramp.data.shape[-2:]
        if self.average_dark_current is not None:
            ramp.average_dark_current = np.full(shape, self.average_dark_current, np.float32)
            return
        plane = reference.array("average_dark_current", cut=False)
        constant = average_dark(plane, reference.meta("exposure.average_dark_current"), shape)
        if constant is not None:
            ramp.average_dark_current = constant
            return
        present = ramp.average_dark_current
        if present is not None and present.shape == plane.shape:
            ramp.average_dark_current = plane
        else:
            log.warning("The average dark current of the reference is not used: the ramp has no plane that it matches")


def _reference_readout(reference: Any) -> Readout:
    """Sampling of the dark, from its metadata and its array."""
    shape = reference.shape("data")
    if shape is None or len(shape) not in (3, 4):
        raise InputError(
            f"The dark reference {reference.name} must hold an array of 3 axes, or 4 for MIRI; its shape is {shape}"
        )
    nframes, groupgap = reference.meta("exposure.nframes"), reference.meta("exposure.groupgap")
    return Readout(int(nframes or 1), int(groupgap or 0), shape[-3])


def _check_size(reference: Any, ramp: Any) -> None:
    """Refuse a dark that does not fit the exposure: darks are never cut to a subarray."""
    shape, wanted = reference.shape("data"), ramp.data.shape[-2:]
    if shape[-2:] != wanted:
        raise InputError(
            f"The dark reference {reference.name} has planes of {shape[-2:]} but the exposure has {wanted}; use a dark "
            "of the same subarray (override_dark), or skip the step"
        )


def _science_readout(ramp: Any) -> Readout:
    """Sampling of the exposure."""
    exposure = ramp.meta.exposure
    return Readout(int(exposure.nframes or 1), int(exposure.groupgap or 0), ramp.data.shape[1])


class _Used:
    """The dark as it is used for an exposure: near-infrared darks have one integration, MIRI darks several."""

    def __init__(self, reference: Any, dark: Readout, science: Readout) -> None:
        self.reference, self.dark, self.science = reference, dark, science
        dq = reference.dq(cut=False)
        self.miri = len(reference.shape("data")) == 4
        self.dq = np.bitwise_or.reduce(dq.reshape(-1, *dq.shape[-2:]), axis=0) if dq.ndim > 2 else dq
        self._dq_saved = dq

    def subtract(self, ramp: Any, *, keep: bool) -> list[np.ndarray | None]:
        """Subtract from the ramp; with ``keep`` give back the planes of each dark integration that was used."""
        data = ramp.data
        if not self.miri:
            return [self._subtract_one(data, self._ramp(0), keep)]
        count = self.reference.shape("data")[0]
        start = ramp.meta.exposure.integration_start
        first = start in (None, 1)
        rebuilt = not self.science.same_sampling(self.dark)
        result: list[np.ndarray | None] = []
        for index in range(count):
            if index < count - 1:
                target = data[index : index + 1] if first and index < len(data) else data[:0]
            else:
                target = data[index:] if first else data
            blank = rebuilt and index >= min(count, len(data))
            if blank:
                result.append(None)
            else:
                result.append(self._subtract_one(target, self._ramp(index), keep))
        return result

    def _ramp(self, integration: int) -> DarkRamp:
        """One dark integration, read plane by plane."""

        def read(group: int) -> np.ndarray:
            """Read one group, as an array of its own."""
            plane = integration * self.dark.ngroups + group
            return self.reference.planes("data", plane, plane + 1)[0]

        return DarkRamp(read, self.dark, self.science.frames)

    def _planes(self, dark: DarkRamp, whole: bool) -> Iterator[np.ndarray]:
        """Dark groups for the exposure; with ``whole`` also those after its end, if the dark is used as it is."""
        science = self.science
        if whole and science.same_sampling(self.dark):
            science = replace(science, ngroups=dark.ngroups)
        return dark_groups(dark, self.dark, science)

    def _subtract_one(self, data: np.ndarray, dark: DarkRamp, keep: bool) -> np.ndarray | None:
        """Subtract one dark integration from some integrations of the ramp."""
        if not keep and not len(data):
            return None
        kept = []
        for group, plane in enumerate(self._planes(dark, keep)):
            if group < data.shape[1] and len(data):
                subtract_group(data[:, group], plane)
            if keep:
                kept.append(plane)
        return np.stack(kept) if keep else None

    def product(self, kept: list[np.ndarray | None], instrument: str) -> Any:
        """The dark that was used, as a model to save."""
        from stdatamodels.jwst import datamodels

        shape = next(ramp.shape for ramp in kept if ramp is not None)
        stack = np.stack([np.zeros(shape, np.float32) if ramp is None else ramp for ramp in kept])
        if instrument == "MIRI":
            model = datamodels.DarkMIRIModel(data=stack, dq=self._dq_saved)
        else:
            model = datamodels.DarkModel(data=stack[0] if len(stack) == 1 else stack, dq=self.dq)
        sampling = self.dark if self.science.same_sampling(self.dark) else self.science
        model.meta.exposure.nframes = sampling.nframes
        model.meta.exposure.groupgap = sampling.groupgap
        model.meta.exposure.ngroups = int(stack.shape[1])
        return model
