"""One pool's care for the server's queue: jobs that kill runners, jobs that are stuck, work that was lost."""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from runnerpool.api.counting import counted
from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.loss_causes import LOSS_REMEDIES
from runnerpool.api.reasons import Reason
from runnerpool.control.ports import PoolKey, ServerLink
from runnerpool.control.reclaims import ReclaimTracker
from runnerpool.control.repairs import Repairer
from runnerpool.control.reporter import News
from runnerpool.control.world import World
from runnerpool.planning.custody import Custody, look
from runnerpool.planning.endings import EndedPod, lost_jobs
from runnerpool.planning.jobs import ServerReading
from runnerpool.planning.ledger import Ledger, book, entry_for, ledger_in, ledger_status, lost_seconds, outlived
from runnerpool.planning.missing import Missing, gone_missing, lost_since, settle
from runnerpool.planning.poison import (
    Suspect,
    culprits,
    note_suspects,
    quarantined,
    suspects_in,
    suspects_status,
)
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.repair import RepairView, describe
from runnerpool.planning.snapshot import PoolSnapshot
from runnerpool.planning.stuck import Owners, StuckJob, stuck_jobs, stuck_status

_MOST_NEWS = 100
"""Kept while the API server takes no status, so that nothing can be told."""


class QueueCare:
    """What one pool's task knows of troubled jobs. Suspects and ledger live on in the status.

    Lost work is booked in the pass that first sees a pod ended, by the pod's UID; pods that ended before this process
    began to watch are left to the one before. So nothing is booked twice, though failed pods are kept for their logs
    across restarts; what ends while no operator is there is not booked at all. The ledger says "at least".

    A pod that goes without a word, by force or with its node, is booked when it has gone and its jobs are back: until
    then it may return, finish them, or tell itself what it lost.
    """

    def __init__(self, key: PoolKey, world: World) -> None:
        self._key = key
        self._world = world
        self._suspects: tuple[Suspect, ...] = ()
        self._ledger: Ledger = {}
        self._stuck: tuple[StuckJob, ...] | None = None
        self._restored = False
        self._booked: frozenset[str] = frozenset()
        self._before: PoolSnapshot | None = None
        self._lost_since: Mapping[str, datetime] = {}
        self._missing: Mapping[str, Missing] = {}
        self._custody: Custody = {}
        self._reclaims = ReclaimTracker()
        self._repairer = Repairer(key, world.recorder)
        self._news: deque[News] = deque(maxlen=_MOST_NEWS)

    def restore(self, status: Mapping[str, Any]) -> frozenset[str]:
        """Begin with what the status tells, once; UUIDs of the jobs that are quarantined."""
        if not self._restored:
            self._suspects, self._ledger, self._restored = suspects_in(status), ledger_in(status), True
        return quarantined(self._suspects)

    async def attend(self, snapshot: PoolSnapshot, link: ServerLink | None, last_known: ServerReading | None) -> None:
        """Take in what a pass saw, and repair what the pool allows to be repaired.

        Args:
            snapshot: What the pass saw.
            link: The way to the server, if there is one.
            last_known: The server's last reading before the pass acted: who held what. A runner that the pass has
                unregistered holds nothing in the next one.
        """
        reading = link.reading if link is not None else None
        reading = None if isinstance(reading, QueueUnknown) else reading
        ended = ended_pods(snapshot)
        self._watch(snapshot, reading)
        self._suspect(snapshot, ended, reading, last_known)
        self._book(snapshot, ended, last_known)
        if reading is None or link is None:
            return
        for way, seconds in self._reclaims.look(reading):
            self._world.recorder.reclaimed(self._key, way, seconds)
        self._stuck = _stuck(snapshot, reading, link)
        self._world.recorder.stuck_found(self._key, self._stuck, snapshot.now)
        if not snapshot.pool.deleting:
            view = RepairView(
                now=snapshot.now,
                repair=snapshot.pool.spec.repair,
                reading=reading,
                quarantined=quarantined(self._suspects),
                stuck=self._stuck,
            )
            self._news += await self._repairer.repair(view, link)

    def status(self, previous: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of the status that are to be; None removes one. What is not known stays as it was."""
        wanted: dict[str, Any] = {
            "suspectJobs": suspects_status(self._suspects),
            "lostWork": ledger_status(self._ledger),
        }
        if self._stuck is not None:
            wanted["stuckJobs"] = stuck_status(self._stuck)
        return {name: entries or None for name, entries in wanted.items() if entries or previous.get(name)}

    @property
    def news(self) -> tuple[News, ...]:
        """What is to be told; again in the next pass, unless it was told."""
        return tuple(self._news)

    def note_told(self) -> None:
        """It was."""
        self._news.clear()

    def _suspect(
        self,
        snapshot: PoolSnapshot,
        ended: Iterable[EndedPod],
        reading: ServerReading | None,
        last_known: ServerReading | None,
    ) -> None:
        before = quarantined(self._suspects)
        # Who was credited with what is told by the pass in which a pod is first seen ended; later readings have
        # its jobs in other hands.
        evidence = culprits((pod for pod in ended if pod.uid not in self._booked), last_known)
        self._suspects = note_suspects(self._suspects, evidence, reading, snapshot.now)
        jobs = last_known.jobs if last_known else {}
        for suspect in self._suspects:
            if suspect.quarantined and suspect.uuid not in before:
                what = describe(suspect.uuid, jobs.get(suspect.uuid))
                message = (
                    f"{what} is quarantined: {counted(suspect.count, 'pod')} crashed, ran out of memory or hung over "
                    "it, and no pod is made for it any more; look at its video, give pods more memory, or cancel it in "
                    "PeerTube (repair.poisonJobs: Cancel does)"
                )
                self._news.append(News("Warning", Reason.POISON_JOB, message))

    def _watch(self, snapshot: PoolSnapshot, reading: ServerReading | None) -> None:
        """Keep in mind who has which job, and which pods went without a word."""
        if reading is not None:
            runners = {pod.name for pod in snapshot.pods if pod.uid not in self._booked}
            self._custody = look(self._custody, runners, reading)
        if self._before is not None:
            self._missing = {**self._missing, **gone_missing(self._before, self._lost_since, snapshot)}
        self._before, self._lost_since = snapshot, lost_since(self._lost_since, snapshot)

    def _book(self, snapshot: PoolSnapshot, ended: Iterable[EndedPod], last_known: ServerReading | None) -> None:
        for pod in ended:
            if pod.uid in self._booked or pod.name in self._missing or pod.time < self._world.observed_since:
                continue
            self._book_losses(lost_seconds(pod, last_known))
            self._news += _told_of_outlived(pod)
            self._reclaims.note_ended(pod, lost_jobs(pod, last_known), self._custody, last_known)
        self._booked = frozenset(pod.uid for pod in snapshot.pods if pod.last_word is not None)
        lost, self._custody, self._missing = settle(self._custody, self._missing, snapshot)
        self._book_losses(book({}, ((one.cause, one.seconds) for one in lost)))
        for one in lost:
            if one.cause == FailureCause.NODE_LOST:
                self._world.recorder.reclaimed(self._key, "watchdog", one.back_after)

    def _book_losses(self, losses: Ledger) -> None:
        for cause, seconds in losses.items():
            self._world.recorder.lost_work(self._key, entry_for(self._ledger, cause), seconds)
            self._ledger = book(self._ledger, [(cause, seconds)])


def ended_pods(snapshot: PoolSnapshot) -> tuple[EndedPod, ...]:
    """The pods that have ended; one whose end nobody dated ended now."""
    return tuple(
        EndedPod(
            name=pod.name,
            uid=pod.uid,
            cause=str(pod.failure) if pod.failed else word.cause,
            time=word.time or snapshot.now,
            jobs=word.jobs,
        )
        for pod in snapshot.pods
        if (word := pod.last_word) is not None
    )


def _told_of_outlived(pod: EndedPod) -> list[News]:
    """No condition tells of what the agent has healed by itself, and the operator hears of it with the pod's end."""
    return [
        News(
            "Warning",
            cause.reason,
            f"pod {pod.name}, which has ended since, had encoded for nothing for {seconds} s ({cause}); "
            f"{LOSS_REMEDIES[cause]}",
        )
        for cause, seconds in outlived(pod).items()
    ]


def _stuck(snapshot: PoolSnapshot, reading: ServerReading, link: ServerLink) -> tuple[StuckJob, ...]:
    spec, facts = snapshot.pool.spec, snapshot.facts
    owners = Owners(
        rows=None if link.rows is None else {row.name for row in link.rows},
        ours={row.name for row in snapshot.rows or ()},
        pods={pod.name for pod in snapshot.pods if pod.unfinished},
    )
    return stuck_jobs(
        reading,
        set(spec.job_types),
        version=facts.version if facts else "",
        owners=owners,
        stuck_after=timedelta(seconds=spec.repair.stuck_after_seconds),
        now=snapshot.now,
    )
