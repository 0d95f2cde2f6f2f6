"""Logging: one line an event, JSON in the image, plain text for people at a terminal."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

# Their INFO lines tell about kopf and about every request, not about pools.
_NOISY = ("kopf", "aiohttp.access", "httpx", "httpcore", "asyncio")


def configure(*, level: str, as_json: bool) -> None:
    """Set the process's logging up: to stderr, from `level` (debug, info, warning, error) on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json_formatter() if as_json else _text_formatter())
    handler.addFilter(_without_kopfs_tracebacks)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns that signals are not its business in a thread, which is why it is in one.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)


def _without_kopfs_tracebacks(record: logging.LogRecord) -> bool:
    """Leave out the stack that kopf shows whenever a watch ends by a bad answer, unless at DEBUG.

    It tells nobody anything, and may come often.
    """
    if record.name.startswith("kopf.") and not logging.getLogger().isEnabledFor(logging.DEBUG):
        record.exc_info = record.exc_text = None
    return True


def _json_formatter() -> logging.Formatter:
    return JsonFormatter(
        "{asctime}{levelname}{name}{message}",
        style="{",
        rename_fields={"asctime": "ts", "levelname": "level", "name": "logger", "message": "msg"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )


def _text_formatter() -> logging.Formatter:
    return logging.Formatter("{asctime} {levelname:<7} {name}: {message}", style="{", datefmt="%H:%M:%S")
