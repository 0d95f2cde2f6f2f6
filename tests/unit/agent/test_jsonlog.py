import io
import json
import logging
from collections.abc import Iterator

import pytest

from runnerpool_agent.jsonlog import configure
from runnerpool_agent.redaction import Redactor


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield io.StringIO()
    root.handlers = handlers
    root.setLevel(level)


def test_a_record_is_one_line_of_json(stream: io.StringIO) -> None:
    configure(stream)
    logging.getLogger("test").warning("two\nlines, %d", 1)
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["message"] == "two\nlines, 1"
    assert entry["level"] == "warning"
    assert entry["logger"] == "test"
    assert entry["time"].endswith("+00:00")


def test_no_secret_gets_out_by_message_or_traceback(stream: io.StringIO) -> None:
    formatter = configure(stream)
    formatter.redact = Redactor(["hunter2"])
    try:
        int("hunter2 and ptrjt-1")
    except ValueError:
        logging.getLogger("test").exception("failed for ptrt-2")
    assert "Traceback" in stream.getvalue()
    for secret in ("hunter2", "ptrjt-1", "ptrt-2"):
        assert secret not in stream.getvalue()


def test_the_ping_every_ten_seconds_is_not_logged(stream: io.StringIO) -> None:
    configure(stream)
    logging.getLogger("httpx").info("HTTP Request: GET …")
    assert not stream.getvalue()
