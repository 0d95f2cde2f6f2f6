"""Which ordinals new pods get. An ordinal is never used twice, for it names a pod, a runner and a Secret."""

from runnerpool.api.names import pod_ordinal
from runnerpool.planning.snapshot import PoolSnapshot

MAX_ORDINAL = 999_999_999
"""What `names.pod_ordinal` reads back."""
_BELIEVABLE_ROWS = 900_000_000
"""A row comes from the server: one with an absurd ordinal must not use the numbers up."""


def next_ordinals(snapshot: PoolSnapshot, count: int) -> tuple[int, ...]:
    """The next `count` ordinals above all that are known: status, pods, reserved or taken ones and marked rows."""
    pool = snapshot.pool
    rows = (pod_ordinal(row.name, pool.name, pool.uid) for row in snapshot.rows or ())
    highest = max(
        snapshot.last_ordinal,
        *(pod.ordinal for pod in snapshot.pods),
        *snapshot.reserved,
        *snapshot.collided,
        *(ordinal for ordinal in rows if ordinal is not None and ordinal <= _BELIEVABLE_ROWS),
        0,
    )
    return tuple(range(highest + 1, min(highest + count, MAX_ORDINAL) + 1))
