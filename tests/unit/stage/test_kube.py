import json
import subprocess
import sys
import time

import pytest

from support.stage.errors import StageError
from support.stage.kube import Json, PodWatch, documents


def _event(kind: str, name: str) -> Json:
    return {"type": kind, "object": {"metadata": {"name": name}}}


def _watch(*events: Json) -> PodWatch:
    text = "No resources found\n" + "".join(json.dumps(event) + "\n" for event in events)
    process = subprocess.Popen(
        [sys.executable, "-c", f"print({text!r}, flush=True); import signal; signal.pause()"],
        stdout=subprocess.PIPE,
        text=True,
    )
    return PodWatch(process)


def test_documents_are_told_apart_and_other_lines_are_passed_over() -> None:
    lines = ["warning: x\n", '{"a": {"b": 1}}\n', "\n", "{}\n"]
    assert list(documents(iter(lines))) == [{"a": {"b": 1}}, {}]


def test_a_watch_knows_which_pods_are_there() -> None:
    watch = _watch(_event("ADDED", "a"), _event("ADDED", "b"), _event("MODIFIED", "a"), _event("DELETED", "b"))
    watch.wait("DELETED", since=0, seconds=10)
    assert [pod["metadata"]["name"] for pod in watch.pods()] == ["a"]
    watch.close()


def test_a_watch_in_vain_says_so() -> None:
    watch = _watch(_event("ADDED", "a"))
    watch.wait("ADDED", since=0, seconds=10)
    with pytest.raises(StageError, match="no pod was ADDED"):
        watch.wait("ADDED", since=time.monotonic(), seconds=0.05)
    watch.close()
