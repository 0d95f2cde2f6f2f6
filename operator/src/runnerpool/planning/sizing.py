"""How many pods: ordered stages, each a small function that takes the number on and says why."""

from collections.abc import Callable
from dataclasses import dataclass

from runnerpool.api.counting import counted
from runnerpool.api.pool import LookAhead, Scaling
from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Term
from runnerpool.planning.queue import QueueKnown, QueueUnknown
from runnerpool.planning.snapshot import PoolSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """The number, the decision in a word and in a sentence, and the way there."""

    desired: int
    reason: Reason
    message: str
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    scaling: Scaling
    concurrency: int
    queue: QueueKnown
    held: int
    at_risk: int
    supply: int


def size(snapshot: PoolSnapshot, *, held: int, supply: int, at_risk: int = 0) -> Sizing:
    """Decide the number of pods that should be able to take work.

    Args:
        snapshot: What is known.
        held: Jobs in the hands of pods that may take work.
        at_risk: Jobs in the hands of pods that were given up as sick: others are kept ready for them.
        supply: Pods that may take work, promised ones included.
    """
    scaling = snapshot.pool.spec.scaling
    if isinstance(snapshot.queue, QueueUnknown):
        return _hold(snapshot.queue, scaling, supply)
    inputs = _Inputs(
        scaling=scaling,
        concurrency=snapshot.pool.spec.runner.concurrency,
        queue=snapshot.queue,
        held=held,
        at_risk=at_risk,
        supply=supply,
    )
    number, terms = 0, []
    for stage in _STAGES:
        term = stage(number, inputs)
        terms.append(term)
        number = term.after
    reason, message = _decision(terms, inputs)
    return Sizing(desired=number, reason=reason, message=message, terms=tuple(terms))


def _hold(queue: QueueUnknown, scaling: Scaling, supply: int) -> Sizing:
    """Unknown is not zero: what is there stays, and only the floor is kept."""
    hold = Term(stage="unknownQueue", before=supply, after=supply, why="the queue is unknown: as many as there are")
    floor = _floor(supply, scaling)
    ceiling = _ceiling(floor.after, scaling)
    return Sizing(
        desired=ceiling.after,
        reason=Reason.QUEUE_UNKNOWN,
        message=f"the queue is unknown, so pods stay as they are: {queue.message}",
        terms=(hold, floor, ceiling),
    )


def _demand(before: int, inputs: _Inputs) -> Term:
    queue = inputs.queue
    least = "" if queue.complete else "at least "
    why = f"{least}{counted(queue.pending, 'job')} pending, {inputs.held} in the hands of pods that may take work"
    if inputs.at_risk:
        why += f", {inputs.at_risk} in the hands of sick ones"
    return Term(stage="demand", before=before, after=queue.pending + inputs.held + inputs.at_risk, why=why)


def _idle_slots(before: int, inputs: _Inputs) -> Term:
    slots = inputs.scaling.idle_slots
    why = f"{counted(slots, 'free slot', 'are')} kept warm"
    return Term(stage="idleSlots", before=before, after=before + slots, why=why)


def _pods(before: int, inputs: _Inputs) -> Term:
    why = f"{counted(before, 'slot')} at {inputs.concurrency} a pod"
    return Term(stage="pods", before=before, after=_ceil_div(before, inputs.concurrency), why=why)


def _look_ahead(before: int, inputs: _Inputs) -> Term:
    """Children of jobs in work keep pods that are there, and never make new ones: the parent may yet fail."""
    children = inputs.queue.waiting_on_work
    if inputs.scaling.look_ahead is LookAhead.OFF:
        return Term(stage="lookAhead", before=before, after=before, why="lookAhead is Off")
    slots = inputs.queue.pending + inputs.held + inputs.at_risk + inputs.scaling.idle_slots + children
    after = max(before, min(inputs.supply, _ceil_div(slots, inputs.concurrency)))
    why = f"{counted(children, 'job', 'wait')} for jobs now in work"
    return Term(stage="lookAhead", before=before, after=after, why=why)


def _min_replicas(before: int, inputs: _Inputs) -> Term:
    return _floor(before, inputs.scaling)


def _max_replicas(before: int, inputs: _Inputs) -> Term:
    return _ceiling(before, inputs.scaling)


def _floor(before: int, scaling: Scaling) -> Term:
    least = scaling.min_replicas
    return Term(stage="minReplicas", before=before, after=max(before, least), why=f"minReplicas is {least}")


def _ceiling(before: int, scaling: Scaling) -> Term:
    most = scaling.max_replicas
    return Term(stage="maxReplicas", before=before, after=min(before, most), why=f"maxReplicas is {most}")


_STAGES: tuple[Callable[[int, _Inputs], Term], ...] = (
    _demand,
    _idle_slots,
    _pods,
    _look_ahead,
    _min_replicas,
    _max_replicas,
)


def _ceil_div(number: int, divisor: int) -> int:
    return -(-number // divisor)


def _decision(terms: list[Term], inputs: _Inputs) -> tuple[Reason, str]:
    """The stage that bound the number, else what it means for the pods that there are."""
    bound = {term.stage: term for term in terms if term.before != term.after}
    desired, wanted = terms[-1].after, terms[-1].before
    demand = terms[0].why
    if "maxReplicas" in bound:
        return Reason.AT_CAP, f"{counted(wanted, 'pod', 'are')} needed, but maxReplicas is {desired}: {demand}"
    if "minReplicas" in bound:
        return Reason.AT_FLOOR, f"minReplicas keeps {counted(desired, 'pod')}: {demand}"
    if "lookAhead" in bound:
        return Reason.LOOK_AHEAD, f"{counted(desired, 'pod', 'stay')}, as {bound['lookAhead'].why}: {demand}"
    if desired < inputs.supply:
        return Reason.SLOTS_IDLE, f"{counted(desired, 'pod', 'are')} enough instead of {inputs.supply}: {demand}"
    if inputs.queue.pending:
        return Reason.JOBS_PENDING, f"{counted(desired, 'pod')} for the queue: {demand}"
    return Reason.STEADY, f"{counted(desired, 'pod', 'are')} right: {demand}"
