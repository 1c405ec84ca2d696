"""From a job to the order that a worker gets."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from itertools import chain
from typing import Any

from stpipe.exceptions import RunError
from stpipe.executors import Control
from stpipe.executors.job import Job
from stpipe.executors.order import Order
from stpipe.executors.packing import Packer, Tokens, refers_to_main
from stpipe.executors.preloading import modules_of
from stpipe.executors.stored import PrivateFolder
from stpipe.executors.surroundings import Surroundings
from stpipe.references import current_session

__all__ = ["make_order"]


def make_order(job: Job, folder: PrivateFolder, shared: Tokens, control: Control) -> Order:
    """Pack a job, in the surroundings of now; models in it are saved the first time.

    Parameters
    ----------
    job : Job
        What is to be done.
    folder : PrivateFolder
        For models.
    shared : dict
        Models that several jobs have in common, such as overrides; saved once.
    control : Control
        Of the run.

    Raises
    ------
    Exception
        It cannot be sent; the text says why.
    """
    if job.packer is None:
        _pack(job, folder, shared)
    session, token = current_session(), control.token
    deadline, timeout = (token.deadline, token.timeout) if token is not None else (None, None)
    return Order(
        Surroundings.now(),
        control.stream.run_ident,
        dict(session.contexts) if session is not None else {},
        deadline,
        timeout,
        folder.path,
        _extension(job.task.work),
        *job.packed,
        job.retry_count,
        job.start,
        tuple(modules_of(job.task.work)),
        tuple(os.fspath(one) for one in job.task.args if isinstance(one, str | os.PathLike) and os.path.exists(one)),
    )


def _pack(job: Job, folder: PrivateFolder, shared: Tokens) -> None:
    work = job.task.work
    packer = Packer(folder.path, _extension(work))
    inputs = (one if isinstance(one, list | tuple) else (one,) for one in job.task.args)
    packer.share(shared, but=chain.from_iterable(inputs))
    opener = work.opener()
    task = replace(job.task, policy=replace(job.task.policy, when=None))  # which has been asked
    try:
        job.packed = (pickle.dumps(opener), packer.pack(task))
        if any(map(refers_to_main, job.packed)):
            raise RunError("the main script is no file that workers could import it from")
    except BaseException:
        packer.remove_sent()
        raise
    job.packer, job.opener = packer, opener


def _extension(work: Any) -> str:
    """Extension of files of the models that a work has to do with."""
    cls: Any = getattr(work, "cls", None)
    declared = cls.declared_parameters().get("output_ext") if hasattr(cls, "declared_parameters") else None
    return getattr(declared, "default", None) or ".fits"
