"""Shell commands of recipes: logged line by line, stopped soon when the run is cancelled."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from stpipe.engine import checkpoint
from stpipe.exceptions import ParameterError, RunError

__all__ = ["Outcome", "run_command"]

log = logging.getLogger("stpipe.recipe")

_LOOK_EVERY = 0.05


@dataclass(frozen=True)
class Outcome:
    """How a command has ended.

    Attributes
    ----------
    cmd : str or sequence of str
        The command.
    returncode : int
        Its exit code.
    stdout, stderr : str
        What it wrote.
    """

    cmd: str | Sequence[str]
    returncode: int
    stdout: str
    stderr: str

    def as_dict(self) -> dict[str, Any]:
        """Return code and texts by name."""
        return {"returncode": self.returncode, "stdout": self.stdout, "stderr": self.stderr}

    def check(self) -> None:
        """Raise RunError if the command failed."""
        if self.returncode:
            last = self.stderr.strip().splitlines()[-1:]
            tail = f": {last[0]}" if last else ""
            raise RunError(f"the command {self.cmd!r} returned error code {self.returncode}{tail}")


def run_command(cmd: Any, *, cwd: str | None = None, env: Mapping[str, Any] | None = None) -> Outcome:
    """Run a command, log what it writes at INFO, and return how it ended.

    Parameters
    ----------
    cmd : str or list of str
        A text is run by the shell; a list is run as it is, which is the safe way for values of the context.
    cwd : str, optional
        Folder to run it in.
    env : mapping, optional
        Environment variables besides those there are; None as a value takes one away.

    Raises
    ------
    ParameterError
        The command is neither text nor list, or ``env`` no mapping.
    RunError
        It cannot be started.
    """
    if not cmd or not isinstance(cmd, str | list | tuple):
        raise ParameterError(f"shell: cmd has to be a text or a list of texts, not {cmd!r}")
    command = cmd if isinstance(cmd, str) else [str(word) for word in cmd]
    with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
        try:
            process = subprocess.Popen(
                command, shell=isinstance(command, str), cwd=cwd, env=_environment(env), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
        except OSError as error:
            raise RunError(f"the command {command!r} cannot be started: {error}") from error
        code = _wait(process)
        texts = [_content(stream) for stream in (out, err)]
    for line in (line for text in texts for line in text.splitlines()):
        log.info("%s", line)
    return Outcome(command, code, *texts)


def _content(stream: Any) -> str:
    stream.seek(0)
    return stream.read()


def _environment(env: Mapping[str, Any] | None) -> dict[str, str] | None:
    if env is None:
        return None
    if not isinstance(env, Mapping):
        raise ParameterError(f"shell: env has to be a mapping of names to values, not {env!r}")
    merged = {**os.environ, **{str(key): value for key, value in env.items()}}
    return {key: str(value) for key, value in merged.items() if value is not None}


def _wait(process: subprocess.Popen) -> int:
    """Wait for the end; a cancelled run kills the command and what it has started."""
    while True:
        try:
            checkpoint()
            return process.wait(_LOOK_EVERY)
        except subprocess.TimeoutExpired:
            continue
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
