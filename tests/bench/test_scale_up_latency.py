"""From a job in the queue of an empty pool to its pod: no longer than the poll period and one second."""

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.cluster.backends import ClusterBackend
from support.stage import pools
from support.stage.kube import KubeReader, PodWatch, kube_reader, pod_watch
from support.stage.operator import create_restricted_namespace
from support.stage.operator_process import INSTALLED, OperatorOrder, OperatorProcess
from support.stage.operatorlog import complaints_of
from support.stage.peertube import PeerTube, running_peertube
from support.stage.pools import POOL_PATH, WEB_VIDEO, PoolOrder
from support.stage.waiting import until

pytestmark = [pytest.mark.bench, pytest.mark.timeout(400)]

TRIES = 6
ALLOWANCE_SECONDS = 1.0
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    cluster: ClusterBackend
    namespace: str
    server: PeerTube
    watch: PodWatch
    reader: KubeReader


@pytest.mark.parametrize("period", [5, 2])
def test_a_job_for_an_empty_pool_has_its_pod_within_the_poll_period_and_a_second(
    control_plane: ClusterBackend, operator_kubeconfig: Path, tmp_path: Path, period: int
) -> None:
    with ExitStack() as stack:
        ground = stack.enter_context(_ground(control_plane, tmp_path, f"bench-{period}"))
        operator = stack.enter_context(_operator(operator_kubeconfig, tmp_path, ground.namespace, period))
        _wait_for_pool(ground)
        # The phases of the polling at which jobs come are spread evenly.
        latencies = [_try(ground, period, phase=number / TRIES) for number in range(TRIES)]
    figures = f"min {min(latencies):.2f} s, median {statistics.median(latencies):.2f} s, max {max(latencies):.2f} s"
    print(f"\njob in the queue -> pod ADDED, polling every {period} s, {TRIES} tries: {figures}")
    assert max(latencies) <= period + ALLOWANCE_SECONDS
    assert complaints_of(operator.logs(), [ground.server.password]) == []


@contextmanager
def _ground(cluster: ClusterBackend, directory: Path, namespace: str) -> Iterator[Ground]:
    create_restricted_namespace(cluster, namespace)
    with (
        running_peertube(LOOPBACK, directory) as server,
        pod_watch(cluster, namespace) as watch,
        kube_reader(cluster) as reader,
    ):
        order = PoolOrder(
            server_url=server.url, password=server.password, job_types=(WEB_VIDEO,), max_replicas=1, idle_seconds=0
        )
        pools.apply(cluster, namespace, order)
        yield Ground(cluster=cluster, namespace=namespace, server=server, watch=watch, reader=reader)


@contextmanager
def _operator(kubeconfig: Path, directory: Path, namespace: str, period: int) -> Iterator[OperatorProcess]:
    options = {"poll-period-seconds": period}
    order = OperatorOrder(
        kubeconfig=kubeconfig, directory=directory, namespaces=(namespace,), options=options, program=INSTALLED
    )
    operator = OperatorProcess(order)
    operator.start()
    try:
        yield operator
        assert operator.alive, f"the operator ended: {operator.last_log()}"
    finally:
        assert operator.stop(), "the operator did not stop on SIGTERM"


def _wait_for_pool(ground: Ground) -> None:
    ground.cluster.kubectl(
        "wait", "trp/vod", f"--namespace={ground.namespace}", "--for=condition=Ready", "--timeout=30s"
    )


def _try(ground: Ground, period: int, *, phase: float) -> float:
    """One job's latency in seconds. Its pod is gone again afterwards, and the operator knows it."""
    until(lambda: _empty(ground), "an empty pool", seconds=period + 30)
    time.sleep(phase * period)
    begin = time.monotonic()
    (job,) = ground.server.client.enqueue(WEB_VIDEO)
    added = ground.watch.wait("ADDED", since=begin, seconds=period + 20)
    ground.server.client.cancel(job)
    return added.at - begin


def _empty(ground: Ground) -> bool:
    """No pod, no row, and no job in the queue as the operator has read it: the next pod is for the next job."""
    if ground.watch.pods() or ground.server.client.runners():
        return False
    pool = ground.reader.find(POOL_PATH.format(namespace=ground.namespace, name="vod"))
    assert pool is not None
    status = pool["status"]
    return int(status["queue"]["pending"]) == 0 and int(status["desiredReplicas"]) == 0
