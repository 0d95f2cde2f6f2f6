"""The override by hand: a number of pods that a person wants for a while, whatever the queue says."""

from dataclasses import replace
from datetime import datetime

from runnerpool.api.counting import counted
from runnerpool.api.override import Override, OverrideInvalid, parse_override
from runnerpool.api.pool import Pool
from runnerpool.api.reasons import Reason
from runnerpool.api.times import format_time
from runnerpool.planning.plan import OverrideState, Term
from runnerpool.planning.sizing import Sizing
from runnerpool.planning.snapshot import PoolSnapshot


def override_in_force(snapshot: PoolSnapshot) -> Override | None:
    """The override, if there is one, it can be read, and its time is not over."""
    override = _read(snapshot.pool)
    return override if isinstance(override, Override) and snapshot.now < override.until else None


def overridden(sizing: Sizing, override: Override, most: int) -> Sizing:
    """The number that the override wants, within `maxReplicas`."""
    desired = min(override.replicas, most)
    bound = f", but maxReplicas is {most}" if override.replicas > most else ""
    why = f"{_wish(override)}{bound}"
    term = Term(stage="override", before=sizing.desired, after=desired, why=why)
    return replace(sizing, desired=desired, reason=Reason.OVERRIDE, message=why, terms=(*sizing.terms, term))


def override_state(snapshot: PoolSnapshot, decision: Reason) -> OverrideState | None:
    """What has become of the annotation.

    Args:
        snapshot: What is known.
        decision: The reason of the decision; where it is not the override's, it came before the override.
    """
    override = _read(snapshot.pool)
    if override is None:
        return None
    if isinstance(override, OverrideInvalid):
        return OverrideState(in_force=False, reason=Reason.OVERRIDE_INVALID, message=f"the annotation {override}")
    if override.until <= snapshot.now:
        message = f"it ended at {format_time(override.until)} and is ignored; the annotation can be removed"
        return OverrideState(in_force=False, reason=Reason.OVERRIDE_EXPIRED, message=message)
    if decision is not Reason.OVERRIDE:
        return OverrideState(
            in_force=False, reason=decision, message=f"{_wish(override)}, which something else comes before"
        )
    return OverrideState(in_force=True, reason=Reason.OVERRIDE, message=_wish(override))


def override_due(snapshot: PoolSnapshot) -> tuple[datetime, ...]:
    """When the override ends."""
    override = override_in_force(snapshot)
    return () if override is None else (override.until,)


def _read(pool: Pool) -> Override | OverrideInvalid | None:
    if pool.override is None:
        return None
    try:
        return parse_override(pool.override)
    except OverrideInvalid as error:
        return error


def _wish(override: Override) -> str:
    return f"{counted(override.replicas, 'pod', 'are')} ordered by hand until {format_time(override.until)}"
