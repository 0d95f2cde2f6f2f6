"""One pass over one pool: observe → plan → act → report."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from runnerpool.api import names
from runnerpool.api.ownership import parse_mark
from runnerpool.api.parsing import SpecInvalid, parse_pool
from runnerpool.api.pool import Pool
from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import ClusterError, NotFound, Refused
from runnerpool.control.access import Access
from runnerpool.control.actor import Actor, Trouble
from runnerpool.control.conditions import PassOutcome, not_ready, spec_invalid
from runnerpool.control.memory import PoolMemory
from runnerpool.control.ports import PoolKey, ServerLink
from runnerpool.control.reporter import Reporter
from runnerpool.control.world import World
from runnerpool.manifests.inputs import PodInputs
from runnerpool.manifests.runner_pod import build_hash, template_hash
from runnerpool.planning.demand import pool_queue
from runnerpool.planning.plan import Create, Plan, RemoveFinalizer, Reserve
from runnerpool.planning.planner import plan
from runnerpool.planning.queue import QueueReading, QueueUnknown
from runnerpool.planning.snapshot import PoolSnapshot, RunnerRow

RESYNC = timedelta(seconds=10)
"""The longest time between two passes: what a lost event costs at most, and how soon a changed Secret is noticed."""


class PoolPasses:
    """Makes the passes of one pool and keeps what they share."""

    def __init__(self, key: PoolKey, world: World, access: Access) -> None:
        self._key = key
        self._world = world
        self._access = access
        self._reporter = Reporter(key, cluster=world.cluster, clock=world.clock, recorder=world.recorder)
        self._memory = PoolMemory()
        self._uid = ""

    async def make(self) -> timedelta | None:
        """Make one pass; how long until the next one at the latest, or None: the pool has gone.

        Raises:
            ClusterError: The API server stood in the way; Conflict means that planning anew is all it takes.
        """
        try:
            body = await self._world.cluster.get_pool(*self._key)
        except NotFound:
            return None
        self._meet(body["metadata"]["uid"])
        if names.FINALIZER not in (body["metadata"].get("finalizers") or ()):
            if "deletionTimestamp" in body["metadata"]:
                return None  # somebody else's finalizer holds it; our work is done
            body = await self._add_finalizer(body)
        try:
            return await self._plan_and_act(parse_pool(body), body)
        except SpecInvalid as error:
            await self._reporter.report_conditions(spec_invalid(str(error)), body)
            return RESYNC
        except Refused as error:
            await self._tell_of_failure(error.reason, error.message, body)
            raise
        except ClusterError:
            raise
        except Exception:
            message = "a fault of the operator keeps it from looking after this pool; please report its log"
            await self._tell_of_failure(Reason.RECONCILE_ERROR, message, body)
            raise

    async def _tell_of_failure(self, reason: Reason, message: str, body: Mapping[str, Any]) -> None:
        """Write the cause into the status, if the API server lets us; the failure itself is what counts."""
        with suppress(ClusterError):
            await self._reporter.report_conditions((not_ready(reason, message),), body)

    def _meet(self, uid: str) -> None:
        """A pool made again under its old name is another pool."""
        if uid != self._uid:
            self._uid = uid
            self._memory = PoolMemory()

    async def _add_finalizer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        others = body["metadata"].get("finalizers") or []
        return await self._world.cluster.set_finalizers(body, [*others, names.FINALIZER])

    async def _plan_and_act(self, pool: Pool, body: Mapping[str, Any]) -> timedelta | None:
        status = body.get("status") or {}
        access = await self._access.open(pool)
        link = None if isinstance(access, QueueUnknown) else access
        inputs = PodInputs(default_image=self._world.runner_image)
        snapshot = await self._observe(pool, inputs, status, access)
        decision = plan(snapshot)
        cautious = self._memory.creation_failed.failures > 0
        actor = Actor(snapshot, inputs, self._world, link=link, cautious=cautious)
        troubles = await actor.carry_out(decision)
        if link is not None and decision.steps:
            link.request_full_read()
        if any(isinstance(step, RemoveFinalizer) for step in decision.steps):
            others = [name for name in body["metadata"]["finalizers"] if name != names.FINALIZER]
            await self._world.cluster.set_finalizers(body, others)
            return None
        self._note(snapshot, decision, troubles)
        outcome = PassOutcome(
            snapshot=snapshot,
            plan=decision,
            troubles=troubles,
            failures=self._memory.pods_failed.failures,
            last_end=self._memory.last_end,
        )
        await self._reporter.report(outcome, body)
        return min(decision.recheck_after or RESYNC, RESYNC)

    def _note(self, snapshot: PoolSnapshot, decision: Plan, troubles: Sequence[Trouble]) -> None:
        """Remember which creations failed. A name that is taken is no refusal: the next name may do."""
        failed = {trouble.step: trouble.reason for trouble in troubles if isinstance(trouble.step, Create)}
        collided = [step.ordinal for step, reason in failed.items() if reason is Reason.NAME_COLLISION]
        self._memory.note_collisions(collided, reserved=(*snapshot.reserved, *collided))
        self._memory.note_creations(
            refused=len(failed) > len(collided),
            tried=any(isinstance(step, Reserve | Create) for step in decision.steps),
            now=snapshot.now,
        )

    async def _observe(
        self, pool: Pool, inputs: PodInputs, status: Mapping[str, Any], access: ServerLink | QueueUnknown
    ) -> PoolSnapshot:
        """Rows first, pods second: a row whose pod is not in the *later* list is a ghost."""
        queue, rows = _server_side(pool, access, self._world.cluster_id)
        pods = await self._world.cluster.list_pods(pool)
        now = self._world.clock.now()
        if not isinstance(queue, QueueUnknown):
            self._memory.note_jobs(queue.held, pods, now)
        build = build_hash(pool, inputs)
        self._memory.note_attempt(build)
        self._memory.note_pods(pods, now)
        return PoolSnapshot(
            now=now,
            pool=pool,
            queue=queue,
            pods=pods,
            reserved=tuple(status.get("reserved") or ()),
            last_ordinal=status.get("lastOrdinal") or 0,
            rows=rows,
            last_job_seen=self._memory.last_job_seen,
            template_hash=template_hash(pool, inputs),
            build_hash=build,
            collided=tuple(sorted(self._memory.collided)),
            create_not_before=self._memory.create_not_before,
            observed_since=self._world.observed_since,
        )


def _server_side(
    pool: Pool, access: ServerLink | QueueUnknown, cluster_id: str
) -> tuple[QueueReading, tuple[RunnerRow, ...] | None]:
    if isinstance(access, QueueUnknown):
        return access, None
    reading = access.reading
    queue = reading if isinstance(reading, QueueUnknown) else pool_queue(reading, pool.spec)
    rows = None
    if access.rows is not None:
        marks = ((row, parse_mark(row.description)) for row in access.rows)
        rows = tuple(
            RunnerRow(id=row.id, name=row.name)
            for row, mark in marks
            if mark is not None and mark.cluster_id == cluster_id and mark.pool_uid == pool.uid
        )
    return queue, rows
