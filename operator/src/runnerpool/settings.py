"""What the operator as a process is told on its command line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One operator process.

    Attributes:
        runner_image: Image of runner pods whose pool names none.
        namespaces: Namespaces to watch; empty means all of the cluster.
        cluster_id: What our ownership marks carry; None means the UID of the namespace kube-system.
        kubeconfig: File with the way to the API server; None means the pod's own ServiceAccount.
        poll_period_seconds: Between two looks at a server's queue, at least; it is longer on a slow server.
        metrics_port: Where `/metrics` is served.
        health_port: Where `/healthz` and `/readyz` are served.
        leader_election: Act only while holding a Lease, as several replicas must.
        lease_name: The Lease; the same for all replicas.
        lease_namespace: Where it lives; None means the pod's own namespace.
        lease_identity: Whom it names as its holder: no other process at the same time. None makes one up.
    """

    runner_image: str
    namespaces: tuple[str, ...] = ()
    cluster_id: str | None = None
    kubeconfig: str | None = None
    poll_period_seconds: float = 5.0
    metrics_port: int = 8080
    health_port: int = 8081
    leader_election: bool = False
    lease_name: str = "runnerpool"
    lease_namespace: str | None = None
    lease_identity: str | None = None
