"""Steps, functions and shell commands that run before and after a step."""

from __future__ import annotations

import ast
import contextvars
import importlib
import inspect
import logging
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import IO, Any

from stpipe.datamodel import AbstractDataModel
from stpipe.exceptions import ParameterError
from stpipe.parameters import Param, near_hint
from stpipe.step import Step

__all__ = ["FunctionWrapper", "SystemCall", "make_hooks", "run_post_hooks", "run_pre_hooks", "set_up_hooks"]

log = logging.getLogger(__name__)

_DOTTED = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")
_CALL = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+\(.*\)$", re.DOTALL)
_FIELD = re.compile(r"\{(\d+)\}")


def run_pre_hooks(step: Any, args: Sequence[Any]) -> tuple[Any, ...]:
    """Run ``step.pre_hooks`` in order on the arguments of the step.

    Returns
    -------
    tuple
        Arguments for ``process``: those given, or the one result of the last hook that had one.
    """
    set_up_hooks(step)
    args = tuple(args)
    for hook in step._pre_hooks:
        result = hook.run(*args)
        if result is not None:
            args = (result,)
    return args


def run_post_hooks(step: Any, result: Any) -> Any:
    """Run ``step.post_hooks`` in order on the result; a result other than None replaces it."""
    set_up_hooks(step)
    for hook in step._post_hooks:
        replacement = hook.run(result)
        if replacement is not None:
            result = replacement
    return result


def set_up_hooks(step: Any) -> None:
    """Make the hooks of a step, unless its lists are what they were when they were made; errors as in `make_hooks`."""
    key = (step.pre_hooks, step.post_hooks, step.output_ext)
    if step.__dict__.get("_hooks_key") != key:
        step._pre_hooks, step._post_hooks = make_hooks(step, "pre"), make_hooks(step, "post")
        step.__dict__["_hooks_key"] = key


def make_hooks(step: Any, kind: str) -> list[Step]:
    """Steps for the hooks of a step.

    Parameters
    ----------
    step : Step
        Has the hooks; becomes the parent of those that are made here.
    kind : {"pre", "post"}
        Which list.

    Raises
    ------
    ParameterError
        A text names a module that has no such attribute (an AttributeError, too) or gives a parameter that the step
        does not have; or a hook is neither step, function nor text.
    TypeError
        A text names something else than a step or a function.
    """
    hooks = getattr(step, f"{kind}_hooks") or []
    return [_make_hook(step, hook, f"{kind}_hook{number}") for number, hook in enumerate(hooks)]


def _make_hook(step: Any, hook: Any, name: str) -> Step:
    if isinstance(hook, Step):
        hook.name = _step_name(type(hook), name)
        if getattr(hook, "output_ext", None) is None:
            hook.output_ext = step.output_ext
        return hook
    if isinstance(hook, str):
        return _from_text(step, hook.strip(), name)
    made = _from_object(step, hook, name)
    if made is None:
        raise ParameterError(f"Hook {hook!r} of step {step.name} is neither a Step, a function nor a text.")
    return made


def _from_text(step: Any, text: str, name: str) -> Step:
    if _CALL.match(text):
        parsed = _parse_call(text)
        if parsed is not None:
            found = _resolve(step, parsed[0])
            if inspect.isclass(found) and issubclass(found, Step):
                return found(_step_name(found, name), parent=step, **{"output_ext": step.output_ext, **parsed[1]})
    elif _DOTTED.match(text):
        found = _resolve(step, text)
        if found is not None:
            made = _from_object(step, found, name)
            if made is None:
                raise TypeError(f"Hook {text!r} of step {step.name} is neither a Step class nor a function.")
            return made
    return SystemCall(name, parent=step, command=text, output_ext=step.output_ext)


def _from_object(step: Any, found: Any, name: str) -> Step | None:
    """Step of a class or function; None for anything else."""
    if inspect.isclass(found) and issubclass(found, Step):
        return found(_step_name(found, name), parent=step, output_ext=step.output_ext)
    if callable(found) and not inspect.isclass(found):
        return FunctionWrapper(found, parent=step, output_ext=step.output_ext)
    return None


def _step_name(cls: type[Step], name: str) -> str:
    return cls.class_alias or name


