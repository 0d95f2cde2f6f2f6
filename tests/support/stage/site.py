"""One test's own place on a shared cluster: a restricted namespace, a PeerTube server, and views of both."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.peertube.client import JobSteps
from support.cluster.backends import ClusterBackend
from support.observer.observer import Observer
from support.stage import pools
from support.stage.kube import Json, KubeReader, PodWatch, pod_watch
from support.stage.leftovers import leftovers
from support.stage.operator import create_restricted_namespace
from support.stage.peertube import PROCESSING, PeerTube, running_peertube
from support.stage.pools import POOL_PATH, WEB_VIDEO, PoolOrder
from support.stage.waiting import until
from support.tls import PrivateCa

_READY_SECONDS = 60
_START_SECONDS = 60.0
# Encodes that last are to take little of the processor.
_FPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    cluster: ClusterBackend
    reader: KubeReader
    namespace: str
    server: PeerTube
    watch: PodWatch
    directory: Path
    authority: PrivateCa | None = None

    def create_pool(self, **fields: Any) -> PoolOrder:
        """Create a pool for this site's server, and wait until it is Ready; `fields` as in PoolOrder."""
        pem = self.authority.pem if self.authority else None
        order = PoolOrder(server_url=self.server.url, password=self.server.password, ca_bundle=pem, **fields)
        pools.apply(self.cluster, self.namespace, order)
        self.kubectl("wait", f"trp/{order.name}", "--for=condition=Ready", f"--timeout={_READY_SECONDS}s")
        return order

    def enqueue(self, count: int, *, seconds: int) -> list[str]:
        """Put web video jobs of small real files into the queue; their UUIDs."""
        jobs = self.server.client.enqueue(WEB_VIDEO, count=count, file=True, seconds=seconds, resolution=144, fps=_FPS)
        assert len(jobs) == count
        return jobs

    def holders(self) -> dict[str, str]:
        """The pod that holds each job in processing, by the job's UUID."""
        rows = self.server.client.jobs(stateOneOf=PROCESSING)
        return {row["uuid"]: row["runner"]["name"] for row in rows if row["runner"]}

    def await_holders(self, jobs: list[str], *, seconds: float = _START_SECONDS) -> dict[str, str]:
        """Wait until each of the jobs is in the hand of a pod."""

        def all_held() -> dict[str, str] | None:
            found = self.holders()
            return found if set(jobs) <= set(found) else None

        found = until(all_held, f"{len(jobs)} jobs in the hand of pods", seconds=seconds, evidence=self.describe)
        return found or {}

    def steps(self, job: str) -> JobSteps:
        """All that happened to a job."""
        return next(steps for steps in self.server.client.statistics().jobs if steps.uuid == job)

    def await_step(self, job: str, cause: str, *, seconds: float) -> JobSteps:
        """Wait until something has happened to a job."""

        def seen() -> JobSteps | None:
            steps = self.steps(job)
            return steps if steps.count(cause) else None

        found = until(seen, f"'{cause}' of job {job}", seconds=seconds, evidence=self.describe, every=0.5)
        assert found is not None
        return found

    def pool(self, name: str = "vod") -> Json | None:
        return self.reader.find(POOL_PATH.format(namespace=self.namespace, name=name))

    def pod(self, name: str) -> Mapping[str, Any] | None:
        """A pod as it was last heard of, also when it is gone."""
        heard = [event.pod for event in self.watch.events() if event.name == name]
        return heard[-1] if heard else None

    def leftovers(self) -> list[str]:
        return leftovers(self.reader, self.server, self.namespace)

    def await_nothing_left(self, *, seconds: float = 60) -> None:
        until(lambda: not self.leftovers(), "the end of all pods, Secrets and rows", seconds=seconds,
              evidence=self.leftovers)  # fmt: skip

    def kubectl(self, *arguments: str) -> str:
        # First, since what follows `--` is for a program in a pod.
        return self.cluster.kubectl(f"--namespace={self.namespace}", *arguments).stdout

    def describe(self) -> str:
        """What there is, for whoever reads of a failure."""
        counts = [f"{job['type']} {job['state']['label']}" for job in self.server.client.jobs()]
        pods = [f"{pod['metadata']['name']} {pod['status'].get('phase')}" for pod in self.reader.pods(self.namespace)]
        pool = (self.pool() or {}).get("status", {})
        return f"jobs {counts[:20]}; pods {pods}; decision {pool.get('lastDecision')}; {pool.get('conditions')}"


@contextmanager
def site(
    observer: Observer,
    reader: KubeReader,
    directory: Path,
    *,
    version: str = "8.2",
    private_ca: bool = False,
    clock_divisor: float = 1.0,
) -> Iterator[Site]:
    """A place that is gone when the block ends, and under observation as long as there is something to see.

    Args:
        observer: Of the cluster.
        reader: Of its API server.
        directory: For the server's files.
        version: Which PeerTube is simulated.
        private_ca: It serves HTTPS, by a certificate that only the pool's CA bundle vouches for.
        clock_divisor: The server's watchdog runs so much faster; 1 is real time.
    """
    cluster = observer.cluster
    namespace = f"media-{secrets.token_hex(3)}"
    create_restricted_namespace(cluster, namespace)
    authority = PrivateCa(directory / namespace) if private_ca else None
    try:
        with (
            running_peertube(
                cluster.gateway_address,
                directory / namespace,
                version=version,
                authority=authority,
                clock_divisor=clock_divisor,
            ) as server,
            observer.watching(namespace, server),
        ):
            with pod_watch(cluster, namespace) as watch:
                yield Site(
                    cluster=cluster,
                    reader=reader,
                    namespace=namespace,
                    server=server,
                    watch=watch,
                    directory=directory,
                    authority=authority,
                )
                observer.look_around(namespace)  # while its pods are there
            pools.remove_all(cluster, namespace)
    finally:
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def now() -> float:
    """Wall time, which the logs and the server use too."""
    return time.time()
