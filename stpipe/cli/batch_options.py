"""Options of ``strun batch`` and its help."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stpipe.cli.arguments import BUILT_IN, OptionKind, UsageError

if TYPE_CHECKING:
    from stpipe.batch import BatchOptions

__all__ = ["OPTIONS", "REFUSED", "batch_options", "help_text", "memory_of", "split_options"]

OPTIONS: dict[str, OptionKind] = {
    "jobs": OptionKind("N", "Exposures at once: a number, or quarter, half (default) or all of the cores (-j)"),
    "memory": OptionKind("SIZE", "Memory that they may take together, as 8GB or 500M (default: what is free)"),
    "timeout": OptionKind("SECONDS", "Stop an attempt at an exposure after this time"),
    "retries": OptionKind(
        "N", "Further attempts at an exposure that fails (default: one more if its worker process has died)"
    ),
    "resume": OptionKind(help="Leave out what is done and unchanged (input, parameters, references, versions)"),
    "retry-failed": OptionKind(
        help="Take only exposures that the manifest has as failed or stopped; without inputs, all of these"
    ),
    "fail-fast": OptionKind(help="Begin nothing more once an exposure has failed"),
    "in-order": OptionKind(help="Keep the order of the inputs, instead of the biggest first"),
    "dask": OptionKind("ADDRESS", "Work on a dask cluster, as tcp://head:8786, instead of this machine"),
    "dask-folder": OptionKind("DIR", "Folder that all dask workers see, for messages (default: --output_dir)"),
    "pattern": OptionKind("GLOB", "What to take of a folder (default: *_uncal.fits, or else all FITS and ASDF files)"),
}
REFUSED = ("explain", "debug", "save-parameters", "json-log", "logcfg")
_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*([kmgt]i?|)b?\s*", re.IGNORECASE)

HELP = """\
usage: strun batch [options] STEP input ... [--parameter=value ...]

Run a calibration step or pipeline on each of many exposures, several at once in processes of their own.

STEP is what it is for strun: an alias, a Step class or a parameter file. An input is a file, a glob, a folder (see
--pattern), an association (all of its members) or a list of names, one in a line (.txt, .lst) or as YAML.
Parameters are given as for strun; 'strun STEP --help' shows them. Products, the manifest (manifest.jsonl) and the
folder logs, with a log and, where it failed, a traceback of each exposure, are in --output_dir.

examples:
  strun batch calwebb_detector1 raw/*_uncal.fits --output_dir=out --jobs half
  strun batch calwebb_detector1 raw/ --output_dir=out --steps.jump.rejection_threshold=5 --resume
  strun batch calwebb_detector1 --output_dir=out --retry-failed --memory 16GB

exit code: 0 all are done, 1 an input or the step is not there, 2 some failed, 4 wrong parameters or two products of one
name, 254 stopped

options:
"""


def help_text() -> str:
    """Help of ``strun batch``."""
    from stpipe.cli.help import _option

    kinds = {**OPTIONS, **{name: kind for name, kind in BUILT_IN.items() if name not in REFUSED}}
    shorts = {"jobs": "-j, ", "help": "-h, ", "verbose": "-v, "}
    lines = []
    for name, kind in kinds.items():
        text = _HELP_HERE.get(name, kind.help)
        text = text.replace(f" ({shorts[name].rstrip(', ')})", "") if name in shorts else text
        lines.append(_option(f"{shorts.get(name, '')}--{name}{f'={kind.metavar}' if kind.metavar else ''}", text))
    return HELP + "".join(lines)


_HELP_HERE = {
    "dry-run": "Print what would be done for each exposure; run nothing",
    "verbose": "Show the log of all exposures, DEBUG messages too (-v)",
    "log-level": "Show log messages of this level and above (default: only those of the batch itself)",
    "progress": "Show bars in a terminal and a line per exposure elsewhere (auto, the default), lines, or nothing",
    "quiet": "Show only what failed, and no progress",
}


def split_options(argv: Sequence[str]) -> tuple[dict[str, str | bool], list[str]]:
    """Take the options of a batch out of a command line.

    Returns
    -------
    options : dict of str to str or True
        Those of `OPTIONS` that are given.
    rest : list of str
        The other arguments, in order.

    Raises
    ------
    UsageError
        A value is missing, or there is one that cannot be.
    """
    found: dict[str, str | bool] = {}
    rest: list[str] = []
    tokens = list(argv)
    while tokens:
        token = tokens.pop(0)
        if token == "--":
            return found, [*rest, token, *tokens]
        if token.startswith("-j") and not token.startswith("--"):
            value = token[2:].removeprefix("=")
            tokens, token = ([value, *tokens] if value else tokens), "--jobs"
        name, equals, text = token.removeprefix("--").partition("=")
        if not token.startswith("--") or name not in OPTIONS:
            rest.append(token)
            continue
        found[name] = _value(name, text if equals else None, tokens)
    return found, rest


def _value(name: str, text: str | None, tokens: list[str]) -> str | bool:
    metavar = OPTIONS[name].metavar
    if not metavar:
        if text is not None:
            raise UsageError(f"argument --{name}: takes no value, but {text!r} was given")
        return True
    if text is None:
        if not tokens or tokens[0].startswith("--"):
            raise UsageError(f"argument --{name}: expected one argument, as in --{name}={metavar}")
        text = tokens.pop(0)
    return text


def batch_options(own: Mapping[str, str | bool]) -> BatchOptions:
    """Return the options of a batch from their texts.

    Parameters
    ----------
    own : mapping of str to (str or True)
        As `split_options` gives them.

    Raises
    ------
    UsageError
        A text is no number, size or address.
    ParameterError, ValueError
        A value cannot be used.
    """
    from stpipe.batch import BatchOptions

    options = BatchOptions(
        jobs=str(own.get("jobs", "half")),
        memory=memory_of(str(own["memory"])) if "memory" in own else None,
        timeout=_number(own, "timeout", float),
        retries=_number(own, "retries", int),
        resume="resume" in own,
        retry_failed="retry-failed" in own,
        fail_fast="fail-fast" in own,
        in_order="in-order" in own,
        pattern=str(own["pattern"]) if "pattern" in own else None,
        dask=_dask(own),
        dask_folder=str(own["dask-folder"]) if "dask-folder" in own else None,
    )
    options.workers()
    options.policy()
    return options


def _dask(own: Mapping[str, str | bool]) -> str | None:
    """Return the address of a dask cluster, if one is given."""
    if "dask" not in own:
        if "dask-folder" in own:
            raise UsageError("argument --dask-folder: is for --dask=ADDRESS")
        return None
    address = str(own["dask"])
    if "://" not in address:
        raise UsageError(f"argument --dask: wants the address of a scheduler, as tcp://head:8786, not {address!r}")
    used = [f"--{name}" for name in ("jobs", "memory") if name in own]
    if used:
        raise UsageError(f"{', '.join(used)}: not with --dask; the cluster says how many and how much")
    return address


def _number(own: Mapping[str, str | bool], name: str, kind: Any) -> Any:
    if name not in own:
        return None
    try:
        return kind(own[name])
    except ValueError:
        raise UsageError(f"argument --{name}: {own[name]!r} is no number") from None


def memory_of(text: str) -> int:
    """Return the bytes of a text as ``8GB``, ``500M`` or ``1.5GiB``.

    Raises
    ------
    UsageError
        It is none.
    """
    found = _SIZE.fullmatch(text)
    size = int(float(found[1]) * _UNITS[found[2].lower()]) if found else 0
    if size < 1:
        raise UsageError(f"argument --memory: {text!r} is no size; write 8GB or 500M")
    return size
