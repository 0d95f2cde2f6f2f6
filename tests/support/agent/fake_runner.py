"""A runner in a few lines, for the agent's unit tests: the official one's IPC frames and log lines, on command.

It does what a test tells it over the same IPC socket (`fake-…` calls); it never talks to a server. For everything that
matters end to end there is the stand-in runner (tests/peers/runner).
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

SERVER = "https://video.example.org"
_APP = "peertube-runner-nodejs/default"


def say(text: str, level: str = "INFO") -> None:
    print(f"[18:16:18.131] {level} ({os.getpid()}): {text}", flush=True)


class FakeRunner:
    """`ignores`: calls and signals that it takes no notice of, in FAKE_RUNNER_IGNORES."""

    def __init__(self) -> None:
        config = Path(os.environ["XDG_CONFIG_HOME"], _APP, "config.toml")
        self.settings = tomllib.loads(config.read_text(encoding="utf-8"))
        self.servers = self.settings["registeredInstances"]
        self.jobs: dict[str, str] = {}
        self.draining = False
        self.ignores = set(os.environ.get("FAKE_RUNNER_IGNORES", "").split(","))
        self.ended = asyncio.Event()

    async def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stop)
        socket = Path(os.environ["XDG_DATA_HOME"], _APP, "peertube-runner.sock")
        socket.parent.mkdir(parents=True, exist_ok=True)
        server = await asyncio.start_unix_server(self.serve, socket)
        say("Server is ready to process jobs")
        await self.ended.wait()
        server.close()

    def stop(self) -> None:
        if "SIGTERM" in self.ignores:
            return
        for uuid in self.jobs:
            say(f"Aborting job {uuid} on {SERVER} as the runner is stopping")
        self.ended.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(3) == b"IPC"
        try:
            while True:
                frame = await read_frame(reader)
                if frame["t"] == 0:
                    write_frame(writer, {"t": 0, "d": {"id": "fake", "compress": False, "messagepack": False}})
                elif frame["t"] == 2 and frame["d"]["type"] not in self.ignores:
                    # A message that nobody asked for comes first: a client must not take it for its answer.
                    write_frame(writer, {"t": 1, "d": "news"})
                    write_frame(writer, {"t": 3, "d": self.answer(frame["d"]), "n": frame["n"]})
        except asyncio.IncompleteReadError:
            writer.close()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        calls: dict[str, Callable[[], object]] = {
            "list-jobs": self.list_jobs,
            "list-registered": lambda: {"servers": [{"url": server["url"]} for server in self.servers]},
            "graceful-shutdown": self.drain,
            "fake-start": lambda: self.start(request["uuid"], request.get("job", "vod-hls-transcoding")),
            "fake-finish": lambda: self.finish(request["uuid"]),
            "fake-fail": lambda: self.fail(request["uuid"]),
            "fake-print": lambda: print(request["text"], flush=True),
            "fake-ignore": lambda: self.ignores.add(request["call"]),
            "fake-unregister": self.unregister,
            "fake-crash": lambda: os._exit(request.get("code", 0)),
            "fake-spawn": lambda: {"pid": subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL).pid},
        }
        call = calls.get(request["type"])
        if call is None:
            return {"success": False, "error": f"Unknown RPC call {request['type']}"}
        return {"success": True, "data": call()}

    def list_jobs(self) -> dict[str, Any]:
        return {
            "concurrency": self.settings["jobs"]["concurrency"],
            "processingJobs": [
                {
                    "serverUrl": SERVER,
                    "job": {
                        "type": job_type,
                        "startedAt": "2026-11-23T17:29:08.906Z",
                        "progress": 42,
                        "payload": {"input": {"videoFileUrl": f"{SERVER}/api/v1/runners/jobs/{uuid}/files/videos/x"}},
                    },
                }
                for uuid, job_type in self.jobs.items()
            ],
        }

    def start(self, uuid: str, job_type: str) -> None:
        self.jobs[uuid] = job_type
        say(f"[{SERVER}] Processing job of type {job_type}: {uuid}")

    def finish(self, uuid: str) -> None:
        say(f"[{SERVER}] Finished processing job of type {self.jobs.pop(uuid)}: {uuid}")
        self.leave_when_idle()

    def fail(self, uuid: str) -> None:
        del self.jobs[uuid]
        say("Cannot process job", "ERROR")
        self.leave_when_idle()

    def drain(self) -> None:
        say("Received graceful shutdown request")
        self.draining = True
        self.leave_when_idle()

    def leave_when_idle(self) -> None:
        if self.draining and not self.jobs:
            say("Shutting down the runner after graceful shutdown request")
            asyncio.get_running_loop().call_soon(self.ended.set)

    def unregister(self) -> None:
        say(f"Unregistering {SERVER} as the runner token {self.servers[0]['runnerToken']} is invalid", "ERROR")
        self.servers = []


async def read_frame(reader: asyncio.StreamReader) -> dict[str, Any]:
    size = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size = size * 128 + byte % 128
        if byte >= 128:
            frame: dict[str, Any] = json.loads(await reader.readexactly(size))
            return frame


def write_frame(writer: asyncio.StreamWriter, frame: dict[str, Any]) -> None:
    body = json.dumps(frame).encode()
    head = [len(body) % 128 + 128]
    rest = len(body) // 128
    while rest:
        head.insert(0, rest % 128)
        rest //= 128
    writer.write(bytes(head) + body)


if __name__ == "__main__":
    if "--version" in sys.argv:
        print(os.environ.get("FAKE_RUNNER_VERSION", "0.6.0"))
    else:
        asyncio.run(FakeRunner().run())
