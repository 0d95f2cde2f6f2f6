"""The demo's cluster, server and pool, and how they come up and go."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from demo.view import View, view_of
from support.cluster import instances
from support.cluster.local import LocalCluster
from support.cluster.progress import step
from support.stage import pools
from support.stage.errors import StageError
from support.stage.images import Images
from support.stage.kube import KubeReader, PodWatch, kube_reader, pod_watch
from support.stage.leftovers import leftovers
from support.stage.operator import Operator, create_restricted_namespace
from support.stage.peertube import PeerTube, Upload, start_peertube
from support.stage.pools import PoolOrder
from support.stage.waiting import until

CLUSTER = "demo"
NAMESPACE = "media"
POOL = "vod"
_GONE_SECONDS = 60.0
_READY_SECONDS = 60


class Scene:
    """Set up step by step; `strike` takes everything down, `leave` only what looks at it."""

    def __init__(self, *, keep: bool) -> None:
        self.cluster = LocalCluster(with_node=True, name=CLUSTER, outlives_starter=keep)
        self.operator: Operator | None = None
        self._keep = keep
        self._server: PeerTube | None = None
        self._watch: PodWatch | None = None
        self._reader: KubeReader | None = None
        self._views = ExitStack()
        self._standing = ExitStack()

    @classmethod
    def down(cls) -> bool:
        """Take down a demo that was left standing; False if there is none."""
        if instances.find(CLUSTER) is None:
            return False
        LocalCluster(name=CLUSTER).down()
        return True

    def refuse_second(self) -> None:
        """A demo that somebody looks at is not taken away from under them.

        Raises:
            StageError: there is one.
        """
        found = instances.find(CLUSTER)
        if found is not None and not found.abandoned:
            raise StageError(
                "a demo stands already; take it down first: PYTHONPATH=tests .venv/bin/python -m demo --down"
            )

    @property
    def directory(self) -> Path:
        return self.cluster.instance.directory

    @property
    def server(self) -> PeerTube:
        assert self._server is not None
        return self._server

    def start_cluster(self) -> None:
        self.cluster.up()
        self._standing.callback(self.cluster.down)

    def install(self, images: Images) -> None:
        """Both images on the node, the operator from the chart."""
        for image in images:
            self.cluster.load(image)
        self.operator = Operator(self.cluster, self.directory / "log")
        with step("installing the operator: helm install runnerpool deploy/chart"):
            self.operator.install(images.operator.reference, images.runner.reference)
        self._views.callback(self.operator.stop_following)

    def open_server(self) -> None:
        with step("starting a simulated PeerTube 8.2"):
            directory = self.directory / "peertube"
            self._server = start_peertube(self.cluster.gateway_address, directory, outlives_starter=self._keep)
            # Known to the cluster, it goes with it.
            self.cluster.instance.started(self._server.process)
        self._views.callback(self._server.client.close)

    def create_pool(self) -> None:
        with step(f"creating Secret and pool in namespace {NAMESPACE}, which enforces restricted pods"):
            create_restricted_namespace(self.cluster, NAMESPACE)
            order = PoolOrder(name=POOL, server_url=self.server.url, password=self.server.password)
            pools.apply(self.cluster, NAMESPACE, order)
            self.cluster.kubectl(
                "wait",
                f"trp/{POOL}",
                f"--namespace={NAMESPACE}",
                "--for=condition=Ready",
                f"--timeout={_READY_SECONDS}s",
            )
        self._reader = self._views.enter_context(kube_reader(self.cluster))
        self._watch = self._views.enter_context(pod_watch(self.cluster, NAMESPACE))

    def look(self, uploads: Sequence[Upload]) -> View:
        """The scene now."""
        assert self._watch is not None
        names = {upload.uuid: upload.spec.name for upload in uploads}
        jobs, pods = self.server.client.jobs(), self._watch.pods()
        holders = {job["runner"]["name"] for job in jobs if job.get("runner") and job["state"]["id"] == _PROCESSING}
        return view_of(jobs, pods, names, self._percents(holders))

    def _percents(self, pods: set[str]) -> dict[str, float | None]:
        assert self._reader is not None
        reports = [self._reader.agent_status(NAMESPACE, pod) for pod in sorted(pods)]
        return {job["uuid"]: job["progress"] for report in reports if report for job in report["jobs"]}

    def await_nothing_left(self) -> None:
        """No runner pod, no Secret of one, no row of one.

        Raises:
            StageError: something is left after a minute.
        """
        assert self._reader is not None
        reader = self._reader
        until(
            lambda: not leftovers(reader, self.server, NAMESPACE),
            "the end of all runner pods, their Secrets and rows",
            seconds=_GONE_SECONDS,
            evidence=lambda: leftovers(reader, self.server, NAMESPACE),
        )

    def leave(self) -> None:
        """Stop looking; what stands goes on standing."""
        self._views.close()

    def strike(self) -> None:
        """Take everything down."""
        self._views.close()
        self._standing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def shell_path(self) -> str:
        """What to put before PATH to find kubectl and helm."""
        return self.cluster.environment()["PATH"].removesuffix(":" + os.environ.get("PATH", ""))


_PROCESSING = 2
