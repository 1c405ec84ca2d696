"""Names of `stpipe.logs` under the module name that test code imports."""

from __future__ import annotations

from stpipe.logs import (
    STPIPE_ROOT_LOGGER,
    BreakHandler,
    LogConfig,
    LoggedException,
    RecordingHandler,
    load_configuration,
)

__all__ = [
    "STPIPE_ROOT_LOGGER",
    "BreakHandler",
    "LogConfig",
    "LoggedException",
    "RecordingHandler",
    "load_configuration",
]
