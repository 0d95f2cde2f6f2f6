"""A Prometheus server for as long as a test lasts, and questions to it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from support.cluster.processes import ProcessIdentity, start, stop
from support.prometheus.debian import programs
from support.stage.errors import StageError
from support.stage.operator_process import LOOPBACK, free_port
from support.stage.waiting import until

_START_SECONDS = 60.0
_STOP_GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    labels: Mapping[str, str]
    value: float


class Prometheus:
    """A running server."""

    def __init__(self, *, http: httpx.Client, process: ProcessIdentity, log: Path) -> None:
        self._http = http
        self._process = process
        self._log = log

    def ready(self) -> bool:
        if not self._process.alive:
            raise StageError(f"prometheus ended: {self.log()}")
        try:
            return self._http.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> list[Sample]:
        """The instant vector that an expression gives.

        Raises:
            StageError: it is no expression, or gives no vector.
        """
        answer = self._http.get("/api/v1/query", params={"query": expression}).json()
        if answer["status"] != "success" or answer["data"]["resultType"] != "vector":
            raise StageError(f"prometheus to {expression!r}: {json.dumps(answer)}")
        return [Sample(labels=item["metric"], value=float(item["value"][1])) for item in answer["data"]["result"]]

    def targets(self) -> list[dict[str, Any]]:
        """What is scraped, and what came of it, as the API tells it."""
        found: list[dict[str, Any]] = self._http.get("/api/v1/targets").json()["data"]["activeTargets"]
        return found

    def log(self) -> str:
        return self._log.read_text(errors="replace")


@contextmanager
def running_prometheus(config: Mapping[str, Any], directory: Path) -> Iterator[Prometheus]:
    """A server with this configuration, in which relative paths start at `directory`; it ends with the block."""
    file, port = directory / "prometheus.yaml", free_port()
    file.write_text(yaml.safe_dump(dict(config)))
    log = directory / "prometheus.log"
    command = [programs()["prometheus"], f"--config.file={file}", f"--storage.tsdb.path={directory / 'data'}"]
    command += [f"--web.listen-address={LOOPBACK}:{port}", "--log.level=warn"]
    process = start("prometheus", command, log=log, outlives_starter=False)
    try:
        with httpx.Client(base_url=f"http://{LOOPBACK}:{port}", trust_env=False, timeout=10) as http:
            server = Prometheus(http=http, process=process, log=log)
            until(server.ready, "a ready Prometheus", seconds=_START_SECONDS, evidence=server.log)
            yield server
    finally:
        stop(process, grace_seconds=_STOP_GRACE_SECONDS)
