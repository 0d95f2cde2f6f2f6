"""From one pass to the pool's conditions. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from runnerpool.api.conditions import Condition, ConditionType
from runnerpool.api.reasons import Reason
from runnerpool.control.actor import Trouble
from runnerpool.planning.plan import Create, Plan, Reserve
from runnerpool.planning.queue import QueueKnown, QueueReading
from runnerpool.planning.snapshot import PodStage, PoolSnapshot

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
        failures: Pods in a row that ended by a fault.
        last_end: Name of the last of them, and how it ended.
    """

    snapshot: PoolSnapshot
    plan: Plan
    troubles: Sequence[Trouble] = ()
    failures: int = 0
    last_end: str = ""


def conditions_of(outcome: PassOutcome) -> tuple[Condition, ...]:
    """All conditions of a valid pool, the summary `Ready` first."""
    queue, plan = outcome.snapshot.queue, outcome.plan
    details = (
        Condition(type=ConditionType.SPEC_VALID, status=True, reason=Reason.SPEC_VALID, message="the spec is valid"),
        _credentials_valid(queue),
        _queue_reachable(queue),
        _runners_healthy(outcome),
    )
    limited = _scaling_limited(outcome)
    broken = next((c for c in details if c.status is False), None)
    if broken is None and _refused(outcome) is not None:
        broken = limited
    if broken is not None:
        ready = Condition(type=ConditionType.READY, status=False, reason=broken.reason, message=broken.message)
    else:
        status = True if isinstance(queue, QueueKnown) else None
        ready = Condition(type=ConditionType.READY, status=status, reason=plan.reason, message=plan.message)
    return (ready, *details, limited, _progressing(outcome))


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


def _runners_healthy(outcome: PassOutcome) -> Condition:
    kind = ConditionType.RUNNERS_HEALTHY
    if outcome.failures:
        message = (
            f"{outcome.failures} runner pods in a row ended by a fault, the last was {outcome.last_end}; new ones are "
            "made at growing intervals"
        )
        return Condition(type=kind, status=False, reason=Reason.POD_FAILED, message=message)
    if any(pod.unfinished for pod in outcome.snapshot.pods):
        return Condition(type=kind, status=True, reason=Reason.RUNNERS_READY, message="no runner pod has failed")
    return Condition(type=kind, status=True, reason=Reason.NO_RUNNERS, message="there are no runner pods")


def _refused(outcome: PassOutcome) -> Trouble | None:
    """The first creation that was refused."""
    return next((trouble for trouble in outcome.troubles if isinstance(trouble.step, Create | Reserve)), None)


def _scaling_limited(outcome: PassOutcome) -> Condition:
    kind = ConditionType.SCALING_LIMITED
    refused = _refused(outcome)
    if refused is not None:
        return Condition(type=kind, status=True, reason=refused.reason, message=refused.message)
    if outcome.plan.reason is Reason.AT_CAP:
        return Condition(type=kind, status=True, reason=Reason.AT_CAP, message=outcome.plan.message)
    return Condition(
        type=kind, status=False, reason=Reason.WITHIN_BOUNDS, message="the pool has as many pods as it needs"
    )


def _progressing(outcome: PassOutcome) -> Condition:
    kind = ConditionType.PROGRESSING
    moving = sum(
        pod.unfinished and (pod.stage is not PodStage.READY or not pod.may_take_work) for pod in outcome.snapshot.pods
    )
    if moving:
        return Condition(
            type=kind, status=True, reason=outcome.plan.reason, message=f"{moving} pods are starting or draining"
        )
    return Condition(type=kind, status=False, reason=Reason.STEADY, message="no pod is starting or draining")
