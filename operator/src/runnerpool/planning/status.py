"""The pool's status, as one pass finds it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from runnerpool.api.conditions import Condition, merge_conditions, shorten
from runnerpool.api.times import format_time
from runnerpool.planning.failures import Failure
from runnerpool.planning.plan import Plan
from runnerpool.planning.queue import QueueKnown
from runnerpool.planning.snapshot import PodStage, PoolSnapshot

_OWNED = (
    "observedGeneration",
    "conditions",
    "failures",
    "replicas",
    "unhealthyReplicas",
    "readyReplicas",
    "busyReplicas",
    "idleReplicas",
    "drainingReplicas",
    "updatedReplicas",
    "desiredReplicas",
    "queue",
    "lastDecision",
)


def status_of(
    snapshot: PoolSnapshot,
    plan: Plan,
    conditions: Sequence[Condition],
    previous: Mapping[str, Any],
    failures: Sequence[Failure] = (),
) -> dict[str, Any]:
    """The fields of the status that a pass reports, as a merge patch; each equals `previous`'s if nothing changed.

    What is not known is left out; if `previous` tells it, it is None here, which a merge patch takes for "remove".
    `reserved` and `lastOrdinal` are not in it: they are written under a precondition, which no report may undo.

    Args:
        snapshot: What the pass saw.
        plan: What it decided.
        conditions: What holds now.
        previous: `status` as it was read at the start of the pass.
        failures: Why pods have failed of late.
    """
    generation = snapshot.pool.generation
    wanted: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": merge_conditions(previous.get("conditions") or (), conditions, snapshot.now, generation),
        "desiredReplicas": plan.desired,
        **_replicas(snapshot, plan),
        **_failures(failures),
        "lastDecision": _last_decision(plan, previous.get("lastDecision"), snapshot.now),
    }
    if isinstance(snapshot.queue, QueueKnown):
        wanted["queue"] = _removing(_queue(snapshot.queue), previous.get("queue") or {})
    return _removing(wanted, {name: previous[name] for name in _OWNED if name in previous})


def _removing(wanted: dict[str, Any], previous: Mapping[str, Any]) -> dict[str, Any]:
    return wanted | dict.fromkeys(previous.keys() - wanted.keys())


def _replicas(snapshot: PoolSnapshot, plan: Plan) -> dict[str, int]:
    """Counts of unfinished pods, as far as they are known: who is busy or idle, only while the queue is."""
    unfinished = [pod for pod in snapshot.pods if pod.unfinished]
    ready = [pod for pod in unfinished if pod.stage is PodStage.READY]
    counts = {
        "replicas": len(unfinished),
        "readyReplicas": len(ready),
        "unhealthyReplicas": len(plan.sick),
        "drainingReplicas": sum(not pod.may_take_work for pod in unfinished),
    }
    if snapshot.template_hash:
        counts["updatedReplicas"] = plan.updated
    if isinstance(snapshot.queue, QueueKnown):
        counts["busyReplicas"] = len(plan.busy)
        counts["idleReplicas"] = sum(pod.may_take_work and pod.name not in plan.busy for pod in ready)
    return counts


def _failures(failures: Sequence[Failure]) -> dict[str, Any]:
    if not failures:
        return {}
    entries = [
        {"cause": str(failure.cause), "count": failure.count, "lastTime": format_time(failure.last)}
        for failure in failures
    ]
    return {"failures": entries}


def _queue(queue: QueueKnown) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "pending": queue.pending,
        "processing": queue.processing,
        "completing": queue.completing,
        "waitingForParent": queue.waiting_for_parent,
        "complete": queue.complete,
    }
    if queue.oldest_pending_time is not None:
        figures["oldestPendingTime"] = format_time(queue.oldest_pending_time)
    return figures


def _last_decision(plan: Plan, previous: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    decision = {
        "desired": plan.desired,
        "reason": str(plan.reason),
        "message": shorten(plan.message),
        "terms": [
            {"stage": term.stage, "before": term.before, "after": term.after, "why": shorten(term.why)}
            for term in plan.terms
        ],
    }
    before = dict(previous or {})
    time = before.pop("time", None)
    return decision | {"time": time if time is not None and before == decision else format_time(now)}
