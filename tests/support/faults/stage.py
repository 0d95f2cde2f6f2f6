"""One fault test's own place on the shared control plane: all between a pool and its server, and what breaks it."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from support.cluster.errors import ClusterError
from support.cluster.local import LocalCluster
from support.cluster.writes import KubeWriter
from support.faults.api_proxy import ApiProxy
from support.faults.pod_player import PodPlayer
from support.faults.rights import NamespacedRights
from support.faults.server import PeerTubeHere
from support.observer.observer import Observer
from support.stage import pools
from support.stage.errors import StageError
from support.stage.kube import Json, KubeReader
from support.stage.leftovers import leftovers
from support.stage.operator_process import OperatorProcess
from support.stage.pools import POOL_PATH, WEB_VIDEO, PoolOrder
from support.stage.waiting import until

Thing = TypeVar("Thing")

_TELL_SECONDS = 10.0
_EVENTS = "/api/v1/namespaces/{namespace}/events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who plays on a stage; `observer`, `api` and `player` are None where the test went without."""

    http: httpx.Client
    server: PeerTubeHere
    rights: NamespacedRights
    operator: OperatorProcess
    observer: Observer | None
    api: ApiProxy | None
    player: PodPlayer | None


class FaultStage:
    """A namespace, a server, an operator of this namespace alone under the chart's rights, a proxy, a pod player.

    Attributes:
        cluster: the control plane; its administrator is the test.
        http: to the API server, as administrator.
        reader: the same, for reads.
        writer: the same, for writes.
        server: the simulated PeerTube.
        rights: the operator's, to be taken away and given back.
        operator: its process, to be killed, frozen and started again; it runs when the test begins.
    """

    def __init__(self, cluster: LocalCluster, namespace: str, directory: Path, cast: Cast) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.directory = directory
        self.server = cast.server
        self.rights = cast.rights
        self.operator = cast.operator
        self.http = cast.http
        self.reader = KubeReader(self.http)
        self.writer = KubeWriter(self.http, namespace)
        self.canaries = [cast.server.password]
        self.expected_complaints: list[str] = []
        self._cast = cast

    @property
    def observer(self) -> Observer:
        """Judges the invariants when the test ends; `suspended` names those that a fault breaks on purpose.

        Raises StageError if the stage was ordered without.
        """
        return _there(self._cast.observer, "observer; order the stage with `observed=True`")

    @property
    def api(self) -> ApiProxy:
        """The proxy before the API server. Raises StageError if the stage was ordered without."""
        return _there(self._cast.api, "proxy; order the stage with `proxied=True`")

    @property
    def player(self) -> PodPlayer:
        """Who plays the pods. Raises StageError if the stage was ordered without."""
        return _there(self._cast.player, "player; order the stage with `played=True`")

    def pool(self, name: str = "vod", **spec: Any) -> str:
        """Create the pool and its Secret; its name. `spec` is merged into the usual one (`PoolOrder` of one job type).

        A value that is a mapping is merged, any other replaces: `pool(scaling={"maxReplicas": 5}, mode="Hold")`.
        """
        self.pools([name], **spec)
        return name

    def pools(self, names: Sequence[str], **spec: Any) -> None:
        """Create pools that are alike, and the Secret of all."""
        orders = [
            PoolOrder(
                name=name, server_url=self.server.url, password=self.server.password, job_types=(WEB_VIDEO,),
                idle_seconds=1,
            )
            for name in names
        ]  # fmt: skip
        manifests = [pools.pool_manifest(order, self.namespace) for order in orders]
        for manifest in manifests:
            manifest["spec"] = merged(manifest["spec"], spec)
        login = pools.secret_manifest(orders[0], self.namespace)
        if internal_url := spec.get("server", {}).get("internalUrl"):
            login["stringData"]["internalUrl"] = internal_url
        self.apply(login)
        for manifest in manifests:
            self.apply(manifest)

    def change_pool(self, name: str = "vod", **spec: Any) -> None:
        """Merge-patch a pool's spec."""
        self.patch_pool({"spec": spec}, name)

    def patch_pool(self, patch: Json, name: str = "vod") -> None:
        """Merge-patch a pool as its user."""
        self.writer.patch(pools.reference(name), patch)

    def delete_pool(self, name: str = "vod") -> None:
        """As its user does, and wait for nothing."""
        self.writer.delete(pools.reference(name))

    def delete_secret(self, name: str) -> None:
        """Remove a Secret, if it is there."""
        self.writer.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}, missing_ok=True)

    def apply(self, manifest: Json) -> None:
        """Create an object or change it. Raises ClusterError with the API server's message if it refuses."""
        self.writer.apply(manifest)

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """What kubectl prints, as administrator, in the stage's namespace."""
        return self.cluster.kubectl(f"--namespace={self.namespace}", *arguments, stdin=stdin, check=check).stdout

    def find_pool(self, name: str = "vod") -> Json | None:
        return self.reader.find(POOL_PATH.format(namespace=self.namespace, name=name))

    def status(self, name: str = "vod") -> Json:
        """The pool's status; {} while there is none."""
        return dict((self.find_pool(name) or {}).get("status") or {})

    def condition(self, kind: str, pool: str = "vod") -> Json | None:
        found = [told for told in self.status(pool).get("conditions") or [] if told["type"] == kind]
        return found[0] if found else None

    def wait_condition(
        self, kind: str, reason: str | None = None, *, status: str | None = None, within: float = _TELL_SECONDS,
        pool: str = "vod",
    ) -> Json:  # fmt: skip
        """The pool's condition as soon as it has the reason and the status that are given.

        Raises:
            StageError: it has not, within so many seconds.
        """

        def told() -> Json | None:
            found = self.condition(kind, pool) or {}
            fits = reason in (None, found.get("reason")) and status in (None, found.get("status"))
            return found if found and fits else None

        wanted = " ".join(word for word in (kind, status, reason) if word)
        return self.until(told, f"condition {wanted} of pool {pool}", within=within) or {}

    def events(self, reason: str | None = None) -> list[Json]:
        """Events of the namespace; those with a reason, or all."""
        found = self.reader.items(_EVENTS.format(namespace=self.namespace))
        return [event for event in found if reason in (None, event["reason"])]

    def await_events(self, reason: str, *, saying: str = "", within: float = 15) -> list[Json]:
        """Those with a reason and these words, as soon as there are any: an event is written after the condition."""

        def told() -> list[Json]:
            return [event for event in self.events(reason) if saying in event["message"]]

        found: list[Json] = self.until(told, f"an event {reason} {saying}".rstrip(), within=within)
        return found

    def pods(self, test: Callable[[Json], bool] = lambda _: True) -> list[Json]:
        """The namespace's pods that pass the test."""
        return [pod for pod in self.reader.pods(self.namespace) if test(pod)]

    def pod_names(self, test: Callable[[Json], bool] = lambda _: True) -> list[str]:
        return sorted(pod["metadata"]["name"] for pod in self.pods(test))

    def wait_pods(self, count: int, test: Callable[[Json], bool] | None = None, *, within: float = 15) -> list[str]:
        """The names of the pods that pass the test (default: Ready ones), as soon as there are so many."""
        chosen = test or is_ready

        def enough() -> tuple[list[str]] | None:
            names = self.pod_names(chosen)
            return (names,) if len(names) == count else None

        found = self.until(enough, f"{count} pods", within=within)
        return found[0] if found else []

    def await_pod_at_work(self, *, within: float = 15) -> str:
        """The name of a pod with a job in hand, as soon as there is one."""
        found = self.until(self.player.holding, "a pod with a job in hand", within=within)
        return str(next(iter(found)))

    def until(self, probe: Callable[[], Any], what: str, *, within: float) -> Any:
        """What the probe returns as soon as that is true. Raises StageError with what there is instead."""
        return until(probe, what, seconds=within, evidence=self.describe)

    def leftovers(self) -> list[str]:
        """Runner pods, their Secrets and their rows at the server."""
        return leftovers(self.reader, self.server, self.namespace)

    def await_nothing_left(self, *, within: float = 30) -> None:
        self.until(lambda: not self.leftovers(), "the end of all pods, Secrets and rows", within=within)

    def secret_found_nowhere(self, value: str) -> None:
        """Scan the operator's logs for one more secret at the end of the test."""
        self.canaries.append(value)

    def expect_complaint(self, words: str) -> None:
        """The test makes the operator fail: lines with these words are no fault of the log's."""
        self.expected_complaints.append(words)

    def describe(self) -> str:
        """What there is, for whoever reads of a failure."""
        pods = [f"{pod['metadata']['name']} {pod['status'].get('phase')}" for pod in self.pods()]
        shown = {pool["metadata"]["name"]: pool.get("status") for pool in self._pools()}
        return f"pods {pods}; pools {json.dumps(shown)}; the operator's log ends: {self.operator.last_log()}"

    def _pools(self) -> list[Json]:
        return self.reader.items(POOL_PATH.format(namespace=self.namespace, name="").rstrip("/"))

    def clear(self) -> None:
        """Remove what would outlive the namespace, when the operator is gone."""
        for pool in self._pools():
            with suppress(ClusterError):  # it has gone meanwhile
                self.patch_pool({"metadata": {"finalizers": None}}, pool["metadata"]["name"])


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> Json:
    """RFC 7396: mappings are merged, None removes, anything else replaces."""
    result = dict(base)
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            below = result.get(name)
            result[name] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def is_ready(pod: Json) -> bool:
    conditions = pod["status"].get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def is_unfinished(pod: Json) -> bool:
    """Failed pods may stay for their logs."""
    return pod["status"].get("phase") not in {"Succeeded", "Failed"}


def is_ungated(pod: Json) -> bool:
    return not pod["spec"].get("schedulingGates")


def is_told_to_drain(pod: Json) -> bool:
    return "runnerpool.dev/drain" in (pod["metadata"].get("annotations") or {})


def _there(thing: Thing | None, what: str) -> Thing:
    if thing is None:
        raise StageError(f"this stage has no {what}")
    return thing
