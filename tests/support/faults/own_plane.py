"""A control plane of its own for a file of tests, and what breaks it: the shared one is everybody's."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from support.cluster.local import LocalCluster
from support.cluster.processes import ProcessIdentity, stop
from support.observer import etcd
from support.packaging.paths import CRD
from support.stage import pools

API_SERVER = "kube-apiserver"
ETCD = "etcd"


class OwnPlane:
    """A control plane that tests may break, one at a time. Call it from the thread that made it."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster

    @property
    def api_server_runs(self) -> bool:
        return self._process(API_SERVER).alive

    def kill_api_server(self) -> None:
        """With SIGKILL, from any thread; `without_api_server` clears it away and starts it again."""
        os.kill(self._process(API_SERVER).pid, signal.SIGKILL)

    @contextmanager
    def without_api_server(self) -> Iterator[None]:
        """The API server is killed if it was not before; after the block it is started again and ready."""
        process = self._process(API_SERVER)
        self.kill_api_server()
        stop(process, grace_seconds=10)
        try:
            yield
        finally:
            self.cluster.control_plane.start_api_server()

    @contextmanager
    def frozen(self, name: str = API_SERVER) -> Iterator[None]:
        """A process takes connections, and does nothing with them, while the block runs."""
        process = self._process(name)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process.pid, signal.SIGCONT)

    def compact(self) -> int:
        """Forget all history in etcd; the revision from which on it is known.

        The API server's own memory of it goes only with its process: call this in `without_api_server`.
        """
        with etcd.client(self.cluster.etcd_port) as http:
            revision = etcd.revision(http)
            http.post("/v3/kv/compaction", json={"revision": revision, "physical": True}).raise_for_status()
        return revision

    def _process(self, name: str) -> ProcessIdentity:
        """The one that runs now, of all that were started under this name."""
        return [process for process in self.cluster.instance.processes if process.name == name][-1]


@contextmanager
def own_cluster(kwok_nodes: int = 1) -> Iterator[LocalCluster]:
    """A control plane with KWOK nodes and our CRD for as long as the block runs."""
    cluster = LocalCluster(kwok_nodes=kwok_nodes)
    cluster.up()
    try:
        install_resource(cluster)
        yield cluster
    finally:
        cluster.down()


def install_resource(cluster: LocalCluster, text: str | None = None) -> None:
    """Our CRD, or another text of it; returns when it is served."""
    cluster.kubectl("apply", "--server-side", "--filename=-", stdin=text or CRD.read_text())
    pools.await_served(cluster, seconds=30)
