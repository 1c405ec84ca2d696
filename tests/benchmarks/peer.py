"""Run the released pipeline beside this one, as a black box, for comparisons and ratios.

The released jwst 3.0.0 lives in a virtual environment of its own; ``JWST_PEER`` names a program that runs its
interpreter with ``$JWST_PEER python ...`` (default: ``../shared/tools/peer`` beside the checkout). Without it the
comparisons are skipped.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

__all__ = ["Cost", "available", "reduce_here", "reduce_with_peer"]

HERE = pathlib.Path(__file__).parent
WORKER = HERE / "reduce_one.py"


@dataclass(frozen=True)
class Cost:
    """What a reduction took: seconds of the quickest call, of the import and the first call, and peak memory in MiB."""

    call: float
    first: float
    memory: float


def _program() -> pathlib.Path:
    default = HERE.parents[2] / "shared" / "tools" / "peer"
    return pathlib.Path(os.environ.get("JWST_PEER", default))


def available() -> bool:
    """Whether the released pipeline can be run here."""
    return _program().exists()


def _reduce(interpreter: list[str], arguments: list[str], cache: str) -> Cost:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("CRDS_", "STPIPE_"))}
    environment["CRDS_PATH"] = cache
    folder = pathlib.Path(arguments[1]).resolve().parent  # the released pipeline looks for members of a level 2 there
    command = [*interpreter, str(WORKER), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(interpreter)} failed:\n{done.stderr[-4000:]}")
    report = json.loads(done.stdout.splitlines()[-1])
    return Cost(min(report["calls"]), report["import"] + report["calls"][0], report["memory"])


def reduce_here(
    pipeline: str, exposure: str, output_dir: str, *, cache: str, repeats: int = 1, **parameters: Any
) -> Cost:
    """Reduce an exposure with this project, in a process of its own."""
    return _reduce([sys.executable], [pipeline, exposure, output_dir, str(repeats), json.dumps(parameters)], cache)


def reduce_with_peer(
    pipeline: str, exposure: str, output_dir: str, *, cache: str, repeats: int = 1, **parameters: Any
) -> Cost:
    """Reduce an exposure with the released pipeline, in a process of its own."""
    return _reduce(
        [str(_program()), "python"], [pipeline, exposure, output_dir, str(repeats), json.dumps(parameters)], cache
    )
