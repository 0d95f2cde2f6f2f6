"""One pass over one pool: observe → plan → act → report."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from runnerpool.api import names
from runnerpool.api.parsing import SpecInvalid, parse_doomed, parse_pool
from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import ClusterError, NotFound, Refused
from runnerpool.control.access import Access
from runnerpool.control.actor import Actor, Trouble
from runnerpool.control.conditions import PassOutcome, not_ready, spec_invalid
from runnerpool.control.memory import PoolMemory
from runnerpool.control.observation import Pass, observe
from runnerpool.control.ports import PoolKey
from runnerpool.control.queue_care import QueueCare
from runnerpool.control.reporter import Reporter
from runnerpool.control.world import World
from runnerpool.manifests.inputs import PodInputs
from runnerpool.planning.deletion import let_go_unseen
from runnerpool.planning.plan import Create, Plan, RemoveFinalizer, Reserve
from runnerpool.planning.planner import plan
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.snapshot import PoolSnapshot

RESYNC = timedelta(seconds=10)
"""The longest time between two passes: what a lost event costs at most, and how soon a changed Secret is noticed."""


class PoolPasses:
    """Makes the passes of one pool and keeps what they share."""

    def __init__(self, key: PoolKey, world: World, access: Access) -> None:
        self._key = key
        self._world = world
        self._access = access
        self._reporter = Reporter(key, cluster=world.cluster, clock=world.clock, recorder=world.recorder)
        self._memory = PoolMemory(world.observed_since)
        self._care = QueueCare(key, world)
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
            return await self._plan_and_act(body)
        except SpecInvalid as error:
            await self._reporter.report_conditions(spec_invalid(str(error)), body)
            return RESYNC
        except Refused as error:
            if await self._has_lost_its_namespace(error, body):
                await self._let_go([let_go_unseen(parse_doomed(body))], body)
                return None
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
            self._memory = PoolMemory(self._world.observed_since)
            self._care = QueueCare(self._key, self._world)

    async def _add_finalizer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        others = body["metadata"].get("finalizers") or []
        return await self._world.cluster.set_finalizers(body, [*others, names.FINALIZER])

    async def _plan_and_act(self, body: Mapping[str, Any]) -> timedelta | None:
        now_pass = await self._prepare(body)
        snapshot = await observe(now_pass, self._world, self._memory)
        decision = plan(snapshot)
        actor = Actor(
            snapshot,
            now_pass.inputs,
            self._world,
            link=now_pass.link,
            cautious=self._memory.creation_failed.failures > 0,
        )
        troubles = await actor.carry_out(decision)
        if now_pass.link is not None and decision.steps:
            now_pass.link.request_full_read()
        self._note(snapshot, decision, troubles)
        self._memory.note_removals(snapshot, worked=actor.row_removed, refused=actor.row_kept)
        self._memory.note_given_up(snapshot, decision, troubles)
        self._world.recorder.pods_failed(self._key, self._memory.take_new_failures())
        await self._care.attend(snapshot, now_pass.link, now_pass.last_known)
        if parting := [step for step in decision.steps if isinstance(step, RemoveFinalizer)]:
            await self._let_go(parting, body)
            return None
        outcome = PassOutcome(
            snapshot=snapshot,
            plan=decision,
            troubles=troubles,
            refused=self._memory.refused,
            failures=self._memory.failures,
            last_end=self._memory.last_end,
        )
        await self._reporter.report(outcome, body, more=self._care.status(now_pass.status), news=self._care.news)
        self._care.note_told()
        return min(decision.recheck_after or RESYNC, RESYNC)

    async def _prepare(self, body: Mapping[str, Any]) -> Pass:
        """Read the pool and open the way to its server.

        Raises:
            SpecInvalid: The spec can't be read. A pool that is being deleted ends all the same.
        """
        status = body.get("status") or {}
        quarantined = self._care.restore(status)
        try:
            pool = parse_pool(body)
        except SpecInvalid as error:
            pool = parse_doomed(body)
            if pool.deleting_since is None:
                raise
            barred = QueueUnknown(reason=Reason.SPEC_INVALID, message=str(error), since=pool.deleting_since)
            return Pass(pool=pool, status=status, access=barred, inputs=None)
        access = await self._access.open(pool)
        inputs = None
        if self._access.ca_bundle_known:
            bundle = self._access.ca_bundle
            inputs = PodInputs(default_image=self._world.runner_image, ca_bundle=bundle.pem if bundle else None)
        last_known = None if isinstance(access, QueueUnknown) else access.last_known
        return Pass(
            pool=pool, status=status, access=access, inputs=inputs, last_known=last_known, quarantined=quarantined
        )

    async def _has_lost_its_namespace(self, refusal: Refused, body: Mapping[str, Any]) -> bool:
        """The Role that we lack has gone with the namespace; one that somebody took away may come back."""
        if refusal.reason is not Reason.FORBIDDEN or "deletionTimestamp" not in body["metadata"]:
            return False
        return await self._world.cluster.namespace_ends(self._key.namespace)

    async def _let_go(self, steps: Sequence[RemoveFinalizer], body: Mapping[str, Any]) -> None:
        """Take our finalizer off, and say what may be left behind."""
        await self._reporter.report_parting(steps, body)
        others = [name for name in body["metadata"]["finalizers"] if name != names.FINALIZER]
        await self._world.cluster.set_finalizers(body, others)

    def _note(self, snapshot: PoolSnapshot, decision: Plan, troubles: Sequence[Trouble]) -> None:
        """Remember which creations failed. A name that is taken is no refusal: the next name may do."""
        failed = [trouble for trouble in troubles if isinstance(trouble.step, Create)]
        collided = [
            trouble.step.ordinal
            for trouble in failed
            if isinstance(trouble.step, Create) and trouble.reason is Reason.NAME_COLLISION
        ]
        self._memory.note_collisions(collided, reserved=(*snapshot.reserved, *collided))
        self._memory.note_creations(
            next((trouble for trouble in failed if trouble.reason is not Reason.NAME_COLLISION), None),
            wanted=decision.desired > sum(pod.may_take_work for pod in snapshot.pods),
            tried=any(isinstance(step, Reserve | Create) for step in decision.steps),
            now=snapshot.now,
        )
