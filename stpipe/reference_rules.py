"""The reference rules of a local CRDS cache, read without the ``crds`` package.

A context (``.pmap``) names one ``.imap`` per instrument, which names one ``.rmap`` per reference type. `Cache.best`
reads only the files that a question needs, once per process, and applies the matching rules of crds 14
(``crds.core.selectors``): every match case gets one point per parameter that matches, "N/A" counts nothing, equal cases
are merged, and the latest UseAfter date that is not after the exposure wins.

Importing ``crds`` takes half a second and its own look-up loads every rmap of the instrument; this takes milliseconds.
Whatever these rules do not cover raises `UnsupportedRulesError`, and `stpipe.crds_client` then asks ``crds`` itself.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Cache",
    "MissingFileError",
    "NoMatchError",
    "RulesError",
    "UnknownInstrumentError",
    "UnsupportedRulesError",
    "condition",
]

_NUMBER = re.compile(r"^([-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?|[+-]?[0-9]+\.)$")
_DATE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$")
_TIME_FRACTION = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d{1,6})?$")
_ESOTERIC = ("{", "(", "#", "BETWEEN", ">", "<")
_LATEST_CONTEXT = re.compile(r"""["']latest_context["']\s*:\s*["']([\w.-]+)["']""")
_OPERATIONAL_CONTEXT = re.compile(r"""["']operational_context["']\s*:\s*["']([\w.-]+)["']""")
_BAD_FILES = re.compile(r"""["']bad_files_list["']\s*:\s*(\[[^\]]*\])""")
_NO_REFERENCE = frozenset({"N/A", "TEMP_N/A", "n/a", "temp_n/a", "OMIT", "TEMP_OMIT", "omit"})
_UNSUPPORTED_HEADER = ("rmap_relevance", "rmap_omit", "parkey_relevance", "hooks", "comment_parkeys", "merge_overlaps")
_GENERIC = {"META.SUBARRAY.NAME": {"GENERIC": "N/A"}, "SUBARRAY": {"GENERIC": "N/A"}}


class RulesError(Exception):
    """The rules in the cache are damaged (syntax, check sum) or do not know the instrument or the type."""


class UnsupportedRulesError(RulesError):
    """The rules or the values use something that only ``crds`` can evaluate."""


class UnknownInstrumentError(RulesError):
    """The rules do not know the instrument of the exposure."""


