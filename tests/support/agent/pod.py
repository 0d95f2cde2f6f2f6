"""A runner pod without Kubernetes: the agent as a plain process, its files where a pod would have them."""

import asyncio
import json
import os
import re
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx

from peers.plain_http import no_check

TOKEN = "ptrt-11111111-2222-4333-8444-555555555555"
_ROOT = Path(__file__).resolve().parents[3]
_EVERY_SECONDS = 0.1
_PORT = re.compile(r"serves on port (\d+)")


def agent_config(server: str = "http://127.0.0.1:9", **changes: Any) -> dict[str, Any]:
    """A valid `agent.json`."""
    return {
        "apiVersion": "agent.runnerpool.dev/v1",
        "server": {"url": server},
        "runner": {"name": "vod-1a2b3-7", "token": TOKEN, "description": "for tests"},
        "jobTypes": ["vod-web-video-transcoding", "vod-hls-transcoding"],
        "concurrency": 1,
        "ffmpeg": {"threads": 1, "nice": 10},
        "evictionGraceSeconds": 600,
    } | changes


class AgentProcess(Protocol):
    """What a pod uses of `asyncio.subprocess.Process`."""

    @property
    def stdout(self) -> asyncio.StreamReader | None: ...

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...

    def send_signal(self, number: signal.Signals, /) -> None: ...

    def kill(self) -> None: ...


Start = Callable[[Sequence[str], Mapping[str, str]], Awaitable[AgentProcess]]


async def start_anew(arguments: Sequence[str], environment: Mapping[str, str]) -> AgentProcess:
    """As the container does: a new interpreter."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "runnerpool_agent", *arguments),
        stdout=asyncio.subprocess.PIPE,
        env=environment,
        cwd=_ROOT,
        limit=1 << 20,
    )


class Pod:
    """The running agent: its log, its pages, its end."""

    def __init__(self, home: Path, process: AgentProcess, http: httpx.AsyncClient) -> None:
        self.home = home
        self.process = process
        self._http = http
        self.lines: list[str] = []
        self._port: int | None = None
        self._changed = asyncio.Condition()

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for raw in self.process.stdout:
            line = raw.decode().rstrip("\n")
            async with self._changed:
                self.lines.append(line)
                if match := _PORT.search(line):
                    self._port = int(match[1])
                self._changed.notify_all()

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    @property
    def messages(self) -> list[str]:
        return [json.loads(line)["message"] for line in self.lines]

    async def wait_for_line(self, text: str, times: int = 1, *, seconds: float = 20) -> None:
        def seen() -> bool:
            return sum(text in line for line in self.lines) >= times

        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(seen)
        except TimeoutError:
            raise AssertionError(f"no {text!r} in the log:\n{self.log}") from None

    async def get(self, page: str) -> httpx.Response:
        if self._port is None:
            await self.wait_for_line("serves on port")
        return await self._http.get(f"http://127.0.0.1:{self._port}/{page}")

    async def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.get("status")).json()
        return answer

    async def wait_for_status(self, met: Callable[[dict[str, Any]], bool], seconds: float = 20) -> dict[str, Any]:
        status: dict[str, Any] = {}
        try:
            async with asyncio.timeout(seconds):
                while not met(status := await self.status()):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(_EVERY_SECONDS)
        except TimeoutError:
            raise AssertionError(f"the status never became what was waited for: {status}\n{self.log}") from None
        return status

    async def wait_ready(self) -> None:
        await self.wait_for_status(lambda status: not status["probes"]["readiness"])

    def order(self, text: str) -> None:
        """What the kubelet does with the annotation: a new file in the old one's place."""
        new = self.home / "podinfo" / ".new"
        new.write_text(text, encoding="utf-8")
        new.rename(self.home / "podinfo" / "drain")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def exit_code(self, seconds: float = 30) -> int:
        try:
            async with asyncio.timeout(seconds):
                return await self.process.wait()
        except TimeoutError:
            raise AssertionError(f"the agent did not end; its log:\n{self.log}") from None

    @property
    def termination(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads((self.home / "termination-log").read_text(encoding="utf-8"))
        return message


@asynccontextmanager
async def running_pod(
    config: Mapping[str, Any],
    runner: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    scratch: Path | None = None,
    port: int | None = 0,
    start: Start = start_anew,
) -> AsyncIterator[Pod]:
    """Run the agent as `runnerpool-agent` does; what is left of it at the end is stopped."""
    # Not pytest's tmp_path: a socket's path may have 107 characters only.
    with tempfile.TemporaryDirectory(prefix="pod-") as folder:
        home = Path(folder)
        (home / "podinfo").mkdir()
        (home / "podinfo" / "drain").touch()
        (home / "agent.json").write_text(json.dumps(config), encoding="utf-8")
        arguments = [
            *("--port", str(port), "--config", str(home / "agent.json"), "--podinfo", str(home / "podinfo")),
            *("--scratch", str(scratch or home / "scratch"), "--termination-log", str(home / "termination-log")),
            *("--runner-command", shlex.join(map(str, runner))),
        ]
        process = await start(arguments, {**os.environ, **(environment or {})})
        async with _http() as http:
            pod = Pod(home, process, http)
            reading = asyncio.create_task(pod.read())
            try:
                yield pod
            finally:
                await _stop(pod)
                await reading


def _http() -> httpx.AsyncClient:
    """No connection is kept: an agent that ends would have to wait for it."""
    return httpx.AsyncClient(trust_env=False, verify=no_check(), limits=httpx.Limits(max_keepalive_connections=0))


async def _stop(pod: Pod) -> None:
    """Abort, so that the agent takes its runner with it; kill if it does not."""
    if pod.process.returncode is not None:
        return
    pod.order("abort")
    try:
        async with asyncio.timeout(25):
            await pod.process.wait()
    except TimeoutError:
        pod.process.kill()
        await pod.process.wait()
