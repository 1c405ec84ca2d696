"""``stpipe describe``: one step on one page."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stpipe.allowed import type_name
from stpipe.cli.help import prose

if TYPE_CHECKING:
    from stpipe.parameters import Param
    from stpipe.step import Step

__all__ = ["description", "inputs_and_result"]


def description(cls: type[Step]) -> str:
    """Describe a step: what it does, input and result, references, sub-steps, parameters.

    Parameters
    ----------
    cls : type
        Step or Pipeline class.
    """
    return "\n".join(_lines(cls))


def _lines(cls: type[Step]) -> Iterator[str]:
    from stpipe.step import Step as Base

    alias = f" ({cls.class_alias})" if cls.class_alias else ""
    yield f"{cls.__name__}{alias}"
    yield f"{cls.__module__}.{cls.__qualname__}"
    yield ""
    yield prose(inspect.getdoc(cls) or "It has no description.")
    yield ""
    takes, gives = inputs_and_result(cls)
    steps: Mapping[str, type[Step]] = getattr(cls, "step_defs", {})
    yield from _fact("takes", takes)
    yield from _fact("gives", gives)
    yield from _fact("references", ", ".join(_reference_types(cls)) or "none")
    yield from _fact("status", f"meta.cal_step.{cls.cal_step or cls.class_alias}" if cls.class_alias else "")
    yield from _fact("steps", ", ".join(steps))
    parameters, common = cls.declared_parameters(), Base.declared_parameters()
    own = {name: param for name, param in parameters.items() if name not in common}
    yield ""
    yield f"parameters of {cls.__name__}:" if own else f"{cls.__name__} has no parameters of its own."
    yield from _parameters(own)
    yield ""
    yield "parameters that every step has:"
    yield from _parameters({name: param for name, param in parameters.items() if name in common})


def _fact(name: str, text: str) -> Iterator[str]:
    if text:
        width = max(shutil.get_terminal_size().columns, 60)
        yield textwrap.fill(text, width, initial_indent=f"{name:<12}", subsequent_indent=" " * 12)


def _reference_types(cls: Any) -> list[str]:
    """Types of a step, or those of all sub-steps."""
    steps = getattr(cls, "step_defs", None)
    if steps:
        return sorted({name for step in steps.values() for name in _reference_types(step)})
    return list(cls.reference_file_types or ())


def _parameters(params: Mapping[str, Param[Any]]) -> Iterator[str]:
    width = max(shutil.get_terminal_size().columns, 60)
    for name, param in params.items():
        yield f"  {name} : {_type(param)}{_default(param)}"
        yield from textwrap.wrap(param.doc, width - 6, initial_indent=" " * 6, subsequent_indent=" " * 6)
        yield from (f"        {choice!r}: {text}" for choice, text in param.choice_help.items() if text)


def _type(param: Param[Any]) -> str:
    """Type of the values, their limits and unit."""
    if param.choices:
        return " | ".join(repr(choice) for choice in param.choices)
    name = {"input_file": "file", "output_file": "file", "string_or_datamodel": "file or model", "datamodel": "model"}
    text = name.get(param.kind or "") or type_name(param)
    limits = [(">=", param.ge), (">", param.gt), ("<=", param.le), ("<", param.lt)]
    text += "".join(f" {sign} {limit:g}" for sign, limit in limits if limit is not None)
    return f"{text} [{param.unit}]" if param.unit else text


def _default(param: Param[Any]) -> str:
    return ", required" if param.required else f" = {param.default!r}"


def inputs_and_result(cls: type) -> tuple[str, str]:
    """Types of the arguments and of the result of ``process``, as its docstring gives them; empty where it does not.

    Returns
    -------
    takes, gives : str
        E.g. ``input_model: RampModel or str`` and ``RampModel``.
    """
    sections = _sections(inspect.getdoc(getattr(cls, "process", None)) or "")
    names = [line.replace(" : ", ": ") for line in sections.get("Parameters", ()) if " : " in line and line[0] != " "]
    results = [line for line in sections.get("Returns", ()) if line and line[0] != " "]
    return "; ".join(names), "; ".join(results)


def _sections(text: str) -> dict[str, list[str]]:
    """Sections of a numpydoc text: a title, underlined, and the lines below."""
    sections: dict[str, list[str]] = {}
    lines = text.splitlines()
    current: list[str] = []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line and below and set(below) == {"-"}:
            current = sections[line] = []
        elif line and set(line) != {"-"}:
            current.append(line)
    return sections
