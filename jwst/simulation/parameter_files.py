"""Parameter files (``pars-*``) of the offline cache."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jwst.simulation.reference_request import REFERENCE_META

__all__ = ["ParameterFile", "detector1_parameters", "write_parameter_file"]


@dataclass(frozen=True)
class ParameterFile:
    """Parameters of a step or a pipeline.

    Parameters
    ----------
    class_name : str
        Path of the class.
    name : str
        Name of the step.
    parameters : dict
        Its own parameters.
    steps : tuple of ParameterFile
        Those of its sub-steps.
    """

    class_name: str
    name: str
    parameters: dict[str, Any] = field(default_factory=dict)
    steps: tuple[ParameterFile, ...] = ()

    @property
    def reftype(self) -> str:
        """Reference type in lower case."""
        return f"pars-{self.class_name.rpartition('.')[2].lower()}"

    def tree(self) -> dict[str, Any]:
        """Return the content of the file."""
        tree: dict[str, Any] = {"class": self.class_name, "name": self.name, "parameters": dict(self.parameters)}
        if self.steps:
            tree["steps"] = [step.tree() for step in self.steps]
        return tree


_SNOWBALLS = {"rejection_threshold": 4.0, "expand_large_events": True, "min_jump_area": 15.0, "expand_factor": 1.75}
_SHOWERS = {"rejection_threshold": 4.0, "find_showers": True, "time_masked_after_shower": 0.0}


def detector1_parameters(*, traps: bool, instrument: str = "NIRCAM") -> tuple[ParameterFile, ...]:
    """Return the parameter files of stage 1.

    Parameters
    ----------
    traps : bool
        Switch on the trap model of persistence, which the released pipeline 3.0.0 does not know.
    instrument : str
        Instrument name.

    Returns
    -------
    tuple of ParameterFile
        Interpixel capacitance is not corrected, because simulated pixels have none. MIRI looks for showers and
        subtracts the interference; the others look for snowballs.
    """
    skipped = ParameterFile("jwst.ipc.ipc_step.IPCStep", "ipc", {"skip": True})
    persistence = {"skip": False, "algorithm": "traps"} if traps and instrument == "NIRCAM" else {"skip": True}
    jump = _SHOWERS if instrument == "MIRI" else _SNOWBALLS
    files = (
        ParameterFile("jwst.pipeline.calwebb_detector1.Detector1Pipeline", "calwebb_detector1", steps=(skipped,)),
        skipped,
        ParameterFile("jwst.jump.jump_step.JumpStep", "jump", jump),
        ParameterFile("jwst.persistence.persistence_step.PersistenceStep", "persistence", persistence),
    )
    if instrument != "MIRI":
        return files
    return (*files, ParameterFile("jwst.emicorr.emicorr_step.EmiCorrStep", "emicorr", {"skip": False}))


def write_parameter_file(path: Path, parameters: ParameterFile, *, instrument: str = "NIRCAM") -> None:
    """Write a parameter file with the metadata that CRDS wants.

    Parameters
    ----------
    path : Path
        The ASDF file.
    parameters : ParameterFile
        Its content.
    instrument : str
        Instrument name.
    """
    import asdf

    meta: dict[str, Any] = {**REFERENCE_META, "origin": "jwst.simulation", "date": REFERENCE_META["useafter"]}
    meta |= {"reftype": parameters.reftype, "instrument": {"name": instrument}}
    meta["description"] = f"Parameters of {parameters.class_name} for simulated exposures."
    with asdf.AsdfFile({"meta": meta, **parameters.tree()}) as file:
        file.write_to(path)
