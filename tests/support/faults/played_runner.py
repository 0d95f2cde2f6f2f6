"""The runner inside a played pod: it speaks the runner's side of the protocol with the server, and makes no video."""

import asyncio
import functools
import json
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp

from peers.peertube.completion import REQUIRED_FILES
from peers.peertube.profile import LIVE
from support.faults.script import FOREVER

_JOBS = "/api/v1/runners/jobs"
_ASK_EVERY_SECONDS = 0.3
_REPORT_EVERY_SECONDS = 1.0
_RUNNER_VERSION = "0.6.0"
_REJECTED = frozenset({408, 413})
_MAYBE_AWAY = frozenset({502, 504})
_SUFFIXES = {"videoFile": "mp4", "resolutionPlaylistFile": "m3u8", "storyboardFile": "jpg", "vttFile": "vtt"}


class Unregistered(Exception):
    """The server does not know this runner any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a pod's agent is told in `agent.json`."""

    url: str
    name: str
    token: str
    job_types: tuple[str, ...]
    concurrency: int
    authority: str | None

    @classmethod
    def parse(cls, text: bytes) -> "Orders":
        document = json.loads(text)
        return cls(
            url=document["server"]["url"],
            name=document["runner"]["name"],
            token=document["runner"]["token"],
            job_types=tuple(document["jobTypes"]),
            concurrency=int(document["concurrency"]),
            authority=document["server"].get("ca"),
        )

    def session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=_trust(self.authority), force_close=True)
        return aiohttp.ClientSession(self.url, connector=connector, timeout=aiohttp.ClientTimeout(total=30))


@functools.cache
def _trust(authority: str | None) -> ssl.SSLContext:
    """Kept, since reading the system's certificates takes 20 ms, and hundreds of pods are played."""
    return ssl.create_default_context(cadata=authority)


