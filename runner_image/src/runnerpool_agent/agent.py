"""The agent put together: one runner pod from its first second to its exit code."""

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runnerpool_agent import __version__, health, orders, probes
from runnerpool_agent.causes import Finding, LossCause, RestartCause, Trouble
from runnerpool_agent.config import AgentConfig
from runnerpool_agent.contact import Contact, ping, ping_client
from runnerpool_agent.drain import Cause, Phase
from runnerpool_agent.ipc import IpcClient
from runnerpool_agent.jsonlog import RUNNER_LOGGER
from runnerpool_agent.life import Life
from runnerpool_agent.lifecycle import Lifecycle
from runnerpool_agent.metrics import Metrics
from runnerpool_agent.reaper import Reaper
from runnerpool_agent.redaction import Redactor
from runnerpool_agent.retire import wastes_a_slot
from runnerpool_agent.runner_api import RunnerApi
from runnerpool_agent.runner_config import RunnerHome, threads_for, usable_cpus
from runnerpool_agent.runner_process import RunnerCommand, RunnerProcess
from runnerpool_agent.runner_view import RunnerView
from runnerpool_agent.status import status_page
from runnerpool_agent.surroundings import PodSurroundings
from runnerpool_agent.termination import EndCause, Ending, ExitCode
from runnerpool_agent.troubles import Troubles
from runnerpool_agent.version_gate import UnsupportedRunnerError, runner_version
from runnerpool_agent.vitals import LOOK_SECONDS, Vitals

CONTACT_LOST_SECONDS = 150.0
"""After so long without contact the server has taken the job back for sure (its watchdog: 60 s to 2.5 min)."""

