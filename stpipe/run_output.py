"""What a run writes: log records, and the ``print`` output of steps where that is wanted (running.md R7).

Text goes to the output of the run, and to that of the target in whose context it was written.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

from stpipe.events import current_target
from stpipe.log_routing import Sink, routers, sinks

__all__ = ["LOG_FORMAT", "Output", "RunOutput", "TargetOutput", "TextReader", "target_output"]

log = logging.getLogger("stpipe.run")

LOG_FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
MOST_IN_MEMORY = 1 << 20


class TextReader(io.TextIOWrapper):
    """Handle on a text file that is closed without a word when nobody holds it any more.

    Parameters
    ----------
    path : str
        The file.
    """

    def __init__(self, path: str) -> None:
        super().__init__(open(path, "rb"), encoding="utf-8", errors="replace")  # noqa: SIM115

    def __del__(self) -> None:
        self.close()


class Output:
    """Text that grows, in memory up to 1 MiB and then in a private file.

    Parameters
    ----------
    path : str, optional
        File to keep it in from the start, instead of memory.
    keep : bool, optional
        False: nothing is kept.
    """

    def __init__(self, path: str | None = None, *, keep: bool = True) -> None:
        self._keep = keep or path is not None
        self._lock = threading.Lock()
        self._parts: list[str] = []
        self._size = 0
        self._path = path
        self._file: TextIO | None = None if path is None else open(path, "w+", 1, "utf-8", "backslashreplace")  # noqa: SIM115
        self._fresh: list[str] = []
        self._lines = 0
        self._temporary = False

    def write(self, text: str) -> None:
        """Add text."""
        if not text or not self._keep:
            return
        with self._lock:
            self._fresh.append(text)
            if self._file is not None:
                self._file.write(text)
                return
            self._parts.append(text)
            self._size += len(text)
            if self._size > MOST_IN_MEMORY:
                self._spill()

    def _spill(self) -> None:
        import tempfile

        handle, self._path = tempfile.mkstemp(prefix="stpipe-output-", text=True)
        self._file = os.fdopen(handle, "w+", encoding="utf-8", errors="backslashreplace")
        self._file.write("".join(self._parts))
        self._parts, self._temporary = [], True

    def take_new(self) -> tuple[str, int, int]:
        """Return what was added since the last time, and the numbers of its first and last line, from 0."""
        with self._lock:
            text = "".join(self._fresh)
            self._fresh = []
            first = self._lines
            self._lines += text.count("\n")
            return text.removesuffix("\n"), first, self._lines

    def open(self) -> TextIO:
        """Return a handle of its own at the beginning of the text so far."""
        with self._lock:
            if self._file is None or self._path is None:
                return io.StringIO("".join(self._parts))
            if not self._file.closed:
                self._file.flush()
            return TextReader(self._path)

    def text(self) -> str:
        """Return all of it."""
        with self.open() as handle:
            return handle.read()

    def close(self) -> None:
        """Write out what a file still lacks; reading stays possible."""
        with self._lock:
            if self._file is not None:
                self._file.close()

    def __del__(self) -> None:
        if self._temporary and self._path is not None:
            if self._file is not None:
                self._file.close()
            _remove(self._path)


def _remove(path: str) -> None:
    """Remove a file, if it is still there."""
    try:
        os.unlink(path)
    except OSError:
        return


class TargetOutput:
    """What one target has written during one entry."""

    def __init__(self) -> None:
        self.stdout: list[str] = []
        self.stderr: list[str] = []


_TARGET_OUTPUT: ContextVar[TargetOutput | None] = ContextVar("stpipe_target_output", default=None)
_RUN_OUTPUT: ContextVar[RunOutput | None] = ContextVar("stpipe_run_output", default=None)


@contextmanager
def target_output(output: TargetOutput) -> Iterator[TargetOutput]:
    """Have what is written in a block go to a target, too."""
    token = _TARGET_OUTPUT.set(output)
    try:
        yield output
    finally:
        _TARGET_OUTPUT.reset(token)


class RunOutput:
    """Standard output and error output of one run.

    Parameters
    ----------
    folder : str, optional
        Keep them in the files ``stdout`` and ``stderr`` there.
    keep : bool, optional
        False: without a folder only targets get what is written.
    handler : callable, optional
        ``handler(target name or None, text)`` for all that is written; one that raises is not called again.
    """

    def __init__(
        self, folder: str | None = None, *, keep: bool = True, handler: Callable[[str | None, str], Any] | None = None
    ) -> None:
        self._handler = handler
        self.stdout = Output(None if folder is None else os.path.join(folder, "stdout"), keep=keep)
        self.stderr = Output(None if folder is None else os.path.join(folder, "stderr"), keep=keep)

    def write(self, text: str, *, error: bool = False) -> None:
        """Add text to the run, and to the target of this context."""
        (self.stderr if error else self.stdout).write(text)
        target = _TARGET_OUTPUT.get()
        if target is not None:
            (target.stderr if error else target.stdout).append(text)
        if self._handler is not None and not error:
            self._hand_on(text)

    def _hand_on(self, text: str) -> None:
        handler = self._handler
        assert handler is not None
        try:
            handler(current_target(), text)
        except Exception as failure:
            self._handler = None
            log.error("output_handler failed and is not called again: %s: %s", type(failure).__name__, failure)

    @contextmanager
    def collecting(self, loggers: Sequence[str], *, level: int = logging.INFO, prints: bool = False) -> Iterator[None]:
        """Collect the records of a block from these loggers, and what it prints if that is wanted.

        Handlers and levels are put back at the end.
        """
        sink = Sink([_Writer(self, level)])
        token = sinks.set((*sinks.get(), sink))
        routers.attach(sink, loggers, level)
        run_token = _RUN_OUTPUT.set(self) if prints else None
        with ExitStack() as stack:
            if prints:
                stack.enter_context(_printing())
            try:
                yield
            finally:
                routers.detach(sink)
                sinks.reset(token)
                if run_token is not None:
                    _RUN_OUTPUT.reset(run_token)

    def close(self) -> None:
        """Write out what is left."""
        self.stdout.close()
        self.stderr.close()


class _Writer(logging.Handler):
    """Puts records into the output; errors into the error output, too."""

    def __init__(self, output: RunOutput, level: int) -> None:
        super().__init__(level)
        self._output = output
        self.setFormatter(logging.Formatter(LOG_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{self.format(record)}\n"
        self._output.write(text)
        if record.levelno >= logging.ERROR:
            self._output.write(text, error=True)


class _Printed:
    """Stands for ``sys.stdout`` or ``sys.stderr``: what is printed in the context of a run that wants it goes there."""

    def __init__(self, stream: Any, *, error: bool) -> None:
        self._stream = stream
        self._error = error

    def write(self, text: str) -> int:
        """Write to the run of this context, else to the stream itself."""
        output = _RUN_OUTPUT.get()
        if output is None:
            return self._stream.write(text)
        output.write(text, error=self._error)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Printing:
    """How many runs have the two streams replaced."""

    lock = threading.Lock()
    users = 0
    before: tuple[Any, Any] = (None, None)


@contextmanager
def _printing() -> Iterator[None]:
    """Have ``print`` look at its context, as long as any run wants it."""
    with _Printing.lock:
        _Printing.users += 1
        if _Printing.users == 1:
            _Printing.before = (sys.stdout, sys.stderr)
            sys.stdout, sys.stderr = _Printed(sys.stdout, error=False), _Printed(sys.stderr, error=True)  # type: ignore[assignment]
    try:
        yield
    finally:
        with _Printing.lock:
            _Printing.users -= 1
            if _Printing.users == 0:
                sys.stdout, sys.stderr = _Printing.before
