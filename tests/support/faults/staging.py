"""How a fault test's stage is set and cleared."""

import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from peers.peertube.profile import PEERTUBE_8_2, ServerProfile
from support.background import Background
from support.cluster import kubeconfig
from support.cluster.errors import ClusterError
from support.cluster.local import LocalCluster
from support.cluster.writes import KubeWriter, namespace_manifest
from support.faults.api_proxy import ApiProxy
from support.faults.api_request import Recorded
from support.faults.pod_player import PodPlayer
from support.faults.rights import NamespacedRights
from support.faults.server import PeerTubeHere, peertube_here
from support.faults.stage import Cast, FaultStage
from support.observer.observer import Observer, observe
from support.observer.records import ApiCall
from support.soak.switch import SOAKING
from support.stage.operator_process import OperatorOrder, OperatorProcess

CLOCK_DIVISOR = 1.0 if SOAKING else 10.0

StageMaker = Callable[..., FaultStage]
"""Makes a stage, given fields of `StageOrder`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOrder:
    """What a test needs other than the usual.

    Attributes:
        restricted: the namespace refuses pods that break the restricted Pod Security standard.
        everywhere: the operator has the rights of a release that watches all namespaces, which a namespace does not
            take along when it goes; it works in this one alone all the same.
        apart: the operator lives in a namespace of its own, with the rights of a release that watches this one alone.
        proxied: the operator reaches the API server through the proxy.
        observed: an observer judges the invariants; without one there can be more pods than it could keep in mind.
        played: a player gives pods a life; else the test does.
        cluster: another control plane than the shared one; it needs our CRD, and nodes for a player.
        namespace: its name, where two clusters are to have the same; None makes one up.
        server: another stage's server, to share it; None starts one.
        profile: which PeerTube is started.
        clock_divisor: its watchdog and heartbeats run so much faster.
        operator: more options of `runnerpool run`, without dashes.
        program: the operator's command; none: a fork (`OperatorOrder`).
    """

    restricted: bool = False
    everywhere: bool = False
    apart: bool = False
    proxied: bool = True
    observed: bool = True
    played: bool = True
    cluster: LocalCluster | None = None
    namespace: str | None = None
    server: PeerTubeHere | None = None
    profile: ServerProfile = PEERTUBE_8_2
    clock_divisor: float = CLOCK_DIVISOR
    operator: Mapping[str, object] = field(default_factory=dict)
    program: tuple[str, ...] = ()


@contextmanager
def fault_stage(shared: LocalCluster, directory: Path, order: StageOrder) -> Iterator[FaultStage]:
    """A stage on which the operator runs; all of it is gone when the block ends.

    Raises:
        InvariantBroken: the observer has seen what must not happen.
    """
    cluster, namespace = order.cluster or shared, order.namespace or f"fault-{secrets.token_hex(3)}"
    place = directory / cluster.name / namespace
    place.mkdir(parents=True)
    with ExitStack() as stack:
        background = stack.enter_context(Background())
        server = order.server or stack.enter_context(
            peertube_here(background, place / "peertube", clock_divisor=order.clock_divisor, profile=order.profile)
        )
        http = stack.enter_context(cluster.control_plane.http())
        writer = KubeWriter(http, namespace)
        rights = stack.enter_context(_namespace_with_rights(cluster, namespace, writer, order))
        api = proxy_before(background, cluster, place) if order.proxied else None
        observer = stack.enter_context(_observed(cluster, rights, server, api)) if order.observed else None
        operator = OperatorProcess(
            OperatorOrder(
                kubeconfig=way_in(rights, api, place),
                directory=place,
                namespaces=(namespace,),
                options=order.operator,
                program=order.program,
            )
        )
        player = _player(background, cluster, namespace) if order.played else None
        cast = Cast(
            http=http, server=server, rights=rights, operator=operator, observer=observer, api=api, player=player
        )
        made = FaultStage(cluster, namespace, place, cast)
        stack.callback(made.clear)
        stack.callback(operator.stop)
        operator.start()
        yield made
        if observer is not None:
            observer.keep(namespace, operator.texts())


@contextmanager
def _namespace_with_rights(
    cluster: LocalCluster, namespace: str, writer: KubeWriter, order: StageOrder
) -> Iterator[NamespacedRights]:
    place = namespace_manifest(namespace, restricted=order.restricted)
    writer.apply(place)
    rights = NamespacedRights(cluster, namespace, writer, everywhere=order.everywhere, apart=order.apart)
    try:
        rights.give()
        yield rights
    finally:
        rights.remove()
        # It may be going already.
        with suppress(ClusterError):
            writer.delete(place)


def proxy_before(background: Background, cluster: LocalCluster, directory: Path) -> ApiProxy:
    """A proxy of its own before the control plane."""
    plane = cluster.control_plane
    # No client certificate: it would count before the operator's own credentials.
    context = ssl.create_default_context(cafile=str(plane.pki.ca_certificate))
    return ApiProxy(background, upstream=plane.url, context=context, directory=directory)


def way_in(rights: NamespacedRights, api: ApiProxy | None, directory: Path) -> Path:
    """A kubeconfig with the operator's rights, through the proxy if there is one."""
    direct = rights.kubeconfig()
    if api is None:
        return direct
    return kubeconfig.through(api.url, api.authority, direct, directory / "proxied.kubeconfig")


def _player(background: Background, cluster: LocalCluster, namespace: str) -> PodPlayer:
    plane = cluster.control_plane
    return PodPlayer(background, url=plane.url, context=plane.pki.client_context(), namespace=namespace)


@contextmanager
def _observed(
    cluster: LocalCluster, rights: NamespacedRights, server: PeerTubeHere, api: ApiProxy | None
) -> Iterator[Observer]:
    namespaces, user = [rights.namespace], rights.user
    answered = None if api is None else (lambda: [_call(record, user) for record in api.answered_itself()])
    with observe(cluster, namespaces, peertube=server, operator_user=user, api_calls=answered) as observer:
        yield observer


def _call(record: Recorded, user: str) -> ApiCall:
    asked = record.asked
    return ApiCall(
        at=record.at,
        user=user,
        verb=asked.verb,
        resource=asked.target,
        namespace=asked.namespace,
        name=asked.name,
        code=record.status or 0,
    )
