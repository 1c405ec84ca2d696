"""Coroutines as steps of a run: stopped soon when the run is (running.md R17)."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

from stpipe.cancel import active_token

__all__ = ["is_coroutine_function", "run_coroutine"]

_LOOK_EVERY = 0.05


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine."""
    return inspect.iscoroutinefunction(function)


def run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end and return its value; it is cancelled when the run is.

    Where an event loop is running in this thread already, another thread does it and this one waits.

    Raises
    ------
    CanceledError, RunTimeoutError
        The run was told to stop; the coroutine has been cancelled and has ended.
    Exception
        Whatever it raises.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_watched(coroutine))
    found: list[Any] = []

    def work() -> None:
        try:
            found.append((asyncio.run(_watched(coroutine)), None))
        except BaseException as error:
            found.append((None, error))

    thread = threading.Thread(target=copy_context().run, args=(work,), name="stpipe-coroutine")
    thread.start()
    thread.join()
    value, error = found[0]
    if error is not None:
        raise error
    return value


async def _watched(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Await a coroutine and look at the cancel token meanwhile."""
    token = active_token()
    task = asyncio.ensure_future(coroutine)
    if token is None:
        return await task
    while not task.done():
        await asyncio.wait([task], timeout=_LOOK_EVERY)
        error = token.look()
        if error is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
            raise error
    return task.result()
