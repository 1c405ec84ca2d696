"""What a fact is, and those that can be asked for by name (spec running.md F1, F2)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from stpipe.exceptions import InputError
from stpipe.exposure import Exposure

__all__ = [
    "BUILT_IN_FACTS",
    "AppliedSteps",
    "Checksum",
    "Context",
    "Detector",
    "ExposureType",
    "Fact",
    "Filter",
    "Grating",
    "Groups",
    "Instrument",
    "Integrations",
    "Pupil",
    "ReferenceFiles",
    "Shape",
    "SoftwareVersion",
    "Subarray",
]


class Fact:
    """A value of an exposure; write `process`.

    Parameters
    ----------
    **arguments
        Keyword arguments of `process` besides the exposure; they are part of the identity of the fact.

    Raises
    ------
    TypeError
        `process` does not take them, or misses one.

    Examples
    --------
    >>> class Frames(Fact):
    ...     def process(self, exposure, times=1):
    ...         return exposure.header["meta.exposure.nframes"] * times
    >>> get_facts(inventory, Frames, times=2)  # doctest: +SKIP
    """

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments
        signature = inspect.signature(self.process)
        try:
            bound = signature.bind(None, **arguments)
        except TypeError as error:
            raise TypeError(f"fact {type(self).__name__}: {error}") from None
        bound.apply_defaults()
        self._values = tuple(list(bound.arguments.items())[1:])

    def process(self, exposure: Exposure) -> Any:
        """Return the value for an exposure: something that JSON knows.

        Raises
        ------
        NotImplementedError
            The class has no `process` of its own.
        """
        raise NotImplementedError(f"Facts have to write their own process(); {type(self).__name__} has none.")

    @property
    def identity(self) -> tuple[Any, ...]:
        """Class and arguments, defaults included: equal for equal facts."""
        return type(self), repr(self._values)

    @property
    def label(self) -> str:
        """Name of the class, with the arguments if there are some."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{type(self).__name__}({given})" if given else type(self).__name__


class _HeaderValue(Fact):
    """One value of the header; None where it has none."""

    key = ""

    def process(self, exposure: Exposure) -> Any:
        """Return the value."""
        return exposure.header.get(self.key)


class Instrument(_HeaderValue):
    """Name of the instrument, ``meta.instrument.name``."""

    key = "meta.instrument.name"


class Detector(_HeaderValue):
    """Name of the detector, ``meta.instrument.detector``."""

    key = "meta.instrument.detector"


class Filter(_HeaderValue):
    """Name of the filter, ``meta.instrument.filter``."""

    key = "meta.instrument.filter"


class Pupil(_HeaderValue):
    """Name of the pupil element, ``meta.instrument.pupil``."""

    key = "meta.instrument.pupil"


class Grating(_HeaderValue):
    """Name of the grating, ``meta.instrument.grating``."""

    key = "meta.instrument.grating"


class Subarray(_HeaderValue):
    """Name of the subarray, ``meta.subarray.name``."""

    key = "meta.subarray.name"


class ExposureType(_HeaderValue):
    """Type of the exposure, ``meta.exposure.type``."""

    key = "meta.exposure.type"


class Integrations(_HeaderValue):
    """Number of integrations, ``meta.exposure.nints``."""

    key = "meta.exposure.nints"


class Groups(_HeaderValue):
    """Number of groups in an integration, ``meta.exposure.ngroups``."""

    key = "meta.exposure.ngroups"


class Context(_HeaderValue):
    """Context of the reference files used, ``meta.ref_file.crds.context_used``."""

    key = "meta.ref_file.crds.context_used"


class SoftwareVersion(_HeaderValue):
    """Version of the calibration software, ``meta.calibration_software_version``."""

    key = "meta.calibration_software_version"


class Shape(Fact):
    """Shape of the science array as a list, last axis the fastest; None without one."""

    def process(self, exposure: Exposure) -> Any:
        """Return the shape."""
        return exposure.header.shape


class AppliedSteps(Fact):
    """Status of each step that has left one, ``{"jump": "COMPLETE", "ipc": "SKIPPED"}``, by key of its status."""

    def process(self, exposure: Exposure) -> Any:
        """Return the states."""
        return exposure.header.section("meta.cal_step")


class ReferenceFiles(Fact):
    """Name of each reference file used, ``{"gain": "crds://…"}``, by type."""

    def process(self, exposure: Exposure) -> Any:
        """Return the names."""
        section = exposure.header.section("meta.ref_file")
        return {key.removesuffix(".name"): value for key, value in section.items() if key.endswith(".name")}


class Checksum(Fact):
    """SHA-256 of the file."""

    def process(self, exposure: Exposure) -> Any:
        """Return the sum as a hexadecimal text.

        Raises
        ------
        InputError
            The exposure is an open model without a file.
        """
        import hashlib

        if exposure.path is None:
            raise InputError(f"exposure {exposure.name} is an open model without a file")
        with open(exposure.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


BUILT_IN_FACTS: Mapping[str, type[Fact]] = {
    cls.__name__: cls
    for cls in (
        *(Instrument, Detector, Filter, Pupil, Grating, Subarray, ExposureType, Shape, Integrations, Groups),
        *(AppliedSteps, ReferenceFiles, Context, SoftwareVersion, Checksum),
    )
}
"""The facts that can be asked for by name."""
