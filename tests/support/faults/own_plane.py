"""What breaks a whole control plane, for files of tests that have one of their own: the shared one is everybody's."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from support.cluster.local import LocalCluster
from support.cluster.processes import ProcessIdentity, stop
from support.observer import etcd

API_SERVER = "kube-apiserver"
ETCD = "etcd"


class OwnPlane:
    """A control plane that tests may break, one at a time. Call it from the thread that made it."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster

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
