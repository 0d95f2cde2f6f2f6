import base64
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TypeVar

from support.observer import etcd, procfs
from support.observer.records import Text

Told = TypeVar("Told")


def served(answer: Callable[[dict[str, object]], dict[str, object]], ask: Callable[[int], Told]) -> Told:
    """What is found while something answers in etcd's place."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer(order)).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the library's)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            return ask(server.server_port)
        finally:
            server.shutdown()
            thread.join()


def test_all_of_etcd_is_read_page_by_page_but_for_secrets() -> None:
    stored = {b"/registry/pods/a": b"1", b"/registry/secrets/a/b": b"hidden", b"/registry/zebras": b"2"}
    begins = []

    def page(order: dict[str, object]) -> dict[str, object]:
        begin = base64.b64decode(str(order["key"]))
        begins.append(begin)
        key = min(key for key in stored if key >= begin)
        pair = {"key": base64.b64encode(key).decode(), "value": base64.b64encode(stored[key]).decode()}
        return {"kvs": [pair], "more": key != max(stored)}

    found = served(page, etcd.outside_secrets)
    assert found == [
        Text(place="etcd key /registry/pods/a", content=b"/registry/pods/a\n1"),
        Text(place="etcd key /registry/zebras", content=b"/registry/zebras\n2"),
    ]
    assert begins == [b"\0", b"/registry/pods/a\0", b"/registry/secrets/a/b\0"]


def test_of_etcd_only_what_was_written_after_a_revision_is_asked_for() -> None:
    asked = []

    def nothing(order: dict[str, object]) -> dict[str, object]:
        asked.append(order["min_mod_revision"])
        return {}

    served(nothing, lambda port: etcd.outside_secrets(port, since=17))
    served(nothing, etcd.outside_secrets)
    assert asked == [18, 1]


def test_etcd_tells_the_number_of_its_last_write() -> None:
    def head(_: dict[str, object]) -> dict[str, object]:
        return {"header": {"revision": "17"}}

    assert served(head, etcd.newest_revision) == 17


def test_an_etcd_that_does_not_answer_has_nothing_to_tell() -> None:
    assert etcd.outside_secrets(1) == []
    assert etcd.newest_revision(1) == 0


def test_arguments_and_environments_of_processes_are_read_and_those_that_ended_are_left_out(tmp_path: Path) -> None:
    process = tmp_path / "17"
    process.mkdir()
    for name, content in (("comm", "sleep\n"), ("cmdline", "sleep\0001"), ("environ", "A=b")):
        (process / name).write_text(content)
    (tmp_path / "18").mkdir()
    (tmp_path / "self").mkdir()
    assert procfs.arguments_and_environments(tmp_path) == [
        Text(place="cmdline of process sleep", content=b"sleep\0001"),
        Text(place="environ of process sleep", content=b"A=b"),
    ]
