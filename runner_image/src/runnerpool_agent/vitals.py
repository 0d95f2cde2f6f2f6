"""Watches one runner for all that its probes can't tell: is it hung or deaf, are its jobs its own, is there room?"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from runnerpool_agent import deaf
from runnerpool_agent.causes import Finding, Trouble
from runnerpool_agent.claims import Claims
from runnerpool_agent.config import Health
from runnerpool_agent.deaf import Ears
from runnerpool_agent.health import too_silent
from runnerpool_agent.retire import Seen
from runnerpool_agent.runner_view import RunnerView
from runnerpool_agent.stall import SAMPLE_SECONDS, Sample, Stall, Usage

LOOK_SECONDS = 1.0
SCRATCH_SECONDS = 10.0
REFUSED_WHEN_LEAVING = 2
"""So many refused reports decide where the runner takes no other job anyway, and nothing but this one is at stake."""
_SAMPLES_A_TOLERANCE = 4
_LIVE = "live-rtmp-hls-transcoding"
"""Its reports must carry a part of the stream; the runner itself stops such a job when one is refused."""


class Surroundings(Protocol):
    """What the runner depends on, and what can be asked about it."""

    def contact_lost_seconds(self) -> float:
        """For how long nothing has come through; 0 while it does."""

    def contact_ok_seconds(self) -> float:
        """For how long there has been contact; 0 while there is none."""

    def usage(self) -> Usage:
        """What the runner's processes have used."""

    def scratch_full(self) -> str | None:
        """Why nothing more can be written; None while it can."""

    async def offers_job(self) -> bool | None:
        """Whether the server has a job for this runner."""

    async def still_ours(self, uuid: str, token: str, progress: float | None) -> bool | None:
        """Whether the server still takes reports about this job from this runner."""


class Vitals:
    """What was found out about one runner process.

    Attributes:
        leaving: It has been told to take no more jobs, or will be.
    """

    def __init__(
        self, view: RunnerView, surroundings: Surroundings, health: Health, clock: Callable[[], float]
    ) -> None:
        self.leaving = False
        self._view = view
        self._around = surroundings
        self._health = health
        self._clock = clock
        self._stall = Stall()
        self._ears = Ears()
        self._claims = Claims()
        self._full: str | None = None
        self._look_at_scratch_at = self._sample_at = clock()
        self._had_contact = True
        self._refused = 0

    async def watch(self, on_change: Callable[[], None]) -> None:
        """Look every second, until cancelled."""
        while True:
            await self.look()
            on_change()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once; the server is asked where there is doubt."""
        self._look_at_scratch()
        self._look_at_usage()
        self._look_for_doubt()
        await self._ask_about_jobs()
        await self._ask_for_jobs()

    def stalled_seconds(self) -> float:
        """For how long a job in hand has not moved in any way, once that is longer than the tolerance; else 0."""
        seconds = self._stall.seconds(self._clock()) if self._view.busy else 0.0
        return seconds if seconds >= self._health.stall_tolerance_seconds else 0.0

    def seen(self) -> Seen:
        """For the machine that decides what becomes of the runner."""
        return Seen(
            now=self._clock(),
            jobs=self._jobs,
            contact_lost_seconds=self._around.contact_lost_seconds(),
            lost_jobs=self._lost_jobs(),
            silent=too_silent(self._view.silent_seconds(), answered=self._view.answered),
            deaf=self._deaf(),
            scratch_full=self._full is not None,
        )

    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, in words, as far as it was found here."""
        found = []
        if stalled := self.stalled_seconds():
            message = f"a job in hand has made no progress, used no CPU and moved no bytes for {stalled:.0f} s"
            found.append(Finding(cause=Trouble.RUNNER_HUNG, message=message))
        if self._deaf():
            found.append(Finding(cause=Trouble.RUNNER_DEAF, message="the runner does not look for jobs"))
        if self._lost_jobs():
            found.append(Finding(cause=Trouble.LOST_JOB, message="the server no longer knows a job in hand as ours"))
        if self._full is not None:
            found.append(Finding(cause=Trouble.SCRATCH_FULL, message=self._full))
        return tuple(found)

    @property
    def _jobs(self) -> int:
        return max(len(self._view.jobs), self._view.ledger.in_hand)

    def _needed(self) -> int:
        wanted = self._health.refused_reports
        return min(wanted, REFUSED_WHEN_LEAVING) if self.leaving else wanted

    def _lost_jobs(self) -> int:
        if not self._jobs:
            return 0
        refused = self._view.log.refusals.in_a_row(self._clock(), self._around.contact_ok_seconds())
        return max(len(self._claims.lost & self._view.ledger.open.keys()), int(refused >= self._needed()))

    def _deaf(self) -> bool:
        wedged = deaf.wedged(self._view.log.round_seconds(), self._around.contact_ok_seconds())
        return wedged or (self._ears.deaf and not self._view.busy)

    def _look_at_scratch(self) -> None:
        if self._clock() >= self._look_at_scratch_at:
            self._look_at_scratch_at = self._clock() + SCRATCH_SECONDS
            self._full = self._around.scratch_full()

    def _look_at_usage(self) -> None:
        now = self._clock()
        if not self._view.busy or self._around.contact_lost_seconds() > 0:
            self._stall.forget()
            self._sample_at = now
        elif now >= self._sample_at:
            self._sample_at = now + min(SAMPLE_SECONDS, self._health.stall_tolerance_seconds / _SAMPLES_A_TOLERANCE)
            progress = (self._view.ledger.starts, *((job.uuid, job.progress) for job in self._view.jobs))
            self._stall.take(Sample(now=now, usage=self._around.usage(), progress=progress))

    def _look_for_doubt(self) -> None:
        has_contact = self._around.contact_ok_seconds() > 0
        refused = self._view.log.refusals.total
        if has_contact and (not self._had_contact or refused > self._refused):
            self._claims.doubt(self._view.ledger.open)
        self._had_contact = has_contact
        self._refused = refused if has_contact else self._refused

    async def _ask_about_jobs(self) -> None:
        if not self._had_contact:
            return
        progress = {job.uuid: job.progress for job in self._view.jobs}
        for uuid in self._claims.to_ask(self._clock(), self._view.ledger.open):
            job = self._view.ledger.open.get(uuid)
            if job is not None and job.token is not None and job.type != _LIVE:
                ours = await self._around.still_ours(uuid, job.token, progress.get(uuid))
                self._claims.answered(uuid, ours=ours, needed=self._needed())

    async def _ask_for_jobs(self) -> None:
        now, tolerance = self._clock(), self._health.deaf_tolerance_seconds
        quiet = min(self._view.unheard_seconds(), self._around.contact_ok_seconds())
        if quiet < tolerance or self.leaving:
            self._ears = deaf.listened(self._ears)
        elif deaf.should_ask(self._ears, now, quiet, tolerance):
            offers = await self._around.offers_job()
            self._ears = deaf.answered(self._ears, self._clock(), tolerance, offers=offers)
