"""From the cluster and the server to the planner's snapshot."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runnerpool.api.counting import counted
from runnerpool.api.ownership import belongs
from runnerpool.api.pool import Pool
from runnerpool.cluster.errors import Unavailable
from runnerpool.control.memory import PoolMemory
from runnerpool.control.ports import ServerLink
from runnerpool.control.world import World
from runnerpool.manifests.inputs import PodInputs
from runnerpool.manifests.runner_pod import build_hash, template_hash
from runnerpool.planning.demand import pool_queue
from runnerpool.planning.jobs import ServerReading
from runnerpool.planning.queue import QueueReading, QueueUnknown
from runnerpool.planning.snapshot import PoolSnapshot, RunnerPod, RunnerRow

_log = logging.getLogger(__name__)

# LISTs at a time of pods that have a runner, but are not the pool's.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass goes by.

    Attributes:
        status: The pool's status as it was read.
        access: The way to the server, or why there is none.
        inputs: What pods made now would get; None while that cannot be told.
        last_known: The server's last reading before the pass looked at the pods; who held what is told by it, as what
            the pass does to runners changes the next one.
        quarantined: UUIDs of jobs that are no demand, as they end their runners.
    """

    pool: Pool
    status: Mapping[str, Any]
    access: ServerLink | QueueUnknown
    inputs: PodInputs | None
    last_known: ServerReading | None = None
    quarantined: frozenset[str] = frozenset()

    @property
    def link(self) -> ServerLink | None:
        """The way to the server, if there is one."""
        return None if isinstance(self.access, QueueUnknown) else self.access


async def observe(now_pass: Pass, world: World, memory: PoolMemory) -> PoolSnapshot:
    """Take in what there is. Rows first, pods second: a row whose pod is not in the *later* list is a ghost."""
    pool, status, inputs = now_pass.pool, now_pass.status, now_pass.inputs
    queue, rows = _server_side(now_pass, world.cluster_id)
    pods = await world.cluster.list_pods(pool)
    rows = await _without_released(rows, pods, pool, world)
    now = world.clock.now()
    memory.recall(status)
    memory.note_time(now)
    if not isinstance(queue, QueueUnknown):
        memory.note_jobs(queue.held, pods, now)
        memory.note_pending(queue.pending_since)
    build = build_hash(pool, inputs) if inputs else ""
    memory.note_attempt(build)
    memory.note_pods(pods, now)
    memory.note_images(pods)
    return PoolSnapshot(
        now=now,
        pool=pool,
        queue=queue,
        pods=pods,
        reserved=tuple(status.get("reserved") or ()),
        last_ordinal=status.get("lastOrdinal") or 0,
        rows=rows,
        removals_failing=memory.removals_failing,
        last_job_seen=memory.last_job_seen,
        template_hash=template_hash(pool, inputs) if inputs else "",
        build_hash=build,
        facts=now_pass.link.facts if now_pass.link else None,
        collided=tuple(sorted(memory.collided)),
        create_not_before=memory.create_not_before,
        failures=memory.failures,
        known_since=now_pass.link.known_since if now_pass.link else None,
        set_aside=memory.set_aside,
        edited=memory.edited,
        breaker_replaced=memory.breaker_replaced,
        observed_since=world.observed_since,
    )


async def _without_released(
    rows: tuple[RunnerRow, ...] | None, pods: Iterable[RunnerPod], pool: Pool, world: World
) -> tuple[RunnerRow, ...] | None:
    """The rows less those of pods that somebody has taken from the pool: no ghosts, but runners at work, and not ours.

    Such a pod has lost the pool's label, or its owner; the LIST of the pool's pods has it no more. As long as the API
    server does not say whether there is one, a row may be of either kind: then all are unknown, as no pool may be
    taken for drained, or be let go, for want of a row. The pass goes on without them.
    """
    if rows is None:
        return None
    names = {pod.name for pod in pods}
    gate = asyncio.Semaphore(_AT_ONCE)

    async def is_released(row: RunnerRow) -> bool:
        async with gate:
            return await world.cluster.pod_controller(pool.namespace, row.name) is not None

    alone = [row for row in rows if row.name not in names]
    found = await asyncio.gather(*(is_released(row) for row in alone), return_exceptions=True)
    unknown = [answer for answer in found if isinstance(answer, BaseException)]
    if other := next((error for error in unknown if not isinstance(error, Unavailable)), None):
        raise other
    if unknown:
        _log.warning(
            "%s/%s: %s without a pod, which this pass leaves alone: %s",
            pool.namespace, pool.name, counted(len(unknown), "runner"), unknown[0],
        )  # fmt: skip
        return None
    released = {row for row, is_one in zip(alone, found, strict=True) if is_one}
    return tuple(row for row in rows if row not in released)


def _server_side(now_pass: Pass, cluster_id: str) -> tuple[QueueReading, tuple[RunnerRow, ...] | None]:
    pool, access = now_pass.pool, now_pass.access
    if isinstance(access, QueueUnknown):
        return access, None
    reading = access.reading
    queue = reading if isinstance(reading, QueueUnknown) else pool_queue(reading, pool.spec, now_pass.quarantined)
    rows = None
    if access.rows is not None:
        rows = tuple(
            RunnerRow(id=row.id, name=row.name, last_contact=row.last_contact)
            for row in access.rows
            if belongs(row.description, runner=row.name, cluster_id=cluster_id, pool_uid=pool.uid)
        )
    return queue, rows
