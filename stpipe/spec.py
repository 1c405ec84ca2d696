"""Spec texts, ``name = check(arguments)  # help`` line by line, compiled to `Param` objects and back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from stpipe.checks import CHECKS, LIST_CHECKS
from stpipe.exceptions import ParameterError
from stpipe.parameters import _CHECK_KINDS, _CHECK_TYPES, _SPEC_KINDS, Param
from stpipe.spec_text import CheckCall, Token, format_literal, parse_check_text, split_comment

__all__ = [
    "check_text",
    "fill_section",
    "help_text",
    "load_spec",
    "param_of_check",
    "parse_check",
    "parse_spec",
    "spec_text",
]

_LINE = re.compile(r"""\s*(?:"(?P<dq>[^"]+)"|'(?P<sq>[^']+)'|(?P<bare>[^'"=\s#\[][^=]*?))\s*=\s*(?P<value>.*)$""")
# "what it means {choice: help; choice: help}"; a unit after it is split off by Param.
_HELP = re.compile(r"(?P<doc>.*?)\s*\{(?P<choices>[^{}]*)\}(?P<unit>\s*\[[^\[\],]{1,40}\])?$", re.DOTALL)
_NUMBERS = frozenset({"integer", "float"})


def parse_spec(text: str, *, where: str) -> dict[str, Param[Any]]:
    """Compile a spec text.

    Parameters
    ----------
    text : str
        One parameter per line; lines that start with ``#`` are comments.
    where : str
        What the text belongs to, for messages.

    Returns
    -------
    dict
        Name to Param, in the order of the lines.

    Raises
    ------
    ParameterError
        With one line per line of the text that cannot be understood.
    """
    params: dict[str, Param[Any]] = {}
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            problems.append(f"{where}, line {number}: '{line.strip()}' is not of the form name = check(...)  # help")
            continue
        name = match["dq"] or match["sq"] or match["bare"]
        check, comment = split_comment(match["value"])
        try:
            params[name] = parse_check(check, name=name, comment=comment)
        except (ValueError, TypeError) as error:
            problems.append(f"{where}, line {number}: {error}")
    if problems:
        raise ParameterError("\n".join(problems))
    return params


def parse_check(check: str, *, name: str = "", comment: str = "") -> Param[Any]:
    """Compile one check text.

    Parameters
    ----------
    check : str
        E.g. ``float(default=4.0, min=0.0)``; the whole may be quoted.
    name : str, optional
        Name of the parameter.
    comment : str, optional
        Its help, with or without a leading ``#``.

    Raises
    ------
    ParameterError
        The check is unknown, has arguments it cannot have, or its default is not allowed.
    """
    text = _unquoted(check.strip())
    try:
        return _compile(parse_check_text(text), name, comment, text)
    except ParameterError:
        raise
    except (ValueError, TypeError) as error:
        raise ParameterError(f"Parameter '{name}': the check {text} cannot be understood: {error}") from error


def _unquoted(text: str) -> str:
    """Take the quotes off that a ConfigObj puts around a whole check with commas in it."""
    if len(text) > 6 and text[:3] == text[-3:] and text[:3] in ("'''", '"""'):
        return text[3:-3]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def _compile(call: CheckCall, name: str, comment: str, text: str) -> Param[Any]:
    if call.name not in CHECKS:
        from stpipe.parameters import near_hint

        raise ValueError(f"unknown check '{call.name}'{near_hint(call.name, CHECKS)}")
    kwargs = dict(call.kwargs)
    required = "default" not in kwargs
    literal = _scalar(kwargs.pop("literal", None)) == "True"
    default = None if required else _default(kwargs.pop("default"), call.name, literal)
    none_allowed = _scalar(kwargs.pop("none", None)) == "True"
    options = {**_arguments(call, kwargs), **_type_or_kind(call.name)}
    param: Param[Any] = Param(default, **_help_parts(comment, options), required=required, **options)
    param.name = name
    param.optional = param.optional or none_allowed
    return param.settle(text=text)


def _type_or_kind(check: str) -> dict[str, Any]:
    if check in _CHECK_KINDS:
        return {"kind": _CHECK_KINDS[check]}
    if check in _SPEC_KINDS:
        return {"kind": check}
    return {"type": str if check == "option" else _CHECK_TYPES[check]}


def _scalar(item: Token | list[Token] | None) -> str | None:
    if isinstance(item, list):
        raise ValueError("a list is not expected there")
    return None if item is None else item.value


def _default(item: Token | list[Token], check: str, literal: bool) -> Any:
    if isinstance(item, Token):
        return "" if item.value == "" and check not in LIST_CHECKS else item.value
    if literal:
        return [token.text if token.quoted else ast.literal_eval(token.text) for token in item]
    return [token.text for token in item]


def _arguments(call: CheckCall, kwargs: dict[str, Token | list[Token]]) -> dict[str, Any]:
    """Turn the arguments of a check into arguments of Param."""
    if call.name == "option":
        if kwargs:
            raise ValueError(f"unexpected argument {', '.join(kwargs)}")
        return {"choices": [token.text for token in call.args if isinstance(token, Token)]}
    if call.name == "mixed_list":
        parts = [token.text for token in call.args if isinstance(token, Token)]
        if unknown := [part for part in parts if part not in CHECKS]:
            raise ValueError(f"unknown check {', '.join(unknown)} in mixed_list")
        return {"parts": parts}
    named = dict(zip(("min", "max"), call.args, strict=False))
    if len(call.args) > 2:
        raise ValueError("at most min and max can be given by position")
    named.update(kwargs)
    return _bounds(call.name, named)


