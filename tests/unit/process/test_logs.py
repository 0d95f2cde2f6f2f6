import json
import logging

import pytest

from runnerpool import logs


@pytest.fixture(autouse=True)
def restored_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_json_line_has_time_level_logger_and_message(capsys):
    logs.configure(level="info", as_json=True)

    logging.getLogger("runnerpool.x").warning("pool %s", "media/vod")

    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["logger"], line["msg"]) == ("WARNING", "runnerpool.x", "pool media/vod")
    assert line["ts"].startswith("20")


def test_a_text_line_is_for_people(capsys):
    logs.configure(level="info", as_json=False)

    logging.getLogger("runnerpool.x").info("starts")

    assert "INFO    runnerpool.x: starts" in capsys.readouterr().err


def test_lines_below_the_level_and_the_chatter_of_libraries_are_left_out(capsys):
    logs.configure(level="info", as_json=True)

    logging.getLogger("runnerpool.x").debug("hidden")
    logging.getLogger("httpx").info("HTTP Request: GET")

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("level", "name", "shown"), [("info", "kopf.x", 0), ("debug", "kopf.x", 1), ("info", "x", 1)])
def test_only_kopfs_own_stack_is_left_out_unless_somebody_looks_closely(capsys, level, name, shown):
    logs.configure(level=level, as_json=False)

    try:
        json.loads("<html>")
    except ValueError:
        logging.getLogger(name).exception("the watcher has failed")

    told = capsys.readouterr().err
    assert "the watcher has failed" in told
    assert told.count("Traceback") == shown
