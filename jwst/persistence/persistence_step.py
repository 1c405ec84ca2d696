"""The step for persistence: flags after saturation, or the model of charge traps."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from jwst.stpipe import Step
from stpipe import Param
from stpipe.exceptions import MissingMetadataError, ParameterError

__all__ = ["PersistenceStep"]

log = logging.getLogger(__name__)

_TRAP_REFERENCES = ("trapdensity", "trappars", "persat")
_FALSE = ("", "none", "false", "no", "off", "0", "f", "n")


class _TypesOfAlgorithm:
    """Reference types: those of the trap model on the class, and on a step only if it runs the trap model."""

    def __get__(self, step: Any, owner: Any = None) -> list[str]:
        return list(_TRAP_REFERENCES) if step is None or step.algorithm == "traps" else []


class PersistenceStep(Step):
    """Flag or subtract the signal that bright sources leave behind."""

    class_alias = "persistence"
    reference_file_types = _TypesOfAlgorithm()

    skip = Param(True, "skip this step")
    algorithm = Param(
        "flag",
        "what to do about persistence",
        choices={
            "flag": "flag groups for some time after saturation; data stay as they are",
            "traps": "subtract what filled charge traps release, and predict which traps this exposure fills",
        },
    )
    persistence_time = Param(None, "time to flag after saturation; 'flag' needs it", type=int, unit="s")
    dn_threshold = Param(None, "counts that open a window of persistence like saturation does", type=float, unit="DN")
    persistence_array_file = Param(None, "ASDF file with the windows that earlier exposures left", type=str)
    save_persistence = Param(
        None,
        "'flag': ASDF file to write the windows to; 'traps': save the subtracted signal as _output_pers if set",
        type=str,
    )
    persistence_dnu = Param(False, "flag DO_NOT_USE together with PERSISTENCE")
    input_trapsfilled = Param("", "'traps': file with the filled traps that the previous exposure left", type=str)
    flag_pers_cutoff = Param(40.0, "'traps': persistence from which on a pixel is flagged", unit="DN")
    save_trapsfilled = Param(True, "'traps': write the filled traps as _trapsfilled if this run saves its results")
    modify_input = Param(False, "kept for parameter files of older releases; has no effect")

    def process(self, input_model: Any) -> Any:
        """Handle the persistence in a ramp.

        Parameters
        ----------
        input_model : RampModel or str

        Returns
        -------
        RampModel
        """
        with self.ramp(input_model) as ramp:
            if self.skip:
                ramp.meta.cal_step.persistence = "SKIPPED"
                return ramp
            if self.algorithm == "traps":
                return self._process_traps(ramp)
            return self._process_flags(ramp)

    def _process_flags(self, ramp: Any) -> Any:
        """Flag the groups in windows of persistence."""
        from jwst.persistence.persistence import PersistenceWindow, flag_persistence
        from jwst.persistence.state import WindowEnds, read_window_ends, write_window_ends

        seconds = self.persistence_time
        if seconds is None or seconds <= 0:
            log.error("persistence_time is %s; set it to the time in seconds for which to flag", seconds)
            ramp.meta.cal_step.persistence = "FAILED"
            return ramp
        detector = ramp.meta.instrument.detector
        shape = ramp.data.shape[-2:]
        ends = None
        if self.persistence_array_file:
            ends = read_window_ends(self.persistence_array_file, detector, shape=shape, seconds=seconds)
        window = PersistenceWindow(seconds, self.dn_threshold, self.persistence_dnu)
        ends = flag_persistence(_data_set(ramp), window, ends)
        if self.save_persistence:
            state = WindowEnds(ramp.meta.filename or "", ends, seconds)
            log.info(
                "Saved the windows of persistence in %s", write_window_ends(self.save_persistence, detector, state)
            )
        return self.complete(ramp)

    def _process_traps(self, ramp: Any) -> Any:
        """Subtract the charge that traps release."""
        from jwst.persistence.trap_exposure import empty_map, load_trap_map, run_traps, trap_model, trap_product

        if self.flag_pers_cutoff is None:
            raise ParameterError("Config parameter 'flag_pers_cutoff' of persistence must be a number of DN, not None")
        with ExitStack() as stack:
            references: Any = tuple(stack.enter_context(self.reference(ramp, name)) for name in _TRAP_REFERENCES)
            model, frame = trap_model(references, self.flag_pers_cutoff)
        path = (self.input_trapsfilled or "").strip()
        if path and path.lower() != "none":
            traps = load_trap_map(path, frame, ramp.meta.instrument.detector)
        else:
            traps = empty_map(len(model.families), frame)
        released = np.zeros_like(ramp.data) if self._keeps_released() else None
        run_traps(ramp, model, traps, released)
        if self.save_trapsfilled and self._run_saves():
            self.save_model(trap_product(ramp, traps), suffix="trapsfilled", force=True)
        if released is not None:
            self.save_model(_released_product(ramp, released), suffix="output_pers", force=True)
        return self.complete(ramp)

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the result, and of what the algorithm keeps for later exposures."""
        paths = []
        if self.algorithm == "traps":
            paths += [self.planned_path(suffix="trapsfilled")] if self.save_trapsfilled and self._run_saves() else []
            paths += [self.planned_path(suffix="output_pers")] if self._keeps_released() else []
        elif self.save_persistence:
            from jwst.persistence.state import state_path

            paths.append(str(state_path(self.save_persistence)))
        return [*paths, *super().planned_products(parameters)]

    def _keeps_released(self) -> bool:
        """Whether the signal that traps released is to be saved."""
        return (self.save_persistence or "").strip().lower() not in _FALSE and self._saves(self)

    @staticmethod
    def _saves(step: Any) -> bool:
        """Whether a step is going to save its result."""
        return bool(step.save_results)

    def _run_saves(self) -> bool:
        """Whether this step, or a pipeline that it is part of, saves its result."""
        step: Any = self
        while step is not None:
            if self._saves(step):
                return True
            step = step.parent
        return False


def _data_set(ramp: Any) -> Any:
    """The ramp with the start times of its integrations."""
    from jwst.persistence.persistence import DataSet, epoch_of

    exposure = ramp.meta.exposure
    table: Any = getattr(ramp, "int_times", None)
    rows = 0 if table is None else len(table)
    nints = ramp.data.shape[0]
    if rows < nints and exposure.start_time is None:
        raise MissingMetadataError(
            "The exposure has neither INT_TIMES for all integrations nor a start time (EXPSTART)"
        )
    starts = []
    for index in range(nints):
        if rows > index:
            starts.append(epoch_of(float(table["int_start_MJD_UTC"][index])))
        else:
            starts.append(epoch_of(exposure.start_time) + index * (exposure.integration_time or 0.0))
    return DataSet(ramp.data, ramp.groupdq, starts, exposure.group_time)


def _released_product(ramp: Any, released: np.ndarray) -> Any:
    """The subtracted signal as a ramp with the metadata of the exposure."""
    from stdatamodels.jwst import datamodels

    product = datamodels.RampModel(data=released)
    product.update(ramp)
    product.meta.cal_step.persistence = None
    return product
