"""A pool that is being deleted: everything ends, as gently as its `deletionPolicy` says, then the finalizer goes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from runnerpool.api.counting import counted
from runnerpool.api.names import ABORT_ORDER, DRAIN_ORDER, pod_name
from runnerpool.api.pool import DeletionPolicy, Pool
from runnerpool.api.reasons import Reason
from runnerpool.planning.census import Census
from runnerpool.planning.letting_go import let_go
from runnerpool.planning.lifecycle import follow_drains, release_reserved, remove_all_ended, unregister_ghosts
from runnerpool.planning.part import Part, join
from runnerpool.planning.plan import RemoveFinalizer, RowStep, Stop, Term
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.sizing import Sizing
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod, RunnerRow

OUT_OF_REACH = timedelta(seconds=45)
"""How long runners that cannot be removed hold a pool that has no pod any more.

Server or Secret has gone, or the server answers and has removed not one of them for so long.
"""
NAMES_TOLD = 10
"""So many runners are named when they are left behind: an event has room for 1024 characters."""
_WHY = "the pool is being deleted"


def size_of_deleted(census: Census) -> Sizing:
    """No pod should take work any more."""
    term = Term(stage="deletion", before=census.supply, after=0, why=_WHY)
    message = f"{_WHY}: {counted(len(census.unfinished), 'pod', 'are')} still there"
    return Sizing(desired=0, reason=Reason.POOL_DELETED, message=message, terms=(term,))


def wind_up(snapshot: PoolSnapshot, census: Census) -> Part:
    """End every pod and remove every row; at last let the pool go. Nothing is created, so promises are dropped."""
    if snapshot.pool.orphaning and snapshot.pool.has_finalizer:
        return Part(steps=(*_delete_gated(census), _set_free(census)))
    aborting = snapshot.pool.spec.lifecycle.deletion_policy is DeletionPolicy.ABORT
    told = tuple(pod for pod in census.unfinished if pod.may_take_work or (aborting and _drains_gently(pod)))
    order = ABORT_ORDER if aborting else DRAIN_ORDER
    others = tuple(pod for pod in census.unfinished if pod not in told)
    part = join(
        (
            release_reserved(sorted(set(snapshot.reserved)), _WHY, Reason.POOL_DELETED),
            Part(steps=tuple(let_go(pod, Reason.POOL_DELETED, _WHY, order=order) for pod in told)),
            follow_drains(snapshot, others),
            remove_all_ended(census),
            unregister_ghosts(snapshot, promised=()),
            _let_pool_go(snapshot, census),
        )
    )
    return _without_server(part) if _silent(snapshot) else part


def _silent(snapshot: PoolSnapshot) -> bool:
    """Calls to the server take their whole time limit: a pass full of them would end long after the pool's time."""
    return isinstance(snapshot.queue, QueueUnknown) and snapshot.queue.reason is Reason.SERVER_TIMEOUT


def _without_server(part: Part) -> Part:
    """What the server is needed for waits until its poller has had an answer."""
    return replace(part, steps=tuple(step for step in part.steps if not isinstance(step, RowStep)))


def _delete_gated(census: Census) -> tuple[Stop, ...]:
    """Nobody would ever take their gates off.

    There is this one pass to delete them in: it must not need the server, nor that nobody has changed the pod, whose
    owner the garbage collector is taking away just now.
    """
    return tuple(
        Stop(
            pod=pod.name,
            uid=pod.uid,
            reason=Reason.POOL_DELETED,
            message=f"pod {pod.name} is deleted: {_WHY}, and nobody would take its gate off",
        )
        for pod in census.unfinished
        if pod.stage is PodStage.GATED and not pod.deleting
    )


def _set_free(census: Census) -> RemoveFinalizer:
    """They are nobody's any more, and work on until somebody deletes them, or until the drain that they are in ends."""
    staying = census.ungated
    going = [pod for pod in census.unfinished if pod.stage is not PodStage.GATED and pod not in staying]
    left = "the pool's pods are left to themselves, as it is deleted without its dependents"
    if staying:
        left += f": these go on taking jobs, and kubectl delete pod lets them finish and go ({_names(staying)})"
    if going:
        left += f"; these finish what they hold, and take no more ({_names(going)})"
    message = f"{left}; their runners are to be removed in PeerTube then"
    return RemoveFinalizer(reason=Reason.RUNNERS_LEFT_BEHIND, message=message)


def _names(pods: Iterable[RunnerPod]) -> str:
    return ", ".join(pod.name for pod in pods)


def _drains_gently(pod: RunnerPod) -> bool:
    return not pod.deleting and pod.drain_order not in {None, ABORT_ORDER}


def _let_pool_go(snapshot: PoolSnapshot, census: Census) -> Part:
    """Rows that could not be listed are not known to be gone, but a server that is gone must not hold the pool.

    Nor must one that answers and removes none of them; nor may pods that never ran and cannot be thrown away without
    the server: they go with the pool, by their owner.
    """
    if not snapshot.pool.has_finalizer or any(not pod.never_ran for pod in census.unfinished):
        return Part()
    if snapshot.rows == () and not census.unfinished:
        message = "no unfinished pod and no runner of the pool is left"
        return Part(steps=(RemoveFinalizer(reason=Reason.POOL_DELETED, message=message),))
    hopeless = _hopeless(snapshot)
    if hopeless is None:
        return Part()
    moment = max(hopeless.since, snapshot.pool.deleting_since or snapshot.now) + OUT_OF_REACH
    if moment > snapshot.now:
        return Part(due=(moment,))
    return Part(steps=(_leave_behind(snapshot.pool, hopeless.why, snapshot.rows or ()),))


@dataclass(frozen=True, slots=True)
class _Hopeless:
    since: datetime
    why: str


def _hopeless(snapshot: PoolSnapshot) -> _Hopeless | None:
    """What has kept rows from being removed for longest; None: the server is at it, however slowly."""
    found = []
    if isinstance(snapshot.queue, QueueUnknown):
        why = f"which could not be asked for {OUT_OF_REACH.seconds} s ({snapshot.queue.reason})"
        found.append(_Hopeless(snapshot.queue.since, why))
    if (failing := snapshot.removals_failing) is not None:
        why = f"which has removed none of them for {OUT_OF_REACH.seconds} s ({failing.reason})"
        found.append(_Hopeless(failing.since, why))
    return min(found, key=lambda cause: cause.since, default=None)


def let_go_unseen(pool: Pool) -> RemoveFinalizer:
    """Of a namespace that is being deleted and has taken the operator's rights in it along: nobody gives them back."""
    return _leave_behind(pool, "as the namespace's end has taken the operator's rights in it along")


def _leave_behind(pool: Pool, why: str, rows: Sequence[RunnerRow] = ()) -> RemoveFinalizer:
    message = (
        f"runners of this pool may be left on {pool.spec.server.url}, {why}: remove those whose names begin with "
        f"{pod_name(pool.name, pool.uid, 0).removesuffix('0')} in PeerTube's administration of remote runners"
    )
    if rows:
        message += f"; last seen there: {_some(sorted({row.name for row in rows}))}"
    return RemoveFinalizer(reason=Reason.RUNNERS_LEFT_BEHIND, message=message)


def _some(runners: Sequence[str]) -> str:
    more = len(runners) - NAMES_TOLD
    return ", ".join(runners[:NAMES_TOLD]) + (f" and {more} more" if more > 0 else "")
