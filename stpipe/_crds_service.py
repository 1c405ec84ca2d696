"""The ``crds`` package, asked quietly and without waiting for a server that is not there.

Importing this module imports ``crds`` (half a second); `stpipe.crds_client` does so only when the cache alone cannot
answer or an error has to be raised.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stpipe.crds_client import LookupFailure, reachable


def _drop(record: logging.LogRecord) -> bool:
    return False


_imported_before = "crds" in sys.modules
logging.getLogger("CRDS").addFilter(_drop)  # importing crds warns of servers that are not https
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from crds.core import log as crds_log
        from crds.core.exceptions import CrdsError
finally:
    logging.getLogger("CRDS").removeFilter(_drop)
if not _imported_before:
    crds_log.remove_console_handler()  # a library shows nothing by itself; run logs cover the CRDS logger

if TYPE_CHECKING:
    from stpipe.crds_client import Settings

__all__ = ["CrdsError", "ReferenceServiceError", "ask", "locate_reference", "server_context"]

log = logging.getLogger(__name__)

SERVERLESS_URL = "https://crds-serverless-mode.stsci.edu"
REPLY_SECONDS = "60"
_TIMEOUT = "CRDS_CLIENT_TIMEOUT_SECONDS"
_DEFAULT_TIMEOUT = "3600"  # of crds, which writes it into the environment
_asked_with: list[Any] = [None]
_lock = threading.RLock()


class ReferenceServiceError(LookupFailure, CrdsError):
    """CRDS cannot give the references; the text names CRDS_PATH, CRDS_SERVER_URL and CRDS_CONTEXT and what to set."""

    def __repr__(self) -> str:
        return f"ReferenceServiceError({self.reason!r})"


class _Listener(logging.Filter):
    """Keeps what ``crds`` would log as an error; passes the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []
        self.thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self.thread or record.levelno < logging.ERROR:
            return True
        self.errors.append(record.getMessage().strip())
        return False


@contextmanager
def _quiet(settings: Settings) -> Iterator[_Listener]:
    """Silence ``crds``, point it at the server (or at none) and make it forget answers for other settings."""
    from crds.client import api
    from crds.core import utils

    listener = _Listener()
    logger = crds_log.THE_LOGGER.logger
    timeout = os.environ.get(_TIMEOUT)
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.addFilter(listener)
        console = [handler for handler in logger.handlers if handler is crds_log.THE_LOGGER.console]
        silence = logging.NullHandler()  # without any handler Python would print warnings itself
        logger.addHandler(silence)
        for handler in console:
            logger.removeHandler(handler)
        try:
            if timeout in (None, _DEFAULT_TIMEOUT):
                os.environ[_TIMEOUT] = REPLY_SECONDS
            api.set_crds_server(settings.server if reachable(settings.server) else SERVERLESS_URL)
            state = (settings, reachable(settings.server))
            if _asked_with[0] != state:
                utils.clear_function_caches()
                _asked_with[0] = state
            yield listener
        finally:
            os.environ[_TIMEOUT] = timeout or _DEFAULT_TIMEOUT
            for handler in console:
                logger.addHandler(handler)
            logger.removeHandler(silence)
            logger.removeFilter(listener)


def ask(
    settings: Settings,
    parameters: dict[str, object],
    types: list[str],
    observatory: str,
    context: str | None,
    download: bool = True,
) -> dict[str, str | LookupFailure]:
    """Best references from ``crds``: paths, "N/A" or failures, as `stpipe.crds_client.look_up`."""
    with _quiet(settings) as listener:
        try:
            return _ask(parameters, types, observatory, context, download)
        except (Exception, SystemExit) as error:
            reason = _reason(error, listener, settings)
    return {name: LookupFailure(reason, observatory=observatory) for name in types}


def _ask(
    parameters: dict[str, object], types: list[str], observatory: str, context: str | None, download: bool
) -> dict[str, str | LookupFailure]:
    from crds.client import api
    from crds.core import config, heavy_client

    header = heavy_client.check_parameters(parameters)
    mode, final_context = heavy_client.get_processing_mode(observatory, context)
    if mode in ("local", "s3"):
        try:
            found = heavy_client.hv_best_references(final_context, header, types)
        except OSError:
            api.dump_mappings(final_context)
            found = heavy_client.hv_best_references(final_context, header, types)
    else:
        found = api.get_best_references(final_context, header, reftypes=types)
    if download:
        heavy_client.update_config_info(observatory)
    lowered = {str(name).lower(): name_or_reason for name, name_or_reason in found.items()}
    answers: dict[str, str | LookupFailure] = {}
    wanted: dict[str, str] = {}
    for name in types:
        answer = lowered.get(name.lower(), "N/A")
        if not isinstance(answer, str):
            answers[name] = LookupFailure(f"CRDS has several {name} references: {answer}.")
        elif answer.upper() in ("N/A", "NOT FOUND N/A"):
            answers[name] = "N/A"
        elif answer.startswith("NOT FOUND"):
            answers[name] = LookupFailure(f"No {name} reference:{answer[len('NOT FOUND') :]}.", not_found=True)
        else:
            wanted[name] = answer
    heavy_client.warn_bad_references(observatory, wanted)
    if not download:
        answers.update({name: str(config.locate_file(file, observatory)) for name, file in wanted.items()})
    elif wanted:
        answers.update(api.cache_references(final_context, wanted, parameters=header))
    return answers


def _reason(error: BaseException, listener: _Listener, settings: Settings) -> str:
    """Why ``crds`` failed, in one or two sentences."""
    texts = listener.errors if isinstance(error, SystemExit) else [str(error)]
    text = " ".join(" ".join(texts).replace("(FATAL)", "").split()) or type(error).__name__
    server = ""
    if settings.server and not reachable(settings.server):
        server = f" The server {settings.server} cannot be reached."
    return f"CRDS cannot answer: {text.rstrip('.')}.{server}"


def server_context(settings: Settings, observatory: str) -> str | None:
    """Context by the word of the server (or of ``crds`` for unusual caches); None when it cannot be asked."""
    if not settings.only_crds and not reachable(settings.server):
        return None
    from crds.core import heavy_client

    with _quiet(settings):
        try:
            return str(heavy_client.get_context_name(observatory))
        except (Exception, SystemExit) as error:
            log.debug("CRDS does not tell its context: %s", error)
            return None


def locate_reference(settings: Settings, name: str, observatory: str) -> str:
    """Path of a reference in a cache that is laid out in an unusual way."""
    from crds.core import config

    with _quiet(settings):
        return str(config.locate_file(name, observatory))
