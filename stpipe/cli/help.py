"""Help texts of ``strun``."""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stpipe.cli.arguments import BUILT_IN, OptionKind

if TYPE_CHECKING:
    from stpipe.parameters import Param
    from stpipe.step import Step

__all__ = ["general_help", "parameter_kinds", "prose", "remark", "step_help"]

_INDENT = " " * 28
_SHORT = {"help": "-h, ", "verbose": "-v, "}
_MARKS = re.compile(r"(`{1,2})([^`]+)\1")

GENERAL_HELP = """\
usage: strun [options] STEP [input ...]

Run a calibration step or pipeline on one or more inputs.

STEP is an alias (jump), a Step class (jwst.jump.JumpStep) or a parameter file (my_jump.asdf).
'stpipe list' shows the steps there are; 'strun STEP --help' or 'stpipe describe STEP' shows one with its parameters.
Parameters are given as --name=value, those of a step in a pipeline as --steps.STEP.name=value.
--explain tells who set each parameter, --dry-run what would be done; 'stpipe provenance FILE' what made a product.
'strun batch STEP inputs' runs it on each of many exposures, several at once; see 'strun batch --help'.
Tab completion: eval "$(stpipe completion bash)"  (also zsh, fish)
"""
EXAMPLES = """
examples:
  strun calwebb_detector1 jw01_uncal.fits --output_dir=out
  strun calwebb_detector1 jw01_uncal.fits --steps.jump.rejection_threshold=5 \\
        --steps.dark_current.skip
  strun jump jw01_ramp.fits --save-parameters my_jump.asdf

options:
"""


def general_help() -> str:
    """Help without a step: usage, how to list steps, examples, options."""
    lines = (textwrap.fill(line, _width(), subsequent_indent="  ") for line in GENERAL_HELP.splitlines())
    return "\n".join(lines) + "\n" + EXAMPLES + "".join(_built_in_options())


def step_help(name: str, cls: type[Step]) -> str:
    """Help of one step: what it does and every parameter, with those of sub-steps.

    Its own parameters come first. Parameters that every step has are told once; a sub-step only names them, but for
    those that differ.

    Parameters
    ----------
    name : str
        The step as the user named it.
    cls : type
        Its class.
    """
    return "".join(_step_help(name, cls))


def _step_help(name: str, cls: type[Step]) -> Iterator[str]:
    own, general = _own_and_general(cls)
    yield f"usage: strun [options] {name} [input ...]\n\n{prose(inspect.getdoc(cls) or cls.__name__)}\n\noptions:\n"
    yield from _built_in_options()
    yield f"\nparameters of {cls.__name__}:\n" if own else f"\n{cls.__name__} has no parameters of its own.\n"
    yield from _parameter_lines("", own)
    yield "\nparameters that every step has:\n"
    yield from _parameter_lines("", general)
    yield from _sub_step_parts("", cls, general)


def _own_and_general(cls: type[Step]) -> tuple[dict[str, Param], dict[str, Param]]:
    """Parameters that a class adds, and those that every step has."""
    from stpipe.step import Step as Base

    params, names = cls.declared_parameters(), Base.declared_parameters()
    own = {name: param for name, param in params.items() if name not in names}
    return own, {name: param for name, param in params.items() if name in names}


def _sub_step_parts(prefix: str, cls: type[Step], told: Mapping[str, Param]) -> Iterator[str]:
    for key, sub_class in getattr(cls, "step_defs", {}).items():
        yield f"\nparameters of step {key} ({sub_class.__name__}):\n"
        yield from _sub_step_lines(f"{prefix}steps.{key}.", sub_class, told)
        yield from _sub_step_parts(f"{prefix}steps.{key}.", sub_class, told)


