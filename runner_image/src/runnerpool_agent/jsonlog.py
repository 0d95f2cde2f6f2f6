"""The agent's log: one JSON object a line on standard output, the runner's own lines among them."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from runnerpool_agent.redaction import Redactor

RUNNER_LOGGER = "peertube-runner"
"""Records of this logger are the runner's own lines, masked."""


class JsonFormatter(logging.Formatter):
    """One record, one line. The redactor has the last word, so a traceback can't carry a secret out either."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self.redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Time (RFC 3339, UTC), level, logger, message, and the traceback where there is one."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.redact(record.getMessage()),
        }
        if record.exc_info:
            entry["exception"] = self.redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


def configure(stream: TextIO | None = None, redact: Redactor | None = None) -> JsonFormatter:
    """Send every log record to `stream` (default: standard output); the formatter's redactor may be replaced later."""
    formatter = JsonFormatter(redact or Redactor())
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # httpx reports every request at INFO: a line every ten seconds, of which nobody reads one.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return formatter
