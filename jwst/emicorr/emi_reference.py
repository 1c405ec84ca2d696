"""The reference of emicorr: which waves disturb which subarray. Source: spec emicorr.md.

A reference is an ASDF file or an `EmiModel` with ``frequencies`` (name to frequency and wave) and ``subarray_cases``
(name to clocks and names of frequencies).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jwst.emicorr.waveform import Wave
from stpipe.exceptions import InputError, Skip

__all__ = [
    "CLOCKS",
    "HIGHEST",
    "LOWEST",
    "EmiCase",
    "Exposure",
    "case_name",
    "on_the_fly_case",
    "read_case",
    "wave_reference",
]

CLOCKS = {
    "SLITLESSPRISM": (28, 15904),
    "MASKLYOT": (90, 32400),
    "SUB64": (28, 8512),
    "SUB128": (44, 11904),
    "MASK1140": (82, 23968),
    "MASK1550": (82, 23968),
    "MASK1065": (82, 23968),
    "SUB256": (96, 29952),
    "FULL_FAST": (271, 277504),
    "FULL_SLOW": (2333, 2388992),
    "BRIGHTSKY": (162, 86528),
}
"""Clocks in a row and in a frame, for corrections without a reference."""

LOWEST, HIGHEST = 0.1, 50000.0
"""Frequencies, in Hz, that can be corrected: a period of a million clocks, and one of two."""

_FEWEST_SAMPLES = 2


@dataclass(frozen=True)
class Exposure:
    """What a case is chosen by.

    Attributes
    ----------
    subarray, readpatt, detector : str
        SUBARRAY, READPATT and DETECTOR, upper case. The detector matters for slow patterns.
    """

    subarray: str
    readpatt: str
    detector: str | None = None

    @property
    def speed(self) -> str:
        """FAST or SLOW."""
        return self.readpatt.removesuffix("R1")


@dataclass(frozen=True)
class EmiCase:
    """How a subarray is read, and what disturbs it.

    Attributes
    ----------
    rowclocks, frameclocks : int
        Clocks in a row and in a frame.
    waves : tuple of Wave
        In the order in which they are subtracted.
    """

    rowclocks: int
    frameclocks: int
    waves: tuple[Wave, ...]


def case_name(exposure: Exposure) -> str:
    """Name of the case of an exposure: that of its subarray, with the speed for full frames."""
    return f"{exposure.subarray}_{exposure.speed}" if "FULL" in exposure.subarray else exposure.subarray


def on_the_fly_case(exposure: Exposure, frequencies: Sequence[float]) -> EmiCase:
    """Make the case of an exposure whose waves are to be found in its data.

    Parameters
    ----------
    exposure : Exposure
    frequencies : sequence of float, Hz

    Raises
    ------
    Skip
        The clocks of the subarray are not known, or there is no frequency.
    """
    name = case_name(exposure)
    if name not in CLOCKS:
        raise Skip(f"no clocks are known for the subarray {name}; corrections on the fly know {', '.join(CLOCKS)}")
    if not frequencies:
        raise Skip("onthefly_corr_freq has no frequency")
    return EmiCase(*CLOCKS[name], tuple(Wave(float(frequency), None, str(frequency)) for frequency in frequencies))


def read_case(source: Any, exposure: Exposure) -> EmiCase:
    """Read what a reference has for an exposure.

    Parameters
    ----------
    source : str, Path or data model
        An ASDF file or an `EmiModel`.
    exposure : Exposure

    Returns
    -------
    EmiCase

    Raises
    ------
    Skip
        The reference has no case, no clocks or no frequencies for the exposure.
    InputError
        It is no emicorr reference, or a wave cannot be used.
    """
    if not (isinstance(source, str) or hasattr(source, "__fspath__")):
        return _case(source, exposure, f"override {type(source).__name__}")
    from stdatamodels.jwst import datamodels

    try:
        model = datamodels.EmiModel(str(source))
    except FileNotFoundError:
        raise
    except Exception as error:
        raise InputError(
            f"{source} cannot be read as an emicorr reference: {error}. Give an ASDF file of an EmiModel."
        ) from error
    with model:
        return _case(model, exposure, str(source))


def _case(model: Any, exposure: Exposure, where: str) -> EmiCase:
    """Read the case of an exposure from an open model."""
    tree = model._instance
    name = case_name(exposure)
    cases = _mapping(tree.get("subarray_cases"))
    case = _mapping(cases.get(name, cases.get(exposure.subarray)))
    names = _frequency_names(_mapping(case.get("freqs")), exposure)
    if not names or case.get("rowclocks") is None or case.get("frameclocks") is None:
        raise Skip(f"the EMICORR reference has no frequencies for {name}, {exposure.readpatt} ({where})")
    if "frequencies" not in tree:
        raise InputError(f"{where} has no frequencies: it is no emicorr reference. Give an EmiModel.")
    frequencies = _mapping(tree["frequencies"])
    waves = tuple(_wave(frequencies, str(entry), where) for entry in names)
    return EmiCase(int(case["rowclocks"]), int(case["frameclocks"]), waves)


def _frequency_names(freqs: Mapping[str, Any], exposure: Exposure) -> Sequence[Any]:
    """Names of the frequencies of an exposure; files made on the fly list them by the whole pattern."""
    listed = freqs.get(exposure.speed, freqs.get(exposure.readpatt))
    if exposure.speed == "FAST" or listed is None:
        return list(listed or ())
    if not exposure.detector:
        raise InputError("emicorr needs meta.instrument.detector (DETECTOR) to correct a slow readout. Set it.")
    return list(_mapping(listed).get(exposure.detector) or ())


def _wave(frequencies: Mapping[str, Any], name: str, where: str) -> Wave:
    """Read one wave and check it."""
    if name not in frequencies:
        raise InputError(f"{where} has no frequency {name!r}, which its subarray_cases name; it has {[*frequencies]}")
    entry = _mapping(frequencies[name])
    try:
        frequency = float(entry["frequency"])
        samples = np.array(entry["phase_amplitudes"], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"Frequency {name!r} of {where} needs a frequency and phase_amplitudes: {error}") from error
    problem = _problem(frequency, samples)
    if problem:
        raise InputError(f"The wave {name!r} of {where} cannot be used: {problem}")
    return Wave(frequency, samples, name)


def _problem(frequency: float, samples: NDArray[np.float64]) -> str:
    """Say what is wrong with a wave; empty if nothing is."""
    if not LOWEST <= frequency <= HIGHEST:
        return f"its frequency is {frequency} Hz, not between {LOWEST} and {HIGHEST}"
    if samples.ndim != 1 or samples.size < _FEWEST_SAMPLES:
        return f"phase_amplitudes have shape {samples.shape}, not (K,) with K of 2 or more"
    if not np.isfinite(samples).all():
        return f"{np.count_nonzero(~np.isfinite(samples))} of its {samples.size} phase_amplitudes are not finite"
    return "all its phase_amplitudes are equal" if np.ptp(samples) == 0 else ""


def _mapping(node: Any) -> Mapping[str, Any]:
    """The mapping that a node of a model stands for; empty for anything else."""
    node = getattr(node, "instance", node)
    return node if isinstance(node, Mapping) else {}


def wave_reference(exposure: Exposure, case: EmiCase, found: Sequence[NDArray[np.float64]]) -> Any:
    """Make a reference model of the waves that were found in an exposure.

    Parameters
    ----------
    exposure : Exposure
    case : EmiCase
    found : sequence of ndarray of float64
        One wave for each of ``case.waves``.

    Returns
    -------
    EmiModel
        Its readout pattern and subarray are those of the exposure, word for word.
    """
    from astropy.time import Time
    from stdatamodels.jwst import datamodels

    names = [wave.name for wave in case.waves]
    listed = names if exposure.speed == "FAST" else {exposure.detector: names}
    model = datamodels.EmiModel()
    model.frequencies = {
        wave.name: {"frequency": wave.frequency, "phase_amplitudes": values} for wave, values in zip(case.waves, found)
    }
    model.subarray_cases = {
        exposure.subarray: {
            "rowclocks": case.rowclocks,
            "frameclocks": case.frameclocks,
            "freqs": {exposure.readpatt: listed},
        }
    }
    meta = model.meta
    meta.author, meta.pedigree, meta.description = "JWST calibration pipeline", "GROUND", "EMI correction file"
    meta.useafter, meta.telescope = Time.now().isot.split(".")[0], "JWST"
    return model
