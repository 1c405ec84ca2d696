"""Options and positional arguments of ``strun``, in any order, before and after the class of the step is known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["BUILT_IN", "Arguments", "OptionKind", "UsageError", "find_step", "parse_arguments"]

_NEGATIVE_NUMBER = re.compile(r"^-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?(,|$)|^-(inf|nan)$")


class UsageError(Exception):
    """The command line cannot be understood; exit code 2."""


class _Unrecognized(UsageError):
    """One argument that means nothing, with what may have been meant."""


@dataclass(frozen=True)
class OptionKind:
    """How an option is written.

    Attributes
    ----------
    metavar : str
        Name of its value in the help; "" for a flag.
    help : str
        What it does.
    boolean : bool
        A parameter that may be given without a value, meaning true.
    choices : tuple of str
        Values allowed for an option of ``strun``; those of a parameter, for completion.
    native : bool
        An option of ``strun`` that gives way to a parameter of the same name.
    """

    metavar: str = ""
    help: str = ""
    boolean: bool = False
    choices: tuple[str, ...] = ()
    native: bool = False


BUILT_IN: dict[str, OptionKind] = {
    "help": OptionKind(help="Show this help and exit (-h)"),
    "version": OptionKind(help="Show the versions of stpipe and of the step packages and exit"),
    "verbose": OptionKind(help="Log everything, DEBUG messages too; show tracebacks (-v)"),
    "log-level": OptionKind("LEVEL", "Log messages of this level and above (default: INFO)"),
    "log-file": OptionKind("FILE", "Log to this file too"),
    "log-stream": OptionKind("STREAM", "Log to stderr (default), stdout or null"),
    "logcfg": OptionKind("FILE", "Logging configuration file (deprecated)"),
    "save-parameters": OptionKind("FILE", "Write the parameters to this ASDF file, then run"),
    "disable-crds-steppars": OptionKind(help="Do not get parameters from CRDS"),
    "debug": OptionKind(help="On an error, open the debugger where it happened"),
    "explain": OptionKind(help="Print every parameter, its value and who set it; run nothing", native=True),
    "dry-run": OptionKind(
        help="Print the steps in order, their references and the files that would be written; run nothing", native=True
    ),
    "progress": OptionKind(
        "{auto,plain,none}",
        "Show how far the run is: bars in a terminal and lines in a log (auto, the default), lines, or nothing",
        choices=("auto", "plain", "none"),
        native=True,
    ),
    "quiet": OptionKind(help="Show only warnings and errors, and no progress", native=True),
    "json-log": OptionKind(help="Log in JSON, one object per line, with the events of the run", native=True),
}
_BOOLEAN_WORDS = frozenset({"true", "on", "1", "yes", "false", "off", "0", "no"})
_SHORT = {"-h": "help", "-v": "verbose"}


@dataclass
class Arguments:
    """What the command line says.

    Attributes
    ----------
    built_in : dict of str to str or True
        Options of ``strun`` itself.
    parameters : dict of str to (str or True)
        Texts of parameters by dotted name; True for a flag.
    positional : list of str
        Inputs.
    """

    built_in: dict[str, str | bool] = field(default_factory=dict)
    parameters: dict[str, str | bool] = field(default_factory=dict)
    positional: list[str] = field(default_factory=list)


def find_step(argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """Split off the step, which is the first argument that is neither an option nor the value of a known one.

    Returns
    -------
    step : str or None
        Text of the step.
    rest : list of str
        The other arguments.
    """
    skip = False
    for position, token in enumerate(argv):
        if skip:
            skip = False
        elif token == "--":
            rest = list(argv)
            return (rest.pop(position + 1), rest) if position + 1 < len(rest) else (None, rest)
        elif token.startswith("--"):
            matches = [name for name in BUILT_IN if name.startswith(token[2:])] if "=" not in token else []
            skip = (token[2:] in BUILT_IN or len(matches) == 1) and bool(BUILT_IN[_exact(token[2:], matches)].metavar)
        elif not token.startswith("-") or token == "-":
            return token, [*argv[:position], *argv[position + 1 :]]
    return None, list(argv)


def _exact(name: str, matches: list[str]) -> str:
    return name if name in matches else matches[0]


def parse_arguments(argv: Sequence[str], parameters: Mapping[str, OptionKind]) -> Arguments:
    """Sort arguments into options of ``strun``, parameters of the step, and inputs.

    Parameters
    ----------
    argv : sequence of str
        Arguments without the step.
    parameters : mapping of str to OptionKind
        Parameters of the step by dotted name (``steps.jump.skip``).

    Raises
    ------
    UsageError
        Unknown options (all of them are named), an ambiguous one, or a value is missing.
    """
    found = Arguments()
    tokens = list(argv)
    unrecognized = []
    while tokens:
        token = tokens.pop(0)
        if token == "--":
            found.positional += tokens
            break
        if token in _SHORT:
            found.built_in[_SHORT[token]] = True
        elif token.startswith("--"):
            try:
                _take_option(token[2:], tokens, parameters, found)
            except _Unrecognized as error:
                unrecognized.append(str(error))
        elif token.startswith("-") and len(token) > 1 and not _NEGATIVE_NUMBER.match(token):
            unrecognized.append(token)
        else:
            found.positional.append(token)
    if unrecognized:
        raise UsageError(f"unrecognized arguments: {', '.join(unrecognized)}")
    return found


def _take_option(text: str, tokens: list[str], parameters: Mapping[str, OptionKind], found: Arguments) -> None:
    """Store one option, taking its value from the following tokens where it has none of its own."""
    name, equals, value = text.partition("=")
    name = _full_name(name, parameters)
    built_in = name not in parameters
    kind = BUILT_IN[name] if built_in else parameters[name]
    target = found.built_in if built_in else found.parameters
    if equals:
        if built_in and not kind.metavar:
            raise UsageError(f"argument --{name}: takes no value, but {value!r} was given")
        target[name] = value
    elif kind.boolean:
        target[name] = tokens.pop(0) if tokens and tokens[0].strip().lower() in _BOOLEAN_WORDS else True
    elif kind.metavar:
        if not tokens or (tokens[0].startswith("-") and len(tokens[0]) > 1 and not _NEGATIVE_NUMBER.match(tokens[0])):
            raise UsageError(f"argument --{name}: expected one argument, as in --{name}={kind.metavar}")
        target[name] = tokens.pop(0)
    else:
        target[name] = True
    if built_in and kind.choices and target[name] not in kind.choices:
        raise UsageError(f"argument --{name}: {target[name]!r} is none of {', '.join(kind.choices)}")


def _full_name(name: str, parameters: Mapping[str, OptionKind]) -> str:
    """Name that an option is or abbreviates; exact names win, those of parameters first."""
    if name in parameters or name in BUILT_IN:
        return name
    matches = [full for full in (*parameters, *BUILT_IN) if full.startswith(name)] if name else []
    own = [full for full in matches if not full.startswith("steps.")] if not name.startswith("steps") else []
    if len(own or matches) == 1:
        return (own or matches)[0]
    if matches:
        choices = ", ".join(f"--{full}" for full in matches[:6]) + (", …" if len(matches) > 6 else "")
        raise UsageError(f"ambiguous option: --{name} could match {choices}")
    raise _Unrecognized(f"--{name}{_suggestion(name, parameters)}")


def _suggestion(name: str, parameters: Mapping[str, OptionKind]) -> str:
    import difflib

    candidates = [*parameters, *BUILT_IN]
    near = _near_in_step(name, parameters) or difflib.get_close_matches(name, candidates, n=3, cutoff=0.6)
    near += [full for full in candidates if full.rpartition(".")[2] == name and full not in near][:3]
    return f" (did you mean {' or '.join(f'--{full}' for full in near)}?)" if near else ""


def _near_in_step(name: str, parameters: Mapping[str, OptionKind]) -> list[str]:
    """Near names of a parameter of a sub-step, whose key is the nearest there is; empty where there is none."""
    import difflib

    if not name.startswith("steps.") or name.count(".") < 2:
        return []
    _, key, parameter = name.split(".", 2)
    keys = list(dict.fromkeys(full.split(".")[1] for full in parameters if full.startswith("steps.")))
    for nearest in difflib.get_close_matches(key, keys, n=1):
        known = [full for full in parameters if full.startswith(f"steps.{nearest}.")]
        meant = f"steps.{nearest}.{parameter}"
        return [meant] if meant in known else difflib.get_close_matches(meant, known, n=1)
    return []
