"""A lifecycle with a runner that is a few attributes, and a world around it that does as the test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from runnerpool_agent.causes import LossCause, RestartCause
from runnerpool_agent.config import Health
from runnerpool_agent.drain import Cause
from runnerpool_agent.ipc import IpcError, Moment, RunningJob
from runnerpool_agent.jobs import Outcome
from runnerpool_agent.lifecycle import Lifecycle
from runnerpool_agent.runner_view import RunnerView
from runnerpool_agent.stall import Usage
from runnerpool_agent.termination import Ending
from runnerpool_agent.vitals import Vitals

SERVER = "https://video.example.org"
CHECKING = f"[18:16:25.037] INFO (1): Checking available jobs on {SERVER}"


def now() -> float:
    return asyncio.get_running_loop().time()


class Counts:
    def job_started(self, job_type: str) -> None: ...

    def job_ended(self, job_type: str, outcome: Outcome) -> None: ...


class Runner:
    """Process and IPC of one fake runner.

    `heeds`: SIGTERM ends it; `leaves`: so does its last job's end when it was told to; `answers`: it answers over IPC;
    `unheard`: said, but not yet read when a drain begins.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        self.heeds = self.leaves = self.answers = True
        self.registered = True
        self.jobs: dict[str, str] = {}
        self.told: list[float] = []
        self.signals: list[tuple[str, float]] = []
        self.unheard: list[str] = []
        self.is_held = False
        self._ended = asyncio.Event()
        self._say: Callable[[str], None] = lambda _: None

    # The process

    async def run(self, on_line: Callable[[str], None]) -> int:
        self._say = on_line
        await self._ended.wait()
        return 0

    def terminate(self) -> None:
        self.signals.append(("TERM", now()))
        if self.heeds:
            for uuid in self.jobs:
                self.say(f"[18:16:25.037] INFO (1): Aborting job {uuid} on {SERVER} as the runner is stopping")
            self.end(0)

    def kill(self) -> None:
        self.signals.append(("KILL", now()))
        self.end(-9)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        while self.unheard:
            self.say(self.unheard.pop())
        self.is_held = True
        yield
        self.is_held = False

    # The IPC

    async def list_jobs(self) -> tuple[RunningJob, ...]:
        await self._answer()
        return tuple(RunningJob(type=kind, uuid=uuid, progress=0, started_at=None) for uuid, kind in self.jobs.items())

    async def is_registered(self) -> bool:
        await self._answer()
        return self.registered

    async def graceful_shutdown(self, moment: Moment | None = None) -> None:
        assert moment
        async with moment:
            assert self.is_held
        await self._answer()
        self.told.append(now())
        self._leave()

    async def close(self) -> None: ...

    async def _answer(self) -> None:
        await asyncio.sleep(0 if self.answers else 5)
        if not self.answers:
            raise IpcError("silent")

    # What happens to it

    def say(self, line: str) -> None:
        self._say(line)

    def begin(self, uuid: str, kind: str = "hls") -> None:
        self.jobs[uuid] = kind
        self.say(f"[18:16:25.037] INFO (1): [{SERVER}] Processing job of type {kind}: {uuid}")

    def prove(self, uuid: str) -> None:
        """Its token stands in the log from now on."""
        url = f"{SERVER}/api/v1/runners/jobs/{uuid}/files/videos/x/max-quality"
        self.say(f"[18:16:25.037] INFO (1): Downloading input file {url} for HLS transcoding job ptrjt-1")

    def finish(self, uuid: str) -> None:
        self.say(f"[18:16:25.037] INFO (1): [{SERVER}] Finished processing job of type {self.jobs.pop(uuid)}: {uuid}")
        self._leave()

    def _leave(self) -> None:
        if self.leaves and self.told and not self.jobs:
            self.end(0)

    def end(self, code: int) -> None:
        if self.code is None:
            self.code = code
            self._ended.set()


class World:
    """The ground of the lifecycle, and the surroundings of its runners.

    `startable` False: no runner can be started. `offers`, `ours`: what the server says when it is asked. `works`: the
    runner's processes use CPU. `full`: why scratch is, until it is emptied.
    """

    def __init__(self, health: Health | None = None) -> None:
        self.health = health or Health()
        self.runners: list[Runner] = []
        self.lines: list[str] = []
        self.restarts: list[float] = []
        self.causes: list[RestartCause] = []
        self.losses: list[tuple[LossCause, float]] = []
        self.startable = True
        self.sickness: Cause | None = None
        self.cut_at: float | None = None
        self.back_at = 0.0
        self.offers: bool | None = False
        self.asked: list[float] = []
        self.ours: bool | None = True
        self.reports: list[tuple[str, float]] = []
        self.takes_back = True
        self.handed_back: list[str] = []
        self.works = True
        self.full: str | None = None
        self.emptying_helps = True
        self.lifecycle: Lifecycle
        self.task: asyncio.Task[Ending]

    def begin(self) -> None:
        self.lifecycle = Lifecycle(
            self, now, grace_seconds=600, contact_drain_seconds=self.health.contact_drain_seconds
        )
        self.task = asyncio.create_task(self.lifecycle.run())

    async def settle(self) -> None:
        """A runner that has run for ten seconds."""
        self.begin()
        await asyncio.sleep(10)

    @property
    def runner(self) -> Runner:
        return self.runners[-1]

    async def start(self, *, emptied: bool) -> tuple[Runner, RunnerView, Vitals]:
        if not self.startable:
            raise FileNotFoundError(2, "No such file or directory", "peertube-runner")
        if emptied and self.emptying_helps:
            self.full = None
        self.runners.append(Runner())
        view = RunnerView(self.runner, Counts(), now)
        return self.runner, view, Vitals(view, self, self.health, now)

    def print_line(self, level: int, text: str) -> None:
        self.lines.append(text)

    def restarted(self, cause: RestartCause) -> None:
        self.restarts.append(now())
        self.causes.append(cause)

    def lost(self, cause: LossCause, seconds: float) -> None:
        self.losses.append((cause, seconds))

    def has_contact(self) -> bool:
        return self.cut_at is None

    async def hand_back(self, uuid: str, token: str, reason: str) -> bool:
        assert token.startswith("ptrjt-")
        assert reason
        self.handed_back.append(uuid)
        return self.takes_back

    def sick(self) -> Cause | None:
        return self.sickness

    async def ends(self) -> Ending:
        return await self.task

    # The surroundings of a runner

    def cut(self) -> None:
        self.cut_at = now()

    def restore(self) -> None:
        self.cut_at = None
        self.back_at = now()

    def contact_lost_seconds(self) -> float:
        return 0.0 if self.cut_at is None else now() - self.cut_at

    def contact_ok_seconds(self) -> float:
        return now() - self.back_at if self.cut_at is None else 0.0

    def usage(self) -> Usage:
        return Usage(cpu_seconds={1: now() if self.works else 0.0}, bytes={1: 0})

    def scratch_full(self) -> str | None:
        return self.full

    async def offers_job(self) -> bool | None:
        self.asked.append(now())
        return self.offers

    async def still_ours(self, uuid: str, token: str, progress: float | None) -> bool | None:
        assert token.startswith("ptrjt-")
        assert not progress
        self.reports.append((uuid, now()))
        return self.ours
