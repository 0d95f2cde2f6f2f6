"""One fault test's own place on the shared control plane: all between a pool and its server, and what breaks it."""

import json
import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from peers.peertube.profile import PEERTUBE_8_2, ServerProfile
from support.cluster import kubeconfig
from support.cluster.local import LocalCluster
from support.faults.api_proxy import ApiProxy
from support.faults.background import Background
from support.faults.pod_player import PodPlayer
from support.faults.rights import NamespacedRights
from support.faults.server import PeerTubeHere, peertube_here
from support.stage import pools
from support.stage.errors import StageError
from support.stage.kube import Json, KubeReader
from support.stage.leftovers import leftovers
from support.stage.operator import create_restricted_namespace
from support.stage.operator_process import OperatorOrder, OperatorProcess
from support.stage.pools import POOL_KIND, POOL_PATH, WEB_VIDEO, PoolOrder
from support.stage.waiting import until

Thing = TypeVar("Thing")

CLOCK_DIVISOR = 10.0
_TELL_SECONDS = 10.0
_EVENTS = "/api/v1/namespaces/{namespace}/events"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOrder:
    """What a test needs other than the usual.

    Attributes:
        restricted: the namespace refuses pods that break the restricted Pod Security standard.
        proxied: the operator reaches the API server through the proxy.
        played: a player gives pods a life; else the test does.
        profile: which PeerTube.
        clock_divisor: the server's watchdog and heartbeats run so much faster.
        operator: more options of `runnerpool run`, without dashes.
    """

    restricted: bool = False
    proxied: bool = True
    played: bool = True
    profile: ServerProfile = PEERTUBE_8_2
    clock_divisor: float = CLOCK_DIVISOR
    operator: Mapping[str, object] = field(default_factory=dict)