def _bounds(check: str, named: dict[str, Token | list[Token]]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    choices = named.pop("choices", None)
    if isinstance(choices, list):
        options["choices"] = [token.text if token.quoted else ast.literal_eval(token.text) for token in choices]
    number = int if check not in _NUMBERS else _number
    names = {"min": "ge", "max": "le", "above": "gt", "below": "lt"}
    if check not in _NUMBERS:
        names = {"min": "min_length", "max": "max_length"}
    for key, item in named.items():
        if key not in names or check in ("boolean", "pass", "ip_addr", *_CHECK_KINDS):
            raise ValueError(f"unexpected argument '{key}'")
        value = _scalar(item)
        if value is not None:
            options[names[key]] = number(value)
    return options


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _help_parts(comment: str, options: dict[str, Any]) -> dict[str, Any]:
    """Split a comment into the doc and the help of choices, which goes into ``options``."""
    text = " ".join(comment.strip().lstrip("#").split())
    match = _HELP.match(text)
    allowed = {str(choice): choice for choice in options.get("choices") or ()}
    helped = _choice_help(match["choices"], allowed) if match and allowed else {}
    if match is None or not helped:
        return {"doc": text}
    options["choices"] = {choice: helped.get(key, "") for key, choice in allowed.items()}
    return {"doc": match["doc"] + (match["unit"] or "")}


def _choice_help(text: str, names: Iterable[str]) -> dict[str, str]:
    """Take ``choice: help; choice: help`` apart; only the names of choices separate, so help may hold semicolons."""
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    pieces = re.split(rf"(?:^|; )({longest_first}): ", text)
    return {} if pieces[0] else dict(zip(pieces[1::2], pieces[2::2], strict=True))


def help_text(param: Param[Any]) -> str:
    """Return the help of a parameter in one line: ``doc {choice: help; …} [unit]``."""
    helped = "; ".join(f"{choice}: {text}" for choice, text in param.choice_help.items() if text)
    parts = [param.doc, f"{{{helped}}}" if helped else "", f"[{param.unit}]" if param.unit else ""]
    return " ".join(part for part in parts if part)


def check_text(param: Param[Any]) -> str:
    """Return the check of a parameter in the spec language."""
    check = param.check_name
    args: list[str] = []
    if check == "option":
        args += [format_literal(str(choice)) for choice in param.choices or ()]
    elif param.choices is not None:
        args.append(f"choices={format_literal(list(param.choices))}")
    args += [format_literal(part) for part in param.parts]
    args += _default_arguments(param)
    bounds = {"min": param.ge, "max": param.le, "above": param.gt, "below": param.lt}
    if check not in _NUMBERS:
        bounds = {"min": param.min_length, "max": param.max_length}
    args += [f"{key}={value!r}" for key, value in bounds.items() if value is not None]
    if param.optional and param.default is not None:
        args.append("none=True")
    return f"{check}({', '.join(args)})"


def _default_arguments(param: Param[Any]) -> Iterator[str]:
    if param.required:
        return
    yield f"default={format_literal(param.default)}"
    untyped = param.check_name in ("list", "tuple", "force_list", "mixed_list", "pass")
    if untyped and isinstance(param.default, list | tuple) and any(not isinstance(item, str) for item in param.default):
        yield "literal=True"


def spec_text(params: Mapping[str, Param[Any]]) -> str:
    """Write parameters as a spec text, one line each.

    Parameters
    ----------
    params : mapping
        Name to Param.

    Returns
    -------
    str
        Text that `parse_spec` compiles to equal parameters.
    """
    lines = []
    for name, param in params.items():
        text = help_text(param)
        lines.append(f"{name} = {param.check}{'  # ' + text if text else ''}\n")
    return "".join(lines)


@lru_cache(maxsize=1024)
def param_of_check(check: str) -> Param[Any]:
    """Return the nameless Param of a check text, compiled once per text."""
    return parse_check(check)


def load_spec(cls: type) -> Any:
    """Return the merged spec of a class as a ConfigObj: check texts, help as inline comments, sub-steps in sections.

    Parameters
    ----------
    cls : type
        A Step or Pipeline class.

    Returns
    -------
    configobj.ConfigObj
        Name to check text; a pipeline has a section ``steps`` with one section per sub-step.
    """
    from configobj import ConfigObj

    config = ConfigObj(interpolation=False)
    _fill_with_steps(config, cls)
    return config


def fill_section(section: Any, params: Mapping[str, Param[Any]]) -> None:
    """Put check texts into a ConfigObj section, with the help as inline comments.

    Parameters
    ----------
    section : configobj.Section
        Updated in place.
    params : mapping
        Name to Param.
    """
    for name, param in params.items():
        section[name] = param.check
        text = help_text(param)
        section.comments[name] = []
        section.inline_comments[name] = f"# {text}" if text else None


def _fill_with_steps(section: Any, cls: Any) -> None:
    from stpipe.declarations import declared_parameters

    fill_section(section, declared_parameters(cls))
    step_defs = getattr(cls, "step_defs", None)
    if not step_defs:
        return
    section["steps"] = {}
    for key, step_class in step_defs.items():
        section["steps"][key] = {}
        sub_section = section["steps"][key]
        _fill_with_steps(sub_section, step_class)
        for name, default in (("config_file", "None"), ("name", "''"), ("class", "''")):
            if name not in sub_section:
                sub_section[name] = f"string(default={default})"
