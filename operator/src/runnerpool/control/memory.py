"""What one pool's task remembers from pass to pass. All of it may be lost in a restart without harm."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.reasons import Reason
from runnerpool.api.times import parse_time
from runnerpool.control.actor import Trouble, carried_out
from runnerpool.control.backoff import AFTER_REFUSED_CREATIONS, Backoff
from runnerpool.planning.failures import Failure, PodFailure, add_failures, forget_healed, without_future
from runnerpool.planning.plan import Discard, Drain, Plan
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RemovalsFailing, RunnerPod

# A pod that stays ready for so long has shown that the present settings work.
_PROVEN_AFTER = timedelta(seconds=60)
_NONE_REFUSED = Backoff(delays=AFTER_REFUSED_CREATIONS)
# A job that so many runners let lie is the matter itself.
_DEAF_FOR_A_JOB = 2
_CAUSES = frozenset(map(str, FailureCause))


class PoolMemory:
    """Job sightings, failures and back-offs of one pool.

    Losing it delays scale-down (slots count as idle from the operator's start at the earliest), and forgets which
    creations were refused, and which pods somebody has edited: those count as what they are now. Failures of pods are
    in the status, too.

    Attributes:
        failures: Why pods have failed of late.
        edited: Names of pods whose image is not what it was when they were first seen.
        breaker_replaced: When a pod was last replaced although most of the pool looked sick.
        removals_failing: Since when the server has removed none of the last runner rows, and why.
    """

    def __init__(self, observed_since: datetime | None = None) -> None:
        """Begin with nothing.

        Args:
            observed_since: When this process began to watch. Of a pod that had failed before, nobody knows whether it
                was told; so it failed when it ended, and what has worked since has healed it. None: at all times.
        """
        self._observed_since = observed_since
        self.last_job_seen: dict[str, datetime] = {}
        self._held: frozenset[str] = frozenset()
        self.failures: tuple[Failure, ...] = ()
        self._new_failures: list[FailureCause] = []
        self.last_end = ""
        self.breaker_replaced: datetime | None = None
        self.removals_failing: RemovalsFailing | None = None
        self.creation_failed = _NONE_REFUSED
        self.refused: Trouble | None = None
        self.collided: frozenset[int] = frozenset()
        self._recalled = False
        self._counted: set[str] = set()
        self._images: dict[str, str] = {}
        self.edited: frozenset[str] = frozenset()
        self._deaf_over: dict[str, set[str]] = {}
        self._tried = ""

    def recall(self, status: Mapping[str, Any]) -> None:
        """Take in, once, what an earlier process wrote into the status of failures."""
        if self._recalled:
            return
        self._recalled = True
        self.failures = tuple(
            Failure(cause=FailureCause(entry["cause"]), count=entry["count"], last=last)
            for entry in status.get("failures") or ()
            if entry["cause"] in _CAUSES and (last := parse_time(entry["lastTime"])) is not None
        )

    def note_time(self, now: datetime) -> None:
        """What was noted before the clock was set back holds nothing up for longer than it would have."""
        self.failures = without_future(self.failures, now)
        self.creation_failed = self.creation_failed.without_future(now)
        if self.breaker_replaced is not None:
            self.breaker_replaced = min(self.breaker_replaced, now)
        if self.removals_failing is not None:
            since = min(self.removals_failing.since, now)
            self.removals_failing = replace(self.removals_failing, since=since)

    def note_jobs(self, held: Mapping[str, int], pods: Iterable[RunnerPod], now: datetime) -> None:
        """Take in who holds jobs now; forget pods that have gone.

        A job that was there at the last look may have ended just now: passes may be ten seconds apart, and far more
        after a time without a reading. So a pod is idle from the first look that finds it so.
        """
        names = {pod.name for pod in pods}
        kept = {name: seen for name, seen in self.last_job_seen.items() if name in names}
        holding = frozenset(name for name, count in held.items() if count and name in names)
        self.last_job_seen = kept | dict.fromkeys((holding | self._held) & names, now)
        self._held = holding

    def note_pods(self, pods: Iterable[RunnerPod], now: datetime) -> None:
        """Count pods that failed since the last pass; a pod that was made after a failure, and works, ends its row."""
        pods = tuple(pods)
        failed = {pod.uid: pod for pod in pods if pod.failed}
        fresh = [pod for pod in failed.values() if pod.uid not in self._counted and not self._told_before(pod)]
        self._counted = set(failed)
        causes = self._add(fresh, now)
        proven = [pod for pod in pods if _proven(pod, now)]
        self.failures = forget_healed(
            self.failures,
            (pod.created for pod in proven),
            now,
            # One that was never given a job has uploaded nothing.
            ended_well=(
                pod.created for pod in proven if pod.stage is PodStage.ENDED and pod.name in self.last_job_seen
            ),
        )
        not_healed = {failure.cause for failure in self.failures}
        self._new_failures += [cause for cause in causes if cause in not_healed]

    def _told_before(self, pod: RunnerPod) -> bool:
        """An earlier process has counted it: it is kept for its log."""
        known = (failure.last for failure in self.failures if failure.cause is pod.failure)
        return not self._counted and pod.ended_at is not None and any(pod.ended_at <= last for last in known)

    def _add(self, failed: Sequence[RunnerPod], now: datetime) -> list[FailureCause]:
        """Take in pods that failed; their causes."""
        moments: dict[datetime, list[PodFailure]] = {}
        for pod in failed:
            if pod.failure is not None:
                moments.setdefault(self._failed_at(pod, now), []).append(
                    PodFailure(cause=pod.failure, created=pod.created)
                )
        for moment, seen in sorted(moments.items()):
            self.failures = add_failures(self.failures, seen, moment)
        for pod in sorted(failed, key=lambda pod: pod.name):
            self.last_end = f"{pod.name}: {pod.end or 'nobody told how it ended'}"
        return [failure.cause for seen in moments.values() for failure in seen]

    def _failed_at(self, pod: RunnerPod, now: datetime) -> datetime:
        since = self._observed_since
        return pod.ended_at if since is not None and pod.ended_at is not None and pod.ended_at < since else now

    def note_images(self, pods: Iterable[RunnerPod]) -> None:
        """Compare pods with what they were at first, not with what was asked for: a webhook may rewrite that."""
        pods = tuple(pods)
        self._images = {pod.uid: self._images.get(pod.uid, pod.image) for pod in pods}
        self.edited = frozenset(pod.name for pod in pods if pod.image != self._images[pod.uid])

    def note_given_up(self, snapshot: PoolSnapshot, plan: Plan, troubles: Iterable[Trouble]) -> None:
        """Count the sick pods that this pass has told to go."""
        told = {
            step.pod
            for step in carried_out(plan.steps, troubles)
            if isinstance(step, Drain | Discard) and str(step.reason) in _CAUSES
        }
        gone = [sick for sick in plan.sick if sick.pod.name in told]
        if not gone:
            return
        seen = [PodFailure(cause=sick.cause, created=sick.pod.created) for sick in gone]
        self.failures = add_failures(self.failures, seen, snapshot.now)
        self._new_failures += [failure.cause for failure in seen]
        if plan.breaker:
            self.breaker_replaced = snapshot.now
        for sick in gone:
            self.last_end = f"{sick.pod.name}: {sick.cause}"
            if sick.over:
                self._deaf_over.setdefault(sick.over, set()).add(sick.pod.name)

    def note_pending(self, pending: Iterable[str]) -> None:
        """Forget runners that were deaf over jobs that are pending no more."""
        self._deaf_over = {uuid: pods for uuid in pending if (pods := self._deaf_over.get(uuid))}

    @property
    def set_aside(self) -> frozenset[str]:
        """Pending jobs that more than one runner let lie."""
        return frozenset(uuid for uuid, pods in self._deaf_over.items() if len(pods) >= _DEAF_FOR_A_JOB)

    def take_new_failures(self) -> list[FailureCause]:
        """Causes, one for each pod that was found failed, or given up, since they were taken last."""
        taken, self._new_failures = self._new_failures, []
        return taken

    def note_attempt(self, build: str) -> None:
        """Take in what pods are made from now, if that can be told: another build has not failed yet."""
        if not build:
            return
        if self._tried not in {"", build}:
            self.failures, self.creation_failed, self.refused = (), _NONE_REFUSED, None
        self._tried = build

    def note_collisions(self, collided: Iterable[int], reserved: Iterable[int]) -> None:
        """Take in ordinals whose names are somebody else's; forget those that are no longer reserved."""
        self.collided = (self.collided | frozenset(collided)) & frozenset(reserved)

    def note_creations(self, refused: Trouble | None, *, wanted: bool, tried: bool, now: datetime) -> None:
        """Back off while the cluster or the server refuses new pods; until one works, or none is wanted any more.

        Args:
            refused: A creation of this pass that failed.
            wanted: There are fewer pods than there should be.
            tried: This pass created pods, or tried to.
            now: The moment of the pass.
        """
        if refused is not None:
            self.creation_failed, self.refused = self.creation_failed.failed(now), refused
        elif tried or not wanted:
            self.creation_failed, self.refused = _NONE_REFUSED, None

    def note_removals(self, snapshot: PoolSnapshot, *, worked: bool, refused: Reason | None) -> None:
        """Take in how this pass fared with runner rows. One that goes shows that the server is at it.

        While pods are at work, or nothing was left to be removed, no time runs; where the rows are not known, it is not
        known either whether any is left.

        Args:
            snapshot: What the pass went by.
            worked: A row was removed.
            refused: Why one could not be, or could not be looked for; None if that happened to none.
        """
        nothing_left = refused is None and snapshot.rows is not None
        if worked or nothing_left or any(pod.unfinished for pod in snapshot.pods):
            self.removals_failing = None
        elif refused is not None:
            since = self.removals_failing.since if self.removals_failing else snapshot.now
            self.removals_failing = RemovalsFailing(since=since, reason=refused)

    @property
    def create_not_before(self) -> datetime | None:
        """The back-off after refused creations; None = at once."""
        return self.creation_failed.not_before


def _proven(pod: RunnerPod, now: datetime) -> bool:
    if pod.stage is PodStage.ENDED:
        return pod.succeeded and pod.failure is None
    return pod.ready_since is not None and now - pod.ready_since >= _PROVEN_AFTER
