"""A small world that plans act on: a cluster, a server, its jobs, and time, all in memory, all at the test's command.

It keeps the promises that the real ones keep (preconditions, one-way drains, idempotent creation) and no others. After
every single event it checks what must hold at every moment.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.names import ABORT_ORDER
from runnerpool.api.pool import Pool
from runnerpool.planning.plan import (
    Complete,
    Create,
    Discard,
    Drain,
    ForceDelete,
    Mark,
    ReleaseReserved,
    Remove,
    RemoveFinalizer,
    Reserve,
    Step,
    Stop,
    Unregister,
)
from runnerpool.planning.queue import QueueKnown
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod, RunnerRow
from support.builders import BUILD, MODERN, NOW, TEMPLATE, make_pod, pod_called, unknown

BACK_OFF = timedelta(seconds=10)
"""After a pod that failed."""


class Crashed(Exception):
    """A write met a precondition that does not hold any more; the pass ends there, as it does in the operator."""


@dataclass(kw_only=True)
class World:
    """`held`: jobs by the name of the pod that holds them. `broken`: templates whose pods never become ready."""

    pool: Pool
    now: datetime = NOW
    pods: dict[str, RunnerPod] = field(default_factory=dict)
    rows: dict[int, str] = field(default_factory=dict)
    reserved: set[int] = field(default_factory=set)
    last_ordinal: int = 0
    pending: int = 0
    held: Counter[str] = field(default_factory=Counter)
    done: int = 0
    arrived: int = 0
    queue_known: bool = True
    pool_gone: bool = False
    observed_since: datetime = NOW
    last_job_seen: dict[str, datetime] = field(default_factory=dict)
    template: str = TEMPLATE
    build: str = BUILD
    broken: set[str] = field(default_factory=set)
    create_not_before: datetime | None = None
    version: int = 0
    _row_ids: int = 0
    _pod_uids: int = 0

    # What the operator sees

    def snapshot(self) -> PoolSnapshot:
        """Rows first, then pods, all at one moment; who holds jobs is noted, as the operator does."""
        self.last_job_seen |= {name: self.now for name, jobs in self.held.items() if jobs and self.queue_known}
        held = {name: jobs for name, jobs in self.held.items() if jobs}
        queue = QueueKnown(at=self.now, pending=self.pending, held=held)
        return PoolSnapshot(
            now=self.now,
            pool=self.pool.model_copy(update={"resource_version": str(self.version)}),
            queue=queue if self.queue_known else unknown(),
            pods=tuple(self.pods.values()),
            reserved=tuple(sorted(self.reserved)),
            last_ordinal=self.last_ordinal,
            rows=tuple(RunnerRow(id=number, name=name) for number, name in self.rows.items()),
            last_job_seen=dict(self.last_job_seen),
            observed_since=self.observed_since,
            template_hash=self.template,
            build_hash=self.build,
            facts=MODERN,
            create_not_before=self.create_not_before,
        )

    # What the operator does

    def act(self, snapshot: PoolSnapshot, step: Step) -> None:
        """Carry out one step of a plan that was made from a snapshot, maybe an old one.

        Raises:
            Crashed: The pool has changed since, and the step was to write to it.
        """
        match step:
            case Reserve() | ReleaseReserved():
                self._write_reserved(snapshot, step)
            case Create():
                self.create(step.ordinal, template=snapshot.template_hash, build=snapshot.build_hash)
            case Complete():
                self._complete(step)
            case Mark():
                self._mark(step)
            case Drain():
                self._drain(step)
            case Stop() | Discard() | Remove() | ForceDelete():
                self._delete(step)
            case Unregister():
                self._unregister(number=step.row_id)
            case RemoveFinalizer():
                self.pool_gone = True

    def _write_reserved(self, snapshot: PoolSnapshot, step: Reserve | ReleaseReserved) -> None:
        if snapshot.pool.resource_version != str(self.version):
            raise Crashed
        if isinstance(step, Reserve):
            self.reserved |= set(step.ordinals)
            self.last_ordinal = max(self.last_ordinal, *step.ordinals)
        else:
            self.reserved -= set(step.ordinals)

    def touch(self) -> None:
        """The pool is another version now: what was planned for the old one may not be written."""
        self.version += 1

    def change(self, **spec: object) -> None:
        """Somebody writes to the pool's spec."""
        changed = self.pool.spec.model_copy(update=spec)
        self.pool = self.pool.model_copy(update={"spec": changed})
        self.touch()

    def create(self, ordinal: int, *, template: str = TEMPLATE, build: str = BUILD) -> None:
        if pod_called(ordinal) not in self.pods:
            self._pod_uids += 1
            hashes = {"template_hash": template, "build_hash": build}
            pod = make_pod(ordinal, PodStage.GATED, created=self.now, evictable=False, **hashes)
            self.pods[pod.name] = replace(pod, uid=f"uid-{self._pod_uids}")

    def _mark(self, step: Mark) -> None:
        pod = self._same(step.pod, step.uid)
        if pod is not None:
            self.pods[pod.name] = replace(pod, evictable=step.evictable)

    def _complete(self, step: Complete) -> None:
        pod = self._same(step.pod, step.uid)
        if pod is not None and pod.stage is PodStage.GATED:
            self.register(pod.name)
            self.pods[pod.name] = replace(pod, stage=PodStage.STARTING, has_run=False)

    def register(self, name: str) -> None:
        """A row of that name is replaced: its token is lost."""
        self._unregister(name=name)
        self._row_ids += 1
        self.rows[self._row_ids] = name

    def _drain(self, step: Drain) -> None:
        pod = self._same(step.pod, step.uid)
        if pod is not None:
            self.pods[pod.name] = replace(
                pod, drain_order=step.order, drain_since=self.now, drain_reason=str(step.reason)
            )

    def _delete(self, step: Stop | Discard | Remove | ForceDelete) -> None:
        if not isinstance(step, Stop):
            self._unregister(name=step.pod)
        pod = self._same(step.pod, step.uid)
        if pod is None:
            return
        if isinstance(step, ForceDelete) or pod.stage in {PodStage.GATED, PodStage.ENDED} or not pod.has_run:
            self._vanish(pod)
        else:
            self.pods[pod.name] = replace(pod, deleting=True)

    def _vanish(self, pod: RunnerPod) -> None:
        assert not self.held[pod.name], f"{pod.name} is deleted with a job in hand"
        del self.pods[pod.name]

    def _unregister(self, *, name: str | None = None, number: int | None = None) -> None:
        self.rows = {key: row for key, row in self.rows.items() if row != name and key != number}

    def _same(self, name: str, uid: str) -> RunnerPod | None:
        pod = self.pods.get(name)
        return pod if pod is not None and pod.uid == uid else None

    # What happens by itself

    def runners(self, *stages: PodStage) -> list[str]:
        return sorted(name for name, pod in self.pods.items() if pod.stage in stages and not pod.deleting)

    def start(self, name: str) -> None:
        pod = self.pods[name]
        if pod.stage is PodStage.STARTING and pod.template_hash not in self.broken:
            self.pods[name] = replace(
                pod, stage=PodStage.READY, ready_since=self.now, has_run=True, started=True, unready_since=None
            )

    def lose_readiness(self, name: str) -> None:
        pod = self.pods[name]
        self.pods[name] = replace(pod, stage=PodStage.STARTING, ready_since=None, unready_since=self.now)

    def enqueue(self, jobs: int) -> None:
        self.pending += jobs
        self.arrived += jobs

    def take(self, name: str) -> None:
        """A ready runner takes a job, unless it was told to drain or has no free slot."""
        pod = self.pods[name]
        free = self.held[name] < self.pool.spec.runner.concurrency
        if pod.stage is PodStage.READY and pod.drain_order is None and free and self.pending:
            self.pending -= 1
            self.held[name] += 1

    def finish(self, name: str) -> None:
        if self.held[name]:
            self.held[name] -= 1
            self.done += 1

    def obey(self, name: str) -> None:
        """A runner that runs acts on its order: abort hands jobs back, drain waits for them; then it exits 0."""
        pod = self.pods[name]
        if pod.drain_order is None or not pod.has_run or pod.stage is PodStage.ENDED:
            return
        if pod.drain_order == ABORT_ORDER:
            self._hand_back(name)
        if not self.held[name]:
            self._end(name, succeeded=True)

    def fail(self, name: str) -> None:
        """A crash; the server's watchdog gives the jobs back to the queue."""
        self._hand_back(name)
        self._end(name, succeeded=False)
        self.create_not_before = self.now + BACK_OFF

    def evict(self, name: str) -> None:
        """The cluster takes a pod away: it hands back what it holds, and vanishes."""
        self._hand_back(name)
        del self.pods[name]

    def _hand_back(self, name: str) -> None:
        self.pending += self.held.pop(name, 0)

    def _end(self, name: str, *, succeeded: bool) -> None:
        failure = None if succeeded else FailureCause.RUNNER_CRASHED
        self.pods[name] = replace(
            self.pods[name], stage=PodStage.ENDED, succeeded=succeeded, failure=failure, ready_since=None,
            ended_at=self.now, unready_since=None,
        )  # fmt: skip

    def order_by_hand(self, name: str) -> None:
        if self.pods[name].drain_order is None:
            self.pods[name] = replace(self.pods[name], drain_order="maintenance", drain_since=None)

    def leave_row(self, ordinal: int) -> None:
        """A row of this pool that some crash left, unless there is one of that name."""
        name = pod_called(ordinal)
        if name not in self.rows.values() and name not in self.pods:
            self.register(name)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def live_on(self) -> None:
        """Everything that can happen by itself happens: starts, drains, one round of jobs."""
        for name in self.runners(PodStage.STARTING):
            self.start(name)
        for name in sorted(self.pods):
            if self.pods[name].deleting:
                self.evict(name)
                continue
            self.finish(name)
            self.obey(name)
        for name in self.runners(PodStage.READY):
            self.take(name)

    # What must hold

    @property
    def takers(self) -> set[int]:
        return {pod.ordinal for pod in self.pods.values() if pod.may_take_work}

    @property
    def counted(self) -> set[int]:
        """What counts against the cap: pods that may take work, and everything that is promised."""
        return self.takers | self.reserved

    @property
    def old(self) -> set[int]:
        """Pods that may take work and are not what a pod made now would be."""
        present = (self.template, self.build)
        hashes = {pod.ordinal: (pod.template_hash, pod.build_hash) for pod in self.pods.values()}
        return {ordinal for ordinal in self.takers if hashes[ordinal] != present}

    @property
    def cap(self) -> int:
        """What the spec allows: a rollout's surge only while there is somebody to replace."""
        spec = self.pool.spec
        return spec.scaling.max_replicas + (spec.rollout.max_surge if self.old else 0)

    @property
    def unfinished(self) -> set[int]:
        return {pod.ordinal for pod in self.pods.values() if pod.unfinished}

    def check_jobs(self) -> None:
        assert self.pending + sum(self.held.values()) + self.done == self.arrived
