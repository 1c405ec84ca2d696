"""An empty folder with small exposures, and batches on them through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stpipe.executors.manifest import read_manifest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "run")]  # so that workers can import the steps, too


@dataclass(frozen=True)
class Desk:
    """The current folder of a test.

    Attributes
    ----------
    folder : Path
        The folder.
    capture : object
        What is printed.
    """

    folder: Path
    capture: Any

    def expose(self, count: int, *, note: str = "", first: int = 10, folder: str = "raw") -> list[str]:
        """Write exposures with values from ``first``; return their paths."""
        os.makedirs(folder, exist_ok=True)
        paths = [f"{folder}/e{number:02d}_uncal.json" for number in range(count)]
        for number, path in enumerate(paths):
            Path(path).write_text(json.dumps({"value": first + number, "note": note}))
        return paths

    def strun(self, *arguments: str) -> tuple[int, str, str]:
        """Run ``strun batch`` in this process; return exit code, output and error output."""
        from stpipe.cli.strun import main

        self.capture.readouterr()
        code = main(["batch", *arguments])
        out, error = self.capture.readouterr()
        return code, out, error

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``strun batch`` in a process of its own."""
        path = os.pathsep.join([str(HERE), str(HERE.parent / "run")])
        command = [sys.executable, "-m", "stpipe.cli.strun", "batch", *arguments]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, **pipes)

    def records(self, folder: str = "out") -> dict[str, dict[str, Any]]:
        """Records of the manifest by name."""
        return {one["name"]: one for one in read_manifest(folder)[1]}

    def statuses(self, folder: str = "out") -> dict[str, int]:
        """How many exposures of the manifest have which status."""
        found = [one["status"] for one in self.records(folder).values()]
        return {status: found.count(status) for status in sorted(set(found))}

    def value(self, path: str) -> float:
        """Value of a product."""
        return json.loads(Path(path).read_text())["value"]

    def runs(self) -> list[str]:
        """Names of the exposures that a step that counts has begun with, in order."""
        return Path("runs").read_text().split() if os.path.exists("runs") else []


@pytest.fixture
def desk(workdir: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """An empty current folder."""
    return Desk(workdir, capsys)
