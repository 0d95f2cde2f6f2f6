"""The decision: from a snapshot to a plan. Total, deterministic, and without any I/O, clock or randomness."""

from dataclasses import dataclass

from runnerpool.api.pool import Mode
from runnerpool.planning.census import Census, take_census
from runnerpool.planning.deletion import size_of_deleted, wind_up
from runnerpool.planning.generations import generations
from runnerpool.planning.lifecycle import (
    complete_gated,
    discard_overdue,
    follow_drains,
    overdue,
    release_collided,
    release_reserved,
    remove_ended,
    unregister_ghosts,
)
from runnerpool.planning.marks import mark_pods
from runnerpool.planning.modes import drain_all, drained, size_of_draining, size_of_still, stand_still, why_still
from runnerpool.planning.overriding import overridden, override_due, override_in_force, override_state
from runnerpool.planning.part import Part, join
from runnerpool.planning.plan import Plan, RolloutState, Shortage
from runnerpool.planning.replacing import breaker, replace_sick
from runnerpool.planning.rollout import replace_old
from runnerpool.planning.rollout_state import rollout_state, state_due
from runnerpool.planning.scale_down import scale_down
from runnerpool.planning.scale_up import promises_to_keep, scale_up
from runnerpool.planning.shortage import shortage
from runnerpool.planning.sickness import health_due, sick_pods, stranded
from runnerpool.planning.sizing import Sizing, size
from runnerpool.planning.snapshot import PoolSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """What one way of dealing with a pool comes to."""

    sizing: Sizing
    part: Part
    rollout: RolloutState | None = None
    shortage: Shortage | None = None


def plan(snapshot: PoolSnapshot) -> Plan:
    """Decide how many pods there should be, and the steps that lead there.

    Writes to `status.reserved[]` come first: a promise whose pod is seen must be released before that pod may go, or it
    would be kept again. The other steps may be carried out in any order and side by side, any of them may fail, and the
    process may die between any two: the next plan, made from what is there then, goes on. No bound rests on a step
    having worked.
    """
    census = take_census(snapshot)
    course = _course(snapshot, census)
    sizing = course.sizing
    part = join((course.part, mark_pods(snapshot, census, named=course.part.pods)))
    sick = sick_pods(snapshot, census)
    held_up = breaker(snapshot, census, sick)
    ahead = [
        moment - snapshot.now
        for moment in (*part.due, *health_due(census, sick), *override_due(snapshot))
        if moment > snapshot.now
    ]
    return Plan(
        desired=sizing.desired,
        reason=sizing.reason,
        message=sizing.message,
        terms=sizing.terms,
        steps=part.steps,
        busy=census.busy,
        sick=tuple(one for one in sick if one.shows(snapshot.now)),
        breaker=held_up.message if held_up else "",
        unschedulable=tuple(pod for pod in census.takers if pod.unschedulable),
        stranded=bool(stranded(snapshot, census)),
        shortage=course.shortage,
        updated=len(generations(snapshot, census).present),
        rollout=course.rollout,
        override=override_state(snapshot, sizing.reason),
        drained=drained(snapshot, census),
        recheck_after=min(ahead, default=None),
    )


def _course(snapshot: PoolSnapshot, census: Census) -> _Course:
    if snapshot.pool.deleting:
        return _Course(sizing=size_of_deleted(census), part=wind_up(snapshot, census))
    if snapshot.pool.spec.mode is Mode.DRAIN:
        return _Course(sizing=size_of_draining(census), part=drain_all(snapshot, census))
    still = why_still(snapshot)
    if still is None:
        return _at_work(snapshot, census)
    sizing = size_of_still(census, *still)
    rollout = rollout_state(snapshot, census, sizing.desired, still=still[1])
    return _Course(sizing=sizing, part=stand_still(snapshot, census), rollout=rollout)


def _at_work(snapshot: PoolSnapshot, census: Census) -> _Course:
    late = overdue(snapshot, census)
    kept = census.without({pod.name for pod in late})
    healing = replace_sick(snapshot, kept, sick_pods(snapshot, kept))
    kept = kept.without(healing.pods)
    sizing = _size(snapshot, kept)
    fewer = scale_down(snapshot, kept, sizing.desired)
    kept = kept.without(fewer.pods)
    replaced = replace_old(snapshot, kept, sizing.desired)
    kept = kept.without(replaced.pods)
    rollout = rollout_state(snapshot, census, sizing.desired)
    part = join(
        (
            release_reserved(census.seen, "their pods are there"),
            release_collided(census),
            discard_overdue(late),
            healing,
            fewer,
            replaced,
            follow_drains(snapshot, census.unfinished),
            complete_gated(snapshot, kept.gated),
            scale_up(snapshot, census, kept, sizing.desired),
            remove_ended(snapshot, census),
            unregister_ghosts(snapshot, promised=promises_to_keep(snapshot, census)),
            Part(due=state_due(snapshot, census, rollout)),
        )
    )
    return _Course(sizing=sizing, part=part, rollout=rollout, shortage=shortage(snapshot, census, sizing.desired))


def _size(snapshot: PoolSnapshot, kept: Census) -> Sizing:
    """Look-ahead keeps pods of the present settings only: to replace one for its sake would be to make one."""
    supply = kept.supply - len(generations(snapshot, kept).replaceable)
    sizing = size(snapshot, held=kept.held, at_risk=kept.at_risk, supply=supply)
    override = override_in_force(snapshot)
    return sizing if override is None else overridden(sizing, override, snapshot.pool.spec.scaling.max_replicas)
