"""In-memory doubles of the ports: a cluster and a server that keep state and refuse what the real ones do."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from runnerpool.api import names
from runnerpool.api.pool import Pool
from runnerpool.api.reasons import Reason
from runnerpool.api.times import format_time
from runnerpool.cluster import observe
from runnerpool.cluster.errors import AlreadyExists, Conflict, NotFound
from runnerpool.peertube.endpoint import Endpoint
from runnerpool.planning.jobs import ServerReading
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.server import ServerFacts
from runnerpool.planning.snapshot import RunnerPod
from support.builders import MODERN

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, moment: datetime = START) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class FakeCluster:
    """Keeps one pool, its pods, Secrets and events, with the API server's preconditions.

    `fail` maps a method's name to an error that its next call raises instead of doing anything; `refuse` to one that
    every call raises. `hide_once`: the next LIST is an old one, without any pod. `namespace_going`: somebody
    deletes the namespace.
    """

    def __init__(self, pool: Mapping[str, Any], clock: FakeClock) -> None:
        self.pool: dict[str, Any] | None = deepcopy(dict(pool))
        self.pods: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, dict[str, Any]] = {}
        self.logins: dict[str, dict[str, str]] = {}
        self.events: list[Mapping[str, Any]] = []
        self.status_writes: list[Mapping[str, Any]] = []
        self.calls: list[str] = []
        self.forced: list[str] = []
        self.deleted_versions: dict[str, str] = {}
        self.fail: dict[str, BaseException] = {}
        self.refuse: dict[str, BaseException] = {}
        self.hide_once = False
        self.namespace_going = False
        self._clock = clock
        self._uids = (f"pod-uid-{number}" for number in itertools.count(1))
        self._versions = (str(number) for number in itertools.count(1000))
        self._touch()

    def _touch(self) -> None:
        assert self.pool is not None
        self.pool["metadata"]["resourceVersion"] = next(self._versions)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        error = self.fail.pop(name, None) or self.refuse.get(name)
        if error is not None:
            raise error

    async def get_pool(self, namespace: str, name: str) -> dict[str, Any]:
        self._called("get_pool")
        if self.pool is None or (namespace, name) != (
            self.pool["metadata"]["namespace"],
            self.pool["metadata"]["name"],
        ):
            raise NotFound(Reason.NOT_FOUND, f"{namespace}/{name}")
        return deepcopy(self.pool)

    async def namespace_ends(self, namespace: str) -> bool:
        self._called("namespace_ends")
        return self.namespace_going

    async def list_pods(self, pool: Pool) -> tuple[RunnerPod, ...]:
        self._called("list_pods")
        if self.hide_once:
            self.hide_once = False
            return ()
        return observe.owned_pods(self.pods.values(), pool.name, pool.uid)

    async def create_pod(self, manifest: Mapping[str, Any]) -> str:
        self._called("create_pod")
        name = manifest["metadata"]["name"]
        if name in self.pods:
            raise AlreadyExists(Reason.NAME_TAKEN, name)
        pod = deepcopy(dict(manifest))
        pod["metadata"] |= {"uid": next(self._uids), "creationTimestamp": format_time(self._clock.now())}
        pod["status"] = {"phase": "Pending"}
        self.pods[name] = pod
        return str(pod["metadata"]["uid"])

    async def ungate_pod(self, namespace: str, name: str, uid: str) -> None:
        self._called("ungate_pod")
        del self._pod(name, uid)["spec"]["schedulingGates"]

    async def order_drain(
        self, namespace: str, name: str, uid: str, *, order: str, since: datetime, reason: Reason
    ) -> None:
        self._called("order_drain")
        annotations = self._pod(name, uid)["metadata"].setdefault("annotations", {})
        annotations[names.ANNOTATION_DRAIN] = order
        annotations[names.since_annotation(order)] = format_time(since)
        annotations[names.ANNOTATION_DRAIN_REASON] = str(reason)

    async def mark_pod(self, namespace: str, name: str, uid: str, *, evictable: bool) -> None:
        self._called("mark_pod")
        self._pod(name, uid)["metadata"]["annotations"] |= names.IDLE_MARKS if evictable else names.BUSY_MARKS

    async def pod_controller(self, namespace: str, name: str) -> str | None:
        self._called("pod_controller")
        return observe.holder_uid(self.pods[name]) if name in self.pods else None

    async def delete_pod(self, namespace: str, name: str, uid: str, *, version: str = "", force: bool = False) -> None:
        self._called("delete_pod")
        if force:
            self.forced.append(name)
        if version:
            self.deleted_versions[name] = version
        if name in self.pods:
            self._pod(name, uid)
            del self.pods[name]
            self.secrets.pop(name, None)  # the garbage collector's work

    def _pod(self, name: str, uid: str) -> dict[str, Any]:
        if name not in self.pods:
            raise NotFound(Reason.NOT_FOUND, name)
        if self.pods[name]["metadata"]["uid"] != uid:
            raise Conflict(Reason.CONFLICT, name)
        return self.pods[name]

    async def create_secret(self, manifest: Mapping[str, Any]) -> None:
        self._called("create_secret")
        if manifest["metadata"]["name"] in self.secrets:
            raise AlreadyExists(Reason.NAME_TAKEN, manifest["metadata"]["name"])
        self.secrets[manifest["metadata"]["name"]] = deepcopy(dict(manifest))

    async def secret_owner(self, namespace: str, name: str) -> str | None:
        self._called("secret_owner")
        if name not in self.secrets:
            return None
        return str(self.secrets[name]["metadata"]["ownerReferences"][0]["uid"])

    async def read_secret(self, namespace: str, name: str) -> dict[str, SecretStr]:
        self._called("read_secret")
        if name not in self.logins:
            raise NotFound(Reason.NOT_FOUND, name)
        return {key: SecretStr(value) for key, value in self.logins[name].items()}

    async def write_reserved(
        self, pool: Pool, resource_version: str, reserved: Sequence[int], last_ordinal: int
    ) -> str:
        self._called("write_reserved")
        assert self.pool is not None
        if self.pool["metadata"]["resourceVersion"] != resource_version:
            raise Conflict(Reason.CONFLICT, pool.name)
        self.pool.setdefault("status", {}).update(reserved=list(reserved), lastOrdinal=last_ordinal)
        self._touch()
        return str(self.pool["metadata"]["resourceVersion"])

    async def patch_status(self, pool: Pool, status: Mapping[str, Any]) -> None:
        self._called("patch_status")
        assert self.pool is not None
        self.status_writes.append(deepcopy(dict(status)))
        self.pool.setdefault("status", {}).update(deepcopy(dict(status)))
        self._touch()

    async def set_finalizers(self, body: Mapping[str, Any], finalizers: Sequence[str]) -> dict[str, Any]:
        self._called("set_finalizers")
        assert self.pool is not None
        if self.pool["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise Conflict(Reason.CONFLICT, self.pool["metadata"]["name"])
        self.pool["metadata"]["finalizers"] = list(finalizers)
        self._touch()
        result = deepcopy(self.pool)
        if not finalizers and "deletionTimestamp" in self.pool["metadata"]:
            self.pool = None
        return result

    async def post_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        self._called("post_event")
        self.events.append(event)

    # What a kubelet and a user would do.

    def start(self, name: str) -> None:
        """An ungated pod becomes ready."""
        assert "schedulingGates" not in self.pods[name]["spec"], f"{name} is gated"
        moment = format_time(self._clock.now())
        condition = {"type": "Ready", "status": "True", "lastTransitionTime": moment}
        self.pods[name]["status"] = {"phase": "Running", "conditions": [condition]}

    def lose_readiness(self, name: str) -> None:
        """The agent is up, and its readiness probe fails from now on."""
        conditions = [
            {"type": kind, "status": "False", "lastTransitionTime": format_time(self._clock.now())}
            for kind in ("Ready", "ContainersReady")
        ]
        self.pods[name]["spec"]["nodeName"] = "node-1"
        self.pods[name]["status"] = {
            "phase": "Running",
            "conditions": conditions,
            "containerStatuses": [{"started": True, "state": {"running": {}}}],
        }

    def lose_node(self, name: str) -> None:
        """The pod's node answers no more: the node controller takes its readiness, and leaves its containers' word."""
        self.lose_readiness(name)
        for condition in self.pods[name]["status"]["conditions"]:
            condition["status"] = "True" if condition["type"] == "ContainersReady" else "False"

    def annotations(self, name: str) -> dict[str, str]:
        return dict(self.pods[name]["metadata"].get("annotations") or {})

    def end(self, name: str, *, succeeded: bool = True) -> None:
        """The agent exits: with 0, or since its runner has crashed too often."""
        ended = {"exitCode": 0 if succeeded else 4, "finishedAt": format_time(self._clock.now())}
        self.pods[name]["status"] = {
            "phase": "Succeeded" if succeeded else "Failed",
            "containerStatuses": [{"state": {"terminated": ended}}],
        }

    def delete_pool(self) -> None:
        """`kubectl delete trp`."""
        assert self.pool is not None
        self.pool["metadata"]["deletionTimestamp"] = format_time(self._clock.now())
        self._touch()

    @property
    def status(self) -> dict[str, Any]:
        assert self.pool is not None
        return dict(self.pool.get("status") or {})

    def condition(self, kind: str) -> dict[str, Any]:
        return next(condition for condition in self.status["conditions"] if condition["type"] == kind)


@dataclass(frozen=True)
class FakeRow:
    """A runner row, as the server lists it."""

    id: int
    name: str
    description: str
    last_contact: datetime | None = None


@dataclass
class FakeLink:
    """A server whose queue the test writes by hand."""

    reading: ServerReading | QueueUnknown = field(default_factory=lambda: ServerReading(at=START))
    last_known: ServerReading | None = None
    known_since: datetime | None = START
    rows: tuple[FakeRow, ...] | None = ()
    facts: ServerFacts | None = MODERN
    fail_register: Exception | None = None
    fail_removal: Exception | None = None
    fail_repair: Exception | None = None
    fail_at: str = "transcode"
    full_reads: int = 0
    repairs: list[tuple[str, ...]] = field(default_factory=list)
    moved_on: set[str] = field(default_factory=set)
    removable: set[int] = field(default_factory=set)

    def set(self, **changes: Any) -> None:
        """Change the queue."""
        base = self.reading if isinstance(self.reading, ServerReading) else ServerReading(at=START)
        self.reading = self.last_known = replace(base, **changes)

    async def register(self, name: str, description: str) -> SecretStr:
        if self.fail_register is not None:
            raise self.fail_register
        rows = tuple(row for row in self.rows or () if row.name != name)
        number = max((row.id for row in rows), default=0) + 1
        self.rows = (*rows, FakeRow(id=number, name=name, description=description))
        return SecretStr(f"ptrt-{name}")

    async def delete_runner(self, row_id: int) -> None:
        if self.fail_removal is not None and row_id not in self.removable:
            raise self.fail_removal
        self.rows = tuple(row for row in self.rows or () if row.id != row_id)

    async def refresh_rows(self) -> tuple[FakeRow, ...]:
        return self.rows or ()

    async def cancel_job(self, uuid: str) -> bool:
        return self._repair("cancel", uuid)

    async def delete_job(self, uuid: str) -> bool:
        return self._repair("delete", uuid)

    async def transcode_video(self, video: str, kind: str) -> None:
        self._repair("transcode", video, str(kind))

    def _repair(self, *call: str) -> bool:
        if self.fail_repair is not None and call[0] == self.fail_at:
            raise self.fail_repair
        self.repairs.append(call)
        return call[1] not in self.moved_on

    def request_full_read(self) -> None:
        self.full_reads += 1


class FakeLinks:
    """Hands one link to everybody."""

    def __init__(self, link: FakeLink) -> None:
        self.link = link
        self.released = 0
        self.endpoint: Endpoint | None = None
        self.last_known: ServerReading | None = None

    def acquire(
        self,
        key: object,
        endpoint: Endpoint,
        wake: Callable[[], None],
        want: object,
        last_known: ServerReading | None = None,
    ) -> FakeLink:
        self.endpoint, self.last_known = endpoint, last_known
        return self.link

    def release(self, key: object) -> None:
        self.released += 1
