"""What the conditions say of a pool's pods, and of the jobs that they are handed. Pure."""

from collections import Counter
from collections.abc import Collection, Sequence

from runnerpool.api.conditions import Condition, ConditionType
from runnerpool.api.counting import counted
from runnerpool.api.failure_causes import REMEDIES
from runnerpool.api.pool import JobTypeFilter, Mode
from runnerpool.api.reasons import Reason
from runnerpool.planning.failures import Failure, of_late
from runnerpool.planning.plan import Plan
from runnerpool.planning.sickness import Sick
from runnerpool.planning.snapshot import PodStage, PoolSnapshot

_NAMED = 5


def runners_healthy(snapshot: PoolSnapshot, plan: Plan, failures: Collection[Failure], last_end: str) -> Condition:
    """Whether pods fail, or look as if they were about to.

    Args:
        snapshot: What the pass saw.
        plan: What it decided.
        failures: The rows of failures that are not over.
        last_end: Name of the last pod that failed, and how it ended.
    """
    kind = ConditionType.RUNNERS_HEALTHY
    if plan.breaker:
        return Condition(type=kind, status=False, reason=Reason.MOST_PODS_SICK, message=plan.breaker)
    if plan.sick:
        return _sick(plan.sick)
    if told := of_late(failures, snapshot.now):
        return _failing(max(told, key=lambda failure: failure.last), last_end)
    if any(pod.unfinished for pod in snapshot.pods):
        return Condition(type=kind, status=True, reason=Reason.RUNNERS_READY, message="no runner pod has failed")
    return Condition(type=kind, status=True, reason=Reason.NO_RUNNERS, message="there are no runner pods")


def _sick(sick: Sequence[Sick]) -> Condition:
    """By the cause that most of them have."""
    ((cause, count),) = Counter(one.cause for one in sick).most_common(1)
    names = sorted(one.pod.name for one in sick if one.cause is cause)
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    message = f"{cause}: pod {', '.join(names[:_NAMED])}{more}; {REMEDIES[cause]}"
    return Condition(type=ConditionType.RUNNERS_HEALTHY, status=False, reason=cause.reason, message=message)


def _failing(failure: Failure, last_end: str) -> Condition:
    last = f"; the last pod that failed was {last_end}" if last_end else ""
    message = (
        f"{failure.cause}, {failure.count} in a row{last}; new pods are made at growing intervals; "
        f"{REMEDIES[failure.cause]}"
    )
    return Condition(type=ConditionType.RUNNERS_HEALTHY, status=False, reason=failure.cause.reason, message=message)


def progressing(snapshot: PoolSnapshot, plan: Plan) -> Condition:
    """Whether pods are on the move. A rollout that something keeps from moving is told as False."""
    kind, rollout = ConditionType.PROGRESSING, plan.rollout
    if rollout is not None:
        moving = rollout.reason is not Reason.ROLLOUT_STALLED
        return Condition(type=kind, status=moving, reason=rollout.reason, message=rollout.message)
    count = sum(pod.unfinished and (pod.stage is not PodStage.READY or not pod.may_take_work) for pod in snapshot.pods)
    if count:
        message = f"{counted(count, 'pod', 'are')} starting or draining"
        return Condition(type=kind, status=True, reason=plan.reason, message=message)
    return Condition(type=kind, status=False, reason=Reason.STEADY, message="no pod is starting or draining")


def job_types_served(snapshot: PoolSnapshot, plan: Plan) -> Condition:
    """Whether the server hands out jobs of the pool's types, and no others."""
    kind, facts, spec = ConditionType.JOB_TYPES_SERVED, snapshot.facts, snapshot.pool.spec
    if facts is None:
        message = "the server has not been asked yet which jobs it hands out"
        return Condition(type=kind, status=None, reason=Reason.NOT_YET_READ, message=message)
    if plan.reason is Reason.JOB_TYPES_NOT_FILTERED:
        return Condition(type=kind, status=False, reason=plan.reason, message=plan.message)
    others = sorted(facts.remote_job_types - set(spec.job_types))
    if others and not facts.filters_by_type and spec.job_type_filter is JobTypeFilter.BEST_EFFORT:
        message = f"PeerTube {facts.version} hands {', '.join(others)} to the pool's pods too, as it filters no types"
        return Condition(type=kind, status=False, reason=Reason.JOB_TYPES_NOT_FILTERED, message=message)
    missing = [name for name in spec.job_types if name not in facts.remote_job_types]
    if missing:
        message = (
            f"remote runners are off on the server for {', '.join(missing)}; switch them on in its configuration, or "
            "take the type out of jobTypes"
        )
        return Condition(type=kind, status=False, reason=Reason.REMOTE_RUNNERS_DISABLED, message=message)
    message = "the server hands the pool's job types to remote runners"
    return Condition(type=kind, status=True, reason=Reason.JOB_TYPES_SERVED, message=message)


def overridden(plan: Plan) -> Condition:
    """What has become of the override by hand."""
    kind, state = ConditionType.OVERRIDDEN, plan.override
    if state is None:
        return Condition(type=kind, status=False, reason=Reason.NO_OVERRIDE, message="no number is fixed by hand")
    return Condition(type=kind, status=state.in_force, reason=state.reason, message=state.message)


def drained(snapshot: PoolSnapshot, plan: Plan) -> Condition:
    """Whether mode Drain has done its work."""
    kind = ConditionType.DRAINED
    if snapshot.pool.spec.mode is not Mode.DRAIN:
        return Condition(type=kind, status=False, reason=Reason.NOT_DRAINING, message="mode is not Drain")
    if plan.drained is None:
        message = "no pod is left; the server does not say whether jobs are still in hand"
        return Condition(type=kind, status=None, reason=Reason.QUEUE_UNKNOWN, message=message)
    if plan.drained:
        message = "no pod is left, and no job is in the hands of the pool's runners"
        return Condition(type=kind, status=True, reason=Reason.DRAINED, message=message)
    unfinished = sum(pod.unfinished for pod in snapshot.pods)
    message = f"{counted(unfinished, 'pod', 'are')} left, {len(plan.busy)} with a job in hand"
    return Condition(type=kind, status=False, reason=Reason.STILL_WORKING, message=message)
