"""From one pass to the pool's conditions. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from runnerpool.api.conditions import Condition, ConditionType
from runnerpool.api.counting import counted
from runnerpool.api.failure_causes import REMEDIES, FailureCause
from runnerpool.api.reasons import Reason
from runnerpool.control.actor import Trouble
from runnerpool.control.pod_conditions import drained, job_types_served, overridden, progressing, runners_healthy
from runnerpool.planning.failures import Failure
from runnerpool.planning.plan import Complete, Create, Plan
from runnerpool.planning.queue import QueueKnown, QueueReading
from runnerpool.planning.snapshot import PoolSnapshot

_LOGIN_TROUBLE = frozenset(
    {
        Reason.SECRET_NOT_FOUND,
        Reason.SECRET_KEY_MISSING,
        Reason.SECRET_FOR_ANOTHER_ORIGIN,
        Reason.CREDENTIALS_REJECTED,
        Reason.INSUFFICIENT_RIGHTS,
        Reason.OTP_REQUIRED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassOutcome:
    """What one pass saw, decided, and could not do.

    Attributes:
        troubles: Steps of this pass that could not be carried out.
        refused: The creation that was refused last, while none has worked since: between two tries it holds, too.
        failures: Why pods have failed of late, those that this pass gave up included.
        last_end: Name of the last pod that failed, and how it ended.
    """

    snapshot: PoolSnapshot
    plan: Plan
    troubles: Sequence[Trouble] = ()
    refused: Trouble | None = None
    failures: tuple[Failure, ...] = ()
    last_end: str = ""


def conditions_of(outcome: PassOutcome) -> tuple[Condition, ...]:
    """All conditions of a valid pool, the summary `Ready` first."""
    queue, plan = outcome.snapshot.queue, outcome.plan
    details = (
        Condition(type=ConditionType.SPEC_VALID, status=True, reason=Reason.SPEC_VALID, message="the spec is valid"),
        _credentials_valid(queue),
        _queue_reachable(queue),
        runners_healthy(outcome.snapshot, plan, outcome.failures, outcome.last_end),
    )
    limited, served = _scaling_limited(outcome), job_types_served(outcome.snapshot, plan)
    broken = [(condition.reason, condition.message) for condition in details if condition.status is False]
    if plan.reason is Reason.JOB_TYPES_NOT_FILTERED:
        broken.append((served.reason, served.message))
    if plan.stranded:
        broken.append((Reason.UNSCHEDULABLE, _no_room(plan)))
    broken += [(trouble.reason, trouble.message) for trouble in _hindrances(outcome)]
    if broken:
        ready = not_ready(*broken[0])
    else:
        status = True if isinstance(queue, QueueKnown) else None
        ready = Condition(type=ConditionType.READY, status=status, reason=plan.reason, message=plan.message)
    wishes = (overridden(plan), drained(outcome.snapshot, plan))
    return (ready, *details, served, limited, progressing(outcome.snapshot, plan), *wishes)


def spec_invalid(message: str) -> tuple[Condition, ...]:
    """The conditions of a pool whose spec cannot be read; its running pods are left alone."""
    return tuple(
        Condition(type=kind, status=False, reason=Reason.SPEC_INVALID, message=message)
        for kind in (ConditionType.READY, ConditionType.SPEC_VALID)
    )


def not_ready(reason: Reason, message: str) -> Condition:
    """The summary of a pass that came to nothing."""
    return Condition(type=ConditionType.READY, status=False, reason=reason, message=message)


def _credentials_valid(queue: QueueReading) -> Condition:
    kind = ConditionType.CREDENTIALS_VALID
    if isinstance(queue, QueueKnown):
        return Condition(type=kind, status=True, reason=Reason.LOGGED_IN, message="the server accepts the login")
    if queue.reason in _LOGIN_TROUBLE:
        return Condition(type=kind, status=False, reason=queue.reason, message=queue.message)
    return Condition(
        type=kind, status=None, reason=queue.reason, message="the login cannot be judged until the server answers"
    )


def _queue_reachable(queue: QueueReading) -> Condition:
    kind = ConditionType.QUEUE_REACHABLE
    if isinstance(queue, QueueKnown):
        return Condition(type=kind, status=True, reason=Reason.QUEUE_READ, message="the job queue can be read")
    status = None if queue.reason is Reason.NOT_YET_READ else False
    return Condition(type=kind, status=status, reason=queue.reason, message=queue.message)


def _hindrances(outcome: PassOutcome) -> list[Trouble]:
    """What keeps the pool from being as it should: refused pods first. What waits for the server is told elsewhere."""
    others = [trouble for trouble in outcome.troubles if trouble.reason is not Reason.WAITING_FOR_SERVER]
    return [outcome.refused, *others] if outcome.refused else others


def _no_room(plan: Plan) -> str:
    count, first = len(plan.unschedulable), plan.unschedulable[0]
    return f"{counted(count, 'pod', 'wait')} for a node: {first.unschedulable}; {REMEDIES[FailureCause.UNSCHEDULABLE]}"


def _scaling_limited(outcome: PassOutcome) -> Condition:
    kind = ConditionType.SCALING_LIMITED
    refused = outcome.refused or next((t for t in outcome.troubles if isinstance(t.step, Create | Complete)), None)
    if refused is not None:
        return Condition(type=kind, status=True, reason=refused.reason, message=refused.message)
    if outcome.plan.unschedulable:
        return Condition(type=kind, status=True, reason=Reason.UNSCHEDULABLE, message=_no_room(outcome.plan))
    if short := outcome.plan.shortage:
        return Condition(type=kind, status=True, reason=short.reason, message=short.message)
    if outcome.plan.reason is Reason.AT_CAP:
        return Condition(type=kind, status=True, reason=Reason.AT_CAP, message=outcome.plan.message)
    return Condition(
        type=kind, status=False, reason=Reason.WITHIN_BOUNDS, message="the pool has as many pods as it needs"
    )
