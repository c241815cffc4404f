"""The server below the routes. It reads heads and frames bodies, and says no to what is no HTTP before any route is
asked: 128 headers of 8,190 bytes each, and a first line of as much, are aiohttp's own limits (400)."""

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

LINGERING_SECONDS = 2.0
"""Who was told no in the middle of a body may go on so long, to read the answer; then the line is cut."""


def runner_of(app: web.Application, shutdown_timeout: float = 60.0) -> web.AppRunner:
    return web.AppRunner(
        app, access_log=None, logger=_LOG, lingering_time=LINGERING_SECONDS, shutdown_timeout=shutdown_timeout
    )


def _without_what_strangers_sent(record: logging.LogRecord) -> bool:
    """aiohttp logs what it cannot parse: the bytes, which may hold a password, and a stack trace, which is no use."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError | web.RequestPayloadError):
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        record.msg, record.args = "what came is not what it says it is: %s", (type(error).__name__,)
        record.exc_info = record.exc_text = None
    return True


_LOG = logging.getLogger(__name__)
_LOG.addFilter(_without_what_strangers_sent)
