"""Sick pods are replaced: told to drain, so that scale-up makes others in their place.

The old pod lives as long as it holds a job that may yet be saved. What bounds the replacing: a quarter of the pool at a
time; delays that grow by cause while what is new falls sick, too; and the breaker, for when most of the pool looks sick
at once, which is the fault of something else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runnerpool.api.failure_causes import REMEDIES
from runnerpool.planning.census import Census
from runnerpool.planning.failures import not_before
from runnerpool.planning.letting_go import let_go
from runnerpool.planning.part import Part
from runnerpool.planning.plan import Discard, Drain
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.sickness import Sick, stranded
from runnerpool.planning.snapshot import PoolSnapshot

FEWEST_FOR_BREAKER = 3
"""Sick pods below which the breaker never holds."""
ALWAYS_HEALED = 3
"""Pools of so many pods or fewer always heal: of two pods, two may well be sick by chance."""
BREAKER_PERIOD = timedelta(minutes=5)
"""While the breaker holds, one pod is replaced in so long: whether new ones are well shows when the fault is over."""
_AT_ONCE_DIVISOR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Most of the pool looks sick at once: replacing it would not help."""

    sick: int
    pods: int

    @property
    def message(self) -> str:
        """For people."""
        return (
            f"{self.sick} of {self.pods} pods look sick at once, so the fault is taken to be elsewhere (server, "
            f"network, image): one pod is replaced every {BREAKER_PERIOD.seconds // 60} minutes until fewer are sick; "
            "lifecycle.maxUnhealthyPercent: 100 replaces them all"
        )


def breaker(snapshot: PoolSnapshot, census: Census, sick: Sequence[Sick]) -> Breaker | None:
    """Whether it holds."""
    shown, pods = sum(one.shows(snapshot.now) for one in sick), len(census.takers)
    if shown < FEWEST_FOR_BREAKER or pods <= ALWAYS_HEALED:
        return None
    most = snapshot.pool.spec.lifecycle.max_unhealthy_percent
    return Breaker(sick=shown, pods=pods) if shown * 100 > most * pods else None


def replace_sick(snapshot: PoolSnapshot, census: Census, sick: Sequence[Sick]) -> Part:
    """Let go of those whose time has come, as many as may go at once; nobody while the queue is unknown.

    Args:
        snapshot: What is known.
        census: The pool's pods.
        sick: Those that look sick.
    """
    if isinstance(snapshot.queue, QueueUnknown):
        return Part()
    ripe = sorted((one for one in sick if one.ripe_at <= snapshot.now), key=lambda one: (one.shows_at, one.pod.name))
    due: list[datetime] = []
    held = breaker(snapshot, census, sick)
    if held is None:
        room = max(1, len(census.takers) // _AT_ONCE_DIVISOR) - _on_the_way(snapshot, census, sick)
    else:
        again = (snapshot.breaker_replaced or snapshot.now - BREAKER_PERIOD) + BREAKER_PERIOD
        room = 1 if again <= snapshot.now else 0
        due.append(again)
    chosen: list[Sick] = []
    for one in ripe:
        moment = not_before(snapshot.failures, snapshot.pool.uid, one.cause)
        if moment is not None and moment > snapshot.now:
            due.append(moment)
        elif len(chosen) < room:
            chosen.append(one)
    return Part(steps=tuple(_replace(one) for one in chosen), due=tuple(due))


def _on_the_way(snapshot: PoolSnapshot, census: Census, sick: Sequence[Sick]) -> int:
    """Pods that are to come up and may do so soon: not those that no node has room for, maybe as sick ones fill it."""
    names = {pod.name for pod in (*(one.pod for one in sick), *stranded(snapshot, census))}
    return len(census.promised) + sum(pod.coming_up and pod.name not in names for pod in census.takers)


def _replace(one: Sick) -> Drain | Discard:
    over = f"; job {one.over} has waited all that time" if one.over else ""
    stuck = f" ({one.pod.stuck})" if one.pod.stuck else ""
    why = f"it is replaced ({one.cause}{stuck}{over}); {REMEDIES[one.cause]}"
    return let_go(one.pod, one.cause.reason, why)
