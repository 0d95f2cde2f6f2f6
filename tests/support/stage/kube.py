"""The cluster as its administrator sees it: reads over one connection, a live view of pods, orders by kubectl."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from support.cluster.backends import ClusterBackend
from support.stage.errors import StageError
from support.stage.waiting import until

Json = dict[str, Any]

AGENT_PORT = 8080
_START_SECONDS = 15.0


class KubeReader:
    """Reads of the API server.

    Args:
        http: a way to it with an administrator's rights; closed with this object.
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def find(self, path: str, **query: str) -> Json | None:
        """An object or a list; None where there is none, or where what answers for it is not there yet.

        Raises:
            StageError: the API server refuses.
        """
        try:
            answer = self._http.get(path, params=query)
        except httpx.TransportError:
            return None
        if answer.status_code in {404, 502, 503}:
            return None
        if answer.is_error:
            raise StageError(f"the API server answers {answer.status_code} to GET {path}: {answer.text[:300]}")
        document: Json = json.loads(answer.content)
        return document

    def items(self, path: str, **query: str) -> list[Json]:
        return list((self.find(path, **query) or {}).get("items") or [])

    def pods(self, namespace: str) -> list[Json]:
        return self.items(f"/api/v1/namespaces/{namespace}/pods")

    def secrets(self, namespace: str) -> list[Json]:
        return self.items(f"/api/v1/namespaces/{namespace}/secrets")

    def agent_status(self, namespace: str, pod: str) -> Json | None:
        """The agent's own report, `/status`; None while it does not answer."""
        return self.find(f"/api/v1/namespaces/{namespace}/pods/{pod}:{AGENT_PORT}/proxy/status")

    def close(self) -> None:
        self._http.close()


@contextmanager
def kube_http(cluster: ClusterBackend) -> Iterator[httpx.Client]:
    """The API server's plain HTTP, as administrator: `kubectl proxy` on a Unix socket that only its owner can open."""
    with tempfile.TemporaryDirectory(prefix="runnerpool-") as directory:
        socket = Path(directory) / "proxy.sock"
        process = kubectl_process(cluster, "proxy", f"--unix-socket={socket}")
        try:
            until(socket.exists, "the socket of kubectl proxy", seconds=_START_SECONDS)
            transport = httpx.HTTPTransport(uds=str(socket))
            with httpx.Client(transport=transport, base_url="http://localhost", timeout=10, trust_env=False) as http:
                yield http
        finally:
            end(process)


@contextmanager
def kube_reader(cluster: ClusterBackend) -> Iterator[KubeReader]:
    """Reads as administrator."""
    with kube_http(cluster) as http:
        yield KubeReader(http)


def kubectl_process(
    cluster: ClusterBackend, *arguments: str, output: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    """kubectl as a process that goes on; in a session of its own, so that Ctrl-C is for the demo alone."""
    environment = os.environ | cluster.environment()
    program = shutil.which("kubectl", path=environment["PATH"]) or "kubectl"
    return subprocess.Popen(
        [program, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output == subprocess.PIPE else subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class PodEvent:
    """What the API server told of a pod. `at`: when it was heard here, on the monotonic clock."""

    at: float
    kind: str
    pod: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.pod["metadata"]["name"])


class PodWatch:
    """All that happens to the pods of a namespace, from the moment the watch began."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._events: list[PodEvent] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="pod watch", daemon=True)
        self._thread.start()

    def events(self) -> list[PodEvent]:
        with self._changed:
            return list(self._events)

    def pods(self) -> list[Mapping[str, Any]]:
        """Those that are there now, oldest first."""
        present: dict[str, Mapping[str, Any]] = {}
        for event in self.events():
            present.pop(event.name, None) if event.kind == "DELETED" else present.update({event.name: event.pod})
        return list(present.values())

    def wait(self, kind: str, *, since: float, seconds: float) -> PodEvent:
        """The first event of a kind that was heard after a moment.

        Raises:
            StageError: it did not come.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                found = [event for event in self._events if event.kind == kind and event.at > since]
                if found:
                    return found[0]
                left = deadline - time.monotonic()
                if left <= 0:
                    raise StageError(f"no pod was {kind} within {seconds:.1f} s")
                self._changed.wait(left)

    def close(self) -> None:
        end_of_stream = self._process.stdout
        self._process.terminate()
        self._process.wait()
        self._thread.join(5)
        if end_of_stream is not None:
            end_of_stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for document in documents(self._process.stdout):
            event = PodEvent(at=time.monotonic(), kind=document["type"], pod=document["object"])
            with self._changed:
                self._events.append(event)
                self._changed.notify_all()


def documents(lines: Iterator[str] | Any) -> Iterator[Json]:
    """The JSON objects that kubectl prints one after the other, each on a line of its own."""
    for line in lines:
        if line.startswith("{"):
            yield json.loads(line)


@contextmanager
def pod_watch(cluster: ClusterBackend, namespace: str) -> Iterator[PodWatch]:
    """Hear of everything that happens to the namespace's pods while the block runs."""
    arguments = ("get", "pods", f"--namespace={namespace}", "--watch", "--output-watch-events", "--output=json")
    watch = PodWatch(kubectl_process(cluster, *arguments, output=subprocess.PIPE))
    try:
        yield watch
    finally:
        watch.close()
