"""Carries a plan out, step by step. Every step is idempotent: a crash between any two is healed by the next pass."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from runnerpool.api import names
from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.ownership import belongs
from runnerpool.api.pool import Pool
from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import ClusterError, Conflict, NotFound
from runnerpool.control.ports import PoolKey, ServerLink
from runnerpool.control.provisioning import Provisioner
from runnerpool.control.world import World
from runnerpool.manifests.inputs import PodInputs
from runnerpool.peertube.accounts import RunnerAccount
from runnerpool.peertube.errors import PeerTubeError, TimedOut
from runnerpool.planning.plan import (
    Complete,
    Create,
    Discard,
    Drain,
    ForceDelete,
    Mark,
    Plan,
    ReleaseReserved,
    Remove,
    RemoveFinalizer,
    Reserve,
    RowStep,
    Step,
    Stop,
    Unregister,
)
from runnerpool.planning.repair import describe
from runnerpool.planning.snapshot import PoolSnapshot

_log = logging.getLogger(__name__)

# Registrations and creations at a time: enough to bring 30 pods up in a second or two, kind to both servers.
_AT_ONCE = 8
_CAUSES = frozenset(cause.reason for cause in FailureCause)
_WITHOUT_THE_SERVER = (Drain, Mark, Stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A step that could not be carried out, and why."""

    step: Step
    reason: Reason
    message: str


def carried_out(steps: Iterable[Step], troubles: Iterable[Trouble]) -> list[Step]:
    """The steps of a pass that were done: those that met no trouble."""
    undone = {id(trouble.step) for trouble in troubles}
    return [step for step in steps if id(step) not in undone]


