"""Talks to the runner over its IPC socket: which jobs it has, whether it is still registered, and that it shall end."""

import asyncio
import re
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from runnerpool_agent import ipc_frames
from runnerpool_agent.ipc_frames import FrameType

TIMEOUT_SECONDS = 5.0
"""For one call, connecting included. The runner answers in milliseconds while its event loop turns."""

Moment = AbstractAsyncContextManager[None]

# A job's own UUID is not among the fields; it stands in the addresses of its payload.
_JOB_UUID = re.compile(r"/runners/jobs/([0-9a-fA-F-]{36})(?:/|$)")


class IpcError(Exception):
    """The runner did not answer, or not in words that the agent knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJob:
    """A job in hand, as the runner tells it. `progress`: percent, None where unknown; `uuid`: None for a live job."""

    type: str
    uuid: str | None
    progress: float | None
    started_at: str | None


class IpcClient:
    """One connection, kept; a new one after each failure. Calls are answered one at a time.

    Frames and calls: PeerTube's runner 0.6.0 (apps/peertube-runner/src/shared/ipc), the library net-ipc 2.2.
    """

    def __init__(self, socket: Path, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._socket = socket
        self._timeout = timeout_seconds
        self._numbers = count(1)
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def list_jobs(self) -> tuple[RunningJob, ...]:
        """The jobs in hand. Raises IpcError."""
        data = await self._call("list-jobs")
        jobs = data.get("processingJobs")
        if not isinstance(jobs, list):
            raise IpcError("the runner's list of jobs has an unknown form")
        return tuple(_job(entry) for entry in jobs)

    async def is_registered(self) -> bool:
        """Whether the runner still has its server; it drops it when the server refuses its token. Raises IpcError."""
        data = await self._call("list-registered")
        servers = data.get("servers")
        if not isinstance(servers, list):
            raise IpcError("the runner's list of servers has an unknown form")
        return bool(servers)

    async def graceful_shutdown(self, moment: Moment | None = None) -> None:
        """Tell the runner to take no more jobs and to exit after its last one; returns at once. Raises IpcError.

        It is told within `moment`, in which it need not answer; what that raises is raised, and it has not been told.
        """
        await self._call("graceful-shutdown", moment)

    async def close(self) -> None:
        """Drop the connection; the next call makes a new one."""
        if self._streams is None:
            return
        _, writer = self._streams
        self._streams = None
        writer.close()
        try:
            await writer.wait_closed()
        except OSError:
            return  # the runner was quicker

    async def _call(self, name: str, moment: Moment | None = None) -> dict[str, Any]:
        async with self._lock:
            try:
                async with asyncio.timeout(self._timeout):
                    return _data(name, await self._exchange(name, moment or nullcontext()))
            except (OSError, EOFError, ipc_frames.FrameError) as error:
                # EOFError: the runner hung up in mid-frame. TimeoutError is an OSError.
                await self.close()
                raise IpcError(f"{name}: {type(error).__name__} {error}".rstrip()) from error
            except (IpcError, asyncio.CancelledError):
                # An answer that comes too late must not be read as that of the next call.
                await self.close()
                raise

    async def _exchange(self, name: str, moment: Moment) -> dict[str, Any]:
        reader, writer = self._streams or await self._connect()
        number = str(next(self._numbers))
        async with moment:
            writer.write(ipc_frames.encode(FrameType.REQUEST, {"type": name}, number))
            await writer.drain()
        while True:
            frame = await ipc_frames.read(reader)
            if frame.get("t") == FrameType.RESPONSE and frame.get("n") == number:
                return frame

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = self._streams = await asyncio.open_unix_connection(self._socket)
        writer.write(ipc_frames.MAGIC + ipc_frames.encode(FrameType.HELLO, {}))
        await writer.drain()
        hello = await ipc_frames.read(reader)
        if hello.get("t") != FrameType.HELLO:
            raise IpcError("the runner did not say hello")
        return reader, writer


def _data(name: str, frame: dict[str, Any]) -> dict[str, Any]:
    reply = frame.get("d")
    if not isinstance(reply, dict) or reply.get("success") is not True:
        said = reply.get("error") if isinstance(reply, dict) else None
        raise IpcError(f"{name}: the runner refused ({said or 'no reason given'})")
    data = reply.get("data")
    return data if isinstance(data, dict) else {}


def _job(entry: Any) -> RunningJob:
    job = entry.get("job") if isinstance(entry, dict) else None
    if not isinstance(job, dict):
        raise IpcError("the runner's list of jobs has an entry of unknown form")
    progress, started = job.get("progress"), job.get("startedAt")
    return RunningJob(
        type=str(job.get("type")),
        uuid=_uuid(job.get("payload")),
        progress=float(progress) if isinstance(progress, int | float) else None,
        started_at=started if isinstance(started, str) else None,
    )


def _uuid(payload: Any) -> str | None:
    """The first job address anywhere in the payload; its shape differs by job type."""
    if isinstance(payload, str):
        match = _JOB_UUID.search(payload)
        return match[1] if match else None
    parts = payload.values() if isinstance(payload, dict) else payload if isinstance(payload, list) else ()
    return next((uuid for uuid in map(_uuid, parts) if uuid is not None), None)
