"""Takes back jobs of runners that fell silent (server/core/lib/schedulers/runner-job-watch-dog-scheduler.ts)."""

import asyncio
from datetime import timedelta

from peers.peertube.clock import Clock
from peers.peertube.jobs import JobQueue
from peers.peertube.journal import Cause
from peers.peertube.profile import WEB_VIDEO, ServerProfile
from peers.peertube.records import Job, JobState


class Watchdog:
    """Looks only at the age of processing jobs' `updatedAt`; the runner's `lastContact` plays no part.

    Attributes:
        enabled: Off, silent jobs stay in processing.
    """

    def __init__(self, *, profile: ServerProfile, clock: Clock, queue: JobQueue, enabled: bool = True) -> None:
        self.enabled = enabled
        self._profile = profile
        self._clock = clock
        self._queue = queue

    async def run(self) -> None:
        """Sweep once a period, the first time one period after the start."""
        while True:
            await asyncio.sleep(self._clock.scaled(self._profile.watchdog_period_seconds))
            if self.enabled:
                self.sweep()

    def sweep(self) -> None:
        for job in [job for job in self._queue if self._stalled(job)]:
            self._queue.give_back(job, Cause.WATCHDOG, "The runner fell silent")

    def orphans(self) -> list[Job]:
        """Processing jobs that nobody works on: no runner, or silent for longer than the watchdog lets pass.

        A type that the watchdog leaves alone counts as silent by the threshold of transcoding jobs.
        """
        processing = [job for job in self._queue if job.state is JobState.PROCESSING]
        return [job for job in processing if job.runner is None or self._silent_for_too_long(job)]

    def _stalled(self, job: Job) -> bool:
        threshold = self._profile.stalled_seconds.get(job.type)
        return job.state is JobState.PROCESSING and threshold is not None and self._silence(job) > threshold

    def _silent_for_too_long(self, job: Job) -> bool:
        threshold = self._profile.stalled_seconds.get(job.type, self._profile.stalled_seconds[WEB_VIDEO])
        return self._silence(job) > threshold + self._profile.watchdog_period_seconds

    def _silence(self, job: Job) -> float:
        """Seconds since the last sign of life, on the undivided scale."""
        return (self._clock.now() - job.updated_at) / timedelta(seconds=self._clock.scaled(1.0))
