"""The world as the control layer sees it. Adapters below fulfil these; tests give doubles."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from pydantic import SecretStr

from runnerpool.api.conditions import Condition
from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.identity import PoolIdentity
from runnerpool.api.pool import Pool
from runnerpool.api.reasons import Reason
from runnerpool.peertube.accounts import RunnerAccount
from runnerpool.peertube.endpoint import Endpoint
from runnerpool.peertube.reading import Want
from runnerpool.planning.jobs import ServerReading
from runnerpool.planning.plan import Plan
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.repair_steps import TranscodingKind
from runnerpool.planning.server import ServerFacts
from runnerpool.planning.snapshot import PoolSnapshot, RunnerPod
from runnerpool.planning.stuck import StuckJob


class PoolKey(NamedTuple):
    """What a pool is called in the cluster."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """`namespace/name`, as people write it."""
        return f"{self.namespace}/{self.name}"


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Aware UTC."""


class Cluster(Protocol):
    """The Kubernetes cluster (`runnerpool.cluster.gateway`). Methods raise `ClusterError` kinds only."""

    async def get_pool(self, namespace: str, name: str) -> dict[str, Any]:
        """The pool as it is now."""

    async def namespace_ends(self, namespace: str) -> bool:
        """The namespace is being deleted, as far as we may know."""

    async def list_pods(self, pool: Pool) -> tuple[RunnerPod, ...]:
        """A fresh LIST of the pods that the pool controls."""

    async def create_pod(self, manifest: Mapping[str, Any]) -> str:
        """Create a pod; its UID."""

    async def ungate_pod(self, namespace: str, name: str, uid: str) -> None:
        """Take our gate off a pod."""

    async def order_drain(
        self, namespace: str, name: str, uid: str, *, order: str, since: datetime, reason: Reason
    ) -> None:
        """Annotate the pod."""

    async def mark_pod(self, namespace: str, name: str, uid: str, *, evictable: bool) -> None:
        """Tell node autoscalers whether they may move the pod."""

    async def pod_controller(self, namespace: str, name: str) -> str | None:
        """UID of the pool that a pod belongs to; "" if to none, None if there is no such pod."""

    async def delete_pod(self, namespace: str, name: str, uid: str, *, version: str = "", force: bool = False) -> None:
        """Delete a pod, only as it was seen if `version` tells; `force`: without its node's word."""

    async def create_secret(self, manifest: Mapping[str, Any]) -> None:
        """Create a Secret."""

    async def secret_owner(self, namespace: str, name: str) -> str | None:
        """UID of a Secret's first owner."""

    async def read_secret(self, namespace: str, name: str) -> dict[str, SecretStr]:
        """The values of a Secret."""

    async def write_reserved(
        self, pool: Pool, resource_version: str, reserved: Sequence[int], last_ordinal: int
    ) -> str:
        """Write the reserved ordinals under a precondition."""

    async def patch_status(self, pool: PoolIdentity, status: Mapping[str, Any]) -> None:
        """Write the given fields of the status."""

    async def set_finalizers(self, body: Mapping[str, Any], finalizers: Sequence[str]) -> dict[str, Any]:
        """Replace the pool's finalizers under a precondition."""

    async def post_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        """Create an Event."""


class Recorder(Protocol):
    """Where control's doings are counted (`runnerpool.metrics`)."""

    def pass_done(self, key: PoolKey, result: str, seconds: float) -> None:
        """One pass of a pool ended. `result`: success, conflict, error."""

    def planned(self, snapshot: PoolSnapshot, plan: Plan) -> None:
        """The state that a pass saw, and what it decided."""

    def conditions_found(self, key: PoolKey, conditions: Iterable[Condition]) -> None:
        """The conditions that a pass judged."""

    def step_done(self, key: PoolKey, step: str, reason: Reason) -> None:
        """One step was carried out. `step`: create, drain, abort, remove, discard, unregister."""

    def pods_failed(self, key: PoolKey, causes: Iterable[FailureCause]) -> None:
        """Pods that were found failed, or given up as sick: a cause for each."""

    def lost_work(self, key: PoolKey, cause: str, seconds: int) -> None:
        """Encoding came to nothing as a pod ended. `cause`: why it did."""

    def stuck_found(self, key: PoolKey, stuck: Iterable[StuckJob], now: datetime) -> None:
        """The jobs of the pool's types that do not move, as a pass found them; causes left out have none."""

    def reclaimed(self, key: PoolKey, way: str, seconds: float) -> None:
        """A job of a pod that ended is back in the queue, or in other hands. `way`: abort, watchdog."""

    def forget(self, key: PoolKey) -> None:
        """The pool has gone: its series vanish."""


class ServerLink(Protocol):
    """One pool's access to its server: the shared poller's knowledge, and the writes."""

    @property
    def reading(self) -> ServerReading | QueueUnknown:
        """The queue as last read, or why it is unknown."""

    @property
    def known_since(self) -> datetime | None:
        """Since when the queue has been known without a break; None while it is not."""

    @property
    def last_known(self) -> ServerReading | None:
        """The last reading that succeeded, however old."""

    @property
    def facts(self) -> ServerFacts | None:
        """What the server can do, as last told; never None once its queue was read."""

    @property
    def rows(self) -> tuple[RunnerAccount, ...] | None:
        """All runner rows of the server as last listed; None before the first time."""

    async def register(self, name: str, description: str) -> SecretStr:
        """Register a runner; its token. A row of ours of that name is replaced, as its token is lost."""

    async def delete_runner(self, row_id: int) -> None:
        """Remove a runner row; one that has gone already is fine."""

    async def refresh_rows(self) -> tuple[RunnerAccount, ...]:
        """List the rows now."""

    async def cancel_job(self, uuid: str) -> bool:
        """Cancel a job; False if there was nothing to cancel any more."""

    async def delete_job(self, uuid: str) -> bool:
        """Remove a job; False if it has gone already."""

    async def transcode_video(self, video: str, kind: TranscodingKind) -> None:
        """Have a video transcoded anew."""

    def request_full_read(self) -> None:
        """Read the whole queue at the next turn: something that we did has changed it."""


class Links(Protocol):
    """The shared pollers, one an endpoint."""

    def acquire(
        self,
        key: PoolKey,
        endpoint: Endpoint,
        wake: Callable[[], None],
        want: Want,
        last_known: ServerReading | None = None,
    ) -> ServerLink:
        """The pool's link; the same one as before while the endpoint has not changed."""

    def release(self, key: PoolKey) -> None:
        """The pool needs its link no more; unknown keys are fine."""
