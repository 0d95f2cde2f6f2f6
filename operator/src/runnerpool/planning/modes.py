"""Pools that do not work as ever: mode Hold, mode Drain, and a server that mixes job types."""

from runnerpool.api.counting import counted
from runnerpool.api.pool import JobTypeFilter, Mode
from runnerpool.api.reasons import Reason
from runnerpool.planning.census import Census
from runnerpool.planning.letting_go import let_go
from runnerpool.planning.lifecycle import (
    complete_gated,
    follow_drains,
    release_collided,
    release_reserved,
    remove_ended,
    unregister_ghosts,
)
from runnerpool.planning.part import Part, join
from runnerpool.planning.plan import Term
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.sizing import Sizing
from runnerpool.planning.snapshot import PoolSnapshot

_DRAIN = "mode is Drain"


def why_still(snapshot: PoolSnapshot) -> tuple[Reason, str] | None:
    """Why pods are neither made nor told to go; None if nothing forbids it."""
    if snapshot.pool.spec.mode is Mode.HOLD:
        return Reason.MODE_HOLD, "mode is Hold"
    mixed = _mixed_in(snapshot)
    if not mixed:
        return None
    server = f"PeerTube {snapshot.facts.version}" if snapshot.facts else ""
    why = (
        f"{server} hands any job to any runner, and has remote runners on for {', '.join(mixed)} too; upgrade it to "
        "7.0, switch those off, take them into jobTypes, or accept it with jobTypeFilter: BestEffort"
    )
    return Reason.JOB_TYPES_NOT_FILTERED, why


def size_of_still(census: Census, reason: Reason, why: str) -> Sizing:
    """As many as there are."""
    count = len(census.takers)
    term = Term(stage="mode", before=count, after=count, why=why)
    message = f"{counted(count, 'pod', 'stay')}, and none is made: {why}"
    return Sizing(desired=count, reason=reason, message=message, terms=(term,))


def stand_still(snapshot: PoolSnapshot, census: Census) -> Part:
    """Finish what was begun, and begin nothing: no pod is made, and none is told to go."""
    return join(
        (
            release_reserved(census.seen, "their pods are there"),
            release_collided(census),
            follow_drains(snapshot, census.unfinished),
            Part(steps=complete_gated(snapshot, census.gated).steps),
            remove_ended(snapshot, census),
            unregister_ghosts(snapshot, promised=()),
        )
    )


def size_of_draining(census: Census) -> Sizing:
    """No pod should take work any more."""
    term = Term(stage="mode", before=census.supply, after=0, why=_DRAIN)
    message = f"{_DRAIN}: {counted(len(census.unfinished), 'pod', 'are')} still there"
    return Sizing(desired=0, reason=Reason.MODE_DRAIN, message=message, terms=(term,))


def drain_all(snapshot: PoolSnapshot, census: Census) -> Part:
    """Tell every pod to finish what it holds, and drop all promises. It is the author's wish, known queue or not."""
    told = census.takers
    others = tuple(pod for pod in census.unfinished if not pod.may_take_work)
    return join(
        (
            release_reserved(sorted(set(snapshot.reserved)), _DRAIN, Reason.MODE_DRAIN),
            Part(steps=tuple(let_go(pod, Reason.MODE_DRAIN, _DRAIN) for pod in told)),
            follow_drains(snapshot, others),
            remove_ended(snapshot, census),
            unregister_ghosts(snapshot, promised=()),
        )
    )


def drained(snapshot: PoolSnapshot, census: Census) -> bool | None:
    """Mode Drain has done its work: no unfinished pod, no job in hand. None: the server does not say who holds jobs."""
    if snapshot.pool.spec.mode is not Mode.DRAIN or census.unfinished:
        return False
    if isinstance(snapshot.queue, QueueUnknown) or snapshot.rows is None:
        return None
    runners = {row.name for row in snapshot.rows} | {pod.name for pod in census.pods}
    return not any(snapshot.queue.held.get(name) for name in runners)


def _mixed_in(snapshot: PoolSnapshot) -> list[str]:
    """Job types that the server would hand to the pool's runners besides the pool's own."""
    facts, spec = snapshot.facts, snapshot.pool.spec
    if facts is None or facts.filters_by_type or spec.job_type_filter is JobTypeFilter.BEST_EFFORT:
        return []
    return sorted(facts.remote_job_types - set(spec.job_types))
