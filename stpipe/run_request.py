"""What a caller asks of `stpipe.run`: its own keywords checked, the others are parameters (running.md R21, R36)."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from stpipe.policy import Policy

__all__ = ["RunRequest", "make_request", "signature"]


@dataclass(frozen=True)
class RunRequest:
    """One call of `stpipe.run`; fields are its keywords, ``loose`` the parameters given beside them."""

    what: Any
    inputs: Any = None
    steps: Mapping[str, Any] | None = None
    config_file: Any = None
    parameters: Mapping[str, Any] | None = None
    context: Mapping[str, Any] | None = None
    groups: Sequence[str] | None = None
    success_group: str | None = None
    failure_group: str | None = None
    loader: str | None = None
    py_dir: Any = None
    policy: Policy | None = None
    executor: Any = None
    workers: int | None = None
    timeout: float | None = None
    callbacks: Sequence[Any] = ()
    event_handler: Any = None
    status_handler: Any = None
    cancel_callback: Any = None
    finished_callback: Any = None
    ident: str | None = None
    artifacts_dir: Any = None
    project_dir: Any = None
    resume: bool = False
    allow_code: bool = False
    capture_output: bool = False
    show_log: bool = False
    raise_on_failure: bool = False
    keep_records: bool = True
    output_handler: Any = None
    loose: Mapping[str, Any] = field(default_factory=dict)
    project: Any = None
    parent_ident: str | None = None

    @property
    def title(self) -> str:
        """Name of what is run."""
        what = self.what
        if isinstance(what, str | os.PathLike):
            return os.fspath(what)
        return str(getattr(what, "name", None) or getattr(what, "__name__", None) or type(what).__name__)

    @property
    def keywords(self) -> dict[str, Any]:
        """Keywords as ``call`` takes them."""
        found = dict(self.loose)
        if self.steps is not None:
            found["steps"] = self.steps
        if self.config_file is not None:
            found["config_file"] = self.config_file
        return {**found, **(self.parameters or {})}

    def setting(self, name: str) -> Any:
        """Return ``timeout``, ``workers``, ``executor`` or ``artifacts_dir``, of the call, project or settings."""
        value = getattr(self, name)
        if value is None and self.project is not None:
            value = self.project.settings.get(name)
        if value is None:
            from stpipe import settings

            value = getattr(settings, name)
        return value


_OWN = {"loose", "project", "parent_ident"}
_KEYWORDS = {one.name: one for one in fields(RunRequest) if one.name not in _OWN | {"what", "inputs"}}


def make_request(what: Any, inputs: Any, keywords: Mapping[str, Any]) -> RunRequest:
    """Check the keywords of a call and return the request.

    Parameters
    ----------
    what, inputs, keywords
        As `stpipe.run`.

    Raises
    ------
    TypeError, ValueError
        One of its own keywords has a value that cannot be used.
    FileExistsError
        The artifacts folder has a run of that ident.
    """
    own = {name: value for name, value in keywords.items() if name in _KEYWORDS}
    loose = {name: value for name, value in keywords.items() if name not in _KEYWORDS}
    project = None
    if own.get("project_dir") is not None:
        from stpipe.project import Project

        project = Project(own["project_dir"])
    request = RunRequest(what, inputs, **own, loose=loose, project=project)
    _check(request)
    return request


def _check(request: RunRequest) -> None:
    from stpipe.executors import find_executor

    if request.groups is not None:
        from stpipe.recipe_request import check_groups_argument

        check_groups_argument(request.groups)
    workers = request.setting("workers")
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise TypeError(f"workers has to be a whole number, not {workers!r}")
    if workers < 1:
        raise ValueError(f"workers has to be at least 1, not {workers}")
    executor = find_executor(request.setting("executor"), workers)
    if executor is not request.setting("executor"):  # which another run may be using
        executor.shutdown()
    _check_timeout(request.setting("timeout"))
    for name in ("steps", "parameters", "context"):
        value = getattr(request, name)
        if value is not None and not isinstance(value, Mapping):
            raise TypeError(f"{name} has to be a mapping, not {value!r}")
    for name in ("event_handler", "status_handler", "cancel_callback", "finished_callback", "output_handler"):
        value = getattr(request, name)
        if value is not None and not callable(value):
            raise TypeError(f"{name} has to be a function, not {value!r}")
    if request.policy is not None and not isinstance(request.policy, Policy):
        raise TypeError(f"policy has to be a Policy, not {request.policy!r}")
    _check_callbacks(request.callbacks)
    _check_ident(request)


def _check_timeout(timeout: Any) -> None:
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout has to be a number of seconds, not {timeout!r}")
    if not timeout > 0:
        raise ValueError(f"timeout has to be above 0 s, not {timeout!r}")


def _check_callbacks(callbacks: Any) -> None:
    from stpipe.events import Callback

    if isinstance(callbacks, Callback) or not isinstance(callbacks, list | tuple):
        raise TypeError("callbacks has to be a list of Callback objects; write callbacks=[…]")
    wrong = [one for one in callbacks if not isinstance(one, Callback)]
    if wrong:
        raise TypeError(f"callbacks: {wrong[0]!r} is no stpipe.Callback; give a function as event_handler=")


def _check_ident(request: RunRequest) -> None:
    ident, folder = request.ident, request.setting("artifacts_dir")
    if ident is None:
        return
    if not isinstance(ident, str) or not ident or ident in (".", "..") or os.path.basename(ident) != ident:
        raise ValueError(f"ident has to be a plain name, which is that of a folder, not {ident!r}")
    if folder is not None and os.path.exists(os.path.join(folder, ident)):
        raise FileExistsError(f"there is a run {ident!r} in {folder} already; leave ident out, or remove the folder")


def signature() -> inspect.Signature:
    """Return the signature of `stpipe.run`."""
    kinds = inspect.Parameter
    plain = [kinds("what", kinds.POSITIONAL_OR_KEYWORD), kinds("inputs", kinds.POSITIONAL_OR_KEYWORD, default=None)]
    shown: dict[str, Any] = {"executor": "inline", "workers": 1}
    own = [kinds(name, kinds.KEYWORD_ONLY, default=shown.get(name, one.default)) for name, one in _KEYWORDS.items()]
    return inspect.Signature([*plain, *own, kinds("step_parameters", kinds.VAR_KEYWORD)])
