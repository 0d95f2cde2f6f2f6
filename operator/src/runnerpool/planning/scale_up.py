"""New pods: first those that are promised already, then more, within every bound."""

from runnerpool.api.reasons import Reason
from runnerpool.planning.census import Census
from runnerpool.planning.naming import next_ordinals
from runnerpool.planning.part import Part
from runnerpool.planning.plan import Create, Reserve, Step
from runnerpool.planning.snapshot import PoolSnapshot

UNFINISHED_FACTOR = 2
"""All unfinished pods, draining ones too, stay within this multiple of `maxReplicas`."""


def scale_up(snapshot: PoolSnapshot, before: Census, kept: Census, desired: int) -> Part:
    """Create what is promised, and reserve what is missing to `desired`.

    Args:
        snapshot: What is known.
        before: Who counts now. The bounds hold against these: steps are carried out side by side, and may fail.
        kept: Who counts when the pods that this plan gives up are gone.
        desired: The target.
    """
    cap = snapshot.pool.spec.scaling.max_replicas
    due = promises_to_keep(snapshot, before)
    count = min(
        desired - kept.supply,
        cap - before.supply,
        UNFINISHED_FACTOR * cap - len(before.unfinished) - len(before.promised),
    )
    if not due and count <= 0:
        return Part()
    if snapshot.create_not_before is not None and snapshot.create_not_before > snapshot.now:
        return Part(due=(snapshot.create_not_before,))
    return Part(steps=(*(_create(ordinal) for ordinal in due), *_reserve(snapshot, max(0, count), desired)))


def promises_to_keep(snapshot: PoolSnapshot, census: Census) -> tuple[int, ...]:
    """The promised ordinals that the cap has room for. The others wait: a promise is never dropped.

    Somebody may be creating the pod of a promise at this moment; a promise that is kept accounts for it.
    """
    room = snapshot.pool.spec.scaling.max_replicas - len(census.takers)
    return census.promised[: max(0, room)]


def _create(ordinal: int) -> Create:
    message = f"pod number {ordinal} is reserved and not there: it is created now"
    return Create(ordinal=ordinal, reason=Reason.RESERVED, message=message)


def _reserve(snapshot: PoolSnapshot, count: int, desired: int) -> tuple[Step, ...]:
    ordinals = next_ordinals(snapshot, count)
    if not ordinals:
        return ()
    message = f"{len(ordinals)} pods more, for {desired} in all"
    return (Reserve(ordinals=ordinals, reason=Reason.SCALE_UP, message=message),)
