"""New pods: first those that are promised already, then more, within every bound."""

from runnerpool.api.counting import counted
from runnerpool.api.pool import JobTypeFilter
from runnerpool.api.reasons import Reason
from runnerpool.planning.census import Census
from runnerpool.planning.failures import in_a_row
from runnerpool.planning.generations import Generations, generations
from runnerpool.planning.naming import next_ordinals
from runnerpool.planning.part import Part
from runnerpool.planning.plan import Create, Reserve, Step
from runnerpool.planning.sickness import stranded
from runnerpool.planning.snapshot import PoolSnapshot

UNFINISHED_FACTOR = 2
"""All unfinished pods, draining ones too, stay within this multiple of `maxReplicas`, and a rollout's surge."""


def scale_up(snapshot: PoolSnapshot, before: Census, kept: Census, desired: int) -> Part:
    """Create what is promised, and reserve what is missing to `desired`.

    Args:
        snapshot: What is known.
        before: Who counts now. The bounds hold against these: steps are carried out side by side, and may fail.
        kept: Who counts when the pods that this plan gives up are gone.
        desired: The target.
    """
    if not may_create(snapshot):
        return Part()
    due = promises_to_keep(snapshot, before)
    count = _missing(snapshot, before, kept, desired)
    if not due and count <= 0:
        return Part()
    if snapshot.held_back_until is not None:
        return Part(due=(snapshot.held_back_until,))
    reason = _why(snapshot, before, desired)
    return Part(steps=(*(_create(ordinal) for ordinal in due), *_reserve(snapshot, max(0, count), desired, reason)))


def may_create(snapshot: PoolSnapshot) -> bool:
    """What a new pod is to be made from is known, and so is that the server keeps it to the pool's job types."""
    best_effort = snapshot.pool.spec.job_type_filter is JobTypeFilter.BEST_EFFORT
    return bool(snapshot.template_hash) and (best_effort or snapshot.facts is not None)


def promises_to_keep(snapshot: PoolSnapshot, census: Census) -> tuple[int, ...]:
    """The promised ordinals that the cap has room for. The others wait: a promise is never dropped.

    Somebody may be creating the pod of a promise at this moment; a promise that is kept accounts for it. While the
    present settings are not proven, or what is made fails again, a promise is kept for the first pod only.
    """
    if not may_create(snapshot):
        return ()
    kinds = generations(snapshot, census)
    room = creation_cap(snapshot, kinds) - len(census.takers)
    if kinds.unproven:
        room = min(room, 1 - len(kinds.present))
    if in_a_row(snapshot.failures):
        room = min(room, 1 - (census.coming - len(census.promised)))
    return census.promised[: max(0, room)]


def creation_cap(snapshot: PoolSnapshot, kinds: Generations) -> int:
    """How many pods may take work once new ones are made: above `maxReplicas` only to replace old ones."""
    surge = snapshot.pool.spec.rollout.max_surge if kinds.replaceable else 0
    return snapshot.pool.spec.scaling.max_replicas + surge


def unfinished_room(snapshot: PoolSnapshot, census: Census, kinds: Generations) -> int:
    """How many more pods all unfinished ones leave room for; 0 or less if none."""
    most = snapshot.pool.spec.scaling.max_replicas
    surge = creation_cap(snapshot, kinds) - most
    return UNFINISHED_FACTOR * most + surge - len(census.unfinished) - len(census.promised)


def _missing(snapshot: PoolSnapshot, before: Census, kept: Census, desired: int) -> int:
    """New pods stand in for those that the rollout may replace, too: the target is to be met without these."""
    now, later = generations(snapshot, before), generations(snapshot, kept)
    promised = len(before.promised)
    bounds = [
        desired - (kept.supply - len(later.replaceable)),
        creation_cap(snapshot, now) - before.supply,
        unfinished_room(snapshot, before, now),
    ]
    if now.replaceable:
        bounds.append(desired + snapshot.pool.spec.rollout.max_surge - before.supply)
    if now.unproven:
        bounds.append(1 - len(now.present) - promised)
    if in_a_row(snapshot.failures):
        bounds.append(1 - before.coming)
    if stranded(snapshot, before):
        bounds.append(0)
    return min(bounds)


def _why(snapshot: PoolSnapshot, census: Census, desired: int) -> Reason:
    if census.supply < desired:
        return Reason.SCALE_UP
    return Reason.ROLLOUT if generations(snapshot, census).outdated else Reason.UPGRADE


def _create(ordinal: int) -> Create:
    message = f"pod number {ordinal} is reserved and not there: it is created now"
    return Create(ordinal=ordinal, reason=Reason.RESERVED, message=message)


def _reserve(snapshot: PoolSnapshot, count: int, desired: int, reason: Reason) -> tuple[Step, ...]:
    ordinals = next_ordinals(snapshot, count)
    if not ordinals:
        return ()
    purpose = f"for {desired} in all" if reason is Reason.SCALE_UP else "to take the place of older ones"
    return (Reserve(ordinals=ordinals, reason=reason, message=f"{counted(len(ordinals), 'pod')} more, {purpose}"),)
