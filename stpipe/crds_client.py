"""The calibration reference service: which reference files belong to an exposure, and where they are.

Answers come from the local CRDS cache, read by `stpipe.reference_rules` without the network and without importing
``crds``. The ``crds`` package is asked only for what the cache cannot answer: a context that is not named
literally while a server is set, files to download, rules beyond the usual ones, and the modes ``remote`` and ``s3``.
Every failure is a `ReferenceServiceError` that names the settings; ``crds`` never ends the process and never waits for
a server that does not answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import StpipeException
from stpipe.reference_rules import (
    Cache,
    MissingFileError,
    NoMatchError,
    RulesError,
    UnknownInstrumentError,
    UnsupportedRulesError,
    condition,
)

if TYPE_CHECKING:
    from stpipe._crds_service import CrdsError, ReferenceServiceError

__all__ = [
    "CrdsError",
    "LookupFailure",
    "ReferenceServiceError",
    "check_reference_open",
    "explain_settings",
    "get_context_used",
    "get_multiple_reference_paths",
    "get_override_name",
    "get_reference_file",
    "get_svn_version",
    "known_context",
    "look_up",
    "raise_failures",
    "reachable",
    "reference_uri_to_cache_path",
]

CONNECT_SECONDS = 3.0
_PROBE_VALID_SECONDS = 60.0
_probes: dict[str, tuple[float, bool]] = {}
_RULES = (".pmap", ".imap", ".rmap")
_SERVERLESS = ("serverless", "server-less")
_LATEST = ("latest", "{0}-latest", "{0}-operational")
_ONLY_CRDS = (
    "CRDS_PATH_SINGLE",
    "CRDS_MAPPATH",
    "CRDS_MAPPATH_SINGLE",
    "CRDS_REFPATH",
    "CRDS_REFPATH_SINGLE",
    "CRDS_CFGPATH",
    "CRDS_CFGPATH_SINGLE",
    "CRDS_CONFIG_URI",
    "CRDS_MAPPING_URI",
    "CRDS_REFERENCE_URI",
    "CRDS_PICKLE_URI",
    "CRDS_S3_ENABLED",
)
_NOT_FOUND = (
    "The rules have no file for these values of the exposure: check its keywords, choose rules with CRDS_CONTEXT, "
    "or give a file with --override_<type>."
)
_UNSET = ("", "none", "false", "0", "no")  # crds writes its defaults into the environment when it is imported
_CACHE_OPTIONS = ("CRDS_IGNORE_MAPPING_CHECKSUM", "CRDS_ALLOW_BAD_RULES", "CRDS_ALLOW_BAD_REFERENCES")
_caches: dict[tuple[object, ...], Cache] = {}


def __getattr__(name: str) -> object:
    """Give the two errors that need ``crds`` when they are first asked for."""
    if name in ("CrdsError", "ReferenceServiceError"):
        from stpipe import _crds_service

        return getattr(_crds_service, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class LookupFailure(StpipeException):
    """Why one reference could not be found; `ReferenceServiceError` derives from it and from the error of ``crds``.

    Attributes
    ----------
    not_found : bool
        True when the rules were read and have no such reference, False when the service could not be asked.
    reason : str
        The short text, without the settings.
    advice : str
        Which steps are concerned, and what can be done about it there.
    """

    def __init__(
        self, reason: str = "", *, not_found: bool = False, observatory: str = "jwst", advice: str = ""
    ) -> None:
        self.reason = reason
        self.not_found = not_found
        self.observatory = observatory
        self.advice = advice
        super().__init__(reason)

    def __str__(self) -> str:
        settings = _NOT_FOUND if self.not_found else explain_settings(self.observatory)
        return "\n".join(filter(None, (self.reason, self.advice, settings)))


@dataclass(frozen=True)
class Settings:
    """The environment that decides how references are found.

    Attributes
    ----------
    path, server, context : str
        ``CRDS_PATH`` (or the default of ``crds``), ``CRDS_SERVER_URL`` and ``CRDS_CONTEXT``; "" when unset.
    mode : str
        ``CRDS_MODE``: auto, local, remote or s3.
    only_crds : bool
        The cache is laid out in a way that only ``crds`` knows.
    """

    path: str
    server: str
    context: str
    mode: str
    only_crds: bool

    @classmethod
    def now(cls) -> Settings:
        """The settings in the environment at this moment."""
        get = os.environ.get
        server = get("CRDS_SERVER_URL", "")
        return cls(
            path=os.path.expanduser(get("CRDS_PATH") or os.path.join("~", "crds_cache")),
            server="" if any(word in server for word in _SERVERLESS) else server,
            context=get("CRDS_CONTEXT", "").strip(),
            mode=get("CRDS_MODE", "auto").strip().lower() or "auto",
            only_crds=any(get(name, "").lower() not in _UNSET for name in _ONLY_CRDS),
        )

    def cache(self, observatory: str) -> Cache:
        """Cache object of these settings, one per process."""
        true = ("1", "true", "yes", "on", "t", "y")
        ignore, bad_rules, bad_references = (os.environ.get(name, "").lower() in true for name in _CACHE_OPTIONS)
        key = (self.path, observatory, ignore, bad_rules, bad_references)
        if key not in _caches:
            _caches[key] = Cache(
                self.path,
                observatory,
                check_sums=not ignore,
                allow_bad_rules=bad_rules,
                allow_bad_references=bad_references,
            )
        return _caches[key]


def explain_settings(observatory: str = "jwst") -> str:
    """The CRDS settings in force and what to set, in a few lines for an error message."""
    get = os.environ.get
    path = get("CRDS_PATH")
    root = Settings.now().path
    state = "" if os.path.isdir(root) else ", which does not exist"
    shown = repr(path) + state if path else f"not set (then {root} is used{state})"
    server = get("CRDS_SERVER_URL")
    context = get("CRDS_CONTEXT")
    return (
        f"  CRDS_PATH = {shown}\n"
        f"  CRDS_SERVER_URL = {repr(server) if server else 'not set (no server is asked)'}\n"
        f"  CRDS_CONTEXT = {repr(context) if context else 'not set (the latest context is used)'}\n"
        "Set CRDS_PATH to a CRDS cache (a folder with config, mappings and references). To let missing files be "
        f"downloaded, set CRDS_SERVER_URL=https://{observatory}-crds.stsci.edu and be online. CRDS_CONTEXT chooses the "
        f"rules, e.g. {observatory}_1413.pmap. A single file can be given with --override_<type> instead."
    )


def reachable(url: str) -> bool:
    """Whether a CRDS server accepts connections; remembered for a minute, tried for three seconds at most."""
    if not url:
        return False
    if any(os.environ.get(name) for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY")):
        return True
    now = time.monotonic()
    known = _probes.get(url)
    if known is None or now - known[0] > _PROBE_VALID_SECONDS:
        known = (now, _connects(url))
        _probes[url] = known
    return known[1]


def _connects(url: str) -> bool:
    import socket
    from urllib.parse import urlsplit

    parts = urlsplit(url if "//" in url else f"https://{url}")
    try:
        port = parts.port or (80 if parts.scheme == "http" else 443)
        with socket.create_connection((parts.hostname or "", port), timeout=CONNECT_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def look_up(
    parameters: Mapping[str, object],
    reference_file_types: Iterable[str],
    observatory: str,
    *,
    context: str | None = None,
    download: bool = True,
) -> dict[str, str | LookupFailure]:
    """Best references of several types, each answered or refused by itself.

    Parameters
    ----------
    parameters : mapping of str to object
        ``meta.…`` names and values of the exposure; values that are no str, bool, int or float are left out.
    reference_file_types : iterable of str
        Types, any case.
    observatory : str
        ``"jwst"``.
    context : str, optional
        Context to use instead of the one in force.
    download : bool, optional
        False: fetch no reference; the path is then where it would be.

    Returns
    -------
    dict of str to (str or LookupFailure)
        Path, "N/A", or why there is none (not raised).
    """
    types = list(reference_file_types)
    if not types:
        return {}
    settings = Settings.now()
    conditioned = {
        str(name).upper(): condition(value)
        for name, value in parameters.items()
        if isinstance(value, str | bool | int | float)
    }
    if _local(settings, conditioned, observatory):
        answers, open_types = _ask_cache(settings, conditioned, types, observatory, context, download)
    else:
        answers, open_types = {}, types
    if open_types:
        answers.update(_ask_service(settings, dict(parameters), open_types, observatory, context, download))
    return {name: answers[name] for name in types}


def _local(settings: Settings, parameters: Mapping[str, str], observatory: str) -> bool:
    """Whether the rules may be read from the cache without ``crds``."""
    plain = settings.mode in ("auto", "local") and not settings.only_crds and observatory == "jwst"
    return plain and all(name.startswith("META.") for name in parameters)


def _ask_cache(
    settings: Settings,
    parameters: Mapping[str, str],
    types: list[str],
    observatory: str,
    context: str | None,
    download: bool,
) -> tuple[dict[str, str | LookupFailure], list[str]]:
    """Answers from the cache, and the types that ``crds`` has to be asked for."""
    cache = settings.cache(observatory)
    answers: dict[str, str | LookupFailure] = {}
    remaining: list[str] = []
    try:
        context = context or _context(settings, observatory)
    except RulesError as error:
        return {name: LookupFailure(_no_context(error), observatory=observatory) for name in types}, []
    for name in types:
        try:
            answers[name] = cache.best(context, parameters, name)
        except NoMatchError as error:
            answers[name] = LookupFailure(f"No {name} reference: {error}.", not_found=True)
        except UnsupportedRulesError:
            remaining.append(name)
        except MissingFileError as error:
            if reachable(settings.server):
                if download or error.path.endswith(_RULES):
                    remaining.append(name)
                else:
                    answers[name] = error.path
            else:
                reason = _missing(name, error, context)
                if settings.server:
                    reason += f" The server {settings.server} cannot be reached."
                answers[name] = LookupFailure(reason, observatory=observatory)
        except UnknownInstrumentError as error:
            answers[name] = LookupFailure(f"CRDS cannot answer: {error} (INSTRUME of the exposure).")
        except (RulesError, OSError) as error:
            answers[name] = LookupFailure(f"CRDS cannot answer for {name}: {error}.", observatory=observatory)
    return answers, remaining


def _missing(name: str, error: MissingFileError, context: str) -> str:
    file = os.path.basename(error.path)
    if file == context:
        return f"CRDS does not know the context {context!r}: {error}."
    return f"The {name} reference cannot be used: {file} is not in the CRDS cache (looked for {error.path})."


def _no_context(error: RulesError) -> str:
    return f"CRDS cannot be asked, because its context is not known: {error}."


def _context(settings: Settings, observatory: str) -> str:
    """Context in force; RulesError when it cannot be found out."""
    if settings.context.endswith(".pmap"):
        return settings.context
    latest = not settings.context or settings.context in {form.format(observatory) for form in _LATEST}
    if settings.only_crds or reachable(settings.server):
        from stpipe._crds_service import server_context

        name = server_context(settings, observatory)
        if name is not None:
            return name
    if not latest:
        raise RulesError(f"CRDS_CONTEXT={settings.context!r} can be translated by a CRDS server only")
    return settings.cache(observatory).latest_context()


def _ask_service(
    settings: Settings,
    parameters: dict[str, object],
    types: list[str],
    observatory: str,
    context: str | None,
    download: bool,
) -> dict[str, str | LookupFailure]:
    from stpipe._crds_service import ask

    return ask(settings, parameters, types, observatory, context, download)


def get_multiple_reference_paths(
    parameters: dict[str, Any], reference_file_types: Iterable[str], observatory: str
) -> dict[str, str]:
    """Best references of several types in one question.

    Parameters
    ----------
    parameters : dict
        Flat matching parameters of the exposure (``meta.instrument.name``, …).
    reference_file_types : iterable of str
        Wanted types.
    observatory : str
        ``"jwst"``.

    Returns
    -------
    dict of str to str
        Path or "N/A" for each type.

    Raises
    ------
    TypeError
        ``parameters`` is no dict.
    ReferenceServiceError
        One of the types cannot be answered; the text names all of them.
    """
    if not isinstance(parameters, dict):
        raise TypeError(f"First argument must be a dict of parameters, not {type(parameters).__name__}")
    answers = look_up(parameters, reference_file_types, observatory)
    raise_failures(answers)
    return {name: str(path) for name, path in answers.items()}


def raise_failures(answers: Mapping[str, str | LookupFailure], *, advice: str = "") -> None:
    """Raise one ReferenceServiceError for all failures among the answers of `look_up`."""
    failures = [answer for answer in answers.values() if isinstance(answer, LookupFailure)]
    if failures:
        raise _service_error(failures, advice)


def _service_error(failures: list[LookupFailure], advice: str = "") -> ReferenceServiceError:
    from stpipe._crds_service import ReferenceServiceError

    reasons = "\n".join(dict.fromkeys(failure.reason for failure in failures))
    not_found = all(failure.not_found for failure in failures)
    return ReferenceServiceError(reasons, not_found=not_found, observatory=failures[0].observatory, advice=advice)


def get_reference_file(parameters: dict[str, Any], reference_file_type: str, observatory: str) -> str:
    """Path of the best reference of one type, or "N/A"; see `get_multiple_reference_paths`."""
    return get_multiple_reference_paths(parameters, [reference_file_type], observatory)[reference_file_type]


def check_reference_open(refpath: str) -> str:
    """Return the path after opening the file; "N/A" and blank text pass.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    if refpath != "N/A" and refpath.strip() != "":
        with open(refpath, "rb"):
            pass
    return refpath