def _parse_call(text: str) -> tuple[str, dict[str, Any]] | None:
    """Dotted path and literal keywords of ``pkg.Class(par=1)``; None when the text is something else."""
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            return None
        keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
    except (SyntaxError, ValueError):
        return None
    return ast.unparse(call.func), keywords


class _NoSuchHookError(ParameterError, AttributeError):
    """A module has no attribute of that name."""


def _resolve(step: Any, dotted: str) -> Any:
    """Object of that dotted path; None when there is no such module."""
    module_name, _, attribute = dotted.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            return None
        raise
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        near = near_hint(attribute, [name for name in vars(module) if not name.startswith("_")])
        message = f"module {module_name!r} has no attribute {attribute!r}{near}: hook {dotted!r} of step {step.name}"
        raise _NoSuchHookError(message) from error


class FunctionWrapper(Step):
    """A step that calls a function.

    Parameters
    ----------
    function : callable
        Gets the arguments of the step; its result is the result of the step.
    name : str, optional
        The name of the function by default.
    **parameters
        ``parent`` and parameters of `Step`.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None, **parameters: Any) -> None:
        super().__init__(name or getattr(function, "__name__", type(function).__name__), **parameters)
        self._function = function

    def process(self, *args: Any) -> Any:
        """Call the function."""
        return self._function(*args)


class SystemCall(Step):
    """A step that runs a shell command; ``{0}``, ``{1}`` stand for the arguments, models are first saved to files."""

    command = Param(None, "Shell command", type=str, required=True)
    env = Param([], "Environment variables VAR=value; an empty value unsets the variable", type=list[str])  # type: ignore[var-annotated]
    log_stdout = Param(True, "Log what the command writes to standard output")
    log_stderr = Param(True, "Log what the command writes to standard error")
    exitcode_as_exception = Param(True, "Raise an exception when the command returns an error code")
    failure_as_exception = Param(True, "Raise an exception when the command cannot be started")

    def process(self, *args: Any) -> None:
        """Run the command; its result is never a result of the step.

        Raises
        ------
        OSError
            The command returned an error code or cannot be started.
        """
        with tempfile.TemporaryDirectory(prefix="stpipe_hook_") as folder:
            files = [self._file_of(argument, number, folder) for number, argument in enumerate(args)]
            command = _filled(self.command, files)
            log.info("Spawning %r", command)
            try:
                code = self._run_command(command)
            except OSError:
                if self.failure_as_exception:
                    raise
                log.exception("%r could not be started", command)
                return
        if code != 0 and self.exitcode_as_exception:
            raise OSError(f"{command!r} returned error code {code}")

    def _file_of(self, argument: Any, number: int, folder: str) -> str:
        if not isinstance(argument, AbstractDataModel):
            return str(argument)
        extension = (self.output_ext or ".fits").lstrip(".")
        path = os.path.join(folder, f"{self.qualified_name}.{number:04d}.{extension}")
        argument.save(path)
        return path

    def _run_command(self, command: str) -> int:
        """Run in a shell with its output logged line by line; returns the exit code."""
        with subprocess.Popen(
            command,
            shell=True,
            env=_environment(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if self.log_stdout else subprocess.DEVNULL,
            stderr=subprocess.PIPE if self.log_stderr else subprocess.DEVNULL,
            text=True,
            errors="replace",
        ) as process:
            context = contextvars.copy_context()
            reader = threading.Thread(target=context.run, args=(_log_lines, process.stderr), daemon=True)
            reader.start()
            _log_lines(process.stdout)
            reader.join()
            return process.wait()


def _filled(command: str, files: list[str]) -> str:
    """Command with ``{0}``, ``{1}`` replaced; other braces (awk, shell functions) stay."""
    try:
        return command.format(*files)
    except (AttributeError, IndexError, KeyError, ValueError):
        return _FIELD.sub(lambda match: files[int(match[1])] if int(match[1]) < len(files) else match[0], command)


def _environment(settings: Sequence[str]) -> dict[str, str]:
    environment = dict(os.environ)
    for setting in settings:
        name, _, value = setting.partition("=")
        if value:
            environment[name.strip()] = value
        else:
            environment.pop(name.strip(), None)
    return environment


def _log_lines(stream: IO[str] | None) -> None:
    if stream is not None:
        for line in stream:
            log.info("%s", line.rstrip("\n"))