class Actor:
    """Carries out the steps of one pass of one pool.

    Attributes:
        row_removed: The server has removed a runner row.
        row_kept: Why it did not remove one, or did not say which there are; None if that happened to none.
    """

    def __init__(
        self,
        snapshot: PoolSnapshot,
        inputs: PodInputs | None,
        world: World,
        *,
        link: ServerLink | None,
        cautious: bool = False,
    ) -> None:
        """Take what one pass works with.

        Args:
            snapshot: What the plan was made from.
            inputs: What pods get besides what the spec asks for; None while that cannot be told: none is made then.
            world: The ports.
            link: None: the way to the server is barred (its Secret is missing, say); steps that need it wait.
            cautious: Creations were refused last: one is tried, and the others only if it works.
        """
        self._snapshot = snapshot
        self._cluster = world.cluster
        self._link = link
        self._recorder = world.recorder
        self._cluster_id = world.cluster_id
        self._provisioner = Provisioner(
            snapshot.pool, inputs, cluster=world.cluster, link=link, cluster_id=world.cluster_id
        )
        self._resource_version = snapshot.pool.resource_version
        self._reserved = set(snapshot.reserved)
        self._cautious = cautious
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._timed_out: TimedOut | None = None
        self.row_removed = False
        self.row_kept: Reason | None = None

    @property
    def _pool(self) -> Pool:
        return self._snapshot.pool

    async def carry_out(self, plan: Plan) -> tuple[Trouble, ...]:
        """Do all steps but the removal of the finalizer, as far as they go; what went wrong.

        Writes to `status.reserved` come first, one after the other, as each moves the pool's resourceVersion; the rest
        runs side by side, since no two steps name the same pod.

        Raises:
            Conflict: Another writer has changed the pool since it was read; nothing was created. Plan anew.
            ClusterError: The reservation could not be written.
        """
        steps: list[Step] = []
        for step in plan.steps:
            if isinstance(step, Reserve | ReleaseReserved):
                await self._write_reserved(step)
                if isinstance(step, Reserve):
                    steps += [
                        Create(ordinal=ordinal, reason=step.reason, message=step.message) for ordinal in step.ordinals
                    ]
            elif not isinstance(step, RemoveFinalizer):
                steps.append(step)
        first = next((step for step in steps if isinstance(step, Create)), None)
        if self._cautious and first is not None and (trouble := await self._attempt(first)):
            return (trouble, *await self._attempt_all(step for step in steps if not isinstance(step, Create)))
        return await self._attempt_all(step for step in steps if not (self._cautious and step is first))

    async def _attempt_all(self, steps: Iterable[Step]) -> tuple[Trouble, ...]:
        """All end before the pass does, though one fails by a fault of ours: none may run on into the next pass."""
        results = await asyncio.gather(*(self._attempt(step) for step in steps), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return tuple(result for result in results if isinstance(result, Trouble))

    async def _write_reserved(self, step: Reserve | ReleaseReserved) -> None:
        ordinals = set(step.ordinals)
        self._reserved = self._reserved | ordinals if isinstance(step, Reserve) else self._reserved - ordinals
        last = max(self._snapshot.last_ordinal, *step.ordinals)
        self._resource_version = await self._cluster.write_reserved(
            self._pool, self._resource_version, sorted(self._reserved), last
        )

    async def _attempt(self, step: Step) -> Trouble | None:
        async with self._gate:
            try:
                if self._timed_out is not None and not isinstance(step, _WITHOUT_THE_SERVER):
                    raise self._timed_out.again(None)
                await self._do(step)
            except (Conflict, NotFound):
                # The pod has gone or is another one by now: the next pass sees what is there instead.
                return None
            except (ClusterError, PeerTubeError) as error:
                if isinstance(error, PeerTubeError) and isinstance(step, RowStep):
                    self.row_kept = error.reason
                if isinstance(error, TimedOut):
                    # Each further call could cost its whole time limit: of hundreds, a pass would take many minutes.
                    self._timed_out = error
                return Trouble(step=step, reason=error.reason, message=error.message)
        key = PoolKey(self._pool.namespace, self._pool.name)
        _log.info("%s: %s (%s)", key, step.message, step.reason)
        self._recorder.step_done(key, step_name(step), step.reason)
        return None

    async def _do(self, step: Step) -> None:
        match step:
            case Create():
                await self._provisioner.create(step.ordinal)
            case Complete():
                await self._provisioner.complete(step.pod, step.uid)
            case Drain():
                await self._cluster.order_drain(
                    self._pool.namespace, step.pod, step.uid,
                    order=step.order, since=self._snapshot.now, reason=step.reason,
                )  # fmt: skip
            case Mark():
                await self._cluster.mark_pod(self._pool.namespace, step.pod, step.uid, evictable=step.evictable)
            case Remove() | ForceDelete():
                await self._remove(step)
            case Discard():
                await self._discard(step)
            case Stop():
                await self._cluster.delete_pod(self._pool.namespace, step.pod, step.uid)
            case Unregister():
                await self._unregister(step)
            case Reserve() | ReleaseReserved() | RemoveFinalizer():
                raise AssertionError(step)  # sorted out by carry_out

    async def _discard(self, step: Discard) -> None:
        """Pod first, as it was seen: another operator may be letting it go to work just now. A row left is a ghost.

        But not before the server has told which rows there are: the pod is the record that its row is looked for by.
        """
        link, rows = await self._rows_of(step.pod)
        await self._cluster.delete_pod(self._pool.namespace, step.pod, step.uid, version=step.version)
        for row in rows:
            await self._delete_row(link, row.id)

    async def _remove(self, step: Remove | ForceDelete) -> None:
        """Row first, pod last: the pod is the record that the row is looked for by.

        And a runner on a lost node that has no row any more does no harm when the node comes back.
        """
        link, rows = await self._rows_of(step.pod)
        for row in rows:
            if step.reason in _CAUSES:
                self._tell_credited_job(row.name)
            await self._delete_row(link, row.id)
        force = isinstance(step, ForceDelete)
        await self._cluster.delete_pod(self._pool.namespace, step.pod, step.uid, force=force)

    async def _rows_of(self, pod: str) -> tuple[ServerLink, list[RunnerAccount]]:
        """The way to the server, and our rows of this pod: as known, else as the server tells now."""
        if self._link is None:
            raise ClusterError(Reason.WAITING_FOR_SERVER, f"pod {pod} stays until its runner can be unregistered")
        rows = self._link.rows
        if rows is None or all(row.name != pod for row in rows):
            rows = await self._link.refresh_rows()
        return self._link, [row for row in rows if row.name == pod and self._is_ours(row)]

    def _is_ours(self, row: RunnerAccount) -> bool:
        """It bears this pool's mark: a pod whose name somebody has taken on the server was never registered."""
        return belongs(row.description, runner=row.name, cluster_id=self._cluster_id, pool_uid=self._pool.uid)

    async def _unregister(self, step: Unregister) -> None:
        if self._link is None:
            raise ClusterError(Reason.WAITING_FOR_SERVER, f"runner {step.runner} stays until the server can be asked")
        self._tell_credited_job(step.runner)
        await self._delete_row(self._link, step.row_id)

    async def _delete_row(self, link: ServerLink, row_id: int) -> None:
        await link.delete_runner(row_id)
        self.row_removed = True

    def _tell_credited_job(self, runner: str) -> None:
        """A row that goes while a job is credited to it leaves the job to the server's watchdog: say which.

        Not asked of a pod that drained or handed its jobs back: the last reading may well be older than that.
        """
        reading = self._link.last_known if self._link else None
        for job in reading.active if reading else ():
            if job.runner == runner:
                _log.warning(
                    "%s/%s: runner %s is unregistered while %s is credited to it; the server takes it back",
                    self._pool.namespace, self._pool.name, runner, describe(job.uuid, job),
                )  # fmt: skip


def step_name(step: Step) -> str:
    """The step's name in metrics: create, complete, drain, abort, remove, discard, unregister and so on."""
    if isinstance(step, Drain):
        return step.order if step.order == names.ABORT_ORDER else names.DRAIN_ORDER
    return type(step).__name__.lower()
