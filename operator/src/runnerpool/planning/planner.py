"""The decision: from a snapshot to a plan. Total, deterministic, and without any I/O, clock or randomness."""

from dataclasses import replace

from runnerpool.planning.census import Census, take_census
from runnerpool.planning.deletion import size_of_deleted, wind_up
from runnerpool.planning.lifecycle import (
    complete_gated,
    discard_overdue,
    follow_drains,
    overdue,
    release_reserved,
    remove_ended,
    unregister_ghosts,
)
from runnerpool.planning.part import Part, join
from runnerpool.planning.plan import Discard, Plan
from runnerpool.planning.scale_down import scale_down
from runnerpool.planning.scale_up import promises_to_keep, scale_up
from runnerpool.planning.sizing import Sizing, size
from runnerpool.planning.snapshot import PoolSnapshot


def plan(snapshot: PoolSnapshot) -> Plan:
    """Decide how many pods there should be, and the steps that lead there.

    Writes to `status.reserved[]` come first: a promise whose pod is seen must be released before that pod may go, or it
    would be kept again. The other steps may be carried out in any order and side by side, any of them may fail, and the
    process may die between any two: the next plan, made from what is there then, goes on. No bound rests on a step
    having worked.
    """
    census = take_census(snapshot)
    if snapshot.pool.deleting:
        return _plan(snapshot, census, size_of_deleted(census), wind_up(snapshot, census))
    late = overdue(snapshot, census)
    kept = replace(census, takers=tuple(pod for pod in census.takers if pod not in late))
    sizing = size(snapshot, held=kept.held, supply=kept.supply)
    fewer = scale_down(snapshot, kept, sizing.desired)
    given_up = {step.pod for step in fewer.steps if isinstance(step, Discard)}
    part = join(
        (
            release_reserved(census.seen, "their pods are there"),
            discard_overdue(late),
            fewer,
            follow_drains(snapshot, census.unfinished),
            complete_gated(snapshot, (pod for pod in kept.gated if pod.name not in given_up)),
            scale_up(snapshot, census, kept, sizing.desired),
            remove_ended(census),
            unregister_ghosts(snapshot, promised=promises_to_keep(snapshot, census)),
        )
    )
    return _plan(snapshot, census, sizing, part)


def _plan(snapshot: PoolSnapshot, census: Census, sizing: Sizing, part: Part) -> Plan:
    ahead = [moment - snapshot.now for moment in part.due if moment > snapshot.now]
    return Plan(
        desired=sizing.desired,
        reason=sizing.reason,
        message=sizing.message,
        terms=sizing.terms,
        steps=part.steps,
        busy=census.busy,
        recheck_after=min(ahead, default=None),
    )