class MissingFileError(RulesError):
    """A rules file or a reference is not in the cache.

    Attributes
    ----------
    path : str
        Where it was looked for.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is not in the cache")
        self.path = path


class NoMatchError(RulesError):
    """The rules have no reference of that type for these parameters."""


@dataclass(frozen=True)
class _ServerConfig:
    """What the server said last."""

    latest_context: str
    bad_files: frozenset[str]


@dataclass(frozen=True)
class _UseAfter:
    """Pairs of date and file name, ascending; the date "" means a file that does not depend on the date."""

    items: tuple[tuple[str, str], ...]

    @property
    def undated(self) -> bool:
        return self.items[:1] != () and self.items[0][0] == ""

    def choose(self, date: str) -> str | None:
        chosen = None
        for useafter, name in self.items:
            if useafter > date:
                break
            chosen = name
        return chosen


@dataclass(frozen=True)
class _Rules:
    """One parsed rmap: match keys, date keys, and the cases (one pattern per match key, then files by date)."""

    match_keys: tuple[str, ...]
    date_keys: tuple[str, ...]
    cases: tuple[tuple[tuple[str, ...], _UseAfter], ...]


def condition(value: object) -> str:
    """Value of a matching parameter as the rules spell it (``crds.core.utils.condition_value``)."""
    text = str(value).strip().upper()
    if _NUMBER.match(text):
        text = str(float(text))
    if text.startswith(("-2147483648.0", "()", "N/A", "NOT APPLICABLE")) or text == "NOT_APPLICABLE":
        return "N/A"
    return {"ANY": "*", "4294967295.0": "-1.0", "TRUE": "T", "FALSE": "F"}.get(text, text)


class Cache:
    """The CRDS cache of one observatory.

    Parameters
    ----------
    root : str
        What ``CRDS_PATH`` names.
    observatory : str
        ``"jwst"``.
    check_sums : bool
        Compare each rules file with its ``sha1sum``.
    allow_bad_rules, allow_bad_references : bool
        Use files that the server has called scientifically invalid; otherwise they are a RulesError.
    """

    def __init__(
        self,
        root: str,
        observatory: str,
        *,
        check_sums: bool = True,
        allow_bad_rules: bool = False,
        allow_bad_references: bool = False,
    ) -> None:
        self.root = root
        self.observatory = observatory
        self.check_sums = check_sums
        self.allow_bad_rules = allow_bad_rules
        self.allow_bad_references = allow_bad_references
        self._parsed: dict[str, tuple[tuple[int, int], Any]] = {}

    def latest_context(self) -> str:
        """Name of the context that the server last called the latest (``config/<observatory>/server_config``)."""
        return self._server_config().latest_context

    def bad_files(self) -> frozenset[str]:
        """Rules and references that the server last called scientifically invalid."""
        try:
            return self._server_config().bad_files
        except MissingFileError:
            return frozenset()

    def _server_config(self) -> _ServerConfig:
        return self._remembered(
            os.path.join(self.root, "config", self.observatory, "server_config"), _read_server_config
        )

    def best(self, context: str, parameters: Mapping[str, object], reference_type: str) -> str:
        """Path of the best reference of one type, or "N/A".

        Parameters
        ----------
        context : str
            ``jwst_1413.pmap``.
        parameters : mapping of str to simple values
            Upper-case ``META.…`` names and conditioned values (`condition`).
        reference_type : str
            ``dark``, ``pars-jumpstep``.

        Raises
        ------
        NoMatchError
            No such reference.
        MissingFileError
            Rules or reference not in the cache.
        UnsupportedRulesError
            Ask ``crds``.
        """
        instrument = str(parameters.get("META.INSTRUMENT.NAME", "UNDEFINED"))
        rules = self.rules(context, instrument, reference_type)
        if rules is None:
            return "N/A"
        name = _choose(rules, parameters)
        if name in _NO_REFERENCE:
            return "N/A"
        if not self.allow_bad_references and name in self.bad_files():
            raise RulesError(f"{name} is called scientifically invalid (CRDS_ALLOW_BAD_REFERENCES=1 would allow it)")
        return self.reference_path(name, instrument)

    def rules(self, context: str, instrument: str, reference_type: str) -> _Rules | None:
        """Parsed rmap of one type; None when the type is declared not applicable."""
        imap = self._selector(context).get(instrument.upper())
        if imap is None:
            raise UnknownInstrumentError(f"unknown instrument {instrument!r} for context {context!r}")
        if imap in _NO_REFERENCE:
            return None
        rmap = self._selector(imap).get(reference_type.upper())
        if rmap is None:
            raise NoMatchError(f"unknown reference type {reference_type!r} in {imap!r}")
        if rmap in _NO_REFERENCE:
            return None
        return self._remembered(self.mapping_path(rmap), self._read_rmap)

    def mapping_path(self, name: str) -> str:
        """Where a rules file is kept."""
        return os.path.join(self.root, "mappings", self.observatory, name)

    def reference_path(self, name: str, instrument: str = "") -> str:
        """Where a reference is kept; MissingFileError when it is not there."""
        folder = os.path.join(self.root, "references", self.observatory)
        guesses = [instrument.lower(), name.split("_")[1] if "_" in name else "", "system", ""]
        for guess in dict.fromkeys(guesses):
            path = os.path.join(folder, guess, name)
            if os.path.exists(path):
                return path
        for entry in os.scandir(folder) if os.path.isdir(folder) else ():
            path = os.path.join(entry.path, name)
            if os.path.exists(path):
                return path
        raise MissingFileError(os.path.join(folder, next(filter(None, guesses)), name))

    def _selector(self, name: str) -> dict[str, str]:
        return self._remembered(self.mapping_path(name), self._read_context)

    def _remembered(self, path: str, read: Any) -> Any:
        """Content of a file, read again only when the file has changed."""
        try:
            status = os.stat(path)
        except OSError as error:
            raise MissingFileError(path) from error
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._parsed.get(path)
        if known is None or known[0] != stamp:
            known = (stamp, read(path))
            self._parsed[path] = known
        return known[1]

    def _read_context(self, path: str) -> dict[str, str]:
        _, selector = self._read_mapping(path)
        if not isinstance(selector, ast.Dict):
            raise RulesError(f"{path}: the selector is no dictionary")
        return {key.upper(): value for key, value in ast.literal_eval(selector).items()}

    def _read_rmap(self, path: str) -> _Rules:
        header, selector = self._read_mapping(path)
        if any(name in header for name in _UNSUPPORTED_HEADER) or header.get("reffile_switch", "none") != "none":
            raise UnsupportedRulesError(f"{path}: rules with conditions")
        if header.get("reffile_required", "NONE").upper() == "NO":
            raise UnsupportedRulesError(f"{path}: rules with conditions")
        return _compile_rules(header, selector, path)

    def _read_mapping(self, path: str) -> tuple[dict[str, Any], ast.expr]:
        """Header and selector of a rules file."""
        if not self.allow_bad_rules and os.path.basename(path) in self.bad_files():
            raise RulesError(f"{path} is called scientifically invalid (CRDS_ALLOW_BAD_RULES=1 would allow it)")
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        try:
            sections = dict(_assignments(ast.parse(text)))
            header = ast.literal_eval(sections["header"])
            selector = sections["selector"]
        except (SyntaxError, ValueError, KeyError) as error:
            raise RulesError(f"{path} cannot be read: {error}") from error
        if self.check_sums:
            _check_sum(text, str(header.get("sha1sum", "")), path)
        return header, selector


def _read_server_config(path: str) -> _ServerConfig:
    """Two entries of a large file; it is a Python literal, of which only these are parsed."""
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    context = _LATEST_CONTEXT.search(text) or _OPERATIONAL_CONTEXT.search(text)
    bad_files = _BAD_FILES.search(text)
    if context is None:
        raise RulesError(f"{path} does not tell the latest context")
    return _ServerConfig(context[1], frozenset(ast.literal_eval(bad_files[1])) if bad_files else frozenset())


def _assignments(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in module.body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            raise ValueError("only 'header', 'selector' and 'comment' may be defined")
        yield node.targets[0].id, node.value


def _check_sum(text: str, expected: str, path: str) -> None:
    lines = "".join(line for line in text.splitlines(keepends=True) if "sha1sum" not in line)
    if hashlib.sha1(lines.encode("utf-8")).hexdigest() != expected:
        raise RulesError(f"{path}: its sha1sum does not match its content, the file is damaged or was edited")


def _compile_rules(header: Mapping[str, Any], selector: ast.expr, path: str) -> _Rules:
    parkey = header.get("parkey")
    if not (isinstance(parkey, tuple) and len(parkey) == 2 and all(isinstance(keys, tuple) for keys in parkey)):
        raise UnsupportedRulesError(f"{path}: parkey {parkey!r}")
    match_keys, date_keys = parkey
    if _called(selector) != "Match":
        raise UnsupportedRulesError(f"{path}: {_called(selector)}")
    raw: dict[Any, _UseAfter] = {}
    for key, choice in _dict_items(selector, path):
        raw[ast.literal_eval(key)] = _compile_choice(choice, path)
    _substitute(raw, match_keys, {**_GENERIC, **header.get("substitutions", {})})
    cases = tuple((_pattern(key, len(match_keys), path), dates) for key, dates in raw.items())
    if len({case[0] for case in cases}) != len(cases):
        raise UnsupportedRulesError(f"{path}: a match case appears twice")
    return _Rules(match_keys, date_keys, cases)


def _compile_choice(choice: ast.expr, path: str) -> _UseAfter:
    if isinstance(choice, ast.Constant) and isinstance(choice.value, str):
        return _UseAfter((("", choice.value),))
    if _called(choice) != "UseAfter":
        raise UnsupportedRulesError(f"{path}: {_called(choice)}")
    dated = [(ast.literal_eval(date), ast.literal_eval(name)) for date, name in _dict_items(choice, path)]
    if not all(isinstance(name, str) and _DATE.match(date) for date, name in dated):
        raise UnsupportedRulesError(f"{path}: a UseAfter date or file name")
    return _UseAfter(tuple(sorted(dict(dated).items())))


def _called(node: ast.expr) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else type(node).__name__


def _dict_items(node: ast.expr, path: str) -> Iterable[tuple[Any, Any]]:
    """Items of the one dictionary that a selector is called with."""
    if not (isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.args[0], ast.Dict)):
        raise RulesError(f"{path}: a selector takes one dictionary")
    return zip(node.args[0].keys, node.args[0].values)


def _substitute(cases: dict[Any, _UseAfter], match_keys: tuple[str, ...], table: Mapping[str, Any]) -> None:
    """Replace values in the match cases, in place (``GENERIC`` subarray means any)."""
    for index, name in enumerate(match_keys):
        for key in list(cases) if name in table else ():
            parts = list(key) if isinstance(key, tuple) else [key]
            replacement = table[name].get(parts[index]) if isinstance(parts[index], str) else None
            if replacement is not None:
                parts[index] = tuple(replacement) if isinstance(replacement, list) else replacement
                cases[tuple(parts) if isinstance(key, tuple) else parts[0]] = cases.pop(key)


def _pattern(key: object, length: int, path: str) -> tuple[str, ...]:
    """Conditioned match case: one text per match key, alternatives joined by ``|``."""
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) != length:
        raise RulesError(f"{path}: match case {key!r} has not {length} values")
    pattern = tuple(_condition_part(part) for part in parts)
    for part in pattern:
        if part.startswith(_ESOTERIC) or ("*" in part and part != "*") or part.startswith("NOT") and "|" in part:
            raise UnsupportedRulesError(f"{path}: match value {part!r}")
    return pattern


def _condition_part(part: object) -> str:
    if isinstance(part, list | tuple):
        return "|".join(condition(value) for value in part)
    if isinstance(part, str) and "|" in part:
        return "|".join(condition(value) for value in part.split("|") if value.strip())
    return condition(part)


def _choose(rules: _Rules, parameters: Mapping[str, object]) -> str:
    """Name of the best reference by the rules of one type."""
    values = [str(parameters.get(key, "UNDEFINED")) for key in rules.match_keys]
    if any(value.startswith(("NOT", *_ESOTERIC)) or value == "*" for value in values):
        raise UnsupportedRulesError(f"values {values!r}")
    by_weight: dict[int, list[_UseAfter]] = {}
    for pattern, dates in rules.cases:
        weight = _weight(pattern, values)
        if weight is not None:
            by_weight.setdefault(weight, []).append(dates)
    for weight in sorted(by_weight, reverse=True):
        files = _merge(by_weight[weight])
        name = files.choose("" if files.undated else _date(rules, parameters))
        if name is not None:
            return name
    if not by_weight:
        raise NoMatchError(f"no match for {dict(zip(rules.match_keys, values))}")
    raise NoMatchError(f"none is in use at {_date(rules, parameters)!r}")


def _weight(pattern: tuple[str, ...], values: list[str]) -> int | None:
    """Number of parameters that match; None when one of them excludes the case."""
    total = 0
    for part, value in zip(pattern, values):
        if part == "N/A" or value == "N/A":
            continue
        if part.startswith("NOT "):
            if part[4:].strip() == "N/A":
                continue
            if value == part[4:].strip():
                return None
        elif not (part in (value, "*") or ("|" in part and value in part.split("|"))):
            return None
        total += 1
    return total


def _merge(group: list[_UseAfter]) -> _UseAfter:
    """Files of cases that match equally well; of two with one date the greater name counts."""
    if len(group) == 1:
        return group[0]
    names = {dates.items[0][1] if dates.undated else "" for dates in group}
    if len(names) == 1 and "" not in names:
        return group[0]
    if names != {""}:
        raise RulesError(f"several files match equally well: {sorted(names)}")
    merged: dict[str, str] = {}
    for dates in group:
        for date, name in dates.items:
            merged[date] = max(name, merged.get(date, name))
    return _UseAfter(tuple(sorted(merged.items())))


def _date(rules: _Rules, parameters: Mapping[str, object]) -> str:
    """Date and time of the exposure as the rules spell them."""
    parts = [str(parameters.get(key, "UNDEFINED")) for key in rules.date_keys]
    if "UNDEFINED" in parts:
        raise NoMatchError(f"{' or '.join(rules.date_keys)} is not defined")
    match = _TIME_FRACTION.match(" ".join(parts))
    if match is None:
        raise UnsupportedRulesError(f"date {parts!r}")
    fraction = match[2] or ""
    return match[1] + (fraction.ljust(7, "0") if fraction.strip(".0") else "")