def get_override_name(reference_file_type: str) -> str:
    """Name of the parameter that overrides a type.

    Raises
    ------
    ValueError
        The type is no identifier.
    """
    if not reference_file_type.isidentifier():
        raise ValueError(f"{reference_file_type!r} is not a valid reference file type: it must be an identifier")
    return f"override_{reference_file_type}"


def get_context_used(observatory: str) -> str:
    """Name of the context in force (``jwst_1413.pmap``); ReferenceServiceError when it cannot be found out."""
    try:
        return _context(Settings.now(), observatory)
    except RulesError as error:
        raise _service_error([LookupFailure(_no_context(error), observatory=observatory)]) from error


def known_context(observatory: str) -> str | None:
    """Name of the context in force, or None when it cannot be found out."""
    try:
        return _context(Settings.now(), observatory)
    except RulesError:
        return None


def get_svn_version() -> str:
    """Version of the ``crds`` package (the name is historical)."""
    from importlib.metadata import version

    return version("crds")


def reference_uri_to_cache_path(reference_uri: str, observatory: str) -> str:
    """Path in the cache of ``crds://name``, whether the file is there or not.

    Raises
    ------
    CrdsError
        The text is no ``crds://`` URI.
    """
    if not reference_uri.startswith("crds://"):
        from stpipe._crds_service import CrdsError

        raise CrdsError(f"CRDS reference URIs start with 'crds://', not so {reference_uri!r}")
    name = os.path.basename(reference_uri)
    settings = Settings.now()
    if settings.only_crds:
        from stpipe._crds_service import locate_reference

        return locate_reference(settings, name, observatory)
    try:
        return settings.cache(observatory).reference_path(name)
    except MissingFileError as error:
        return error.path