class FaultStage:
    """A namespace, a server, an operator of this namespace alone under the chart's rights, a proxy, a pod player.

    Attributes:
        cluster: the shared control plane; its administrator is the test.
        server: the simulated PeerTube.
        rights: the operator's, to be taken away and given back.
        operator: its process, to be killed, frozen and started again; runs when the test begins.
    """

    def __init__(self, cluster: LocalCluster, namespace: str, directory: Path, server: PeerTubeHere) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.directory = directory
        self.server = server
        self.rights = NamespacedRights(cluster, namespace)
        plane = cluster.control_plane
        self.http = httpx.Client(verify=plane.pki.client_context(), base_url=plane.url, timeout=20, trust_env=False)
        self.reader = KubeReader(self.http)
        self._operator: OperatorProcess | None = None
        self._api: ApiProxy | None = None
        self._player: PodPlayer | None = None
        self._canaries = [server.password]

    @property
    def operator(self) -> OperatorProcess:
        return _there(self._operator, "an operator")

    @property
    def api(self) -> ApiProxy:
        """The proxy before the API server. Raises StageError if the stage was ordered without."""
        return _there(self._api, "a proxy; order the stage with `proxied=True`")

    @property
    def player(self) -> PodPlayer:
        """Who plays the pods. Raises StageError if the stage was ordered without."""
        return _there(self._player, "a player; order the stage with `played=True`")

    def pool(self, name: str = "vod", **spec: Any) -> str:
        """Create the pool and its Secret; its name. `spec` is merged into the usual one (`PoolOrder` of one job type).

        A value that is a mapping is merged, any other replaces: `pool(scaling={"maxReplicas": 5}, mode="Hold")`.
        """
        order = PoolOrder(
            name=name, server_url=self.server.url, password=self.server.password, job_types=(WEB_VIDEO,), idle_seconds=1
        )
        manifest = pools.pool_manifest(order, self.namespace)
        manifest["spec"] = merged(manifest["spec"], spec)
        self.apply(pools.secret_manifest(order, self.namespace))
        self.apply(manifest)
        return name

    def change_pool(self, name: str = "vod", **spec: Any) -> None:
        """Merge-patch a pool's spec."""
        self.patch_pool({"spec": spec}, name)

    def patch_pool(self, patch: Json, name: str = "vod") -> None:
        """Merge-patch a pool as its user."""
        text = json.dumps(patch)
        self.kubectl("patch", POOL_KIND, name, "--type=merge", f"--patch={text}")

    def apply(self, manifest: Json) -> None:
        """kubectl apply. Raises ClusterError with the API server's message if it refuses."""
        self.kubectl("apply", "--filename=-", stdin=json.dumps(manifest))

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
        self._canaries.append(value)

    @property
    def canaries(self) -> list[str]:
        return list(self._canaries)

    def describe(self) -> str:
        """What there is, for whoever reads of a failure."""
        pods = [f"{pod['metadata']['name']} {pod['status'].get('phase')}" for pod in self.pods()]
        shown = {pool["metadata"]["name"]: pool.get("status") for pool in self._pools()}
        log = self._operator.last_log() if self._operator is not None and self._operator.runs else ""
        return f"pods {pods}; pools {json.dumps(shown)}; the operator's log ends: {log}"

    def _pools(self) -> list[Json]:
        return self.reader.items(POOL_PATH.format(namespace=self.namespace, name="").rstrip("/"))

    def equip(self, background: Background, order: StageOrder) -> None:
        """Give it proxy, player and operator; once."""
        plane = self.cluster.control_plane
        way_in = self.rights.kubeconfig()
        if order.proxied:
            # No client certificate: it would count before the operator's own credentials.
            context = ssl.create_default_context(cafile=str(plane.pki.ca_certificate))
            self._api = ApiProxy(background, upstream=plane.url, context=context, directory=self.directory)
            way_in = kubeconfig.through(
                self._api.url, self._api.authority, way_in, self.directory / "proxied.kubeconfig"
            )
        if order.played:
            self._player = PodPlayer(
                background, url=plane.url, context=plane.pki.client_context(), namespace=self.namespace
            )
        self._operator = OperatorProcess(
            OperatorOrder(
                kubeconfig=way_in,
                directory=self.directory,
                namespaces=(self.namespace,),
                options=order.operator,
            )
        )

    def clear(self) -> None:
        """Remove what would outlive the namespace, when the operator is gone."""
        patch = '{"metadata": {"finalizers": null}}'
        for pool in self._pools():
            self.kubectl("patch", POOL_KIND, pool["metadata"]["name"], "--type=merge", f"--patch={patch}", check=False)
        self.rights.remove()
        self.cluster.kubectl("delete", "namespace", self.namespace, "--wait=false", check=False)
        self.http.close()


@contextmanager
def fault_stage(cluster: LocalCluster, directory: Path, order: StageOrder) -> Iterator[FaultStage]:
    """A stage on which the operator runs; all of it is gone when the block ends."""
    namespace = f"fault-{secrets.token_hex(3)}"
    place = directory / namespace
    place.mkdir(parents=True)
    with ExitStack() as stack:
        background = stack.enter_context(Background())
        divisor, profile = order.clock_divisor, order.profile
        server = stack.enter_context(
            peertube_here(background, place / "peertube", clock_divisor=divisor, profile=profile)
        )
        _make_namespace(cluster, namespace, restricted=order.restricted)
        made = FaultStage(cluster, namespace, place, server)
        stack.callback(made.clear)
        made.rights.give()
        made.equip(background, order)
        stack.callback(made.operator.stop)
        made.operator.start()
        yield made


StageMaker = Callable[..., FaultStage]
"""Makes a stage, given fields of `StageOrder`."""


def _make_namespace(cluster: LocalCluster, namespace: str, *, restricted: bool) -> None:
    if restricted:
        create_restricted_namespace(cluster, namespace)
    else:
        cluster.kubectl("create", "namespace", namespace)


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


def is_ungated(pod: Json) -> bool:
    return not pod["spec"].get("schedulingGates")


def is_told_to_drain(pod: Json) -> bool:
    return "runnerpool.dev/drain" in (pod["metadata"].get("annotations") or {})


def _there(thing: Thing | None, what: str) -> Thing:
    if thing is None:
        raise StageError(f"this stage has no {what}")
    return thing
