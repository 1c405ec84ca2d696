"""The reset step. Source: spec reset.md."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from jwst.lib.miri import require_miri, unless_not_miri
from jwst.reset.reset_sub import subtract_reset
from jwst.stpipe import Step
from stpipe.exceptions import InputError

__all__ = ["ResetStep"]

log = logging.getLogger(__name__)


class ResetStep(Step):
    """Subtract the reset transient from the first groups of MIRI integrations."""

    class_alias = "reset"
    will_change = staticmethod(unless_not_miri)
    reference_file_types = ["reset"]

    def process(self, input_model: Any) -> Any:
        """Subtract the transient.

        Parameters
        ----------
        input_model : RampModel or str
            A ramp. Exposures of other instruments are left alone.

        Returns
        -------
        RampModel

        Raises
        ------
        InputError
            The reference does not fit the exposure: it is never cut to a subarray.
        """
        with self.ramp(input_model) as ramp:
            require_miri(ramp, "reset")
            with self.reference(ramp, "reset") as reference:
                _correct(ramp, reference)
        return self.complete(ramp)


def _correct(ramp: Any, reference: Any) -> None:
    """Subtract a reference from a ramp model, and pass its data quality on."""
    dq = _quality(reference, ramp.pixeldq.shape)
    nints, ngroups = _stored_shape(reference)
    total = reference.shape("data")[1]

    def read(integration: int, group: int) -> np.ndarray:
        """Read one plane, as an array of its own."""
        plane = integration * total + group
        return reference.planes("data", plane, plane + 1)[0]

    first = max(ramp.meta.exposure.integration_start or 1, 1) - 1
    subtract_reset(ramp.data, read, shape=(nints, ngroups), first=first)
    reference.refuse_blank()
    ramp.pixeldq |= dq
    log.info("The transient was subtracted from %d groups", min(ngroups, ramp.data.shape[1]))


def _stored_shape(reference: Any) -> tuple[int, int]:
    """Integrations and groups of a reference that count: as its metadata say, at most those of its array."""
    shape = reference.shape("data")
    if shape is None or len(shape) != 4:
        raise InputError(f"The reset reference {reference.name} must hold a 4-D array; its shape is {shape}")
    stated = reference.meta("exposure.nints"), reference.meta("exposure.ngroups")
    return tuple(size if value is None else min(int(value), size) for size, value in zip(shape, stated))  # type: ignore[return-value]


def _quality(reference: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Flags of a reference, of the shape of the exposure."""
    _stored_shape(reference)
    dq = reference.dq(cut=False)
    if dq.ndim > 2:
        dq = np.bitwise_or.reduce(dq.reshape(-1, *dq.shape[-2:]), axis=0)
    if dq.shape != shape:
        raise InputError(
            f"The reset reference {reference.name} has flags of {dq.shape} but the exposure has {shape}; "
            "use a reference of the same subarray (override_reset), or skip the step"
        )
    return dq