log = logging.getLogger(__name__)
runner_log = logging.getLogger(RUNNER_LOGGER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things are. `adopting`: orphaned processes come to this one, as they do to PID 1."""

    drain_file: Path
    scratch: Path
    port: int
    program: Sequence[str]
    adopting: bool


class Agent:
    """Serves the probes, pings the server, follows orders, and keeps the runner; ends with an `Ending`."""

    def __init__(self, config: AgentConfig, settings: Settings, redact: Redactor) -> None:
        self._config = config
        self._settings = settings
        self._redact = redact
        self._clock = asyncio.get_running_loop().time
        self._born = self._clock()
        self._home = RunnerHome(scratch=settings.scratch)
        self._environment = self._home.environment(os.environ, config)
        self._threads = threads_for(config, usable_cpus())
        self._reaper = Reaper(adopting=settings.adopting)
        self._contact = Contact(self._clock)
        self._metrics = Metrics(__version__, config.job_types, config.concurrency)
        self._lifecycle = Lifecycle(
            self, self._clock, config.eviction_grace_seconds, config.health.contact_drain_seconds
        )
        self._client = ping_client(config.server.url, config.server.ca)
        self._api = RunnerApi(self._client, config.runner.token.get_secret_value(), config.job_types)
        self._troubles = Troubles(self._clock)
        self._runner_version = ""
        self._started_once = False

    def take_signal(self) -> None:
        """SIGTERM or SIGINT has come."""
        log.info("SIGTERM: the pod has %d s", self._config.eviction_grace_seconds)
        self._lifecycle.take_signal()

    async def run(self) -> Ending:
        """Live until drained, refused or failed.

        Raises:
            OSError: The port is taken.
        """
        async with (
            self._client,
            probes.serve(self, self._settings.port) as port,
            asyncio.TaskGroup() as group,
        ):
            log.info("agent %s serves on port %d", __version__, port)
            background = [
                group.create_task(self._ping()),
                group.create_task(self._watch_troubles()),
                group.create_task(orders.watch(self._settings.drain_file, self._lifecycle.take_order)),
                group.create_task(self._reaper.run()),
            ]
            ending = await self._run_runner()
            for task in background:
                task.cancel()
        return ending

    async def _run_runner(self) -> Ending:
        try:
            self._home.write(self._config, self._threads)
            self._runner_version = await runner_version(self._settings.program, self._environment)
        except UnsupportedRunnerError as error:
            return Ending(code=ExitCode.CONFIGURATION, cause=EndCause.UNSUPPORTED_RUNNER, message=str(error))
        except OSError as error:
            message = (
                f"{self._settings.scratch} cannot be written ({error.strerror}): is the scratch volume mounted there?"
            )
            return Ending(code=ExitCode.CONFIGURATION, cause=EndCause.INVALID_CONFIGURATION, message=message)
        self._metrics.runner_version(self._runner_version)
        ending = await self._lifecycle.run()
        if self._lifecycle.drain.phase is not Phase.RUNNING:
            self._metrics.drain_ended(ending.code)
        return ending

    async def _ping(self) -> None:
        while True:
            asked_at = self._clock()
            self._note_ping(await ping(self._client), asked_at)
            await asyncio.sleep(self._contact.next_ping_after(asked_at) - self._clock())

    async def _watch_troubles(self) -> None:
        while True:
            self._tell_troubles()
            await asyncio.sleep(LOOK_SECONDS)

    def _note_ping(self, failure: str | None, asked_at: float) -> None:
        was_ok = self._contact.ok or not self._contact.known
        if failure is None:
            self._contact.answered()
        else:
            self._contact.missed(asked_at)
            self._metrics.ping_failures.inc()
        if was_ok is not self._contact.ok:
            self._lifecycle.wake()
        if was_ok and not self._contact.ok:
            log.warning("no contact with %s: %s", self._config.server.url, failure)
        elif self._contact.ok and not was_ok:
            log.info("contact with %s again", self._config.server.url)

    # What the lifecycle stands on

    async def start(self, *, emptied: bool) -> tuple[RunnerProcess, RunnerView, Vitals]:
        """Start a runner on fresh settings: the last one may have dropped its server from them."""
        if emptied:
            await asyncio.to_thread(self._home.empty)
        self._home.write(self._config, self._threads)
        command = RunnerCommand(
            program=self._settings.program, job_types=self._config.job_types, environment=self._environment
        )
        process = await RunnerProcess.start(command, self._reaper)
        log.info("runner %s started as process %d, FFmpeg threads %d", self._runner_version, process.pid, self._threads)
        view = RunnerView(IpcClient(self._home.socket), self._metrics, self._clock)
        limits = self._config.health
        around = PodSurroundings(self._contact, self._api, self._settings.scratch, limits.scratch_bytes, process.pid)
        return process, view, Vitals(view, around, limits, self._clock)

    def print_line(self, level: int, text: str) -> None:
        """The runner's line, masked; what it tells in verbose mode only is for the agent, not for people."""
        if level > logging.DEBUG:
            runner_log.log(level, "%s", self._redact(text))

    def restarted(self, cause: RestartCause) -> None:
        """Counted."""
        self._metrics.runner_restarted(cause)

    def lost(self, cause: LossCause, seconds: float) -> None:
        """Counted."""
        self._metrics.work_lost(cause, seconds)

    def has_contact(self) -> bool:
        """See `Contact.ok`."""
        return self._contact.ok

    async def hand_back(self, uuid: str, token: str, reason: str) -> bool:
        """See `RunnerApi.hand_back`."""
        return await self._api.hand_back(uuid, token, reason)

    def sick(self) -> Cause | None:
        """No drain is worth while when the kubelet stops a dead pod, or when the job has long been taken back."""
        if self.unlive():
            return Cause.UNHEALTHY
        return Cause.CONTACT_LOST if self._contact.lost_seconds() >= CONTACT_LOST_SECONDS else None

    # What the probes show

    def unstarted(self) -> Sequence[str]:
        """See `health.unstarted`."""
        causes = health.unstarted(self._observe())
        if not causes and not self._started_once:
            self._started_once = True
            self._metrics.startup_seconds.set(self._clock() - self._born)
        return _words(causes)

    def unlive(self) -> Sequence[str]:
        """See `health.unlive`."""
        return _words(health.unlive(self._observe()))

    def unready(self) -> Sequence[str]:
        """See `health.unready`; one that drains by a rejected upload says so, too."""
        return _words(self._wrong())

    def status(self) -> dict[str, Any]:
        """Everything for people."""
        return {
            "agentVersion": __version__,
            "runnerVersion": self._runner_version or None,
            "runner": self._config.runner.name,
            "server": self._config.server.url,
            "probes": {
                "startup": list(self.unstarted()),
                "liveness": list(self.unlive()),
                "readiness": list(self.unready()),
            },
            "causes": self._tell_troubles(),
            **status_page(self._lifecycle, self._config.concurrency, self._clock()),
        }

    def exposition(self) -> bytes:
        """The metrics, with the gauges of this moment."""
        view = self._lifecycle.view
        self._metrics.jobs_in_hand.set(len(view.jobs) if view else 0)
        self._metrics.draining.set(self._lifecycle.drain.phase is not Phase.RUNNING)
        self._metrics.ready.set(not self.unready())
        self._metrics.show_causes([finding.cause for finding in self._wrong()])
        return self._metrics.exposition()

    def _tell_troubles(self) -> list[dict[str, Any]]:
        return self._troubles.update(self._wrong())

    def _wrong(self) -> tuple[Finding, ...]:
        found = health.unready(self._observe())
        rejected = self._lifecycle.losses.rejected
        if rejected is None:
            return found
        message = f"{rejected}; each such job costs a whole encode, several times over"
        return (*found, Finding(cause=Trouble.UPLOAD_REJECTED, message=message))

    def _observe(self) -> health.Observation:
        life = self._lifecycle.life
        view = None if life is None else life.view
        waiting = self._lifecycle.waiting
        return health.Observation(
            running=view is not None,
            absent=Trouble.STARTING if waiting is None else Trouble(waiting.value),
            ready=view is not None and view.log.ready,
            answered=view is not None and view.answered,
            silent_seconds=view.silent_seconds() if view else 0.0,
            registered=None if view is None else not view.unregistered,
            contact=self._contact.ok if self._contact.known else None,
            lost_seconds=self._contact.lost_seconds(),
            draining=self._lifecycle.drain.phase is not Phase.RUNNING,
            retiring=_retiring(life, self._config.concurrency),
            started_once=self._started_once,
            found=() if life is None else life.vitals.findings(),
        )


def _words(findings: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(str(finding) for finding in findings)


def _retiring(life: Life | None, slots: int) -> str | None:
    if life is None or not wastes_a_slot(life.retirement, jobs=len(life.view.jobs), slots=slots):
        return None
    return f"the runner takes no more jobs and is to be replaced ({life.retirement.cause})"
