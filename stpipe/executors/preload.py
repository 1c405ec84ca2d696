"""What the forkserver does when it starts: one thread for linear algebra, and the imports that all workers share.

The first module that the forkserver imports; STPIPE_PRELOAD is a JSON text ``{"path": [...], "modules": [...]}``.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys

__all__ = ["THREAD_VARIABLES", "VARIABLE"]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
VARIABLE = "STPIPE_PRELOAD"


def _start() -> None:
    """Set the environment, then import; what cannot be imported here is left to the workers."""
    text = os.environ.pop(VARIABLE, None)
    if text is None:
        return
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    wanted = json.loads(text)
    sys.path[:] = wanted["path"]
    for name in wanted["modules"]:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


_start()