def _sub_step_lines(prefix: str, cls: type[Step], told: Mapping[str, Param]) -> Iterator[str]:
    own, general = _own_and_general(cls)
    same = [name for name, param in general.items() if name != "skip" and _text_of(param) == _text_of(told[name])]
    yield from _parameter_lines(prefix, own)
    yield from _parameter_lines(prefix, {name: param for name, param in general.items() if name not in same})
    yield _option(f"--{prefix}config_file=FILE", "Parameter file of this step")
    names = ", ".join(f"--{prefix}{name}" for name in same)
    yield textwrap.fill(f"as above: {names}", _width(), initial_indent="  ", subsequent_indent="    ") + "\n"


def prose(text: str) -> str:
    """Fit a docstring to the terminal: paragraphs are filled anew, marks of code go."""
    paragraphs = _MARKS.sub(r"\2", text).split("\n\n")
    return "\n\n".join(
        part if any(line[:1] in " -=*|" for line in part.splitlines()) else textwrap.fill(part, _width())
        for part in paragraphs
    )


def _text_of(param: Param) -> str:
    choices = "; ".join(f"{choice}: {text}" for choice, text in param.choice_help.items() if text)
    return f"{param.doc}{f' ({choices})' if choices else ''}{remark(param)}"


def _width() -> int:
    return max(shutil.get_terminal_size().columns, 60)


def parameter_kinds(cls: type[Step], prefix: str = "") -> dict[str, OptionKind]:
    """Options that a step offers, by dotted name; sub-steps take ``config_file`` too."""
    kinds = {prefix + name: _kind(param) for name, param in cls.declared_parameters().items()}
    for key, sub_class in getattr(cls, "step_defs", {}).items():
        inner = f"{prefix}steps.{key}."
        kinds.update(parameter_kinds(sub_class, inner))
        kinds[f"{inner}config_file"] = OptionKind("FILE", "Parameter file of this step")
    return kinds


def _kind(param: Param) -> OptionKind:
    boolean = param.type is bool
    choices = ("true", "false") if boolean else tuple(map(str, param.choices or ()))
    return OptionKind("" if boolean else _metavar(param), param.doc, boolean=boolean, choices=choices)


def _metavar(param: Param) -> str:
    if param.choices:
        return "{" + ",".join(str(choice) for choice in param.choices) + "}"
    if param.kind:
        return {"input_file": "FILE", "output_file": "FILE"}.get(param.kind, "FILE")
    return getattr(param.type, "__name__", "value").upper()


def _built_in_options() -> Iterator[str]:
    for name, kind in BUILT_IN.items():
        value = f"={kind.metavar}" if kind.metavar else ""
        text = kind.help.replace(f" ({_SHORT[name].rstrip(', ')})", "") if name in _SHORT else kind.help
        yield _option(f"{_SHORT.get(name, '')}--{name}{value}", text)


def _parameter_lines(prefix: str, params: Mapping[str, Param]) -> Iterator[str]:
    for name, param in params.items():
        kind = _kind(param)
        value = "[=BOOL]" if kind.boolean else f"={kind.metavar}"
        yield _option(f"--{prefix}{name}{value}", _MARKS.sub(r"\2", _text_of(param)))


def remark(param: Param) -> str:
    """Unit, limits and default of a parameter, in brackets."""
    limits: list[tuple[str, Any]] = [(">=", param.ge), (">", param.gt), ("<=", param.le), ("<", param.lt)]
    remarks = [f"{sign} {limit}" for sign, limit in limits if limit is not None]
    remarks += [f"unit: {param.unit}"] if param.unit else []
    remarks.append(f"default: {param.default!r}" if isinstance(param.default, str) else f"default: {param.default}")
    return f" [{'; '.join(remarks)}]"


def _option(option: str, text: str) -> str:
    wrapped = textwrap.wrap(text, _width() - len(_INDENT)) or [""]
    head = f"  {option}"
    lines = [_INDENT + line for line in wrapped]
    if len(head) <= len(_INDENT) - 2:
        lines[0] = head.ljust(len(_INDENT)) + wrapped[0]
    else:
        lines.insert(0, head)
    return "\n".join(line.rstrip() for line in lines) + "\n"