class PlayedRunner:
    """Takes jobs and completes them until it is told to take no more. A rejected upload alone does not stop it.

    Attributes:
        jobs: UUIDs of those in hand.
        taking: it takes jobs; set to False to drain.
        lost: the jobs that did not end well, as the agent's last message has them.
        rejected: the HTTP status with which a result was refused as too big or too slow; None if none was.
    """

    def __init__(self, orders: Orders, session: aiohttp.ClientSession, job_seconds: Callable[[], float]) -> None:
        self.jobs: dict[str, asyncio.Task[None]] = {}
        self.taking = True
        self.lost: list[dict[str, Any]] = []
        self.rejected: int | None = None
        self._rejected_at = 0.0
        self._orders = orders
        self._session = session
        self._job_seconds = job_seconds
        self._finish = asyncio.Event()
        self._tokens: dict[str, str] = {}
        self._began: dict[str, tuple[str, float]] = {}

    async def work(self) -> None:
        """Ask for jobs until cancelled.

        Raises:
            Unregistered: The server does not know the runner.
        """
        while True:
            if self.taking and len(self.jobs) < self._orders.concurrency:
                with suppress(aiohttp.ClientError, TimeoutError):
                    await self._ask()
            await asyncio.sleep(_ASK_EVERY_SECONDS)

    def finish(self) -> None:
        """End the jobs in hand now, and well."""
        self._finish.set()
        self._finish = asyncio.Event()

    async def hand_back(self) -> int:
        """Abort all jobs in hand; how many the server took back."""
        uuids = list(self.jobs)
        self.stop()
        returned = 0
        for uuid in uuids:
            taken = False
            with suppress(aiohttp.ClientError, TimeoutError):
                status, _ = await self._call(f"{_JOBS}/{uuid}/abort", uuid, reason="the runner ends")
                taken = status < 400
            self._lose(uuid, "handed_back" if taken else "lost")
            returned += taken
        return returned

    @property
    def has_older_jobs(self) -> bool:
        """Something in hand was there before the last rejected upload."""
        return any(self._began[uuid][1] < self._rejected_at for uuid in self.jobs)

    def stop(self) -> None:
        """Drop everything without a word, as a crash does."""
        self.taking = False
        for task in self.jobs.values():
            task.cancel()
        self.jobs.clear()

    def _lose(self, uuid: str, fate: str) -> None:
        job_type, since = self._began[uuid]
        seconds = round(asyncio.get_running_loop().time() - since)
        self.lost.append({"uuid": uuid, "type": job_type, "fate": fate, "seconds": seconds})

    async def _ask(self) -> None:
        types = list(self._orders.job_types)
        status, answer = await self._call(f"{_JOBS}/request", None, jobTypes=types, version=_RUNNER_VERSION)
        if status == 404:
            raise Unregistered
        for offer in answer.get("availableJobs", []):
            if len(self.jobs) >= self._orders.concurrency or not self.taking:
                return
            await self._take(offer["uuid"])

    async def _take(self, uuid: str) -> None:
        status, answer = await self._call(f"{_JOBS}/{uuid}/accept", None)
        if status >= 400:
            return  # another runner was quicker
        job = answer["job"]
        self._tokens[uuid] = job["jobToken"]
        self._began[uuid] = (job["type"], asyncio.get_running_loop().time())
        task = asyncio.create_task(self._carry_out(uuid, job["type"]), name=f"job {uuid}")
        self.jobs[uuid] = task
        task.add_done_callback(lambda _: self.jobs.pop(uuid, None))

    async def _carry_out(self, uuid: str, job_type: str) -> None:
        finish, seconds = self._finish, self._job_seconds()
        loop = asyncio.get_running_loop()
        begin = loop.time()
        while (left := begin + seconds - loop.time()) > 0 and not finish.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(finish.wait(), min(left, _REPORT_EVERY_SECONDS))
            progress = 50 if seconds == FOREVER else min(99, int(100 * (loop.time() - begin) / max(seconds, 0.001)))
            if not finish.is_set() and not await self._report(uuid, job_type, progress):
                return
        await self._deliver(uuid, job_type)

    async def _report(self, uuid: str, job_type: str, progress: int) -> bool:
        """False if the job is not ours any more."""
        fields = {"progress": str(progress)}
        files: dict[str, str] = {}
        if job_type == LIVE:
            fields = {"payload[type]": "add-chunk", "payload[videoChunkFilename]": "0-000001.ts"}
            files = {"payload[videoChunkFile]": "0-000001.ts"}
        try:
            return await self._post_form(f"{_JOBS}/{uuid}/update", uuid, fields, files) < 400
        except (aiohttp.ClientError, TimeoutError):
            return True  # the real one goes on when the server is away

    async def _deliver(self, uuid: str, job_type: str) -> None:
        files = {name: f"{uuid}.{_suffix(name)}" for name in REQUIRED_FILES.get(job_type, ())}
        with suppress(aiohttp.ClientError, TimeoutError):
            status = await self._post_form(f"{_JOBS}/{uuid}/success", uuid, {}, files)
            if status in _REJECTED:
                self.rejected, self._rejected_at = status, asyncio.get_running_loop().time()
            if status in _REJECTED | _MAYBE_AWAY:
                self._lose(uuid, "failed")
                await self._call(f"{_JOBS}/{uuid}/error", uuid, message=f"the result was refused with {status}")

    async def _call(self, path: str, uuid: str | None, **fields: Any) -> tuple[int, Mapping[str, Any]]:
        body = {"runnerToken": self._orders.token, **fields}
        if uuid is not None:
            body["jobToken"] = self._tokens[uuid]
        async with self._session.post(path, json=body) as answer:
            text = await answer.read()
            return answer.status, json.loads(text) if answer.status == 200 and text else {}

    async def _post_form(self, path: str, uuid: str, fields: Mapping[str, str], files: Mapping[str, str]) -> int:
        form = aiohttp.FormData(default_to_multipart=True)
        known = {"runnerToken": self._orders.token, "jobToken": self._tokens[uuid]}
        for name, value in {**known, **fields}.items():
            form.add_field(name, value)
        for name, filename in files.items():
            form.add_field(name, b"made by no encoder\n", filename=filename)
        async with self._session.post(path, data=form) as answer:
            await answer.read()
            return answer.status


def _suffix(field: str) -> str:
    """Of a file for a field such as `payload[videoFile]`."""
    return _SUFFIXES[field.removeprefix("payload[").removesuffix("]")]
