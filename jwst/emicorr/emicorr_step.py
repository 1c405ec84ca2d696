"""The emicorr step: its name and parameters. Source: spec emicorr.md."""

from __future__ import annotations

from jwst.stpipe.not_built import NotBuiltStep
from stpipe import Param

__all__ = ["EmiCorrStep"]


class EmiCorrStep(NotBuiltStep):
    """Subtract electromagnetic interference from MIRI ramps (not in this release)."""

    class_alias = "emicorr"
    reference_file_types = ["emicorr"]

    algorithm = Param(
        "joint",
        "fit method",
        choices={"sequential": "one frequency after the other, by phase bins", "joint": "waves and ramps together"},
    )
    nints_to_phase = Param(None, "integrations used for the phased waveform ('sequential')", type=int)
    nbins = Param(None, "bins in the waveform ('sequential')", type=int)
    scale_reference = Param(True, "scale the reference wave to the data ('sequential')")
    onthefly_corr_freq = Param(
        None, "frequencies to correct without a reference ('sequential')", unit="Hz", type=list[float]
    )
    use_n_cycles = Param(3, "cycles used for phasing ('sequential')")
    fit_ints_separately = Param(False, "own phase and amplitude for each integration ('joint')")
    user_supplied_reffile = Param(None, "deprecated: use override_emicorr", type=str)
    save_intermediate_results = Param(False, "save the reference that was made from the data")
    skip = Param(True, "skip this step")
