"""The simulated server, looked at once a second: its requests, its runners, the steps of its jobs, its secrets."""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import httpx

from peers.peertube.client import JobSteps, SimulationClient, Statistics
from support.observer.records import JobStep, Sample

_EVERY_SECONDS = 1.0
# A long journal takes long to tell; the observer is to cost little beside what it observes.
_SHARE_OF_TIME = 20.0


class ObservedServer(Protocol):
    """What the observer needs of a simulated server; `support.stage.peertube.PeerTube` has it."""

    @property
    def password(self) -> str: ...

    @property
    def client(self) -> SimulationClient: ...


class ServerWatch:
    """Looks at one server until it is stopped; what cannot be read is looked at again a second later."""

    def __init__(self, server: ObservedServer) -> None:
        self._server = server
        self._samples: list[Sample] = []
        self._statistics: Statistics | None = None
        self._secrets: dict[str, str] = {"the administrator's password": server.password}

    async def run(self) -> None:
        while True:
            begin = time.monotonic()
            await self.look()
            await asyncio.sleep(max(_EVERY_SECONDS, _SHARE_OF_TIME * (time.monotonic() - begin)))

    async def look(self) -> None:
        """One sample, if the server answers."""
        try:
            told, runners, secrets = await asyncio.to_thread(self._ask)
        except (httpx.HTTPError, ValueError, KeyError):
            return  # a server that is down is what many tests are about
        except RuntimeError:
            return  # the test is done with its server, and has closed its client
        self._statistics = told
        self._secrets |= secrets
        self._samples.append(Sample(at=time.time(), requests=told.requests, runners=frozenset(runners)))

    def _ask(self) -> tuple[Statistics, list[str], dict[str, str]]:
        client = self._server.client
        # Their numbers move as tokens come and go; what tells two of them apart must not tell what they are.
        secrets = {f"{name} ({_mark(value)})": value for name, value in client.secrets().items()}
        return client.statistics(), client.registered(), secrets

    @property
    def samples(self) -> list[Sample]:
        return list(self._samples)

    @property
    def secrets(self) -> dict[str, str]:
        return dict(self._secrets)

    @property
    def steps(self) -> list[JobStep]:
        """The steps of all jobs, as last told, in order of time."""
        jobs = self._statistics.jobs if self._statistics else ()
        return sorted((_step(job, step) for job in jobs for step in job.history), key=lambda step: step.at)


def _mark(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:6]


def _step(job: JobSteps, step: Mapping[str, Any]) -> JobStep:
    return JobStep(
        at=datetime.fromisoformat(step["time"]).timestamp(),
        job=job.uuid,
        type=job.type,
        cause=step["cause"],
        before=step["before"],
        after=step["after"],
        runner=step["runner"],
    )
