"""Pods that went without a word, with their node or by force: what they cost is told by the server's readings alone.

As long as such a pod may come back, nothing is booked: it may still end its jobs well, or tell itself what it lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from runnerpool.api.failure_causes import FailureCause
from runnerpool.planning.custody import GIVEN_UP_AFTER, Custody
from runnerpool.planning.endings import seconds_between
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod

DELETED = "Deleted"
"""What ended a pod that was deleted, and that nobody saw ended."""
_ENDING = timedelta(seconds=30)
"""What an agent that was told to go may take from handing its jobs back to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A pod that went without a word.

    Attributes:
        name: Its own, and its runner's.
        cause: NodeLost, or `DELETED`.
        since: A job that left its hands after that was lost by this.
        noticed: When it was found to have gone.
    """

    name: str
    cause: str
    since: datetime
    noticed: datetime


class Lost(NamedTuple):
    """A job that a missing pod cost.

    Attributes:
        cause: Why its pod went.
        seconds: Encoded for nothing, up to the last sign of life: what came after it, nobody knows.
        back_after: Seconds from that sign to when the job was seen pending, or in other hands.
    """

    cause: str
    seconds: int
    back_after: int


class Settled(NamedTuple):
    """What is known to be lost, and what has still to be waited for."""

    lost: tuple[Lost, ...]
    custody: Custody
    missing: Mapping[str, Missing]


def lost_since(known: Mapping[str, datetime], snapshot: PoolSnapshot) -> dict[str, datetime]:
    """Since when the nodes of pods have been lost, by name; of those that have been for as long as is tolerated.

    One that is deleted on its lost node shows that no more (`RunnerPod.lost_since`): what was known of it counts on.
    """
    tolerance = timedelta(seconds=snapshot.pool.spec.lifecycle.unready_tolerance_seconds)
    away = {
        pod.name: known.get(pod.name, pod.lost_since)
        for pod in snapshot.pods
        if pod.lost_since is not None and pod.lost_since + tolerance <= snapshot.now
    }
    deleted = {
        pod.name: known[pod.name]
        for pod in snapshot.pods
        if pod.name in known and pod.deleting and pod.stage is PodStage.STARTING
    }
    return deleted | away


def gone_missing(before: PoolSnapshot, lost: Mapping[str, datetime], now: PoolSnapshot) -> dict[str, Missing]:
    """The pods that had not ended in the snapshot before, and of which this one has neither sight nor word.

    Args:
        before: The last snapshot.
        lost: What `lost_since` told of it.
        now: The present one.
    """
    here = {pod.name: pod for pod in now.pods}
    return {
        pod.name: _missing(pod.name, before, lost, now)
        for pod in before.pods
        if pod.unfinished and (pod.name not in here or (pod.name in lost and _is_dead(here[pod.name])))
    }


def settle(custody: Custody, missing: Mapping[str, Missing], snapshot: PoolSnapshot) -> Settled:
    """Tell the jobs of missing pods that are back in the queue, or in other hands, from those that may yet end well.

    Args:
        custody: What was read of the pool's jobs.
        missing: Pods that are missing, by name. One that is seen again is missing no more.
        snapshot: The pods that are there. What was in the hands of any other one is forgotten.
    """
    here = {pod.name for pod in snapshot.pods if pod.unfinished}
    away = {name: pod for name, pod in missing.items() if name not in here}
    lost = tuple(
        Lost(pod.cause, seconds_between(held.started, held.heard), seconds_between(held.heard, held.back_at))
        for held in custody.values()
        if (pod := away.get(held.runner)) is not None and held.back_at is not None and held.back_at >= pod.since
    )
    awaited = {name: pod for name, pod in away.items() if snapshot.now - pod.noticed < GIVEN_UP_AFTER}
    kept = {
        key: held
        for key, held in custody.items()
        if held.runner in here or (held.runner in awaited and held.back_at is None)
    }
    names = {held.runner for held in kept.values()}
    return Settled(lost, kept, {name: pod for name, pod in awaited.items() if name in names})


def _is_dead(pod: RunnerPod) -> bool:
    """It was found ended when its node came back, and its agent could say nothing."""
    return pod.last_word is not None and pod.last_word.jobs is None


def _missing(name: str, before: PoolSnapshot, lost: Mapping[str, datetime], now: PoolSnapshot) -> Missing:
    if name in lost:
        return Missing(name=name, cause=str(FailureCause.NODE_LOST), since=lost[name], noticed=now.now)
    return Missing(name=name, cause=DELETED, since=before.now - _ENDING, noticed=now.now)
